"""One connection to the driver itself, for statements that every request passes; used by one thread.

SQL is written for SQLite and PostgreSQL alike, values as `?`.
"""

from collections.abc import Sequence
from typing import Any

from .engine import Store, translated
from .failures import StoreDown

# Longer than others need for a transaction, shorter than the patience of a client.
PATIENCE_MS = 1500


class Direct:
    """Opened when it is first needed; every method may block, and raises StoreDown where the store cannot be used."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.postgres = store.database.kind == "postgresql"
        self._connection: Any = None

    def run(self, statement: str, values: Sequence[Any] = ()) -> list[Any]:
        """Return the rows of a statement, which is a transaction of its own outside of `begin` and `end`."""
        try:
            cursor = self._open().execute(statement.replace("?", "%s") if self.postgres else statement, values)
            return list(cursor.fetchall()) if cursor.description else []
        except self.store.engine.dialect.loaded_dbapi.Error as error:
            self.close()
            lines = str(error).strip().splitlines()
            raise StoreDown(f"the database {self.store.database.masked} cannot be used: {(lines or ['?'])[0][:200]}",
                            "GATEWAY_DATABASE_URL", "see that it runs, is reachable and writable") from error

    def begin(self) -> None:
        """Begin a transaction that writes; an error ends it with the connection."""
        self.run("BEGIN" if self.postgres else "BEGIN IMMEDIATE")

    def end(self, well: bool = True) -> None:
        """End the transaction, undone unless ``well``."""
        self.run("COMMIT" if well else "ROLLBACK")

    def _open(self) -> Any:
        if self._connection is None:
            with translated(self.store.database):
                pooled = self.store.engine.raw_connection()
            connection: Any = pooled.driver_connection
            pooled.detach()
            if self.postgres:
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
