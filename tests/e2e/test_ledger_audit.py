"""Audit mode: no request reaches an upstream without a row, not even when everything is killed at once."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest

from src.mock.server import MockUpstream
from src.store.engine import Store
from tests.unit.ledger_support import assert_totals_are_the_rows

from .gateway import Gateway, models, until
from .ledger_load import Load, opened, reached, recorded, sqlite_url, users


@pytest.fixture(scope="module")
def gateway(upstream: MockUpstream) -> Iterator[Gateway]:
    """A gateway that has the database alone: its spill file cannot be made."""
    running = Gateway(models(upstream.url, GATEWAY_LEDGER="audit", GATEWAY_LEDGER_CONTENT="40"), workers=2)
    running.environ["GATEWAY_LEDGER_SPILL_DIR"] = str(running.home / "in-the-way")
    (running.home / "in-the-way").write_text("no folder")
    with running:
        yield running


@pytest.fixture(scope="module")
def store(gateway: Gateway) -> Iterator[Store]:
    with opened(sqlite_url(gateway)) as found:
        yield found


def test_a_request_is_recorded_before_and_completed_after(gateway: Gateway, store: Store) -> None:
    answer = gateway.chat("gpt-5", user="ann")
    assert answer.status_code == 200
    row = until(lambda: [row for row in recorded(store, user_label="ann") if row["ended_at"]], "a completed row", 20)[0]
    assert (row["request_id"], row["status"]) == (answer.headers["x-gateway-request-id"], 200)
    assert row["content"] == '{"model":"gpt-5","messages":[{"role":"us'
    assert len(recorded(store, user_label="ann")) == 1


def test_where_nothing_can_be_recorded_nothing_is_served(gateway: Gateway, store: Store,
                                                         upstream: MockUpstream) -> None:
    before = len(upstream.requests)
    with closing(sqlite3.connect(str(store.database.path), isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        answer = gateway.chat("gpt-5", user="nobody")
        connection.execute("ROLLBACK")
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "ledger_unavailable")
    assert len(upstream.requests) == before
    until(lambda: gateway.chat("gpt-5").status_code == 200, "service again", 20)


def test_sigkill_of_everything_leaves_a_row_for_every_request_that_reached_the_upstream(
        gateway: Gateway, store: Store, upstream: MockUpstream) -> None:
    upstream.reset()
    with Load(gateway) as load:
        until(lambda: len(load.answered) >= 60, "load")
        gateway.kill()
    sent = set(reached(upstream))
    assert len(sent) >= 60 and sent <= users(store)
    assert_totals_are_the_rows(store)
