"""What a worker tells its parent, as short lines through a pipe: ready, requests served, rows changed, leaving."""

import os
from dataclasses import dataclass

READY, LEAVING, SERVED, CHANGED = b"ready", b"leaving", b"served", b"changed "


@dataclass
class Teller:
    """The worker's end. Saying something never blocks and never fails: a parent that is gone is noticed elsewhere."""

    fd: int

    def __post_init__(self) -> None:
        os.set_blocking(self.fd, False)

    def ready(self) -> None:
        """Say that requests are accepted."""
        self._say(READY)

    def served(self, requests: int) -> None:
        """Say that the event loop turns, and how many requests were answered so far."""
        self._say(SERVED + b" %d" % requests)

    def changed(self, digest: str) -> None:
        """Say that the registry has other models, providers or chains than this configuration."""
        self._say(CHANGED + digest.encode())

    def leaving(self) -> None:
        """Say that nothing new is accepted, so that a replacement can start before the last stream ends."""
        self._say(LEAVING)

    def _say(self, line: bytes) -> None:
        try:
            os.write(self.fd, line + b"\n")
        except (BlockingIOError, BrokenPipeError):
            return


@dataclass
class Listener:
    """The parent's end."""

    fd: int
    _rest: bytes = b""

    def __post_init__(self) -> None:
        os.set_blocking(self.fd, False)

    def lines(self) -> list[bytes] | None:
        """Return the complete lines that have arrived, or None once nothing can arrive any more."""
        if self.fd < 0:
            return None
        try:
            data = os.read(self.fd, 4096)
        except BlockingIOError:
            return []
        if not data:
            return None
        *lines, self._rest = (self._rest + data).split(b"\n")
        return lines

    def close(self) -> None:
        """Close this end; twice is harmless."""
        if self.fd >= 0:
            os.close(self.fd)
        self.fd = -1
