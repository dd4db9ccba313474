"""`--log-format text`: a request line for people, one line whatever a client sent, unknown never shown as 0."""

import pytest

from src.hooks.linelog import text_line
from src.hooks.record import Attempt, RequestRecord


def answered(**more: object) -> RequestRecord:
    """Return the record of an answered request with ``more`` on top."""
    record = RequestRecord("r-1", alias="gpt-5", model="openai/gpt-5", status=200, prompt_tokens=3,
                           completion_tokens=14, cost_micros=21, client_key="master")
    for name, value in more.items():
        setattr(record, name, value)
    return record


def test_an_answer_names_model_tokens_cost_and_id() -> None:
    text = text_line(answered().to_line())
    for part in ("  200  ", "gpt-5 -> openai/gpt-5", "3+14 tokens", "21 micro-dollars", "key master", "id r-1"):
        assert part in text


@pytest.mark.parametrize(("field", "shown"), [
    ("prompt_tokens", "-+14 tokens"), ("cost_micros", "cost unknown"), ("alias", "- -> openai/gpt-5"),
    ("client_key", "key -"), ("status", "  -  "),
])
def test_unknown_is_a_dash_never_a_zero(field: str, shown: str) -> None:
    assert shown in text_line(answered(**{field: None}).to_line())


def test_errors_drops_and_attempts_are_told() -> None:
    record = answered(status=500, error_type="upstream_error", error="answered 500", dropped={"user": None, "n": None})
    record.attempts.append(Attempt(deployment="gpt5", model="openai/gpt-5"))
    text = text_line(record.to_line())
    assert "error upstream_error: answered 500" in text and "dropped user,n" in text and "attempts 1" in text


def test_it_is_one_line_whatever_is_in_it() -> None:
    assert "\n" not in text_line(answered(error_type="x", error="a\nb\x1b[2J").to_line())
