"""The ledger takes each request once, however often and in whatever order it comes, on both databases."""

import random
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from src.store.engine import Store
from src.store.failures import StoreDown
from src.store.ledger import LedgerWriter, open_ledger
from src.store.ledger_tables import daily, prices
from src.store.rollup import OTHERS, Users

from .ledger_support import NOON, PRICE, assert_totals_are_the_rows, entry, ledger_store, open_half, rows, total
from .ledger_support import unpriced as unpriced_entry
from .store_support import KINDS


@pytest.fixture(params=KINDS)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    with ledger_store(request.param, tmp_path) as found:
        yield found


def test_a_request_becomes_a_row_with_its_moments_in_utc(store: Store) -> None:
    assert LedgerWriter(store).write([entry(request_id="r1", user_label="ann", attempts="[]")]) == 1
    row = rows(store)[0]
    assert (row["request_id"], row["user_label"], row["cost_pico"], row["stream"]) == ("r1", "ann", 52_500_000, False)
    assert row["started_at"].isoformat() == "2026-11-21T12:00:00+00:00"
    assert row["ended_at"].isoformat() == "2026-11-21T12:00:00.300000+00:00"


def test_prices_are_kept_once_and_by_reference(store: Store) -> None:
    writer = LedgerWriter(store)
    writer.write([entry(), entry(), entry(price=["litellm", "1", "2", None, None])], fresh=True)
    LedgerWriter(store).write([entry()])
    with store.reading() as connection:
        known = {row.id: row for row in connection.execute(sa.select(prices))}
    assert sorted(price.source for price in known.values()) == ["environment", "litellm"]
    assert [known[row["price_id"]].prompt for row in rows(store)] == [PRICE[1], PRICE[1], "1", PRICE[1]]


@pytest.mark.parametrize("fresh", [True, False])
def test_what_comes_twice_counts_once(store: Store, fresh: bool) -> None:
    writer, batch = LedgerWriter(store), [entry() for _ in range(5)]
    assert writer.write(batch, fresh) == 5
    assert writer.write([*batch[2:], *batch[:2], entry()], fresh) == 1
    assert (len(rows(store)), total(store)["requests"]) == (6, 6)
    assert_totals_are_the_rows(store)


@pytest.mark.parametrize("order", [("open", "whole"), ("whole", "open"), ("open", "open", "whole", "whole"),
                                   ("open+whole",), ("whole+open", "open")])
def test_the_halves_of_an_audited_request_are_one_row(store: Store, order: tuple[str, ...]) -> None:
    whole = entry()
    halves = {"open": open_half(whole), "whole": whole}
    writer = LedgerWriter(store)
    finished = sum(writer.write([halves[name] for name in batch.split("+")]) for batch in order)
    assert (finished, len(rows(store)), rows(store)[0]["cost_pico"]) == (1, 1, 52_500_000)
    assert_totals_are_the_rows(store)


def test_a_request_under_way_is_a_row_and_counts_when_it_ends(store: Store) -> None:
    whole = entry()
    LedgerWriter(store).write([open_half(whole)])
    assert (rows(store)[0]["ended_at"], total(store)["requests"]) == (None, 0)
    LedgerWriter(store).write([whole])
    assert total(store)["requests"] == 1


ODD: list[tuple[dict[str, Any], tuple[str, Any]]] = [
    ({"prompt_tokens": 10**30}, ("prompt_tokens", None)),
    ({"prompt_tokens": -5}, ("prompt_tokens", None)),
    ({"prompt_tokens": True}, ("prompt_tokens", None)),
    ({"completion_tokens": 2**63 - 1}, ("completion_tokens", None)),
    ({"completion_tokens": 2**40}, ("completion_tokens", 2**40)),
    ({"error": "a\0b" + "x" * 400}, ("error", "ab" + "x" * 298)),
    ({"model": "m" * 999}, ("model", "m" * 256)),
    ({"status": "200"}, ("status", None)),
    ({"stream": 1}, ("stream", None)),
    ({"cost_pico": 2**63}, ("cost_state", "unknown")),
    ({"cost_pico": 2**63}, ("price_id", None)),
    ({"content": "snow \u2603"}, ("content", "snow \u2603")),
]


