"""Writing the ledger: entries become rows and totals in one transaction, each request once however often it comes.

The driver gets a batch whole, past SQLAlchemy's handling of values and without the columns that are NULL in all of it:
both take longer than the database.
"""

from collections.abc import Mapping, Sequence
from functools import cache, lru_cache
from operator import itemgetter
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DataError, InterfaceError, ProgrammingError

from ..config.database import Database
from .columns import UtcDateTime
from .engine import Store, open_store
from .failures import Conflict, StoreDown, StoreError
from .ledger_rows import COLUMNS, PLACE, Entry, Row, latest, new_prices, price_rows
from .ledger_tables import prices, requests
from .rollup import Users, add_to_totals, add_up

# Longer than two writers that take turns need, shorter than what SIGKILL may cost: what waits longer is spilled.
BUSY_MS = 80
_PATIENCE = "SET LOCAL statement_timeout = '5s'"
# SQLite accepts 32,766 values in one statement.
_IDS = 500
_NEW_PRICE = {"sqlite": sqlite.insert(prices).on_conflict_do_nothing(),
              "postgresql": postgresql.insert(prices).on_conflict_do_nothing()}
# How drivers say that a value is to blame, which would be refused for ever.
_REFUSALS = {"sqlite": (DataError, InterfaceError, ProgrammingError), "postgresql": (DataError,)}
_ENDED = PLACE["ended_at"]
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

    def write(self, entries: Sequence[Row | Entry], fresh: bool = False) -> int:
        """Record ``entries`` and return how many requests were finished by them and had not been before.

        An entry that is there already changes nothing; one without an end is completed by the one that has it,
        whichever comes first. ``fresh`` says that most likely none is there. Raises StoreDown, or StoreError where a
        value is to blame, and then nothing is recorded.
        """
        try:
            return self._settled(latest(entries), fresh)
        except StoreDown as error:
            if isinstance(error.__cause__, _REFUSALS[self.store.database.kind]):
                raise StoreError(error.problems[0].what) from error
            raise

    def _settled(self, rows: Mapping[str, Row], fresh: bool) -> int:
        try:
            return self._write(rows, fresh)
        except Conflict:  # there already, another writer was faster, or prices have gone with an older database
            self._prices = {None}
            return self._write(rows, fresh=False)

    def _write(self, rows: Mapping[str, Row], fresh: bool) -> int:
        with self.store.writing() as connection:
            if connection.dialect.name == "postgresql":
                connection.exec_driver_sql(_PATIENCE)
            known = {} if fresh else _known(connection, list(rows))
            new = [row for name, row in rows.items() if name not in known]
            completed = [row for name, row in rows.items() if row[_ENDED] is not None and known.get(name) is False]
            kept = new + completed
            priced = new_prices(kept, self._prices)
            add_prices(connection, price_rows(priced.values()))
            _insert(connection, new)
            _complete(connection, completed)
            finished = [row for row in kept if row[_ENDED] is not None]
            add_to_totals(connection, add_up(finished, self._users))
        self._prices |= priced.keys()  # not before the transaction has ended well
        return len(finished)


def add_prices(connection: sa.Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write these rows of prices where they are not known yet."""
    if rows:
        connection.execute(_NEW_PRICE[connection.dialect.name], rows)


def _known(connection: sa.Connection, ids: Sequence[str]) -> dict[str, bool]:
    """Return request id -> is it finished, for those that have a row."""
    found: dict[str, bool] = {}
    for first in range(0, len(ids), _IDS):
        query = sa.select(requests.c.request_id, requests.c.ended_at.is_not(None)).where(
            requests.c.request_id.in_(ids[first:first + _IDS]))
        found.update((name, bool(ended)) for name, ended in connection.execute(query))
    return found


def _insert(connection: sa.Connection, rows: Sequence[Row]) -> None:
    if not rows:
        return
    names = _used(rows)
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(_insert_whole(names), (_document(rows, names),))
    else:
        connection.exec_driver_sql(_insert_each(names), list(map(_reader(names), rows)))


def _complete(connection: sa.Connection, rows: Sequence[Row]) -> None:
    if not rows:
        return
    if connection.dialect.name == "postgresql":
        done = connection.exec_driver_sql(_update_whole(), (_document(rows, COLUMNS),)).rowcount
    else:
        read = _reader((*_COMPLETED, "request_id"))
        done = connection.exec_driver_sql(_update_each(), list(map(read, rows))).rowcount
    if done != len(rows):
        raise Conflict("a request was completed elsewhere meanwhile")


def _used(rows: Sequence[Row]) -> tuple[str, ...]:
    """Return the columns that are not NULL in all of ``rows``; most requests leave a third of them empty."""
    count = len(rows)
    values = list(zip(*rows))
    return tuple(name for name in COLUMNS if values[PLACE[name]].count(None) < count)


@lru_cache(64)
def _reader(names: tuple[str, ...]) -> "itemgetter[Any]":
    return itemgetter(*(PLACE[name] for name in names))


def _document(rows: Sequence[Row], names: tuple[str, ...]) -> str:
    return orjson.dumps(list(map(_reader(names), rows))).decode()


@lru_cache(64)
def _insert_each(names: tuple[str, ...]) -> str:
    return f"INSERT INTO {requests.name} ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})"


@cache
def _update_each() -> str:
    changes = ", ".join(f"{name} = ?" for name in _COMPLETED)
    return f"UPDATE {requests.name} SET {changes} WHERE request_id = ? AND ended_at IS NULL"


@lru_cache(64)
def _insert_whole(names: tuple[str, ...]) -> str:
    """Return a statement that takes a whole batch as one JSON array: PostgreSQL takes it apart faster than psycopg."""
    return f"INSERT INTO {requests.name} ({', '.join(names)}) {_taken_apart(names)}"


@cache
def _update_whole() -> str:
    changes = ", ".join(f"{name} = n.{name}" for name in _COMPLETED)
    return (f"UPDATE {requests.name} SET {changes} FROM ({_taken_apart(COLUMNS)}) AS n "
            f"WHERE {requests.name}.request_id = n.request_id AND {requests.name}.ended_at IS NULL")


def _taken_apart(names: tuple[str, ...]) -> str:
    parts = (f"{_value(name, number)} AS {name}" for number, name in enumerate(names))
    return f"SELECT {', '.join(parts)} FROM jsonb_array_elements(%s::jsonb) AS v"


def _value(name: str, number: int) -> str:
    kind = requests.c[name].type
    if isinstance(kind, UtcDateTime):
        return f"(v->>{number})::timestamp AT TIME ZONE 'UTC'"
    return f"(v->>{number})::{kind.compile()}"
