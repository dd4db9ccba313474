"""Bring a database to the schema of this code: forward only, under a lock, everything or nothing.

A revision is one file in `migrations/versions`, named by its revision: `0002_ledger.py` with `revision = "0002_ledger"`
and `down_revision` the one before. The highest name is the head.
"""

import sqlalchemy as sa

from .engine import Store
from .failures import NewerDatabase
from .revisions import FOLDER, VERSION_TABLE, head, revisions

__all__ = ["VERSION_TABLE", "current", "ensure_schema", "head", "revisions"]
# Any number that no other program on the same PostgreSQL is likely to take: "gateway" in ASCII.
_LOCK = 0x67617465776179


def current(store: Store) -> str | None:
    """Return the database's revision, None for an empty one; raises StoreDown."""
    with store.reading() as connection:
        return _current(connection)


def is_migrated(store: Store) -> bool:
    """Tell whether the schema is the newest that this code knows; raises NewerDatabase, StoreDown."""
    return _refuse_newer(current(store)) == head()


def _current(connection: sa.Connection) -> str | None:
    if not sa.inspect(connection).has_table(VERSION_TABLE):
        return None
    return connection.execute(sa.text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar_one_or_none()


def ensure_schema(store: Store, target: str | None = None) -> bool:
    """Migrate up to ``target`` (default: the head) and return whether anything was done.

    Raises NewerDatabase where the database knows a revision that this code does not, StoreDown where it is unusable.
    """
    wanted = target or head()
    if _refuse_newer(current(store)) == wanted:
        return False
    with store.writing() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
        before = _refuse_newer(_current(connection))
        if before == wanted:
            return False  # another process was faster
        _upgrade(connection, wanted)
        return True


def _refuse_newer(revision: str | None) -> str | None:
    if revision is not None and revision not in revisions():
        raise NewerDatabase(f"the database is at revision {revision}, this gateway knows up to {head()}",
                            "GATEWAY_DATABASE_URL", "update the gateway, or give it a database of its own")
    return revision


def _upgrade(connection: sa.Connection, target: str) -> None:
    from alembic import command
    from alembic.config import Config

    from .tables import metadata
    config = Config()
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    config.attributes.update(connection=connection, metadata=metadata)
    command.upgrade(config, target)
