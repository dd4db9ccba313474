"""The runtime folder of one gateway: private, checked, cleaned of what a killed predecessor left."""

import contextlib
import os
import shutil
import socket
import stat
from pathlib import Path

from ..config.runtime import CLIENT_KEYS, SOCKET, UPSTREAM_MODELS
from ..errors import NotStarted

PID_FILE = "pid"
_LONGEST_SOCKET_PATH = 103  # bytes; macOS allows 104 with the closing zero, Linux 108
_SHORTER = "set GATEWAY_RUNTIME_DIR to a folder of your own with a short path"


def claim(folder: Path) -> bool:
    """Make ``folder`` ours and empty; return whether its root had to be made, too.

    Raises ``NotStarted`` where it is another's, a gateway answers in it, or nothing can be written there.
    """
    socket_path = folder / SOCKET
    if len(os.fsencode(socket_path)) > _LONGEST_SOCKET_PATH:
        raise NotStarted(f"the path of the control socket is too long: {socket_path}", repair=_SHORTER)
    made_root = make(folder)
    if answers(socket_path):
        raise NotStarted(
            "another gateway of yours already serves this port", str(socket_path), "stop it with `litellm-gateway stop`"
        )
    try:
        clear(folder)
        write_pid(folder)
    except OSError as error:
        raise NotStarted(f"the runtime folder cannot be written: {error}", str(folder), _SHORTER) from error
    return made_root


def make(folder: Path) -> bool:
    """Make ``folder`` where it is missing; return whether its root was, too.

    Raises ``NotStarted`` where that is impossible or somebody else could write there.
    """
    try:
        made_root = not folder.parent.exists()
        folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise NotStarted(f"the runtime folder cannot be made: {error}", str(folder), _SHORTER) from error
    _check_root(folder.parent)
    _check_own(folder)
    return made_root


def write_pid(folder: Path) -> None:
    """Write the file for operators' own scripts. Raises OSError."""
    pid_file = folder / PID_FILE
    pid_file.touch(mode=0o600)
    pid_file.write_text(f"{os.getpid()}\n", encoding="ascii")


def release(folder: Path, root_too: bool) -> None:
    """Remove the folder with everything of ours in it, and its root where we made it and nobody else uses it."""
    clear(folder)
    with contextlib.suppress(OSError):  # a file of somebody else's is in it, and stays
        folder.rmdir()
        if root_too:
            folder.parent.rmdir()


def clear(folder: Path) -> None:
    """Remove what a gateway keeps in ``folder``; other files stay."""
    for generation in folder.glob("gen-*"):
        shutil.rmtree(generation, ignore_errors=True)
    kept = (path for name in (CLIENT_KEYS, UPSTREAM_MODELS) for path in folder.glob(f"{name}*"))
    for path in (folder / SOCKET, folder / PID_FILE, *kept):
        path.unlink(missing_ok=True)


def answers(socket_path: Path) -> bool:
    """Return whether somebody listens on the control socket."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(5)
        try:
            client.connect(str(socket_path))
        except (FileNotFoundError, ConnectionRefusedError):
            return False
        except OSError:
            return True
    return True


def _check_root(root: Path) -> None:
    found = root.lstat()
    shared = found.st_mode & (stat.S_IWGRP | stat.S_IWOTH) and not found.st_mode & stat.S_ISVTX
    if not stat.S_ISDIR(found.st_mode) or found.st_uid not in (0, os.getuid()) or shared:
        raise NotStarted("the runtime folder is not safe: others may write to it", str(root), _SHORTER)


def _check_own(folder: Path) -> None:
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        raise NotStarted("the runtime folder is another user's, or a link", str(folder), _SHORTER)
    if found.st_mode & 0o077:
        raise NotStarted("the runtime folder is open to others", str(folder), f"chmod 700 {folder}, or remove it")
