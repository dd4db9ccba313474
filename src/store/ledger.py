"""Writing the ledger: entries become rows and totals in one transaction, each request once however often it comes."""

from collections.abc import Iterable, Sequence
from functools import cache
from operator import itemgetter
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.dialects import postgresql, sqlite

from ..config.database import Database
from .engine import Store, open_store
from .failures import Conflict
from .ledger_rows import Entry, Row, price_id, price_rows, row_of
from .ledger_tables import prices, requests
from .rollup import Users, add_to_totals, add_up

# Longer than two writers that take turns need, shorter than what SIGKILL may cost: what waits longer is spilled.
BUSY_MS = 80
_PATIENCE = "SET LOCAL statement_timeout = '5s'"
# SQLite accepts 32,766 values in one statement.
_IDS = 500
_NEW_PRICE = {"sqlite": sqlite.insert(prices).on_conflict_do_nothing(),
              "postgresql": postgresql.insert(prices).on_conflict_do_nothing()}
COLUMNS = tuple(column.name for column in requests.c if column.name != "id")
_COMPLETED = tuple(name for name in COLUMNS if name != "request_id")


def open_ledger(database: Database) -> Store:
    """Return a store for a ledger's writer, which rather spills than waits; raises as `open_store` does."""
    store = open_store(database)
    if database.kind == "sqlite":
        event.listen(store.engine, "connect", _impatient)
    return store


def _impatient(connection: Any, _record: object) -> None:
    connection.execute(f"PRAGMA busy_timeout = {BUSY_MS}").close()


class LedgerWriter:
    """Writes to one store; remembers which prices and users it has met."""

    def __init__(self, store: Store, users: Users | None = None) -> None:
        self.store = store
        self._users = users or Users()
        self._prices: set[str | None] = {None}

    def write(self, entries: Sequence[Entry], fresh: bool = False) -> int:
        """Record ``entries`` and return how many requests were finished by them and had not been before.

        An entry that is there already changes nothing; one without an end is completed by the one that has it,
        whichever comes first. ``fresh`` says that most likely none is there. Raises StoreDown or StoreError, and then
        nothing is recorded.
        """
        latest = _latest(entries)
        try:
            return self._write(latest, fresh)
        except Conflict:
            return self._write(latest, fresh=False)  # there already, or another writer was faster: now it is seen

    def _write(self, entries: dict[str, Entry], fresh: bool) -> int:
        with self.store.writing() as connection:
            if connection.dialect.name == "postgresql":
                connection.exec_driver_sql(_PATIENCE)
            known = {} if fresh else _known(connection, list(entries))
            kept = [entry for name, entry in entries.items()
                    if name not in known or (entry.get("ended_us") is not None and not known[name])]
            priced = self._add_prices(connection, kept)
            rows = list(map(row_of, kept))
            _insert(connection, [row for row in rows if row["request_id"] not in known])
            _complete(connection, [row for row in rows if row["request_id"] in known])
            finished = [row for row in rows if row["ended_at"] is not None]
            add_to_totals(connection, add_up(finished, self._users))
        self._prices |= priced  # not before the transaction has ended well
        return len(finished)

    def _add_prices(self, connection: sa.Connection, entries: Sequence[Entry]) -> set[str | None]:
        new = [entry for entry in entries if price_id(tuple(entry.get("price") or ())) not in self._prices]
        add_prices(connection, new)
        return {price_id(tuple(entry["price"])) for entry in new}


def add_prices(connection: sa.Connection, entries: Sequence[Entry]) -> None:
    """Write the prices that ``entries`` refer to where they are not known yet."""
    if rows := price_rows(entries):
        connection.execute(_NEW_PRICE[connection.dialect.name], rows)


def _latest(entries: Iterable[Entry]) -> dict[str, Entry]:
    """Return one entry per request, the finished one where there is one."""
    found: dict[str, Entry] = {}
    for entry in entries:
        if entry.get("ended_us") is not None or entry["request_id"] not in found:
            found[entry["request_id"]] = entry
    return found


def _known(connection: sa.Connection, ids: Sequence[str]) -> dict[str, bool]:
    """Return request id -> is it finished, for those that have a row."""
    found: dict[str, bool] = {}
    for first in range(0, len(ids), _IDS):
        query = sa.select(requests.c.request_id, requests.c.ended_at.is_not(None)).where(
            requests.c.request_id.in_(ids[first:first + _IDS]))
        found.update((name, bool(ended)) for name, ended in connection.execute(query))
    return found


def _insert(connection: sa.Connection, rows: Sequence[Row]) -> None:
    if rows:
        connection.exec_driver_sql(_sql("insert", connection.dialect.name), _values(connection, rows, COLUMNS))


def _complete(connection: sa.Connection, rows: Sequence[Row]) -> None:
    for values in _values(connection, rows, (*_COMPLETED, "request_id")):
        if connection.exec_driver_sql(_sql("complete", connection.dialect.name), values).rowcount != 1:
            raise Conflict(f"request {values[-1]} was completed elsewhere meanwhile")


@cache
def _sql(verb: str, dialect: str) -> str:
    """Return a statement for the driver itself: SQLAlchemy's handling of values takes longer than the database."""
    place = "?" if dialect == "sqlite" else "%s"
    if verb == "insert":
        return f"INSERT INTO {requests.name} ({', '.join(COLUMNS)}) VALUES ({', '.join([place] * len(COLUMNS))})"
    changes = ", ".join(f"{name} = {place}" for name in _COMPLETED)
    return f"UPDATE {requests.name} SET {changes} WHERE request_id = {place} AND ended_at IS NULL"


def _values(connection: sa.Connection, rows: Sequence[Row], names: Sequence[str]) -> list[tuple[Any, ...]]:
    read = itemgetter(*names)
    if connection.dialect.name != "sqlite":
        return list(map(read, rows))
    started, ended = names.index("started_at"), names.index("ended_at")
    found = []
    for row in rows:
        values = list(read(row))
        values[started], values[ended] = _text(values[started]), _text(values[ended])
        found.append(tuple(values))
    return found


def _text(moment: Any) -> str | None:
    """Return a moment in UTC as SQLAlchemy keeps it in SQLite."""
    return None if moment is None else str(moment.replace(tzinfo=None).isoformat(" ", "microseconds"))
