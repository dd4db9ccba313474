"""What the limits thread does beside counting: it renews its worker's reservations, and ends those of dead workers."""

import time
from collections.abc import Callable

from ..store.counters import Counters
from ..store.failures import StoreDown
from ..store.limits_reservations import Lapsed

# How often. A reservation that seems to be nobody's is left alone until its worker, which may just have missed the
# database or met a clock that was set, had time to renew it: every worker does so this often.
TEND_S = 3.0
_CERTAIN_S = 2 * TEND_S + 1.0


class Tending:
    """One per worker; used by its limits thread alone. ``clock`` is in seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._held: set[str] = set()
        self._suspects: dict[str, float] = {}
        self._at = 0.0

    def took(self, name: str) -> None:
        """Keep a reservation from now on."""
        self._held.add(name)

    def settled(self, name: str) -> None:
        """Keep it no longer."""
        self._held.discard(name)

    @property
    def due(self) -> bool:
        """Tell whether it is time to tend."""
        return self._clock() >= self._at

    def tend(self, counters: Counters) -> None:
        """Renew, and end what has been nobody's for long enough; a store that is away is for those who need it."""
        self._at = self._clock() + TEND_S
        try:
            counters.reservations.renew(list(self._held))
            for lapsed in self._certain(counters.reservations.lapsed()):
                if lapsed.recorded:
                    counters.reservations.settle_lapsed(lapsed)
                else:
                    counters.reservations.release(lapsed)
        except StoreDown:
            self._suspects.clear()  # nobody could renew anything

    def _certain(self, lapsed: list[Lapsed]) -> list[Lapsed]:
        now = self._clock()
        self._suspects = {one.id: self._suspects.get(one.id, now) for one in lapsed}
        return [one for one in lapsed if now - self._suspects[one.id] >= _CERTAIN_S]
