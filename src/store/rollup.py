"""Totals per hour and day: what a batch of finished requests adds to them, written together with its rows."""

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from operator import itemgetter

import sqlalchemy as sa

from ..policy.costs import PICO_PER_MICRO
from ..policy.reports import DAY, DIMENSIONS, HOUR, bin_of
from .ledger_rows import PLACE, Row
from .ledger_tables import DURATION, KEY, TOTALS, TTFT, daily, hourly

Key = tuple[str, int, str, str]
Group = tuple[int, str, tuple[str, ...]]
# Users are labels that clients choose: what one worker meets beyond so many in a day is added up as one.
USERS_PER_DAY = 10_000
OTHERS = "(others)"
_COLUMNS = {"model": "model", "alias": "alias", "endpoint": "endpoint", "key": "client_key", "user": "user_label",
            "chain": "chain"}
_USER = list(_COLUMNS).index("user")
_STARTED, _HOUR_US = PLACE["started_us"], HOUR * 1_000_000
_read_group = itemgetter(PLACE["error_type"], *(PLACE[name] for name in _COLUMNS.values()))
_read_amounts = itemgetter(*(PLACE[name] for name in (
    "stream", "attempt_count", "prompt_tokens", "completion_tokens", "reasoning_tokens", "cached_tokens", "cost_pico",
    "cost_state", "duration_ms", "ttft_ms")))
# `_add` writes the places down as numbers, in the order of SUMS.
_STATES = {"priced": 9, "free": 10}
_FIRST_DURATION, _FIRST_TTFT = TOTALS.index(DURATION[0]), TOTALS.index(TTFT[0])


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


def group_of(row: Row, users: Users | None = None) -> Group:
    """Return what decides which hourly totals a request is part of: hour, outcome and its value of each dimension."""
    hour = row[_STARTED] // _HOUR_US * HOUR
    outcome, *values = [value or "" for value in _read_group(row)]
    if users is not None:
        values[_USER] = users.label(values[_USER], hour)
    return hour, outcome, tuple(values)


def keys_of(row: Row) -> list[Key]:
    """Return the hourly totals that a request is part of."""
    hour, outcome, values = group_of(row)
    return [(name, hour, value, outcome) for name, value in zip(DIMENSIONS, ("", *values))]


def add_up(rows: Iterable[Row], users: Users | None = None) -> dict[Key, list[int]]:
    """Return what finished requests add to the hourly totals."""
    groups: dict[Group, list[int]] = {}
    for row in rows:
        group = group_of(row, users)
        total = groups.get(group)
        if total is None:
            total = groups[group] = [0] * len(TOTALS)
        _add(total, row)
    return _by_dimension(groups)


def _add(total: list[int], row: Row) -> None:
    """Add one finished request; this is done for every one, hence no loop over names."""
    streams, attempts, prompt, completion, reasoning, cached, pico, state, duration, ttft = _read_amounts(row)
    total[0] += 1
    if streams:
        total[1] += 1
    total[2] += attempts or 0
    total[3] += prompt or 0
    total[4] += completion or 0
    if reasoning:
        total[5] += reasoning
    if cached:
        total[6] += cached
    if pico:
        total[7] += pico // PICO_PER_MICRO
        total[8] += pico % PICO_PER_MICRO
    # Without tokens there is nothing to have a price for.
    if state != "unknown":
        total[_STATES[state]] += 1
    elif prompt is not None or completion is not None:
        total[11] += 1
    if duration is not None:
        total[_FIRST_DURATION + bin_of(duration)] += 1
    if ttft is not None:
        total[_FIRST_TTFT + bin_of(ttft)] += 1


def _by_dimension(groups: Mapping[Group, list[int]]) -> dict[Key, list[int]]:
    """Return the totals of every dimension's values: there are fewer groups than requests, most of each is 0."""
    sums: dict[Key, list[int]] = {}
    for (hour, outcome, values), total in groups.items():
        added = [(place, amount) for place, amount in enumerate(total) if amount]
        for name, value in zip(DIMENSIONS, ("", *values)):
            key = (name, hour, value, outcome)
            found = sums.get(key)
            if found is None:
                sums[key] = total.copy()
            else:
                for place, amount in added:
                    found[place] += amount
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
