"""From the ledger's totals to the plain values of a page."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from ..policy.reports import ALL, DAY, HOUR, Period
from ..policy.reports_rows import COLUMNS, Groups, Sums, rows_of, shown
from ..store.engine import Store
from ..store.ledger_tables import TTFT
from ..store.reports import totals

# Name -> hours; all but the first are whole days in UTC, today included.
PERIODS = {"24h": 24, "7d": 7 * 24, "30d": 30 * 24, "90d": 90 * 24}
WORDS = {"24h": "24 hours", "7d": "7 days", "30d": "30 days", "90d": "90 days"}
_KINDS = ("latency", "costs", "tokens", "requests")
_NAMES = tuple(dict.fromkeys(name for kind in _KINDS for name in COLUMNS[kind]))
# The table of values does not tell the time to the first token: half of what would have to be added up.
_UNTOLD = dict.fromkeys(TTFT, 0)
_OF_VALUES = tuple(name for name in _NAMES if name not in _UNTOLD)
Row = dict[str, Any]


@dataclass(frozen=True)
class Span:
    """A period by its name, and what its columns are: hours or days."""

    name: str
    period: Period
    unit: str

    @property
    def starts(self) -> range:
        """Return when each column begins."""
        return range(self.period.since, self.period.until, HOUR if self.unit == "hour" else DAY)


@dataclass(frozen=True)
class Overview:
    """All requests of a span, by column, by error type, and by the values of one dimension; None is unknown."""

    span: Span
    whole: Row
    columns: tuple[tuple[int, Row], ...]
    errors: tuple[tuple[str, int], ...]
    by: str
    values: tuple[Row, ...]


def span_of(name: str, now: float) -> Span:
    """Return the span that ends with the present hour."""
    until = int(now) // HOUR * HOUR + HOUR
    if name == "24h":
        return Span(name, Period(until - DAY, until), "hour")
    return Span(name, Period(int(now) // DAY * DAY - (PERIODS[name] - 24) * HOUR, until), "day")


def overview(store: Store, span: Span, by: str) -> Overview:
    """Return what the first page shows; raises StoreDown."""
    times = totals(store, span.unit, span.period, _NAMES)
    found = {row[span.unit]: row for row in _merged(span.unit, times)}
    columns = tuple((start, found.get(shown(span.unit, start), _nothing())) for start in span.starts)
    whole = next(iter(_merged("model", _added(times))), _nothing())
    errors: dict[str, int] = {}
    for (_, outcome), sums in times.items():
        if outcome:
            errors[outcome] = errors.get(outcome, 0) + sums["requests"]
    values = {key: {**sums, **_UNTOLD} for key, sums in totals(store, by, span.period, _OF_VALUES).items()}
    return Overview(span, whole, columns, tuple(sorted(errors.items(), key=lambda pair: (-pair[1], pair[0]))), by,
                    tuple(_merged(by, values)))


def _added(groups: Groups) -> Groups:
    """Return all groups as one for each outcome."""
    found: dict[tuple[str | int, str], dict[str, int]] = {}
    for (_, outcome), sums in groups.items():
        total = found.setdefault((ALL, outcome), dict.fromkeys(_NAMES, 0))
        for name in _NAMES:
            total[name] += sums[name]
    return found


def _merged(by: str, groups: Mapping[tuple[str | int, str], Sums]) -> list[Row]:
    """Return one row for each value with what every kind of report says of it."""
    found: dict[Any, Row] = {}
    for kind in _KINDS:
        for row in rows_of(kind, by, groups):
            found.setdefault(row[by], _nothing()).update(row)
    return sorted(found.values(), key=lambda row: (-row["requests"], str(row[by])))


def _nothing() -> Row:
    return {"requests": 0, "failed": 0, "cost_micros": None, "unpriced": 0, "prompt_tokens": 0, "completion_tokens": 0,
            "p50_ms": None, "p95_ms": None, "ttft_p50_ms": None, "ttft_p95_ms": None}


def day_or_hour(text: str) -> Period | None:
    """Return the period of `2026-11-21` or `2026-11-21T14`, None for anything else."""
    for form, length in (("%Y-%m-%d", DAY), ("%Y-%m-%dT%H", HOUR)):
        try:
            at = int(datetime.strptime(text, form).replace(tzinfo=timezone.utc).timestamp())
        except (ValueError, OverflowError):
            continue
        return Period(at, at + length)
    return None


def name_of(start: int, unit: str) -> str:
    """Return a day or an hour as `day_or_hour` reads it."""
    return datetime.fromtimestamp(start, timezone.utc).strftime("%Y-%m-%d" if unit == "day" else "%Y-%m-%dT%H")
