"""Adding up the totals: whole days from the daily table, what is left of the first and last day from the hourly."""

from collections.abc import Iterator, Sequence
from typing import Any

import sqlalchemy as sa

from ..policy.reports import ALL, DAY, TIMES, Period
from .engine import Store
from .ledger_tables import daily, hourly

Group = tuple[str | int, str]
_NEVER = 2**62


def totals(store: Store, by: str, period: Period, names: Sequence[str]) -> dict[Group, dict[str, int]]:
    """Return (value or start, outcome) -> the sums of the columns ``names``; raises StoreDown.

    Where hourly totals are pruned already, a day that ``period`` only touches counts as a whole.
    """
    found: dict[Group, dict[str, int]] = {}
    with store.reading() as connection:
        for table, part in _parts(by, period, _first_hour(connection)):
            for value, outcome, *sums in connection.execute(_query(table, by, part, names)):
                total = found.setdefault((int(value) if by in TIMES else value, outcome), dict.fromkeys(names, 0))
                for name, amount in zip(names, sums):
                    total[name] += int(amount)
    return found


def _first_hour(connection: sa.Connection) -> int:
    """Return the first hour that is not pruned; where all are, one that no period reaches."""
    found = connection.execute(sa.select(sa.func.min(hourly.c.start)).where(hourly.c.dimension == ALL)).scalar()
    return _NEVER if found is None else int(found)


def _parts(by: str, period: Period, first_hour: int) -> Iterator[tuple[sa.Table, Period]]:
    since, until = period.since, period.until
    if by == "hour":
        yield hourly, period
        return
    kept_from = first_hour // DAY * DAY
    since = since if since >= kept_from else since // DAY * DAY
    until = until if until >= kept_from else -(-until // DAY) * DAY
    first_day, last_day = -(-since // DAY) * DAY, until // DAY * DAY
    if first_day >= last_day:
        yield hourly, Period(since, until)
        return
    yield daily, Period(first_day, last_day)
    if since < first_day:
        yield hourly, Period(since, first_day)
    if last_day < until:
        yield hourly, Period(last_day, until)


def _query(table: sa.Table, by: str, part: Period, names: Sequence[str]) -> sa.Select[Any]:
    group: sa.ColumnElement[Any] = table.c.value
    if by in TIMES:
        group = table.c.start if by == "hour" else table.c.start - table.c.start % DAY
    return (sa.select(group, table.c.outcome, *(sa.func.sum(table.c[name]) for name in names))
            .where(table.c.dimension == (ALL if by in TIMES else by), table.c.start >= part.since,
                   table.c.start < part.until)
            .group_by(group, table.c.outcome))
