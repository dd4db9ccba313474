"""Which gateway is asked with which key, and what a plan says is there."""

import pytest

from src.config.environment import Environment
from src.config.plan import LaunchPlan
from src.config.settings import read_settings
from src.discovery.gateway import Listed
from src.discovery.target import Target, configured, find_target
from src.errors import Problem

from .declaring import declared, missing_file, two

KEYS = {"LITELLM_MASTER_KEY": "master"}


def found(env: dict[str, str], url: str | None = None) -> tuple[Target, list[Problem]]:
    files = {"/run/key": b"from-file\n"}
    environment = Environment(env, read_file=lambda path: files[path] if path in files else missing_file(path))
    settings, problems = read_settings(environment.values, environment.origins)
    assert problems == ()
    return find_target(settings, environment, url)


@pytest.mark.parametrize(("env", "url", "expected"), [
    ({}, None, "http://127.0.0.1:4000/v1"),
    ({"PORT": "5000", "LITELLM_HOST": "0.0.0.0"}, None, "http://127.0.0.1:5000/v1"),
    ({"LITELLM_HOST": "::"}, None, "http://[::1]:4000/v1"),
    ({"LITELLM_HOST": "gateway.lan", "GATEWAY_SSL_CERTFILE": "c.pem"}, None, "https://gateway.lan:4000/v1"),
    ({"LITELLM_BASE_URL": "https://llm.example.com"}, None, "https://llm.example.com/v1"),
    ({"LITELLM_BASE_URL": "https://llm.example.com/v1/"}, None, "https://llm.example.com/v1"),
    ({"LITELLM_BASE_URL": "https://example.com/llm"}, None, "https://example.com/llm/v1"),
    ({"LITELLM_BASE_URL": "https://llm.example.com"}, "http://other:1", "http://other:1/v1"),
])
def test_the_url_is_the_flags_then_the_variables_then_the_plans(env: dict[str, str], url: str | None,
                                                                expected: str) -> None:
    target, problems = found({**KEYS, **env}, url)
    assert (target.url, problems) == (expected, [])
    assert target.certificate == env.get("GATEWAY_SSL_CERTFILE")


@pytest.mark.parametrize(("env", "where"), [
    ({}, "LITELLM_HOST, default; PORT, default"), ({"PORT": "5000"}, "LITELLM_HOST, default; PORT, environment"),
    ({"LITELLM_BASE_URL": "http://h"}, "LITELLM_BASE_URL, environment")])
def test_it_is_known_where_the_url_was_said(env: dict[str, str], where: str) -> None:
    assert found({**KEYS, **env})[0].where == where
    assert found({**KEYS, **env}, "http://h")[0].where == "--url"


@pytest.mark.parametrize(("env", "name", "value"), [
    (KEYS, "LITELLM_MASTER_KEY", "master"), ({**KEYS, "LITELLM_API_KEY": "own"}, "LITELLM_API_KEY", "own"),
    ({**KEYS, "LITELLM_API_KEY_FILE": "/run/key"}, "LITELLM_API_KEY", "from-file"),
    ({"LITELLM_MASTER_KEY_FILE": "/run/key"}, "LITELLM_MASTER_KEY", "from-file")])
def test_the_key_is_the_own_one_before_the_master_key(env: dict[str, str], name: str, value: str) -> None:
    target, problems = found(env)
    assert (target.key.name, target.key.value, problems) == (name, value, [])
    assert value not in repr(target)


@pytest.mark.parametrize(("env", "url", "what"), [
    ({}, None, "no key for the gateway: neither LITELLM_API_KEY nor LITELLM_MASTER_KEY is set"),
    ({**KEYS, "LITELLM_API_KEY_FILE": "/gone"}, None, "the file of LITELLM_API_KEY cannot be read: /gone"),
    ({"LITELLM_API_KEY": "schl\u00fcssel"}, None, "LITELLM_API_KEY holds characters that no header can carry"),
    ({"LITELLM_MASTER_KEY": "two\nlines"}, None, "LITELLM_MASTER_KEY holds characters that no header can carry"),
    (KEYS, "gateway:4000", "--url must be a URL"), (KEYS, "http://u:secret@h", "--url must be a URL without user"),
    (KEYS, "", "--url must be a URL")])
def test_what_cannot_be_used_is_a_problem(env: dict[str, str], url: str | None, what: str) -> None:
    _, (problem,) = found(env, url)
    assert problem.what.startswith(what) and problem.repair and "secret" not in problem.text()


def planned(**more: str) -> LaunchPlan:
    chain = {"PROXY_CHAIN_KEYS": "safe", "CHAIN_SAFE_MODELS": "gpt5,deepseek"}
    return declared(two(chain, MODEL_GPT5_PROVIDER="openai", **more))


@pytest.mark.parametrize(("more", "expected"), [
    ({}, [("gpt-5", 400_000), ("deepseek-v3.2", 163_840), ("safe", 163_840)]),
    ({"MODEL_GPT5_CONTEXT_WINDOW": "1000"}, [("gpt-5", 1_000), ("deepseek-v3.2", 163_840), ("safe", 1_000)]),
    ({"MODEL_GPT5_UPSTREAM_MODEL": "strange"}, [("strange", None), ("deepseek-v3.2", 163_840), ("safe", None)]),
])
def test_a_plan_lists_its_aliases_and_a_chain_has_the_window_of_its_smallest_member(
        more: dict[str, str], expected: list[tuple[str, int | None]]) -> None:
    listed = configured(planned(**more))
    assert [(model.id, model.context_window) for model in listed] == expected
    assert {model.owned_by for model in listed} == {"openai"}


def test_a_plan_with_problems_lists_what_it_can() -> None:
    plan = declared({"PROXY_CHAIN_KEYS": "safe", "CHAIN_SAFE_MODELS": "gone"})
    assert plan.problems
    assert [model for model in configured(plan) if model.id != "safe"] == []
    assert all(isinstance(model, Listed) for model in configured(plan))
