"""Where ledger entries wait while the database cannot take them: one bounded 0600 file per worker, read back in order.

The owner holds a lock on its file as long as it lives, also through SIGKILL; whoever gets the lock of another's file
has found what a dead worker left. One JSON object per line; what a crash left half-written is the last line only.
"""

import errno
import os
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from threading import Lock
from typing import Any

import orjson

from .ledger_rows import Entry, Row, whole

try:
    import fcntl
except ImportError:  # Windows: one process, nothing to adopt
    fcntl = None  # type: ignore[assignment]

_SUFFIX = ".jsonl"
_CHUNK = 1 << 20


class Spill:
    """One file of waiting entries, made when it is first needed; several threads may use it."""

    def __init__(self, folder: Path, limit: int, path: Path | None = None, fd: int = -1) -> None:
        self._folder, self.limit = folder, limit
        self._path, self._fd = path, fd
        self._read = 0
        self._size = os.fstat(fd).st_size if fd >= 0 else 0
        self._lock = Lock()
        self._unreadable = 0

    @property
    def size(self) -> int:
        """Return how many bytes the file has, those that were read back included."""
        return self._size

    @property
    def waiting(self) -> int:
        """Return how many bytes wait to be read back."""
        return self._size - self._read

    def append(self, entries: Sequence[Row | Entry]) -> bool:
        """Keep ``entries``, all or none; return False where the file is full or cannot be written."""
        data = b"".join(map(_line, entries))
        with self._lock:
            if self._size + len(data) > self.limit:
                return False
            try:
                self._open()
                self._write(data)
            except OSError:
                return False
        return True

    def _open(self) -> None:
        if self._fd >= 0 and not self._size and not os.fstat(self._fd).st_nlink:  # somebody tidied up
            os.close(self._fd)
            self._fd = -1
        if self._fd < 0:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._fd, self._path = _make(self._folder)

    def _write(self, data: bytes) -> None:
        """Write at the end, or leave the file as it was; raises OSError."""
        view = memoryview(data)
        try:
            while view:
                written = os.pwrite(self._fd, view, self._size + len(data) - len(view))
                if not written:
                    raise OSError(errno.ENOSPC, "nothing was written")
                view = view[written:]
        except OSError:
            os.ftruncate(self._fd, self._size)
            raise
        self._size += len(data)

    def read(self, most: int) -> tuple[list[Row | Entry], int]:
        """Return up to ``most`` waiting entries, and what `done` wants to hear once they are safe elsewhere."""
        with self._lock:
            data = os.pread(self._fd, min(_CHUNK, self.waiting), self._read) if self.waiting else b""
            while data and b"\n" not in data and len(data) < self.waiting:
                data = os.pread(self._fd, len(data) + _CHUNK, self._read)
        lines = data.splitlines(keepends=True)[:most]
        if lines and not lines[-1].endswith(b"\n") and (len(lines) > 1 or len(data) < self.waiting):
            lines.pop()
        return list(self._parsed(lines)), self._read + sum(map(len, lines))

    def _parsed(self, lines: Sequence[bytes]) -> Iterator[Row | Entry]:
        for line in lines:
            try:
                entry = orjson.loads(line)
            except ValueError:
                entry = None
            if (found := whole(entry)) is not None:
                yield found
            else:
                self._unreadable += 1

    def take_unreadable(self) -> int:
        """Return how many lines could not be understood since the last call."""
        found, self._unreadable = self._unreadable, 0
        return found

    def done(self, place: int) -> None:
        """Forget what was read up to ``place``; an empty file shrinks to nothing."""
        with self._lock:
            self._read = place
            if self._fd >= 0 and place >= self._size:
                os.ftruncate(self._fd, 0)
                self._read = self._size = 0

    def close(self) -> None:
        """Give the file up: remove it where nothing waits in it, else leave it to whoever comes next."""
        with self._lock:
            if self._fd < 0:
                return
            if self._path is not None and not self.waiting:
                self._path.unlink(missing_ok=True)
            os.close(self._fd)
            self._fd, self._size, self._read = -1, 0, 0


def _line(entry: Row | Entry) -> bytes:
    """Return an entry as JSON, without what JSON cannot carry: an upstream may claim 10^30 tokens."""
    try:
        return orjson.dumps(entry, option=orjson.OPT_APPEND_NEWLINE)
    except TypeError:
        return orjson.dumps(_carried(entry), option=orjson.OPT_APPEND_NEWLINE)


def _carried(entry: Row | Entry) -> Row | Entry:
    if isinstance(entry, list):
        return [value if _fits(value) else None for value in entry]
    return {name: value for name, value in entry.items() if _fits(value)}


def _fits(value: Any) -> bool:
    try:
        orjson.dumps(value)
    except TypeError:
        return False
    return True


def _make(folder: Path) -> tuple[int, Path]:
    """Return a new file, locked; somebody who adopts files may have taken it before it was."""
    while True:
        path = folder / (uuid.uuid4().hex + _SUFFIX)
        try:
            return _take(path, os.O_CREAT | os.O_EXCL), path
        except (BlockingIOError, FileNotFoundError):
            if not folder.is_dir():
                raise


def _take(path: Path, more: int = 0) -> int:
    """Open and lock ``path``; raises BlockingIOError where somebody else has it, OSError where it cannot be had."""
    fd = os.open(path, os.O_RDWR | os.O_CLOEXEC | more, 0o600)
    try:
        if fcntl is not None:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.fstat(fd).st_nlink == 0:
            raise FileNotFoundError(errno.ENOENT, "removed by another process", str(path))
    except OSError:
        os.close(fd)
        raise
    return fd


def adopt(folder: Path, limit: int) -> Iterator[Spill]:
    """Yield the files in ``folder`` that nobody holds, ours from now on."""
    if fcntl is None or not folder.is_dir():
        return
    for path in sorted(folder.glob("*" + _SUFFIX)):
        try:
            fd = _take(path)
        except OSError:  # its worker lives, or another worker was faster
            continue
        yield Spill(folder, limit, path, fd)
