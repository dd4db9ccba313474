"""What travels from the launcher to the workers: everything they need, and nothing that would act behind the YAML."""

import json
from pathlib import Path

import pytest
import yaml

from src.config.environment import Environment, parse_dotenv
from src.config.plan import LaunchPlan, Sources, build_plan
from src.launch.demo import demo_environment, demo_process_environment
from src.launch.document import FIXED, REMOVED, Generation, generate, launch_document, worker_values
from src.launch.start import python_module, with_package

from .declaring import ROOT, canary, declared, two

FILES = {"key-file": b"from-file\n"}


def generation(env: dict[str, str], dotenv: str = "") -> tuple[LaunchPlan, Generation]:
    environment = Environment(env, parse_dotenv(dotenv.encode()), FILES.__getitem__)
    plan = build_plan(Sources(environment)).checked()
    return plan, generate(plan, environment)


def test_values_that_the_environment_lacks_are_added_to_it() -> None:
    _, made = generation(two(OPENAI_API_KEY="in-env"), "OTHER=1\nOPENAI_API_KEY=in-dotenv\nLITELLM_MASTER_KEY=m\n")
    assert made.env == {**FIXED, "OTHER": "1", "LITELLM_MASTER_KEY": "m"}


def test_keys_from_files_are_added_under_their_names() -> None:
    _, made = generation(two(OPENAI_API_KEY_FILE="key-file", LITELLM_MASTER_KEY=""), "LITELLM_MASTER_KEY='m '\n")
    assert (made.env["OPENAI_API_KEY"], made.env["LITELLM_MASTER_KEY"]) == ("from-file", "m")


@pytest.mark.parametrize("name", REMOVED)
def test_nothing_that_litellm_reads_behind_the_yaml_is_passed_on(name: str) -> None:
    values = worker_values(Environment({}, parse_dotenv(f"{name}=x\n".encode())))
    assert name not in values
    assert name in launch_document(generation(two())[1], "src", ())["unset"]


def test_the_document_is_json_and_names_the_package_that_runs() -> None:
    _, made = generation(two())
    for package in ("src", "litellm_gateway"):
        told = json.loads(json.dumps(launch_document(made, package, ("a note",), ("otel",))))
        private = yaml.safe_load(told["yaml"])
        assert private["litellm_settings"]["callbacks"] == [f"{package}.hooks.callback.instance", "otel"]
        assert private["general_settings"]["custom_auth"] == f"{package}.hooks.auth.check"
        assert (told["version"], told["notes"], told["hash"]) == (1, ["a note"], made.hash)
    assert "callbacks" not in made.yaml, "the public text stays plain LiteLLM"


def test_the_private_copy_differs_from_the_public_one_in_two_keys_only() -> None:
    _, made = generation(two())
    public = yaml.safe_load(made.yaml)
    private = yaml.safe_load(launch_document(made, "src", ())["yaml"])
    del private["litellm_settings"]["callbacks"], private["general_settings"]["custom_auth"]
    assert private == public


def test_the_demo_declares_three_keyless_models_at_its_mock(tmp_path: Path) -> None:
    text = demo_environment("http://127.0.0.1:1/v1", tmp_path / "it's a key")
    plan = declared(dotenv=text, files={str(tmp_path / "it's a key"): f"{canary()}\n".encode()})
    assert [(model.alias, model.base, model.key_env) for model in plan.checked(launch=True).models] == [
        (alias, "http://127.0.0.1:1/v1", None) for alias in ("gpt-5", "deepseek-v3.2", "grok-code-fast-1")]


def test_the_demo_never_sees_a_real_key_or_declaration() -> None:
    environ = two(OPENAI_API_KEY="k", OPENAI_API_BASE="http://b", LITELLM_MASTER_KEY="m", REASONING_EFFORT="low",
                  PROXY_CHAIN_KEYS="c", CHAIN_C_MODELS="gpt5", PATH="/bin", PORT="5000")
    assert demo_process_environment(environ) == {"PATH": "/bin", "PORT": "5000"}


def test_subprocesses_find_the_package_where_it_is_not_installed() -> None:
    assert with_package({"A": "1"})["PYTHONPATH"].split(":")[0] == str(ROOT)
    assert with_package({"PYTHONPATH": "/x"})["PYTHONPATH"].endswith("/x")
    assert python_module("src", "main")[1:] == ["-m", "src.main"]
