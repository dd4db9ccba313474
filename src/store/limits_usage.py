"""What is used of every limit at the moment, from the counters."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

import sqlalchemy as sa

from ..policy.limits import EACH, MEASURES, Limit, Measure, Window, counter_prefix, window_of
from .limits_tables import counters


@dataclass(frozen=True)
class Used:
    """One number of one limit, for one subject: how much of ``cap`` is used in ``window``."""

    limit: Limit
    subject: str
    measure: Measure
    window: Window
    used: int
    cap: int

    @property
    def left(self) -> int:
        """Return what is left; corrections may leave more used than was allowed."""
        return max(0, self.cap - self.used)


def usage(connection: sa.Connection, limits: Iterable[Limit], at: float) -> list[Used]:
    """Return the use of every number of ``limits``; of one for each subject, those who used any of it."""
    found: defaultdict[str, list[tuple[str, int, int]]] = defaultdict(list)
    query = sa.select(counters.c.name, counters.c.start, counters.c.used).where(
        counters.c.start > 0, counters.c.expires > int(at)).order_by(counters.c.name)
    for name, start, used in connection.execute(query):
        found[" ".join(name.split(" ", 3)[:3]) + " "].append((name, start, used))
    return [one for limit in limits for measure in MEASURES for one in _used(limit, measure, found, at)]


def _used(limit: Limit, measure: Measure, found: dict[str, list[tuple[str, int, int]]], at: float) -> list[Used]:
    cap = limit.cap(measure)
    if cap is None:
        return []
    prefix, window = counter_prefix(limit, measure), window_of(measure.period, at, limit.reset_zone)
    now = {name.removeprefix(prefix): used for name, start, used in found.get(prefix, ()) if start == window.start}
    if limit.origin == "key":
        now = {limit.name.partition("/")[2]: used for used in now.values()}
    named = now or {limit.name.partition("/")[2] if limit.origin == "key" else limit.target: 0}
    return [Used(limit, subject, measure, window, used, cap) for subject, used in named.items()
            if subject != EACH or used == 0]
