"""Wildcards as an operator declares them: which names they open, where they may stand, and what LiteLLM is told."""

import asyncio
from contextlib import nullcontext
from typing import Any

import pytest

from src.config.wildcards import fill, is_wildcard, parts_of, upstream_of
from src.hooks.limits import Gate
from src.hooks.limits_counting import Counting
from src.hooks.limits_room import LimitReached
from src.hooks.planview import ModelView, read_plan
from src.policy.chains import Step, plan_walks, walk_of
from src.policy.limit_fields import target
from src.policy.limits import Limit, LimitSet
from src.policy.names import DeclaredNames
from tests.unit.declaring import declared, document, params
from tests.unit.limits_support import gate_of, go_through, request

XAI = {"PROXY_MODEL_KEYS": "xai", "MODEL_XAI_UPSTREAM_MODEL": "xai/*"}


def xai(**more: str) -> dict[str, str]:
    return {**XAI, **more}


@pytest.mark.parametrize(("fields", "alias", "upstream"), [
    ({"MODEL_XAI_UPSTREAM_MODEL": "xai/*"}, "xai/*", "xai/*"),
    ({"MODEL_XAI_UPSTREAM_MODEL": "xai/grok-*"}, "xai/grok-*", "xai/grok-*"),
    ({"MODEL_XAI_UPSTREAM_MODEL": "*", "MODEL_XAI_PROVIDER": "xai"}, "xai/*", "xai/*"),
    ({"MODEL_XAI_UPSTREAM_MODEL": "openai/*"}, "openai/*", "openai/*"),
    ({"MODEL_XAI_UPSTREAM_MODEL": "*"}, "openai/*", "openai/*"),
    ({"MODEL_XAI_UPSTREAM_MODEL": "*", "MODEL_XAI_ALIAS": "local/*"}, "local/*", "openai/*"),
    ({"MODEL_XAI_UPSTREAM_MODEL": "*", "MODEL_XAI_ALIAS": "*"}, "*", "openai/*"),
    ({"MODEL_XAI_UPSTREAM_MODEL": "openrouter/qwen/*", "MODEL_XAI_ALIAS": "q-*"}, "q-*", "openrouter/qwen/*"),
])
def test_a_wildcard_is_one_entry_of_litellms_own_kind(fields: dict[str, str], alias: str, upstream: str) -> None:
    plan = declared(xai(**fields))
    entry, = document(plan)["model_list"]
    assert (entry["model_name"], entry["litellm_params"]["model"]) == (alias, upstream)
    assert entry["model_info"] == {"id": "xai", "mode": "chat"}, "nothing is known of its models"


@pytest.mark.parametrize(("flags", "alias"), [
    ({"model": "xai/*"}, "xai/*"), ({"model": "*"}, "openai/*"), ({"model": "*", "alias": "local/*"}, "local/*"),
    ({"model_specs": ("upstream=gemini/*",)}, "gemini/*"),
    ({"model_specs": ("upstream=openai/*,alias=x/*",), "alias": "y/*"}, "y/*"),
    ({"model_specs": ("upstream=azure/*,base=http://h/v1",), "alias": "y/*"}, "y/*"),
])
def test_flags_declare_wildcards_too(flags: dict[str, Any], alias: str) -> None:
    assert [model.alias for model in declared({}, **flags).checked().models] == [alias]


@pytest.mark.parametrize(("fields", "code", "what", "repair"), [
    ({"MODEL_XAI_ALIAS": "grok"}, "GW317", "'xai/*' stands for many models, but 'grok' for one",
     "MODEL_XAI_UPSTREAM_MODEL=openai/* and MODEL_XAI_ALIAS=local/*"),
    ({"MODEL_XAI_UPSTREAM_MODEL": "gpt-5", "MODEL_XAI_ALIAS": "g*"}, "GW317",
     "'g*' stands for many models, but 'gpt-5' for one", "a star in both"),
    ({"MODEL_XAI_UPSTREAM_MODEL": "xai/*-mini"}, "GW102", "a wildcard ends with its only one", "gpt-5"),
    ({"MODEL_XAI_UPSTREAM_MODEL": "xai/**"}, "GW102", "must not contain spaces, commas or `*`", "gpt-5"),
    ({"MODEL_XAI_FALLBACKS": "any", "PROXY_MODEL_KEYS": "xai,any", "MODEL_ANY_UPSTREAM_MODEL": "groq/*"}, "GW318",
     "xai falls back to any, the wildcard groq/*", "MODEL_<KEY>_UPSTREAM_MODEL=groq/<model>"),
    ({"MODEL_XAI_FALLBACKS": "xai/grok-4"}, "GW303", "xai falls back to 'xai/grok-4', no declared model",
     "declare it as a model of its own, MODEL_<KEY>_UPSTREAM_MODEL=xai/grok-4"),
    ({"PROXY_CHAIN_KEYS": "c", "CHAIN_C_MODELS": "xai"}, "GW318", "the chain c names xai, the wildcard xai/*",
     "declare the one model that is meant"),
    ({"PROXY_CHAIN_KEYS": "c", "CHAIN_C_MODELS": "xai/grok-4"}, "GW303", "names 'xai/grok-4', no declared model",
     "MODEL_<KEY>_UPSTREAM_MODEL=xai/grok-4"),
    ({"PROXY_MODEL_KEYS": "xai,g", "MODEL_G_UPSTREAM_MODEL": "gpt-5", "PROXY_CHAIN_KEYS": "c", "CHAIN_C_MODELS": "g",
      "CHAIN_C_ALIAS": "c*"}, "GW102", "CHAIN_C_ALIAS 'c*' must not hold `*`", "CHAIN_C_ALIAS=c"),
    ({"PROXY_MODEL_KEYS": "xai,two", "MODEL_TWO_UPSTREAM_MODEL": "xai/*"}, "GW301",
     "the alias xai/* is used by 2 models", "GATEWAY_LOAD_BALANCE=xai/*"),
])
def test_a_wildcard_that_cannot_work_says_what_to_declare(fields: dict[str, str], code: str, what: str,
                                                          repair: str) -> None:
    problems = {problem.code: problem for problem in declared(xai(**fields)).problems}
    assert what in problems[code].what and repair in problems[code].repair


