"""TIMEOUT and STREAM_TIMEOUT as promised: to the first byte of a stream or to the whole answer, and between chunks.

LiteLLM 1.106 hands one number to the HTTP client as the time of a single read: an answer that trickles never times out,
and a stream's first byte gets the time meant for its chunks. So the transport below every LiteLLM client is wrapped;
nothing is buffered. It also says ``x-should-retry: false``, which keeps the OpenAI SDK from retries of its own
(llms/openai/openai.py ``image_generation`` always asks for two).
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

# Reads must not end before our own clock does.
LONGEST_READ = 6000.0


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds, None is no limit: ``first`` to the first byte or whole answer, ``between`` chunks of a stream.

    ``answer_errors``: report a failed connection as an answer, because the SDK would try it again (images).
    """

    first: float | None
    between: float | None
    stream: bool
    answer_errors: bool = False


LIMITS: ContextVar[Limits | None] = ContextVar("gateway_limits", default=None)


class TimedStream(httpx.AsyncByteStream):
    """An upstream's body, chunk by chunk, each within its time."""

    def __init__(self, inner: httpx.AsyncByteStream, limits: Limits, deadline: float | None) -> None:
        self._inner = inner
        self._limits = limits
        self._deadline = deadline

    async def __aiter__(self) -> AsyncIterator[bytes]:
        chunks = aiter(self._inner)
        deadline = self._deadline
        while True:
            try:
                async with asyncio.timeout_at(deadline):
                    chunk = await anext(chunks)
            except StopAsyncIteration:
                return
            except TimeoutError as error:
                raise httpx.ReadTimeout("the upstream sent nothing in time") from error
            yield chunk
            if self._limits.stream:
                deadline = _after(self._limits.between)

    async def aclose(self) -> None:
        await self._inner.aclose()


class TimedTransport(httpx.AsyncBaseTransport):
    """LiteLLM's transport with the limits of the request that is under way in this task, if any."""

    def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
        self._inner = inner

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        limits = LIMITS.get()
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
        except TimeoutError as error:
            raise httpx.ReadTimeout("the upstream did not answer in time") from error
        if isinstance(response.stream, httpx.AsyncByteStream):
            response.stream = TimedStream(response.stream, limits, deadline)
        return response

    async def aclose(self) -> None:
        await self._inner.aclose()


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
