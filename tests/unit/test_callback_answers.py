"""What counts as an answer, whatever status an upstream gives it."""

import json
from typing import Any

import httpx
import pytest

from .transport_support import DONE, SOON, Chunks, ask, document, told


@pytest.mark.parametrize(("status", "content_type", "seen"), [
    (422, "application/json", 400), (200, "text/html; charset=utf-8", 502), (404, "text/html", 404),
    (200, "text/plain", 200), (500, "application/json", 500),
])
def test_an_answer_has_an_honest_status(status: int, content_type: str, seen: int) -> None:
    response, _ = ask(httpx.Response(status, headers={"content-type": content_type}, stream=Chunks(b"x")))
    assert response.status_code == seen


@pytest.mark.parametrize(("chunks", "seen"), [
    ((b'{"error": {"message": "quota"}}',), b'{"error": {"message": "quota"}}'), ((b" \n{", b"}"), b" \n{}"),
    ((b"[]",), b"[]"), ((), b""),
])
@pytest.mark.parametrize("path", ["/chat/completions", "/completions", "/responses", "/messages"])
def test_one_document_in_place_of_a_stream_is_no_success(path: str, chunks: tuple[bytes, ...], seen: bytes) -> None:
    response, said = ask(document(*chunks), stream=True, path=path)
    assert (response.status_code, response.content, said) == (502, seen, [])


def test_no_content_is_no_stream_either() -> None:
    response, said = ask(httpx.Response(204, stream=Chunks()), stream=True)
    assert (response.status_code, said) == (502, [])
    assert ask(httpx.Response(204, stream=Chunks()))[0].status_code == 204


def test_a_stream_that_calls_itself_json_passes_and_needs_its_ending() -> None:
    response, said = ask(document(b": hello\n\n", b"data: 1\n\n", DONE), stream=True)
    assert (response.status_code, response.content, said) == (200, b": hello\n\ndata: 1\n\n" + DONE, [])
    with pytest.raises(httpx.ReadError):
        ask(document(b"data: 1\n\n"), stream=True)


@pytest.mark.parametrize("options", [
    {"stream": False}, {"stream": True, "body": b'{"stream": false}'}, {"stream": True, "path": "/api/generate"},
], ids=["no-stream", "not-asked-of-it", "another-dialect"])
def test_a_document_where_no_events_were_asked_for_is_an_answer(options: dict[str, Any]) -> None:
    response, said = ask(document(b'{"finish_reason": "stop"}'), **options)
    assert (response.status_code, said) == (200, [])


def test_a_document_in_place_of_a_stream_has_the_first_bytes_time() -> None:
    with pytest.raises(httpx.ReadTimeout) as error:
        ask(document(None), stream=True, first=SOON, between=60)
    assert told(error) == ["timeout"]


def test_an_error_that_answers_a_stream_needs_no_ending() -> None:
    response, said = ask(httpx.Response(404, stream=Chunks(b'{"detail": "gone"}')), stream=True)
    assert (response.status_code, response.content, said) == (404, b'{"detail": "gone"}', [])


ERROR = {"message": "quota", "code": "insufficient_quota"}


@pytest.mark.parametrize(("found", "status"), [
    ({"error": ERROR}, 502), ({"error": "text"}, 502), ({"error": {"code": 429}}, 429), ({"error": {"code": 200}}, 502),
    ({"id": "1", "error": {"code": 599}}, 599), ([{"error": {"code": 400}}], 400), ({"error": {"code": "429"}}, 502),
    ({"type": "error", "error": ERROR}, 502),
    ({"error": None}, 200), ({"error": {}, "id": "1"}, 200), ({"errors": ERROR}, 200), ([], 200), ("error", 200),
    ({"output": [], "error": ERROR}, 200), ({"choices": [], "error": ERROR}, 200), ({"data": [], "error": ERROR}, 200),
])
def test_a_document_that_is_an_error_and_nothing_else_is_a_failure(found: object, status: int) -> None:
    body = json.dumps(found).encode()
    response, said = ask(document(body))
    assert (response.status_code, response.content, said) == (status, body, [])


def test_a_status_that_an_error_in_place_of_a_stream_names_is_its_status() -> None:
    assert ask(document(b'{"error":{"code":429}}'), stream=True)[0].status_code == 429


@pytest.mark.parametrize("chunks", [(b'{"error":', b'"x"}'), (b'{"error"',), (b'not "error"',)], ids=len)
def test_what_is_not_an_error_at_its_first_sight_passes(chunks: tuple[bytes, ...]) -> None:
    response, _ = ask(document(*chunks))
    assert (response.status_code, response.content) == (200, b"".join(chunks))


@pytest.mark.parametrize("kind", ["text/plain", "application/octet-stream"])
def test_only_json_is_looked_into(kind: str) -> None:
    answer = httpx.Response(200, headers={"content-type": kind}, stream=Chunks(b'{"error":"x"}'))
    assert ask(answer)[0].status_code == 200


def test_a_body_that_fails_before_it_is_anybodys_is_closed() -> None:
    body = Chunks(httpx.ReadError("reset"))
    with pytest.raises(httpx.ReadError):
        ask(httpx.Response(200, headers={"content-type": "application/json"}, stream=body))
    assert body.closed
