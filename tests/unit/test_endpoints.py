"""What an endpoint adds to a request, in the words of its route, and where it works."""

from typing import Any

import pytest

from src.policy.endpoints import Endpoint, Tool

SCHEMA = {"type": "object"}
TOOL = Tool("f", SCHEMA, "does it")
FULL = Endpoint("e", "m", temperature=0.0, max_tokens=5, top_p=1.0, tools=(TOOL, Tool("g", {})))
SAMPLING = {"temperature": 0.0, "top_p": 1.0}
FOR_CHAT = [{"type": "function", "function": {"name": "f", "description": "does it", "parameters": SCHEMA}},
            {"type": "function", "function": {"name": "g", "parameters": {}}}]


@pytest.mark.parametrize(("kind", "added"), [
    ("chat", {"max_tokens": 5, **SAMPLING, "tools": FOR_CHAT}),
    ("completions", {"max_tokens": 5, **SAMPLING}),
    ("messages", {"max_tokens": 5, **SAMPLING, "tools": [
        {"name": "f", "description": "does it", "input_schema": SCHEMA}, {"name": "g", "input_schema": {}}]}),
    ("responses", {"max_output_tokens": 5, **SAMPLING, "tools": [
        {"type": "function", "name": "f", "description": "does it", "parameters": SCHEMA},
        {"type": "function", "name": "g", "parameters": {}}]}),
    *((kind, {}) for kind in ("count_tokens", "embeddings", "images_generations", "images_edits", "speech",
                              "transcriptions")),
])
def test_each_route_is_given_what_it_has_words_for(kind: str, added: dict[str, Any]) -> None:
    body: dict[str, Any] = {}
    FULL.add_defaults(kind, body)
    assert body == added


@pytest.mark.parametrize(("kind", "body", "expected"), [
    ("chat", {"temperature": None, "top_p": None, "max_tokens": None, "tools": None},
     {"max_tokens": 5, **SAMPLING, "tools": FOR_CHAT}),
    ("chat", {"temperature": 0, "top_p": 0, "max_tokens": 0, "tools": []},
     {"temperature": 0, "top_p": 0, "max_tokens": 0, "tools": FOR_CHAT}),
    ("chat", {"max_completion_tokens": 9, "functions": [1]},
     {"max_completion_tokens": 9, "functions": [1], **SAMPLING}),
    ("chat", {"max_completion_tokens": None, "tools": [1]},
     {"max_completion_tokens": None, "max_tokens": 5, "tools": [1], **SAMPLING}),
    ("completions", {"max_completion_tokens": 9}, {"max_completion_tokens": 9, "max_tokens": 5, **SAMPLING}),
    ("responses", {"max_output_tokens": 9, "tools": [1]}, {"max_output_tokens": 9, "tools": [1], **SAMPLING}),
])
def test_what_the_client_says_itself_wins(kind: str, body: dict[str, Any], expected: dict[str, Any]) -> None:
    FULL.add_defaults(kind, body)
    assert body == expected


@pytest.mark.parametrize("kind", ["chat", "completions", "messages", "responses"])
def test_an_endpoint_without_defaults_adds_nothing(kind: str) -> None:
    body: dict[str, Any] = {"model": "m"}
    Endpoint("e", "m").add_defaults(kind, body)
    assert body == {"model": "m"}


@pytest.mark.parametrize(("path", "asked", "works"), [
    ("/chat/completions", "/v1/chat/completions", True), ("/chat/completions", "/chat/completions", False),
    ("/chat/completions", "/v1/responses", False), ("/messages", "/v1/messages", True),
    ("/messages", "/v1/messages/count_tokens", True), ("/responses", "/v1/messages/count_tokens", False),
    ("/messages/count_tokens", "/v1/messages", False),
])
def test_an_endpoint_works_on_its_path_alone(path: str, asked: str, works: bool) -> None:
    assert Endpoint("e", "m", path).works_on(asked) is works
