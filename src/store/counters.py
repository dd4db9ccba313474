"""The counters of limits: every charge of a call in one atomic statement, all of them or none.

One connection, used by one thread, with SQL that SQLite and PostgreSQL both understand.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from ..config.database import Database
from ..policy.budgets import Change, Reservation
from ..policy.limits import Charge
from .direct import Direct
from .engine import Store, open_store
from .limits_reservations import KEPT_S, Addition, Reservations

# The name of the row that counts how often keys were revoked at once, and the beginning of those that hold back models.
KEYS, HOLD = "#keys", "#hold:"
_TABLE = "ai_limit_counters"
_TAKE = (f"INSERT INTO {_TABLE} (name, start, used, cap, expires) VALUES {{rows}} "
         f"ON CONFLICT (name, start) DO UPDATE SET used = {_TABLE}.used + excluded.used, cap = excluded.cap "
         f"WHERE {_TABLE}.used + excluded.used <= excluded.cap RETURNING name, used")
# PostgreSQL does both at once.
_NOTED = ("WITH taken AS ({take}), noted AS ({note} WHERE (SELECT count(*) FROM taken) = ?) "
          "SELECT name, used FROM taken")
_ADD = (f"INSERT INTO {_TABLE} (name, start, used, cap, expires) VALUES (?, ?, ?, 0, ?) "
        f"ON CONFLICT (name, start) DO UPDATE SET used = CASE WHEN {_TABLE}.used + ? > 0 "
        f"THEN {_TABLE}.used + ? ELSE 0 END")
_READ = f"SELECT name, used FROM {_TABLE} WHERE (name, start) IN (VALUES {{rows}})"
_HELD = f"SELECT used, cap FROM {_TABLE} WHERE name = ? AND start = 0"
_HOLD = (f"INSERT INTO {_TABLE} (name, start, used, cap, expires) VALUES (?, 0, ?, ?, ?) ON CONFLICT (name, start) "
         f"DO UPDATE SET used = excluded.used, cap = excluded.cap, expires = excluded.expires")
_ONE_MORE = (f"INSERT INTO {_TABLE} (name, start, used, cap, expires) VALUES (?, 0, 1, 0, 9223372036854775807) "
             f"ON CONFLICT (name, start) DO UPDATE SET used = {_TABLE}.used + 1")
_FORGET = f"DELETE FROM {_TABLE} WHERE name = ? AND start = 0"
_PRUNE = f"DELETE FROM {_TABLE} WHERE expires < ?"


class Taken(NamedTuple):
    """Whether everything was taken, and what each counter holds now."""

    complete: bool
    used: Mapping[str, int]


class Held(NamedTuple):
    """Until when a model is held back, in milliseconds since 1970, and after how many refusals in a row."""

    until_ms: int
    refusals: int


class Counters:
    """The counters in one store; every method may block, and raises StoreDown where the store cannot be used."""

    def __init__(self, store: Store) -> None:
        self._direct = Direct(store)
        self._run = self._direct.run
        self._postgres = self._direct.postgres
        self.reservations = Reservations(self._direct)

    @classmethod
    def open(cls, database: Database) -> "Counters":
        """Return the counters in a database of their own connection."""
        return cls(open_store(database))

    def take(self, charges: Sequence[Charge], reservation: Reservation | None = None) -> Taken:
        """Add every charge, or none where one does not fit; ``reservation`` is written down with them."""
        # In one order everywhere, or two transactions of PostgreSQL would wait for each other.
        ordered = sorted(charges, key=lambda charge: charge.key)
        values = [value for charge in ordered for value in (
            charge.key, charge.window.start, charge.amount, charge.ceiling, charge.window.end + KEPT_S)]
        statement = _TAKE.format(rows=", ".join(["(?, ?, ?, ?, ?)"] * len(ordered)))
        noted = self.reservations.inserted(reservation) if reservation is not None else None
        several = len(ordered) > 1 or (noted is not None and not self._postgres)
        if noted is not None and self._postgres:
            statement = _NOTED.format(take=statement, note=noted[0])
            values += [*noted[1], len(ordered)]
        if several:
            self._direct.begin()
        found = self._run(statement, values)
        complete = len(found) == len(ordered)
        if noted is not None and complete and not self._postgres:
            self._run(*noted)
        if several:
            self._direct.end(complete)
        return Taken(True, dict(found)) if complete else Taken(False, self.read(charges))

    def take_anyway(self, reservation: Reservation) -> None:
        """Write down what was reserved while the store was away, whether it fits or not."""
        statement, values = self.reservations.inserted(reservation)
        self._direct.begin()
        if self._run(f"{statement} WHERE TRUE ON CONFLICT (id) DO NOTHING RETURNING id", values):
            self.correct(Change(charge, charge.amount) for charge in reservation.charges if charge.reserves)
        self._direct.end()

    def settle(self, reservation: Reservation, changes: Iterable[Change]) -> None:
        """End a reservation and correct what it took, together; nothing happens where it has ended before."""
        assert reservation.id is not None
        by = {change.charge.key: change.by for change in changes}
        self.reservations.settle(reservation.id, [
            Addition(charge.key, charge.window.start, by.get(charge.key, 0), charge.amount if charge.reserves else 0,
                     charge.window.end + KEPT_S)
            for charge in reservation.charges if charge.reserves or charge.key in by])

    def read(self, charges: Iterable[Charge]) -> dict[str, int]:
        """Return what the counters of ``charges`` hold; one that is missing holds nothing."""
        named = [(charge.key, charge.window.start) for charge in charges]
        if not named:
            return {}
        rows = ", ".join(["(?, CAST(? AS BIGINT))" if self._postgres else "(?, ?)"] * len(named))
        return dict(self._run(_READ.format(rows=rows), [value for pair in named for value in pair]))

    def correct(self, changes: Iterable[Change]) -> None:
        """Add what may be negative; no counter falls below 0."""
        for charge, by in ((change.charge, change.by) for change in sorted(changes, key=lambda one: one.charge.key)):
            window = charge.window
            self._run(_ADD, [charge.key, window.start, max(0, by), window.end + KEPT_S, by, by])

    def held(self, model: str) -> Held | None:
        """Return how ``model`` is held back, None where it is not."""
        found = self._run(_HELD, [HOLD + model])
        return Held(*found[0]) if found else None

    def hold(self, model: str, held: Held) -> None:
        """Hold ``model`` back in every worker."""
        self._run(_HOLD, [HOLD + model, held.until_ms, held.refusals, held.until_ms // 1000 + KEPT_S])

    def release(self, model: str) -> None:
        """Forget that ``model`` was held back."""
        self._run(_FORGET, [HOLD + model])

    def revision(self) -> int:
        """Return how often keys were revoked at once."""
        found = self._run(_HELD, [KEYS])
        return int(found[0][0]) if found else 0

    def revoke_now(self) -> None:
        """Make every worker read the keys again before the next request that uses one."""
        self._run(_ONE_MORE, [KEYS])

    def prune(self, at: float) -> None:
        """Remove the counters and reservations of windows that ended long ago."""
        self._run(_PRUNE, [int(at)])
        self.reservations.prune(at)

    def close(self) -> None:
        """Close the connection; the next call opens another one."""
        self._direct.close()
