"""Old rows go, totals stay; prices that come later fill in rows and totals alike; both on both databases."""

import random
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from src.policy.costs import Known, Price
from src.policy.reports import DAY
from src.store.engine import Store
from src.store.failures import StoreDown
from src.store.ledger import LedgerWriter, open_ledger
from src.store.ledger_prune import Keep, Pruner, elected, prune, size
from src.store.ledger_read import backup
from src.store.ledger_reprice import Change, reprice
from src.store.ledger_tables import daily, hourly, state
from src.store.rollup import OTHERS, Users

from .ledger_support import assert_totals_are_the_rows, entry, ledger_store, open_half, rows, total, unpriced, wait_for
from .store_support import KINDS, database

FIVE = Known(Price(Decimal(5), Decimal(7)), "environment")


@pytest.fixture(params=KINDS)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    with ledger_store(request.param, tmp_path) as found:
        yield found


def today() -> int:
    """Return when the day began, in Unix seconds; the tests may run over midnight."""
    return int(time.time()) // DAY * DAY


def by_day(store: Store, *ages: int) -> None:
    LedgerWriter(store).write([entry(at=today() - age * DAY + 60, request_id=f"d{age}-{number}")
                               for age in ages for number in range(3)])


def ages(store: Store) -> set[str]:
    return {row["request_id"].partition("-")[0] for row in rows(store)}


# --- pruning ----------------------------------------------------------------------------------------------------


def test_rows_older_than_the_days_go_and_stay_as_daily_totals(store: Store) -> None:
    by_day(store, 0, 1, 2, 3, 9)
    assert not prune(store, Keep(days=2))
    assert ages(store) == {"d0", "d1", "d2"}
    assert (total(store, hourly)["requests"], total(store, daily)["requests"]) == (9, 15)


def test_pruning_goes_in_steps_and_says_when_it_is_done(store: Store) -> None:
    by_day(store, 5, 0)
    assert prune(store, Keep(days=1), step=2)
    assert len(rows(store)) == 4
    assert not prune(store, Keep(days=1), step=2) and not prune(store, Keep(days=1), step=2)
    assert ages(store) == {"d0"}


def test_without_limits_nothing_goes(store: Store) -> None:
    by_day(store, 4000)
    assert not prune(store, Keep()) and len(rows(store)) == 3
    assert not Pruner(Keep()).due(time.monotonic() + 1e6)


def test_too_large_a_sqlite_database_loses_its_oldest_rows_until_it_fits(tmp_path: Path) -> None:
    with ledger_store("sqlite", tmp_path) as store:
        LedgerWriter(store).write([entry(at=today() + number, request_id=f"d{number}-", content="x" * 20_000)
                                   for number in range(100)])
        steps = 0
        while prune(store, Keep(megabytes=1), step=10):
            steps += 1
        with store.reading() as connection:
            assert size(connection) <= 1 << 20
        assert 1 <= steps < 9 and "d99" in ages(store) and "d0" not in ages(store)
        assert total(store, hourly)["requests"] == 100, "single requests go, what they add up to stays"


def test_the_size_of_a_postgresql_ledger_follows_its_rows(tmp_path: Path) -> None:
    with ledger_store("postgresql", tmp_path) as store:
        with store.reading() as connection:
            assert size(connection) == 0
        LedgerWriter(store).write([entry(content="x" * 5_000) for _ in range(50)])
        with store.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("VACUUM ANALYZE ai_request_logs")
            assert size(connection) > 8_000
        assert not prune(store, Keep(megabytes=1))


def test_one_worker_of_all_is_elected(store: Store) -> None:
    assert [elected(store, "prune", 60) for _ in range(3)] == [True, False, False]
    assert elected(store, "prune", -1) and elected(store, "another", 60)


def test_a_clock_that_was_wrong_for_a_while_stops_nothing(store: Store) -> None:
    assert elected(store, "prune", 60)
    with store.writing() as connection:
        connection.execute(sa.update(state).values(at=int(time.time()) + 365 * DAY))
    assert [elected(store, "prune", 60) for _ in range(2)] == [True, False]


def test_a_pruner_waits_at_first_then_works_until_it_is_done(store: Store) -> None:
    by_day(store, 5)
    pruner, now = Pruner(Keep(days=1)), time.monotonic()
    assert not pruner.due(now) and pruner.due(now + 60)
    pruner.step(store, now + 60)
    assert rows(store) == [] and not pruner.due(now + 61) and pruner.due(now + 1000)
    by_day(store, 6)
    Pruner(Keep(days=1)).step(store, now + 60)
    assert len(rows(store)) == 3, "another one did it a moment ago"


# --- pricing later ----------------------------------------------------------------------------------------------


def test_a_price_that_came_later_fills_in_rows_and_totals(store: Store) -> None:
    LedgerWriter(store).write([unpriced(prompt_tokens=10, completion_tokens=3, user_label="ann") for _ in range(4)]
                              + [entry(), unpriced(prompt_tokens=None, completion_tokens=None)])
    assert reprice(store, lambda row: FIVE, dry=True) == [Change("gpt5", "openai/gpt-5", "environment", 4, 4 * 71)]
    assert total(store)["unpriced"] == 4
    assert reprice(store, lambda row: FIVE) == [Change("gpt5", "openai/gpt-5", "environment", 4, 4 * 71)]
    assert [row["cost_pico"] for row in rows(store)] == [71, 71, 71, 71, 52_500_000, None]
    assert (total(store)["unpriced"], total(store)["priced"]) == (0, 5)
    assert_totals_are_the_rows(store)
    assert reprice(store, lambda row: FIVE) == []


