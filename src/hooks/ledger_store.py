"""What the ledger's storing thread does to the database: open it late, write, read back, prune. All may raise."""

import logging
import time
from collections.abc import Sequence
from pathlib import Path

from ..config.database import Database
from ..store.engine import Store
from ..store.failures import StoreDown
from ..store.journal import Journal
from ..store.ledger import LedgerWriter, open_ledger
from ..store.ledger_prune import Keep, Pruner
from ..store.ledger_rows import Entry, Row, repaired
from ..store.migrate import ensure_schema
from ..store.place import Place
from ..store.rollup import Users
from ..store.spill import Spill, adopt

# So few that new entries need not wait long behind them.
_CHUNK = 200
_ADOPT_EVERY = 10.0
_log = logging.getLogger("gateway.hooks")


class LedgerStore:
    """One worker's connection to the ledger; used by one thread. ``audit`` says that entries come in two halves."""

    def __init__(self, database: Database, folder: Path, limit: int, keep: Keep, audit: bool = False) -> None:
        self._database, self._folder, self._limit, self._audit = database, folder, limit, audit
        self._store: Store | None = None
        self._writer: LedgerWriter | None = None
        self._users = Users()
        self._place: Place | None = None
        self._pruner = Pruner(keep)
        self._adopted: list[Spill] = []
        self._adopt_at = 0.0
        self._refused = 0

    def opened(self) -> LedgerWriter:
        """Return the writer, opened and migrated when it is first needed and after a failure; raises StoreError."""
        if self._place is not None and self._place.moved():
            self._let_go(self._place)
        if self._store is None:
            self._store = open_ledger(self._database)
            self._place = Place(self._store, self._database.path) if self._database.path else None
        if self._writer is None:
            ensure_schema(self._store)
            self._writer = LedgerWriter(self._store, self._users)
        return self._writer

    def write(self, entries: Sequence[Row | Entry]) -> int:
        """Record new entries and return how many were given up, because the database would never take them."""
        missed = self._record(entries, fresh=not self._audit)
        self._refused += missed
        return missed

    def _record(self, entries: Sequence[Row | Entry], fresh: bool) -> int:
        try:
            missed = _written(self.opened(), entries, fresh)
        except StoreDown:
            self._writer = None  # what comes back may be another database
            raise
        if self._place is not None and self._place.moved():
            self._let_go(self._place)
            raise StoreDown(f"the file of {self._database.masked} was removed or replaced", "GATEWAY_DATABASE_URL")
        return missed

    def _let_go(self, place: Place) -> None:
        """Close a file that is not where it was: what is written there nobody would find."""
        place.leave()
        if self._store is not None:
            self._store.close()
        self._store = self._writer = self._place = None

    def rest(self, own: Journal, later: float = 0.0) -> bool:
        """Do one piece of what waits: read back a part of a file, or prune; ``later`` seconds from now.

        Returns whether more of the files may wait.
        """
        now = time.monotonic() + later
        if now >= self._adopt_at:
            self._adopt_at = now + _ADOPT_EVERY
            self._adopted += adopt(self._folder, self._limit)
        files: tuple[Journal | Spill, ...] = (own, *self._adopted)
        waiting = next((found for found in files if found.waiting), None)
        if waiting is not None:
            self._read_back(waiting, fresh=waiting is own and not self._audit)
        elif self._pruner.due(now):
            self._pruner.step(self.opened().store, now)
        for done in [found for found in self._adopted if not found.waiting]:
            self._adopted.remove(done)
            self._refused += done.take_unreadable()
            done.close()
        self._refused += own.take_unreadable()
        return waiting is not None

    def _read_back(self, waiting: Journal | Spill, fresh: bool) -> None:
        entries, place = waiting.read(_CHUNK)
        self._refused += self._record(entries, fresh)
        waiting.done(place)

    def take_unreadable(self) -> int:
        """Return how many entries were given up since the last call."""
        found, self._refused = self._refused, 0
        return found

    def close(self) -> None:
        """Close the connections and let go of other workers' files."""
        for spill in self._adopted:
            spill.close()
        if self._store is not None:
            self._store.close()


def _written(writer: LedgerWriter, entries: Sequence[Row | Entry], fresh: bool) -> int:
    """Record ``entries`` and return how many cannot be: the others must not wait behind one for ever."""
    try:
        writer.write(entries, fresh)
    except StoreDown:
        raise
    except Exception as error:
        _log.info("ledger entries are recorded one by one: %s", type(error).__name__)
        return sum(not _written_alone(writer, entry) for entry in entries)
    return 0


def _written_alone(writer: LedgerWriter, entry: Row | Entry) -> bool:
    try:
        writer.write([repaired(entry) if isinstance(entry, list) else entry])
    except StoreDown:
        raise
    except Exception as error:
        _log.warning("a ledger entry cannot be recorded: %s", type(error).__name__)
        return False
    return True
