"""Whose request it is and which session it belongs to: where clients may say so, and what a line may hold of it."""

from typing import Any

import pytest

from tests.unit.guard_support import CHAT, MASTER, World

Told = tuple[str | None, str | None]


def told(headers: dict[str, str], body: dict[str, Any]) -> Told:
    """Return user and session on the line of one request."""
    world = World()
    assert world.ask(body={**CHAT, **body}, headers={"x-api-key": MASTER, **headers}).status == 200
    line = world.record.to_line()
    return line["user"], line["session"]


@pytest.mark.parametrize(("headers", "body", "expected"), [
    ({}, {}, (None, None)),
    ({"x-gateway-session": "s"}, {}, (None, "s")), ({"x-session-id": "s"}, {}, (None, "s")),
    ({"session-id": "s"}, {}, (None, "s")), ({"session_id": "s"}, {}, (None, "s")),
    ({"x-litellm-session-id": "s"}, {}, (None, "s")),
    ({"x-session-id": "b", "x-gateway-session": "a"}, {}, (None, "a")),
    ({"session_id": "d", "session-id": "c", "x-session-id": "b"}, {}, (None, "b")),
    ({"session_id": "d", "session-id": "c"}, {}, (None, "c")),
    ({"x-litellm-session-id": "e", "session_id": "d"}, {}, (None, "d")),
    ({"x-gateway-user": "u"}, {}, ("u", None)), ({"x-gateway-user": "u"}, {"user": "other"}, ("u", None)),
    ({"x-gateway-user": ""}, {"user": "u"}, ("u", None)),
    ({}, {"user": "u"}, ("u", None)), ({}, {"safety_identifier": "a", "user": "b"}, ("a", None)),
    ({}, {"safety_identifier": "", "user": "b"}, ("b", None)), ({}, {"safety_identifier": 5, "user": "b"}, ("b", None)),
    ({}, {"user": ["u"]}, (None, None)), ({}, {"user": None, "metadata": {"user_id": "m"}}, ("m", None)),
    ({}, {"user": "b", "metadata": {"user_id": "m"}}, ("b", None)), ({}, {"metadata": "text"}, (None, None)),
    ({}, {"metadata": {"session_id": "s", "user_id": 7}}, (None, "s")), ({}, {"litellm_session_id": "s"}, (None, "s")),
    ({}, {"metadata": {"session_id": "s"}, "litellm_session_id": "t"}, (None, "s")),
    ({"x-session-id": "h"}, {"metadata": {"session_id": "s"}}, (None, "h")),
])
def test_a_request_belongs_to_whom_it_says(headers: dict[str, str], body: dict[str, Any], expected: Told) -> None:
    assert told(headers, body) == expected


@pytest.mark.parametrize(("sent", "shown"), [
    ("u" * 64, "u" * 64), ("u" * 65, "u" * 64), ("ann@example.com", "ann@example.com"), ('a"b\\c', None),
    ("a\tb", "a_b"),
])
def test_a_line_holds_no_more_than_a_short_harmless_name(sent: str, shown: str | None) -> None:
    user, _ = told({}, {"user": sent})
    assert user is not None and len(user) <= 64 and user.isprintable() and '"' not in user
    assert shown is None or user == shown
    assert told({"x-gateway-user": sent}, {})[0] == user


@pytest.mark.parametrize(("sent", "length"), [("s" * 256, 256), ("s" * 257, 256), ("s", 1)])
def test_ids_of_clients_are_cut_at_256_characters(sent: str, length: int) -> None:
    world = World()
    world.ask(body=CHAT, headers={"x-api-key": MASTER, "x-request-id": sent})
    assert len(world.record.client_request_id or "") == length
