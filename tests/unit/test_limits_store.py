"""Counters in real databases: exact under parallel use, all or nothing, and never negative."""

import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
import sqlalchemy as sa

from src.errors import ConfigurationError, GatewayError
from src.policy.budgets import Change
from src.policy.client_keys import ClientKey
from src.policy.limits import Charge, Limit, Rule, charges
from src.store.client_keys import add_key, change_key, find_key, read_keys, remove_key, usual_outputs
from src.store.counters import Counters, Held
from src.store.engine import Store, open_store
from src.store.failures import Conflict, StoreDown
from src.store.ledger_tables import requests
from src.store.limits import LimitRow, limit_problems
from src.store.limits_reservations import KEPT_S
from src.store.limits_usage import usage
from src.store.migrate import ensure_schema
from src.store.registry import REPOSITORIES
from src.store.tiers import Tier

from .store_support import KINDS, database, fresh_store

NOW = 1_795_244_000.0
LIMIT = Limit("a", "model", "m", rpm=20, tpm=100, budget_micros=50)


@pytest.fixture(params=KINDS)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    with fresh_store(request.param, tmp_path) as found:
        ensure_schema(found)
        yield found


@pytest.fixture
def counters(store: Store) -> Iterator[Counters]:
    found = Counters(store)
    yield found
    found.close()


def charged(limit: Limit = LIMIT, tokens: int = 10, micros: int = 5) -> list[Charge]:
    return charges([Rule(limit, limit.target)], tokens, micros, NOW)


def test_charges_are_taken_together_or_not_at_all(counters: Counters) -> None:
    small, large = charged(tokens=60), charged(tokens=60, micros=1)
    assert counters.take(small).complete
    refused = counters.take(large)
    assert not refused.complete
    assert refused.used == counters.read(small) == {one.key: one.amount for one in small}


def test_a_first_charge_may_fill_its_limit_and_a_budget_may_end_above(counters: Counters) -> None:
    assert counters.take(charged(tokens=1000, micros=70)).complete
    assert not counters.take(charged(Limit("a", "model", "m", budget_micros=50), micros=1)).complete


