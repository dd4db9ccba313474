"""Running a small service of ours: uvicorn with our signals, our log and no trace of itself in answers."""

import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import uvicorn

# Seconds for answers under way at the end; each takes milliseconds.
GRACE_S = 5


class Server(uvicorn.Server):
    """Serves until SIGTERM or SIGINT. ``signum`` is the first signal that came, 0 before."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready
        self.signum = 0

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start to serve and say so."""
        await super().startup(sockets)
        if not self.should_exit:
            self._ready()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Handle signals while serving; uvicorn would raise them again, and the exit code would be theirs."""
        signals = (signal.SIGINT, signal.SIGTERM)
        before = {number: signal.signal(number, self.handle_exit) for number in signals}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """End soon; at once for a second signal."""
        self.force_exit = self.should_exit
        self.should_exit = True
        self.signum = self.signum or sig


def serve(app: Any, listener: socket.socket, keepalive: float, ready: Callable[[], None]) -> int:
    """Serve ``app`` until told to end and return the signal's number. ``keepalive``: seconds of an idle connection."""
    config = uvicorn.Config(app, log_config=None, access_log=False, server_header=False, lifespan="on",
                            timeout_keep_alive=max(1, round(keepalive)), timeout_graceful_shutdown=GRACE_S)
    server = Server(config, ready)
    server.run(sockets=[listener])
    return server.signum
