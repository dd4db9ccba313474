"""`diff` compares meanings: what differs is found whatever it was read from, what does not is silent, secrets stay."""

import json
import random
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from src.config.document import plan_document
from src.config.environment import Environment
from src.config.models import ModelSpec
from src.config.plan import LaunchPlan
from src.config.rendering import config_document, content_hash, dump, render_config
from src.explain.configuration import of_plan, of_yaml
from src.explain.declared import of_declared
from src.explain.differences import differences, not_compared
from src.explain.hiding import Hidden, hidden, shown

from .declaring import Ran, canary, declared, refused, run_here, two
from .test_control_client import Fake
from .test_properties import as_variables, fleets, with_defaults

BASE = two(PROXY_CHAIN_KEYS="smart", CHAIN_SMART_MODELS="gpt5,deepseek", MODEL_GPT5_TIMEOUT="30", MODEL_GPT5_RPM="10",
           MODEL_GPT5_HEADERS="X-Title=one", MODEL_DEEPSEEK_ALLOW_PARAMS="seed,logit_bias",
           MODEL_DEEPSEEK_FALLBACKS="gpt5", OPENAI_API_KEY=canary())


def written(path: Path, plan: LaunchPlan, with_plan: bool = False) -> str:
    """Write a rendered YAML, and its plan.json where asked for; return the file's name."""
    path.parent.mkdir(exist_ok=True)
    path.write_text(render_config(plan), encoding="utf-8")
    if with_plan:
        document = plan_document(plan)
        digest = content_hash(dump(config_document(plan)), document)
        path.with_name("plan.json").write_text(json.dumps({**document, "hash": digest}), encoding="utf-8")
    return str(path)


def dotenv(path: Path, values: dict[str, str]) -> str:
    path.write_text("".join(f"{name}='{value}'\n" for name, value in values.items()), encoding="utf-8")
    return path.name


class Line:
    def __init__(self, home: Path, capfd: pytest.CaptureFixture[str]) -> None:
        self.home, self._capfd = home, capfd

    def __call__(self, *arguments: str, env: dict[str, str] | None = None) -> Ran:
        values = {"GATEWAY_DATABASE_URL": "off", **(env or {})}
        return run_here(*arguments, env=values, cwd=self.home, capfd=self._capfd)


