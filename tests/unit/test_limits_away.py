"""The database is away: limits are counted per worker or refused, and everything is made up for when it returns."""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from src.config.database import VARIABLE
from src.hooks import limits as gates
from src.hooks import limits_alone, limits_counting
from src.hooks.background import beside
from src.hooks.errors_out import Refusal
from src.hooks.limits import REFUSED
from src.hooks.limits_alone import Alone
from src.hooks.limits_counting import Ask, Counting, Unavailable
from src.hooks.limits_refresh import Follower
from src.hooks.limits_room import LimitReached
from src.hooks.limits_start import start
from src.policy.budgets import Change, Reservation, corrections
from src.policy.client_keys import ClientKey, digest_of
from src.policy.limits import Charge, Limit, Rule, charges
from src.store.client_keys import add_key
from src.store.counters import Counters
from src.store.engine import Store
from src.store.failures import StoreDown
from src.store.limits import LimitRow
from src.store.migrate import ensure_schema
from src.store.registry import REPOSITORIES
from src.store.tiers import Tier

from .limits_support import counting_in, deployment, gate_of, request, stays
from .store_support import fresh_store

DAILY = Limit("daily", "user", "bob", rpd=3)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with fresh_store("sqlite", tmp_path) as found:
        ensure_schema(found)
        yield found


def charged(limit: Limit = DAILY) -> list[Charge]:
    return charges([Rule(limit, "bob")], 0, 0, time.time())


def rename(store: Store, old: str, new: str) -> None:
    with store.writing() as connection:
        connection.execute(sa.text(f"ALTER TABLE {old} RENAME TO {new}"))


def lose(store: Store) -> None:
    rename(store, "ai_limit_counters", "gone")


def find_again(store: Store) -> None:
    rename(store, "gone", "ai_limit_counters")


async def until(condition: Callable[[], Any]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)


def test_counting_goes_on_from_what_was_known_and_is_told_afterwards(
        store: Store, caplog: pytest.LogCaptureFixture) -> None:
    async def scenario(counting: Counting) -> None:
        assert (await counting.take(Ask(charged()))).complete
        lose(store)
        assert (await counting.take(Ask(charged()))).complete and counting.away
        assert (await counting.take(Ask(charged()))).complete
        refused = await counting.take(Ask(charged()))
        assert not refused.complete and list(refused.used.values()) == [3]
        counting.correct([Change(charged()[0], -1)])
        assert (await counting.take(Ask(charged()))).complete
        counting.post(lambda counters: counters.revoke_now())  # no matter for now: nobody could read it
        find_again(store)
        await until(lambda: not counting.away)
        found = await counting.take(Ask(charged()))
        assert not found.complete and list(found.used.values()) == [3]
        assert counting.unchecked == 4

    with caplog.at_level(logging.WARNING), counting_in(store.database) as counting:
        asyncio.run(scenario(counting))
    said = [record.getMessage() for record in caplog.records if record.name == "gateway.limits"]
    assert len(said) == 2 and "counted in each worker alone" in said[0] and "again" in said[1]


def test_a_correction_that_fails_is_made_up_for(store: Store) -> None:
    async def scenario(counting: Counting) -> None:
        await counting.take(Ask(charged()))
        lose(store)
        counting.correct([Change(charged()[0], -1)])
        counting.correct([])
        await until(lambda: counting.away)
        find_again(store)
        await until(lambda: not counting.away)
        assert list((await counting.take(Ask(charged()))).used.values()) == [1]

    with counting_in(store.database) as counting:
        asyncio.run(scenario(counting))


def test_deny_refuses_what_cannot_be_counted_and_nothing_else(store: Store) -> None:
    async def scenario(counting: Counting) -> None:
        gate = gate_of(counting, DAILY, Limit("calls", "model", "gpt-5", rpd=3))
        lose(store)
        with pytest.raises(Refusal) as refused:
            await gate.enter(request(user="bob"), b"{}", False, stays)
        assert (refused.value.status, refused.value.retry_after) == (503, "1")
        record = request()
        with pytest.raises(LimitReached) as reached:
            await gate.call(record, [deployment()])
        assert record.extra[REFUSED].code == "limits_unavailable" and reached.value.status_code == 503
        await gate.enter(request(user="eve"), b"{}", False, stays)
        assert (await counting.take(Ask([], keys=True))).complete
        with pytest.raises(Unavailable):
            await counting.take(Ask(charged()))

    with counting_in(store.database, deny=True) as counting:
        asyncio.run(scenario(counting))