@pytest.mark.parametrize("limit", [Limit("one", "model", "m", rpm=20), Limit("two", "model", "m", rpm=20, rpd=500)])
def test_parallel_connections_take_exactly_what_there_is(store: Store, limit: Limit) -> None:
    taken: list[bool] = []

    def client() -> None:
        own = Counters(store)
        taken.extend(own.take(charged(limit)).complete for _ in range(16))
        own.close()

    threads = [threading.Thread(target=client) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(taken) == 64 and sum(taken) == 20


def test_corrections_may_be_negative_but_counters_are_not(counters: Counters) -> None:
    rpm, tpm, budget = charged()
    counters.take([rpm, tpm, budget])
    counters.correct([Change(tpm, -4), Change(budget, -99), Change(rpm, 3)])
    assert counters.read([rpm, tpm, budget]) == {rpm.key: 4, tpm.key: 6, budget.key: 0}
    assert counters.read([]) == {}


def test_a_correction_of_a_counter_that_is_gone_counts_what_it_adds(counters: Counters) -> None:
    rpm, tpm, _ = charged()
    counters.correct([Change(rpm, 2), Change(tpm, -2)])
    assert counters.read([rpm, tpm]) == {rpm.key: 2, tpm.key: 0}


def test_a_model_is_held_back_until_it_is_released(counters: Counters) -> None:
    assert counters.held("m") is None
    counters.hold("m", Held(5_000, 1))
    counters.hold("m", Held(9_000_000_000_000, 2))
    assert counters.held("m") == Held(9_000_000_000_000, 2) and counters.held("other") is None
    counters.release("m")
    assert counters.held("m") is None


def test_the_revision_of_the_keys_grows_and_is_never_pruned(counters: Counters) -> None:
    assert counters.revision() == 0
    counters.revoke_now()
    counters.revoke_now()
    counters.take(charged())
    counters.prune(NOW + 32 * 86_400 + KEPT_S)
    assert counters.revision() == 2 and counters.read(charged()) == {}


def test_a_store_that_breaks_down_is_told_and_tried_again(store: Store) -> None:
    counters = Counters(store)
    with store.writing() as connection:
        connection.execute(sa.text("ALTER TABLE ai_limit_counters RENAME TO gone"))
    with pytest.raises(StoreDown):
        counters.take(charged())
    with store.writing() as connection:
        connection.execute(sa.text("ALTER TABLE gone RENAME TO ai_limit_counters"))
    assert counters.take(charged()).complete
    counters.close()


def test_another_process_that_ends_takes_no_wal_away_from_a_worker(tmp_path: Path) -> None:
    found = database("sqlite:///locks.db", tmp_path)
    first = open_store(found)
    ensure_schema(first)
    counters = Counters(first)
    counters.take(charged())
    open_store(found).close()
    assert found.path is not None
    script = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute('SELECT 1 FROM ai_tiers'); c.close()"
    subprocess.run([sys.executable, "-c", script, str(found.path)], check=True, timeout=60)
    assert found.path.with_name("locks.db-wal").exists()
    counters.take(charged())
    with sqlite3.connect(found.path) as other:
        assert other.execute("SELECT used FROM ai_limit_counters WHERE name LIKE '%rpm%'").fetchone() == (2,)
    counters.close()
    first.close()


def test_usage_is_told_for_everybody_who_used_anything(store: Store) -> None:
    counters = Counters(store)
    each = Limit("each", "user", "*", rpm=5)
    own = ClientKey("ann", "d" * 64, rpm=7).limit
    assert own is not None
    for limit, subject in ((each, "ann"), (each, "bob b"), (own, "ann")):
        counters.take(charges([Rule(limit, subject)], 0, 0, NOW))
    with store.reading() as connection:
        found = usage(connection, [each, own, LIMIT], NOW)
        later = usage(connection, [each], NOW + 60)
    counters.close()
    assert [(one.subject, one.measure.field, one.used, one.left) for one in found] == [
        ("ann", "rpm", 1, 4), ("bob b", "rpm", 1, 4), ("ann", "rpm", 1, 6), ("m", "rpm", 0, 20), ("m", "tpm", 0, 100),
        ("m", "budget_micros", 0, 50)]
    assert [(one.subject, one.used) for one in later] == [("*", 0)]


def test_keys_are_stored_changed_and_removed(store: Store) -> None:
    moment = datetime(2026, 12, 31, tzinfo=timezone.utc)
    made = ClientKey("ann", "d" * 64, "gold", ("gpt-*", "x"), 1, 2, 3, 4, 5, moment)
    with store.writing() as connection:
        REPOSITORIES["tiers"].write(connection, Tier("gold"))
        add_key(connection, made)
    with store.reading() as connection:
        found, = read_keys(connection)
        assert found.created_at is not None and found == ClientKey(
            "ann", "d" * 64, "gold", ("gpt-*", "x"), 1, 2, 3, 4, 5, moment, None, found.created_at)
    with store.writing() as connection:
        change_key(connection, ClientKey("ann", "e" * 64, revoked_at=moment))
        assert find_key(connection, "ann").revoked_at == moment
    with pytest.raises(Conflict), store.writing() as connection:
        add_key(connection, made)
    with pytest.raises(ConfigurationError), store.writing() as connection:
        add_key(connection, ClientKey("bob", "f" * 64, "nothing"))
    with store.writing() as connection:
        remove_key(connection, "ann")
        with pytest.raises(GatewayError, match="'ann'"):
            find_key(connection, "ann")


def test_the_usual_answer_is_the_median_of_the_last_day(store: Store) -> None:
    now = datetime.now(timezone.utc)
    rows = [("m", 10, 0), ("m", 30, 0), ("m", 20, 0), ("m", 999, 2), ("m", None, 0), ("other", 7, 0)]
    with store.writing() as connection:
        connection.execute(requests.insert(), [
            {"request_id": str(number), "deployment": name, "completion_tokens": tokens, "cost_state": "unknown",
             "started_at": now - timedelta(days=days)} for number, (name, tokens, days) in enumerate(rows)])
    with store.reading() as connection:
        assert usual_outputs(connection, ["m", "none"], now - timedelta(days=1)) == {"m": 20}


@pytest.mark.parametrize(("row", "problem"), [
    (LimitRow("a", "model", "gpt-5"), "limits nothing"),
    (LimitRow("a", "user", "*", rpm=1, backoff="fixed"), "backoff is for"),
    (LimitRow("a", "provider", "groq", budget_micros=1), "budgets are for"),
    (LimitRow("a", "model", "gpt-6", rpm=1), "did you mean gpt-5"),
    (LimitRow("a", "tier", "gold", rpm=1), "which there is not"),
    (LimitRow("a", "provider", "grok", rpm=1), "which there is not"),
])
def test_limits_that_limit_nothing_or_nobody_are_problems(row: LimitRow, problem: str) -> None:
    found, = limit_problems([row], ["gpt-5"], ["free"])
    assert problem in found.what


def test_limits_for_each_and_for_those_that_there_are_pass() -> None:
    rows = [LimitRow("a", "model", "*", rpm=1), LimitRow("b", "model", "gpt-5", backoff="fixed"),
            LimitRow("c", "tier", "free", tpd=1), LimitRow("d", "key", "anybody", budget_micros=1),
            LimitRow("e", "provider", "groq", rpd=1)]
    assert list(limit_problems(rows, ["gpt-5"], ["free"])) == []