@pytest.fixture
def line(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Line:
    return Line(tmp_path, capfd)


def sides(kind: str, folder: Path, env: dict[str, str]) -> str:
    """Return the argument that names ``env`` in one of the ways that `diff` reads."""
    if kind == "dotenv":
        return dotenv(folder / f"{random.getrandbits(32)}.env", env)
    own = folder / str(random.getrandbits(32))
    name = written(own / "config.yaml", declared(env), with_plan=kind != "yaml")
    return str(own / "plan.json") if kind == "plan" else name


# Change of the declaration -> what is said of it, by everything that can say it at all.
CHANGES = [
    ({"MODEL_GPT5_TIMEOUT": "31"}, "~ model gpt5: timeout 30 -> 31", {"dotenv", "yaml", "both", "plan"}),
    ({"MODEL_GPT5_TIMEOUT": ""}, "~ model gpt5: timeout 30 -> unset", {"dotenv", "yaml", "both", "plan"}),
    ({"MODEL_GPT5_UPSTREAM_MODEL": "grok-3", "MODEL_GPT5_ALIAS": "gpt-5"},
     "~ model gpt5: model openai/gpt-5 -> openai/grok-3", {"dotenv", "yaml", "both", "plan"}),
    ({"MODEL_GPT5_RPM": "11"}, "~ model gpt5: rpm 10 -> 11", {"dotenv", "both", "plan"}),
    ({"MODEL_GPT5_INPUT_COST": "1.25"}, "~ model gpt5: input_cost_micros unset -> 1250000",
     {"dotenv", "yaml", "both", "plan"}),
    ({"MODEL_GPT5_HEADERS": "X-Title=two"}, "~ model gpt5: headers.X-Title one -> two",
     {"dotenv", "yaml", "both", "plan"}),
    ({"MODEL_GPT5_API_KEY_ENV": "MINE"}, "~ model gpt5: key_env OPENAI_API_KEY -> MINE",
     {"dotenv", "yaml", "both", "plan"}),
    ({"MODEL_GPT5_API_KEY_ENV": "none"}, "~ model gpt5: key_env OPENAI_API_KEY -> unset",
     {"dotenv", "yaml", "both", "plan"}),
    ({"MODEL_DEEPSEEK_ALLOW_PARAMS": "seed"}, '~ model deepseek: allow_params ["seed", "logit_bias"] -> ["seed"]',
     {"dotenv", "yaml", "both", "plan"}),
    ({"MODEL_DEEPSEEK_FALLBACKS": ""}, '~ model deepseek: fallbacks ["gpt5"] -> []',
     {"dotenv", "yaml", "both", "plan"}),
    ({"CHAIN_SMART_MODELS": "deepseek,gpt5"},
     '~ chain smart: models ["gpt5", "deepseek"] -> ["deepseek", "gpt5"]', {"dotenv", "yaml", "both", "plan"}),
    ({"CHAIN_SMART_ON": "cost"}, '~ chain smart: on ["error", "rate_limit"] -> ["cost"]', {"dotenv", "both", "plan"}),
    ({"CHAIN_SMART_ALIAS": "clever"}, "~ chain smart: alias smart -> clever", {"dotenv", "yaml", "both", "plan"}),
    ({"PROXY_CHAIN_KEYS": ""}, "- chain smart", {"dotenv", "yaml", "both", "plan"}),
    ({"PROXY_MODEL_KEYS": "gpt5,deepseek,new", "MODEL_NEW_UPSTREAM_MODEL": "grok-3"}, "+ model new: alias grok-3",
     {"dotenv", "yaml", "both", "plan"}),
    ({"GATEWAY_MAX_BODY_MB": "5"}, "~ setting GATEWAY_MAX_BODY_MB: 32 -> 5", {"dotenv", "both", "plan"}),
    ({"GATEWAY_LEDGER": "off"}, "~ setting GATEWAY_LEDGER: on -> off", {"dotenv", "both", "plan"}),
    ({"GATEWAY_LEDGER_DAYS": "5"}, "~ setting GATEWAY_LEDGER_DAYS: 90 -> 5", {"dotenv", "both", "plan"}),
    ({"PORT": "4001"}, "~ variable PORT: 4000 -> 4001", {"dotenv"}),
    ({"OPENAI_API_KEY": canary("other")}, "~ secret OPENAI_API_KEY: changed", {"dotenv"}),
    ({"OPENAI_API_KEY": ""}, "~ secret OPENAI_API_KEY: unset", {"dotenv"}),
    ({"LITELLM_MASTER_KEY": canary()}, "~ secret LITELLM_MASTER_KEY: set", {"dotenv"}),
    ({"SOMEBODYS": canary()}, "~ variable SOMEBODYS: set", {"dotenv"}),
]


@pytest.mark.parametrize("kind", ["dotenv", "yaml", "both", "plan"])
@pytest.mark.parametrize("change, said, told_by", CHANGES, ids=[said for _, said, _ in CHANGES])
def test_one_change_is_one_line(change: dict[str, str], said: str, told_by: set[str], kind: str, line: Line) -> None:
    env = {name: value for name, value in {**BASE, **change}.items() if value != ""}
    old, new = sides(kind, line.home, BASE), sides(kind, line.home, env)
    ran = line("diff", old, new)
    if kind not in told_by:
        assert said not in ran.text
        return
    # A price or a key that appears brings nothing else along; a new name of the model does: what is known of it.
    lines = [one for one in ran.text.splitlines() if "grok-3" in said or one == said]
    assert ran.code == 1 and said in lines and ran.err == ""
    if "grok-3" not in said:
        assert ran.text == said + "\n"
    assert not [value for value in (*BASE.values(), *change.values()) if value.startswith(("canary-", "other-"))
                and value in ran.text]
    back = line("diff", new, old)
    assert back.code == 1 and len(back.text.splitlines()) == len(ran.text.splitlines())


@pytest.mark.parametrize("one", ["dotenv", "yaml", "both", "plan"])
@pytest.mark.parametrize("other", ["dotenv", "yaml", "both", "plan"])
def test_the_same_configuration_is_the_same_whatever_it_is_read_from(one: str, other: str, line: Line) -> None:
    ran = line("diff", sides(one, line.home, BASE), sides(other, line.home, BASE))
    assert (ran.code, "say the same" in ran.text) == (0, True), ran
    assert ("not compared" in ran.err) == ("yaml" in {one, other} and one != other or {one, other} in (
        {"dotenv", "both"}, {"dotenv", "plan"}, {"both", "plan"}))


def test_order_comments_and_places_do_not_matter(line: Line) -> None:
    names = list(BASE)
    random.Random(7).shuffle(names)
    swapped = {**{name: BASE[name] for name in names}, "PROXY_MODEL_KEYS": "deepseek,gpt5",
               "MODEL_DEEPSEEK_ALLOW_PARAMS": "logit_bias,seed"}
    assert line("diff", dotenv(line.home / "a.env", BASE), dotenv(line.home / "b.env", swapped)).code == 0
    text = (line.home / "b.env").read_text()
    (line.home / "c.env").write_text("# a comment\n\n" + text.replace("'", '"'))
    assert line("diff", "b.env", "c.env").code == 0
    first, second = (Path(sides("yaml", line.home, env)) for env in (BASE, swapped))
    second.write_text("# by hand\n" + yaml.safe_dump(yaml.safe_load(second.read_text()), sort_keys=True))
    assert line("diff", str(first), str(second)).code == 0


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(fleets(), fleets())
def test_two_configurations_differ_exactly_where_they_say_something_else(one: list[ModelSpec],
                                                                         other: list[ModelSpec]) -> None:
    plans = [declared(as_variables(fleet)).checked() for fleet in (one, other)]
    same = [with_defaults(spec) for spec in one] == [with_defaults(spec) for spec in other]
    planned = [of_plan("x", plan_document(plan)) for plan in plans]
    assert (differences(*planned) == []) == same
    for old, new in (planned, planned[::-1]):
        for found in differences(old, new):
            assert found.text() and json.dumps(found.document())
    for plan in plans:
        both = of_plan("x", plan_document(plan)), of_yaml("y", config_document(plan))
        assert differences(*both) == [] and not_compared(*both)


# --- what is declared now -----------------------------------------------------------------------------------------

def test_without_a_second_name_it_is_what_is_declared_now(line: Line) -> None:
    name = sides("both", line.home, BASE)
    assert line("diff", name, env=BASE).code == 0
    ran = line("--reasoning-effort", "low", "diff", name, env=BASE)
    assert ran.code == 1
    assert ran.text.splitlines() == ["~ model gpt5: reasoning_effort unset -> low",
                                     "~ model deepseek: reasoning_effort unset -> low"]
    told = json.loads(line("diff", name, "declared", "--json", env={**BASE, "MODEL_GPT5_RPM": "3"}).text)
    assert told["differences"] == [{"what": "model", "name": "gpt5", "change": "changed", "field": "rpm",
                                    "old": 10, "new": 3}]
    assert (told["same"], told["old"]["name"], told["new"]["name"]) == (False, name, "declared")
    assert told["old"]["hash"] != told["new"]["hash"] and told["not_compared"] == [
        "variables and secrets: " + name + " does not say"]


def test_variables_of_the_process_count_for_what_is_declared(line: Line) -> None:
    values = {**BASE, "SOMEBODYS": canary(), "GATEWAY_DATABASE_URL": "off"}
    name = dotenv(line.home / "a.env", values)
    assert line("diff", name, env=values).code == 0
    assert line("diff", name, env=BASE).text == "~ variable SOMEBODYS: unset\n"


def test_rows_of_the_registry_are_compared_where_both_sides_know_them(line: Line) -> None:
    url = {**BASE, "GATEWAY_DATABASE_URL": f"sqlite:///{line.home}/x.db", "XAI_API_KEY": canary()}

    def run(*arguments: str) -> Ran:
        return line(*arguments, env=url)

    assert run("providers", "add", "xai", "--provider", "xai").code == 0
    assert run("models", "add", "grok-3", "--provider", "xai", "--input-price", "3").code == 0
    assert run("chains", "add", "rows", "--models", "grok-3,gpt-5").code == 0
    assert run("endpoints", "add", "summary", "--model", "grok-3", "--max-tokens", "800").code == 0
    before = Path(sides("both", line.home, BASE))
    ran = run("diff", str(before))
    assert ran.text.splitlines() == ["+ model grok_3: alias grok-3", "+ chain rows: alias rows",
                                     "+ endpoint summary", "+ price of grok-3"], ran
    assert "grok" not in run("diff", dotenv(line.home / "a.env", url)).text, "a .env leaves the registry out"


# --- files of anybody ---------------------------------------------------------------------------------------------

FOREIGN: dict[str, Any] = {
    "model_list": [
        {"model_name": "a", "litellm_params": {"model": "openai/gpt-5", "api_key": "SECRET",
                                               "vertex_credentials": "SECRET",
                                               "extra_headers": {"Authorization": "SECRET", "X-A": "1"},
                                               "api_base": "https://user:SECRET@example.com/v1?key=SECRET"}},
        {"model_name": "a", "litellm_params": {"model": "azure/x", "weight": 1}, "model_info": {"team": "blue"}}],
    "router_settings": {"fallbacks": [{"a": ["b"]}], "redis_password": "SECRET", "num_retries": 2},
    "general_settings": {"master_key": "SECRET", "alerting_args": {"webhook_url": "SECRET", "n": 1}},
}


def test_secrets_in_a_file_of_litellms_are_compared_and_never_shown(line: Line) -> None:
    secrets = [canary("first"), canary("second")]
    for name, secret in zip(("a.yaml", "b.yaml"), secrets):
        (line.home / name).write_text(yaml.safe_dump(FOREIGN).replace("SECRET", secret))
    for form in ((), ("--json",)):
        ran = line("diff", "a.yaml", "b.yaml", *form)
        assert ran.code == 1 and not [secret for secret in secrets if secret in ran.text + ran.err]
    lines = line("diff", "a.yaml", "b.yaml").text.splitlines()
    assert lines == ["~ model a: base https://***@example.com/v1?*** -> https://***@example.com/v1?***",
                     "~ model a: headers.Authorization changed", "~ model a: key_env changed",
                     "~ model a: litellm_params.vertex_credentials changed",
                     "~ LiteLLM general_settings.alerting_args.webhook_url: changed",
                     "~ LiteLLM general_settings.master_key: changed",
                     "~ LiteLLM router_settings.redis_password: changed"]


def test_what_stands_beside_the_models_is_compared_too(line: Line) -> None:
    (line.home / "a.yaml").write_text(yaml.safe_dump(FOREIGN))
    changed = json.loads(json.dumps(FOREIGN))
    changed["model_list"][1]["litellm_params"]["weight"] = 2
    changed["model_list"][1]["model_info"] = {"team": "red", "id": "own"}
    changed["router_settings"]["num_retries"] = 3
    changed["environment_variables"] = {"A": "x"}
    changed["include"] = ["other.yaml"]
    (line.home / "b.yaml").write_text(yaml.safe_dump(changed))
    assert line("diff", "a.yaml", "b.yaml").text.splitlines() == [
        "- model a #2", "+ model own: alias a", "~ LiteLLM router_settings.num_retries: 2 -> 3",
        "~ LiteLLM environment_variables.A: unset -> x", '~ LiteLLM include: unset -> ["other.yaml"]']


def test_models_without_an_id_are_known_by_their_alias(line: Line) -> None:
    bare = {"model_list": [{"model_name": name, "litellm_params": {"model": f"openai/{name}"}} for name in "ab"],
            "router_settings": {"fallbacks": [{"a": ["b"]}]}}
    named = json.loads(json.dumps(bare))
    for number, entry in enumerate(named["model_list"]):
        entry["model_info"] = {"id": f"id{number}"}
    for name, document in (("a.yaml", bare), ("b.yaml", named)):
        (line.home / name).write_text(yaml.safe_dump(document))
    assert line("diff", "a.yaml", "b.yaml").code == line("diff", "b.yaml", "a.yaml").code == 0


def test_a_model_under_another_key_is_the_same_model(line: Line) -> None:
    env = {name.replace("_GPT5_", "_FIVE_"): value.replace("gpt5", "five") for name, value in BASE.items()}
    ran = line("diff", sides("both", line.home, BASE), sides("both", line.home, {**env, "MODEL_FIVE_RPM": "11"}))
    assert ran.text.splitlines() == ["~ model gpt5: rpm 10 -> 11", "~ model gpt5: key gpt5 -> five"]


def test_of_a_file_of_somebody_elses_the_yaml_counts_not_its_plan(line: Line, runtime: Path) -> None:
    told = []
    for title in "ab":
        entry = {"model_name": "a", "model_info": {"id": "a_1"}, "litellm_params": {
            "model": "openai/gpt-5", "timeout": 5, "extra_headers": {"X-A": title}}}
        plan: dict[str, Any] = {"models": [{"key": "a_1", "alias": "a", "headers": {}, "timeout": None}]}
        told.append({"hash": "a" * 12, "plan": plan, "yaml": yaml.safe_dump({"model_list": [entry]})})
    Fake(runtime / "4000", {"ok": True, "old": told[0], "new": told[1], "environment": []})
    ran = line("diff", "running", env={"GATEWAY_RUNTIME_DIR": str(runtime)})
    assert ran.text == "~ model a_1: headers.X-A a -> b\n"


def test_a_file_that_was_edited_after_rendering_is_read_as_it_is_now(line: Line) -> None:
    first, second = (Path(sides("both", line.home, BASE)) for _ in range(2))
    second.write_text(second.read_text().replace("timeout: 30", "timeout: 99", 1))
    ran = line("diff", str(first), str(second))
    assert (ran.code, ran.text) == (1, "~ model gpt5: timeout 30 -> 99\n")
    assert "does not say" in ran.err, "the plan.json beside it is of another text"


def test_hashes_tell_of_what_the_files_cannot(line: Line) -> None:
    names = [sides("yaml", line.home, env) for env in (BASE, {**BASE, "MODEL_GPT5_RPM": "99"})]
    ran = line("diff", *names)
    assert ran.code == 0 and "the hashes differ" in ran.err


@pytest.mark.parametrize("name, value, kept", [
    ("api_key", "x", False), ("OPENAI_API_KEY", "x", False), ("master_key", "os.environ/A", True),
    ("max_tokens", 5, True), ("tokens", 5, True), ("aws_secret_access_key", "x", False), ("X-Api-Key", "x", False),
    ("authorization", "x", False), ("redis_password", "x", False), ("database_url", "x", False),
    ("monkey", "x", True), ("keyword", "x", True), ("tokenizer", "x", True), ("headers", {"cookie": "x"}, False),
    ("keys", ["x"], False),
])
def test_what_is_a_secret_is_told_by_its_name(name: str, value: Any, kept: bool) -> None:
    assert (shown(hidden(name, value)) == value) == kept
    assert "x" not in repr(Hidden("x"))[7:]


@pytest.mark.parametrize("value, text", [
    (30.0, 30), (0.5, 0.5), ("x" * 70, "x" * 57 + "..."), ("https://u:p@h/v1", "https://***@h/v1"), (None, None),
    ([1.0, {"a": Hidden("b")}], [1, {"a": "(secret)"}])])
def test_values_are_shown_short_and_without_what_urls_hide(value: Any, text: Any) -> None:
    assert shown(value) == text


# --- trouble ------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("content, name, texts", [
    (None, "none.yaml", ("cannot be read: No such file",)), (b"\xff\xfe", "a.env", ("not UTF-8",)),
    (b"{]", "plan.json", ("is not JSON",)), (b"{}", "plan.json", ("no list of models",)),
    (b'{"models": [1]}', "plan.json", ("no list of models",)), (b"a: [", "a.yaml", ("this is not YAML", "line")),
    (b"a: 1", "a.yaml", ("has no model_list",)), (b"model_list: [1]", "a.yaml", ("entry 1 is no model",)),
    (b"model_list: []\ngeneral_settings: 1", "a.yaml", ("general_settings is no mapping",)),
    (b"PROXY_MODEL_KEYS=a\n", "a.env", ("MODEL_A_UPSTREAM_MODEL is not set",)),
    (b"nothing here", "notes.txt", ("no model is declared",)),
])
def test_what_cannot_be_compared_is_trouble_and_no_difference(content: bytes | None, name: str, texts: tuple[str, ...],
                                                              line: Line) -> None:
    if content is not None:
        (line.home / name).write_bytes(content)
    refused(line("diff", name, sides("yaml", line.home, BASE)), *texts)
    assert line("diff", name, name).code == 2


