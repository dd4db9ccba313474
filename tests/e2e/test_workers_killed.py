"""Workers that die or hang are replaced; the others and their streams go on."""

import os
import signal
import time
from collections.abc import Iterator

import httpx
import pytest

from src.mock.server import Fault, MockUpstream

from .serving_load import Stream
from .serving_support import Gateway, document, running, until

# Boots only while the file of this name is absent.
FRAGILE = "import os, sys; os.path.exists(os.environ['BROKEN']) and sys.exit('the disk is full')"
STREAMS = 8


@pytest.fixture(scope="module")
def gateway(upstream: MockUpstream) -> Iterator[Gateway]:
    upstream.faults["slow"] = Fault(chunks=12, gap=0.25)
    first = document(upstream.url, ("gpt-5", "slow"), litellm_settings={"callbacks": ["fragile.instance"]})
    with Gateway(first, workers=2, beat_timeout=4.0, measured=True).unstarted() as running_gateway:
        running_gateway.environ["BROKEN"] = str(running_gateway.home / "broken")
        running_gateway.callback("fragile", FRAGILE)
        running_gateway.start()
        running_gateway.wait_ready()
        yield running_gateway


def two_serve(gateway: Gateway) -> bool:
    return len(gateway.workers()) == 2


def replaced(gateway: Gateway, pid: int) -> bool:
    return pid not in gateway.workers(None) and two_serve(gateway)


def kill_one(gateway: Gateway) -> float:
    """Kill a worker; return the seconds until its replacement serves."""
    until(lambda: two_serve(gateway), "both serve")
    pid = gateway.workers()[0]
    began = time.monotonic()
    os.kill(pid, signal.SIGKILL)
    until(lambda: replaced(gateway, pid), "a replacement serves")
    return time.monotonic() - began


def test_a_killed_worker_is_replaced_within_two_seconds(gateway: Gateway) -> None:
    # Two seconds is the promise for a machine that is not busy; where all is slow, the start tells how slow. A fourth
    # death in a row would be replaced later on purpose.
    assert any(kill_one(gateway) < max(2.0, gateway.start_s / 4) for _ in range(3))
    assert gateway.chat().status_code == 200
    assert "was ended by SIGKILL" in gateway.log


def open_streams(pid: int, gateway: Gateway) -> int:
    """Return how many client connections the worker holds."""
    wanted = f":{gateway.port:04X}"
    rows = [line.split() for line in open("/proc/net/tcp", encoding="ascii").readlines()[1:]]
    inodes = {f"socket:[{row[9]}]" for row in rows if row[1].endswith(wanted) and row[3] == "01"}
    return sum(os.readlink(f"/proc/{pid}/fd/{fd}") in inodes for fd in os.listdir(f"/proc/{pid}/fd"))


def test_the_other_workers_streams_and_requests_go_on(gateway: Gateway) -> None:
    first, second = gateway.workers()
    streams: list[Stream] = []

    def both_stream() -> bool:
        streams.append(Stream(gateway.url, gateway.headers, "slow"))
        return bool(open_streams(first, gateway) and open_streams(second, gateway))

    until(both_stream, "both workers hold streams")
    survivors = open_streams(second, gateway)
    os.kill(first, signal.SIGKILL)
    assert gateway.chat().status_code == 200
    assert sum(stream.complete() for stream in streams) == survivors
    until(lambda: replaced(gateway, first), "a replacement serves")


def test_a_worker_that_hangs_is_replaced(gateway: Gateway) -> None:
    pid = gateway.workers()[0]
    os.kill(pid, signal.SIGSTOP)
    until(lambda: replaced(gateway, pid), "a replacement serves")
    assert not running(pid)
    assert "no sign of life for 4 s" in gateway.log


def test_a_gateway_that_was_suspended_as_a_whole_keeps_its_workers(gateway: Gateway) -> None:
    until(lambda: two_serve(gateway), "both serve")
    before = gateway.workers()
    os.killpg(gateway.pid, signal.SIGSTOP)
    time.sleep(6.0)  # not to wait for something: longer than the 4 s after which a silent worker is replaced
    os.killpg(gateway.pid, signal.SIGCONT)
    assert gateway.chat().status_code == 200
    assert gateway.workers() == before


def test_one_that_cannot_boot_is_tried_ever_more_rarely_until_it_can(gateway: Gateway) -> None:
    broken = gateway.home / "broken"
    broken.touch()
    before = gateway.log.count("before it served")
    os.kill(gateway.workers()[0], signal.SIGKILL)
    until(lambda: gateway.log.count("before it served") >= before + 3, "it is tried again")
    assert "the disk is full" in gateway.log
    assert all(gateway.chat().status_code == 200 for _ in range(5)), "the other one serves"
    broken.unlink()
    until(lambda: two_serve(gateway), "a replacement serves")


def test_when_nobody_can_boot_the_gateway_ends_with_the_reason_and_no_storm(gateway: Gateway) -> None:
    """The last test of this file: it ends the gateway."""
    (gateway.home / "broken").touch()
    before = gateway.log.count("before it served")
    pids = gateway.workers()
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    assert gateway.wait() == 3
    end = gateway.log[gateway.log.index("no worker stays up"):]
    assert "the disk is full" in end
    assert 6 <= gateway.log.count("before it served") - before <= 2 * 8
    assert not gateway.runtime_dir.exists()
    with pytest.raises(httpx.ConnectError):
        gateway.chat()
