"""What `explain` prints: nothing that steers a terminal, and the same facts in words that people read."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest

from src.config.models import ChainSpec
from src.config.plan import build_plan
from src.config.registry import RegistryReading
from src.errors import UsageProblem
from src.explain.text import text_of, text_of_variable
from src.explain.variables import variable_of

from .declaring import two
from .test_explain import MODEL_A, explained, explainer, sources


def painted(text: str, kind: str) -> str:
    return f"\x1b[1m{text}\x1b[0m"


@pytest.mark.parametrize("dotenv, shown", [
    ("CHAIN_C_MODELS='\x1b[31mred,gpt5'", "instead of \\x1b[31mred, gpt5 (CHAIN_C_MODELS, .env line 1)"),
    ("CHAIN_C_ALIAS='\x1b]0;title\x07'", "instead of \\x1b]0;title\\x07 (CHAIN_C_ALIAS, .env line 1)")])
def test_values_that_lost_cannot_steer_a_terminal(dotenv: str, shown: str) -> None:
    env = two(PROXY_CHAIN_KEYS="c", CHAIN_C_MODELS="deepseek,gpt5", CHAIN_C_ALIAS="best")
    one = explained(env, "best", dotenv=dotenv)
    assert shown in text_of(one) and "\x1b" not in text_of(one)
    assert "\x1b" not in text_of(one, painted).replace("\x1b[1m", "").replace("\x1b[0m", "")


@pytest.mark.parametrize("more, told", [
    ({}, "  no end: gpt5, deepseek have no TIMEOUT"),
    ({"MODEL_GPT5_TIMEOUT": "5"}, "  no end: deepseek has no TIMEOUT"),
    ({"MODEL_GPT5_TIMEOUT": "5", "MODEL_DEEPSEEK_TIMEOUT": "5"}, None)])
def test_models_that_may_take_for_ever_are_named(more: dict[str, str], told: str | None) -> None:
    text = text_of(explained(two(more, MODEL_GPT5_FALLBACKS="deepseek"), "gpt-5"))
    assert [line for line in text.splitlines() if "no end:" in line] == ([told] if told else [])
    assert ("no end," in text) == bool(told)


@pytest.mark.parametrize("name, value, shown", [
    ("MAX_PARALLEL", "8", "8 at a time per worker"), ("RPM", "5", "5 "), ("TIMEOUT", "2.5", "2.5 s"),
    ("DROP_PARAMS", "seed,top_p", "seed, top_p"), ("INPUT_COST", "1.250", "1.25 dollars per million tokens")])
def test_a_value_stands_beside_what_it_counts(name: str, value: str, shown: str) -> None:
    text = text_of(explained({**MODEL_A, f"MODEL_A_{name}": value}))
    (line,) = (line for line in text.splitlines() if line.startswith(f"  {name.lower()} "))
    assert line.split(None, 1)[1].startswith(shown) and f"  MODEL_A_{name}, environment" in line
    assert name.lower() in text_of(explained(MODEL_A)), "it is named where it is not set, too"


def test_a_limit_tells_whose_calls_it_counts() -> None:
    rows = [{"name": name, "scope": scope, "target": target, "rpm": 5, "active": True}
            for name, scope, target in (("each", "user", "*"), ("own", "model", "gpt-5"))]
    one = explainer(sources(two(), registry=RegistryReading(document={"limits": rows}))).explain("gpt-5")
    lines = [line.split("  ") for line in text_of(one).splitlines() if line.startswith(("  each ", "  own "))]
    told = [[cell.strip() for cell in line if cell.strip()][:4] for line in lines]
    assert told == [["each", "user *", "client request", "5 requests per minute"],
                    ["own", "model gpt-5", "upstream call of gpt5", "5 requests per minute"]]


@pytest.mark.parametrize("env, name, told", [
    ({"GATEWAY_METRICS_PUBLIC": "1"}, "GATEWAY_METRICS_PUBLIC",
     ["value yes", "from environment", "instead of no (default)"]),
    ({}, "GATEWAY_METRICS_PUBLIC", ["value no", "from default"]),
    ({"PORT": "4711"}, "PORT", ["value 4711", "from environment", "instead of 4000 (default)"]),
    ({}, "REASONING_EFFORT", ["value not set", "from default"])])
def test_a_variable_is_told_with_where_it_is_from(env: Mapping[str, str], name: str, told: list[str]) -> None:
    declared = sources({**MODEL_A, **env})
    one = variable_of(name, build_plan(declared).checked(), declared)
    assert one is not None
    first, *others = text_of_variable(one).splitlines()
    assert ("; the same as --" in first) == bool(one.flag)
    assert [" ".join(line.split()) for line in others] == told


def test_a_chain_of_the_registry_that_lost_its_name_is_told() -> None:
    rows = tuple(ChainSpec(name, name, (*members,), ("cost",), f"registry ai_fallback_chains row {number}")
                 for number, (name, members) in enumerate([("best", ["gpt-5"]), ("other", ["deepseek-v3.2"])]))
    env = two(PROXY_CHAIN_KEYS="best", CHAIN_BEST_MODELS="deepseek,gpt5")
    said = explainer(sources(env, registry=RegistryReading(chains=rows))).explain("best").document()["chain_values"]
    assert said["on"]["overrode"] == [{"value": ["cost"], "origin": rows[0].source}]
    assert rows[1].source not in str(said)


@pytest.mark.parametrize("count, end", [(8, "m7"), (9, "m7, ...")])
def test_the_names_that_are_known_are_told_up_to_eight(count: int, end: str) -> None:
    env = {"PROXY_MODEL_KEYS": ",".join(f"m{number}" for number in range(count))}
    env |= {f"MODEL_M{number}_UPSTREAM_MODEL": f"m{number}" for number in range(count)}
    with pytest.raises(UsageProblem) as refused:
        explained(env, "zzz")
    assert refused.value.problems[0].repair == f"known: m0, m1, m2, m3, m4, m5, m6, {end}"


FREE = {"input_cost_per_token": Decimal(0), "output_cost_per_token": Decimal(0)}


@pytest.mark.parametrize("price, more, dollars", [
    (FREE, {}, Decimal(0)), (FREE, {"MODE": "image"}, Decimal(0)), (None, {"MODE": "image"}, None), (None, {}, None),
    ({"input_cost_per_token": Decimal("0.001")}, {}, None), ({**FREE, "output_cost_per_token": Decimal(1)}, {}, None),
    ({**FREE, "output_cost_per_reasoning_token": Decimal(1)}, {}, None)])
def test_what_costs_nothing_costs_nothing_whatever_its_window(price: dict[str, Any] | None, more: dict[str, str],
                                                              dollars: Decimal | None) -> None:
    """Of `unheard` neither the window nor the longest answer is known: any other price gives no amount."""
    env = {"PROXY_MODEL_KEYS": "a", "MODEL_A_UPSTREAM_MODEL": "unheard", "MODEL_A_RETRIES": "0"}
    env |= {f"MODEL_A_{name}": value for name, value in more.items()}
    prices = {} if price is None else {"unheard": {"litellm_provider": "openai", **price}}
    assert explainer(sources(env), prices).explain("unheard").worst.dollars == dollars
