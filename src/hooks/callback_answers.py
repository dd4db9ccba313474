"""What an upstream's answer is, whatever its status says: LiteLLM 1.106 takes what comes with 200 for a success.

A page of HTML is not an answer, one JSON document is no stream, and a document that has an error and nothing else is
that error, as some aggregators report one. 422 becomes 400: with ``drop_params`` LiteLLM tries a 422 again without
parameters that it guesses, and then answers 200 and ``null`` (llms/openai/openai.py, acompletion).
"""

from collections.abc import AsyncIterator

import httpx
import orjson

FAILED = 502
# Where `stream` asks for events. Other dialects stream JSON, or are asked at an address of their own.
_STREAMING_PATHS = ("/completions", "/responses", "/messages")
_STREAM_ASKED = (b'"stream":true', b'"stream": true')
# What an answer is in, in one dialect or another; OpenAI's responses have `error` beside it.
_ANSWERS = ("choices", "output", "data", "content", "candidates", "results", "text")


class Peeked(httpx.AsyncByteStream):
    """A body whose first chunk was looked at."""

    def __init__(self, inner: httpx.AsyncByteStream) -> None:
        self._inner = inner
        self._chunks = aiter(inner)
        self._first: bytes | None = None

    async def first(self) -> bytes:
        """Return the first chunk, nothing where there is none; the body is closed where that fails."""
        try:
            self._first = await anext(self._chunks, b"")
        except BaseException:  # nobody else has it yet
            await self._inner.aclose()
            raise
        return self._first

    async def __aiter__(self) -> AsyncIterator[bytes]:
        if self._first:
            yield self._first
        async for chunk in self._chunks:
            yield chunk

    async def aclose(self) -> None:
        await self._inner.aclose()


def honest_status(response: httpx.Response, stream: bool) -> int:
    """Return the status that the head of ``response`` deserves; ``stream`` tells whether events were asked for."""
    if response.status_code == 422:
        return 400
    if response.status_code == 204 and stream:
        return FAILED
    is_page = response.headers.get("content-type", "").startswith("text/html")
    return FAILED if response.status_code == 200 and is_page else response.status_code


def is_document(response: httpx.Response) -> bool:
    """Tell whether ``response`` calls itself a success in JSON."""
    kind: str = response.headers.get("content-type", "")
    return response.status_code == 200 and kind.startswith("application/json")


def asks_for_events(request: httpx.Request) -> bool:
    """Tell whether ``request`` asks for a stream of events."""
    if not request.url.path.endswith(_STREAMING_PATHS):
        return False
    try:
        return any(asked in request.content for asked in _STREAM_ASKED)
    except httpx.RequestNotRead:
        return False


def begins_document(first: bytes) -> bool:
    """Tell whether a body that begins so is JSON, or nothing, and no stream of events."""
    return first.lstrip()[:1] in (b"", b"{", b"[")


def told_status(first: bytes) -> int | None:
    """Return the status of the error that ``first`` is, None where it is none or not all of it."""
    if b'"error"' not in first:
        return None
    try:
        document = orjson.loads(first)
    except orjson.JSONDecodeError:
        return None
    if isinstance(document, list):  # as Gemini writes it
        document = next(iter(document), None)
    if not isinstance(document, dict) or not document.get("error") or any(name in document for name in _ANSWERS):
        return None
    error = document["error"]
    code = error.get("code") if isinstance(error, dict) else None
    return code if isinstance(code, int) and 400 <= code < 600 else FAILED