def test_a_gateway_that_is_not_there_is_told(line: Line) -> None:
    refused(line("diff", "running", env={"GATEWAY_RUNTIME_DIR": str(line.home)}), "no gateway of yours runs", code=3)
    refused(line("diff"), "Missing argument 'OLD'")


def test_a_declared_secret_is_no_more_than_equal_or_not() -> None:
    secret = canary()
    plan = declared({**BASE, "OPENAI_API_KEY": secret})
    side = of_declared("x", plan, Environment({**BASE, "OPENAI_API_KEY": secret}))
    assert secret not in repr(side)


# --- files of any form --------------------------------------------------------------------------------------------

words = st.sampled_from("""
model_list model_name litellm_params model_info model api_key fallbacks router_settings extra_headers timeout id models
chains input_cost_per_token key alias on settings ledger registry endpoints sources headers x
""".split())
trees = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | words | st.just("chain:a:b"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=4), max_leaves=20)
quick = settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))


@quick
@given(st.dictionaries(words, trees, max_size=5), st.lists(trees, max_size=3))
def test_a_file_of_any_form_is_compared_or_refused(line: Line, tree: dict[str, Any], entries: list[Any]) -> None:
    documents = {"a.yaml": yaml.safe_dump({**tree, "model_list": entries}), "b.yaml": yaml.safe_dump(tree),
                 "plan.json": json.dumps({**tree, "models": entries})}
    for name, text in documents.items():
        (line.home / name).write_text(text)
        for other in documents:
            ran = line("diff", name, other) if (line.home / other).exists() else line("diff", name, name)
            assert ran.code in (0, 1, 2) and "Traceback" not in ran.err
            assert ran.code != 2 or ran.err.startswith("error: ")