def test_a_database_that_hangs_makes_nobody_wait_for_long(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits_counting, "PATIENCE_S", 0.1)

    async def scenario(counting: Counting) -> None:
        await counting.take(Ask(charged()))
        with store.writing():
            assert (await counting.take(Ask(charged()))).complete and counting.away
        await until(lambda: not counting.away)
        found = await counting.take(Ask(charged()))
        assert found.complete and list(found.used.values()) == [3], "what came too late was taken back"

    with counting_in(store.database) as counting:
        asyncio.run(scenario(counting))


def test_a_request_that_is_given_up_uses_nothing(store: Store) -> None:
    async def scenario(counting: Counting) -> None:
        await counting.take(Ask(charged()))
        for pause in (0, 0.05):
            task = asyncio.create_task(counting.take(Ask(charged())))
            with store.writing():
                await asyncio.sleep(pause)
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
        await counting.take(Ask([]))  # the thread has done what came before
        own = Counters(store)
        await until(lambda: list(own.read(charged()).values()) == [1])
        own.close()

    with counting_in(store.database) as counting:
        asyncio.run(scenario(counting))


def test_a_fault_of_the_counting_itself_ends_neither_thread_nor_request(store: Store) -> None:
    class Broken(Counters):
        def revision(self) -> int:
            raise ZeroDivisionError

    def fail(_: Counters) -> None:
        raise ZeroDivisionError

    async def scenario(counting: Counting) -> None:
        counting.post(fail)
        assert (await counting.take(Ask(charged()))).complete and not counting.away
        assert (await counting.take(Ask(charged(), keys=True))).complete and counting.away

    counting = Counting(lambda: Broken.open(store.database))
    counting.start()
    asyncio.run(scenario(counting))
    counting.close()


def test_what_is_owed_while_the_store_is_told_is_told_next(store: Store) -> None:
    rpd, own, alone = charged()[0], Counters(store), Alone(owes=True)

    class Meanwhile(Counters):
        def correct(self, changes: Iterable[Change]) -> None:
            super().correct(changes)
            alone.owe([Change(rpd, 5)])

    busy = Meanwhile(store)
    alone.owe([Change(rpd, 1)])
    alone.owe([Change(rpd, 1)])
    alone.tell(busy)
    assert own.read([rpd]) == {rpd.key: 2}
    alone.tell(own)
    alone.tell(own)
    assert own.read([rpd]) == {rpd.key: 7}
    own.close()
    busy.close()


def test_what_the_store_did_not_take_stays_owed_and_is_taken_once(store: Store) -> None:
    own, alone = Counters(store), Alone(owes=True)
    held = [Reservation(charges([Rule(Limit("t", "user", "bob", tpd=100), "bob")], 10, 0, time.time()), name, name)
            for name in "ab"]
    for one in held:
        assert own.take(one.charges, one).complete
        alone.owe_end(one, corrections(one.charges, 3, 0))
    lose(store)
    with pytest.raises(StoreDown):
        alone.tell(own)
    find_again(store)
    assert alone.tell(own) == ([], ["a", "b"]) and alone.tell(own) == ([], [])
    assert list(own.read(held[0].charges).values()) == [6]
    own.close()


def test_a_call_that_began_without_the_store_is_reserved_when_it_is_back(store: Store) -> None:
    own, alone = Counters(store), Alone(owes=True)
    limit = Limit("t", "user", "bob", rpd=9, tpd=100)
    ended, going = (Reservation(charges([Rule(limit, "bob")], 10, 0, time.time()), name, name) for name in "ab")
    alone.take(ended)
    alone.take(going)
    alone.owe_end(ended, corrections(ended.charges, 3, 0))
    lose(store)
    with pytest.raises(StoreDown):
        alone.tell(own)
    find_again(store)
    assert alone.holds("b") and alone.tell(own) == (["b"], []) and not alone.owing
    own.take_anyway(going)  # told again, as after a connection that broke at the wrong moment
    assert list(own.read(going.charges).values()) in ([2, 13], [13, 2])
    for _ in range(2):
        own.settle(going, corrections(going.charges, 4, 0))
    assert sorted(own.read(going.charges).values()) == [2, 7]
    own.close()


