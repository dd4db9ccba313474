"""uvicorn's server with a boot that is checked before anybody is let in, and a drain that loses no request.

Stock uvicorn closes every idle connection when it shuts down, also one whose next request is already in the kernel's
buffer, and one whose last stream began before it could say ``connection: close``: clients see resets. Here every later
answer says ``connection: close``, and idle connections live until uvicorn's own keep-alive timer, which is longer than
any client's. Relies on names of uvicorn 0.54 (``server_state``, ``cycle``, ``_captured_signals``); tests hold them.
"""

import asyncio
import os
import signal
import socket
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from types import FrameType
from typing import Any

import uvicorn

from .accept import Acceptor
from .deathsig import die_with_parent, orphaned
from .pipe import Teller
from .shares import Share

_TICKS_PER_BEAT = 10  # of uvicorn's 0.1 s
_POLL_S = 0.05
# A connection may be accepted, or in its TLS handshake, and not yet counted.
_LINGER_S, _LINGER_TLS_S = 0.2, 2.0


@dataclass(frozen=True)
class Patience:
    """How long a leaving worker waits, in seconds."""

    keepalive: float
    reload_grace: float
    grace: float


class WorkerServer(uvicorn.Server):
    """Serves one worker's share of the listening socket."""

    def __init__(
        self,
        config: uvicorn.Config,
        listener: socket.socket,
        teller: Teller,
        patience: Patience,
        booted: Callable[[], Awaitable[None]],
        share: Share,
    ) -> None:
        super().__init__(config)
        self._listener, self._teller, self._patience, self._booted = listener, teller, patience, booted
        self._parent, self._share = os.getppid(), share
        self._acceptor: Acceptor | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Boot the app, let ``booted`` judge it, and only then accept connections."""
        await super().startup([])
        await self._booted()
        self._acceptor = Acceptor(self._listener, self._protocol, self.config.ssl, self._share,
                                  lambda: len(self.server_state.connections))
        self.servers = [self._acceptor]  # type: ignore[list-item]  # as much of asyncio's server as uvicorn uses
        die_with_parent(signal.SIGTERM)
        self._teller.ready()

    def _protocol(self) -> asyncio.Protocol:
        make: Any = self.config.http_protocol_class
        protocol: asyncio.Protocol = make(
            config=self.config, server_state=self.server_state, app_state=self.lifespan.state
        )
        return protocol

    async def on_tick(self, counter: int) -> bool:
        """Report to the parent once a second; leave when it is gone."""
        if counter % _TICKS_PER_BEAT == 0:
            self._beat()
        if self._acceptor is not None:
            self._acceptor.count()
        return await super().on_tick(counter) or orphaned(self._parent)

    def _beat(self) -> None:
        self._teller.served(self.server_state.total_requests)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Remember the signal: TERM drains, INT ends within ``grace``; stock uvicorn cuts streams at INT after TERM."""
        self._captured_signals.append(sig)
        self.should_exit = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Accept nothing more, drain, close what is left, and let the app say goodbye."""
        for server in self.servers:
            server.close()  # our copy of the listening socket; the siblings go on accepting
        self._teller.leaving()
        self._announce_close()
        in_time = await self._drain()
        # wait_for takes fractions; uvicorn's annotation does not say so.
        self.config.timeout_graceful_shutdown = self._patience.grace if in_time else 0.1  # type: ignore[assignment]
        await super().shutdown(sockets)
        self._captured_signals.clear()  # uvicorn would raise them again, and atexit would not run

    def _announce_close(self) -> None:
        state = self.server_state  # its default headers are read when a request begins
        state.default_headers = [*state.default_headers, (b"connection", b"close")]
        for connection in state.connections:
            cycle = getattr(connection, "cycle", None)
            if cycle is not None and not cycle.response_started:
                cycle.keep_alive = False

    async def _drain(self) -> bool:
        """Wait until every connection has ended; return False where that took longer than ``reload_grace``."""
        began, beat_at = time.monotonic(), 0.0
        linger = _LINGER_TLS_S if self.config.is_ssl else _LINGER_S
        while not self._hurried():
            age = time.monotonic() - began
            if age > self._patience.reload_grace:
                return False
            if age > linger and not self.server_state.connections:
                return True
            if age > beat_at:
                beat_at = age + _TICKS_PER_BEAT / 10
                self._beat()
            if age > self._patience.keepalive:
                self._close_silent()
            await asyncio.sleep(_POLL_S)
        return True

    def _hurried(self) -> bool:
        return signal.SIGINT in self._captured_signals

    def _close_silent(self) -> None:
        """Close connections that never asked anything: uvicorn's keep-alive timer starts with the first answer."""
        for connection in list(self.server_state.connections):
            if getattr(connection, "cycle", connection) is None:
                connection.transport.close()
