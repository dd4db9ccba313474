"""The port is taken before anything slow happens, and who holds it is named."""

import errno
import os
import socket
from pathlib import Path

import pytest

from src.errors import NotStarted
from src.launch.ports import holder_of, refusal, take_port

NEEDS_PROC = pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="this system has no /proc")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "0.0.0.0"])
def test_a_free_port_is_taken_and_listens(host: str) -> None:
    with take_port(host, 0) as listener:
        assert listener.gettimeout() == 0.0
        with socket.create_connection(("127.0.0.1", listener.getsockname()[1]), 5):
            pass


@pytest.mark.parametrize(("first", "second"), [("127.0.0.1", "127.0.0.1"), ("0.0.0.0", "0.0.0.0"),
                                               ("127.0.0.1", "0.0.0.0"), ("0.0.0.0", "127.0.0.1")])
def test_a_taken_port_is_refused_whoever_asked_first(first: str, second: str) -> None:
    with take_port(first, 0) as holder, pytest.raises(NotStarted) as refused:
        take_port(second, port := holder.getsockname()[1])
    assert refused.value.exit_code == 3
    assert f"port {port} on {second} is taken" in refused.value.text()
    assert f"--port {port + 1}" in refused.value.text()


def test_a_port_that_was_just_left_can_be_taken_again() -> None:
    with take_port("127.0.0.1", 0) as first, socket.create_connection(first.getsockname()) as client:
        port = first.getsockname()[1]
        client.send(b"x")
    take_port("127.0.0.1", port).close()


@NEEDS_PROC
def test_the_holder_of_a_port_is_named() -> None:
    with take_port("127.0.0.1", 0) as listener:
        port = listener.getsockname()[1]
        assert str(holder_of(port)).endswith(f"(pid {os.getpid()})")
    assert holder_of(port) is None


@pytest.mark.parametrize(("host", "what"), [
    ("no-such-host.invalid", "the address no-such-host.invalid is not known here"),
    ("a..b", "the address a..b is not known here"), ("x" * 100, "is not known here"),
    ("192.0.2.1", "cannot listen on 192.0.2.1"),
])
def test_an_address_that_is_not_ours_is_refused(host: str, what: str) -> None:
    with pytest.raises(NotStarted) as refused:
        take_port(host, 0)
    assert what in refused.value.text() and "LITELLM_HOST=127.0.0.1" in refused.value.text()


@pytest.mark.parametrize(("number", "what", "repair"), [
    (errno.EADDRINUSE, "port 65535 on h is taken", "--port 4000"),
    (errno.EACCES, "port 65535 may not be used by this user", "choose a port above 1023"),
    (errno.EPERM, "port 65535 may not be used by this user", "choose a port above 1023"),
    (errno.EAFNOSUPPORT, "cannot listen on h, port 65535: Address family", "LITELLM_HOST=127.0.0.1"),
])
def test_every_reason_has_its_own_repair(number: int, what: str, repair: str) -> None:
    problem, = refusal("h", 65_535, OSError(number, os.strerror(number))).problems
    assert what in problem.what and repair in problem.repair and problem.where
