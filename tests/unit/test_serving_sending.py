"""A client that takes nothing of its answer is let go; one that takes it slowly is not."""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
import uvicorn
import uvloop

from src.serving import protocol

BOUND_S = 0.3
SMALLEST = 4096  # of the kernel's buffers, so that little is under way
CHUNK = b"x" * 100_000


@dataclass
class App:
    """Sends ``chunks`` chunks of ``size`` bytes as one answer; notes how it ended."""

    chunks: int
    size: int = len(CHUNK)
    sent: int = 0
    gone: asyncio.Event = field(default_factory=asyncio.Event)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for number in range(self.chunks):
            more = number < self.chunks - 1
            await send({"type": "http.response.body", "body": CHUNK[:self.size], "more_body": more})
            self.sent += 1
        assert (await receive())["type"] == "http.disconnect"
        self.gone.set()


def served(app: App, ask: Callable[[socket.socket, uvicorn.Server], Awaitable[None]], bound: float = BOUND_S,
           keepalive: float = 0.1, header: str = "host: x") -> None:
    """Run ``ask`` with the socket of a client that has sent its request; everything ends within 20 seconds."""
    async def run() -> None:
        with socket.socket() as listener, socket.socket() as client:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SMALLEST)
            listener.bind(("127.0.0.1", 0))
            listener.listen()
            kind = protocol.bounded(keepalive, bound)
            server = uvicorn.Server(uvicorn.Config(app, http=kind, log_level="critical", lifespan="off",
                                                   timeout_keep_alive=keepalive))  # type: ignore[arg-type]
            task = asyncio.create_task(server.serve(sockets=[listener]))
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALLEST)
            client.setblocking(False)
            loop = asyncio.get_running_loop()
            await loop.sock_connect(client, listener.getsockname())
            await loop.sock_sendall(client, f"GET / HTTP/1.1\r\n{header}\r\n\r\n".encode())
            await asyncio.wait_for(ask(client, server), 20)
            client.close()
            server.should_exit = True
            await task
    loop = uvloop.new_event_loop()
    try:
        loop.run_until_complete(run())
    finally:
        loop.close()


async def nobody(server: uvicorn.Server) -> None:
    """Wait until there is no connection."""
    while server.server_state.connections:
        await asyncio.sleep(0.01)


def test_a_stream_that_nobody_reads_is_given_up_and_its_app_is_told() -> None:
    app = App(chunks=1000)

    async def ask(client: socket.socket, server: uvicorn.Server) -> None:
        while not app.sent:
            await asyncio.sleep(0.01)
        assert server.server_state.connections
        await nobody(server)
        await app.gone.wait()

    served(app, ask)


@pytest.mark.parametrize("header", ["connection: keep-alive", "connection: close"])
def test_an_answer_that_is_complete_and_never_taken_holds_no_connection(header: str) -> None:
    """What waits is less than what makes a server stop writing."""
    app = App(chunks=1, size=50_000)

    async def ask(client: socket.socket, server: uvicorn.Server) -> None:
        await app.gone.wait()
        assert server.server_state.connections
        await nobody(server)

    served(app, ask, header=header)


def test_a_client_that_takes_its_answer_slowly_gets_all_of_it_and_keeps_its_connection() -> None:
    app = App(chunks=2)

    async def ask(client: socket.socket, server: uvicorn.Server) -> None:
        received = b""
        while not received.endswith(b"0\r\n\r\n"):
            # Slower than the bound for the whole, faster than it for each part: only time itself can show it.
            await asyncio.sleep(BOUND_S / 10)
            received += (data := await asyncio.get_running_loop().sock_recv(client, 30_000))
            assert data, f"cut after {len(received)} bytes"
        assert received.count(b"x") == 2 * len(CHUNK)
        await asyncio.sleep(2 * BOUND_S)
        assert server.server_state.connections

    served(app, ask, keepalive=20.0)


def test_without_a_bound_a_client_may_take_any_time() -> None:
    app = App(chunks=8)

    async def ask(client: socket.socket, server: uvicorn.Server) -> None:
        await asyncio.sleep(3 * BOUND_S)
        assert server.server_state.connections
        while not app.gone.is_set():
            assert await asyncio.get_running_loop().sock_recv(client, 100_000)

    served(app, ask, bound=0.0)
