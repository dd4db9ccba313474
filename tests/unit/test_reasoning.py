"""What becomes of `reasoning` and `thinking` on the way to a chat upstream."""

from typing import Any

import pytest

from src.policy.reasoning import effort_of_reasoning, effort_of_thinking, nearest, translate


@pytest.mark.parametrize(("value", "effort"), [
    ({"effort": "high"}, "high"),
    ({"effort": "HIGH", "summary": "auto"}, "high"),
    ({"effort": "none"}, "none"),
    ({"max_tokens": 12_000}, "high"),
    ({"max_tokens": 5_000}, "medium"),
    ({"max_tokens": 4_999}, "low"),
    ({"max_tokens": 1}, "minimal"),
    ({"max_tokens": True}, None),
    ({"enabled": True}, None),
    ({"enabled": False, "effort": "high"}, None),
    ({"exclude": True}, None),
    ({"effort": None}, None),
    ({}, None), ("high", None), (None, None), ([], None),
])
def test_a_reasoning_object_asks_for_an_effort(value: Any, effort: str | None) -> None:
    assert effort_of_reasoning(value) == effort


@pytest.mark.parametrize(("value", "config", "effort"), [
    ({"type": "enabled", "budget_tokens": 2_500}, None, "low"),
    ({"type": "enabled", "budget_tokens": 32_000}, None, "high"),
    ({"type": "adaptive"}, {"effort": "medium"}, "medium"),
    ({"type": "adaptive"}, {"effort": "max"}, "xhigh"),
    ({"type": "adaptive"}, None, None),
    ({"type": "enabled"}, None, None),
    ({"type": "disabled"}, {"effort": "high"}, None),
    ("enabled", None, None),
])
def test_thinking_asks_for_an_effort(value: Any, config: Any, effort: str | None) -> None:
    assert effort_of_thinking(value, config) == effort


@pytest.mark.parametrize(("level", "levels", "sent"), [
    ("high", ("low", "medium", "high"), "high"),
    ("minimal", ("low", "medium", "high"), "low"),
    ("xhigh", ("low", "high"), "high"),
    ("medium", ("low", "high"), "low"),
    ("low", (), "low"),
    ("none", ("low",), None),
    ("banana", ("low",), None),
])
def test_the_nearest_accepted_level_is_sent(level: str, levels: tuple[str, ...], sent: str | None) -> None:
    assert nearest(level, levels) == sent


@pytest.mark.parametrize(("wanted", "sent", "accepts", "effort"), [
    ("high", False, True, "high"),
    ("high", False, None, "high"),
    ("high", False, False, None),
    ("high", True, True, None),
    ("none", False, True, None),
    (None, False, True, None),
])
def test_it_is_translated_where_the_model_accepts_it_and_the_client_sent_none(
        wanted: str | None, sent: bool, accepts: bool | None, effort: str | None) -> None:
    change = translate(wanted, sent, accepts, ("low", "high"))
    assert (change.effort, change.dropped) == (effort, effort is None)
