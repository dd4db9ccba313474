"""Time limits at the transport: to the first byte or whole answer, between chunks; and what counts as an answer."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx
import pytest

from src.hooks.callback_deadline import Limits, TimedTransport, open_clock, set_limits
from src.policy.chains import Kind

FOREVER = asyncio.Event
SOON = 0.05
DONE = b"data: [DONE]\n\n"


class Chunks(httpx.AsyncByteStream):
    """A body of chunks; None waits for ever, an exception is raised."""

    def __init__(self, *chunks: bytes | None | Exception) -> None:
        self.chunks, self.closed = chunks, False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for chunk in self.chunks:
            if chunk is None:
                await FOREVER().wait()
            elif isinstance(chunk, Exception):
                raise chunk
            else:
                yield chunk

    async def aclose(self) -> None:
        self.closed = True


class Upstream(httpx.AsyncBaseTransport):
    """Answers with what it is told, or raises it, or never answers (None)."""

    def __init__(self, answer: httpx.Response | Exception | None) -> None:
        self.answer, self.closed = answer, False

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if self.answer is None:
            await FOREVER().wait()
        if isinstance(self.answer, Exception):
            raise self.answer
        assert self.answer is not None
        return self.answer

    async def aclose(self) -> None:
        self.closed = True


def ask(answer: httpx.Response | Exception | None, stream: bool = False, first: float | None = None,
        between: float | None = None, limited: bool = True, answer_errors: bool = False,
        path: str = "/chat/completions", body: bytes = b'{"stream":true}') -> tuple[httpx.Response, list[Kind]]:
    """Return the answer as LiteLLM sees it, read to its end, and what the walk was told."""
    told: list[Kind] = []

    async def run() -> httpx.Response:
        if limited:
            open_clock()
        set_limits(Limits(first, between, stream, told.append, lambda begun: None, answer_errors))
        async with httpx.AsyncClient(transport=TimedTransport(Upstream(answer))) as client:
            return await client.post(f"http://upstream/v1{path}", content=body)

    try:
        return asyncio.run(run()), told
    except httpx.TransportError as error:
        error.args = (*error.args, told)
        raise


def told(error: pytest.ExceptionInfo[httpx.TransportError]) -> Any:
    return error.value.args[-1]


def sse(*chunks: bytes | None | Exception) -> httpx.Response:
    return httpx.Response(200, headers={"content-type": "text/event-stream"}, stream=Chunks(*chunks))


def test_a_complete_answer_passes_unchanged_and_forbids_sdk_retries() -> None:
    response, said = ask(httpx.Response(200, stream=Chunks(b"{", b"}")), first=5)
    assert (response.content, said, response.headers["x-should-retry"]) == (b"{}", [], "false")


def test_a_stream_passes_chunk_by_chunk() -> None:
    response, said = ask(sse(b"data: 1\n\n", DONE), stream=True, first=5, between=5)
    assert (response.content, said) == (b"data: 1\n\n" + DONE, [])


@pytest.mark.parametrize(("answer", "options"), [
    (None, {"first": SOON}),
    (None, {"first": SOON, "stream": True, "between": 60}),
    (httpx.Response(200, stream=Chunks(None)), {"first": SOON}),
    (httpx.Response(200, stream=Chunks(b"{", None)), {"first": SOON}),
    (sse(None), {"first": SOON, "stream": True, "between": 60}),
    (sse(b"data: 1\n\n", None), {"first": 60, "stream": True, "between": SOON}),
    (httpx.ReadTimeout("late"), {}),
], ids=["silent", "silent-stream", "headers-only", "half-an-answer", "no-first-chunk", "stalled", "below"])
def test_what_takes_too_long_is_a_timeout(answer: httpx.Response | Exception | None, options: dict[str, Any]) -> None:
    with pytest.raises(httpx.ReadTimeout) as error:
        ask(answer, **options)
    assert error.value.args == ("the upstream did not answer in time", ["timeout"])


def test_the_first_bytes_time_does_not_bind_later_chunks() -> None:
    async def slowly() -> AsyncIterator[bytes]:
        yield b"data: 1\n\n"
        await asyncio.sleep(3 * SOON)
        yield DONE

    class Slow(httpx.AsyncByteStream):
        def __aiter__(self) -> AsyncIterator[bytes]:
            return slowly()

    assert ask(httpx.Response(200, stream=Slow()), stream=True, first=SOON, between=60)[1] == []


@pytest.mark.parametrize("answer", [
    httpx.ConnectError("refused"),
    httpx.RemoteProtocolError("nothing"),
    httpx.Response(200, stream=Chunks(b"{", httpx.ReadError("reset"))),
], ids=["refused", "dropped", "reset-later"])
def test_a_broken_connection_is_told_without_the_upstreams_address(answer: httpx.Response | Exception) -> None:
    with pytest.raises(httpx.ReadError) as error:
        ask(answer)
    assert error.value.args == ("the connection to the upstream failed", ["connection"])


@pytest.mark.parametrize("chunks", [(), (b"data: 1\n\n",), (b"data: 1\n\n", b"data: 2\n\n")], ids=len)
def test_a_stream_without_its_ending_is_broken(chunks: tuple[bytes, ...]) -> None:
    with pytest.raises(httpx.ReadError) as error:
        ask(sse(*chunks), stream=True)
    assert told(error) == ["connection"]


@pytest.mark.parametrize("ending", [
    b'data: {"choices":[{"finish_reason":"stop"}]}\n\n', b'data: {"choices": [{"finish_reason": "length"}]}\n\n',
    b'data: {"candidates":[{"finishReason":"STOP"}]}\n\n', b"event: response.completed\n\n",
    b"event: message_stop\n\n", b'data: {"error":{}}\n\n', b"data: [DO",
])
def test_every_dialects_ending_counts_also_in_two_pieces(ending: bytes) -> None:
    rest = b"NE]\n\n" if ending.endswith(b"[DO") else b""
    assert ask(sse(b"data: 1\n\n", ending, rest), stream=True)[1] == []


@pytest.mark.parametrize(("status", "content_type", "seen"), [
    (422, "application/json", 400), (200, "text/html; charset=utf-8", 502), (404, "text/html", 404),
    (200, "text/plain", 200), (500, "application/json", 500),
])
def test_an_answer_has_an_honest_status(status: int, content_type: str, seen: int) -> None:
    response, _ = ask(httpx.Response(status, headers={"content-type": content_type}, stream=Chunks(b"x")))
    assert response.status_code == seen


def document(*chunks: bytes | None | Exception) -> httpx.Response:
    return httpx.Response(200, headers={"content-type": "application/json"}, stream=Chunks(*chunks))


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


@pytest.mark.parametrize(("error", "status", "kind", "message"), [
    (httpx.ConnectError("refused"), 503, "connection", "Connection error."),
    (httpx.ReadTimeout("late"), 408, "timeout", "Request timed out."),
])
def test_where_the_sdk_would_try_again_a_failure_is_an_answer(error: Exception, status: int, kind: Kind,
                                                              message: str) -> None:
    response, said = ask(error, answer_errors=True)
    assert (response.status_code, said, response.headers["x-should-retry"]) == (status, [kind], "false")
    assert response.json() == {"error": {"message": message}}


def test_a_request_that_is_not_ours_is_left_alone() -> None:
    response, _ = ask(httpx.Response(422, stream=Chunks(b"x")), limited=False)
    assert (response.status_code, "x-should-retry" in response.headers) == (422, False)


def test_limits_hold_in_every_task_of_a_request() -> None:
    async def run() -> int:
        open_clock()

        async def choose() -> None:
            set_limits(Limits(None, None, False, lambda kind: None, lambda begun: None))

        await asyncio.create_task(choose())
        transport = TimedTransport(Upstream(httpx.Response(422, stream=Chunks(b"x"))))
        return (await transport.handle_async_request(httpx.Request("POST", "http://u/"))).status_code

    assert asyncio.run(run()) == 400


@pytest.mark.parametrize("kind", ["text/event-stream", "application/json"])
def test_an_answer_that_is_left_is_closed_below_too(kind: str) -> None:
    body = Chunks(b"data: 1\n\n", None)
    answer = httpx.Response(200, headers={"content-type": kind}, stream=body)

    async def leave() -> None:
        open_clock()
        set_limits(Limits(5, 5, True, lambda kind: None, lambda begun: None))
        async with httpx.AsyncClient(transport=TimedTransport(Upstream(answer))) as client:
            url = "http://upstream/v1/chat/completions"
            async with client.stream("POST", url, content=b'{"stream":true}') as response:
                await anext(response.aiter_bytes())

    asyncio.run(leave())
    assert body.closed


def test_text_completions_are_asked_through_our_transport_and_one_client() -> None:
    import litellm

    from src.hooks.callback_deadline import install, share_client

    async def share() -> tuple[Any, Any]:
        install()
        share_client()
        first = litellm.aclient_session
        share_client()
        return first, litellm.aclient_session

    one, same = asyncio.run(share())
    assert one is same and isinstance(one._transport, TimedTransport)


def test_closing_closes_the_transport_below() -> None:
    upstream = Upstream(None)
    asyncio.run(TimedTransport(upstream).aclose())
    assert upstream.closed


def test_every_transport_of_litellm_is_wrapped_once() -> None:
    from litellm.llms.custom_httpx.http_handler import AsyncHTTPHandler

    from src.hooks.callback_deadline import install

    async def make() -> Callable[..., Awaitable[Any]] | Any:
        install()
        install()
        return AsyncHTTPHandler.create_async_transport()

    transport = asyncio.run(make())
    assert isinstance(transport, TimedTransport)
    assert not isinstance(transport._inner, TimedTransport)
