"""What endpoints, templates and flags make of one request, and what a client may not do through them."""

from typing import Any

import pytest

from src.policy.flags import Scope
from src.policy.names import DeclaredNames
from src.policy.registry import NOTHING, Applied, Asked, Denied, Snapshot, apply

NAMES = DeclaredNames.of(["grok-3-mini", "gpt-5", "wild/*"])
SCHEMA = {"type": "object", "properties": {"q": {"type": "string"}}}
ROWS: dict[str, list[dict[str, Any]]] = {
    "tools": [{"name": "look_up", "schema": SCHEMA, "description": "Finds"}, {"name": "bare", "schema": {}}],
    "endpoints": [
        {"slug": "summary", "target": "grok-3-mini", "path": "/chat/completions", "temperature": 0.0, "max_tokens": 800,
         "top_p": 0.5, "streaming": True, "tools": ["look_up", "gone"]},
        {"slug": "answers", "target": "gpt-5", "path": "/responses", "max_tokens": 7, "tools": ["bare"]},
        {"slug": "claude", "target": "gpt-5", "path": "/messages", "max_tokens": 9, "tools": ["look_up"]},
        {"slug": "quiet", "target": "gpt-5", "streaming": False},
        {"slug": "lost", "target": "not-served"},
        {"slug": "wild/one", "target": "gpt-5"},
        {"slug": "gpt-5", "target": "grok-3-mini"},
        {"slug": "vectors", "target": "gpt-5", "path": "/embeddings", "temperature": 1.0},
    ],
    "prompts": [
        {"slug": "p", "version": 2, "endpoint": "summary", "system_prompt": "S", "user_template": "U {{x}}",
         "active": True, "share": None},
        {"slug": "p", "version": 3, "endpoint": None, "system_prompt": "B", "user_template": None, "active": False,
         "share": 50},
        {"slug": "free", "version": 1, "endpoint": None, "system_prompt": "F", "user_template": None, "active": True,
         "share": None},
    ],
    "flags": [{"name": "enable_vision", "enabled": False, "tier": None, "endpoint": None, "environment": "prod"},
              {"name": "enable_tool_use", "enabled": False, "tier": "free", "endpoint": "summary", "environment": None},
              {"name": "their_own", "enabled": False, "tier": None, "endpoint": None, "environment": None}],
}
SNAPSHOT = Snapshot.of(ROWS)
PATHS = {"chat": "/v1/chat/completions", "responses": "/v1/responses", "messages": "/v1/messages",
         "count_tokens": "/v1/messages/count_tokens", "embeddings": "/v1/embeddings"}


def ask(kind: str, body: dict[str, Any], who: str = "a", scope: Scope = Scope()) -> tuple[Applied, dict[str, Any]]:
    """Return what was applied and the body afterwards; "a" gets version 2 of the template, "b" version 3."""
    return apply(SNAPSHOT, Asked(kind, PATHS[kind], who, scope), body, NAMES), body


def denied(kind: str, body: dict[str, Any], scope: Scope = Scope()) -> Denied:
    with pytest.raises(Denied) as refused:
        ask(kind, body, scope=scope)
    return refused.value


def version_of(who: str) -> int | None:
    return ask("chat", {"model": "summary", "prompt_variables": {"x": "1"}}, who)[0].version


def test_an_endpoint_fills_in_what_the_client_leaves_out() -> None:
    user = next(str(n) for n in range(100) if version_of(str(n)) == 2)
    applied, body = ask("chat", {"model": "summary", "prompt_variables": {"x": "1"}}, user)
    assert applied == Applied("summary", "p", 2)
    assert body == {
        "model": "grok-3-mini", "temperature": 0.0, "max_tokens": 800, "top_p": 0.5,
        "messages": [{"role": "system", "content": "S"}, {"role": "user", "content": "U 1"}],
        "tools": [{"type": "function", "function": {"name": "look_up", "description": "Finds", "parameters": SCHEMA}}]}


@pytest.mark.parametrize("own", [
    {"max_tokens": 1}, {"max_completion_tokens": 1}, {"temperature": 1}, {"top_p": 1}, {"tools": [{"mine": 1}]},
    {"functions": [{"mine": 1}]},
])
def test_the_clients_own_parameters_win(own: dict[str, Any]) -> None:
    _, body = ask("chat", {"model": "summary", "prompt_variables": {"x": "1"}, **own})
    assert {name: body[name] for name in own} == own
    assert not ("max_completion_tokens" in own and "max_tokens" in body)
    assert not ("functions" in own and "tools" in body)


