"""What a call reserved ends with it or with its worker: once, at what it really used, never while its worker lives."""

import asyncio
import threading
import time
from collections.abc import Iterator
from datetime import datetime, timezone
from typing import Any

import pytest
import sqlalchemy as sa

from src.hooks import limits_counting, limits_tending
from src.hooks.limits_counting import Ask, Counting
from src.hooks.limits_tending import TEND_S, Tending
from src.policy.budgets import Reservation, corrections
from src.policy.limits import Charge, Limit, Rule, charges
from src.store import limits_tables
from src.store.counters import Counters
from src.store.engine import Store
from src.store.ledger_tables import requests
from src.store.limits_reservations import KEPT_S
from src.store.limits_tables import reservations
from src.store.migrate import ensure_schema

from .limits_support import counting_in
from .store_support import KINDS, fresh_store

MONTH = Limit("month", "key", "ann", rpm=1000, tpd=1000, budget_micros=500)
NOW = time.time()
DEAD = "the worker that was killed"


@pytest.fixture(scope="module", params=KINDS)
def migrated(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with fresh_store(request.param, tmp_path_factory.mktemp("reservations")) as found:
        ensure_schema(found)
        yield found


@pytest.fixture
def store(migrated: Store) -> Store:
    with migrated.writing() as connection:
        for table in (limits_tables.counters, reservations, requests):
            connection.execute(table.delete())
    return migrated


@pytest.fixture
def counters(store: Store) -> Iterator[Counters]:
    found = Counters(store)
    yield found
    found.close()


def charged(tokens: int = 100, micros: int = 50, limit: Limit = MONTH) -> list[Charge]:
    return charges([Rule(limit, "ann")], tokens, micros, NOW)


def take(counters: Counters, name: str = DEAD, request: str = "r1", tokens: int = 100,
         micros: int = 50) -> Reservation:
    reservation = Reservation(charged(tokens, micros), name, request)
    assert counters.take(reservation.charges, reservation).complete
    return reservation


def counted(counters: Counters) -> list[int]:
    """Return attempts, tokens and micro-dollars that are counted."""
    found = counters.read(charged())
    return [found.get(charge.key, 0) for charge in charged()]


def let_lapse(store: Store) -> None:
    """Let as much time pass as no living worker lets pass."""
    with store.writing() as connection:
        connection.execute(reservations.update().values(lease_ends=0))


def known(store: Store) -> list[str]:
    with store.reading() as connection:
        return list(connection.execute(sa.select(reservations.c.id).order_by(reservations.c.id)).scalars())


def record(store: Store, request: str = "r1", **values: Any) -> None:
    """Write a request into the ledger, as a dead worker's journal is read back."""
    now = datetime.now(timezone.utc)
    row = {"request_id": request, "started_at": now, "ended_at": now, "cost_state": "exact", **values}
    with store.writing() as connection:
        connection.execute(requests.insert(), [row])


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += TEND_S
        return self.now


def tend(counters: Counters, tending: Tending | None = None) -> None:
    """Look after reservations for as long as it takes to be certain."""
    tending = tending or Tending(Clock())
    for _ in range(4):
        tending.tend(counters)


def test_a_reservation_ends_with_its_correction_and_only_once(store: Store, counters: Counters) -> None:
    taken = take(counters)
    take(counters, "another", "r2")
    assert counted(counters) == [2, 200, 100] and len(known(store)) == 2
    for _ in range(2):
        counters.settle(taken, corrections(taken.charges, 7, 3))
        assert counted(counters) == [2, 107, 53] and known(store) == ["another"]


def test_what_is_refused_reserves_nothing(store: Store, counters: Counters) -> None:
    take(counters, micros=500)
    for limit in (MONTH, Limit("month", "key", "ann", budget_micros=500)):
        refused = Reservation(charged(limit=limit), "refused", "r2")
        assert not counters.take(refused.charges, refused).complete
    assert known(store) == [DEAD] and counted(counters) == [1, 100, 500]


@pytest.mark.parametrize("limit", [Limit("one", "key", "ann", budget_micros=500), MONTH])
def test_what_a_dead_worker_reserved_is_given_back_and_its_attempts_are_not(
        store: Store, counters: Counters, limit: Limit) -> None:
    reservation = Reservation(charged(limit=limit), DEAD, "r1")
    counters.take(reservation.charges, reservation)
    take(counters, "living", "r2")
    before = counters.read(reservation.charges)
    let_lapse(store)
    counters.reservations.renew(["living"])
    tend(counters)
    after = counters.read(reservation.charges)
    assert {before[one.key] - after[one.key] == (one.amount if one.reserves else 0) for one in reservation.charges} \
        == {True}
    tend(counters)
    assert counters.read(reservation.charges) == after


def test_what_a_dead_workers_request_cost_is_charged_once_whenever_the_ledger_hears_of_it(
        store: Store, counters: Counters) -> None:
    take(counters, "known at once", "r1")
    take(counters, "known later", "r2")
    record(store, "r1", prompt_tokens=3, completion_tokens=4, cost_pico=9_000_000)
    let_lapse(store)
    tend(counters)
    assert counted(counters) == [2, 7, 9]
    record(store, "r2", prompt_tokens=10, completion_tokens=10, cost_pico=1_000_000)
    tend(counters)
    assert counted(counters) == [2, 27, 10] and known(store) == []
    tend(counters)
    assert counted(counters) == [2, 27, 10]


@pytest.mark.parametrize(("values", "left"), [
    ({"prompt_tokens": 5, "completion_tokens": None, "cost_pico": None}, [1, 5, 50]),
    ({"status": 200}, [1, 100, 50]),
    ({"status": 500, "error_type": "upstream_error"}, [1, 0, 0]),
    ({"error_type": "stream_error", "ttft_ms": 5}, [1, 100, 50]),
    ({"error_type": "client_gone", "client_gone": True}, [1, 100, 50]),
    ({"status": 200, "route": "count_tokens"}, [1, 0, 0]),
    ({"status": 200, "ended_at": None, "prompt_tokens": 1}, [1, 0, 0]),
])
@pytest.mark.parametrize("late", [False, True])
def test_the_ledger_decides_as_the_worker_would_have(store: Store, counters: Counters, values: dict[str, Any],
                                                     left: list[int], late: bool) -> None:
    take(counters)
    if not late:
        record(store, **values)
    let_lapse(store)
    tend(counters)
    if late:
        assert counted(counters) == [1, 0, 0]
        record(store, **values)
        tend(counters)
    assert counted(counters) == left


def test_two_workers_that_find_the_same_end_it_once(store: Store, counters: Counters) -> None:
    names = [f"{number}" for number in range(20)]
    for name in names:
        take(counters, name, name, tokens=10, micros=10)
        if int(name) % 2:
            record(store, name, prompt_tokens=1, completion_tokens=0, cost_pico=2_000_000)
    let_lapse(store)

    def other() -> None:
        own = Counters(store)
        tend(own)
        own.close()

    threads = [threading.Thread(target=other) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counted(counters) == [20, 10, 20]


def test_the_reservations_of_the_living_stay(store: Store, counters: Counters) -> None:
    own = Tending(Clock())
    taken = take(counters)
    own.took(DEAD)
    for _ in range(5):
        let_lapse(store)  # it was late, and others saw it so
        own.tend(counters)
        tend(counters, own)
        assert counted(counters) == [1, 100, 50]
    counters.settle(taken, corrections(taken.charges, 1, 1))
    assert counted(counters) == [1, 1, 1]


def test_a_worker_has_time_to_renew_after_everybody_missed_the_database(store: Store, counters: Counters) -> None:
    watching, living = Tending(Clock()), Tending(Clock())
    take(counters)
    living.took(DEAD)
    let_lapse(store)
    watching.tend(counters)
    living.tend(counters)
    tend(counters, watching)
    assert counted(counters) == [1, 100, 50]


def test_what_nobody_renews_is_left_alone_again_after_the_database_was_away(store: Store, counters: Counters) -> None:
    watching = Tending(Clock())
    take(counters)
    let_lapse(store)
    for _ in range(2):
        watching.tend(counters)
        rename(store, "ai_limit_reservations", "gone")
        watching.tend(counters)
        rename(store, "gone", "ai_limit_reservations")
        watching.tend(counters)
    assert counted(counters) == [1, 100, 50]
    tend(counters, watching)
    assert counted(counters) == [1, 0, 0]


def rename(store: Store, old: str, new: str) -> None:
    with store.writing() as connection:
        connection.execute(sa.text(f"ALTER TABLE {old} RENAME TO {new}"))


def test_a_worker_that_was_taken_for_dead_gets_its_reservations_back(store: Store, counters: Counters) -> None:
    own = Tending(Clock())
    taken = take(counters)
    own.took(DEAD)
    let_lapse(store)
    tend(counters)
    assert counted(counters) == [1, 0, 0]
    own.tend(counters)
    own.tend(counters)
    assert counted(counters) == [1, 100, 50]
    counters.settle(taken, corrections(taken.charges, 7, 3))
    assert counted(counters) == [1, 7, 3] and known(store) == []


@pytest.mark.parametrize(("tokens", "micros", "left"), [(7, 3, [1, 7, 3]), (None, None, [1, 100, 50]),
                                                        (0, 0, [1, 0, 0])])
def test_a_worker_that_was_taken_for_dead_charges_what_its_request_used(
        store: Store, counters: Counters, tokens: int | None, micros: int | None, left: list[int]) -> None:
    taken = take(counters)
    let_lapse(store)
    tend(counters)
    counters.settle(taken, corrections(taken.charges, tokens, micros))
    assert counted(counters) == left


def test_a_worker_that_was_taken_for_dead_charges_nothing_twice(store: Store, counters: Counters) -> None:
    taken = take(counters)
    let_lapse(store)
    record(store, prompt_tokens=3, completion_tokens=4, cost_pico=9_000_000)
    tend(counters)
    counters.settle(taken, corrections(taken.charges, 7, 9))
    assert counted(counters) == [1, 7, 9]


def test_reservations_are_forgotten_with_their_windows(store: Store, counters: Counters) -> None:
    take(counters)
    last = max(charge.window.end for charge in charged()) + KEPT_S
    counters.prune(last - 1)
    assert known(store) == [DEAD]
    counters.prune(last + 1)
    assert known(store) == []


async def reserve(counting: Counting, request: str = "r1") -> Reservation:
    outcome = await counting.take(Ask(charged(), request=request))
    assert outcome.complete
    return outcome.reservation


async def until(condition: Any) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)


def test_what_ended_while_the_database_was_away_is_told_once(store: Store, counters: Counters) -> None:
    async def scenario(counting: Counting) -> None:
        before, also = await reserve(counting), await reserve(counting)
        rename(store, "ai_limit_counters", "gone")
        counting.settle(before, corrections(before.charges, 7, 3))
        await until(lambda: counting.away)
        counting.settle(also, corrections(also.charges, 1, 1))
        alone = await reserve(counting)
        assert alone.id is not None
        counting.settle(alone, corrections(alone.charges, 2, 2))
        rename(store, "gone", "ai_limit_counters")
        await until(lambda: not counting.away)

    with counting_in(store.database) as counting:
        asyncio.run(scenario(counting))
    assert counted(counters) == [3, 10, 6] and known(store) == []


def test_a_worker_looks_after_reservations_while_nothing_is_asked_of_it(
        store: Store, counters: Counters, monkeypatch: pytest.MonkeyPatch) -> None:
    for module, name in ((limits_counting, "TEND_S"), (limits_tending, "TEND_S"), (limits_tending, "_CERTAIN_S")):
        monkeypatch.setattr(module, name, 0.05)

    async def scenario(counting: Counting) -> None:
        await reserve(counting, "mine")
        take(counters, "dead")
        let_lapse(store)
        await until(lambda: counted(counters) == [2, 100, 50])

    with counting_in(store.database) as counting:
        asyncio.run(scenario(counting))


def test_a_client_that_leaves_while_it_is_counted_reserves_nothing(store: Store, counters: Counters) -> None:
    async def scenario(counting: Counting) -> None:
        for pause in (0.0, 0.001, 0.01):
            asking = asyncio.create_task(counting.take(Ask(charged(), request="r1")))
            await asyncio.sleep(pause)
            asking.cancel()
            await asyncio.wait({asking})
            if not asking.cancelled():
                taken = asking.result().reservation
                counting.settle(taken, corrections(taken.charges, 0, 0))
        await counting.take(Ask([], keys=True))
        await asyncio.sleep(0)

    with counting_in(store.database) as counting:
        asyncio.run(scenario(counting))
    assert counted(counters)[1:] == [0, 0] and known(store) == []
