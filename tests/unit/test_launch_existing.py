"""`--config FILE`: somebody else's LiteLLM YAML, checked for its shape, its keys lifted out of the clear."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from src.config.document import plan_document
from src.config.environment import Environment, parse_dotenv
from src.config.plan import LaunchPlan, Sources
from src.config.rendering import render_config
from src.errors import ConfigurationError
from src.launch.document import Generation, launch_document, private_config
from src.hooks.planview import read_plan
from src.launch.existing import load_existing

from .declaring import canary, declared, missing_file, refused, run, two

MASTER = "a-master-key-0123456789"
GOOD = """
model_list:
- model_name: fast
  litellm_params: {model: openai/gpt-5, api_base: "http://h/v1", api_key: os.environ/MY_KEY, reasoning_effort: low}
- model_name: pictures
  litellm_params: {model: openai/x}
  model_info: {id: pics, mode: image_generation}
"""


def load(folder: Path, text: str | bytes, env: dict[str, str] | None = None, dotenv: bytes = b"",
         flags: dict[str, str] | None = None) -> tuple[LaunchPlan, Generation]:
    path = folder / "config.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    environ = {"LITELLM_MASTER_KEY": MASTER, "MY_KEY": "upstream-key"} if env is None else env
    return load_existing(path, Sources(Environment(environ, parse_dotenv(dotenv), missing_file), flags=flags or {}))


def test_the_models_of_the_file_are_served(tmp_path: Path) -> None:
    plan, generation = load(tmp_path, GOOD)
    plan.checked(launch=True)
    told = [(model["key"], model["alias"], model["mode"], model["base"], model["key_env"], model["reasoning_effort"])
            for model in generation.plan["models"]]
    assert told == [("fast_1", "fast", "chat", "http://h/v1", "MY_KEY", "low"),
                    ("pics", "pictures", "image", None, None, None)]
    assert [entry["model_info"]["id"] for entry in generation.config["model_list"]] == ["fast_1", "pics"]
    assert generation.plan["secret_names"] == ["LITELLM_MASTER_KEY", "MY_KEY"]
    assert len(generation.hash) == 12


def test_the_private_copy_keeps_the_files_own_callbacks_and_adds_ours(tmp_path: Path) -> None:
    for stated, kept in (("prometheus", ["prometheus"]), ("[a.b, otel]", ["a.b", "otel"]), ("null", [])):
        _, generation = load(tmp_path, GOOD + f"litellm_settings: {{callbacks: {stated}, drop_params: false}}\n")
        private = yaml.safe_load(private_config(generation, "src", ("extra",)))
        assert private["litellm_settings"]["callbacks"] == ["src.hooks.callback.instance", *kept, "extra"]
        assert private["litellm_settings"]["drop_params"] is False, "the file decides"
        assert private["general_settings"]["custom_auth"] == "src.hooks.auth.check"
        assert private["general_settings"]["master_key"] == "os.environ/LITELLM_MASTER_KEY"


@pytest.mark.parametrize(("text", "what", "where"), [
    ("", "the file holds no mapping with a model_list", "config.yaml"),
    ("- a\n", "the file holds no mapping with a model_list", "config.yaml"),
    ("text", "the file holds no mapping with a model_list", "config.yaml"),
    ("a: [\n", "this is not YAML", "config.yaml line 2, column 1"),
    ("a: 1\nb: !!python/object:os.x 1\n", "this is not YAML", "config.yaml line 2, column 4"),
    ("a: 1\n---\nb: 2\n", "this is not YAML", "config.yaml line 2"),
    ("a: \x00\n", "this is not YAML: unacceptable character", "config.yaml"),
    ("a: 2025-02-30\n", "this is not YAML: day is out of range", "config.yaml"),
    ("a: " + "9" * 5000 + "\n", "this is not YAML: Exceeds the limit", "config.yaml"),
    ("[" * 100_000, "the file nests deeper than 50 levels", "config.yaml"),
    ("a: " + "{b: " * 60 + "}" * 60, "the file nests deeper than 50 levels", "config.yaml"),
    (b"a: \xff\n", "the file is not UTF-8 text", "config.yaml"),
    ("a: 1\n", "model_list is missing or empty", "config.yaml"),
    ("model_list: []\n", "model_list is missing or empty", "config.yaml"),
    ("model_list: {a: 1}\n", "model_list is missing or empty", "config.yaml"),
    ("model_list: [1]\n", "model_list entry 1 has no model_name", "config.yaml"),
    ("model_list: [{model_name: 1}]\n", "model_list entry 1 has no model_name", "config.yaml"),
    ("model_list: [{model_name: ''}]\n", "model_list entry 1 has no model_name", "config.yaml"),
    ("model_list: [{model_name: a}]\n", "model_list entry 1 (a) has no litellm_params.model", "config.yaml"),
    ("model_list: [{model_name: a, litellm_params: {model: 5}}]\n", "(a) has no litellm_params.model", "config.yaml"),
    ("model_list: [{model_name: a, litellm_params: {model: ''}}]\n", "(a) has no litellm_params.model", "config.yaml"),
    ("model_list: [{model_name: a, litellm_params: {model: b}, model_info: 5}]\n", "model_info is no mapping", "yaml"),
    (GOOD + "router_settings: [1]\n", "router_settings is no mapping", "config.yaml"),
    (GOOD + "environment_variables: [1]\n", "environment_variables is no mapping", "config.yaml"),
    (GOOD + "general_settings: {custom_auth: a.b}\n", "custom_auth: the gateway has its own", "config.yaml"),
    (GOOD + "include: [other.yaml]\n", "include: the gateway reads one file", "config.yaml"),
])
def test_a_file_of_another_shape_is_refused(text: str | bytes, what: str, where: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as error:
        load(tmp_path, text)
    problem = error.value.problems[0]
    assert what in problem.what and where in problem.where and problem.repair


def test_every_problem_of_the_shape_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as error:
        load(tmp_path, "model_list: [1, {model_name: a}]\nrouter_settings: 5\ngeneral_settings: {custom_auth: x}\n")
    assert len(error.value.problems) == 4


def test_a_circle_of_anchors_is_read_once(tmp_path: Path) -> None:
    plan, _ = load(tmp_path, GOOD + "litellm_settings: &a {cache: *a, key: os.environ/UNSET}\n")
    assert [problem.what for problem in plan.launch_problems] == ["UNSET is not set"]


def test_references_that_nobody_set_are_refused_by_name(tmp_path: Path) -> None:
    plan, _ = load(tmp_path, GOOD + "router_settings: {redis_password: os.environ/REDIS}\n",
                   {"LITELLM_MASTER_KEY": MASTER, "MY_KEY": " "})
    assert [(problem.what, problem.where) for problem in plan.launch_problems] == [
        ("MY_KEY is not set", "os.environ/MY_KEY in model_list[0].litellm_params.api_key"),
        ("REDIS is not set", "os.environ/REDIS in router_settings.redis_password")]
    assert plan.launch_problems[0].repair == "MY_KEY=... in .env"


@pytest.mark.parametrize(("general", "env", "what"), [
    ("", {}, "LITELLM_MASTER_KEY is not set"),
    ("general_settings: {master_key: short}", {}, "LITELLM_MASTER_KEY is"),
    ("general_settings: {master_key: ''}", {}, "LITELLM_MASTER_KEY is empty"),
    ("general_settings: {master_key: os.environ/OURS}", {}, "LITELLM_MASTER_KEY is not set"),
    ("general_settings: {master_key: os.environ/OURS}", {"OURS_FILE": "gone"}, "the file of OURS cannot be read"),
    ("general_settings: {master_key: 5}", {}, "LITELLM_MASTER_KEY is not set"),
])
def test_a_master_key_is_demanded_wherever_the_file_wants_it_from(general: str, env: dict[str, str], what: str,
                                                                  tmp_path: Path) -> None:
    plan, _ = load(tmp_path, GOOD + general, {"MY_KEY": "k", **env})
    assert what in plan.launch_problems[0].what and len(plan.launch_problems) == 1


@pytest.mark.parametrize("general", ["", "master_key: os.environ/OURS", f"master_key: {MASTER}"])
def test_the_master_key_reaches_the_workers_under_its_usual_name(general: str, tmp_path: Path) -> None:
    env = {"MY_KEY": "k", "OURS": MASTER} | ({} if general else {"LITELLM_MASTER_KEY": MASTER})
    plan, generation = load(tmp_path, GOOD + f"general_settings: {{{general}}}\n", env)
    plan.checked(launch=True)
    assert generation.env["LITELLM_MASTER_KEY"] == MASTER
    assert MASTER not in private_config(generation, "src")


def test_the_word_for_a_keyless_upstream_is_no_key(tmp_path: Path) -> None:
    """Else it would be scrubbed from every log line, and the startup log would name a variable that nobody set."""
    plan, generation = load(tmp_path, render_config(declared({
        "PROXY_MODEL_KEYS": "one", "MODEL_ONE_UPSTREAM_MODEL": "qwen3", "MODEL_ONE_API_KEY_ENV": "none"})))
    assert plan.models[0].key_env is None
    assert generation.config["model_list"][0]["litellm_params"]["api_key"] == "keyless"
    assert generation.plan["secret_names"] == ["LITELLM_MASTER_KEY"]


def test_keys_in_clear_are_lifted_out_of_the_workers_file(tmp_path: Path) -> None:
    key, token = canary(), canary()
    params = f"{{model: openai/a, api_key: {key}, aws_session_token: {token}}}"
    text = f"model_list:\n- model_name: a\n  litellm_params: {params}\n"
    plan, generation = load(tmp_path, text)
    plan.checked(launch=True)
    document = launch_document(generation, "src", ())
    assert key not in json.dumps({**document, "env": {}}) and token not in json.dumps({**document, "env": {}})
    lifted = {name: value for name, value in document["env"].items() if value in (key, token)}
    assert len(lifted) == 2 and set(lifted) <= set(document["plan"]["secret_names"])
    told = yaml.safe_load(document["yaml"])["model_list"][0]["litellm_params"]
    assert document["env"][told["api_key"].removeprefix("os.environ/")] == key


def test_the_files_environment_variables_reach_the_workers_and_satisfy_references(tmp_path: Path) -> None:
    key = canary()
    block = f"environment_variables: {{MY_KEY: {key}, FLAG: 1, COPY: os.environ/HOME_MADE, GONE: os.environ/NOBODY}}\n"
    plan, generation = load(tmp_path, GOOD + block, {"LITELLM_MASTER_KEY": MASTER, "HOME_MADE": "x"})
    plan.checked(launch=True)
    assert {name: generation.env.get(name) for name in ("MY_KEY", "FLAG", "COPY", "GONE")} == {
        "MY_KEY": key, "FLAG": "1", "COPY": "x", "GONE": None}
    assert key not in private_config(generation, "src")
    assert "FLAG" not in generation.plan["secret_names"], "or every 1 would be masked"


def test_keys_from_dotenv_reach_the_workers(tmp_path: Path) -> None:
    plan, generation = load(tmp_path, GOOD, {"LITELLM_MASTER_KEY": MASTER}, b"MY_KEY=from-dotenv\nPORT=1\n")
    plan.checked(launch=True)
    assert generation.env["MY_KEY"] == "from-dotenv" and "PORT" not in generation.env
    assert plan.settings.whole("PORT") == 1


@pytest.mark.parametrize(("env", "flags", "what", "where"), [
    ({"PORT": "x"}, {}, "PORT 'x'", "environment"), ({}, {"PORT": "y"}, "--port 'y'", "flag --port"),
])
def test_settings_are_checked_as_ever(env: dict[str, str], flags: dict[str, str], what: str, where: str,
                                      tmp_path: Path) -> None:
    plan, _ = load(tmp_path, GOOD, {"LITELLM_MASTER_KEY": MASTER, "MY_KEY": "k", **env}, flags=flags)
    problem, = plan.problems
    assert problem.what.startswith(what) and problem.where == where


def test_half_a_tls_pair_is_refused_here_too(tmp_path: Path) -> None:
    plan, _ = load(tmp_path, GOOD, flags={"GATEWAY_SSL_CERTFILE": "x.pem"})
    assert "GATEWAY_SSL_KEYFILE" in plan.launch_problems[0].what


def written(folder: Path, **changes: Any) -> tuple[str, dict[str, Any]]:
    """Write plan.json beside the file for one of our own YAML texts; return the text and the plan."""
    plan = declared(two(MODEL_GPT5_RPM="7", **changes)).checked()
    text = render_config(plan)
    document = {**plan_document(plan), "hash": text.splitlines()[0].rpartition(" ")[2]}
    (folder / "plan.json").write_text(json.dumps(document))
    return text, document


def test_a_plan_beside_the_file_is_used_where_it_belongs_to_it(tmp_path: Path) -> None:
    text, document = written(tmp_path)
    env = {"LITELLM_MASTER_KEY": MASTER, "OPENAI_API_KEY": "k"}
    _, generation = load(tmp_path, text, env)
    assert generation.plan == document and generation.plan["models"][0]["rpm"] == 7
    assert not read_plan(json.dumps(generation.plan)).foreign
    _, changed = load(tmp_path, text.replace("stream_timeout: 60", "stream_timeout: 61"), env)
    assert changed.plan["models"][0]["rpm"] is None and changed.hash != document["hash"]
    assert read_plan(json.dumps(changed.plan)).foreign, "what its author added may need all of LiteLLM"


@pytest.mark.parametrize("beside", ["", "[]", "{", '{"hash": 5}'])
def test_a_plan_that_is_none_is_left_alone(beside: str, tmp_path: Path) -> None:
    (tmp_path / "plan.json").write_text(beside)
    assert [model["alias"] for model in load(tmp_path, GOOD)[1].plan["models"]] == ["fast", "pictures"]


def test_a_missing_file_and_a_folder_are_refused_by_the_command(tmp_path: Path) -> None:
    refused(run("--config", "gone.yaml", cwd=tmp_path), "the file cannot be read: No such file", "gone.yaml")
    refused(run("--config", ".", cwd=tmp_path), "the file cannot be read: Is a directory", "repair: ")


def test_a_files_fallbacks_are_followed(tmp_path: Path) -> None:
    entries = "".join(f"- {{model_name: {name}, litellm_params: {{model: openai/{name}}}}}\n" for name in "abc")
    path = tmp_path / "config.yaml"
    path.write_text(f"model_list:\n{entries}router_settings:\n  fallbacks: [{{a: [b, unknown]}}]\n"
                    "litellm_settings:\n  fallbacks: [{a: [c]}]\n  default_fallbacks: [c]\n")
    plan, generation = load_existing(path, Sources(Environment({"LITELLM_MASTER_KEY": canary()})))
    later = {model.alias: [plan.by_key(key).alias for key in model.spec.fallbacks] for model in plan.models}
    assert later == {"a": ["b"], "b": ["c"], "c": []}
    assert [len(model["fallbacks"]) for model in generation.plan["models"]] == [1, 1, 0]
