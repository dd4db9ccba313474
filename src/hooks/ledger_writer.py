"""The ledger's writer in one worker: two threads, so that a request waits for neither.

One collects what has ended, the other waits for the database. While the second is stuck or the database is away, the
first puts everything into the spill file, also what the second holds: the ledger takes each request once, so the file
may hold what arrives all the same. Hence no entry is in memory alone for longer than three times `POLL`.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue
from typing import NamedTuple

from ..errors import GatewayError
from ..store.ledger_rows import Entry
from ..store.spill import Spill
from .ledger_entry import entry_of
from .ledger_store import LedgerStore
from .record import RequestRecord

POLL, TICK, STUCK = 0.03, 0.045, 0.025
RETRY = 0.5
RESTING = 0.5
# A lock that others hold for a moment is nobody's business.
QUIET = 2.0
BATCH = 500
WAITING_LIMIT = 20_000
_SAID_EVERY = 60.0
_log = logging.getLogger("gateway.hooks")


class Item(NamedTuple):
    """An entry, and who waits to hear whether it is safe."""

    entry: Entry
    told: Callable[[bool], None] | None = None


class Writer:
    """Takes records, never blocks and never fails; ``lost`` counts what neither database nor file could take."""

    def __init__(self, store: LedgerStore, spill: Spill) -> None:
        self._store, self._spill = store, spill
        self._waiting: deque[RequestRecord | Item] = deque()
        self._jobs: SimpleQueue[bool] = SimpleQueue()
        self._lock = threading.Lock()
        self._held: list[Item] = []
        self._held_since: float | None = None
        self._kept = self._stopping = False
        self._retry_at = self._full_until = self._deadline = 0.0
        self._failing_since: float | None = None
        self._take_at = 0.0
        self._urgent = False
        self._wake = threading.Event()
        self._said: dict[str, float] = {}
        self.lost = self.spilled = 0
        self._threads = [threading.Thread(target=run, name=name, daemon=True)
                         for run, name in ((self._collect, "ledger"), (self._write, "ledger-store"))]

    def start(self) -> None:
        """Start the threads, in the process that they belong to."""
        for thread in self._threads:
            thread.start()

    def put(self, record: RequestRecord) -> None:
        """Take a request that has ended."""
        if len(self._waiting) < WAITING_LIMIT:
            self._waiting.append(record)
        else:
            self._keep([Item(entry_of(record))])

    def put_now(self, entry: Entry, told: Callable[[bool], None]) -> None:
        """Take an entry at once; ``told`` hears, in another thread, whether it is safe."""
        self._waiting.append(Item(entry, told))
        self._urgent = True
        self._wake.set()

    def close(self, seconds: float = 3.0) -> None:
        """Put everything where it is safe: into the database if it answers within ``seconds``, else into the file."""
        self._deadline = time.monotonic() + seconds
        self._stopping = True
        self._wake.set()
        for thread in self._threads:
            thread.join(max(0.0, self._deadline - time.monotonic()))
        held = self._held if self._threads[1].is_alive() and not self._kept else []
        self._keep(held + self._taken(2 * WAITING_LIMIT), last=True)
        self._spill.close()

    # --- the collecting thread --------------------------------------------------------------------------------------

    def _collect(self) -> None:
        while not self._stopping or self._waiting or not (self._kept or self._held_since is None):
            self._wake.wait(POLL)
            self._wake.clear()
            try:
                self._turn(time.monotonic())
            except Exception:  # the thread must live on
                _log.exception("the ledger failed on a request")
        self._jobs.put(False)

    def _turn(self, now: float) -> None:
        """Hand over what waits, or keep it in the file where the other thread does not take it."""
        with self._lock:
            idle = self._held_since is None
            stuck = self._held_since is not None and now - self._held_since > STUCK
            held = self._held if stuck and not self._kept else []
        if idle and now >= self._retry_at:
            if not (self._urgent or self._stopping) and now < self._take_at:
                return  # the fuller a batch, the cheaper each of its entries
            self._take_at, self._urgent = now + TICK, False
            if items := self._taken(BATCH):
                with self._lock:
                    self._held, self._held_since, self._kept = items, now, False
                self._jobs.put(True)
        elif (idle or stuck) and now >= self._full_until:
            if held and self._append(held):
                self._kept = True
            self._keep(self._taken(WAITING_LIMIT))

    def _taken(self, most: int) -> list[Item]:
        items: list[Item] = []
        while len(items) < most:
            try:
                first = self._waiting.popleft()
            except IndexError:
                break
            try:
                items.append(first if isinstance(first, Item) else Item(entry_of(first)))
            except Exception:  # the others must not go with it
                self.lost += 1
                _log.exception("the ledger cannot read the record of a request")
        return items

    def _append(self, items: Sequence[Item]) -> bool:
        if not self._spill.append([item.entry for item in items]):
            return False
        self.spilled += len(items)
        _tell(items, True)
        return True

    def _keep(self, items: Sequence[Item], last: bool = False) -> None:
        """Keep items in the file, else in the queue; what neither takes is lost, counted and told."""
        if not items or self._append(items):
            return
        self._full_until = time.monotonic() + RETRY
        _tell(items, False)  # who waits to hear gives up, and then there is nothing to keep
        items = [item for item in items if item.told is None]
        room = 0 if last else max(0, WAITING_LIMIT - len(self._waiting))
        self._waiting.extendleft(reversed(items[:room]))
        if missed := len(items[room:]):
            self.lost += missed
            self._say("lost", f"{self.lost} ledger entries are lost so far: neither database nor spill file takes them")

    # --- the thread that waits for the database ---------------------------------------------------------------------

    def _write(self) -> None:
        while True:
            try:
                if not self._jobs.get(timeout=TICK if self._spill.waiting else RESTING):
                    break
            except Empty:
                self._rest()
                continue
            self._store_held()
        while self._spill.waiting and time.monotonic() < self._deadline:
            self._retry_at = 0.0
            if self._rest():
                time.sleep(TICK)
        self._store.close()

    def _store_held(self) -> None:
        items = self._held
        failed = self._failure(lambda: self._store.write([item.entry for item in items]))
        with self._lock:
            if failed:
                self._retry_at = time.monotonic() + RETRY
            if failed and not self._kept:
                self._keep(items)
            self._held, self._held_since = [], None
        if not failed:
            _tell(items, True)
        if self._urgent or self._stopping or len(self._waiting) >= BATCH:
            self._wake.set()

    def _rest(self) -> bool:
        """Nothing to write: read back what was spilled, here and by workers that died, and tidy up.

        Returns whether that failed.
        """
        if time.monotonic() < self._retry_at:
            return False
        failed = self._failure(lambda: self._store.rest(self._spill))
        if failed:
            self._retry_at = time.monotonic() + RETRY
        if missed := self._store.take_unreadable():
            self.lost += missed
            self._say("unreadable", f"{missed} spilled ledger entries could not be read or recorded")
        return failed

    def _failure(self, work: Callable[[], None]) -> bool:
        """Do ``work`` and return whether it failed; why is logged once a minute."""
        try:
            work()
        except Exception as error:  # whatever it is: requests go on, and the entries are kept
            now = time.monotonic()
            self._failing_since = self._failing_since or now
            if now - self._failing_since >= QUIET:
                self._say("store", f"the ledger cannot be written now, entries wait in a file: {told(error)}", error)
            return True
        self._failing_since = None
        return False

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
