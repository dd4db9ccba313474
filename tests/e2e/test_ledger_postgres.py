"""One PostgreSQL under two gateways: each request once, also when the server goes away and comes back."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from src.mock.server import MockUpstream
from src.store.engine import Store
from tests.unit.ledger_support import assert_totals_are_the_rows

from .gateway import Gateway, models, until
from .ledger_load import Load, opened, reached, recorded, users
from .ledger_postgres import Cluster


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with Cluster() as running:
        yield running


@pytest.fixture(scope="module")
def gateways(cluster: Cluster, upstream: MockUpstream) -> Iterator[list[Gateway]]:
    environ = models(upstream.url, "gpt-5", GATEWAY_DATABASE_URL=cluster.url)
    with ExitStack() as stack:
        found = [Gateway(environ) for _ in range(2)]
        for gateway in found:
            stack.callback(gateway.__exit__)
            gateway.start()
        for gateway in found:
            gateway.wait_ready()
        yield found


@pytest.fixture(scope="module")
def store(cluster: Cluster, gateways: list[Gateway]) -> Iterator[Store]:
    with opened(cluster.url) as found:
        yield found


def test_two_gateways_write_one_ledger(gateways: list[Gateway], store: Store, upstream: MockUpstream) -> None:
    with Load(*gateways) as load:
        until(lambda: len(load.answered) >= 60, "answers")
    until(lambda: set(reached(upstream)) <= users(store), "every request in the ledger", 30)
    assert set(load.statuses.values()) == {200}
    assert len(recorded(store)) == len(reached(upstream))
    assert_totals_are_the_rows(store)


def test_a_server_that_stops_and_starts_costs_no_request_and_no_row(
        gateways: list[Gateway], store: Store, cluster: Cluster, upstream: MockUpstream) -> None:
    with Load(*gateways) as load:
        until(lambda: len(load.answered) >= 30, "answers before")
        cluster.stop()
        answered = len(load.answered)
        until(lambda: len(load.answered) >= answered + 40, "answers meanwhile")
        cluster.start()
        answered = len(load.answered)
        until(lambda: len(load.answered) >= answered + 30, "answers afterwards")
    assert set(load.statuses.values()) == {200}
    until(lambda: set(reached(upstream)) <= users(store), "every request in the ledger", 40)
    assert len(recorded(store)) == len(reached(upstream))
    assert_totals_are_the_rows(store)


def test_stopping_both_leaves_nothing_behind(gateways: list[Gateway], store: Store, upstream: MockUpstream) -> None:
    assert [gateway.stop() for gateway in gateways] == [0, 0]
    assert len(recorded(store)) == len(reached(upstream))
    assert [path for gateway in gateways for path in (gateway.home / "state").rglob("*.jsonl")] == []
