"""Tokens and prices from what LiteLLM logs."""

from decimal import Decimal
from typing import Any

import pytest

from src.hooks.callback_usage import fill, price_of, usage_of
from src.hooks.ledger_entry import COST, PRICE
from src.hooks.planview import ModelView
from src.hooks.record import RequestRecord
from src.policy.costs import Known, Price, Usage

DETAILS = {"prompt_tokens_details": {"cached_tokens": 4}, "completion_tokens_details": {"reasoning_tokens": 3}}


@pytest.mark.parametrize(("logged", "usage"), [
    ({"prompt_tokens": 10, "completion_tokens": 5, "metadata": {"usage_object": DETAILS}}, Usage(10, 5, 4, 3)),
    ({"prompt_tokens": 10, "completion_tokens": 5, "metadata": None}, Usage(10, 5)),
    ({"prompt_tokens": 7, "completion_tokens": 0}, Usage(7, 0)),
    ({"prompt_tokens": 0, "completion_tokens": 7}, Usage(0, 7)),
    ({"prompt_tokens": 7, "completion_tokens": 0, "metadata": {"usage_object": {
        "prompt_tokens_details": None, "completion_tokens_details": {"reasoning_tokens": "3"}}}}, Usage(7, 0)),
    ({"prompt_tokens": 7, "completion_tokens": 0, "metadata": {"usage_object": {"prompt_tokens_details": 3}}},
     Usage(7, 0)),
    ({"prompt_tokens": 0, "completion_tokens": 0, "metadata": {"usage_object": DETAILS}}, Usage()),
    ({}, Usage()),
])
def test_tokens_are_those_that_were_counted(logged: dict[str, Any], usage: Usage) -> None:
    assert usage_of(logged) == usage


def model(name: str, provider: str = "openai", key: str | None = "KEY", **more: Any) -> ModelView:
    return ModelView("k", "k", "k", provider=provider, model=f"{provider}/{name}", key_env=key, **more)


@pytest.mark.parametrize(("view", "known"), [
    (model("gpt-5"), True),
    (model("mistral-small-latest", "mistral"), True),
    (model("gpt-5", key=None), False),
    (model("mistral-small-latest"), False),
    (model("nobody-knows-this"), False),
    (ModelView("k", "k", "k", key_env="KEY"), False),
    (None, False),
])
def test_litellms_price_counts_for_exactly_this_provider_and_model(view: ModelView | None, known: bool) -> None:
    assert (price_of(view) is not None) == known


def test_the_operators_price_wins() -> None:
    view = model("gpt-5", input_cost_micros=5, output_cost_micros=7)
    assert price_of(view) == Known(Price(Decimal(5), Decimal(7)), "environment")


def test_a_record_holds_every_count_and_the_exact_cost_with_its_price() -> None:
    record, view = RequestRecord("r"), model("m", input_cost_micros=1_000_000, output_cost_micros=2_000_000)
    total = fill(record, Usage(10, 5, 4, 3), view)
    assert (record.prompt_tokens, record.completion_tokens) == (10, 5)
    assert (record.cached_tokens, record.reasoning_tokens) == (4, 3)
    assert (record.cost_micros, total.micros, record.extra[COST]) == (20, 20, total)
    assert record.extra[PRICE] == price_of(view)


def test_unknown_is_null_and_never_zero() -> None:
    record = RequestRecord("r")
    fill(record, Usage(10, 5), model("nobody-knows-this"))
    assert (record.prompt_tokens, record.cost_micros, record.cost_state) == (10, None, "unknown")
    fill(record, Usage(1_000_000, 0), model("x", input_cost_micros=1_250_000, output_cost_micros=0))
    assert (record.cost_micros, record.cost_state) == (1_250_000, "priced")


def test_a_price_that_was_found_holds_for_this_plan_and_this_model_alone() -> None:
    priced = {"registry": {"prices": [{"provider": "own", "model": "m", "input_micros": 1, "output_micros": 2}]}}
    plans: list[dict[str, Any]] = [{}, priced, {}, priced]
    view = model("m", "own")
    assert [price_of(view, plan) is not None for plan in plans for _ in range(2)] == [False, False, True, True] * 2
    assert price_of(model("n", "own"), priced) is None
    moved = {**priced, "sources": {"k": "registry"}}
    declared = model("m", "own", input_cost_micros=5, output_cost_micros=7)
    assert [known.source for plan in (priced, moved) if (known := price_of(declared, plan))] == [
        "environment", "registry"]
