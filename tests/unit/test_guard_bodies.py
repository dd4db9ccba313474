"""Request bodies: bounded in size and time, understood or refused, and never a traceback."""

import asyncio
import json

import pytest

from src.hooks import guard_body
from src.hooks.errors_out import Refusal
from src.hooks.guard_body import ClientGone, Replay, parse_object, read_body
from tests.unit.guard_support import CHAT, MASTER, Answered, World, collect

MIB = 1 << 20


def arriving(*messages, then="silence"):
    """Return a ``receive`` that gives these messages and then falls silent, or says that the client left."""
    left = list(messages)

    async def receive():
        if left:
            return left.pop(0)
        if then == "gone":
            return {"type": "http.disconnect"}
        return await asyncio.get_running_loop().create_future()

    return receive


def piece(data, more=True):
    return {"type": "http.request", "body": data, "more_body": more}


def read(receive, announced=None, limit=10, seconds=5.0):
    return asyncio.run(read_body(receive, announced, limit, seconds))


@pytest.mark.parametrize("pieces", [
    [piece(b"0123456789", False)], [piece(b"01234"), piece(b"56789", False)], [piece(b"0123456789"), piece(b"", False)],
    [piece(b""), piece(b"0123456789", False)], [{"type": "http.request", "body": b"0123456789"}],
])
def test_a_body_of_exactly_the_limit_is_read_whole(pieces):
    assert read(arriving(*pieces), 10) == b"0123456789"


@pytest.mark.parametrize(("announced", "pieces"), [
    (11, [piece(b"0" * 11, False)]), (None, [piece(b"0" * 11, False)]),
    (None, [piece(b"0" * 6), piece(b"0" * 6), piece(b"", False)]),
    (5, [piece(b"0" * 20), piece(b"0" * 20), piece(b"", False)]), (10**12, [piece(b"0" * 9), piece(b"", False)]),
])
def test_a_byte_more_is_a_413_whatever_was_announced(announced, pieces):
    with pytest.raises(Refusal) as refused:
        read(arriving(*pieces), announced)
    assert refused.value.status == 413


def test_what_is_refused_is_taken_off_the_wire_for_a_while_only(monkeypatch):
    monkeypatch.setattr(guard_body, "DRAIN_SECONDS", 0.01)
    monkeypatch.setattr(guard_body, "DRAIN_BYTES", 30)
    taken = []

    async def endless():
        taken.append(1)
        return piece(b"0" * 11)

    for receive in (endless, arriving(piece(b"0" * 11))):  # one that never ends, one that falls silent
        with pytest.raises(Refusal) as refused:
            read(receive)
        assert refused.value.status == 413
    assert len(taken) == 4


def test_a_body_that_does_not_come_in_time_is_a_408():
    with pytest.raises(Refusal) as refused:
        read(arriving(piece(b"01")), 10, seconds=0.01)
    assert (refused.value.status, refused.value.code) == (408, "request_timeout")
    assert refused.value.message == "The request body did not arrive within 0.01 seconds."


@pytest.mark.parametrize("announced", [None, 4, 100])
def test_a_client_that_leaves_within_its_body_is_gone(announced):
    with pytest.raises(ClientGone):
        read(arriving(piece(b"01"), then="gone"), announced)


@pytest.mark.parametrize("body", [
    b"", b"{", b"nonsense", b"[1]", b"1", b'"text"', b"null", b'{"a":NaN}', b'{"a":1}x', b'{"a":"\xff"}', b"\xff\xfe{}",
    b'{"a":"\xed\xa0\x80"}', b'{"a":"\\ud800"}', b"[" * 100_000, b'{"a":' * 5000 + b"1" + b"}" * 5000,
    b'{"a":' + b"[" * 100 + b"]" * 100 + b"}", b"a=b&c=d", b"\x00", b"{'a':1}", b'\xef\xbb\xbf{"a":1}',
])
def test_what_is_not_a_json_object_is_a_400(body):
    with pytest.raises(Refusal) as refused:
        parse_object(body)
    assert (refused.value.status, refused.value.code) == (400, "invalid_json")


