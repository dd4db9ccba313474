"""uvicorn's HTTP protocol with a bound on the head of a request: uvicorn 0.54 waits for it for ever.

A client that opens connections and sends nothing, or one header a minute, never reaches the ASGI app; only here can it
be let go. Bodies are bounded by the route guard.
"""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MAX_HEAD_BYTES = 128 * 1024
MIN_HEAD_TIMEOUT_S = 30.0


class BoundedProtocol(HttpToolsProtocol):
    """``head_timeout`` is the time in seconds that a client has for each head, the first one from connecting on."""

    head_timeout = MIN_HEAD_TIMEOUT_S

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._head_timer: asyncio.TimerHandle | None = None
        self._head_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the clock for the first head."""
        super().connection_made(transport)
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the clock."""
        self._head_arrived()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Count what arrives before the head is whole; answer 431 where it grows too large."""
        self._head_bytes += len(data) if self._head_timer else 0
        super().data_received(data)
        if self._head_timer and self._head_bytes > MAX_HEAD_BYTES:
            self._head_arrived()
            self.transport.write(b"HTTP/1.1 431 Request Header Fields Too Large\r\n"
                                 b"content-length: 0\r\nconnection: close\r\n\r\n")
            self.transport.close()

    def on_message_begin(self) -> None:
        """Start the clock for a later request of the same connection."""
        super().on_message_begin()
        if self._head_timer is None:
            self._await_head()

    def on_headers_complete(self) -> None:
        """Stop the clock; the body is the guard's business."""
        self._head_arrived()
        super().on_headers_complete()

    def _await_head(self) -> None:
        self._head_bytes = 0
        self._head_timer = self.loop.call_later(self.head_timeout, self._too_slow)

    def _head_arrived(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _too_slow(self) -> None:
        self._head_timer = None
        self.transport.close()


def bounded(keepalive: float) -> type[BoundedProtocol]:
    """Return the protocol for a server that keeps idle connections for ``keepalive`` seconds; heads get no less."""
    return type("Protocol", (BoundedProtocol,), {"head_timeout": max(MIN_HEAD_TIMEOUT_S, keepalive)})
