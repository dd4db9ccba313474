"""The connection to the database: SQLite with WAL in one 0600 file, or PostgreSQL through psycopg 3.

A `Store` is created in the process that uses it and never crosses a fork.
"""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from ..config.database import Database
from .failures import Conflict, StoreDown, StoreError

BUSY_TIMEOUT_S = 5.0
# Who looks at a page rather sees that the database is locked than waits.
READER_TIMEOUT_S = 1.0
# A query that somebody waits for in a browser is not worth more of a PostgreSQL that others use too.
READER_STATEMENT_S = 20
CONNECT_TIMEOUT_S = 5
_POOL = 4
# Marks a transaction that will write: SQLite then takes the write lock first, so that it never fails half-way.
_WRITES = "gateway_writes"


class Store:
    """One database. Every method may block; event loops call it in a thread."""

    def __init__(self, database: Database, engine: sa.Engine) -> None:
        self.database = database
        self.engine = engine

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """Open a transaction that only reads; raises StoreDown or StoreError."""
        with translated(self.database), self.engine.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        """Open a transaction that writes, committed at the end; raises StoreDown, Conflict or StoreError."""
        with translated(self.database), self.engine.connect() as connection:
            connection.execution_options(**{_WRITES: True})
            with connection.begin():
                yield connection

    def close(self) -> None:
        """Close every connection."""
        self.engine.dispose()


def open_store(database: Database) -> Store:
    """Return the store of ``database``; SQLite's file and folder are made where they are missing.

    Raises StoreDown where the file cannot be made, StoreError where psycopg is not installed. PostgreSQL is not
    contacted before the first transaction.
    """
    if database.path is not None:
        _make_private(database.path, database)
        return Store(database, _sqlite_engine(database.path))
    return Store(database, _postgres_engine(database))


def open_reader(database: Database) -> Store:
    """Return a store that cannot write, whatever it is asked; nothing is made where there is no file.

    Raises StoreError where psycopg is not installed. Every transaction has a connection of its own to SQLite, so a file
    that was put in the place of another is seen.
    """
    if database.path is None:
        postgres = _postgres_engine(database)
        event.listen(postgres, "begin", _bound_statements)
        return Store(database, postgres.execution_options(postgresql_readonly=True))
    address = f"{database.path.as_uri()}?mode=ro"
    engine = sa.create_engine("sqlite://", hide_parameters=True, poolclass=sa.NullPool, creator=lambda: sqlite3.connect(
        address, uri=True, timeout=READER_TIMEOUT_S, isolation_level=None, check_same_thread=False))
    event.listen(engine, "begin", _begin_sqlite)
    return Store(database, engine)


def _make_private(path: Path, database: Database) -> None:
    """Make the file with mode 0600 before SQLite does; SQLite gives its -wal and -shm files the same mode."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Only where there is none: closing the file would drop the locks that other connections of this process hold
        # on it (POSIX), and another process would remove the WAL under them (sqlite.org/howtocorrupt.html, 2.2).
        if not path.exists():
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    except OSError as error:
        raise StoreDown(f"the database {database.masked} cannot be opened: {error.strerror}", "GATEWAY_DATABASE_URL",
                        "name a file in a writable folder, or set GATEWAY_DATABASE_URL=off") from None


def _sqlite_engine(path: Path) -> sa.Engine:
    engine = sa.create_engine(
        sa.URL.create("sqlite", database=str(path)), hide_parameters=True, pool_size=_POOL,
        connect_args={"timeout": BUSY_TIMEOUT_S, "isolation_level": None})
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    for pragma in ("busy_timeout = 5000", "journal_mode = WAL", "synchronous = NORMAL", "foreign_keys = ON"):
        connection.execute(f"PRAGMA {pragma}").close()


def _begin_sqlite(connection: sa.Connection) -> None:
    writes = connection.get_execution_options().get(_WRITES)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _postgres_engine(database: Database) -> sa.Engine:
    if find_spec("psycopg") is None:
        raise StoreError("PostgreSQL needs psycopg, which is not installed", "GATEWAY_DATABASE_URL",
                         "pip install 'litellm-local-gateway[postgres]'")
    url = sa.make_url(database.url).set(drivername="postgresql+psycopg")
    defaults: dict[str, Any] = {"connect_timeout": CONNECT_TIMEOUT_S, "application_name": "litellm-gateway",
                                "keepalives_idle": 30,
                                # Poolers in front of PostgreSQL may not keep prepared statements.
                                "prepare_threshold": None, "tcp_user_timeout": 10_000,
                                # From a SQL_ASCII database psycopg would give bytes.
                                "client_encoding": "utf8"}
    options = {name: value for name, value in defaults.items() if name not in url.query}
    return sa.create_engine(url, hide_parameters=True, pool_size=_POOL, pool_pre_ping=True,
                            pool_timeout=CONNECT_TIMEOUT_S, connect_args=options)


def _bound_statements(connection: sa.Connection) -> None:
    """Bound each query of the transaction; poolers would keep what is set for a whole session."""
    connection.exec_driver_sql(f"SET LOCAL statement_timeout = '{READER_STATEMENT_S}s'")


@contextmanager
def translated(database: Database) -> Iterator[None]:
    """Turn the driver's errors into ours, which name the database masked and never a value."""
    try:
        yield
    except IntegrityError as error:
        raise Conflict(f"the database {database.masked} refuses the row: {_reason(error)}") from error
    except (DBAPIError, PoolTimeout) as error:
        raise StoreDown(f"the database {database.masked} cannot be used: {_reason(error)}", "GATEWAY_DATABASE_URL",
                        "see that it runs, is reachable and writable, or set GATEWAY_DATABASE_URL=off") from error
    except SQLAlchemyError as error:
        raise StoreError(f"the database {database.masked} cannot be used: {type(error).__name__}") from error


def _reason(error: SQLAlchemyError) -> str:
    """Return the driver's own first line; PostgreSQL puts values into the lines after it (DETAIL)."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    lines = str(cause).strip().splitlines()
    return (lines[0] if lines else type(cause).__name__)[:200]
