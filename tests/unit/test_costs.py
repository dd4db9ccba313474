"""Costs are whole numbers, and what nobody knows is unknown, never zero."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.policy.costs import Cost, Price, Usage, cost, declared_price, map_price

GPT5 = Price(Decimal(1_250_000), Decimal(10_000_000), Decimal(125_000))


@pytest.mark.parametrize(("usage", "price", "pico", "state"), [
    (Usage(1000, 500), GPT5, 1000 * 1_250_000 + 500 * 10_000_000, "priced"),
    (Usage(1000, 0, cached=400), GPT5, 600 * 1_250_000 + 400 * 125_000, "priced"),
    (Usage(1000, 0, cached=400), Price(Decimal(2), Decimal(3)), 2000, "priced"),
    (Usage(10, 0, cached=99), GPT5, 10 * 125_000, "priced"),
    (Usage(7, None), Price(Decimal(20_000), None), 140_000, "priced"),
    (Usage(7, 5), Price(Decimal(0), Decimal(0)), 0, "free"),
    (Usage(7, 5), Price(Decimal(20_000), None), None, "unknown"),
    (Usage(7, 5), Price(None, Decimal(20_000)), None, "unknown"),
    (Usage(7, 5), None, None, "unknown"),
    (Usage(), GPT5, None, "unknown"),
    (Usage(0, 0), GPT5, 0, "priced"),
])
def test_a_request_costs(usage: Usage, price: Price | None, pico: int | None, state: str) -> None:
    assert cost(usage, price) == Cost(pico, state)  # type: ignore[arg-type]


@pytest.mark.parametrize("claimed", [-1, True, 2.5, float("nan"), "7", [1], {}])
@pytest.mark.parametrize("name", ["prompt", "completion", "cached", "reasoning"])
def test_what_is_no_count_costs_nothing_that_is_known(name: str, claimed: Any) -> None:
    assert cost(Usage(**{"prompt": 5, "completion": 5, name: claimed}), GPT5) == Cost(None, "unknown")


@pytest.mark.parametrize(("pico", "micros"), [
    (None, None), (0, 0), (499_999, 0), (500_000, 1), (1_499_999, 1), (151_250_000, 151),
])
def test_micro_dollars_are_rounded_half_up(pico: int | None, micros: int | None) -> None:
    assert Cost(pico, "priced").micros == micros


@pytest.mark.parametrize(("prompt", "completion", "price"), [
    (None, None, None),
    (150_000, 600_000, Price(Decimal(150_000), Decimal(600_000))),
    (150_000, None, Price(Decimal(150_000), None)),
])
def test_the_operators_price_is_micro_dollars_per_million_tokens(prompt: int | None, completion: int | None,
                                                                 price: Price | None) -> None:
    assert declared_price(prompt, completion) == price


@pytest.mark.parametrize(("entry", "price"), [
    ({"input_cost_per_token": 1.25e-06, "output_cost_per_token": 1e-05, "cache_read_input_token_cost": 1.25e-07}, GPT5),
    ({"input_cost_per_token": 2e-08, "output_cost_per_token": 0.0}, Price(Decimal(20_000), Decimal(0))),
    ({"output_cost_per_token": None}, None),
    ({"input_cost_per_token": "many"}, None),
    ({"input_cost_per_token": float("nan")}, None),
    ({"input_cost_per_token": -1}, None),
    ({"mode": "image_generation", "output_cost_per_image": 0.04}, None),
    ({}, None), (None, None),
])
def test_litellms_map_is_read_exactly(entry: dict[str, Any] | None, price: Price | None) -> None:
    assert map_price(entry) == price


@given(st.integers(0, 10**9), st.integers(0, 10**9), st.integers(1, 10**12), st.integers(1, 10**12))
def test_no_token_is_rounded_away(prompt: int, completion: int, first: int, second: int) -> None:
    found = cost(Usage(prompt, completion), Price(Decimal(first), Decimal(second)))
    assert found.pico == prompt * first + completion * second
