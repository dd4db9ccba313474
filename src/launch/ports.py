"""Take the port before anything slow happens, and name who holds it where it is taken."""

import errno
import os
import socket
from pathlib import Path

from ..errors import PROGRAM, NotStarted

BACKLOG = 2048


def take_port(host: str, port: int) -> socket.socket:
    """Return a listening-ready socket bound to (host, port); raises NotStarted where that is impossible."""
    try:
        address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    except (socket.gaierror, UnicodeError):
        raise NotStarted(f"the address {host} is not known here", "LITELLM_HOST", "LITELLM_HOST=127.0.0.1") from None
    try:
        listener = socket.socket(address[0], socket.SOCK_STREAM)
    except OSError as error:
        raise refusal(host, port, error) from None
    try:
        if os.name == "posix":
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address[4])
        # A second listener on the same port fails only here where both asked for SO_REUSEADDR.
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise refusal(host, port, error) from None
    listener.setblocking(False)
    return listener


def refusal(host: str, port: int, error: OSError) -> NotStarted:
    """Return what an operator needs to know where (host, port) cannot be listened on."""
    if error.errno == errno.EADDRINUSE:
        holder = holder_of(port)
        by = f" by {holder}" if holder else ""
        return NotStarted(f"port {port} on {host} is taken{by}", "PORT",
                          f"stop it (a gateway with `{PROGRAM} stop --port {port}`), or choose another: "
                          f"--port {port + 1 if port < 65_535 else 4000}")
    if error.errno in (errno.EACCES, errno.EPERM):
        return NotStarted(f"port {port} may not be used by this user", "PORT", "choose a port above 1023: --port 4000")
    return NotStarted(f"cannot listen on {host}, port {port}: {error.strerror}", "LITELLM_HOST",
                      "LITELLM_HOST=127.0.0.1")


def holder_of(port: int) -> str | None:
    """Return `name (pid 123)` of the process that listens on ``port``; None where it cannot be known."""
    inodes = _listening_inodes(port)
    if not inodes:
        return None
    for process in Path("/proc").glob("[0-9]*"):
        try:
            for descriptor in (process / "fd").iterdir():
                if os.readlink(descriptor).removeprefix("socket:[").rstrip("]") in inodes:
                    name = (process / "comm").read_text(encoding="utf-8", errors="replace").strip()
                    return f"{name} (pid {process.name})"
        except OSError:
            continue  # gone meanwhile, or another user's
    return None


def _listening_inodes(port: int) -> set[str]:
    """Return the socket inodes in state LISTEN (0A) on ``port``, see proc(5)."""
    inodes = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            rows = Path(table).read_text(encoding="ascii").splitlines()[1:]
        except OSError:
            continue  # no /proc on this system
        for row in rows:
            cells = row.split()
            if cells[3] == "0A" and int(cells[1].rpartition(":")[2], 16) == port:
                inodes.add(cells[9])
    return inodes
