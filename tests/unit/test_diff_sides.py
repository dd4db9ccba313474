"""What the two sides of a `diff` say: the registry left out whole, hashes that are real, trouble that is no difference.
"""

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from src.explain.configuration import Configuration, of_plan, of_yaml
from src.explain.differences import differences, not_compared

from .declaring import Ran, canary, refused
from .test_control_client import Fake
from .test_diff_cli import BASE, Line, dotenv, served, sides


@pytest.fixture
def line(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Line:
    return Line(tmp_path, capfd)


@pytest.fixture
def runtime() -> Iterator[Path]:
    """A folder with a short path: sockets allow about a hundred bytes."""
    with tempfile.TemporaryDirectory(prefix="lg-") as name:
        yield Path(name)


def test_models_and_chains_of_the_registry_are_no_difference_from_a_dotenv(line: Line) -> None:
    values = {**BASE, "GATEWAY_DATABASE_URL": f"sqlite:///{line.home}/x.db", "XAI_API_KEY": canary()}

    def run(*arguments: str) -> Ran:
        return line(*arguments, env=values)

    assert run("providers", "add", "xai", "--provider", "xai").code == 0
    assert run("models", "add", "grok-3", "--provider", "xai").code == 0
    assert run("chains", "add", "of-rows", "--models", "grok-3,gpt-5").code == 0
    name = dotenv(line.home / "a.env", values)
    assert run("diff", name).code == run("diff", "declared", name).code == 0


# --- hashes -------------------------------------------------------------------------------------------------------

def test_the_hash_that_is_told_is_the_one_that_is_served(line: Line, runtime: Path) -> None:
    """The gateway logs this hash, also where its plan.json carries another one."""
    answer = served(BASE)
    Fake(runtime / "4000", {"ok": True, **answer, "plan": {**answer["plan"], "hash": "b" * 12}})
    env = {"GATEWAY_RUNTIME_DIR": str(runtime)}
    assert line("diff", "running", "running", env=env).text == f"running and running say the same ({'a' * 12})\n"
    told = json.loads(line("diff", "running", "running", "--json", env=env).text)
    assert told["old"] == {"name": "running", "hash": "a" * 12} and told["same"] is True


@pytest.mark.parametrize("kind, told", [("both", True), ("yaml", True), ("plan", True), ("foreign", False)])
def test_sides_with_one_hash_say_it(kind: str, told: bool, line: Line) -> None:
    name = "foreign.yaml" if kind == "foreign" else sides(kind, line.home, BASE)
    (line.home / "foreign.yaml").write_text("model_list: []\n")
    ran = line("diff", name, name)
    assert ran.code == 0 and ("(" in ran.text.replace(str(line.home), "")) == told


# --- files of somebody else ---------------------------------------------------------------------------------------

def test_a_chain_that_only_the_yaml_knows_is_compared(line: Line, runtime: Path) -> None:
    """A file that was rendered elsewhere and is run with `--config` has its chains in the YAML alone."""
    entries = [{"model_name": name, "model_info": {"id": key}, "litellm_params": {"model": "openai/gpt-5"}}
               for name, key in (("gpt-5", "five"), ("best", "chain:best:five"))]
    plan: dict[str, Any] = {"models": [{"key": "five", "alias": "gpt-5", "headers": {}}]}
    both = [{"hash": "a" * 12, "plan": plan, "yaml": yaml.safe_dump({"model_list": listed})}
            for listed in (entries[:1], entries)]
    Fake(runtime / "4000", {"ok": True, "old": both[0], "new": both[1], "environment": []})
    ran = line("diff", "running", env={"GATEWAY_RUNTIME_DIR": str(runtime)})
    assert (ran.code, ran.text) == (1, "+ chain best: alias best\n")


@pytest.mark.parametrize("old, new, said", [
    (None, [], []), ([], None, []), (None, ["a"], ['~ LiteLLM litellm_settings.tags: unset -> ["a"]']),
    (["a", "b"], ["b", "a"], []), (["a"], "a", ['~ LiteLLM litellm_settings.tags: ["a"] -> a']),
    (["a"], ["a", "a"], ['~ LiteLLM litellm_settings.tags: ["a"] -> ["a", "a"]']),
    (0, None, ["~ LiteLLM litellm_settings.tags: 0 -> unset"]), (False, None, [
        "~ LiteLLM litellm_settings.tags: false -> unset"])])
def test_nothing_and_an_empty_list_are_the_same_and_nothing_else_is(old: Any, new: Any, said: list[str]) -> None:
    both = [of_yaml("x", {"litellm_settings": {"tags": value}}) for value in (old, new)]
    assert [one.text() for one in differences(*both)] == said


def test_names_that_yaml_reads_as_numbers_are_names() -> None:
    entry = {"model_name": 4, "litellm_params": {"model": "openai/gpt-4"}}
    document = {"model_list": [entry], "router_settings": {"fallbacks": [{4: [5]}]}}
    plan = {"models": [{"key": 4, "alias": "4", "model": "openai/gpt-4", "headers": {}, "fallbacks": ["5"]}]}
    told = [one.text() for one in differences(of_yaml("x", document), of_plan("y", plan))]
    assert not [text for text in told if "fallbacks" in text or text.startswith(("+", "-"))]


@pytest.mark.parametrize("old, new, said", [
    ({"general_settings": {"alerting_args": {"n": 1}}}, {}, [
        '~ LiteLLM general_settings.alerting_args: {"n": 1} -> unset']),
    ({"general_settings": {"alerting_args": {"n": 1}}}, {"general_settings": {"alerting_args": {"n": 2, "m": 3}}}, [
        "~ LiteLLM general_settings.alerting_args.n: 1 -> 2",
        "~ LiteLLM general_settings.alerting_args.m: unset -> 3"]),
    ({"general_settings": {"alerting_args": {"n": 1}}}, {"general_settings": {"alerting_args": [1]}}, [
        '~ LiteLLM general_settings.alerting_args: {"n": 1} -> [1]']),
])
def test_a_block_that_comes_goes_or_changes_is_told(old: dict[str, Any], new: dict[str, Any], said: list[str]) -> None:
    told = [one.text() for one in differences(of_yaml("x", old), of_yaml("y", new))]
    assert told == said


OURS = "src.hooks.callback.instance", "litellm_gateway.hooks.auth.check"


@pytest.mark.parametrize("launched, written, said", [
    ({"callbacks": [OURS[0]]}, {}, []), ({"callbacks": ["own.hook", OURS[0]]}, {"callbacks": ["own.hook"]}, []),
    ({"callbacks": ["own.hook", OURS[0]]}, {"callbacks": "own.hook"}, []),
    ({"custom_auth": OURS[1]}, {}, []), ({"custom_auth": "own.check"}, {}, ["custom_auth: unset"]),
    ({"callbacks": ["own.hook"]}, {}, ['callbacks: ["own.hook"] -> unset'])])
def test_what_a_launch_adds_to_its_copy_is_no_difference(launched: dict[str, Any], written: dict[str, Any],
                                                         said: list[str]) -> None:
    both = [of_yaml("x", {"litellm_settings": settings}) for settings in (launched, written)]
    assert [one.text() for one in differences(*both)] == [f"~ LiteLLM litellm_settings.{text}" for text in said]


def test_models_that_only_the_yaml_knows_are_compared(line: Line, runtime: Path) -> None:
    entries = [{"model_name": key, "model_info": {"id": key}, "litellm_params": {"model": "openai/gpt-5"}}
               for key in ("one", "two")]
    both = [{"hash": "a" * 12, "plan": {"models": []}, "yaml": yaml.safe_dump({"model_list": listed})}
            for listed in (entries[:1], entries)]
    Fake(runtime / "4000", {"ok": True, "old": both[0], "new": both[1], "environment": []})
    ran = line("diff", "running", env={"GATEWAY_RUNTIME_DIR": str(runtime)})
    assert (ran.code, ran.text) == (1, "+ model two: alias two\n")


def test_a_secret_header_of_a_plan_is_compared_and_never_shown(line: Line) -> None:
    secrets = [canary("first"), canary("second")]
    for name, secret in zip(("a.json", "b.json"), secrets):
        model = {"key": "one", "alias": "one", "headers": {"Authorization": secret, "X-A": name}}
        (line.home / name).write_text(json.dumps({"models": [model]}))
    ran = line("diff", "a.json", "b.json")
    assert ran.text.splitlines() == ["~ model one: headers.Authorization changed",
                                     "~ model one: headers.X-A a.json -> b.json"]
    told = line("diff", "a.json", "b.json", "--json").text
    assert not [secret for secret in secrets if secret in told] and '"(secret)"' in told


# --- what one of the two cannot say -------------------------------------------------------------------------------

@pytest.mark.parametrize("hashes, told", [
    (("a" * 12, "b" * 12), True), (("a" * 12, "a" * 12), False), (("a" * 12, None), False), ((None, None), False)])
def test_hashes_differ_only_where_both_are_known(hashes: tuple[str | None, str | None], told: bool) -> None:
    old, new = (of_yaml("x", {}, digest) for digest in hashes)
    assert bool([text for text in not_compared(old, new) if "hashes differ" in text]) == told
    assert not [text for text in not_compared(old, new, found_any=True) if "hashes differ" in text]


@pytest.mark.parametrize("old, new, told", [
    ({"b": 1, "z": 1, "a": 1}, {"b": 1}, "of models a, z: new does not say"),
    ({"b": 1}, {"b": 2, "c": 1}, "of models c: old does not say"), ({"b": 1}, {"b": 2}, None),
    ({"b": 1}, {"b": 1, "litellm_params.x": 1}, None), ({}, {"b": 1}, None)])
def test_fields_that_one_side_does_not_know_are_named(old: dict[str, int], new: dict[str, int],
                                                      told: str | None) -> None:
    first, second = (Configuration(name, None, {"m": fields} if fields else {}, {})
                     for name, fields in (("old", old), ("new", new)))
    assert not_compared(first, second) == ([told] if told else [])


# --- trouble ------------------------------------------------------------------------------------------------------

def test_a_database_that_cannot_be_read_is_trouble_and_no_difference(line: Line) -> None:
    (line.home / "x.db").write_bytes(b"no database" * 100)
    env = {**BASE, "GATEWAY_DATABASE_URL": f"sqlite:///{line.home}/x.db"}
    refused(line("diff", sides("both", line.home, BASE), env=env), "cannot be used: file is not a database", code=2)


@pytest.mark.parametrize("text, said", [
    ("model_list: [{litellm_params: 5}]", "a.yaml: model_list entry 1 is no model"),
    ("model_list: [{litellm_params: {}}, {model_info: x}]", "a.yaml: model_list entry 2 is no model"),
    ("model_list: {a: 1}", "a.yaml has no model_list"),
    ("model_list: []\nlitellm_settings: x", "a.yaml: litellm_settings is no mapping"),
    ("model_list: []\nrouter_settings: [1]", "a.yaml: router_settings is no mapping"),
])
def test_a_file_of_another_form_is_told_by_the_place_that_is_wrong(text: str, said: str, line: Line) -> None:
    (line.home / "a.yaml").write_text(text)
    refused(line("diff", "a.yaml", "a.yaml"), said)
