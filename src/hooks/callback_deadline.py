"""TIMEOUT and STREAM_TIMEOUT as promised: to the first byte of a stream or to the whole answer, and between chunks.

LiteLLM 1.106 hands one number to the HTTP client as the time of a single read: an answer that trickles never times out,
and a stream's first byte gets the time meant for its chunks. So the transport below every LiteLLM client is wrapped;
nothing is buffered. It also says ``x-should-retry: false``, which keeps the OpenAI SDK from retries of its own
(llms/openai/openai.py ``image_generation`` always asks for two). A stream without its ending is not complete: LiteLLM
would make one up.
"""

import asyncio
import functools
from collections.abc import AsyncIterator, Callable
from contextvars import ContextVar
from dataclasses import dataclass

import httpx
import litellm
from litellm.llms.custom_httpx.http_handler import AsyncHTTPHandler
from litellm.llms.openai.common_utils import BaseOpenAILLM

from ..policy.chains import Kind
from .callback_answers import FAILED, Peeked, asks_for_events, begins_document, honest_status, is_document, told_status

# Reads must not end before our own clock does.
LONGEST_READ = 6000.0
# One of these stands near the end of every complete stream: OpenAI's chat and responses, Gemini's, Anthropic's, errors.
ENDINGS = (b"[DONE]", b'"finish_reason":"', b'"finish_reason": "', b"finishReason", b"response.completed",
           b"response.incomplete", b"response.failed", b"message_stop", b'"error"')
TAIL = 8192


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds, None is no limit: ``first`` to the first byte or whole answer, ``between`` chunks of a stream.

    ``broken`` is told why the connection failed, ``begun`` of every answer that comes. ``answer_errors``: report that
    as an answer, because the SDK would try again (images).
    """

    first: float | None
    between: float | None
    stream: bool
    broken: Callable[[Kind], None]
    begun: Callable[["TimedStream"], None]
    answer_errors: bool = False


@dataclass(slots=True)
class Clock:
    """The limits of a request's current attempt."""

    limits: Limits | None = None


_clock: ContextVar[Clock | None] = ContextVar("gateway_clock", default=None)


def open_clock() -> None:
    """Give the request a clock that all its tasks share.

    LiteLLM asks upstreams in a task of its own, but text completion streams, which ask only when they are iterated, in
    the request's (proxy/common_request_processing.py, 1.106).
    """
    _clock.set(Clock())


def set_limits(limits: Limits | None) -> None:
    """Set the limits of the attempt that begins."""
    clock = _clock.get()
    if clock is not None:
        clock.limits = limits


class TimedStream(httpx.AsyncByteStream):
    """An upstream's body, chunk by chunk, each within its time; ``whole``: it must have a stream's ending."""

    def __init__(self, inner: httpx.AsyncByteStream, limits: Limits, deadline: float | None, whole: bool) -> None:
        self._inner = inner
        self._limits = limits
        self._deadline = deadline
        self._whole = whole

    async def __aiter__(self) -> AsyncIterator[bytes]:
        chunks = aiter(self._inner)
        deadline, tail, said = self._deadline, b"", False
        while True:
            try:
                async with asyncio.timeout_at(deadline):
                    chunk = await anext(chunks)
            except StopAsyncIteration:
                break
            except (TimeoutError, httpx.TransportError) as error:
                raise _told(error, self._limits) from error
            said = said or not self._whole or chunk.count(b"data:") > chunk.count(b"[DONE]")
            if not said and b"[DONE]" in chunk:  # before anybody takes it for the end
                raise _told(EOFError("nothing but an ending"), self._limits)
            yield chunk
            if self._limits.stream:
                deadline = _after(self._limits.between)
                tail = (tail + chunk)[-TAIL:]
        if self._whole and not any(mark in tail for mark in ENDINGS):
            raise _told(EOFError("no ending"), self._limits)

    def must_end(self) -> None:
        """From now on it must have a stream's ending."""
        self._whole = True

    async def aclose(self) -> None:
        await self._inner.aclose()


