"""Flags: what counts as using a feature, and which of several rows decides."""

from typing import Any

import pytest

from src.policy.flags import ENFORCED, Flag, Scope, forbidden, is_on

IMAGE = [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}]
TEXT = [{"role": "user", "content": "hello"}]


@pytest.mark.parametrize("name, kind, body, uses", [
    ("enable_streaming", "chat", {"stream": True}, True),
    ("enable_streaming", "chat", {"stream": False}, False),
    ("enable_streaming", "chat", {}, False),
    ("enable_tool_use", "chat", {"tools": [{}]}, True),
    ("enable_tool_use", "chat", {"functions": [{}]}, True),
    ("enable_tool_use", "chat", {"tools": []}, False),
    ("enable_vision", "chat", {"messages": IMAGE}, True),
    ("enable_vision", "chat", {"messages": TEXT}, False),
    ("enable_vision", "chat", {"messages": "x"}, False),
    ("enable_vision", "chat", {"messages": ["x", {"content": None}, {"content": ["x"]}]}, False),
    ("enable_vision", "messages", {"messages": [{"content": [{"type": "image", "source": {}}]}]}, True),
    ("enable_vision", "messages", {"messages": [{"content": [
        {"type": "tool_result", "content": [{"type": "image"}]}]}]}, True),
    ("enable_vision", "responses", {"input": [{"content": [{"type": "input_image"}]}]}, True),
    ("enable_vision", "responses", {"input": [{"type": "input_image"}]}, True),
    ("enable_vision", "responses", {"input": "text"}, False),
    ("enable_reasoning", "chat", {"reasoning_effort": "low"}, True),
    ("enable_reasoning", "messages", {"thinking": {"type": "enabled"}}, True),
    ("enable_vision", "responses", {"input": [
        {"type": "function_call_output", "output": [{"type": "input_image"}]}]}, True),
    ("enable_vision", "responses", {"input": [{"type": "function_call_output", "output": "text"}]}, False),
    ("enable_vision", "responses", {"input": TEXT, "messages": IMAGE}, False),
    ("enable_vision", "messages", {"messages": [{"content": [{"type": "tool_result", "content": ["image"]}]}]}, False),
    ("enable_reasoning", "chat", {}, False),
    ("enable_reasoning", "responses", {"reasoning": {"effort": "low"}}, True),
    ("enable_reasoning", "messages", {"thinking": {"type": "disabled"}}, False),
    ("enable_reasoning", "messages", {"thinking": "on"}, True),
    ("enable_reasoning", "messages", {"output_config": {"effort": "low"}}, True),
    ("enable_reasoning", "messages", {"output_config": {"format": {}}}, False),
    ("enable_structured_output", "chat", {"response_format": {"type": "text"}}, False),
    ("enable_structured_output", "chat", {"response_format": None}, False),
    ("enable_structured_output", "responses", {"text": {"format": {"type": "json_schema"}}}, True),
    ("enable_structured_output", "responses", {"text": {"format": {"type": "text"}, "verbosity": "low"}}, False),
    ("enable_structured_output", "responses", {"text": "x"}, False),
    ("enable_structured_output", "messages", {"output_format": {"type": "json_schema"}}, True),
    ("enable_structured_output", "messages", {"output_config": {"format": {"type": "json_schema"}}}, True),
    ("enable_structured_output", "messages", {"output_config": {"effort": "low"}}, False),
    ("enable_structured_output", "chat", {"response_format": {"type": "json_object"}}, True),
    ("enable_embeddings", "embeddings", {}, True),
    ("enable_embeddings", "chat", {}, False),
    ("enable_image_generation", "images_edits", {}, True),
    ("enable_image_generation", "images_generations", {}, True),
    ("enable_image_generation", "chat", {}, False),
    ("enable_audio", "speech", {}, True),
    ("enable_audio", "transcriptions", {}, True),
    ("enable_audio", "chat", {}, False),
])
def test_a_feature_that_is_off_forbids_exactly_the_requests_that_use_it(name: str, kind: str, body: dict[str, Any],
                                                                        uses: bool) -> None:
    assert forbidden(kind, body, {name: (Flag(name, False),)}, Scope()) == (name if uses else None)
    assert forbidden(kind, body, {name: (Flag(name, True),)}, Scope()) is None


ROWS = {
    "everywhere": Flag("f", False),
    "tier": Flag("f", True, tier="gold"),
    "endpoint": Flag("f", False, endpoint="e"),
    "environment": Flag("f", True, environment="dev"),
    "both": Flag("f", True, tier="gold", endpoint="e"),
}


@pytest.mark.parametrize("rows, scope, on", [
    ([], Scope(), True),
    (["everywhere"], Scope(), False),
    (["everywhere", "tier"], Scope(), False),
    (["everywhere", "tier"], Scope(tier="gold"), True),
    (["tier", "everywhere"], Scope(tier="silver"), False),
    (["everywhere", "environment"], Scope(environment="dev"), True),
    (["tier", "endpoint"], Scope(tier="gold", endpoint="e"), False),
    (["environment", "endpoint"], Scope(environment="dev", endpoint="e"), False),
    (["tier", "endpoint", "both"], Scope(tier="gold", endpoint="e"), True),
    (["tier"], Scope(), True),
])
def test_the_most_specific_row_wins_in_any_order(rows: list[str], scope: Scope, on: bool) -> None:
    flags = [ROWS[name] for name in rows]
    assert is_on("f", flags, scope) is on
    assert is_on("f", reversed(flags), scope) is on


def test_flags_that_the_gateway_does_not_enforce_forbid_nothing() -> None:
    assert "beta" not in ENFORCED
    assert forbidden("chat", {"stream": True}, {"beta": (Flag("beta", False),)}, Scope()) is None
