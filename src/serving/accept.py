"""Taking new connections one by one, so that the workers share them; asyncio and uvloop take all that wait at once."""

import asyncio
import errno
import logging
import socket
import ssl
from collections.abc import Callable
from typing import Any

from .shares import Share

# Out of descriptors or buffers; asyncio waits as long.
_EXHAUSTED = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
_PAUSE_S = 1.0
# How long a worker leaves a connection to less busy ones, for each that it has more, and at most.
_START_S, _LONGEST_START_S = 0.001, 0.005
# A longer TLS handshake is given up; an idle client does not answer a TLS goodbye. asyncio waits 60 and 30 s.
_HANDSHAKE_S, _GOODBYE_S = 60.0, 1.0
_log = logging.getLogger("gateway.serving")


class Acceptor:
    """Accepts on ``listener``, which is non-blocking and shared with other processes; closed by `close`.

    ``make`` makes the protocol of a connection, ``connections`` counts those there are.
    """

    def __init__(self, listener: socket.socket, make: Callable[[], asyncio.Protocol], context: ssl.SSLContext | None,
                 share: Share, connections: Callable[[], int]) -> None:
        self._listener, self._make, self._share, self._connections = listener, make, share, connections
        self._loop = asyncio.get_running_loop()
        self._tls: dict[str, Any] = {} if context is None else {
            "ssl": context, "ssl_handshake_timeout": _HANDSHAKE_S, "ssl_shutdown_timeout": _GOODBYE_S}
        self._starting: set[asyncio.Task[None]] = set()
        self._pause: asyncio.TimerHandle | None = None
        self.count()
        self._loop.add_reader(listener, self._offered)

    def close(self) -> None:
        """Accept nothing more; the siblings' copies of the socket go on."""
        if self._listener.fileno() < 0:
            return
        if self._pause is not None:
            self._pause.cancel()
        self._loop.remove_reader(self._listener)
        self._listener.close()
        self._share.leave()

    async def wait_closed(self) -> None:
        """Return at once: connections are waited for by their own list."""

    def count(self) -> None:
        """Tell the other workers how many connections this one has."""
        if self._listener.fileno() >= 0:
            self._share.tell(self._connections() + len(self._starting))

    def _offered(self) -> None:
        """Take a connection, or leave it to a worker that has fewer for a moment."""
        if surplus := self._share.surplus:
            self._wait(min(surplus * _START_S, _LONGEST_START_S))
        else:
            self._accept()

    def _wait(self, seconds: float) -> None:
        self._loop.remove_reader(self._listener)
        self._pause = self._loop.call_later(seconds, self._resume)

    def _resume(self) -> None:
        self._loop.add_reader(self._listener, self._offered)
        self._accept()

    def _accept(self) -> None:
        try:
            connection, _ = self._listener.accept()
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            return  # another worker was faster, or the client has left
        except OSError as error:
            if error.errno not in _EXHAUSTED:
                raise
            _log.error("no connection can be accepted: %s", error.strerror)
            self._wait(_PAUSE_S)
            return
        task = self._loop.create_task(self._start(connection))
        self._starting.add(task)
        task.add_done_callback(self._starting.discard)
        self.count()

    async def _start(self, connection: socket.socket) -> None:
        connection.setblocking(False)
        try:
            if connection.family != socket.AF_UNIX:
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            await self._loop.connect_accepted_socket(self._make, connection, **self._tls)
        except (OSError, ssl.SSLError):
            connection.close()  # the client left, or speaks no TLS
