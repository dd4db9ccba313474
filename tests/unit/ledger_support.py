"""Ledger entries as workers write them, and what stands in a database."""

import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from src.store.engine import Store
from src.store.ledger_rows import PLACE, Entry, Row, of_table
from src.store.ledger_tables import KEY, TOTALS, daily, hourly, requests
from src.store.migrate import ensure_schema
from src.store.rollup import add_up, of_days

from .store_support import fresh_store

PRICE = ["environment", "1250000", "10000000", None, None]
NOON = 1_795_262_400  # 2026-11-21T12:00Z


def entry(**more: Any) -> dict[str, Any]:
    """Return the entry of one answered request; ``at`` is when it began, in Unix seconds."""
    at = more.pop("at", NOON)
    found = {
        "request_id": uuid.uuid4().hex, "started_us": int(at * 1e6), "ended_us": int(at * 1e6) + 300_000,
        "route": "chat", "alias": "gpt-5", "asked": "gpt-5", "model": "openai/gpt-5", "provider": "openai",
        "deployment": "gpt5", "status": 200, "error_type": None, "stream": False, "attempt_count": 1, "ttft_ms": 90,
        "duration_ms": 300, "prompt_tokens": 10, "completion_tokens": 4, "cost_pico": 52_500_000,
        "cost_state": "priced", "price": PRICE, "client_key": "master", "client_gone": False, **more}
    return found


def unpriced(**more: Any) -> dict[str, Any]:
    """Return the entry of a request whose tokens nobody had a price for."""
    return entry(cost_pico=None, cost_state="unknown", price=None, **more)


def open_half(whole: dict[str, Any]) -> dict[str, Any]:
    """Return what audit mode writes before the request goes upstream."""
    known = ("request_id", "started_us", "route", "alias", "asked", "client_key")
    return {**{name: whole[name] for name in known}, "cost_state": "unknown"}


@contextmanager
def ledger_store(kind: str, folder: Path) -> Iterator[Store]:
    """Yield a migrated store."""
    with fresh_store(kind, folder) as store:
        ensure_schema(store)
        yield store


def rows(store: Store) -> list[dict[str, Any]]:
    """Return every request's row, in the order of writing."""
    with store.reading() as connection:
        return [dict(row._mapping) for row in connection.execute(sa.select(requests).order_by(requests.c.id))]


def name_of(found: Row | Entry) -> str:
    """Return the id of the request that an entry is about."""
    return str(found[PLACE["request_id"]] if isinstance(found, list) else found["request_id"])


def total(store: Store, table: sa.Table = hourly, **where: Any) -> dict[str, int]:
    """Return the sums of a totals table where its key columns are as said; every request by default."""
    where = where or {"dimension": "all"}
    query = sa.select(*(sa.func.sum(table.c[name]).label(name) for name in TOTALS)).where(
        *(table.c[name] == value for name, value in where.items()))
    with store.reading() as connection:
        return {name: int(value or 0) for name, value in connection.execute(query).one()._mapping.items()}


def assert_totals_are_the_rows(store: Store) -> None:
    """Hold the promise that reports rest on: totals by hour and by day are what the finished rows add up to."""
    with store.reading() as connection:  # one look, while others may write
        ended = [dict(row._mapping) for row in
                 connection.execute(sa.select(requests).where(requests.c.ended_at.is_not(None)))]
        found = [{tuple(row[:len(KEY)]): list(row[len(KEY):]) for row in
                  connection.execute(sa.select(*(table.c[name] for name in (*KEY, *TOTALS))))}
                 for table in (hourly, daily)]
    sums = add_up(map(of_table, ended))
    assert found == [sums, of_days(sums)]


def wait_for(condition: Any, what: str, seconds: float = 20.0) -> Any:
    """Return the first true result of ``condition``; fail where there is none in time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if result := condition():
            return result
        time.sleep(0.01)
    raise AssertionError(f"not within {seconds:g} s: {what}")
