"""The counters of limits: every charge of a call in one atomic statement, all of them or none.

For speed this speaks to the driver itself: one connection, used by one thread, with SQL that SQLite and PostgreSQL
both understand.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from ..config.database import Database
from ..policy.budgets import Change
from ..policy.limits import Charge
from .engine import Store, open_store, translated
from .failures import StoreDown

# Longer than others need for a transaction, shorter than the patience of a client.
PATIENCE_MS = 1500
# Counters stay for a while, so that reports and late corrections find them.
KEPT_S = 86_400
# The name of the row that counts how often keys were revoked at once, and the beginning of those that hold back models.
KEYS, HOLD = "#keys", "#hold:"
_TABLE = "ai_limit_counters"
_TAKE = (f"INSERT INTO {_TABLE} (name, start, used, cap, expires) VALUES {{rows}} "
         f"ON CONFLICT (name, start) DO UPDATE SET used = {_TABLE}.used + excluded.used, cap = excluded.cap "
         f"WHERE {_TABLE}.used + excluded.used <= excluded.cap RETURNING name, used")
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
        self.store = store
        self._connection: Any = None
        self._postgres = store.database.kind == "postgresql"

    @classmethod
    def open(cls, database: Database) -> "Counters":
        """Return the counters in a database of their own connection."""
        return cls(open_store(database))

    def take(self, charges: Sequence[Charge]) -> Taken:
        """Add every charge, or none where one does not fit."""
        # In one order everywhere, or two transactions of PostgreSQL would wait for each other.
        ordered = sorted(charges, key=lambda charge: charge.key)
        values = [value for charge in ordered for value in (
            charge.key, charge.window.start, charge.amount, charge.ceiling, charge.window.end + KEPT_S)]
        statement = _TAKE.format(rows=", ".join(["(?, ?, ?, ?, ?)"] * len(ordered)))
        several = len(ordered) > 1
        if several:
            self._run("BEGIN" if self._postgres else "BEGIN IMMEDIATE")
        found = self._run(statement, values)
        if several:
            self._run("COMMIT" if len(found) == len(ordered) else "ROLLBACK")
        return Taken(True, dict(found)) if len(found) == len(ordered) else Taken(False, self.read(charges))

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
        """Remove the counters of windows that ended long ago."""
        self._run(_PRUNE, [int(at)])

    def _run(self, statement: str, values: Sequence[Any] = ()) -> list[Any]:
        try:
            cursor = self._open().execute(statement.replace("?", "%s") if self._postgres else statement, values)
            return list(cursor.fetchall()) if cursor.description else []
        except self.store.engine.dialect.loaded_dbapi.Error as error:
            self.close()
            lines = str(error).strip().splitlines()
            raise StoreDown(f"the database {self.store.database.masked} cannot be used: {(lines or ['?'])[0][:200]}",
                            "GATEWAY_DATABASE_URL", "see that it runs, is reachable and writable") from error

    def _open(self) -> Any:
        if self._connection is None:
            with translated(self.store.database):
                pooled = self.store.engine.raw_connection()
            connection: Any = pooled.driver_connection
            pooled.detach()
            if self._postgres:
                connection.autocommit = True
                connection.execute(f"SET statement_timeout = {PATIENCE_MS}")
                connection.execute("SET synchronous_commit = off")  # a crash of PostgreSQL may forget the last second
            else:
                connection.execute(f"PRAGMA busy_timeout = {PATIENCE_MS}").close()
            self._connection = connection
        return self._connection

    def close(self) -> None:
        """Close the connection; the next call opens another one."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()
