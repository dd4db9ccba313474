"""What a worker knows by itself while the store is away: the last counts, and what the store has to hear of."""

import threading
from collections.abc import Iterable, Sequence

from ..policy.budgets import Change, Reservation
from ..policy.limits import Charge
from ..store.counters import Counters

_REMEMBERED = 10_000


class Alone:
    """``owes`` is False where there is no store that could hear of anything; the limits thread uses it, too."""

    def __init__(self, owes: bool) -> None:
        self._owes = owes
        self._known: dict[str, tuple[int, int]] = {}
        self._owed: dict[str, Change] = {}
        self._held: dict[str, Reservation] = {}
        self._unsettled: dict[str, tuple[Reservation, Sequence[Change]]] = {}
        self._lock = threading.Lock()

    def count(self, charge: Charge) -> int:
        """Return what a counter holds, as far as is known."""
        start, used = self._known.get(charge.key, (0, 0))
        return used if start == charge.window.start else 0

    def change(self, changes: Iterable[Change]) -> None:
        """Count without the store."""
        for change in changes:
            charge = change.charge
            self._known[charge.key] = charge.window.start, max(0, self.count(charge) + change.by)

    def remember(self, charges: Iterable[Charge], used: dict[str, int]) -> None:
        """Remember what the store said."""
        if len(self._known) > _REMEMBERED:
            self._known.clear()
        for charge in charges:
            if charge.key in used:
                self._known[charge.key] = charge.window.start, used[charge.key]

    def take(self, reservation: Reservation) -> None:
        """Count a call; what it reserves is told as a reservation if it is still under way then."""
        self.change(Change(charge, charge.amount) for charge in reservation.charges)
        if reservation.id is None:
            self.owe(Change(charge, charge.amount) for charge in reservation.charges)
            return
        self.owe(Change(charge, charge.amount) for charge in reservation.charges if not charge.reserves)
        with self._lock:
            self._held[reservation.id] = reservation

    def holds(self, name: str | None) -> bool:
        """Tell whether the store does not know of this reservation yet."""
        return name in self._held

    @property
    def owing(self) -> bool:
        """Tell whether the store has to hear of anything."""
        return bool(self._held or self._owed or self._unsettled)

    def owe(self, changes: Iterable[Change]) -> None:
        """Remember what the store does not know yet, added up per counter and window."""
        if not self._owes:
            return
        with self._lock:
            for change in changes:
                name = f"{change.charge.key} {change.charge.window.start}"
                known = self._owed.get(name)
                self._owed[name] = Change(change.charge, change.by + (known.by if known else 0))

    def owe_end(self, reservation: Reservation, changes: Sequence[Change]) -> None:
        """Remember the end of a reservation; one that the store never knew becomes what was used."""
        assert reservation.id is not None
        with self._lock:
            if self._held.pop(reservation.id, None) is None:
                self._unsettled[reservation.id] = reservation, changes
                return
        self.owe([Change(charge, charge.amount) for charge in reservation.charges if charge.reserves])
        self.owe(changes)

    def _tell_held(self, counters: Counters) -> list[str]:
        told = []
        for name in list(self._held):
            with self._lock:
                reservation = self._held.pop(name, None)
            if reservation is not None:
                try:
                    counters.take_anyway(reservation)
                except Exception:
                    with self._lock:
                        self._held[name] = reservation
                    raise
                told.append(name)
        return told

    def tell(self, counters: Counters) -> tuple[list[str], list[str]]:
        """Tell the store what it missed; return the reservations that it has now, and those that ended.

        Raises StoreError.
        """
        taken = self._tell_held(counters)
        with self._lock:
            owed, unsettled = list(self._owed.values()), list(self._unsettled.items())
        for name, ended in unsettled:
            counters.settle(*ended)  # the store takes each once
            with self._lock:
                self._unsettled.pop(name)
        counters.correct(owed)
        with self._lock:
            for change in owed:
                name = f"{change.charge.key} {change.charge.window.start}"
                left = self._owed.pop(name).by - change.by
                if left:
                    self._owed[name] = Change(change.charge, left)
        return taken, [name for name, _ in unsettled]
