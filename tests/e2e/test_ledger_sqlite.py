"""The ledger by default: every request once, whatever becomes of the database, a worker, or the whole gateway."""

import json
import os
import signal
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from src.mock.server import Fault, MockUpstream
from src.store.engine import Store
from tests.unit.ledger_support import assert_totals_are_the_rows

from .gateway import Gateway, models, until
from .ledger_load import Load, logged, opened, reached, recorded, sqlite_url, users

# What the default may lose to SIGKILL.
LOST_S = 0.1


@pytest.fixture(scope="module")
def gateway(upstream: MockUpstream) -> Iterator[Gateway]:
    upstream.faults["deepseek-v3.2"] = Fault(status=500)
    prices = {"MODEL_GPT5_INPUT_COST": "1.25", "MODEL_GPT5_OUTPUT_COST": "10"}
    with Gateway(models(upstream.url, **prices), workers=2, measured=True) as running:
        yield running


@pytest.fixture(scope="module")
def store(gateway: Gateway) -> Iterator[Store]:
    with opened(sqlite_url(gateway)) as found:
        yield found


def row_of(store: Store, request_id: str) -> dict[str, Any]:
    found: list[dict[str, Any]] = until(lambda: recorded(store, request_id=request_id), "a row", 20)
    assert len(found) == 1
    return found[0]


def cli(gateway: Gateway, *arguments: str) -> str:
    done = subprocess.run([*gateway.command, *arguments], cwd=gateway.home, env=gateway.environ, capture_output=True,
                          text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_request_is_recorded_with_labels_cost_and_digest_and_no_content(gateway: Gateway, store: Store) -> None:
    answer = gateway.chat("gpt-5", user="in-body", headers={
        **gateway.headers, "x-gateway-user": "ann", "x-gateway-session": "s1"})
    row = row_of(store, answer.headers["x-gateway-request-id"])
    tokens = answer.json()["usage"]
    pico = tokens["prompt_tokens"] * 1_250_000 + tokens["completion_tokens"] * 10_000_000
    assert (row["user_label"], row["session"], row["client_key"]) == ("ann", "s1", "master")
    assert (row["cost_pico"], row["cost_state"], row["status"], row["stream"]) == (pico, "priced", 200, False)
    assert len(row["request_hash"]) == 64 and row["content"] is None
    assert row["started_at"] < row["ended_at"]
    shown = json.loads(cli(gateway, "ledger", "show", row["request_id"]))
    assert (shown["price_source"], shown["price_prompt"]) == ("environment", "1250000")


@pytest.mark.parametrize(("model", "more", "status", "error"), [
    ("gpt-5", {"stream": True}, 200, None),
    ("deepseek-v3.2", {}, 500, "upstream_error"),
    ("nobody", {}, 404, "model_not_found"),
])
def test_streams_failures_and_refusals_are_recorded_too(gateway: Gateway, store: Store, model: str,
                                                        more: dict[str, Any], status: int, error: str | None) -> None:
    answer = gateway.chat(model, **more)
    row = row_of(store, answer.headers["x-gateway-request-id"])
    assert (row["status"], row["error_type"] is None, row["stream"]) == (
        answer.status_code, error is None, more.get("stream", False))
    assert row["cost_state"] == ("unknown" if error else "priced")


def test_a_locked_database_fails_no_request_and_is_caught_up_with(gateway: Gateway, store: Store) -> None:
    with closing(sqlite3.connect(str(store.database.path), isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        with Load(gateway) as load:
            until(lambda: len(load.answered) >= 30, "answers meanwhile")
        connection.execute("ROLLBACK")
    assert set(load.statuses.values()) == {200}
    until(lambda: set(load.statuses) <= users(store), "every request in the ledger", 30)
    assert_totals_are_the_rows(store)


def test_sigkill_of_a_worker_costs_at_most_the_last_100_ms(gateway: Gateway, store: Store,
                                                           upstream: MockUpstream) -> None:
    with Load(gateway) as load:
        until(lambda: len(load.answered) >= 60, "load")
        before = logged(gateway) & load.answered
        time.sleep(LOST_S)  # the promise itself
        os.kill(gateway.workers[0], signal.SIGKILL)
        answered = len(load.answered)
        until(lambda: len(load.answered) >= answered + 30, "answers of the others")
    assert len(before) >= 40
    until(lambda: before <= users(store), "what was logged 100 ms before", 30)
    assert users(store) - {"ann", None} <= set(reached(upstream))
    assert_totals_are_the_rows(store)


def test_sigkill_of_everything_costs_at_most_the_last_100_ms(gateway: Gateway, store: Store,
                                                             upstream: MockUpstream) -> None:
    with Load(gateway) as load:
        until(lambda: len(load.answered) >= 60, "load")
        before = logged(gateway) & load.answered
        time.sleep(LOST_S)  # the promise itself
        gateway.kill()
    (gateway.home / "stderr").write_text("")
    gateway.start()
    gateway.wait_ready()
    gateway.chat("gpt-5")
    assert len(before) >= 40
    until(lambda: before <= users(store), "what was logged 100 ms before", 30)
    sent = reached(upstream)
    assert len(sent) == len(set(sent)), "the mock's count is one per request"
    assert_totals_are_the_rows(store)


def test_a_reload_under_load_loses_nothing(gateway: Gateway, store: Store) -> None:
    with Load(gateway) as load:
        until(lambda: len(load.answered) >= 20, "load")
        cli(gateway, "reload")
        answered = len(load.answered)
        until(lambda: len(load.answered) >= answered + 20, "answers of the new workers")
    until(lambda: load.answered <= users(store), "every request in the ledger", 30)
    assert_totals_are_the_rows(store)


def test_reports_say_what_the_rows_add_up_to(gateway: Gateway, store: Store) -> None:
    ours = recorded(store, alias="gpt-5", cost_state="priced")
    report = json.loads(cli(gateway, "report", "costs", "--by", "alias", "--since", "1d", "--json"))
    row = next(row for row in report["rows"] if row["alias"] == "gpt-5")
    pico = sum(found["cost_pico"] for found in ours)
    assert (row["priced"], row["cost_micros"]) == (len(ours), (pico + 500_000) // 1_000_000)


def test_sigterm_loses_nothing(gateway: Gateway, store: Store, upstream: MockUpstream) -> None:
    upstream.reset()
    with Load(gateway) as load:
        until(lambda: len(load.answered) >= 30, "load")
        assert gateway.stop() == 0
    assert load.answered <= users(store) and set(reached(upstream)) <= users(store)
    assert list(store.database.path.parent.glob("*.spill/*")) == []  # type: ignore[union-attr]
    assert_totals_are_the_rows(store)
