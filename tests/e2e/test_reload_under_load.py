"""Reloads in a row, under load, lose no request and cut no stream."""

import os
import signal
from collections.abc import Iterator

import pytest

from src.mock.server import Fault, MockUpstream

from .serving_load import Load
from .serving_support import Gateway, document, until

RELOADS = 20
MODELS = {"constant": "gpt-5", "pausing": "gpt-5", "short": "short", "long": "long"}


@pytest.fixture(scope="module")
def gateway(upstream: MockUpstream) -> Iterator[Gateway]:
    upstream.faults["short"] = Fault(chunks=3, gap=0.03)
    upstream.faults["long"] = Fault(chunks=20, gap=0.1)
    with Gateway(declared(upstream, 0), workers=2) as running_gateway:
        yield running_gateway


def declared(upstream: MockUpstream, number: int) -> dict[str, object]:
    return document(upstream.url, ("gpt-5", "short", "long", f"reload-{number}"))


def load(gateway: Gateway, **clients: int) -> Load:
    return Load(gateway.url, gateway.headers, clients, MODELS)


def test_twenty_reloads_under_constant_load_and_long_streams(gateway: Gateway, upstream: MockUpstream) -> None:
    with load(gateway, constant=16, long=4) as clients:
        until(lambda: clients.done["constant"] > 50, "the load runs")
        for number in range(1, RELOADS + 1):
            outcome = gateway.reload(declared(upstream, number))
            assert outcome["result"] == "accepted", outcome
            assert len(gateway.ask("status")["draining"]) <= 2
        until(lambda: clients.done["long"] >= 8, "long streams complete")
    assert clients.lost == []
    assert clients.done["constant"] > 200
    assert gateway.aliases()[-1] == f"reload-{RELOADS}"
    assert gateway.ask("status")["reloads"] == {"accepted": RELOADS, "refused": 0, "unchanged": 0}


def test_reloads_with_pausing_clients_short_streams_and_a_worker_told_to_leave(
    gateway: Gateway, upstream: MockUpstream
) -> None:
    with load(gateway, constant=4, pausing=8, short=8, long=2) as clients:
        until(lambda: clients.done["short"] > 20, "the load runs")
        for number in range(101, 106):
            assert gateway.reload(declared(upstream, number))["result"] == "accepted"
            told = gateway.workers()[0]
            os.kill(told, signal.SIGTERM)
            until(lambda: told not in gateway.workers() and len(gateway.workers()) == 2, "it is replaced")
        until(lambda: clients.done["long"] >= 2, "long streams complete")
    assert clients.lost == []
    assert min(clients.done[kind] for kind in ("pausing", "short")) > 20


def test_the_workers_of_older_configurations_are_gone_in_the_end(gateway: Gateway) -> None:
    until(lambda: gateway.ask("status")["draining"] == [], "the older ones have left")
    until(lambda: len(gateway.workers(None)) == 2, "so has the one that was told to")
    assert len(list(gateway.runtime_dir.glob("gen-*"))) == 1
