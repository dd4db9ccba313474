"""What is wrong with rows of the registry, one beside another: pure tables, no database."""

from typing import Any

import pytest

from src.policy.registry_safety import Rules
from src.store.chains import Chain
from src.store.checks import Context, check
from src.store.endpoints import Endpoint
from src.store.limits import LimitRow
from src.store.models import Model
from src.store.prompts import Prompt
from src.store.providers import Provider
from src.store.registry import Registry
from src.store.tiers import Tier

OPENAI = Provider("main", "openai")
BIG, SMALL = Model("big", "main", "gpt-5"), Model("small", "main", "gpt-5-mini")


def registry(**rows: Any) -> Registry:
    return Registry(**{"providers": (OPENAI,), "models": (BIG, SMALL), **rows})


def said(rows: Registry, *declared: str, rules: Rules = Rules()) -> list[str]:
    return [problem.what for problem in check(rows, Context(rules, frozenset(declared)))]


GOOD: list[tuple[dict[str, Any], tuple[str, ...]]] = [
    ({}, ()),
    ({"chains": (Chain("c", "smart", models=("big", "small")),)}, ()),
    ({"chains": (Chain("c", "smart", models=("big", "elsewhere")),)}, ("elsewhere",)),
    ({"endpoints": (Endpoint("e", "big"), Endpoint("f", "elsewhere"))}, ("elsewhere",)),
    ({"endpoints": (Endpoint("e", "openai/gpt-5"),)}, ("openai/*",)),  # under a wildcard
    ({"prompts": (Prompt("p", 1, "e", "S"), Prompt("p", 2, "e", "T"))}, ()),  # two versions of one prompt
    ({"prompts": (Prompt("p", 1, "e", "S"), Prompt("q", 1, "e", "S", None, False))}, ()),
    ({"prompts": (Prompt("p", 1, "e", "S"), Prompt("q", 1, "f", None, "U"))}, ()),
    ({"prompts": (Prompt("p", 1, None, "S"), Prompt("q", 1, None, "S"))}, ()),
    ({"prompts": (Prompt("p", 1, None, "S"), Prompt("p", 2, None, "S", None, False, 10))}, ()),
    ({"limits": (LimitRow("l", "model", "big", rpm=1), LimitRow("m", "model", "*", tpd=1))}, ()),
    ({"limits": (LimitRow("l", "model", "openai/gpt-5", rpd=1), LimitRow("m", "model", "openai/*", tpm=1))},
     ("openai/*",)),
    ({"limits": (LimitRow("l", "provider", "openai", rpm=1), LimitRow("m", "provider", "*", backoff="fixed"))}, ()),
    ({"limits": (LimitRow("l", "tier", "gold", budget_micros=1),), "tiers": (Tier("gold"),)}, ()),
    ({"limits": (LimitRow("l", "user", "anybody", budget_micros=1),)}, ()),
]


@pytest.mark.parametrize(("rows", "declared"), GOOD, ids=range(len(GOOD)))
def test_rows_that_fit_have_no_problems(rows: dict[str, Any], declared: tuple[str, ...]) -> None:
    assert said(registry(**rows), *declared) == []


WRONG: list[tuple[dict[str, Any], list[str]]] = [
    ({"chains": (Chain("c", "smart", models=("bigg", "small")),)},
     ["the chain c names 'bigg', no model of the registry or the environment; did you mean big?"]),
    ({"chains": (Chain("c", "smart", models=("big", "small", "big")),)}, ["the chain c names a model twice"]),
    ({"chains": (Chain("c", "smart"),)}, ["the chain c has no models"]),
    ({"chains": (Chain("c", "big", models=("small",)),), "endpoints": (Endpoint("big", "small"),)},
     ["model big and chain c and endpoint big share the name big"]),
    ({"endpoints": (Endpoint("e", "qqqqqq"),)},
     ["the endpoint e names 'qqqqqq', no model of the registry or the environment"]),
    ({"endpoints": (Endpoint("e"),)}, ["the endpoint e needs a model or a chain, and not both"]),
    ({"endpoints": (Endpoint("e", "big", "c"),)}, ["the endpoint e needs a model or a chain, and not both"]),
    ({"endpoints": (Endpoint("declared", "big"),)},
     ["the endpoint declared has the name of a model or chain that is declared elsewhere"]),
    ({"prompts": (Prompt("p", 1, "e", "S"), Prompt("q", 1, "e", "S"))}, ["the endpoint e has two prompts, p and q"]),
    ({"prompts": (Prompt("p"),)}, ["the prompt p has neither a system prompt nor a user template"]),
    ({"prompts": (Prompt("p", 2, None, "S", None, False, 10), Prompt("q", 1, None, "S"))},
     ["version 2 of the prompt p has a share, but no version is active"]),
    ({"limits": (LimitRow("l", "model", "big"),)}, ["the limit l limits nothing"]),
    ({"limits": (LimitRow("l", "model", "bigg", rpm=1),)},
     ["the limit l is for model 'bigg', which there is not; did you mean big?"]),
    ({"limits": (LimitRow("l", "tier", "gold", rpm=1),)}, ["the limit l is for tier 'gold', which there is not"]),
    ({"limits": (LimitRow("l", "user", "x", backoff="fixed"),)}, ["the limit l: backoff is for models and providers"]),
    ({"limits": (LimitRow("l", "model", "big", backoff="double"),)},
     ["limit l: backoff must be one of exponential, fixed"]),
    ({"limits": (LimitRow("l", "provider", "openai", rpm=1, budget_micros=5),)},
     ["the limit l: budgets are for keys, tiers, users and models"]),
    ({"limits": (LimitRow("l", "user", "team-*", rpm=1),)},
     ["the limit l: only models have wildcards, 'team-*' is none"]),
    ({"providers": (Provider("p", "openai", "https://evil.test/v1"),)},
     ["provider p: the base https://evil.test/v1 is neither openai's own nor named by the environment; permit it with "
      "GATEWAY_ALLOWED_BASES",
      "provider p: OPENAI_API_KEY must not go to https://evil.test/v1, which only the registry names; name another "
      "variable, or none"]),
]


@pytest.mark.parametrize(("rows", "problems"), WRONG, ids=range(len(WRONG)))
def test_rows_that_do_not_fit_are_told(rows: dict[str, Any], problems: list[str]) -> None:
    assert said(registry(**rows), "declared") == problems


def test_a_problem_says_where_and_how_to_repair_it() -> None:
    rows = registry(chains=(Chain("c", "smart", models=("big", "big"), id=7),),
                    endpoints=(Endpoint("smart", "big", id=8),))
    found = check(rows, Context())
    assert [(problem.where, problem.repair, problem.code) for problem in found] == [
        ("registry ai_fallback_chains row 7; registry ai_endpoints row 8",
         "models, chains and endpoints need different names", "GW302"),
        ("registry ai_fallback_chains row 7", "keep one", "GW305")]


def test_a_pattern_of_the_environment_that_permits_too_much_is_told_once() -> None:
    (problem,) = check(registry(), Context(Rules(allowed=("https://*",))))
    assert problem.where == "GATEWAY_ALLOWED_BASES"


def test_a_base_that_the_environment_names_is_allowed() -> None:
    rows = registry(providers=(Provider("main", "openai", "https://own.test/v1"),))
    assert said(rows, rules=Rules(bases=frozenset({"https://own.test/v1"}))) == []
