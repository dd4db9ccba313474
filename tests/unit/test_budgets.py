"""How large a request is taken to be beforehand, and how that is put right afterwards."""

from decimal import Decimal

import pytest

from src.policy.budgets import Size, corrections
from src.policy.costs import Price
from src.policy.limits import Limit, Rule, charges


@pytest.mark.parametrize(("route", "body", "tokens"), [
    ("chat", b'{"max_tokens": 100}', 5 + 100),
    ("chat", b'{"max_completion_tokens":7}', 7 + 7),
    ("responses", b'{"max_output_tokens" : 9}', 7 + 9),
    ("chat", b'{"a": "say \\"max_tokens\\": 5"}', 8 + 1024),
    ("chat", b"{}", 1 + 1024),
    ("embeddings", b'{"input": "1234"}', 5),
    ("count_tokens", b"1234", 1),
])
def test_a_request_is_a_fourth_of_its_bytes_and_what_the_answer_may_be(route, body, tokens) -> None:
    assert Size.of(route, body).tokens() == tokens


def test_answers_are_as_long_as_usual_where_nobody_says() -> None:
    assert Size.of("chat", b"1234").tokens(usual=30) == 31
    assert Size.of("chat", b'{"max_tokens": 4}').tokens(usual=30) == 9


def test_the_length_of_a_form_says_nothing() -> None:
    assert Size.of("transcriptions", b"x" * 1_000_000, form=True).tokens() == 1024


def test_the_cost_is_estimated_upwards_and_unknown_without_a_price() -> None:
    size = Size(1, 1)
    assert size.micros(Price(Decimal(1), Decimal(1))) == 1
    assert size.micros(Price(Decimal(1_000_000), Decimal(2_000_000))) == 3
    assert size.micros(Price(Decimal(0), Decimal(0))) == 0
    assert size.micros(None) is None


@pytest.mark.parametrize(("tokens", "micros", "expected"), [
    (30, 5, {"tpm": -70, "budget_micros": -35}), (150, 40, {"tpm": 50}), (None, None, {}), (0, None, {"tpm": -100}),
])
def test_reservations_become_what_was_used_and_unknown_stays_reserved(tokens, micros, expected) -> None:
    limit = Limit("a", "model", "m", rpm=1, tpm=1000, budget_micros=100)
    found = corrections(charges([Rule(limit, "m")], 100, 40, 0.0), tokens, micros)
    assert {change.charge.measure.field: change.by for change in found} == expected
