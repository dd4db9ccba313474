"""The temporary copy of the registry that a rehearsal works on; the configured database is only ever read."""

import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..config.database import Database, find_database, parse_database_url
from ..config.plan import Sources
from ..config.registry import RegistryReading
from ..errors import ConfigurationError, NotStarted
from .database import store_context

if TYPE_CHECKING:
    from ..store.registry import Registry

_NAME = "rehearsal.db"


class RehearsalStore:
    """A new SQLite database in a private folder, with the rows of the configured one; None of it is kept."""

    def __init__(self, folder: Path, sources: Sources) -> None:
        database, problems = find_database(sources.env)
        if problems:
            raise ConfigurationError(problems)
        self.configured, self._folder, self._sources = database, folder, sources
        self.database = _sqlite(folder / _NAME) if database else None

    @property
    def url(self) -> str:
        """Return the URL of the temporary database, `off` where none is configured."""
        return self.database.url if self.database else "off"

    def sources(self) -> Sources:
        """Return the sources with the copied rows in them, every key taken as set; makes the copy."""
        if self.configured is None or self.database is None:
            return replace(self._sources, registry=RegistryReading())
        from ..store.reading import registry_reading
        registry, notes = self._read(self.configured)
        self._write(registry)
        reading = registry_reading(registry, store_context(self._sources), lambda name: True)
        return replace(self._sources, database=self.database, registry=replace(reading, notes=reading.notes + notes))

    def _read(self, database: Database) -> tuple["Registry", tuple[str, ...]]:
        """Return the configured rows; a SQLite file is copied first, so that migrations are rehearsed on the copy."""
        from ..store.engine import open_store
        from ..store.migrate import ensure_schema, is_migrated
        from ..store.registry import Registry, load_registry
        from ..store.revisions import without_rows
        copied = database.path is not None
        if database.path is not None:
            if not database.path.exists() or without_rows(database.path):
                return Registry(), ()
            database = _copy(database.path, self._folder / "configured.db")
        store = open_store(database)
        try:
            if copied:
                ensure_schema(store)
            elif not is_migrated(store):
                return Registry(), ("registry: the database is not migrated yet, its rows are not rehearsed",)
            return load_registry(store), ()
        finally:
            store.close()
            if copied and database.path is not None:
                for path in database.path.parent.glob(f"{database.path.name}*"):
                    path.unlink()

    def _write(self, registry: "Registry") -> None:
        from ..policy.nouns import ORDER
        from ..store.engine import open_store
        from ..store.migrate import ensure_schema
        from ..store.registry import write_all
        assert self.database is not None
        store = open_store(self.database)
        try:
            ensure_schema(store)
            with store.writing() as connection:
                write_all(connection, {name: [replace(row, id=None) for row in registry.of(name)] for name in ORDER})
        finally:
            store.close()

    def write_limits(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Replace the limits in the temporary database."""
        from ..store.engine import open_store
        from ..store.registry import REPOSITORIES
        assert self.database is not None
        repository = REPOSITORIES["limits"]
        store = open_store(self.database)
        try:
            with store.writing() as connection:
                for old in repository.read(connection):
                    repository.remove(connection, old)
                for row in rows:
                    repository.write(connection, repository.kind(**row))
        finally:
            store.close()

    def rows(self) -> list[dict[str, Any]]:
        """Return the ledger of the temporary database."""
        from ..store.engine import open_store
        from ..store.ledger_read import export
        assert self.database is not None
        store = open_store(self.database)
        try:
            return list(export(store))
        finally:
            store.close()


def _sqlite(path: Path) -> Database:
    database = parse_database_url(f"sqlite:///{path.as_posix()}", path.parent)
    assert database is not None
    return database


def _copy(source: Path, target: Path) -> Database:
    try:
        with closing(sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True)) as real, \
                closing(sqlite3.connect(target)) as copy:
            real.backup(copy)
    except sqlite3.Error as error:
        raise NotStarted(f"the database {source} cannot be copied: {error}", "GATEWAY_DATABASE_URL",
                         "make it readable, make room in the temporary folder, or set GATEWAY_DATABASE_URL=off") \
            from None
    return _sqlite(target)
