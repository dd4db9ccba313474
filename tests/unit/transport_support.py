"""An upstream below LiteLLM's transport, and what LiteLLM gets to see of its answer."""

import asyncio
from collections.abc import AsyncIterator
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


def document(*chunks: bytes | None | Exception) -> httpx.Response:
    return httpx.Response(200, headers={"content-type": "application/json"}, stream=Chunks(*chunks))
