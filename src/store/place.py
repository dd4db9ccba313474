"""Whether a SQLite file is still where it was opened: SQLite goes on writing to one that was removed."""

import os
from contextlib import suppress
from pathlib import Path

from .engine import Store, translated
from .failures import StoreError

Identity = tuple[int, int] | None
# What SQLite keeps beside its file while somebody has it open.
_BESIDE = ("-wal", "-shm")


class Place:
    """The file of ``store``, as it was when this was made."""

    def __init__(self, store: Store, path: Path) -> None:
        self._store, self._path, self._file = store, path, _identity(path)
        self._beside: dict[Path, Identity] = {}

    def moved(self) -> bool:
        """Tell whether the file was removed or replaced."""
        if _identity(self._path) != self._file:
            return True
        beside = (self._path.with_name(self._path.name + suffix) for suffix in _BESIDE)
        self._beside = {path: _identity(path) for path in beside}
        return False

    def leave(self) -> None:
        """Put everything into a file that was moved away, and remove what SQLite would mix with the new one."""
        with suppress(StoreError), translated(self._store.database), self._store.engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").close()
        for path, old in self._beside.items():
            if old is not None and _identity(path) == old:  # else another worker was here, and they are the new one's
                path.unlink(missing_ok=True)


def _identity(path: Path) -> Identity:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino
