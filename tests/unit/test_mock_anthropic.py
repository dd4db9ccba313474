"""The mock speaks Anthropic's messages API: plain, streamed, with tools, and in its errors."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from src.mock.server import Fault, MockUpstream

HELLO = [{"role": "user", "content": "Hello"}]
TOOLS = [{"name": "look_up", "input_schema": {"properties": {"word": {"type": "string"}}}}]


@pytest.fixture(scope="module")
def upstream() -> Iterator[MockUpstream]:
    with MockUpstream() as mock:
        yield mock


def ask(upstream: MockUpstream, **body: Any) -> httpx.Response:
    upstream.reset()
    for name, fault in (("broken", Fault(breaks="error", after=1)), ("busy", Fault(status=529, echo_key=True))):
        upstream.faults[name] = fault
    with httpx.Client(trust_env=False) as client:
        return client.post(f"{upstream.url}/messages", headers={"x-api-key": "key"},
                           json={"model": "claude", "max_tokens": 64, "messages": HELLO, **body})


def events(text: str) -> list[dict[str, Any]]:
    return [json.loads(line.removeprefix("data: ")) for line in text.splitlines() if line.startswith("data: ")]


def test_a_message_counts_its_tokens_and_names_its_end(upstream: MockUpstream) -> None:
    said = ask(upstream, system=[{"type": "text", "text": "Be brief."}]).json()
    assert "mock upstream answering as claude" in said["content"][0]["text"] and said["stop_reason"] == "end_turn"
    assert said["usage"]["input_tokens"] == 4 and said["usage"]["output_tokens"] > 0
    assert ask(upstream, max_tokens=2).json()["stop_reason"] == "max_tokens"
    assert ask(upstream, thinking={"budget_tokens": 1024}).json()["usage"]["output_tokens"] > 64 // 2
    assert upstream.requests[0].key == "key"


def test_a_stream_has_the_same_text_in_pieces(upstream: MockUpstream) -> None:
    sent = events(ask(upstream, stream=True).text)
    kinds = [event["type"] for event in sent]
    assert kinds[:2] == ["message_start", "content_block_start"]
    assert kinds[-3:] == ["content_block_stop", "message_delta", "message_stop"]
    text = "".join(event["delta"]["text"] for event in sent if event["type"] == "content_block_delta")
    assert text == ask(upstream).json()["content"][0]["text"] and kinds.count("content_block_delta") > 5


@pytest.mark.parametrize("choice", [{"type": "any"}, {"type": "tool", "name": "look_up"}])
def test_a_required_tool_is_called(upstream: MockUpstream, choice: dict[str, str]) -> None:
    said = ask(upstream, tools=TOOLS, tool_choice=choice).json()
    assert (said["stop_reason"], said["content"][0]["name"]) == ("tool_use", "look_up")
    sent = events(ask(upstream, tools=TOOLS, tool_choice=choice, stream=True).text)
    pieces = [event["delta"]["partial_json"] for event in sent if event["type"] == "content_block_delta"]
    assert json.loads("".join(pieces)) == said["content"][0]["input"] == {"word": "mock"}
    assert ask(upstream, tools=TOOLS, tool_choice={"type": "auto"}).json()["stop_reason"] == "end_turn"


@pytest.mark.parametrize(("body", "status", "kind"), [
    ({"messages": []}, 400, "invalid_request_error"), ({"model": "busy"}, 529, "overloaded_error"),
    ({"tools": TOOLS, "tool_choice": {"type": "tool", "name": "other"}}, 400, "invalid_request_error"),
])
def test_errors_have_anthropics_shape(upstream: MockUpstream, body: dict[str, Any], status: int, kind: str) -> None:
    reply = ask(upstream, **body)
    assert (reply.status_code, reply.json()["type"], reply.json()["error"]["type"]) == (status, "error", kind)


def test_a_broken_stream_ends_with_an_error_event(upstream: MockUpstream) -> None:
    assert events(ask(upstream, model="broken", stream=True).text)[-1]["error"]["type"] == "api_error"