def test_what_a_worker_remembers_is_bounded(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits_alone, "_REMEMBERED", 1)

    async def scenario(counting: Counting) -> None:
        for name in "abc":
            await counting.take(Ask(charged(Limit(name, "user", "bob", rpd=3))))
        assert len(counting._own._known) == 1

    with counting_in(store.database) as counting:
        asyncio.run(scenario(counting))


def test_without_a_database_limits_hold_per_worker_and_the_start_says_so(caplog: pytest.LogCaptureFixture) -> None:
    gate = gate_of(Counting(None))
    gate.set_limits((Limit("daily", "model", "gpt-5", rpd=1, action="reject"),))
    now = gate._now
    rows = {"limits": [{"name": "a", "scope": "model", "target": "gpt-5", "rpd": 1}]}
    now = replace(now, plan=replace(now.plan, raw={"registry": rows}))

    async def scenario() -> None:
        own, follower = start(now, {VARIABLE: "off"})
        assert gates.installed() is own and follower is None
        await own.call(request(), [deployment()])
        with pytest.raises(LimitReached):
            await own.call(request(), [deployment()])
        own.counting.correct([Change(charged()[0], 1)])

    try:
        asyncio.run(scenario())
    finally:
        gates.install(None)
    assert "limits hold for each worker alone" in caplog.text


def test_a_worker_follows_rows_keys_and_usual_answers(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    made = ClientKey("ann", digest_of("secret"))
    now = gate_of(Counting(None), config_ttl=0.05)._now

    async def scenario() -> None:
        gate, follower = start(now, {VARIABLE: store.database.url})
        try:
            assert follower is not None and gate.reload is not None and now.keys.find(made.digest, 0) is None
            with store.writing() as connection:
                add_key(connection, made)
                REPOSITORIES["limits"].write(connection, LimitRow("l", "model", "gpt-5", tpd=5))
            async with beside(follower.run):
                await until(lambda: now.keys.find(made.digest, 0) and gate.sized == ["gpt5"])
                follower._pruned -= 10_000
                rename(store, "ai_client_keys", "gone")
                await until(lambda: "stay as they were read last" in caplog.text)
                assert now.keys.find(made.digest, 0), "the last good keys stay"
        finally:
            gate.counting.close()

    with caplog.at_level(logging.WARNING):
        asyncio.run(scenario())
    gates.install(None)


def test_a_worker_that_starts_while_the_database_is_away_knows_the_last_good_keys(store: Store, tmp_path: Path) -> None:
    made = ClientKey("ann", digest_of("secret"), "gold", ("gpt-*",), rpm=5, expires_at=datetime(2099, 1, 1, tzinfo=UTC))
    cache = tmp_path / "client-keys.json"
    with store.writing() as connection:
        REPOSITORIES["tiers"].write(connection, Tier("gold"))
        add_key(connection, made)
    first, second, third = (gate_of(Counting(None)) for _ in range(3))
    Follower(first, store.database, 1.0, cache).load()
    assert cache.stat().st_mode & 0o777 == 0o600 and b"secret" not in cache.read_bytes()
    rename(store, "ai_client_keys", "gone")
    Follower(second, store.database, 1.0, cache).load()
    found = second.keys.find(made.digest, 0)
    assert found is not None and replace(found, created_at=None) == made
    cache.write_bytes(b"{}[]")
    Follower(third, store.database, 1.0, cache).load()
    assert third.keys.find(made.digest, 0) is None


def test_keys_that_cannot_be_kept_are_used_all_the_same(store: Store, tmp_path: Path,
                                                        caplog: pytest.LogCaptureFixture) -> None:
    gate = gate_of(Counting(None))
    Follower(gate, store.database, 1.0, tmp_path / "missing" / "client-keys.json").load()
    assert gate.revision == 0 and "cannot be kept" in caplog.text


def test_rows_that_cannot_be_understood_change_nothing(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    gate = gate_of(Counting(None), DAILY)
    with store.writing() as connection:
        connection.execute(sa.text("INSERT INTO ai_client_keys (name, digest, models) VALUES ('a', 'b', '{oops')"))
    with caplog.at_level(logging.WARNING):
        follower = Follower(gate, store.database, 1.0)
        follower.load()
        follower.load()
    assert caplog.text.count("cannot be understood") == 1
