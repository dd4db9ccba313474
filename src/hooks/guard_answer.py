"""The way back: headers without the upstream in them, errors in the route's shape, streams chunk by chunk."""

import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import orjson

from ..policy.routes import Route
from .errors_out import UPSTREAM_CODE, Refusal, from_litellm, type_of
from .guard_admit import Edge
from .limits import REFUSED, limit_headers
from .record import RequestRecord, label

Message = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]
# Error bodies are held up to this size, to be scrubbed and reshaped; what is beyond is not shown.
ERROR_BYTES = 64 * 1024
CLIENT_CLOSED = 499
_KEPT = frozenset({b"content-type", b"content-length", b"content-disposition", b"cache-control", b"retry-after"})
_ERROR_EVENTS = (b'data: {"error"', b"event: error", b'data: {"type":"error"', b'data: {"type": "error"')
_FAILED_EVENTS = (b"event: response.failed", b'data: {"type":"response.failed"')


class Answer:
    """The ``send`` of one request."""

    __slots__ = ("_send", "_edge", "_route", "_record", "_fixed", "_failed", "_held", "_stream", "started", "complete")

    def __init__(self, send: Send, edge: Edge, route: Route, record: RequestRecord, fixed: Headers) -> None:
        self._send, self._edge, self._route, self._record, self._fixed = send, edge, route, record, fixed
        self._failed: Message | None = None
        self._held = b""
        self._stream = False
        self.started = self.complete = False

    async def __call__(self, message: Message) -> None:
        """Take what LiteLLM sends."""
        if message["type"] == "http.response.body":
            await self._body(message.get("body", b""), message.get("more_body", False))
        elif message["type"] == "http.response.start" and not self.started:
            await self._start(message)

    async def _start(self, message: Message) -> None:
        status = self._record.status = message["status"]
        if status >= 400:
            self._failed = message
            return
        kept = [(name.lower(), value) for name, value in message["headers"] if name.lower() in _KEPT]
        if any(name == b"content-type" and value.startswith(b"text/event-stream") for name, value in kept):
            self._stream = True
            kept.append((b"x-accel-buffering", b"no"))
        await self._open(status, kept)

    async def _open(self, status: int, headers: Headers) -> None:
        self.started = True
        await self._send({"type": "http.response.start", "status": status, "headers": headers + self._own()})

    def _own(self) -> Headers:
        record = self._record
        own = [*self._fixed, (b"x-gateway-request-id", record.request_id.encode())]
        if model := label(record.answered or record.alias):
            own.append((b"x-gateway-model", model.encode()))
        if record.config:
            own.append((b"x-gateway-config", record.config.encode()))
        if record.dropped:
            own.append((b"x-gateway-dropped-params", ", ".join(record.dropped_names()).encode()))
        return own + limit_headers(record)

    async def _body(self, chunk: bytes, more: bool) -> None:
        if self._failed is not None:
            self._held += chunk[:max(0, ERROR_BYTES - len(self._held))]
            if not more:
                await self.fail_as(self._failed)
            return
        if chunk:
            if self._record.first_byte_ns is None:
                self._record.first_byte_ns = time.perf_counter_ns()
            chunk = self._edge.scrubber.answer(chunk)
            if self._stream:
                chunk = self._watched(chunk)
        await self._send({"type": "http.response.body", "body": chunk, "more_body": more})
        self.complete = self.complete or not more

    async def fail_as(self, start: Message) -> None:
        """Send the error that LiteLLM answered with ``start`` and the held body, in the route's shape."""
        ours = self._record.extra.get(REFUSED)
        if isinstance(ours, Refusal):
            return await self.refuse(ours)  # LiteLLM tells it differently on every route, and loses Retry-After on most
        headers = {name.lower(): value for name, value in start["headers"]}
        after = headers.get(b"retry-after") or headers.get(b"llm_provider-retry-after")
        retry_after = label(after.decode("latin-1")) if after else None
        body = b"" if len(self._held) >= ERROR_BYTES else self._held
        code = self._record.extra.get(UPSTREAM_CODE)
        refusal = from_litellm(start["status"], body, self._edge.scrubber, retry_after, code)
        if refusal.status == CLIENT_CLOSED:
            self._record.client_gone = True
        await self.refuse(refusal)

    async def refuse(self, refusal: Refusal) -> None:
        """Send an error of this route; nothing when the answer has begun already."""
        if self.started:
            return
        record = self._record
        told = refusal.message if refusal.ours else f"LiteLLM answered {refusal.status}"
        record.fail(refusal.code if refusal.ours else type_of(refusal.status), told, refusal.status)
        body = refusal.body(self._route.style, record.request_id)
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        if refusal.ours and refusal.status == 401:
            headers.append((b"www-authenticate", b"Bearer"))
        if refusal.status in (408, 413):
            headers.append((b"connection", b"close"))
        if refusal.retry_after:
            headers.append((b"retry-after", refusal.retry_after.encode()))
        await self._open(refusal.status, headers)
        await self._send({"type": "http.response.body", "body": body, "more_body": False})
        self.complete = True

    def _watched(self, chunk: bytes) -> bytes:
        """Return a piece of a stream as it is, but the event with which LiteLLM ends a broken one in our words."""
        if chunk.startswith(_ERROR_EVENTS):
            self._record.fail("stream_error", "the stream broke")
            return self._error_event(chunk)
        if chunk.startswith(_FAILED_EVENTS):
            self._record.fail("stream_error", "the stream broke")
            return b"\n".join(self._failed_line(line) for line in chunk.split(b"\n"))
        return chunk

    def _failed_line(self, line: bytes) -> bytes:
        """Clean the error inside an event of the Responses API, which says more than the error."""
        try:
            document = orjson.loads(line.removeprefix(b"data:"))
        except orjson.JSONDecodeError:
            return line
        response = document.get("response") if isinstance(document, dict) else None
        error = response.get("error") if isinstance(response, dict) else None
        if not isinstance(error, dict):
            return line
        error["message"] = from_litellm(500, orjson.dumps({"error": error}), self._edge.scrubber, None).message
        return b"data: " + orjson.dumps(document)

    def _error_event(self, chunk: bytes) -> bytes:
        lines = [line for line in chunk.split(b"\n") if line and not line.startswith(b"event:")]
        shown = b"".join(self._error_line(line) for line in lines)
        return shown or chunk

    def _error_line(self, line: bytes) -> bytes:
        payload = line.removeprefix(b"data:").strip()
        if not payload.startswith(b"{"):
            return line + b"\n\n"
        refusal = from_litellm(500, payload, self._edge.scrubber, None)
        document = refusal.document(self._route.style, self._record.request_id)
        event = b"event: error\n" if self._route.style == "anthropic" else b""
        return event + b"data: " + orjson.dumps(document) + b"\n\n"
