"""Request bodies: bounded in size and time, understood or refused, and never a traceback."""

import asyncio
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.hooks import guard_body
from src.hooks.errors_out import Refusal
from src.hooks.guard_body import ClientGone, parse_object, read_body
from src.hooks.guard_multipart import Part, read_form, write_form
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
    assert refused.value.status == 408 and "0.01 seconds" in refused.value.message


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
    b"{}", b'{"a":' + b"[" * 99 + b"]" * 99 + b"}", json.dumps({"a": [[{"b": []}]] * 200}).encode(),
])
def test_ordinary_nesting_passes(body):
    assert parse_object(body) == json.loads(body)


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


def test_a_bad_length_header_is_no_length():
    assert World().ask(body=CHAT, headers={"x-api-key": MASTER, "content-length": "many"}).status == 200


FORM = (
    b'--B\r\nContent-Disposition: form-data; name="model"\r\n\r\ngpt-5\r\n'
    b'--B\r\nContent-Disposition: form-data; name="file"; filename="a \xc3\xbc.mp3"\r\nContent-Type: audio/mpeg\r\n\r\n'
    b"\r\nraw\x00bytes\r\n--A\r\n\r\n"
    b'--B\r\nContent-Disposition: form-data; name="timestamp_granularities[]"\r\n\r\nword\r\n--B--\r\n')
TYPE = "multipart/form-data; boundary=B"
SPEECH = "/v1/audio/transcriptions"


def upload(body, content_type=TYPE, path=SPEECH):
    world = World()
    return world, world.ask("POST", path, body, {"x-api-key": MASTER, "content-type": content_type})


def field(name, value=b"x", more=b""):
    return b'--B\r\nContent-Disposition: form-data; name="' + name + b'"' + more + b"\r\n\r\n" + value + b"\r\n"


def parsed(seen):
    """Read a form with the library that LiteLLM uses."""
    from starlette.formparsers import MultiPartParser
    from starlette.datastructures import Headers

    async def body():
        yield seen.body

    async def story():
        form = await MultiPartParser(Headers(seen.headers), body()).parse()
        return [(name, value if isinstance(value, str) else (value.filename, value.content_type, await value.read()))
                for name, value in form.multi_items()]

    return asyncio.run(story())


@pytest.mark.parametrize("content_type", [TYPE, 'multipart/form-data; boundary="B"', "Multipart/Form-Data;boundary=B"])
def test_an_upload_arrives_whole(content_type):
    world, answered = upload(FORM, content_type)
    assert answered.status == 200 and world.record.alias == "gpt-5"
    assert parsed(world.seen[0]) == [
        ("model", "gpt-5"), ("file", ("a ü.mp3", "audio/mpeg", b"\r\nraw\x00bytes\r\n--A\r\n")),
        ("timestamp_granularities[]", "word")]


@pytest.mark.parametrize("content_type", [
    "multipart/form-data; boundary=" + "b" * 70, "multipart/form-data;boundary=\"a b'()+_,-./:=?c\"",
    "multipart/form-data ; boundary=B ", "\tmultipart/form-data; boundary=-",
])
def test_any_boundary_that_the_standard_allows_is_read(content_type):
    mark = content_type.partition("=")[2].strip().strip('"').encode()
    _, answered = upload(FORM.replace(b"--B", b"--" + mark), content_type)
    assert answered.status == 200


@pytest.mark.parametrize(("more", "value"), [
    (b"\r\nContent-Transfer-Encoding: binary", b"v"), (b"\r\ncontent-transfer-encoding: 8BIT", b"v"),
    (b"\r\nContent-Transfer-Encoding: 7bit", b"v"), (b"\r\nX-Anything: else", b"v"), (b"", b""), (b"", b"\r\n"),
    (b"\r\nContent-Type: text/plain; charset=utf-8", b"v"), (b"\r\nContent-Type: " + b"t" * 200, b"v"),
])
def test_a_field_may_say_more_than_its_name(more, value):
    world, answered = upload(field(b"x", value, more) + FORM)
    assert answered.status == 200 and parsed(world.seen[0])[0] == ("x", value.decode())