def test_deployments_may_share_a_wildcard() -> None:
    env = xai(PROXY_MODEL_KEYS="xai,two", MODEL_TWO_UPSTREAM_MODEL="xai/*", MODEL_TWO_API_BASE="http://two/v1",
              GATEWAY_LOAD_BALANCE="xai/*")
    assert [entry["model_name"] for entry in document(declared(env))["model_list"]] == ["xai/*"] * 2


def test_its_fallbacks_stay_out_of_the_yaml_where_a_star_means_every_model() -> None:
    env = xai(PROXY_MODEL_KEYS="xai,g,h", MODEL_G_UPSTREAM_MODEL="gpt-5", MODEL_H_UPSTREAM_MODEL="gpt-6",
              MODEL_G_FALLBACKS="h", MODEL_XAI_ALIAS="*", MODEL_XAI_FALLBACKS="g")
    plan = declared(env)
    assert document(plan)["router_settings"]["fallbacks"] == [{"gpt-5": ["gpt-6"]}]
    assert plan.by_key("xai").spec.fallbacks == ("g",), "the gateway's own walk has them"


def test_the_global_effort_is_left_to_models_that_are_named() -> None:
    plan = declared(xai(REASONING_EFFORT="high"))
    assert "reasoning_effort" not in params(plan)
    assert "xai/*: its models differ, so the global level high is left out" in plan.notes
    assert params(declared(xai(MODEL_XAI_REASONING_EFFORT="high")))["reasoning_effort"] == "high"


@pytest.mark.parametrize(("name", "alias"), [
    ("xai/grok-4", "xai/grok-4"), ("xai/grok-5", "xai/grok-*"), ("xai/other", "xai/*"), ("anything", "*"),
    ("xai/a/b", "xai/*"), ("xai", "*"), ("gpt-5", "gpt-5"), ("key", None), ("chain:c:key", None), ("xai/key", "xai/*"),
    ("xai/", None), ("/", None), ("a//b", None), ("../x", None), ("xai/./x", None), ("responses/gpt-5", None),
    ("xai/responses/x", None), ("xai/a\r\n", None), ("xai/\x7f", None), ("xai/a?b", None), ("xai/a#b", None),
    ("xai/a%2fb", None), ("xai/é", None), ("xai/*", None), ("x" * 257, None), (None, None), (5, None),
    (["xai/a"], None),
])
def test_exact_names_win_then_the_longest_wildcard(name: object, alias: str | None) -> None:
    names = DeclaredNames.of(["*", "gpt-5", "xai/*", "xai/grok-4", "xai/grok-*"], ["key", "chain:c:key"])
    assert names.declared(name) == alias and (name in names) is (alias is not None)


def test_no_wildcard_stands_for_what_litellm_finds_by_its_id() -> None:
    """LiteLLM 1.106 takes a deployment's id for a model name (router.py, `is_recognized_model`)."""
    plan = read_plan('{"models": [{"key": "a", "alias": "*", "deployment": "a"}, {"key": "b", "alias": "gpt", '
                     '"deployment": "b"}], "chains": [{"key": "c", "alias": "best", "models": ["b", "a"]}]}')
    names = plan.names()
    assert [name for name in ("a", "b", "chain:c:b", "gpt", "best", "any") if name in names] == ["gpt", "best", "any"]


