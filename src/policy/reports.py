"""What reports can tell, and how: dimensions, periods, and latencies from histograms with a stated precision."""

import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

# What requests are added up by; `all` is every request. The value of a request that has none is empty.
ALL = "all"
DIMENSIONS = (ALL, "model", "alias", "endpoint", "key", "user", "chain")
TIMES = ("day", "hour")
BY = (*DIMENSIONS[1:], *TIMES)
KINDS = ("costs", "tokens", "requests", "latency", "errors")

HOUR, DAY = 3600, 86_400
# Three bins per doubling from 4 ms to 2^20 ms (17.5 minutes): the edges of neighbours differ by 26 %.
EDGES_MS = tuple(4.0 * 2 ** (step / 3) for step in range(55))
BINS = len(EDGES_MS) + 1
_FASTEST_MS = 1.0
_LAST_HOUR = 253_402_297_200  # of the year 9999; calendars end there
_SPAN = re.compile(r"([0-9]{1,6})([mhdw])")
_SECONDS = {"m": 60, "h": HOUR, "d": DAY, "w": 7 * DAY}


@dataclass(frozen=True, slots=True)
class Period:
    """Whole hours in UTC, as Unix seconds: from ``since`` up to, not including, ``until``."""

    since: int
    until: int


def bin_of(milliseconds: int) -> int:
    """Return the number of the bin that a latency falls into."""
    return bisect_right(EDGES_MS, milliseconds)


def percentile(counts: Sequence[int], share: float) -> int | None:
    """Return the latency in milliseconds that ``share`` of the requests stay below, None without any.

    At most one bin (26 %) off. What took longer than the last edge is told as that edge.
    """
    rank = share * sum(counts)
    if not rank:
        return None
    for number, count in enumerate(counts):
        if count and rank <= count:
            low, high = _bounds(number)
            share_below: float = (high / low) ** (rank / count)
            return round(low * share_below)
        rank -= count
    return round(EDGES_MS[-1])


def _bounds(number: int) -> tuple[float, float]:
    low = EDGES_MS[number - 1] if number else _FASTEST_MS
    return low, EDGES_MS[number] if number < len(EDGES_MS) else low


def moment(text: str, now: datetime) -> datetime:
    """Return a moment in UTC from `7d`, `24h`, `90m`, `2w` (before ``now``) or an ISO date or time.

    A time without a zone is UTC. Raises ValueError with what would be accepted.
    """
    text = text.strip()
    if span := _SPAN.fullmatch(text.lower()):
        return now - timedelta(seconds=int(span[1]) * _SECONDS[span[2]])
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError("must be a span such as 7d, 24h or 90m, or a date such as 2026-11-21") from None
    return (found if found.tzinfo else found.replace(tzinfo=timezone.utc)).astimezone(timezone.utc)


def period(since: str, until: str | None, now: datetime) -> Period:
    """Return the whole hours that touch the time between two moments; raises ValueError."""
    try:
        first = moment(since, now)
        last = moment(until, now) if until else now + timedelta(hours=1)
    except OverflowError:
        raise ValueError("must lie within the years 1 to 9999") from None
    if first >= last:
        raise ValueError("must lie before --until")
    start, end = int(first.timestamp() // HOUR) * HOUR, -int(-last.timestamp() // HOUR) * HOUR
    return Period(start, min(end, _LAST_HOUR))