@pytest.mark.parametrize(("disposition", "filename"), [
    (b'form-data; name="file"; filename="a.mp3"', b"a.mp3"), (b'FORM-DATA;name="file";filename="a \\" b"', b'a \\" b'),
    (b'form-data; name="file"; filename="a.mp3"; filename*=utf-8\'\'a%20b.mp3', b"a.mp3"),
    (b'form-data; name="file"', None), (b'form-data; name="file"; filename=""', b""),
])
def test_a_fields_file_keeps_its_name(disposition, filename):
    part, = read_form(TYPE.encode(), b"--B\r\nContent-Disposition: " + disposition + b"\r\n\r\nv\r\n--B--\r\n")
    assert (part.name, part.value, part.filename) == ("file", b"v", filename)


def test_a_form_has_64_fields_at_most():
    assert upload(field(b"x") * 61 + FORM)[1].status == 200
    assert upload(field(b"x") * 62 + FORM)[1].status == 400


@pytest.mark.parametrize("name", [
    b"api_base", b"api_key", b"no-log", b"metadata", b"metadata[tags]", b"extra_body", b"extra_body[model]",
    b"fallbacks", b"litellm_metadata[user_api_key]", b"mock_response", b"timeout",
])
def test_what_steers_is_removed_from_forms_too(name):
    world, answered = upload(field(name) + field(name, b"file", b'; filename="f"') + FORM)
    assert answered.status == 200
    assert name.decode() not in [part for part, _ in parsed(world.seen[0])]
    assert world.record.dropped_names() == [name.decode()]


@pytest.mark.parametrize(("body", "content_type", "status"), [
    (FORM, "application/json", 400), (FORM, "multipart/form-data", 400), (FORM, "multipart/form-data; boundary=C", 400),
    (FORM, 'multipart/form-data; boundary=B"; boundary=A', 400), (b"", TYPE, 400), (FORM[:-6], TYPE, 400),
    (b"preamble\r\n" + FORM, TYPE, 400), (FORM.replace(b"form-data; name", b"attachment; name"), TYPE, 400),
    (field(b"x", b"y", b"\r\nContent-Transfer-Encoding: base64") + FORM, TYPE, 400),
    (b"--B\r\nno header\r\n" + FORM, TYPE, 400), (b"--Bx\r\n\r\nv\r\n" + FORM, TYPE, 400),
    (FORM.replace(b"--B", b"--" + b"b" * 71), "multipart/form-data; boundary=" + "b" * 71, 400),
    (field(b"x", b"y", b"\r\nContent-Type: " + b"t" * 201) + FORM, TYPE, 400),
    (field(b"x", b"y", b"\r\nContent-Type: \x01") + FORM, TYPE, 400), (field(b"\xff\xfe") + FORM, TYPE, 400),
    (field(b"x", b"y", b"; filename=\"a\"; name=\"api_base\"") + FORM, TYPE, 400),
    (field(b"x") * 65 + FORM, TYPE, 400), (field(b"model", b"gpt-5") + FORM, TYPE, 400),
    (field(b"model", b"gpt-5", b'; filename="m"') + b"--B--\r\n", TYPE, 400), (field(b"x") + b"--B--\r\n", TYPE, 400),
    (field(b"model", b"unknown") + b"--B--\r\n", TYPE, 404), (field(b"model", b"\xff") + b"--B--\r\n", TYPE, 404),
])
def test_a_form_that_is_not_written_by_the_book_is_refused(body, content_type, status):
    world, answered = upload(body, content_type)
    assert answered.status == status and answered.json()["error"]["message"]
    assert world.seen == [] and world.record.status == status


PARTS = st.builds(
    Part,
    st.text(st.characters(min_codepoint=32, exclude_characters='"\\\x7f', exclude_categories=["Cs"]), max_size=20),
    st.binary(max_size=200), st.none() | st.binary(max_size=9).map(lambda name: name.hex().encode()),
    st.none() | st.just(b"audio/mpeg"))


@given(st.lists(PARTS, max_size=8))
def test_a_form_that_was_written_anew_is_the_same_form(parts):
    content_type, body = write_form(parts)
    assert read_form(content_type, body) == parts


@given(st.binary(max_size=300))
def test_any_bytes_are_a_form_or_a_400(body):
    try:
        read_form(TYPE.encode(), body)
    except Refusal as refusal:
        assert refusal.status == 400


def test_a_forms_labels_are_on_its_line():
    world, _ = upload(field(b"stream", b"true") + field(b"user", b"me") + FORM)
    assert (world.record.stream, world.record.user) == (True, "me")
