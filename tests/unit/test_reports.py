"""Reports tell what the ledger's totals are, for whole hours, with a stated precision."""

import random
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from src.policy.reports import BINS, BY, DAY, HOUR, KINDS, Period, bin_of, moment, percentile, period
from src.policy.reports_rows import COLUMNS, rows_of
from src.store.engine import Store
from src.store.ledger import LedgerWriter
from src.store.ledger_tables import hourly
from src.store.reports import totals

from .ledger_support import NOON, entry, ledger_store, unpriced
from .store_support import KINDS as DATABASES

NOW = datetime(2026, 11, 21, 12, 30, tzinfo=timezone.utc)
MIDNIGHT = NOON - 12 * HOUR


@pytest.mark.parametrize(("text", "found"), [
    ("7d", "2026-11-14T12:30"), ("24h", "2026-11-20T12:30"), ("90m", "2026-11-21T11:00"), ("2W", "2026-11-07T12:30"),
    ("2026-11-01", "2026-11-01T00:00"), ("2026-11-01T10:00", "2026-11-01T10:00"),
    ("2026-11-01T10:00+02:00", "2026-11-01T08:00"), ("2026-11-01T10:00Z", "2026-11-01T10:00"),
])
def test_moments_are_spans_or_dates_in_utc(text: str, found: str) -> None:
    assert moment(text, NOW) == datetime.fromisoformat(found).replace(tzinfo=timezone.utc)


@pytest.mark.parametrize("text", ["", "d", "7", "-7d", "7x", "yesterday", "2026-13-01", "1_0d"])
def test_other_moments_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="must be a span such as 7d"):
        moment(text, NOW)


