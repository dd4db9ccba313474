"""The ledger page by page, newest first, filtered; how much of it one page may look at is bounded.

Only the moments have an index. Without a period a page goes back in steps of row numbers until it is full or its time
is over, and says how far it came; within a period, of a day at most, the index of the moments finds the rows.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from datetime import datetime, timezone
from typing import Any

import sqlalchemy as sa

from ..policy.reports import Period
from .engine import Store
from .ledger_read import Document, document
from .ledger_tables import requests

PATIENCE_S = 0.3
_FIRST_STEP, _LARGEST_STEP = 2_000, 64_000
_SHOWN = tuple(requests.c[name] for name in (
    "id", "request_id", "started_at", "ended_at", "route", "alias", "model", "chain", "chain_position", "attempt_count",
    "status", "error_type", "error", "stream", "ttft_ms", "duration_ms", "prompt_tokens", "completion_tokens",
    "cost_pico", "cost_state", "client_key", "user_label", "client_gone"))
_STATES: dict[str, sa.ColumnElement[bool]] = {
    "ok": requests.c.status < 400, "4xx": requests.c.status.between(400, 499), "5xx": requests.c.status >= 500,
    "running": requests.c.ended_at.is_(None)}
STATES = tuple(_STATES)


@dataclass(frozen=True)
class Wanted:
    """Which requests; None is any. ``state`` is one of STATES, ``gone`` those whose client did not wait."""

    alias: str | None = None
    model: str | None = None
    key: str | None = None
    user: str | None = None
    endpoint: str | None = None
    chain: str | None = None
    error: str | None = None
    state: str | None = None
    gone: bool = False
    period: Period | None = None


_COLUMNS = {"alias": requests.c.alias, "model": requests.c.model, "key": requests.c.client_key,
            "user": requests.c.user_label, "endpoint": requests.c.endpoint, "chain": requests.c.chain,
            "error": requests.c.error_type}
NAMES = tuple(field.name for field in fields(Wanted) if field.name in _COLUMNS)


@dataclass(frozen=True)
class Page:
    """The rows; ``before`` goes on after them, None where nothing is left; ``searched`` says how far it came."""

    rows: list[Document]
    before: int | None = None
    searched: str | None = None


def page(store: Store, wanted: Wanted, before: int | None = None, size: int = 50, patience: float = PATIENCE_S,
         clock: Callable[[], float] = time.monotonic) -> Page:
    """Return the newest ``size`` requests that were written before the row ``before``; raises StoreDown.

    A page that used up ``patience`` seconds before it was full may have fewer, and says until when it looked.
    """
    conditions = list(_conditions(wanted))
    with store.reading() as connection:
        if wanted.period is not None:
            return _of_period(connection, conditions, wanted.period, before, size)
        return _stepwise(connection, conditions, before, size, clock() + patience, clock)


def _conditions(wanted: Wanted) -> Iterator[sa.ColumnElement[bool]]:
    for name, column in _COLUMNS.items():
        if (value := getattr(wanted, name)) is not None:
            yield column == value
    if wanted.state is not None:
        yield _STATES[wanted.state]
    if wanted.gone:
        yield requests.c.client_gone.is_(True)


def _of_period(connection: sa.Connection, conditions: list[sa.ColumnElement[bool]], period: Period,
               before: int | None, size: int) -> Page:
    # An expression instead of the column: SQLite would rather walk over all rows than use the index of the moments.
    number = requests.c.id + 0
    query = sa.select(*_SHOWN).where(requests.c.started_at >= _moment(period.since),
                                     requests.c.started_at < _moment(period.until), *conditions)
    if before is not None:
        query = query.where(number < before)
    rows = connection.execute(query.order_by(number.desc()).limit(size + 1)).all()
    return Page([document(row) for row in rows[:size]], rows[size - 1].id if len(rows) > size else None)


def _moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, timezone.utc)


def _stepwise(connection: sa.Connection, conditions: list[sa.ColumnElement[bool]], before: int | None, size: int,
              deadline: float, clock: Callable[[], float]) -> Page:
    # Each by itself: SQLite would walk over the whole table for both at once.
    ends = [sa.select(end(requests.c.id)).scalar_subquery() for end in (sa.func.min, sa.func.max)]
    lowest, highest = connection.execute(sa.select(*ends)).one()
    if highest is None:
        return Page([])
    ceiling, step, rows = min(before or highest + 1, highest + 1), _FIRST_STEP, list[Any]()
    while ceiling > lowest and len(rows) <= size:
        floor = max(lowest, ceiling - step)
        query = sa.select(*_SHOWN).where(requests.c.id >= floor, requests.c.id < ceiling, *conditions)
        rows += connection.execute(query.order_by(requests.c.id.desc()).limit(size + 1 - len(rows))).all()
        ceiling, step = floor, min(_LARGEST_STEP, step * 2)
        if clock() >= deadline:
            break
    found = [document(row) for row in rows[:size]]
    if len(rows) > size:
        return Page(found, rows[size - 1].id)
    return Page(found, ceiling, _looked_at(connection, ceiling)) if ceiling > lowest else Page(found)


def _looked_at(connection: sa.Connection, number: int) -> str | None:
    """Return when the row with this number, or the next one after it, began."""
    at = connection.execute(sa.select(requests.c.started_at).where(requests.c.id >= number)
                            .order_by(requests.c.id).limit(1)).scalar()
    return None if at is None else at.isoformat(timespec="milliseconds")