# --- a gateway that runs ------------------------------------------------------------------------------------------

@pytest.fixture
def runtime() -> Iterator[Path]:
    """A folder with a short path: sockets allow about a hundred bytes."""
    with tempfile.TemporaryDirectory(prefix="lg-") as name:
        yield Path(name)


def served(env: dict[str, str]) -> dict[str, Any]:
    plan = declared(env)
    return {"hash": "a" * 12, "plan": plan_document(plan), "yaml": dump(config_document(plan))}


def test_what_a_reload_would_change_is_told_once(line: Line, runtime: Path) -> None:
    lines = ["variable GATEWAY_MAX_BODY_MB: added", "secret OPENAI_API_KEY: changed"]
    old, new = served(BASE), served({**BASE, "GATEWAY_MAX_BODY_MB": "9"})
    heard = Fake(runtime / "4000", {"ok": True, "old": old, "new": new, "environment": lines})
    ran = line("diff", "running", env={"GATEWAY_RUNTIME_DIR": str(runtime)})
    assert (ran.code, ran.text) == (1, "~ setting GATEWAY_MAX_BODY_MB: 32 -> 9\n~ secret OPENAI_API_KEY: changed\n")
    assert json.loads(heard.heard[-1]) == {"command": "difference"}
    told = json.loads(line("diff", "running", "--json", env={"GATEWAY_RUNTIME_DIR": str(runtime)}).text)
    assert told["environment"] == ["secret OPENAI_API_KEY: changed"] and told["same"] is False


def test_the_running_configuration_is_one_of_two_sides(line: Line, runtime: Path) -> None:
    heard = Fake(runtime / "4000", {"ok": True, **served(BASE)})
    ran = line("diff", sides("both", line.home, {**BASE, "MODEL_GPT5_RPM": "1"}), "running", "--port", "4000",
               env={"GATEWAY_RUNTIME_DIR": str(runtime)})
    assert (ran.code, ran.text) == (1, "~ model gpt5: rpm 1 -> 10\n")
    assert json.loads(heard.heard[-1]) == {"command": "configuration"}


@pytest.mark.parametrize("answer, texts", [
    ({"ok": False, "message": "unknown command"}, ("of an older version", "restart it")),
    ({"ok": False, "message": "a reload would refuse it", "lines": ["because", "\x1b[31m"]},
     ("a reload would refuse it", "because", "\\x1b[31m")),
])
def test_what_the_gateway_refuses_is_trouble(answer: dict[str, Any], texts: tuple[str, ...], line: Line,
                                             runtime: Path) -> None:
    Fake(runtime / "4000", answer)
    refused(line("diff", "running", env={"GATEWAY_RUNTIME_DIR": str(runtime)}), *texts)