@pytest.mark.parametrize("kind, model, expected", [
    ("responses", "answers", {"model": "gpt-5", "max_output_tokens": 7,
                              "tools": [{"type": "function", "name": "bare", "parameters": {}}]}),
    ("messages", "claude", {"model": "gpt-5", "max_tokens": 9,
                            "tools": [{"name": "look_up", "description": "Finds", "input_schema": SCHEMA}]}),
    ("count_tokens", "claude", {"model": "gpt-5"}),
    ("embeddings", "vectors", {"model": "gpt-5"}),
    ("chat", "quiet", {"model": "gpt-5"}),
])
def test_each_route_gets_its_own_words(kind: str, model: str, expected: dict[str, Any]) -> None:
    assert ask(kind, {"model": model}) == (Applied(model), expected)


@pytest.mark.parametrize("body", [{"model": "gpt-5"}, {"model": "unknown"}, {"model": None}, {}, {"model": ["summary"]},
                                  {"model": "wild/other", "stream": True}])
def test_everything_else_is_left_alone(body: dict[str, Any]) -> None:
    before = dict(body)
    assert ask("chat", body) == (NOTHING, before)


def test_an_endpoint_is_found_before_a_wildcard_and_after_a_model() -> None:
    assert ask("chat", {"model": "wild/one"})[1]["model"] == "gpt-5"
    assert ask("chat", {"model": "gpt-5"})[1]["model"] == "gpt-5"


@pytest.mark.parametrize("kind, body, status, said", [
    ("embeddings", {"model": "summary"}, 404, "works on /v1/chat/completions only"),
    ("chat", {"model": "lost"}, 404, "is not served"),
    ("chat", {"model": "quiet", "stream": True}, 403, "Streaming is switched off for the endpoint 'quiet'"),
    ("chat", {"model": "gpt-5", "prompt_id": "nothing"}, 404, "'nothing' does not exist"),
    ("chat", {"model": "gpt-5", "prompt_id": ["p"]}, 404, "does not exist"),
    ("chat", {"model": "gpt-5", "prompt_id": "x" * 999}, 404, "does not exist"),
    ("embeddings", {"model": "gpt-5", "prompt_id": "free"}, 400, "takes no prompt"),
])
def test_what_cannot_be_served_is_refused_clearly(kind: str, body: dict[str, Any], status: int, said: str) -> None:
    refused = denied(kind, body)
    assert refused.status == status and said in refused.message and len(refused.message) < 200


def test_a_missing_variable_is_named() -> None:
    snapshot = Snapshot.of({**ROWS, "prompts": ROWS["prompts"][:1]})
    with pytest.raises(Denied) as refused:
        apply(snapshot, Asked("chat", PATHS["chat"], "a"), {"model": "summary"}, NAMES)
    assert (refused.value.status, refused.value.param) == (400, "prompt_variables")
    assert "'x'" in refused.value.message


def test_prompt_id_wins_over_the_endpoints_own_template() -> None:
    applied, body = ask("chat", {"model": "summary", "prompt_id": "free"})
    assert applied == Applied("summary", "free", 1) and body["messages"][0]["content"] == "F"
    assert ask("chat", {"model": "gpt-5", "prompt_id": "free", "messages": []})[0] == Applied(None, "free", 1)


def test_both_versions_of_an_ab_test_are_served() -> None:
    assert {version_of(str(number)) for number in range(60)} == {2, 3}
    assert len({version_of("same") for _ in range(10)}) == 1


IMAGE = {"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}


def test_flags_hold_in_their_scope_only() -> None:
    assert denied("chat", {"model": "gpt-5", **IMAGE}, Scope(environment="prod")).status == 403
    assert "enable_vision" in denied("chat", {"model": "gpt-5", **IMAGE}, Scope(environment="prod")).message
    assert ask("chat", {"model": "gpt-5", **IMAGE}, scope=Scope(environment="dev"))[0] is NOTHING
    body = {"model": "summary", "prompt_variables": {"x": "1"}}
    assert "enable_tool_use" in denied("chat", dict(body), Scope(tier="free")).message
    assert ask("chat", dict(body), scope=Scope(tier="gold"))[0].endpoint == "summary"


def test_a_tools_schema_is_never_shared_between_requests() -> None:
    first, second = (ask("messages", {"model": "claude"})[1]["tools"][0]["input_schema"] for _ in range(2))
    first["properties"]["q"]["type"] = "changed"
    assert second == SCHEMA
