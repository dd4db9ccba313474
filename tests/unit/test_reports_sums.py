"""What reports say is what somebody would get who adds up the single requests by hand."""

from collections import defaultdict
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from src.policy.reports import DAY, HOUR, Period
from src.policy.reports_rows import COLUMNS, rows_of
from src.store.engine import Store
from src.store.ledger import LedgerWriter
from src.store.ledger_tables import daily, hourly, requests
from src.store.reports import totals

from .ledger_support import NOON, PRICE, entry, ledger_store

COLUMN_OF = {"model": "model", "alias": "alias", "endpoint": "endpoint", "key": "client_key", "user": "user_label",
             "chain": "chain"}
TOKENS = ("prompt_tokens", "completion_tokens", "reasoning_tokens", "cached_tokens")
counts = st.none() | st.integers(0, 10**9)
names = st.none() | st.sampled_from(["a", "b"])
costs = st.one_of(
    st.builds(lambda pico: {"cost_pico": pico, "cost_state": "priced", "price": PRICE}, st.integers(1, 10**15)),
    st.just({"cost_pico": 0, "cost_state": "free", "price": PRICE}),
    st.just({"cost_pico": None, "cost_state": "unknown", "price": None}))
entries = st.builds(
    lambda cost, **more: entry(**more, **cost), cost=costs, at=st.integers(NOON - 3 * DAY, NOON), model=names,
    alias=names, endpoint=names, client_key=names, user_label=names, chain=names, prompt_tokens=counts,
    completion_tokens=counts, reasoning_tokens=counts, cached_tokens=counts, stream=st.booleans(),
    attempt_count=st.integers(1, 4), error_type=st.none() | st.sampled_from(["timeout", "refused"]))


def by_hand(found: list[dict[str, Any]]) -> dict[str, Any]:
    """Return what the reports should say of these requests."""
    known = [one["cost_pico"] for one in found if one["cost_state"] != "unknown"]
    states = {state: sum(one["cost_state"] == state for one in found) for state in ("priced", "free")}
    counted = [one for one in found if one["prompt_tokens"] is not None or one["completion_tokens"] is not None]
    unpriced = sum(one["cost_state"] == "unknown" for one in counted)
    failed = sum(one["error_type"] is not None for one in found)
    tokens = {name: sum(one[name] or 0 for one in found) for name in TOKENS}
    return {
        "requests": len(found), "cost_micros": (sum(known) + 500_000) // 1_000_000 if known else None, **states,
        "unpriced": unpriced, "uncounted": len(found) - sum(states.values()) - unpriced, **tokens,
        "total_tokens": tokens["prompt_tokens"] + tokens["completion_tokens"], "succeeded": len(found) - failed,
        "failed": failed, "streams": sum(one["stream"] for one in found),
        "attempts": sum(one["attempt_count"] for one in found)}


def group(by: str, one: dict[str, Any]) -> Any:
    second = one["started_us"] // 1_000_000
    return {"day": second // DAY * DAY, "hour": second // HOUR * HOUR}[by] if by in ("day", "hour") \
        else one[COLUMN_OF[by]]


def compare(store: Store, found: list[dict[str, Any]], period: Period) -> None:
    for by in (*COLUMN_OF, "day", "hour"):
        groups = defaultdict(list)
        for one in found:
            if period.since <= one["started_us"] // 1_000_000 < period.until:
                groups[group(by, one)].append(one)
        expected = [by_hand(some) for some in groups.values()]
        for kind in ("costs", "tokens", "requests"):
            rows = rows_of(kind, by, totals(store, by, period, COLUMNS[kind]))
            said = [{name: value for name, value in row.items() if name != by} for row in rows]
            assert same(said) == same([{name: wanted[name] for name in said[0]} for wanted in expected])
        errors = rows_of("errors", by, totals(store, by, period, COLUMNS["errors"]))
        assert sum(row["requests"] for row in errors) == sum(wanted["failed"] for wanted in expected)


def same(rows: list[dict[str, Any]]) -> list[str]:
    return sorted(map(repr, rows))


def test_reports_say_what_adding_up_by_hand_says(tmp_path: Path) -> None:
    with ledger_store("sqlite", tmp_path) as store:
        @settings(max_examples=25, deadline=None)
        @given(st.lists(entries, max_size=14), st.integers(0, 80), st.integers(1, 80))
        def holds(found: list[dict[str, Any]], first: int, hours: int) -> None:
            with store.writing() as connection:
                for table in (requests, hourly, daily):
                    connection.execute(sa.delete(table))
            writer, since = LedgerWriter(store), NOON - 3 * DAY + first * HOUR
            writer.write(found[:5])
            writer.write(found[5:])
            compare(store, found, Period(since, since + hours * HOUR))

        holds()
