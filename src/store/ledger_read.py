"""Reading single requests back: the latest, one, all of a period; and a copy of the whole database."""

import json
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from ..policy.costs import Cost
from .engine import Store, translated
from .failures import StoreError
from .ledger_tables import UNPRICED, prices, requests

Document = dict[str, Any]
_JSON = ("attempts", "dropped", "translated")
_PAGE = 1_000


def latest(store: Store, count: int) -> list[Document]:
    """Return the last ``count`` requests, oldest first; raises StoreDown."""
    query = sa.select(requests).order_by(requests.c.id.desc()).limit(count)
    with store.reading() as connection:
        return [document(row) for row in reversed(connection.execute(query).all())]


def after(store: Store, last_id: int) -> list[Document]:
    """Return the requests that were written after the one with this id, at most a thousand."""
    query = sa.select(requests).where(requests.c.id > last_id).order_by(requests.c.id).limit(_PAGE)
    with store.reading() as connection:
        return [document(row) for row in connection.execute(query)]


def one(store: Store, request_id: str) -> Document | None:
    """Return the request with this id, or the only one whose id begins with it, its price included."""
    query = sa.select(requests, *(prices.c[name].label(f"price_{name}") for name in prices.c.keys() if name != "id")) \
        .outerjoin(prices, prices.c.id == requests.c.price_id).limit(2)
    column = requests.c.request_id
    with store.reading() as connection:
        rows = connection.execute(query.where(column == request_id)).all()
        if not rows:  # no index helps here
            rows = connection.execute(query.where(column.startswith(request_id, autoescape=True))).all()
    return document(rows[0]) if len(rows) == 1 else None


def export(store: Store, since: datetime | None = None, until: datetime | None = None) -> Iterator[Document]:
    """Yield the requests that began between two moments in the order in which they were written, page by page."""
    last = 0
    while True:
        query = sa.select(requests).where(requests.c.id > last).order_by(requests.c.id).limit(_PAGE)
        if since is not None:
            query = query.where(requests.c.started_at >= since)
        if until is not None:
            query = query.where(requests.c.started_at < until)
        with store.reading() as connection:
            rows = connection.execute(query).all()
        yield from map(document, rows)
        if len(rows) < _PAGE:
            return
        last = rows[-1].id


def unpriced(store: Store) -> list[Document]:
    """Return deployments whose tokens have no price: model, requests, tokens, first and last time; most used first."""
    columns = requests.c
    query = sa.select(
        columns.deployment, columns.model, sa.func.count().label("requests"),
        sa.func.sum(columns.prompt_tokens).label("prompt_tokens"),
        sa.func.sum(columns.completion_tokens).label("completion_tokens"),
        sa.func.max(columns.started_at).label("last_at"),
    ).where(sa.text(UNPRICED)).group_by(columns.deployment, columns.model).order_by(sa.desc("requests"))
    with store.reading() as connection:
        return [{name: _plain(value) for name, value in row._mapping.items()} for row in connection.execute(query)]


def document(row: sa.Row[Any]) -> Document:
    """Return a row, or some of its columns, as plain values, its cost in micro-dollars too."""
    found = {name: _plain(value) for name, value in row._mapping.items()}
    for name in _JSON:
        if name in found:
            found[name] = json.loads(found[name]) if found[name] else None
    found["cost_micros"] = Cost(found["cost_pico"], found["cost_state"]).micros
    return found


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat(timespec="milliseconds")
    return value if value is None or isinstance(value, str | int | bool) else int(value)


def backup(store: Store, target: Path) -> None:
    """Copy a SQLite database, in use or not, to a new 0600 file; raises StoreError."""
    if store.database.path is None:
        raise StoreError("PostgreSQL databases are backed up with PostgreSQL's own tools", "GATEWAY_DATABASE_URL",
                         "pg_dump --format=custom --file=FILE DATABASE")
    try:
        os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    except OSError as error:
        raise StoreError(f"{target} cannot be made: {error.strerror}", "FILE", "name a new file") from None
    try:
        with translated(store.database), closing(sqlite3.connect(store.database.path)) as source, \
                closing(sqlite3.connect(target)) as copy:
            source.backup(copy)
    except sqlite3.Error as error:
        target.unlink(missing_ok=True)
        raise StoreError(f"{target} cannot be written: {error}", "FILE", "name a file where there is room") from None
