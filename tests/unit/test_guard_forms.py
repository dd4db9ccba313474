"""Uploads: read strictly, written anew, refused with a reason; what steers is removed from forms too."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.hooks.errors_out import Refusal
from src.hooks.guard_multipart import Part, read_form, write_form
from tests.unit.guard_support import MASTER, World

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


def test_a_boundary_may_be_padded_where_it_stands():
    world, answered = upload(FORM.replace(b"--B\r\n", b"--B \t\r\n"))
    assert answered.status == 200 and [name for name, _ in parsed(world.seen[0])][:2] == ["model", "file"]


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
    b"fallbacks", b"litellm_metadata[user_api_key]", b"mock_response", b"timeout", b"api_base[0]",
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


@pytest.mark.parametrize(("body", "content_type", "why"), [
    (FORM, "application/json", "send multipart/form-data with a boundary"), (b"", TYPE, "a boundary is missing"),
    (b"--B--\r\n" + FORM, TYPE, "a field has no header"),
    (b"--B\r\nno header\r\n" + FORM, TYPE, "a field has no header"),
    (field(b"x") * 65 + FORM, TYPE, "more than 64 fields"),
    (FORM.replace(b"form-data; name", b"attachment; name"), TYPE, "a field's header is not understood"),
    (field(b"x", b"y", b"\r\nContent-Transfer-Encoding: base64") + FORM, TYPE, "transfer encodings are not supported"),
    (field(b"\xff\xfe") + FORM, TYPE, "a field's name is not UTF-8"),
])
def test_a_client_is_told_what_is_wrong_with_its_form(body, content_type, why):
    error = upload(body, content_type)[1].json()["error"]
    assert (error["code"], error["message"]) == ("invalid_form", f"The multipart form is not valid: {why}.")


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
    assert world.record.extra["sent"] == ("user", "timestamp_granularities[]"), "what LiteLLM may lose"


@pytest.mark.parametrize(("fields", "stream", "user"), [
    (field(b"stream", b"false"), False, None), (field(b"other", b"true"), False, None),
    (field(b"user", b"\xff\xfe"), False, "__"), (field(b"user", b"") + field(b"user", b"second"), False, "second"),
])
def test_a_forms_labels_are_read_for_what_they_are(fields, stream, user):
    world, answered = upload(fields + FORM)
    assert (answered.status, world.record.stream, world.record.user) == (200, stream, user)


@pytest.mark.parametrize("body", [
    field(b"model", b"gpt-5") + FORM, field(b"model", b"gpt-5", b'; filename="m"') + b"--B--\r\n",
])
def test_a_form_names_one_model(body):
    error = upload(body)[1].json()["error"]
    assert (error["message"], error["code"], error["param"]) == (
        "The form must name one model.", "invalid_form", "model")


def test_a_forms_user_does_not_replace_the_one_in_the_header():
    world = World()
    world.ask("POST", SPEECH, field(b"user", b"me") + FORM, {
        "x-api-key": MASTER, "content-type": TYPE, "x-gateway-user": "ann"})
    assert world.record.user == "ann"
