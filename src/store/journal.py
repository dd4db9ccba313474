"""What has ended and is not in the database yet: two files in turn, one written while the other is read back.

A single file could only shrink when nothing waits in it, which under load is never.
"""

from collections.abc import Sequence
from pathlib import Path
from threading import Lock
from typing import Any

from .ledger_rows import Entry
from .spill import Spill


class Journal:
    """A worker's own entries on their way to the database, at most ``limit`` bytes; several threads may use it."""

    def __init__(self, folder: Path, limit: int) -> None:
        self._writing, self._reading = Spill(folder, limit), Spill(folder, limit)
        self._limit, self._lock = limit, Lock()

    @property
    def waiting(self) -> int:
        """Return how many bytes wait to be read back."""
        return self._writing.waiting + self._reading.waiting

    def append(self, entries: Sequence[Entry]) -> bool:
        """Keep ``entries``, all or none; return False where no file takes them."""
        with self._lock:
            self._writing.limit = self._limit - self._reading.size
            return self._writing.append(entries)

    def read(self, most: int) -> tuple[list[dict[str, Any]], int]:
        """Return up to ``most`` waiting entries, and what `done` wants to hear; for one thread only."""
        if not self._reading.waiting and self._writing.waiting:
            with self._lock:
                self._writing, self._reading = self._reading, self._writing
        return self._reading.read(most)

    def done(self, place: int) -> None:
        """Forget what was read up to ``place``."""
        self._reading.done(place)

    def take_unreadable(self) -> int:
        """Return how many lines could not be understood since the last call."""
        return self._writing.take_unreadable() + self._reading.take_unreadable()

    def close(self) -> None:
        """Give both files up; what waits in them is left to whoever comes next."""
        with self._lock:
            self._writing.close()
            self._reading.close()
