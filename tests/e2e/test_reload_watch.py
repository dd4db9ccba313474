"""Reloads nobody asks for by hand, and those that must wait for older configurations."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from src.mock.server import Fault, MockUpstream

from .serving_load import Stream
from .serving_support import Gateway, document, until

# Time for two reloads on a loaded machine, while a stream of almost as long goes on.
GRACE_S = 15.0


@pytest.fixture(scope="module")
def gateway(upstream: MockUpstream) -> Iterator[Gateway]:
    first = document(upstream.url, ("gpt-5", "slow"))
    running_gateway = Gateway(first, keepalive=2.0, reload_grace=GRACE_S)
    with running_gateway.watching():
        yield running_gateway


def test_a_watched_file_that_changes_is_taken_up(gateway: Gateway, upstream: MockUpstream) -> None:
    gateway.declare(document(upstream.url, ("gpt-5", "slow", "watched")))
    until(lambda: "watched" in gateway.aliases(), "the new alias is listed")
    assert gateway.log.count("reload asked for by a changed file") == 1


def test_a_watched_file_that_becomes_wrong_changes_nothing(gateway: Gateway, upstream: MockUpstream) -> None:
    refused = gateway.ask("status")["reloads"]["refused"]
    gateway.declare({"version": 1, "refuse": "half an edit"})
    until(lambda: gateway.ask("status")["reloads"]["refused"] == refused + 1, "it is refused")
    assert gateway.chat().status_code == 200
    gateway.declare(document(upstream.url, ("gpt-5", "slow")))
    until(lambda: gateway.aliases() == ["gpt-5", "slow"], "the repaired file is taken up")


def test_two_older_configurations_live_at_most_and_further_reloads_wait(
    gateway: Gateway, upstream: MockUpstream
) -> None:
    upstream.faults["slow"] = Fault(chunks=40, gap=GRACE_S / 43)
    streams = []
    for number in range(2):
        streams.append(Stream(gateway.url, gateway.headers, "slow"))
        assert gateway.reload(document(upstream.url, ("gpt-5", "slow", f"old-{number}")))["ok"]
    until(lambda: len(gateway.ask("status")["draining"]) == 2, "two older ones drain")
    said: list[str] = []
    outcomes: list[dict[str, Any]] = []
    gateway.declare(document(upstream.url, ("gpt-5", "slow", "third")))
    third = threading.Thread(target=lambda: outcomes.append(gateway.ask("reload", said.append)))
    third.start()
    until(lambda: said, "the client is told why it waits")
    assert "still finish their streams" in said[0]
    assert not outcomes and "third" not in gateway.aliases()
    assert [stream.complete() for stream in streams] == [True, True]
    third.join(60)
    assert outcomes[0]["result"] == "accepted"
    assert "third" in gateway.aliases()


def test_a_stream_longer_than_the_reload_grace_is_cut(gateway: Gateway, upstream: MockUpstream) -> None:
    upstream.faults["slow"] = Fault(chunks=1000, gap=0.2)
    stream = Stream(gateway.url, gateway.headers, "slow")
    assert gateway.reload(document(upstream.url, ("gpt-5", "slow", "fourth")))["ok"]
    assert len(gateway.ask("status")["draining"]) == 1
    until(lambda: gateway.ask("status")["draining"] == [], "the older one is gone")
    assert not stream.complete()
    assert gateway.chat().status_code == 200