@pytest.mark.parametrize(("alias", "upstream", "name", "expected"), [
    ("xai/*", "xai/*", "xai/grok-4", "xai/grok-4"), ("local/*", "openai/*", "local/a/b", "openai/a/b"),
    ("g-*", "gemini/gemini-2.5-*", "g-flash", "gemini/gemini-2.5-flash"), ("*", "openai/*", "x", "openai/x"),
    ("xai/*", "xai/*", "groq/x", "xai/*"), ("one", "openai/one", "one", "openai/one"),
    ("a*b*", "openai/c*d*", "axby", "openai/cxdy"), ("a*b*", "openai/c*", "axby", "axby"),
])
def test_the_model_behind_a_name_is_the_one_that_litellm_calls(alias: str, upstream: str, name: str,
                                                               expected: str) -> None:
    assert upstream_of(alias, upstream, name) == expected


def test_stars_are_filled_in_order() -> None:
    assert fill("a*b*c", ("1", "2")) == "a1b2c" and fill("a*b*c", ("1",)) == "a1bc" and fill("abc", ()) == "abc"
    assert parts_of("a*", "a") is None and parts_of("a", "a") == () and is_wildcard("*") and not is_wildcard("a")


def test_a_deployment_serves_a_name_with_what_is_known_of_it() -> None:
    view = ModelView("xai", "xai/*", "xai", "xai", "xai/*", accepts_reasoning=True, levels=("low", "high"))
    grok = view.serving("xai/grok-3")
    assert (grok.alias, grok.model, grok.accepts_reasoning, grok.levels) == ("xai/grok-3", "xai/grok-3", False, ())
    assert view.serving("xai/unheard-of").accepts_reasoning
    assert view.serving("groq/x") is view and view.serving(None) is view
    exact = ModelView("a", "xai/a", "a")
    assert exact.serving("xai/a") is exact


def test_the_walk_of_a_name_is_the_wildcards() -> None:
    models = [ModelView("xai", "xai/*", "xai", fallbacks=("b",)), ModelView("b", "b", "b")]
    walks, names = plan_walks(models, []), DeclaredNames.of(["xai/*", "b"])
    walk = walk_of(walks, names, "xai/grok")
    assert walk is not None and walk.steps == (Step("xai/grok", 1), Step("xai/grok", 1, 1), Step("b", 2))
    assert walk_of(walks, names, "b") is walks["b"] and walk_of(walks, names, "other") is None


@pytest.mark.parametrize(("asked", "subjects"), [
    ("xai/grok-4", ["xai", "xai/*", "xai/*", "xai", "xai/grok-4"]), ("xai/other", ["xai", "xai/*", "xai/*", "xai"]),
    (None, ["xai", "xai/*", "xai/*", "xai"]),
])
def test_names_under_a_wildcard_count_together_and_one_may_have_a_limit_more(asked: str | None,
                                                                             subjects: list[str]) -> None:
    rows = [Limit(str(number), scope, name, rpm=1) for number, (scope, name) in enumerate([
        ("model", "xai/*"), ("model", "*"), ("provider", "xai"), ("model", "xai/grok-4"), ("model", "gpt-5")])]
    limits = LimitSet(tuple(rows))
    model = ModelView("xai", "xai/*", "xai", "xai", "xai/*", rpm=5)
    assert [rule.subject for rule in limits.of_attempt(model, asked)] == subjects
    assert limits.of_names("xai/*") and not limits.of_names("groq/*")


def test_a_limit_may_name_a_wildcard() -> None:
    assert [target(text) for text in ("*", "xai/*", " gpt-5 ")] == ["*", "xai/*", "gpt-5"]
    with pytest.raises(ValueError):
        target("a*b")


# --- in a worker ----------------------------------------------------------------------------------------------------

WILD = [{"key": "xai", "alias": "xai/*", "deployment": "xai", "provider": "xai", "model": "xai/*", "key_env": "K"}]


async def served(gate: Gate, alias: str) -> None:
    await go_through(gate, request(alias), name="xai")


@pytest.mark.parametrize(("limit", "second", "refused"), [
    (Limit("all", "model", "xai/*", rpm=1, action="reject"), "xai/other", True),
    (Limit("key", "model", "xai", rpm=1, action="reject"), "xai/other", True),
    (Limit("one", "model", "xai/grok", rpm=1, action="reject"), "xai/grok", True),
    (Limit("one", "model", "xai/grok", rpm=1, action="reject"), "xai/other", False),
    (Limit("other", "model", "groq/x", rpm=1, action="reject"), "xai/grok", False),
    (Limit("provider", "provider", "xai", rpm=1, action="reject"), "xai/other", True),
])
def test_calls_of_names_are_counted_as_declared(limit: Limit, second: str, refused: bool) -> None:
    gate = gate_of(Counting(None), limit, models=WILD)

    async def both() -> None:
        await served(gate, "xai/grok")
        await served(gate, second)
    with pytest.raises(LimitReached) if refused else nullcontext():
        asyncio.run(both())