@pytest.mark.parametrize("body", [
    b"{}", b'{"a":' + b"[" * 99 + b"]" * 99 + b"}", b'{"b":[],"a":' + b"[" * 99 + b"]" * 99 + b"}",
    json.dumps({"a": [[{"b": []}]] * 200}).encode(),
])
def test_ordinary_nesting_passes(body):
    assert parse_object(body) == json.loads(body)


@pytest.mark.parametrize(("body", "status", "code", "message"), [
    (b"{", 400, "invalid_json", "The request body is not valid JSON."),
    (b'{"a":"\\ud83c"}', 400, "invalid_json",
     "The request body is not valid JSON: it holds half a character, an unpaired surrogate."),
    (b'{"a":"\xed\xa0\x80"}', 400, "invalid_json", "The request body is not valid UTF-8."),
    (b"[1]", 400, "invalid_json", "The request body must be a JSON object."),
    (b'{"a":' + b"[" * 100 + b"]" * 100 + b"}", 400, "invalid_json",
     "The request body is nested more than 100 levels deep."),
    (b"{}", 400, "missing_required_parameter", "You must provide a model parameter."),
    (b"x" * (MIB + 1), 413, "request_too_large", "The request body is larger than 1 MiB."),
])
def test_a_client_is_told_what_is_wrong_with_its_body(body, status, code, message):
    answered = World().ask(body=body)
    error = answered.json()["error"]
    assert (answered.status, error["code"], error["message"]) == (status, code, message)


def test_what_goes_on_reads_like_a_request_that_has_just_arrived():
    async def story():
        replay = Replay(b"body", arriving(then="gone"))
        assert await replay() == {"type": "http.request", "body": b"body", "more_body": False} and not replay.gone
        assert await replay() == {"type": "http.disconnect"} and replay.gone

    asyncio.run(story())


def test_of_a_repeated_key_the_last_value_counts_as_in_litellm():
    world = World()
    body = b'{"model":"unknown","model":"gpt-5","api_base":1,"messages":[]}'
    assert world.ask(body=body).status == 200
    assert json.loads(world.seen[0].body) == {"model": "gpt-5", "messages": []}
    assert World().ask(body=b'{"model":"gpt-5","model":"unknown"}').status == 404


@pytest.mark.parametrize(("path", "shape"), [("/v1/chat/completions",
                         {"error"}), ("/v1/messages", {"type", "error", "request_id"})])
@pytest.mark.parametrize(("body", "status", "connection"), [
    (b"[1]", 400, None), (b"{", 400, None), ([b"x" * MIB, b"y"], 413, "close"),
])
def test_a_bad_body_is_refused_in_the_routes_shape_with_a_line(path, shape, body, status, connection, caplog):
    world = World()
    answered = world.ask("POST", path, body)
    assert answered.status == status and set(answered.json()) == shape
    assert answered.headers.get("connection") == connection
    assert world.record.to_line()["status"] == status and world.seen == [] and caplog.text == ""


def test_a_client_that_leaves_early_has_a_line_with_499():
    world = World()
    scope = {"type": "http", "method": "POST", "path": "/v1/completions", "query_string": b"",
             "headers": [(b"x-api-key", MASTER.encode())]}
    answered = Answered()
    asyncio.run(world.guard(scope, arriving(piece(b"{"), then="gone"), collect(answered)))
    assert (world.record.status, world.record.client_gone, answered.status) == (499, True, 0)


def test_a_client_that_stops_within_its_body_is_refused_and_its_connection_closed():
    world, answered = World(body_timeout=0.01), Answered()
    scope = {"type": "http", "method": "POST", "path": "/v1/completions", "query_string": b"",
             "headers": [(b"x-api-key", MASTER.encode())]}
    asyncio.run(world.guard(scope, arriving(piece(b"{")), collect(answered)))
    assert (answered.status, answered.headers["connection"], world.record.status) == (408, "close", 408)


def test_a_length_beyond_the_limit_is_refused_as_announced():
    world = World()
    answered = world.ask(body=CHAT, headers={"x-api-key": MASTER, "content-length": str(MIB + 1)})
    assert (answered.status, world.seen) == (413, [])


def test_a_bad_length_header_is_no_length():
    assert World().ask(body=CHAT, headers={"x-api-key": MASTER, "content-length": "many"}).status == 200
