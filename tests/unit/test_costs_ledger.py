"""Whose price counts: the environment's, then the registry's, then LiteLLM's for exactly this provider and model."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from src.cli.ledger_prices import PriceBook, with_price_note
from src.config.database import parse_database_url
from src.config.plan import LaunchPlan
from src.policy.costs import Cost, Deployment, Known, Price, Prices, Usage, cost

from .declaring import declared

LITELLM = {"gpt-5": {"input_cost_per_token": 1.25e-06, "output_cost_per_token": 1e-05, "litellm_provider": "openai"},
           "groq/llama": {"input_cost_per_token": 1e-07, "output_cost_per_token": 2e-07},
           "sample": "not an entry", "openai/odd": ["no entry"]}
ROW = {"alias": "gpt", "provider": "openai", "model": "gpt-5", "input_micros": 3, "output_micros": 4,
       "cached_input_micros": 1, "reasoning_micros": 9}


def model(name: str = "openai/gpt-5", key: str | None = "KEY", prompt: int | None = None, **more: Any) -> Deployment:
    return Deployment(**{"alias": "gpt", "model": name, "provider": name.partition("/")[0], "key_env": key,
                         "input_cost_micros": prompt, "output_cost_micros": prompt, **more})


@pytest.mark.parametrize(("asked", "declared_in", "rows", "source", "prompt"), [
    (model(prompt=7), "environment", (ROW,), "environment", 7),
    (model(prompt=0), "--model-spec #1", (ROW,), "environment", 0),
    (model(prompt=7), "registry ai_models row 1", (ROW,), "registry", 3),
    (model(prompt=7), "registry ai_models row 1", (), "registry", 7),
    (model(), "environment", (ROW,), "registry", 3),
    (model(), "environment", ({**ROW, "alias": "x", "input_micros": 5}, ROW), "registry", 3),
    (model(alias="unlisted"), "environment", ({**ROW, "input_micros": 5},), "registry", 5),
    (model(), "environment", ({**ROW, "input_micros": None, "output_micros": None},), "litellm", 1_250_000),
    (model(), "environment", (), "litellm", 1_250_000),
    (model("groq/llama"), "environment", (), "litellm", 100_000),
    (model(key=None), "environment", (), None, None),
    (model("mistral/gpt-5"), "environment", (), None, None),
    (model("openai/odd"), "environment", (), None, None),
    (model("openai/sample"), "environment", (), None, None),
    (model("openai/new"), "environment", (), None, None),
])
def test_the_price_is(asked: Deployment, declared_in: str, rows: tuple[Any, ...], source: str | None,
                      prompt: int | None) -> None:
    found = Prices(rows, LITELLM).find(asked, declared_in)
    assert (found and found.source, found and found.price.prompt) == (source, prompt)


def test_prices_are_kept_as_plain_decimal_text() -> None:
    price = Price(Decimal("1.250E+6"), Decimal("0.00000012"), None, Decimal(0))
    assert Known(price, "litellm").parts() == ["litellm", "1250000", "0.00000012", None, "0"]


@pytest.mark.parametrize(("usage", "pico"), [
    (Usage(0, 10, reasoning=4), 6 * 2 + 4 * 5), (Usage(0, 10, reasoning=99), 50), (Usage(0, 10), 20),
])
def test_reasoning_has_a_price_of_its_own_where_one_is_known(usage: Usage, pico: int) -> None:
    assert cost(usage, Price(Decimal(1), Decimal(2), None, Decimal(5))) == Cost(pico, "priced")


# --- what is told at the start ------------------------------------------------------------------------------------


def plan_of(*keys: str, database: str = "sqlite:///x.db", **more: str) -> LaunchPlan:
    environ = {"PROXY_MODEL_KEYS": ",".join(keys), "OPENAI_API_KEY": "some-key", **more}
    environ |= {f"MODEL_{key.upper()}_UPSTREAM_MODEL": f"nobody-knows-{key}" for key in keys}
    return declared(environ, database=parse_database_url(database, Path("/")))


def test_unpriced_models_are_told_at_the_start() -> None:
    (note,) = with_price_note(plan_of("one", "two", MODEL_TWO_INPUT_COST="1", MODEL_TWO_OUTPUT_COST="1")).notes
    assert note.startswith("no price is known for nobody-knows-one: costs stay unknown")
    (note,) = with_price_note(plan_of("a", "b", "c", "d", "e", "f", "g")).notes
    assert "nobody-knows-e and 2 more" in note
    (note,) = with_price_note(plan_of("a", "b", "c", "d", "e")).notes
    assert "nobody-knows-e: costs" in note and "more" not in note


@pytest.mark.parametrize("plan", [
    plan_of("one", database="off"), plan_of("one", GATEWAY_LEDGER="off"),
    plan_of("one", MODEL_ONE_INPUT_COST="0", MODEL_ONE_OUTPUT_COST="0")], ids=["no database", "off", "free"])
def test_where_nothing_is_missing_nothing_is_told(plan: LaunchPlan) -> None:
    assert with_price_note(plan).notes == ()


def test_a_model_that_nobody_declares_any_more_has_no_price() -> None:
    book = PriceBook(plan_of("one", MODEL_ONE_INPUT_COST="1", MODEL_ONE_OUTPUT_COST="1"))
    own = {"deployment": "one", "model": "openai/nobody-knows-one"}
    found = [book.find(row) for row in (own, {**own, "deployment": None}, {**own, "model": "openai/other"})]
    assert [known and known.source for known in found] == ["environment", "environment", None]