class TimedTransport(httpx.AsyncBaseTransport):
    """LiteLLM's transport with the limits of the request that is under way in this task, if any."""

    def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
        self._inner = inner

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        clock = _clock.get()
        limits = clock.limits if clock is not None else None
        if limits is None:
            return await self._inner.handle_async_request(request)
        try:
            response = await self._timed(request, limits)
        except httpx.TransportError as error:
            if not limits.answer_errors:
                raise
            response = _as_answer(error, request)
        response.headers["x-should-retry"] = "false"
        return response

    async def _timed(self, request: httpx.Request, limits: Limits) -> httpx.Response:
        deadline = _after(limits.first)
        try:
            async with asyncio.timeout_at(deadline):
                response = await self._inner.handle_async_request(request)
        except (TimeoutError, httpx.TransportError) as error:
            raise _told(error, limits) from error
        response.status_code = honest_status(response, limits.stream)
        if isinstance(response.stream, httpx.AsyncByteStream):
            await self._watch(response, limits, deadline, asks_for_events(request))
        return response

    async def _watch(self, response: httpx.Response, limits: Limits, deadline: float | None, events: bool) -> None:
        assert isinstance(response.stream, httpx.AsyncByteStream)
        looked_at = is_document(response) and (events or not limits.stream)
        whole = limits.stream and response.status_code == 200
        response.stream = stream = TimedStream(response.stream, limits, deadline, whole and not looked_at)
        limits.begun(stream)
        if not looked_at:
            return
        response.stream = peeked = Peeked(stream)
        first = await peeked.first()
        if not limits.stream:
            response.status_code = told_status(first) or response.status_code
        elif begins_document(first):
            response.status_code = told_status(first) or FAILED
        else:
            stream.must_end()

    async def aclose(self) -> None:
        await self._inner.aclose()


def _told(error: Exception, limits: Limits) -> httpx.TransportError:
    """Return what LiteLLM gets for ``error``, in our words; the request's walk learns its kind.

    Never a ConnectError or RemoteProtocolError: for those LiteLLM's own client tries again, unseen (http_handler.py).
    """
    late = isinstance(error, TimeoutError | httpx.TimeoutException)
    limits.broken("timeout" if late else "connection")
    if late:
        return httpx.ReadTimeout("the upstream did not answer in time")
    return httpx.ReadError("the connection to the upstream failed")


def _after(seconds: float | None) -> float | None:
    return None if seconds is None else asyncio.get_running_loop().time() + seconds


def _as_answer(error: httpx.TransportError, request: httpx.Request) -> httpx.Response:
    late = isinstance(error, httpx.TimeoutException)
    message = "Request timed out." if late else "Connection error."
    return httpx.Response(408 if late else 503, json={"error": {"message": message}}, request=request)


_Factory = Callable[..., httpx.AsyncBaseTransport | None]


def install() -> None:
    """Wrap every transport that LiteLLM makes from now on; doing it twice changes nothing."""
    make: _Factory = AsyncHTTPHandler.create_async_transport
    if hasattr(make, "__wrapped__"):
        return

    @functools.wraps(make)
    def timed(*args: object, **kwargs: object) -> httpx.AsyncBaseTransport | None:
        inner = make(*args, **kwargs)
        return None if inner is None else TimedTransport(inner)

    # The one place where LiteLLM makes transports (http_handler.py, openai/common_utils.py); it has no setting for it.
    setattr(AsyncHTTPHandler, "create_async_transport", staticmethod(timed))


def share_client() -> None:
    """Give text completions a client with our transport, too; must run inside the worker's event loop.

    That route takes ``litellm.aclient_session`` or the SDK's default (llms/openai/completion/handler.py, 1.106).
    """
    if litellm.aclient_session is None:
        litellm.aclient_session = BaseOpenAILLM.get_async_http_client()
