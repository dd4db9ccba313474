"""Totals per hour and day: what a batch of finished requests adds to them, written together with its rows."""

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any

import sqlalchemy as sa

from ..policy.costs import PICO_PER_MICRO
from ..policy.reports import ALL, DAY, HOUR, bin_of
from .ledger_tables import DURATION, KEY, TOTALS, TTFT, daily, hourly

Row = Mapping[str, Any]
Key = tuple[str, int, str, str]
Group = tuple[int, str, tuple[str, ...]]
# Users are labels that clients choose: what one worker meets beyond so many in a day is added up as one.
USERS_PER_DAY = 10_000
OTHERS = "(others)"
_PLACE = {name: number for number, name in enumerate(TOTALS)}
_FIRST_DURATION, _FIRST_TTFT = _PLACE[DURATION[0]], _PLACE[TTFT[0]]
_PLAIN = [(_PLACE[name], name) for name in ("prompt_tokens", "completion_tokens", "reasoning_tokens", "cached_tokens")]
_COLUMNS = {ALL: None, "model": "model", "alias": "alias", "endpoint": "endpoint", "key": "client_key",
            "user": "user_label", "chain": "chain"}
_USER = list(_COLUMNS).index("user")


class Users:
    """The users of the present day, bounded."""

    def __init__(self, limit: int = USERS_PER_DAY) -> None:
        self._limit, self._day = limit, 0
        self._known: set[str] = set()

    def label(self, user: str, start: int) -> str:
        """Return ``user``, or the common label where the day (``start`` is in Unix seconds) has had too many."""
        day = start // DAY
        if day > self._day:
            self._day, self._known = day, set()
        if user in self._known or len(self._known) < self._limit:
            self._known.add(user)
            return user
        return OTHERS


def amounts(row: Row) -> list[tuple[int, int]]:
    """Return what a finished request adds, as (place in TOTALS, amount)."""
    tokens = [(place, row[name]) for place, name in _PLAIN if row[name]]
    micros, rest = divmod(row["cost_pico"] or 0, PICO_PER_MICRO)
    found = [(_PLACE["requests"], 1), (_PLACE["attempts"], row["attempt_count"] or 0), *tokens,
             (_PLACE["cost_micros"], micros), (_PLACE["cost_pico_rest"], rest)]
    if row["stream"]:
        found.append((_PLACE["streams"], 1))
    if state := _state(row):
        found.append((_PLACE[state], 1))
    if row["duration_ms"] is not None:
        found.append((_FIRST_DURATION + bin_of(row["duration_ms"]), 1))
    if row["ttft_ms"] is not None:
        found.append((_FIRST_TTFT + bin_of(row["ttft_ms"]), 1))
    return found


def _state(row: Row) -> str | None:
    """Return the column that counts the row's state of cost; without tokens there is nothing to have a price for."""
    if row["cost_state"] != "unknown":
        return str(row["cost_state"])
    counted = row["prompt_tokens"] is not None or row["completion_tokens"] is not None
    return "unpriced" if counted else None


def hour_of(row: Row) -> int:
    """Return the hour in which a request began, in Unix seconds."""
    return int(row["started_at"].timestamp()) // HOUR * HOUR


def keys_of(row: Row) -> list[Key]:
    """Return the hourly totals that a request is part of."""
    hour, outcome, values = group_of(row)
    return [(name, hour, value, outcome) for name, value in zip(_COLUMNS, values)]


def group_of(row: Row, users: Users | None = None) -> Group:
    """Return what decides which hourly totals a request is part of: hour, outcome and its value of each dimension."""
    hour = hour_of(row)
    values = [(row[column] or "") if column else "" for column in _COLUMNS.values()]
    if users is not None:
        values[_USER] = users.label(values[_USER], hour)
    return hour, row["error_type"] or "", tuple(values)


def add_up(rows: Iterable[Row], users: Users | None = None) -> dict[Key, list[int]]:
    """Return what finished requests add to the hourly totals."""
    groups: dict[Group, list[int]] = {}
    for row in rows:
        group = group_of(row, users)
        total = groups.get(group)
        if total is None:
            total = groups[group] = [0] * len(TOTALS)
        for place, amount in amounts(row):
            total[place] += amount
    return _by_dimension(groups)


def _by_dimension(groups: Mapping[Group, list[int]]) -> dict[Key, list[int]]:
    """Return the totals of every dimension's values: there are far fewer groups than requests."""
    sums: dict[Key, list[int]] = {}
    for (hour, outcome, values), amount in groups.items():
        for name, value in zip(_COLUMNS, values):
            key = (name, hour, value, outcome)
            before = sums.get(key)
            sums[key] = list(amount) if before is None else [a + b for a, b in zip(before, amount)]
    return sums


def of_days(sums: Mapping[Key, Sequence[int]]) -> dict[Key, list[int]]:
    """Return the same by day."""
    found: dict[Key, list[int]] = {}
    for (dimension, start, value, outcome), amount in sums.items():
        key = (dimension, start // DAY * DAY, value, outcome)
        before = found.get(key)
        found[key] = list(amount) if before is None else [a + b for a, b in zip(before, amount)]
    return found


def add_to_totals(connection: sa.Connection, sums: Mapping[Key, Sequence[int]]) -> None:
    """Add to both tables; always in the same order, so that two writers never wait for each other in a circle."""
    for table, found in ((hourly, sums), (daily, of_days(sums))):
        if found:
            # Past SQLAlchemy's own handling of values: so many columns would take three times as long.
            connection.exec_driver_sql(_upsert(table.name, connection.dialect.name),
                                       [(*key, *found[key]) for key in sorted(found)])


@cache
def _upsert(table: str, dialect: str) -> str:
    names = (*KEY, *TOTALS)
    places = ", ".join(["?" if dialect == "sqlite" else "%s"] * len(names))
    added = ", ".join(f"{name} = {table}.{name} + excluded.{name}" for name in TOTALS)
    return (f"INSERT INTO {table} ({', '.join(names)}) VALUES ({places}) "
            f"ON CONFLICT ({', '.join(KEY)}) DO UPDATE SET {added}")
