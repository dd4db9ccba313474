"""What all tables share: one MetaData, times in UTC with their zone, ids and JSON."""

from datetime import datetime, timezone
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

metadata = sa.MetaData(naming_convention={
    "pk": "pk_%(table_name)s", "fk": "fk_%(table_name)s_%(column_0_name)s", "uq": "uq_%(table_name)s_%(column_0_name)s",
    "ix": "ix_%(table_name)s_%(column_0_name)s", "ck": "ck_%(table_name)s_%(constraint_name)s",
})
# SQLite counts up only in a column that is literally INTEGER.
BigId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
Json = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


class UtcDateTime(TypeDecorator[datetime]):
    """A moment: only values with a zone go in, only UTC comes out. SQLite keeps ISO text, PostgreSQL timestamptz."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return ``value`` in UTC; raises ValueError for one without a zone."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without its zone")
        moment = value.astimezone(timezone.utc)
        return moment.replace(tzinfo=None) if dialect.name == "sqlite" else moment

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return the moment in UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=timezone.utc) if value.tzinfo is None else value.astimezone(timezone.utc)


def now() -> datetime:
    """Return the present moment in UTC."""
    return datetime.now(timezone.utc)


def identity() -> sa.Column[Any]:
    """Return the id column of a table."""
    return sa.Column("id", BigId, primary_key=True, autoincrement=True)


def switch(name: str) -> sa.Column[bool]:
    """Return a yes/no column that says yes where nobody says anything."""
    return sa.Column(name, sa.Boolean, nullable=False, server_default=sa.true())


def created_at() -> sa.Column[Any]:
    """Return the column that says when a row came."""
    return sa.Column("created_at", UtcDateTime(), nullable=False, default=now, server_default=sa.func.now())


def updated_at() -> sa.Column[Any]:
    """Return the column that says when a row last changed."""
    return sa.Column("updated_at", UtcDateTime(), nullable=False, default=now, onupdate=now,
                     server_default=sa.func.now())
