"""The ledger's writer in one worker: two threads, so that a request waits for neither.

One puts what has ended into the journal, files beside the database, every `POLL` seconds: nothing is in memory alone
for longer than twice that. The other moves it from there into the database every `PAUSE` seconds: the more
requests at once, the cheaper each. While the database is away the journal grows; the ledger takes each request once,
so what is read back twice is counted once. What the journal cannot take goes straight to the database.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import NamedTuple

from ..errors import GatewayError
from ..store.journal import Journal
from ..store.ledger_rows import Entry, Row
from .bell import Bell
from .ledger_entry import row_of_record
from .ledger_store import LedgerStore
from .record import RequestRecord

POLL, PAUSE = 0.05, 1.5
RETRY = 0.5
# A lock that others hold for a moment is nobody's business.
QUIET = 2.0
BATCH = 500
WAITING_LIMIT = 20_000
# So much that it is moved at once, lest it pile up.
PLENTY = 1 << 18
_SAID_EVERY = 60.0
_log = logging.getLogger("gateway.hooks")


class Item(NamedTuple):
    """An entry, and who waits to hear whether it is safe."""

    entry: Row | Entry
    told: Callable[[bool], None] | None = None


class Writer:
    """Takes records, never blocks and never fails; ``lost`` counts what neither database nor journal could take."""

    def __init__(self, store: LedgerStore, journal: Journal) -> None:
        self._store, self._journal = store, journal
        self._waiting: deque[RequestRecord | Item] = deque()
        self._direct: deque[Item] = deque()
        self._flying: list[Item] = []
        self._bell, self._move = Bell(self._waiting, POLL), threading.Event()
        self._stopping = False
        self._retry_at = self._deadline = 0.0
        self._failing_since: float | None = None
        self._said: dict[str, float] = {}
        self.lost = self.kept = 0
        self._threads = [threading.Thread(target=run, name=name, daemon=True)
                         for run, name in ((self._collect, "ledger"), (self._write, "ledger-store"))]

    @property
    def waiting(self) -> int:
        """Return how many bytes wait in the journal."""
        return self._journal.waiting

    def start(self) -> None:
        """Start the threads, in the process that they belong to."""
        for thread in self._threads:
            thread.start()

    def put(self, record: RequestRecord) -> None:
        """Take a request that has ended."""
        if len(self._waiting) < WAITING_LIMIT:
            self._waiting.append(record)
            self._bell.put()
        else:
            self._keep([Item(row_of_record(record))])

    def put_now(self, entry: Row | Entry, told: Callable[[bool], None]) -> None:
        """Take an entry at once; ``told`` hears, in another thread, whether it is safe."""
        self._waiting.append(Item(entry, told))
        self._bell.ring()

    def close(self, seconds: float = 3.0) -> None:
        """Put everything where it is safe: into the database if it answers within ``seconds``, else into a file."""
        if self._stopping:
            return
        self._deadline = time.monotonic() + seconds
        self._stopping = True
        self._bell.ring()
        for thread in self._threads:
            thread.join(max(0.0, self._deadline - time.monotonic()))
        held = self._taken(2 * WAITING_LIMIT) + self._flying + list(self._direct)
        items = list({id(item): item for item in held}.values())  # one that comes back may be in both
        if items and not self._append(items):
            self._lose(items)
        self._journal.close()

    # --- the collecting thread --------------------------------------------------------------------------------------

    def _collect(self) -> None:
        while not self._stopping or self._waiting:
            self._bell.wait()
            try:
                self._keep(self._taken(WAITING_LIMIT))
            except Exception:  # the thread must live on
                _log.exception("the ledger failed on a request")
        self._move.set()

    def _taken(self, most: int) -> list[Item]:
        items: list[Item] = []
        while len(items) < most:
            try:
                first = self._waiting.popleft()
            except IndexError:
                break
            try:
                items.append(first if isinstance(first, Item) else Item(row_of_record(first)))
            except Exception:  # the others must not go with it
                self.lost += 1
                _log.exception("the ledger cannot read the record of a request")
        return items

    def _keep(self, items: Sequence[Item]) -> None:
        """Put items into the journal, else hand them to the other thread; what nobody takes is lost."""
        if not items:
            return
        if self._append(items):
            if self._journal.waiting >= PLENTY and time.monotonic() >= self._retry_at:
                self._move.set()
            return
        room = max(0, WAITING_LIMIT - len(self._direct))
        # First those that a request waits for: while nothing takes any, only the first of all are tried.
        items = sorted(items, key=lambda item: item.told is None)
        awaited = sum(item.told is not None for item in items[:room])
        self._direct.extendleft(reversed(items[:awaited]))
        self._direct.extend(items[awaited:room])
        self._lose(items[room:])
        self._move.set()

    def _append(self, items: Sequence[Item]) -> bool:
        if not self._journal.append([item.entry for item in items]):
            return False
        self.kept += len(items)
        _tell(items, True)
        return True

    def _lose(self, items: Sequence[Item]) -> None:
        """Count what nobody can take; who waits to hear gives up, and then there was nothing to keep."""
        _tell(items, False)
        if missed := sum(item.told is None for item in items):
            self.lost += missed
            self._say("lost", f"{self.lost} ledger entries are lost so far: neither database nor spill file takes them")

    # --- the thread that waits for the database ---------------------------------------------------------------------

    def _write(self) -> None:
        while not self._stopping or self._threads[0].is_alive():
            self._move.wait(RETRY if self._direct else PAUSE)
            self._move.clear()
            if time.monotonic() >= self._retry_at or self._stopping:
                self._move_all()
        while (self._journal.waiting or self._direct) and time.monotonic() < self._deadline:
            if self._move_all():
                time.sleep(POLL)
        self._store.close()

    def _move_all(self) -> bool:
        """Write what waits into the database, tidy up, and return whether that failed."""
        more: bool | None = True
        while more and not (self._stopping and time.monotonic() >= self._deadline):
            more = self._tried(self._write_direct if self._direct else lambda: self._store.rest(self._journal))
        if more is None:
            self._retry_at = time.monotonic() + RETRY
        if missed := self._store.take_unreadable():
            self.lost += missed
            self._say("unreadable", f"{missed} spilled ledger entries could not be read or recorded")
        return more is None

    def _write_direct(self) -> bool:
        """Write what the journal did not take; where that fails the journal is asked again."""
        items = self._flying = [self._direct.popleft() for _ in range(min(BATCH, len(self._direct)))]
        try:
            missed = self._store.write([item.entry for item in items])
        except Exception:
            if not self._append(items):
                _tell(items, False)
                self._direct.extendleft(item for item in reversed(items) if item.told is None)
            raise
        finally:
            self._flying = []
        _tell(items, not missed)
        return True

    def _tried(self, work: Callable[[], bool]) -> bool | None:
        """Do ``work`` and return its result, None where it failed; why is logged once a minute."""
        try:
            result = work()
        except Exception as error:  # whatever it is: requests go on, and the entries are kept
            now = time.monotonic()
            self._failing_since = self._failing_since or now
            if now - self._failing_since >= QUIET:
                self._say("store", f"the ledger cannot be written now, entries wait in a file: {told(error)}", error)
            return None
        self._failing_since = None
        return result

    def _say(self, subject: str, text: str, error: Exception | None = None) -> None:
        now = time.monotonic()
        if now - self._said.get(subject, -_SAID_EVERY) >= _SAID_EVERY:
            self._said[subject] = now
            _log.error("%s", text, exc_info=None if isinstance(error, GatewayError) else error)


def told(error: Exception) -> str:
    """Return what happened in one line; our own errors hold neither passwords nor values."""
    return str(error.problems[0].what) if isinstance(error, GatewayError) else type(error).__name__


def _tell(items: Sequence[Item], safe: bool) -> None:
    for item in items:
        if item.told is not None:
            item.told(safe)
