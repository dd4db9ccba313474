"""Counting in the store, off the event loop: one thread per worker, and what happens while the store is away."""

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue

from ..policy.budgets import Change
from ..policy.limits import Charge
from ..store.counters import Counters, Held
from ..store.failures import StoreError

# How long a request waits for the store before it is taken to be away; then it is tried again this often.
PATIENCE_S, RETRY_S = 2.0, 1.0
_SAID_EVERY_S = 60.0
_REMEMBERED = 10_000
_log = logging.getLogger("gateway.limits")


def _nothing() -> None:
    """Wake the thread."""


class Unavailable(Exception):
    """The store is away, and what it cannot count is refused."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """Whether every charge was taken; what the counters hold, how the model is held back, the keys' revision."""

    complete: bool
    used: dict[str, int] = field(default_factory=dict)
    held: Held | None = None
    revision: int | None = None


@dataclass(frozen=True, slots=True)
class Ask:
    """What one check asks of the store: ``model`` is looked up among those held back, ``keys`` asks for a revision."""

    charges: Sequence[Charge]
    model: str | None = None
    keys: bool = False


class Counting:
    """``opened`` opens the counters, in the thread; None where there is no store, and counters are this worker's own.

    ``deny`` refuses while the store is away; ``unchecked`` counts the checks that were made without it.
    """

    def __init__(self, opened: Callable[[], Counters] | None, deny: bool = False) -> None:
        self._opened, self._deny = opened, deny
        self._counters: Counters | None = None
        self._jobs: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._known: dict[str, tuple[int, int]] = {}
        self._owed: dict[str, Change] = {}
        self._lock = threading.Lock()
        self._said = -_SAID_EVERY_S
        self.away = opened is None
        self.unchecked = 0
        self._thread = threading.Thread(target=self._run, name="limits", daemon=True)

    def start(self) -> None:
        """Start the thread, in the process that it belongs to."""
        if self._opened is not None:
            self._thread.start()

    async def take(self, ask: Ask) -> Outcome:
        """Take all charges or none; raises Unavailable where the store is away and that is to be refused."""
        if self.away:
            return self._alone(ask)
        loop = asyncio.get_running_loop()
        told: asyncio.Future[Outcome] = loop.create_future()
        self._jobs.put(lambda: self._answer(ask, loop, told))
        try:
            async with asyncio.timeout(PATIENCE_S):
                outcome = await told
        except asyncio.CancelledError:
            if told.done() and not told.cancelled() and told.exception() is None:
                self._undo(ask, told.result())
            raise
        except (StoreError, TimeoutError) as error:
            self._lost(error)
            return self._alone(ask)
        self._remember(ask, outcome)
        return outcome

    def post(self, work: Callable[[Counters], None]) -> None:
        """Do ``work`` in the thread some time; lost where the store is away."""
        if not self.away:
            self._jobs.put(lambda: self._work(work))

    def correct(self, changes: Sequence[Change]) -> None:
        """Correct counters some time, at the latest when the store is back."""
        if not changes:
            return
        if self.away:
            self._owe(changes)
            self._change_known(changes)
        else:
            self._jobs.put(lambda: self._corrected(changes))

    def close(self, seconds: float = 2.0) -> None:
        """Do what waits, for at most ``seconds``."""
        self._jobs.put(None)
        if self._thread.is_alive():
            self._thread.join(seconds)

    # --- without the store ------------------------------------------------------------------------------------------

    def _alone(self, ask: Ask) -> Outcome:
        """Check against what this worker knows: the last counts of the store, and its own since."""
        if ask.charges and self._opened is not None:
            self.unchecked += 1
            if self._deny:
                raise Unavailable
        used = {charge.key: self._count(charge) for charge in ask.charges}
        if any(used[charge.key] + charge.amount > charge.ceiling for charge in ask.charges):
            return Outcome(False, used)
        changes = [Change(charge, charge.amount) for charge in ask.charges]
        self._change_known(changes)
        self._owe(changes)
        return Outcome(True, {charge.key: used[charge.key] + charge.amount for charge in ask.charges})

    def _count(self, charge: Charge) -> int:
        start, used = self._known.get(charge.key, (0, 0))
        return used if start == charge.window.start else 0

    def _change_known(self, changes: Iterable[Change]) -> None:
        for change in changes:
            charge = change.charge
            self._known[charge.key] = charge.window.start, max(0, self._count(charge) + change.by)

    def _remember(self, ask: Ask, outcome: Outcome) -> None:
        if len(self._known) > _REMEMBERED:
            self._known.clear()
        for charge in ask.charges:
            if charge.key in outcome.used:
                self._known[charge.key] = charge.window.start, outcome.used[charge.key]

    def _owe(self, changes: Iterable[Change]) -> None:
        """Remember what the store does not know yet, added up per counter and window."""
        if self._opened is None:
            return
        with self._lock:
            for change in changes:
                name = f"{change.charge.key} {change.charge.window.start}"
                known = self._owed.get(name)
                self._owed[name] = Change(change.charge, change.by + (known.by if known else 0))

    def _lost(self, error: Exception) -> None:
        self.away = True
        self._jobs.put(_nothing)  # the thread may wait for a job; from now on it is to look after the store
        now = time.monotonic()
        if now - self._said >= _SAID_EVERY_S:
            self._said = now
            how = "refused" if self._deny else "counted in each worker alone"
            what = str(error) or "no answer in time"
            _log.error("limits cannot be counted in the database, requests under them are %s: %s", how, what)

    # --- the thread -------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        while True:
            try:
                job = self._jobs.get(timeout=RETRY_S if self.away else None)
            except Empty:
                self._work(self._back)
                continue
            if job is None:
                break
            job()
        self._work(self._back)
        if self._counters is not None:
            self._counters.close()

    def _open(self) -> Counters:
        if self._counters is None:
            assert self._opened is not None
            self._counters = self._opened()
        return self._counters

    def _work(self, work: Callable[[Counters], None]) -> None:
        try:
            work(self._open())
        except StoreError as error:
            self._lost(error)
        except Exception:  # the thread must live on
            _log.exception("counting failed")

    def _back(self, counters: Counters) -> None:
        """Tell the store what it missed, if it answers."""
        with self._lock:
            owed = list(self._owed.values())
        counters.correct(owed)
        with self._lock:
            for change in owed:
                name = f"{change.charge.key} {change.charge.window.start}"
                left = self._owed.pop(name).by - change.by
                if left:
                    self._owed[name] = Change(change.charge, left)
        if self.away:
            self.away = False
            _log.warning("limits are counted in the database again")

    def _corrected(self, changes: Sequence[Change]) -> None:
        def work(counters: Counters) -> None:
            try:
                counters.correct(changes)
            except StoreError:
                self._owe(changes)
                raise
        self._work(work)

    def _answer(self, ask: Ask, loop: asyncio.AbstractEventLoop, told: "asyncio.Future[Outcome]") -> None:
        if told.cancelled():
            return
        error: Exception | None = None
        outcome = Outcome(False)
        try:
            outcome = self._ask(ask)
        except Exception as failure:  # the request that waits has to hear of it
            error = failure if isinstance(failure, StoreError) else StoreError(type(failure).__name__)
        if not loop.is_closed():
            loop.call_soon_threadsafe(self._tell, ask, told, outcome, error)

    def _ask(self, ask: Ask) -> Outcome:
        counters = self._open()
        held = counters.held(ask.model) if ask.model is not None else None
        revision = counters.revision() if ask.keys else None
        if held is not None and held.until_ms > time.time() * 1000:
            return Outcome(False, counters.read(ask.charges), held, revision)
        if not ask.charges:
            return Outcome(True, {}, held, revision)
        taken = counters.take(ask.charges)
        return Outcome(taken.complete, dict(taken.used), held, revision)

    def _undo(self, ask: Ask, outcome: Outcome) -> None:
        if outcome.complete:
            self.correct([Change(charge, -charge.amount) for charge in ask.charges])

    def _tell(self, ask: Ask, told: "asyncio.Future[Outcome]", outcome: Outcome, error: Exception | None) -> None:
        if told.done():
            # Nobody waits any more: the client left, or patience ended and it was counted elsewhere.
            self._undo(ask, outcome)
        elif error is not None:
            told.set_exception(error)
        else:
            told.set_result(outcome)
