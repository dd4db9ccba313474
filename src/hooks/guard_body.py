"""Reading a request's body: whole, bounded in size and time, and understood before LiteLLM sees it."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Generator, MutableMapping
from types import coroutine
from typing import Any

import orjson

from .errors_out import Refusal

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
# Deeper bodies make LiteLLM's and the SDKs' recursive code fail where it shows as a 500.
DEEPEST = 100
_CONTAINERS = frozenset((dict, list))  # as orjson makes them, never a subclass
# A body that is refused is still taken off the wire for a while: closing at once resets the connection, and the client
# would never see why.
DRAIN_BYTES, DRAIN_SECONDS = 64 * 1024 * 1024, 5.0


class ClientGone(Exception):
    """The client left before its request was complete."""


async def read_body(receive: Receive, announced: int | None, limit: int, seconds: float) -> bytes:
    """Return the whole body of at most ``limit`` bytes, sent within ``seconds``.

    ``announced`` is the Content-Length, if any. Raises `Refusal` with 413 or 408, `ClientGone` when the client leaves.
    """
    if announced is not None and announced > limit:
        await _drain(receive)
        raise _too_large(limit)
    reading = _collect(receive, limit)
    try:
        pending = reading.send(None)
    except StopIteration as done:  # all of it is there, as that of most requests: no timer is needed
        return bytes(done.value)
    try:
        async with asyncio.timeout(seconds):
            return await _resumed(reading, pending)
    except TimeoutError:
        raise Refusal(408, f"The request body did not arrive within {seconds:g} seconds.", "request_timeout") from None


@coroutine
def _resumed(begun: Coroutine[Any, Any, bytes], pending: Any) -> Generator[Any, Any, bytes]:
    """Go on with what ``begun`` waits for, ``pending``; whoever awaits this awaits that."""
    try:
        while True:
            try:
                sent = yield pending
            except BaseException as error:
                pending = begun.throw(error)
            else:
                pending = begun.send(sent)
    except StopIteration as done:
        return bytes(done.value)


async def _collect(receive: Receive, limit: int) -> bytes:
    chunks: list[bytes] = []
    size = 0
    while True:
        chunk, more = await _next(receive)
        size += len(chunk)
        if size > limit:
            chunks.clear()
            if more:
                await _drain(receive)
            raise _too_large(limit)
        chunks.append(chunk)
        if not more:
            return chunks[0] if len(chunks) == 1 else b"".join(chunks)


async def _next(receive: Receive) -> tuple[bytes, bool]:
    message = await receive()
    if message["type"] != "http.request":
        raise ClientGone
    return message.get("body", b""), message.get("more_body", False)


async def _drain(receive: Receive) -> None:
    left, more = DRAIN_BYTES, True
    try:
        async with asyncio.timeout(DRAIN_SECONDS):
            while more and left > 0:
                chunk, more = await _next(receive)
                left -= len(chunk)
    except TimeoutError:
        return  # patience is over; the refusal is sent now


def _too_large(limit: int) -> Refusal:
    return Refusal(413, f"The request body is larger than {limit // (1024 * 1024)} MiB.", "request_too_large")


def parse_object(body: bytes) -> dict[str, Any]:
    """Return the JSON object in ``body``; raises `Refusal` (400) for anything else.

    orjson is also LiteLLM's own reader (http_parsing_utils.py, 1.106): of a repeated key both take the last value.
    """
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Refusal(400, _unreadable(str(error)), "invalid_json") from None
    if not isinstance(document, dict):
        raise Refusal(400, "The request body must be a JSON object.", "invalid_json")
    if _may_be_deep(body) and _depth(document) > DEEPEST:
        raise Refusal(400, f"The request body is nested more than {DEEPEST} levels deep.", "invalid_json")
    return document


def _unreadable(complaint: str) -> str:
    """Return orjson's ``complaint`` in words that help where the text looks right to whoever wrote it."""
    if "surrogate in string" in complaint:
        return "The request body is not valid JSON: it holds half a character, an unpaired surrogate."
    if "UTF-8" in complaint:
        return "The request body is not valid UTF-8."
    return "The request body is not valid JSON."


def _may_be_deep(body: bytes) -> bool:
    """Tell whether more brackets open in ``body``, those in text included, than may be nested."""
    left = DEEPEST
    for bracket in (b"[", b"{"):  # one after the other is found much faster than all are counted
        place = body.find(bracket)
        while place >= 0:
            if not left:
                return True
            left -= 1
            place = body.find(bracket, place + 1)
    return False


def _depth(document: object) -> int:
    """Return how many containers are nested, without recursion; stops counting just beyond the limit."""
    level: list[Any] = [document]
    depth = 0
    while level and depth <= DEEPEST:
        level = [value for item in level for value in (item.values() if type(item) is dict else item)
                 if type(value) in _CONTAINERS]
        depth += 1
    return depth


class Replay:
    """A ``receive`` that gives the body once more, and then what really comes: so that leaving clients are noticed."""

    __slots__ = ("_body", "_receive", "gone")

    def __init__(self, body: bytes | None, receive: Receive) -> None:
        self._body, self._receive = body, receive
        self.gone = False

    async def __call__(self) -> Message:
        if self._body is not None:
            body, self._body = self._body, None
            return {"type": "http.request", "body": body, "more_body": False}
        message = await self._receive()
        if message["type"] == "http.disconnect":
            self.gone = True
        return message
