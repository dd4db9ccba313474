"""Keeping the ledger small: old rows go, in small steps, by one worker of all; their totals per day stay."""

import time
from dataclasses import dataclass
from datetime import datetime, timezone

import sqlalchemy as sa

from ..policy.reports import DAY
from .engine import Store
from .failures import Conflict
from .ledger_tables import hourly, requests, state

TASK = "prune"
EVERY_S = 600
_FIRST_S = 30
_STEP = 1_000
_MIB = 1 << 20


@dataclass(frozen=True)
class Keep:
    """How much is kept: whole days in UTC and mebibytes of database; 0 is without a limit."""

    days: int = 0
    megabytes: int = 0


class Pruner:
    """Prunes one step at a time, so that whoever does it can write in between. Times are of the monotonic clock."""

    def __init__(self, keep: Keep) -> None:
        self._keep = keep
        self._next = time.monotonic() + _FIRST_S
        self._elected = False

    def due(self, now: float) -> bool:
        """Tell whether there may be something to prune."""
        return bool(self._keep.days or self._keep.megabytes) and (self._elected or now >= self._next)

    def step(self, store: Store, now: float) -> None:
        """Prune a little; raises StoreDown."""
        if not self._elected:
            self._next = now + EVERY_S
            self._elected = elected(store, TASK, EVERY_S - 1)
        if self._elected:
            self._elected = prune(store, self._keep)


def elected(store: Store, task: str, every: int) -> bool:
    """Return True in one process of all that ask, once in ``every`` seconds; the row's lock decides.

    A time that lies further ahead than that was written by a clock that was wrong.
    """
    try:
        return _elected(store, task, int(time.time()), every)
    except Conflict:  # two came for the first time: the other one got it
        return False


def _elected(store: Store, task: str, now: int, every: int) -> bool:
    with store.writing() as connection:
        due = sa.or_(state.c.at <= now - every, state.c.at > now + every)
        taken = connection.execute(sa.update(state).where(state.c.name == task, due).values(at=now))
        if taken.rowcount:
            return True
        if connection.execute(sa.select(state.c.at).where(state.c.name == task)).first() is not None:
            return False
        connection.execute(state.insert().values(name=task, at=now))
        return True


def prune(store: Store, keep: Keep, step: int = _STEP) -> bool:
    """Remove up to ``step`` rows that are too old or too many, and the hourly totals of such days.

    Returns whether there may be more to do.
    """
    with store.writing() as connection:
        removed = 0
        if keep.days:
            horizon = (int(time.time()) // DAY - keep.days) * DAY
            removed = _remove(connection, step, datetime.fromtimestamp(horizon, timezone.utc))
            connection.execute(sa.delete(hourly).where(hourly.c.start < horizon))
        if not removed and keep.megabytes and size(connection) > keep.megabytes * _MIB:
            removed = _remove(connection, step)
    return removed == step


def _remove(connection: sa.Connection, step: int, before: datetime | None = None) -> int:
    oldest = sa.select(requests.c.id).order_by(requests.c.started_at).limit(step)
    if before is not None:
        oldest = oldest.where(requests.c.started_at < before)
    ids = list(connection.execute(oldest).scalars())
    connection.execute(sa.delete(requests).where(requests.c.id.in_(ids)))
    return len(ids)


def size(connection: sa.Connection) -> int:
    """Return the bytes in use: SQLite's pages that are not free; in PostgreSQL, the live rows' share of the table.

    Files themselves do not shrink: what was freed is used again.
    """
    if connection.dialect.name == "sqlite":
        pages, free, page = (connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()
                             for name in ("page_count", "freelist_count", "page_size"))
        return int((pages - free) * page)
    total, live, dead = connection.execute(sa.text(
        "SELECT pg_total_relation_size(relid), n_live_tup, n_dead_tup FROM pg_stat_user_tables"
        " WHERE relid = 'ai_request_logs'::regclass")).one()
    return int(total * live / (live + dead)) if live else 0
