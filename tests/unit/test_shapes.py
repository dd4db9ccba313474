"""Bodies of a form on which LiteLLM's code would break are refused, and no others."""

import pytest

from src.policy.shapes import misshapen

from .guard_support import CHAT, World

ASKED = {"role": "user", "content": "hi"}


@pytest.mark.parametrize(("kind", "body", "param", "what"), [
    ("chat", {"messages": "hi"}, "messages", "an array"),
    ("chat", {"messages": {"role": "user"}}, "messages", "an array"),
    ("chat", {"messages": 0}, "messages", "an array"),
    ("chat", {"messages": [ASKED, "hi"]}, "messages[1]", "an object"),
    ("chat", {"messages": [None]}, "messages[0]", "an object"),
    ("chat", {"messages": [{"role": "user", "content": 5}]}, "messages[0].content", "a string or an array"),
    ("chat", {"messages": [{"role": "user", "content": {"text": "hi"}}]}, "messages[0].content",
     "a string or an array"),
    ("chat", {"messages": [ASKED], "tools": "search"}, "tools", "an array"),
    ("chat", {"messages": [ASKED], "tools": [{}, 1]}, "tools[1]", "an object"),
    ("messages", {"messages": "hi"}, "messages", "an array"),
    ("count_tokens", {"messages": [1]}, "messages[0]", "an object"),
    ("responses", {"input": 5}, "input", "a string or an array"),
    ("responses", {"input": "hi", "tools": {}}, "tools", "an array"),
    ("completions", {"prompt": {"text": "hi"}}, "prompt", "a string or an array"),
])
def test_a_form_that_nobody_can_read_is_named(kind: str, body: dict[str, object], param: str, what: str) -> None:
    assert misshapen(kind, body) == (param, f"'{param}' must be {what}.")


@pytest.mark.parametrize(("kind", "body"), [
    ("chat", {"messages": [ASKED, {"role": "assistant", "content": None, "tool_calls": []}, {"role": "user"}]}),
    ("chat", {"messages": [{"role": "user", "content": [{"type": "text", "text": "hi"}]}], "tools": []}),
    ("chat", {"messages": []}), ("chat", {"messages": None, "tools": None}), ("chat", {}),
    ("messages", {"system": [{"type": "text", "text": "x"}], "messages": [ASKED], "tools": [{"name": "x"}]}),
    ("responses", {"input": "hi"}), ("responses", {"input": [ASKED, "hi"]}),
    ("completions", {"prompt": "hi"}), ("completions", {"prompt": [1, 2]}), ("completions", {"prompt": ["a", "b"]}),
    ("embeddings", {"input": 5, "messages": 5}), ("speech", {"input": "hi"}),
])
def test_what_somebody_may_read_passes(kind: str, body: dict[str, object]) -> None:
    assert misshapen(kind, body) is None


def test_the_client_is_told_before_any_model_is_asked() -> None:
    answered = World().ask(body={**CHAT, "messages": "hi"})
    assert (answered.status, answered.json()["error"]) == (400, {
        "message": "'messages' must be an array.", "type": "invalid_request_error", "param": "messages",
        "code": "invalid_type"})
