"""Who is at the other end of a local socket."""

import os
import socket
import struct

_SOL_LOCAL = 0  # macOS, sys/un.h


def peer_uid(connection: socket.socket) -> int | None:
    """Return the uid of the process at the other end, None where the system does not tell."""
    if hasattr(socket, "SO_PEERCRED"):
        size = struct.calcsize("3i")
        _, uid, _ = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size))
        return int(uid)
    if (local := getattr(socket, "LOCAL_PEERCRED", None)) is not None:
        _, uid = struct.unpack("2I", connection.getsockopt(_SOL_LOCAL, local, 76)[:8])  # struct xucred
        return int(uid)
    return None


def trusted(connection: socket.socket) -> bool:
    """Return whether the peer is our user or root; the folder's mode 0700 is what remains where nobody tells."""
    return peer_uid(connection) in (None, 0, os.getuid())
