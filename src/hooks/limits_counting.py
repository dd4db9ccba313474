"""Counting in the store, off the event loop: one thread per worker, and what happens while the store is away."""

import asyncio
import logging
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import count
from queue import Empty, SimpleQueue

from ..policy.budgets import Change, Reservation
from ..policy.limits import Charge
from ..store.counters import Counters, Held
from ..store.failures import StoreError
from .limits_alone import Alone
from .limits_tending import TEND_S, Tending

# How long a request waits for the store before it is taken to be away; then it is tried again this often.
PATIENCE_S, RETRY_S = 2.0, 1.0
_SAID_EVERY_S = 60.0
_log = logging.getLogger("gateway.limits")


def _nothing() -> None:
    """Wake the thread."""


class Unavailable(Exception):
    """The store is away, and what it cannot count is refused."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """Whether every charge was taken; what the counters hold, how the model is held back, the keys' revision.

    ``reservation`` is what was taken, to be settled.
    """

    complete: bool
    used: dict[str, int] = field(default_factory=dict)
    held: Held | None = None
    revision: int | None = None
    reservation: Reservation = Reservation()


@dataclass(frozen=True, slots=True)
class Ask:
    """What one check of ``request`` asks of the store.

    ``model`` is looked up among those held back, ``keys`` asks for a revision.
    """

    charges: Sequence[Charge]
    model: str | None = None
    keys: bool = False
    request: str = ""


class Counting:
    """``opened`` opens the counters, in the thread; None where there is no store, and counters are this worker's own.

    ``deny`` refuses while the store is away; ``unchecked`` counts the checks that were made without it.
    """

    def __init__(self, opened: Callable[[], Counters] | None, deny: bool = False) -> None:
        self._opened, self._deny = opened, deny
        self._counters: Counters | None = None
        self._jobs: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._own, self._tending = Alone(owes=opened is not None), Tending()
        self._names = map(f"{uuid.uuid4().hex}-{{:x}}".format, count())
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
                self._undo(told.result())
            raise
        except (StoreError, TimeoutError) as error:
            self._lost(error)
            return self._alone(ask)
        self._own.remember(ask.charges, outcome.used)
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
            self._own.owe(changes)
            self._own.change(changes)
        else:
            self._jobs.put(lambda: self._corrected(changes))

    def settle(self, reservation: Reservation, changes: Sequence[Change]) -> None:
        """End a reservation and correct what it took, some time, at the latest when the store is back."""
        if reservation.id is None:
            self.correct(changes)
        elif self.away or self._own.holds(reservation.id):
            self._own.owe_end(reservation, changes)
            self._own.change(changes)
        else:
            self._jobs.put(lambda: self._settled(reservation, changes))

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
        used = {charge.key: self._own.count(charge) for charge in ask.charges}
        if any(used[charge.key] + charge.amount > charge.ceiling for charge in ask.charges):
            return Outcome(False, used)
        reservation = self._reservation(ask)
        self._own.take(reservation)
        return Outcome(True, {charge.key: used[charge.key] + charge.amount for charge in ask.charges},
                       reservation=reservation)

    def _reservation(self, ask: Ask) -> Reservation:
        reserves = self._opened is not None and any(charge.reserves for charge in ask.charges)
        return Reservation(ask.charges, next(self._names) if reserves else None, ask.request)

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
                job = self._jobs.get(timeout=self._pause())
            except Empty:
                job = self._look_after
            if job is None:
                break
            job()
            if self._tending.due:
                self._look_after()
        self._work(self._back)
        if self._counters is not None:
            self._counters.close()

    def _pause(self) -> float | None:
        """Return how long to wait for a job: without limits nothing was opened, and nobody needs looking after."""
        return RETRY_S if self.away else TEND_S if self._counters is not None else None

    def _look_after(self) -> None:
        if self.away or self._own.owing:
            self._work(self._back)
        if not self.away and self._counters is not None and self._tending.due:
            self._work(self._tending.tend)

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
        taken, ended = self._own.tell(counters)
        for name in taken:
            self._tending.took(name)
        for name in ended:
            self._tending.settled(name)
        if self.away:
            self.away = False
            _log.warning("limits are counted in the database again")

    def _corrected(self, changes: Sequence[Change]) -> None:
        def work(counters: Counters) -> None:
            try:
                counters.correct(changes)
            except StoreError:
                self._own.owe(changes)
                raise
        self._work(work)

    def _settled(self, reservation: Reservation, changes: Sequence[Change]) -> None:
        def work(counters: Counters) -> None:
            assert reservation.id is not None
            try:
                counters.settle(reservation, changes)
            except StoreError:
                self._own.owe_end(reservation, changes)
                raise
            self._tending.settled(reservation.id)
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
            loop.call_soon_threadsafe(self._tell, told, outcome, error)

    def _ask(self, ask: Ask) -> Outcome:
        counters = self._open()
        held = counters.held(ask.model) if ask.model is not None else None
        revision = counters.revision() if ask.keys else None
        if held is not None and held.until_ms > time.time() * 1000:
            return Outcome(False, counters.read(ask.charges), held, revision)
        if not ask.charges:
            return Outcome(True, {}, held, revision)
        reservation = self._reservation(ask)
        taken = counters.take(ask.charges, None if reservation.id is None else reservation)
        if not taken.complete:
            return Outcome(False, dict(taken.used), held, revision)
        if reservation.id is not None:
            self._tending.took(reservation.id)
        return Outcome(True, dict(taken.used), held, revision, reservation)

    def _undo(self, outcome: Outcome) -> None:
        """Give back all that was taken, the attempt included."""
        taken = outcome.reservation
        self.settle(taken, [Change(charge, -charge.amount) for charge in taken.charges])

    def _tell(self, told: "asyncio.Future[Outcome]", outcome: Outcome, error: Exception | None) -> None:
        if told.done():
            # Nobody waits any more: the client left, or patience ended and it was counted elsewhere.
            self._undo(outcome)
        elif error is not None:
            told.set_exception(error)
        else:
            told.set_result(outcome)