def test_free_is_a_price(store: Store) -> None:
    LedgerWriter(store).write([unpriced()])
    free = Known(Price(Decimal(0), Decimal(0)), "registry")
    assert reprice(store, lambda row: free)[0].pico == 0
    assert (rows(store)[0]["cost_state"], total(store)["free"]) == ("free", 1)
    assert_totals_are_the_rows(store)


def test_what_still_has_no_price_is_left_alone(store: Store) -> None:
    LedgerWriter(store).write([unpriced(deployment="a"), unpriced(deployment="b"), unpriced(deployment="c")])

    def find(row: Mapping[str, Any]) -> Known | None:
        half = Known(Price(Decimal(5), None), "litellm")
        return {"a": None, "b": FIVE, "c": half}[row["deployment"]]

    assert [change.deployment for change in reprice(store, find)] == ["b"]
    assert [row["cost_state"] for row in rows(store)] == ["unknown", "priced", "unknown"]
    assert_totals_are_the_rows(store)


def test_users_that_one_worker_knew_and_another_did_not_are_corrected_where_they_were_counted(store: Store) -> None:
    LedgerWriter(store).write([entry(user_label="ann")])
    LedgerWriter(store, Users(limit=0)).write([unpriced(user_label="ann")])
    reprice(store, lambda row: FIVE)
    assert [total(store, dimension="user", value=value)["unpriced"] for value in ("ann", OTHERS)] == [0, 0]


def made(make: Callable[..., dict[str, Any]]) -> dict[str, Any]:
    """Return an entry of one of a few users, models and keys."""
    return make(**{name: random.choice("abcdef") for name in ("alias", "model", "client_key", "user_label")})


@contextmanager
def writing(store: Store, **more: Any) -> Iterator[list[int]]:
    """Let two workers write until the block ends; yields one number per batch, once there is one."""
    stop, wrote = threading.Event(), list[int]()

    def work() -> None:
        writer = LedgerWriter(open_ledger(store.database))
        while not stop.is_set():
            with suppress(StoreDown):
                wrote.append(writer.write([{**made(entry), **more} for _ in range(4)], fresh=True))
        writer.store.close()

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        wait_for(lambda: wrote, "a first batch")
        yield wrote
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def test_pricing_while_workers_write_neither_fails_nor_loses_a_cent(store: Store) -> None:
    LedgerWriter(store).write([made(unpriced) for _ in range(450)])
    with writing(store):
        assert sum(change.requests for change in reprice(store, lambda row: FIVE)) == 450
    assert total(store)["unpriced"] == 0
    assert_totals_are_the_rows(store)


def test_pruning_by_size_while_workers_write_loses_nothing_of_the_totals(tmp_path: Path) -> None:
    with ledger_store("sqlite", tmp_path) as store:
        LedgerWriter(store).write([entry(content="x" * 20_000, at=today() - DAY) for _ in range(200)])
        with writing(store, content="x" * 20_000) as wrote:
            steps = [prune(store, Keep(megabytes=1), step=20) for _ in range(30)]
        assert any(steps) and len(rows(store)) < 200 + 4 * len(wrote)
        assert total(store)["requests"] == 200 + 4 * len(wrote)


def test_a_backup_taken_while_workers_write_is_whole(tmp_path: Path) -> None:
    with ledger_store("sqlite", tmp_path) as store:
        LedgerWriter(store).write([made(entry) for _ in range(2_000)])
        with writing(store) as wrote:
            before = len(wrote)
            backup(store, tmp_path / "copy.db")
            wait_for(lambda: len(wrote) > before, "a batch beside the backup")
        copy = open_ledger(database(f"sqlite:///{tmp_path / 'copy.db'}", tmp_path))
        with copy.reading() as connection:
            assert connection.exec_driver_sql("PRAGMA integrity_check").scalar_one() == "ok"
        assert len(rows(copy)) >= 2_000 + 4 * before
        assert_totals_are_the_rows(copy)
        copy.close()


def test_users_that_were_added_up_as_one_are_corrected_there(store: Store) -> None:
    LedgerWriter(store, Users(limit=1)).write([unpriced(user_label="ann"), unpriced(user_label="bob")])
    reprice(store, lambda row: FIVE)
    for value in ("ann", OTHERS):
        sums = total(store, dimension="user", value=value)
        assert (sums["priced"], sums["unpriced"]) == (1, 0)


def test_a_request_under_way_is_not_in_the_totals_yet(store: Store) -> None:
    half = {**open_half(unpriced()), "prompt_tokens": 10}
    LedgerWriter(store).write([half])
    reprice(store, lambda row: Known(Price(Decimal(5), Decimal(7)), "litellm"))
    assert total(store)["priced"] == 0


def test_more_than_a_page_is_repriced(tmp_path: Path) -> None:
    with ledger_store("sqlite", tmp_path) as store:
        LedgerWriter(store).write([unpriced() for _ in range(1_001)])
        assert reprice(store, lambda row: FIVE)[0].requests == 1_001
        assert_totals_are_the_rows(store)
