"""A worker that leaves breaks nobody's connection: the races that stock uvicorn loses, one by one."""

import json
import os
import signal
import socket
import time
from collections.abc import Iterator

import pytest

from src.mock.server import Fault, MockUpstream

from .serving_support import Gateway, document, running, until

KEEPALIVE_S = 3.0
MODELS = ("gpt-5", "slow", "late", "large")


@pytest.fixture(scope="module")
def gateway(upstream: MockUpstream) -> Iterator[Gateway]:
    upstream.faults["slow"] = Fault(chunks=12, gap=0.25)
    upstream.faults["late"] = Fault(delay=2.0)
    upstream.faults["large"] = Fault(reply=" ".join(map(str, range(300_000))), chunks=90, gap=0.1)
    with Gateway(document(upstream.url, MODELS), keepalive=KEEPALIVE_S, send_timeout=1.0,
                 send_buffer=8192) as running_gateway:
        yield running_gateway


class Connection:
    """One raw HTTP/1.1 connection."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway, self.rest = gateway, b""
        self.socket = socket.create_connection(("127.0.0.1", gateway.port), timeout=60)

    def send(self, model: str = "gpt-5", stream: bool = False) -> None:
        body = {"model": model, "stream": stream, "messages": [{"role": "user", "content": "hi"}]}
        data = json.dumps(body).encode()
        lines = ["POST /v1/chat/completions HTTP/1.1", "host: test", "content-type: application/json",
                 f"content-length: {len(data)}", f"authorization: Bearer {self.gateway.key}"]
        self.socket.sendall("\r\n".join([*lines, "", ""]).encode() + data)

    def receive_headers(self) -> tuple[int, dict[str, str]]:
        """Return status and headers of the next answer; -1 where the connection ended instead."""
        while b"\r\n\r\n" not in self.rest:
            if not (data := self.socket.recv(65536)):
                return -1, {}
            self.rest += data
        head, _, self.rest = self.rest.partition(b"\r\n\r\n")
        status, *lines = head.decode().split("\r\n")
        return int(status.split()[1]), dict(line.lower().split(": ", 1) for line in lines)

    def receive_body(self, headers: dict[str, str]) -> bytes:
        """Return the body; of a chunked one everything including the framing."""
        size = int(headers.get("content-length", -1))
        while len(self.rest) < size or size < 0 and not self.rest.endswith(b"0\r\n\r\n"):
            data = self.socket.recv(65536)
            assert data, f"cut after {self.rest[-200:]!r}"
            self.rest += data
        body, self.rest = self.rest, b""
        return body

    def ask(self, model: str = "gpt-5", stream: bool = False) -> tuple[int, str | None]:
        """Return status and Connection header of a whole exchange."""
        self.send(model, stream)
        status, headers = self.receive_headers()
        if status == 200:
            self.receive_body(headers)
        return status, headers.get("connection")

    def ended(self) -> bool:
        """Return whether the server has closed the connection."""
        return self.socket.recv(1) == b""


def leave(gateway: Gateway) -> int:
    """Send SIGTERM straight to the one worker; return its pid once its replacement serves."""
    pid, = gateway.workers()
    os.kill(pid, signal.SIGTERM)
    until(lambda: gateway.workers() not in ([], [pid]), "a replacement serves")
    return pid


def gone(gateway: Gateway, pid: int) -> None:
    until(lambda: not running(pid) and pid not in gateway.workers(None), f"worker {pid} has left")


def test_an_idle_connection_may_ask_once_more_and_is_told_to_close(gateway: Gateway) -> None:
    client = Connection(gateway)
    assert client.ask() == (200, None)
    pid = leave(gateway)
    assert running(pid)
    assert client.ask() == (200, "close")
    assert client.ended()
    gone(gateway, pid)


def test_a_connection_that_was_silent_so_far_is_answered(gateway: Gateway) -> None:
    client = Connection(gateway)
    until(lambda: accepted(gateway) >= 1, "the worker has accepted")
    pid = leave(gateway)
    assert client.ask() == (200, "close")
    gone(gateway, pid)


def accepted(gateway: Gateway) -> int:
    """Return how many TCP connections the listening port has established."""
    wanted = f":{gateway.port:04X}"
    rows = [line.split() for line in open("/proc/net/tcp", encoding="ascii").readlines()[1:]]
    return sum(row[1].endswith(wanted) and row[3] == "01" for row in rows)


def test_a_connection_that_never_asks_does_not_hold_the_worker(gateway: Gateway) -> None:
    client = Connection(gateway)
    until(lambda: accepted(gateway) >= 1, "the worker has accepted")
    pid = leave(gateway)
    assert client.ended()
    gone(gateway, pid)


def test_a_request_in_flight_is_answered_and_told_to_close(gateway: Gateway, upstream: MockUpstream) -> None:
    before = len(upstream.requests)
    client = Connection(gateway)
    client.send("late")
    upstream.wait(lambda requests: len(requests) > before)
    pid = leave(gateway)
    status, headers = client.receive_headers()
    assert (status, headers["connection"]) == (200, "close")
    client.receive_body(headers)
    assert client.ended()
    gone(gateway, pid)


def test_a_stream_goes_on_to_its_end_and_its_connection_may_ask_again(gateway: Gateway) -> None:
    client = Connection(gateway)
    client.send("slow", stream=True)
    status, headers = client.receive_headers()  # the headers are out, they cannot say close any more
    assert (status, headers.get("connection")) == (200, None)
    pid = leave(gateway)
    assert b"[DONE]" in client.receive_body(headers)
    assert client.ask() == (200, "close")
    gone(gateway, pid)


def test_an_idle_connection_is_kept_for_the_keep_alive_time_and_no_longer(gateway: Gateway) -> None:
    client = Connection(gateway)
    assert client.ask() == (200, None)
    asked_at = time.monotonic()
    pid = leave(gateway)
    assert client.ended()
    assert time.monotonic() - asked_at > KEEPALIVE_S * 0.9
    gone(gateway, pid)


def test_requests_sent_the_moment_the_worker_leaves_are_answered(gateway: Gateway) -> None:
    """The next request already lies in the kernel's buffer while the worker's loop is busy with others."""
    clients = [Connection(gateway) for _ in range(12)]
    for client in clients:
        assert client.ask() == (200, None)
    pid, = gateway.workers()
    for number, client in enumerate(clients):
        client.send()
        if number == 5:
            os.kill(pid, signal.SIGTERM)
    assert [client.receive_headers()[0] for client in clients] == [200] * 12
    for client in clients:
        client.socket.close()
    gone(gateway, pid)


def test_a_new_connection_is_accepted_at_once_although_the_only_worker_leaves(gateway: Gateway) -> None:
    old = Connection(gateway)
    assert old.ask() == (200, None)  # keeps the worker alive for a while
    pid, = gateway.workers()
    os.kill(pid, signal.SIGTERM)
    assert gateway.chat().status_code == 200
    old.socket.close()
    gone(gateway, pid)


def test_a_client_that_takes_nothing_holds_neither_its_upstream_nor_the_worker(
    gateway: Gateway, upstream: MockUpstream
) -> None:
    lines, asked = gateway.log.count('"client_gone":true'), len(upstream.requests)
    client = Connection(gateway)
    client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.send("large", stream=True)
    upstream.wait(lambda requests: len(requests) > asked)
    pid = leave(gateway)
    until(lambda: upstream.requests[-1].client_gone, "the connection upstream has ended")
    assert upstream.requests[-1].chunks_sent < 90
    gone(gateway, pid)
    until(lambda: gateway.log.count('"client_gone":true') == lines + 1, "the request line says why")


def test_a_whole_answer_that_nobody_takes_does_not_hold_the_worker(gateway: Gateway) -> None:
    client = Connection(gateway)
    client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.send("large")
    assert client.receive_headers()[0] == 200
    gone(gateway, leave(gateway))
