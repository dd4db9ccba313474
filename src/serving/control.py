"""The control socket: one JSON object per line in, one out, answered from the parent's loop."""

import json
import os
import socket
from collections.abc import Callable
from pathlib import Path

from .loop import Loop
from .peer import trusted

_LONGEST_LINE = 4096
_SEND_TIMEOUT_S = 2.0


class Connection:
    """One client. Its answer may come later; it may be gone by then."""

    def __init__(self, connection: socket.socket, loop: Loop, handle: "Handler") -> None:
        self._socket, self._loop, self._handle, self._received = connection, loop, handle, b""
        self._open = True
        connection.setblocking(False)
        loop.add(connection, self._read)

    def answer(self, message: dict[str, object], last: bool = True) -> None:
        """Send one object; the last one closes the connection."""
        if not self._open:
            return
        try:
            self._socket.settimeout(_SEND_TIMEOUT_S)
            self._socket.sendall(json.dumps(message).encode() + b"\n")
            self._socket.setblocking(False)
        except OSError:
            last = True  # the client has gone
        if last:
            self._close()

    def _read(self) -> None:
        try:
            data = self._socket.recv(_LONGEST_LINE)
        except (BlockingIOError, ConnectionError):
            data = b""
        self._received += data
        if not data or len(self._received) > _LONGEST_LINE:
            self._close()
        elif b"\n" in self._received:
            line, _, self._received = self._received.partition(b"\n")
            self._handle(_command(line), self)

    def _close(self) -> None:
        if self._open:
            self._open = False
            self._loop.remove(self._socket)
            self._socket.close()


Handler = Callable[[str, Connection], None]


class ControlServer:
    """Listens at ``path``; calls ``handle`` with the command and the connection to answer."""

    def __init__(self, path: Path, loop: Loop, handle: Handler) -> None:
        self._loop, self._handle = loop, handle
        self._socket = socket.socket(socket.AF_UNIX)
        mask = os.umask(0o177)
        try:
            self._socket.bind(str(path))
        finally:
            os.umask(mask)
        self._socket.listen(16)
        self._socket.setblocking(False)
        loop.add(self._socket, self._accept)

    def _accept(self) -> None:
        try:
            connection, _ = self._socket.accept()
        except OSError:  # gone again, or no descriptor left: the client sees that nobody answers
            return
        if trusted(connection):
            Connection(connection, self._loop, self._handle)
        else:
            connection.close()

    def close(self) -> None:
        """Stop listening; open connections end with the process."""
        self._loop.remove(self._socket)
        self._socket.close()


def _command(line: bytes) -> str:
    try:
        request = json.loads(line)
    except ValueError:
        return ""
    return str(request.get("command", "")) if isinstance(request, dict) else ""