def test_what_a_column_cannot_hold_never_stops_the_others(store: Store) -> None:
    LedgerWriter(store).write([entry(**said) for said, _ in ODD])
    assert [row[name] for row, (_, (name, _)) in zip(rows(store), ODD)] == [kept for _, (_, kept) in ODD]
    assert_totals_are_the_rows(store)


def test_writers_with_the_same_entries_count_them_once_together(store: Store) -> None:
    batches = [[entry() for _ in range(20)] for _ in range(4)]
    counts: list[int] = []

    def work(seed: int) -> None:
        writer = LedgerWriter(open_ledger(store.database))
        for batch in random.Random(seed).sample(batches, 4):
            counts.append(tenaciously(writer, batch))
        writer.store.close()

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert (sum(counts), len(rows(store)), len(counts)) == (80, 80, 12)
    assert_totals_are_the_rows(store)


def tenaciously(writer: LedgerWriter, batch: list[dict[str, Any]]) -> int:
    """Write as the gateway does: again when the database was busy."""
    for _ in range(200):
        try:
            return writer.write(batch)
        except StoreDown:
            continue
    raise AssertionError("the database stayed busy")


entries = st.builds(
    entry, at=st.integers(NOON - 200_000, NOON), stream=st.booleans(), duration_ms=st.integers(0, 10**8),
    ttft_ms=st.none() | st.integers(0, 10**8), prompt_tokens=st.none() | st.integers(0, 10**12),
    cost_pico=st.none() | st.integers(0, 2**63 - 1), error_type=st.none() | st.sampled_from(["timeout", "upstream"]),
    alias=st.sampled_from(["a", "b"]), chain=st.none() | st.just("c"),
    user_label=st.none() | st.text("xyz", max_size=2))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(entries, max_size=12))
def test_totals_are_always_what_the_rows_add_up_to(tmp_path: Path, found: list[dict[str, Any]]) -> None:
    with ledger_store("sqlite", tmp_path) as store:
        LedgerWriter(store).write(found)
        assert_totals_are_the_rows(store)
        paid = sum(row["cost_pico"] or 0 for row in rows(store))
        sums = total(store, daily)
        assert sums["cost_micros"] * 1_000_000 + sums["cost_pico_rest"] == paid


def test_sums_of_money_do_not_end_at_64_bits(store: Store) -> None:
    LedgerWriter(store).write([entry(cost_pico=2**63 - 1) for _ in range(3)])
    sums = total(store, daily)
    assert sums["cost_micros"] * 1_000_000 + sums["cost_pico_rest"] == 3 * (2**63 - 1)


def test_states_of_cost_are_counted_apart(store: Store) -> None:
    LedgerWriter(store).write([
        entry(), entry(cost_pico=0, cost_state="free"), unpriced_entry(),
        unpriced_entry(prompt_tokens=None, completion_tokens=None)])
    sums = total(store)
    assert (sums["requests"], sums["priced"], sums["free"], sums["unpriced"]) == (4, 1, 1, 1)


def test_users_beyond_the_bound_are_added_up_as_one(store: Store) -> None:
    writer = LedgerWriter(store, Users(limit=3))
    writer.write([entry(user_label=f"u{number}") for number in range(10)])
    writer.write([entry(user_label="u1"), entry(user_label="u9", at=NOON + 86_400)])
    assert total(store, dimension="user", value=OTHERS)["requests"] == 7
    assert total(store, dimension="user", value="u1")["requests"] == 2
    assert total(store, dimension="user", value="u9")["requests"] == 1, "a new day begins anew"
    assert len(rows(store)) == 12


def test_a_locked_sqlite_file_is_given_up_at_once_and_nothing_is_half_written(tmp_path: Path) -> None:
    with ledger_store("sqlite", tmp_path) as store:
        writer = LedgerWriter(open_ledger(store.database))
        with store.writing(), pytest.raises(StoreDown, match="locked"):
            writer.write([entry()])
        assert rows(store) == []
        writer.write([entry()])
        assert len(rows(store)) == 1
        writer.store.close()
