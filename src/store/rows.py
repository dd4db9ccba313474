"""What the repositories share: reading, writing and removing rows by their names; references are names, never ids."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar, Generic, TypeVar

import sqlalchemy as sa

from ..errors import ConfigurationError, Problem
from ..policy.nouns import NOUNS, Noun


@dataclass(frozen=True)
class Row:
    """One row of any noun. ``id`` is None before it is stored, and no part of what it says."""

    id: int | None = field(default=None, compare=False, kw_only=True)

    def values(self) -> dict[str, Any]:
        """Return the fields by name, without the id."""
        return {fld.name: getattr(self, fld.name) for fld in fields(self) if fld.name != "id"}


R = TypeVar("R", bound=Row)


class Repository(Generic[R]):
    """The rows of one noun in one table; every method works inside the caller's transaction.

    ``links`` are columns that hold the id of another noun's row: field -> (column, table, that table's name column).
    """

    name: ClassVar[str]
    table: ClassVar[sa.Table]
    kind: type[R]
    links: ClassVar[Mapping[str, tuple[str, sa.Table, str]]] = {}

    @property
    def noun(self) -> Noun:
        """Return the noun's table of fields."""
        return NOUNS[self.name]

    def read(self, connection: sa.Connection) -> tuple[R, ...]:
        """Return every row, ordered by its key."""
        lists = self._lists(connection)
        stored = connection.execute(self._select()).mappings()
        found = [self._row(dict(row), lists.get(row["id"], ())) for row in stored]
        return tuple(sorted(found, key=lambda row: [(part is not None, part) for part in self.key(row)]))

    def key(self, row: R) -> tuple[Any, ...]:
        """Return what names ``row``."""
        return self.noun.key_of(row.values())

    def find(self, connection: sa.Connection, *key: Any) -> R | None:
        """Return the row with this key, None where there is none."""
        return next((row for row in self.read(connection) if self.key(row) == key), None)

    def write(self, connection: sa.Connection, row: R) -> int:
        """Store ``row``: a new one without an id, else in place of the one with its id. Returns the id."""
        values = self._values(connection, row)
        if row.id is None:
            key = connection.execute(self.table.insert().values(**values)).inserted_primary_key
            stored = int(key[0]) if key else 0
        else:
            connection.execute(self.table.update().where(self.table.c.id == row.id).values(**values))
            stored = row.id
        self._after(connection, stored, row)
        return stored

    def remove(self, connection: sa.Connection, row: R) -> None:
        """Remove ``row``; raises Conflict where others still need it."""
        connection.execute(self.table.delete().where(self.table.c.id == row.id))

    def _select(self) -> sa.Select[Any]:
        """Return the query of all columns, with links as names."""
        source: sa.FromClause = self.table
        columns: list[sa.ColumnElement[Any]] = [self.table.c.id]
        for name in self._plain_fields():
            columns.append(self.table.c[name])
        for name, (column, table, label) in self.links.items():
            other = table.alias(f"linked_{name}")
            source = source.outerjoin(other, self.table.c[column] == other.c.id)
            columns.append(other.c[label].label(name))
        return sa.select(*columns).select_from(source)

    def _plain_fields(self) -> list[str]:
        return [fld.name for fld in self.noun.fields if fld.name in self.table.c and fld.name not in self.links]

    def _lists(self, connection: sa.Connection) -> Mapping[int, tuple[str, ...]]:
        """Return id -> names in order, where rows own a list of others."""
        return {}

    def _row(self, found: dict[str, Any], listed: tuple[str, ...]) -> R:
        return self.kind(**found)

    def _values(self, connection: sa.Connection, row: R) -> dict[str, Any]:
        given = row.values()
        values = {name: given[name] for name in self._plain_fields()}
        for name, (column, table, label) in self.links.items():
            values[column] = id_of(connection, table, label, given[name])
        return values

    def _after(self, connection: sa.Connection, stored: int, row: R) -> None:
        """Write what stands in other tables."""


def id_of(connection: sa.Connection, table: sa.Table, label: str, name: str | None) -> int | None:
    """Return the id of the row with this name; raises ConfigurationError where there is none."""
    if name is None:
        return None
    found = connection.execute(sa.select(table.c.id).where(table.c[label] == name)).scalar_one_or_none()
    if found is None:
        raise ConfigurationError([Problem(f"{table.name} has no row {name!a}", "", "add it first")])
    return int(found)


def lists_of(pairs: Iterable[Any]) -> dict[int, tuple[str, ...]]:
    """Return id -> names, from (id, name) rows in the order of the names."""
    found: dict[int, list[str]] = {}
    for owner, name in pairs:
        found.setdefault(owner, []).append(name)
    return {owner: tuple(names) for owner, names in found.items()}
