"""Real databases for tests: a SQLite file, and PostgreSQL where a server answers."""

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from src.config.database import Database, parse_database_url
from src.store.engine import Store, open_store

POSTGRES = os.environ.get("GATEWAY_TEST_POSTGRES_URL", "postgresql://postgres@127.0.0.1:5432/postgres")
KINDS = ("sqlite", "postgresql")


def database(url: str, folder: Path) -> Database:
    found = parse_database_url(url, folder)
    assert found is not None
    return found


@contextmanager
def fresh_database(kind: str, folder: Path, options: str = "") -> Iterator[Database]:
    """Yield an empty database, made with ``options`` of CREATE DATABASE.

    Without a PostgreSQL server the test is skipped, in CI it fails.
    """
    if kind == "sqlite":
        yield database(f"sqlite:///{uuid.uuid4().hex}.db", folder)
        return
    name = f"gateway_test_{uuid.uuid4().hex}"
    _administer(f'CREATE DATABASE "{name}" {options}')
    try:
        yield database(f"{POSTGRES.rpartition('/')[0]}/{name}", folder)
    finally:
        _administer(f'DROP DATABASE "{name}" WITH (FORCE)')


def _administer(statement: str) -> None:
    import psycopg
    try:
        with psycopg.connect(POSTGRES, autocommit=True, connect_timeout=5) as connection:
            connection.execute(statement.encode())
    except psycopg.OperationalError as error:
        if os.environ.get("CI", "").lower() in ("1", "true"):
            raise
        pytest.skip(f"no PostgreSQL at GATEWAY_TEST_POSTGRES_URL: {error}")


@contextmanager
def fresh_store(kind: str, folder: Path) -> Iterator[Store]:
    """Yield the store of an empty database."""
    with fresh_database(kind, folder) as found:
        store = open_store(found)
        try:
            yield store
        finally:
            store.close()
