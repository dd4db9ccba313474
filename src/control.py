"""The client of a running gateway: finds it by its control socket, asks it, cleans up after dead ones."""

import json
import os
import shutil
import socket
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .config.runtime import SOCKET, runtime_root
from .errors import PROGRAM, NotStarted, UsageProblem

_CONNECT_TIMEOUT_S = 10.0
_START = f"start one with `{PROGRAM}`"


class NotReached(NotStarted):
    """Nobody answers on the control socket; exit code 3."""


@dataclass(frozen=True)
class Gateway:
    """A gateway by its runtime folder, whose name is the port."""

    folder: Path

    @property
    def port(self) -> str:
        """Return the port, as the folder has it."""
        return self.folder.name

    def ask(
        self, command: str, progress: Callable[[str], None] | None = None, timeout: float | None = None
    ) -> dict[str, Any]:
        """Send ``command`` and return the answer; ``progress`` hears what is said before it.

        ``timeout`` in seconds limits each wait for an answer; a reload may rightly take long. Raises `NotReached`.
        """
        with self._connect() as connection:
            connection.settimeout(timeout)
            return self._answer(connection, command, progress)

    def stop(self) -> dict[str, Any]:
        """Ask the gateway to stop and return when it is gone. Raises `NotReached`."""
        with self._connect() as connection:
            connection.settimeout(None)
            answer = self._answer(connection, "stop", None)
            while _receive(connection):
                continue  # nothing more is said; the connection ends with the process
        return answer

    def alive(self) -> bool:
        """Return whether somebody listens on the control socket."""
        try:
            self._connect().close()
        except NotReached:
            return False
        return True

    def _connect(self) -> socket.socket:
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(_CONNECT_TIMEOUT_S)
        try:
            connection.connect(str(self.folder / SOCKET))
        except OSError as error:
            connection.close()
            raise NotReached(f"no gateway answers on port {self.port}: {error}", str(self.folder), _START) from error
        return connection

    def _answer(
        self, connection: socket.socket, command: str, progress: Callable[[str], None] | None
    ) -> dict[str, Any]:
        try:
            connection.sendall(json.dumps({"command": command}).encode() + b"\n")
            for line in _lines(connection):
                message: dict[str, Any] = json.loads(line)
                if "progress" not in message:
                    return message
                if progress is not None:
                    progress(str(message["progress"]))
        except TimeoutError:
            raise NotReached(f"the gateway on port {self.port} does not answer `{command}`", str(self.folder),
                             "look whether its process is stopped or the machine is out of memory") from None
        except BrokenPipeError:
            pass  # it ended meanwhile
        raise NotReached(f"the gateway on port {self.port} ended before it answered `{command}`")


def find(environ: Mapping[str, str], port: int | None = None) -> Gateway:
    """Return the running gateway on ``port``, or the only one. Raises `NotReached` or `UsageProblem`."""
    gateways = running(environ)
    if port is not None:
        gateways = [gateway for gateway in gateways if gateway.port == str(port)]
    if not gateways:
        where = f"on port {port}" if port is not None else "here"
        raise NotReached(f"no gateway of yours runs {where}", str(runtime_root(environ)), _START)
    if len(gateways) > 1:
        ports = ", ".join(gateway.port for gateway in gateways)
        raise UsageProblem(f"several gateways run, on the ports {ports}", repair="name one with --port")
    return gateways[0]


def running(environ: Mapping[str, str]) -> list[Gateway]:
    """Return the gateways of this user that answer, by port; folders that a killed one left are removed."""
    found = []
    for gateway in _folders(runtime_root(environ)):
        if gateway.alive():
            found.append(gateway)
        elif _dead(gateway.folder):
            shutil.rmtree(gateway.folder, ignore_errors=True)
    return sorted(found, key=lambda gateway: int(gateway.port))


def _folders(root: Path) -> list[Gateway]:
    try:
        names = sorted(root.iterdir())
    except OSError:
        return []
    return [Gateway(path) for path in names if path.name.isdigit() and path.is_dir() and not path.is_symlink()]


def _dead(folder: Path) -> bool:
    """Return whether a gateway of ours died there: its socket refuses. One that is starting has none yet."""
    try:
        found = (folder / SOCKET).lstat()
        if found.st_uid != os.getuid() or folder.stat().st_uid != os.getuid():
            return False
        with socket.socket(socket.AF_UNIX) as probe:
            probe.connect(str(folder / SOCKET))
    except ConnectionRefusedError:
        return True
    except OSError:
        return False
    return False


def _lines(connection: socket.socket) -> Iterator[bytes]:
    rest = b""
    while data := _receive(connection):
        *lines, rest = (rest + data).split(b"\n")
        yield from lines


def _receive(connection: socket.socket) -> bytes:
    try:
        return connection.recv(65536)
    except ConnectionResetError:
        return b""
