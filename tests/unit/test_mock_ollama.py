"""The mock speaks Ollama's own API: one JSON object per line."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from src.mock.server import Fault, MockUpstream

HELLO = {"messages": [{"role": "user", "content": "Hello"}]}
ASKED = [("api/chat", HELLO), ("api/generate", {"prompt": "Hello", "system": "Be brief."})]


@pytest.fixture(scope="module")
def upstream() -> Iterator[MockUpstream]:
    with MockUpstream() as mock:
        mock.faults["broken"] = Fault(breaks="error", after=1)
        yield mock


def ask(upstream: MockUpstream, path: str, body: dict[str, Any]) -> httpx.Response:
    with httpx.Client(trust_env=False) as client:
        return client.post(f"{upstream.url.removesuffix('/v1')}/{path}", json={"model": "llama3.1", **body})


def said(line: dict[str, Any]) -> str:
    return str(line.get("response", line.get("message", {}).get("content")))


@pytest.mark.parametrize(("path", "body"), ASKED)
def test_plain_and_streamed_answers_are_the_same(upstream: MockUpstream, path: str, body: dict[str, Any]) -> None:
    whole = ask(upstream, path, {**body, "stream": False}).json()
    assert whole["done"] is True and whole["done_reason"] == "stop" and whole["prompt_eval_count"] > 0
    lines = [json.loads(line) for line in ask(upstream, path, {**body, "stream": True}).text.splitlines()]
    assert "".join(map(said, lines)) == said(whole) and len(lines) > 5
    assert [line["done"] for line in lines] == [False] * (len(lines) - 1) + [True]
    assert lines[-1]["eval_count"] == whole["eval_count"]
    short = ask(upstream, path, {**body, "stream": False, "options": {"num_predict": 2}}).json()
    assert short["done_reason"] == "length"


def test_errors_are_told_in_either_way(upstream: MockUpstream) -> None:
    assert ask(upstream, "api/chat", {"messages": []}).status_code == 400
    broken = ask(upstream, "api/chat", {**HELLO, "model": "broken", "stream": True}).text.splitlines()
    assert json.loads(broken[-1]) == {"error": "The mock broke off."}
