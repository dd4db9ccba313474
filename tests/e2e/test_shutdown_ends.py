"""Stopping: what is in flight finishes within the grace, then everything ends and nothing is left."""

import signal
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from src.mock.server import Fault, MockUpstream

from .serving_load import Stream
from .serving_support import Gateway, document, running, until


@pytest.fixture(scope="module", autouse=True)
def slow_model(upstream: MockUpstream) -> None:
    upstream.faults["slow"] = Fault(chunks=12, gap=0.25)
    upstream.faults["endless"] = Fault(chunks=10_000, gap=0.2)


@pytest.fixture
def gateway(upstream: MockUpstream, request: pytest.FixtureRequest) -> Iterator[Gateway]:
    """A gateway of the test's own, with two workers; an order may be given as parameter."""
    first = document(upstream.url, ("gpt-5", "slow", "endless"))
    with Gateway(first, **{"workers": 2, "grace": 20.0, **getattr(request, "param", {})}) as running_gateway:
        yield running_gateway


def stream(gateway: Gateway, model: str) -> Stream:
    return Stream(gateway.url, gateway.headers, model)


def refused(gateway: Gateway) -> bool:
    try:
        socket.create_connection(("127.0.0.1", gateway.port), timeout=5).close()
    except OSError:
        return True
    return False


def left(gateway: Gateway) -> list[Path]:
    """Return what is left of the gateway's runtime folder and in its temporary folder."""
    return [*gateway.home.glob("run"), *gateway.tmp.iterdir()]


def workers_in_proc(gateway: Gateway) -> list[int]:
    """Return the processes of the gateway's session, found without its help."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rsplit(")", 1)[1].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(fields[3]) == gateway.pid and fields[0] != "Z":
            found.append(int(path.parent.name))
    return sorted(found)


@pytest.mark.parametrize(("signum", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_a_signal_lets_streams_finish_and_takes_nothing_new(gateway: Gateway, signum: int, code: int) -> None:
    streams = [stream(gateway, "slow") for _ in range(4)]
    gateway.signal(signum)
    until(lambda: refused(gateway), "new connections are refused")
    assert not gateway.ended
    assert [one.complete() for one in streams] == [True] * 4
    assert gateway.wait() == code
    assert workers_in_proc(gateway) == [] and left(gateway) == []


@pytest.mark.parametrize("gateway", [{"grace": 2.0}], indirect=True)
def test_a_stream_that_outlasts_the_grace_is_cut(gateway: Gateway) -> None:
    endless, slow = stream(gateway, "endless"), stream(gateway, "endless")
    gateway.signal(signal.SIGTERM)
    assert gateway.wait() == 0
    assert not endless.complete() and not slow.complete()
    assert workers_in_proc(gateway) == [] and left(gateway) == []
    assert "hangs" not in gateway.log, "the workers end by themselves"


def test_a_second_signal_ends_everything_at_once(gateway: Gateway) -> None:
    endless = stream(gateway, "endless")
    gateway.signal(signal.SIGTERM)
    until(lambda: "stopping" in gateway.log, "the first signal is noticed")
    gateway.signal(signal.SIGTERM)
    assert gateway.wait(10) == 0, "long before the grace of 20 s is over"
    assert not endless.complete()
    assert workers_in_proc(gateway) == [] and left(gateway) == []


def test_stop_returns_when_the_gateway_is_gone(gateway: Gateway) -> None:
    slow = stream(gateway, "slow")
    answer = gateway.controlled.stop()
    assert answer == {"ok": True, "pid": gateway.pid}
    assert slow.complete()
    assert refused(gateway)
    assert left(gateway) == []
    assert gateway.wait() == 0


def test_stopping_while_a_reload_is_tried_leaves_nothing(gateway: Gateway, upstream: MockUpstream) -> None:
    code = "import time; time.sleep(600)"
    hanging = document(upstream.url, litellm_settings={"callbacks": [gateway.callback("hanging", code)]})
    gateway.declare(hanging)
    outcomes: list[dict[str, Any]] = []
    asking = threading.Thread(target=lambda: outcomes.append(gateway.ask("reload")))
    asking.start()
    until(lambda: "booting" in [row["state"] for row in gateway.ask("status")["workers"]], "the canary boots")
    gateway.signal(signal.SIGTERM)
    assert gateway.wait() == 0
    asking.join(60)
    assert [outcome["message"] for outcome in outcomes] == ["the gateway stops: nothing is read again"]
    assert "the new configuration is refused" not in gateway.log, "nobody has judged it"
    assert workers_in_proc(gateway) == [] and left(gateway) == []


def test_killing_the_parent_lets_streams_finish_and_the_next_start_cleans_up(
    gateway: Gateway, upstream: MockUpstream
) -> None:
    streams = [stream(gateway, "slow") for _ in range(4)]
    workers = gateway.workers()
    gateway.signal(signal.SIGKILL)
    gateway.wait()
    until(lambda: refused(gateway), "new connections are refused")
    assert [one.complete() for one in streams] == [True] * 4
    until(lambda: not any(map(running, workers)), "the workers have ended")
    assert (gateway.runtime_dir / "gen-1").is_dir()
    gateway.start()
    until(lambda: gateway.log.count("the proxy answers") == 2, "the next one starts in the same folder")
    assert gateway.chat().status_code == 200
    gateway.signal(signal.SIGTERM)
    assert gateway.wait() == 0
    assert not gateway.runtime_dir.exists()


def test_killing_the_parent_ends_a_worker_that_still_boots(gateway: Gateway, upstream: MockUpstream) -> None:
    code = "import time; time.sleep(600)"
    gateway.declare(document(upstream.url, litellm_settings={"callbacks": [gateway.callback("hanging", code)]}))
    gateway.signal(signal.SIGHUP)
    until(lambda: len(gateway.workers("booting")) == 1, "the canary boots")
    gateway.signal(signal.SIGKILL)
    gateway.wait()
    until(lambda: workers_in_proc(gateway) == [], "everybody has ended")


def test_a_gateway_that_answers_is_not_disturbed_by_a_second_one(gateway: Gateway, upstream: MockUpstream) -> None:
    with Gateway(document(upstream.url), runtime_dir=str(gateway.runtime_dir)).unstarted() as second:
        second.start()
        assert second.wait() == 3
        assert "another gateway of yours already serves this port" in second.log
    assert gateway.ask("status")["state"] == "serving"
    assert gateway.chat().status_code == 200


def test_stopping_during_the_import_leaves_nothing(upstream: MockUpstream) -> None:
    with Gateway(document(upstream.url)).unstarted() as early:
        early.start()
        until(lambda: (early.runtime_dir / "pid").exists(), "it has begun")
        early.signal(signal.SIGTERM)
        assert early.wait() == 0
        assert left(early) == [] and workers_in_proc(early) == []
        assert "the proxy answers" not in early.log
