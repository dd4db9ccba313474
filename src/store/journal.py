"""What has ended and is not in the database yet: two files in turn, one written while the other is read back.

A single file could only shrink when nothing waits in it, which under load is never. What is in the files is kept in
memory as well, up to a bound: they are read after a crash, and when much waits.
"""

from collections.abc import Sequence
from pathlib import Path
from threading import Lock

from .ledger_rows import Entry, Row
from .spill import Spill

# So many of one file, a busy second's, and so many bytes of it; more is not put into the database at once.
HELD, _HELD_BYTES = 1_000, 1 << 23


class Journal:
    """A worker's own entries on their way to the database, at most ``limit`` bytes; several threads may use it.

    ``held`` is how many entries of one file are kept in memory, too.
    """

    def __init__(self, folder: Path, limit: int, held: int = HELD) -> None:
        self._writing, self._reading = _Half(folder, limit, held), _Half(folder, limit, held)
        self._limit, self._lock = limit, Lock()

    @property
    def waiting(self) -> int:
        """Return how many bytes wait to be read back."""
        return self._writing.file.waiting + self._reading.file.waiting

    def append(self, entries: Sequence[Row | Entry]) -> bool:
        """Keep ``entries``, all or none; return False where no file takes them."""
        with self._lock:
            self._writing.file.limit = self._limit - self._reading.file.size
            return self._writing.append(entries)

    def read(self, most: int) -> tuple[list[Row | Entry], int]:
        """Return waiting entries, and what `done` wants to hear; for one thread only.

        They are all that one file has, or where memory holds less than that, the next ``most``.
        """
        if not self._reading.file.waiting and self._writing.file.waiting:
            with self._lock:
                self._writing, self._reading = self._reading, self._writing
        return self._reading.read(most)

    def done(self, place: int) -> None:
        """Forget what was read up to ``place``."""
        self._reading.done(place)

    def take_unreadable(self) -> int:
        """Return how many lines could not be understood since the last call."""
        return self._writing.file.take_unreadable() + self._reading.file.take_unreadable()

    def close(self) -> None:
        """Give both files up; what waits in them is left to whoever comes next."""
        with self._lock:
            self._writing.file.close()
            self._reading.file.close()


class _Half:
    """A file, and in memory what is in it; ``None`` where that is not all."""

    def __init__(self, folder: Path, limit: int, held: int) -> None:
        self.file = Spill(folder, limit)
        self._most = held
        self._held: list[Row | Entry] | None = []

    def append(self, entries: Sequence[Row | Entry]) -> bool:
        if not self.file.append(entries):
            return False
        if self._held is not None:
            self._held.extend(entries)
            if len(self._held) > self._most or self.file.size > _HELD_BYTES:
                self._held = None
        return True

    def read(self, most: int) -> tuple[list[Row | Entry], int]:
        if self._held is not None:
            return self._held, self.file.size
        return self.file.read(most)

    def done(self, place: int) -> None:
        self.file.done(place)
        if not self.file.size:
            self._held = []