@pytest.mark.parametrize(("since", "until", "reason"), [
    ("1d", "2d", "before --until"), ("2026-11-21", "2026-11-21", "before --until"), ("999999w", None, "years"),
])
def test_periods_that_make_no_sense_are_refused(since: str, until: str | None, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        period(since, until, NOW)


def test_a_period_is_the_whole_hours_that_it_touches() -> None:
    assert period("90m", None, NOW) == Period(NOON - HOUR, NOON + 2 * HOUR)
    assert period("2026-11-20", "2026-11-21", NOW) == Period(MIDNIGHT - DAY, MIDNIGHT)


@given(st.lists(st.integers(4, 1_000_000), min_size=1, max_size=200), st.sampled_from([0.5, 0.9, 0.95, 0.99]))
def test_percentiles_are_at_most_one_bin_off(latencies: list[int], share: float) -> None:
    counts = [0] * BINS
    for latency in latencies:
        counts[bin_of(latency)] += 1
    exact = sorted(latencies)[-(-len(latencies) * round(share * 100) // 100) - 1]
    found = percentile(counts, share)
    assert found is not None and exact / 1.27 - 1 <= found <= exact * 1.27 + 1


@pytest.mark.parametrize(("latencies", "found"), [([], None), ([0], 2), ([2], 2), ([10**7, 10**8], 2**20)])
def test_percentiles_at_the_edges(latencies: list[int], found: int | None) -> None:
    counts = [0] * BINS
    for latency in latencies:
        counts[bin_of(latency)] += 1
    assert percentile(counts, 0.5) == found


# --- what the totals say ------------------------------------------------------------------------------------------


@pytest.fixture(params=DATABASES)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    with ledger_store(request.param, tmp_path) as found:
        yield found


def report(store: Store, kind: str, by: str = "model", since: int = NOON - 30 * DAY,
           until: int = NOON + DAY) -> list[dict[str, Any]]:
    return rows_of(kind, by, totals(store, by, Period(since, until), COLUMNS[kind]))


def test_costs_are_exact_rounded_once_and_unknown_is_none(store: Store) -> None:
    LedgerWriter(store).write([
        entry(model="a", cost_pico=400_000), entry(model="a", cost_pico=400_000), unpriced(model="a"),
        entry(model="b", cost_pico=0, cost_state="free"), unpriced(model="c"),
        unpriced(model="c", prompt_tokens=None, completion_tokens=None, error_type="timeout")])
    assert report(store, "costs") == [
        {"model": "a", "requests": 3, "cost_micros": 1, "priced": 2, "free": 0, "unpriced": 1, "uncounted": 0},
        {"model": "b", "requests": 1, "cost_micros": 0, "priced": 0, "free": 1, "unpriced": 0, "uncounted": 0},
        {"model": "c", "requests": 2, "cost_micros": None, "priced": 0, "free": 0, "unpriced": 1, "uncounted": 1}]


def test_tokens_requests_and_errors(store: Store) -> None:
    LedgerWriter(store).write([
        entry(chain="x", stream=True, reasoning_tokens=2, cached_tokens=5), entry(chain="x", attempt_count=3),
        entry(chain="x", error_type="timeout", prompt_tokens=None, completion_tokens=None), entry()])
    assert report(store, "tokens", "chain") == [
        {"chain": "x", "requests": 3, "prompt_tokens": 20, "completion_tokens": 8, "reasoning_tokens": 2,
         "cached_tokens": 5, "total_tokens": 28},
        {"chain": None, "requests": 1, "prompt_tokens": 10, "completion_tokens": 4, "reasoning_tokens": 0,
         "cached_tokens": 0, "total_tokens": 14}]
    assert report(store, "requests", "chain")[0] == {
        "chain": "x", "requests": 3, "succeeded": 2, "failed": 1, "streams": 1, "attempts": 5}
    assert report(store, "errors", "chain") == [
        {"chain": "x", "error_type": "timeout", "requests": 1, "percent": 33.3}]


def test_latencies_are_those_of_answered_requests(store: Store) -> None:
    LedgerWriter(store).write([entry(duration_ms=100, ttft_ms=50) for _ in range(99)]
                              + [entry(duration_ms=9_000, ttft_ms=None), entry(duration_ms=1, error_type="timeout"),
                                 entry(alias="broken", model="m", error_type="timeout")])
    (row,) = report(store, "latency")
    assert row["requests"] == 100
    assert 80 <= row["p50_ms"] <= row["p99_ms"] <= 126 and 40 <= row["ttft_p95_ms"] <= 63


@pytest.mark.parametrize("by", BY)
@pytest.mark.parametrize("kind", KINDS)
def test_every_report_goes_by_everything(tmp_path: Path, kind: str, by: str) -> None:
    with ledger_store("sqlite", tmp_path) as store:
        assert report(store, kind, by) == []
        LedgerWriter(store).write([entry(), entry(error_type="timeout")])
        assert len(report(store, kind, by)) == 1


def test_any_hours_are_added_up_from_days_and_hours(store: Store) -> None:
    chance = random.Random(7)
    times = [MIDNIGHT - chance.randrange(5 * DAY) for _ in range(300)]
    LedgerWriter(store).write([entry(at=at) for at in times])
    for _ in range(40):
        since, until = sorted(MIDNIGHT - chance.randrange(5 * 24) * HOUR for _ in range(2))
        expected = sum(since <= at < until for at in times)
        for by in ("model", "day", "hour"):
            assert sum(row["requests"] for row in report(store, "requests", by, since, until)) == expected


def test_days_and_hours_come_in_their_order_and_in_utc(store: Store) -> None:
    LedgerWriter(store).write([entry(at=NOON), entry(at=NOON - DAY), entry(at=NOON - DAY + HOUR), entry(at=NOON)])
    assert [(row["day"], row["requests"]) for row in report(store, "costs", "day")] == [
        ("2026-11-20", 2), ("2026-11-21", 2)]
    assert [(row["hour"], row["requests"]) for row in report(store, "costs", "hour")] == [
        ("2026-11-20T12:00Z", 1), ("2026-11-20T13:00Z", 1), ("2026-11-21T12:00Z", 2)]


def test_where_hours_are_pruned_a_day_that_is_touched_counts_as_a_whole(store: Store) -> None:
    first = NOON - 9 * DAY
    LedgerWriter(store).write([entry(at=first - 3 * HOUR), entry(at=first + 3 * HOUR), entry(at=NOON)])
    assert report(store, "requests", since=NOON - 9 * DAY)[0]["requests"] == 2
    with store.writing() as connection:
        connection.execute(sa.delete(hourly).where(hourly.c.start < MIDNIGHT))
    assert report(store, "requests", since=NOON - 9 * DAY)[0]["requests"] == 3


@pytest.mark.parametrize(("since", "until", "found"), [(-4, 4, 2), (-4, 30, 3), (-30, 4, 3), (-1, 1, 2), (-40, 40, 4)])
@pytest.mark.parametrize("last", [MIDNIGHT, NOON + 30 * DAY], ids=["some hours left", "no hour left"])
def test_both_ends_of_a_period_may_lie_where_hours_are_pruned(store: Store, since: int, until: int, found: int,
                                                              last: int) -> None:
    middle = NOON - 9 * DAY
    LedgerWriter(store).write([entry(at=middle + hours * HOUR) for hours in (-20, -3, 3, 20)] + [entry(at=NOON + HOUR)])
    with store.writing() as connection:
        connection.execute(sa.delete(hourly).where(hourly.c.start < last))
    assert report(store, "requests", since=middle + since * HOUR, until=middle + until * HOUR)[0]["requests"] == found


def test_every_hour_that_a_calendar_has_can_be_asked_for() -> None:
    assert period("2026-11-21T12:00:00.5", "2026-11-21T13:00:00.5", NOW) == Period(NOON, NOON + 2 * HOUR)
    last = period("1d", "9999-12-31T23:59", NOW).until
    assert datetime.fromtimestamp(last, timezone.utc).year == 9999
