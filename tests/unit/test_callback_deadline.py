"""Time limits at the transport: to the first byte or whole answer, between chunks; and how a stream must end."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx
import pytest

from src.hooks.callback_deadline import Limits, TimedTransport, open_clock, set_limits
from src.policy.chains import Kind

from .transport_support import DONE, SOON, Chunks, Upstream, ask, sse, told


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


@pytest.mark.parametrize("chunks", [(DONE,), (b": hello\n\n", DONE)], ids=len)
def test_a_stream_of_nothing_but_its_ending_is_broken_before_anybody_sees_it(chunks: tuple[bytes, ...]) -> None:
    seen: list[bytes] = []

    async def read() -> None:
        open_clock()
        set_limits(Limits(5, 5, True, lambda kind: None, lambda begun: None))
        async with httpx.AsyncClient(transport=TimedTransport(Upstream(sse(*chunks)))) as client:
            async with client.stream("POST", "http://upstream/") as response:
                async for chunk in response.aiter_raw():
                    seen.append(chunk)

    with pytest.raises(httpx.ReadError):
        asyncio.run(read())
    assert DONE not in seen


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
