"""uvicorn's HTTP protocol with bounds that uvicorn 0.54 lacks: it waits for ever, for a head and for whoever reads.

A client that opens connections and sends nothing, or one header a minute, never reaches the ASGI app; only here can it
be let go. Bodies are bounded by the route guard. A client that takes nothing of its answer would hold its connection
upstream, and the worker itself when that one is to leave.
"""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MAX_HEAD_BYTES = 128 * 1024
MIN_HEAD_TIMEOUT_S = 30.0


class BoundedProtocol(HttpToolsProtocol):
    """``head_timeout`` is the time in seconds that a client has for each head, the first one from connecting on;
    ``send_timeout`` how long it may take no byte of what waits for it, 0 for ever.
    """

    head_timeout = MIN_HEAD_TIMEOUT_S
    send_timeout = 0.0

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._head_timer: asyncio.TimerHandle | None = None
        self._head_bytes = 0
        self._send_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the clock for the first head."""
        super().connection_made(transport)
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the clocks."""
        self._head_arrived()
        self._taken()
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

    def pause_writing(self) -> None:
        """Start the clock: the client does not keep up. While it does, no clock runs."""
        super().pause_writing()
        self._await_taking()

    def resume_writing(self) -> None:
        """Stop the clock."""
        self._taken()
        super().resume_writing()

    def on_response_complete(self) -> None:
        """Start the clock where the connection ends with this answer, and part of it still waits."""
        super().on_response_complete()
        if self.transport.is_closing():
            self._await_taking()

    def timeout_keep_alive_handler(self) -> None:
        """Close the idle connection; an answer that nobody takes would keep it open."""
        super().timeout_keep_alive_handler()
        self._await_taking()

    def _await_head(self) -> None:
        self._head_bytes = 0
        self._head_timer = self.loop.call_later(self.head_timeout, self._too_slow)

    def _head_arrived(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _too_slow(self) -> None:
        self._head_timer = None
        if self.cycle is None or self.cycle.response_complete:
            self.transport.close()
        else:
            self._await_head()  # the next head is late, but an answer is still under way

    def _await_taking(self) -> None:
        waiting = self.transport.get_write_buffer_size()
        if self.send_timeout and waiting and self._send_timer is None:
            self._send_timer = self.loop.call_later(self.send_timeout, self._look_whether_taken, waiting)

    def _look_whether_taken(self, before: int) -> None:
        """Let go whoever took nothing; nobody has written meanwhile, so what waits can only have become less."""
        self._send_timer = None
        if self.transport.get_write_buffer_size() < before:
            self._await_taking()
        else:
            self.transport.abort()

    def _taken(self) -> None:
        if self._send_timer is not None:
            self._send_timer.cancel()
            self._send_timer = None


def bounded(keepalive: float, send_timeout: float) -> type[BoundedProtocol]:
    """Return the protocol for a server that keeps idle connections for ``keepalive`` seconds; heads get no less."""
    bounds = {"head_timeout": max(MIN_HEAD_TIMEOUT_S, keepalive), "send_timeout": send_timeout}
    return type("Protocol", (BoundedProtocol,), bounds)
