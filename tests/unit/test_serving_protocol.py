"""A client has a bounded time and a bounded size for each head; the rest is as in uvicorn."""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import uvicorn

from src.serving import protocol

Client = tuple[asyncio.StreamReader, asyncio.StreamWriter]
ASK = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"
SLOW_BODY = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n\r\n"


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Answer 200 when the whole body is there, on /slow after longer than the shortest bound."""
    if scope["type"] != "http":
        return
    if scope["path"] == "/slow":
        await asyncio.sleep(0.6)
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


def served(timeout: float, ask: Callable[[Client], Awaitable[None]]) -> None:
    """Run ``ask`` on a connection to a server that gives ``timeout`` seconds for a head."""
    async def run() -> None:
        kind = type("P", (protocol.BoundedProtocol,), {"head_timeout": timeout})
        listener = socket.socket()
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        server = uvicorn.Server(uvicorn.Config(app, http=kind, log_level="critical", lifespan="off"))
        task = asyncio.create_task(server.serve(sockets=[listener]))
        client = await asyncio.open_connection(*listener.getsockname())
        await asyncio.wait_for(ask(client), 20)
        client[1].close()
        server.should_exit = True
        await task
    asyncio.run(run())


async def answer(client: Client) -> bytes:
    """Return the head of the next answer and read its body."""
    head = await client[0].readuntil(b"\r\n\r\n")
    await client[0].readexactly(2 if b"content-length: 2" in head else 0)
    return head


@pytest.mark.parametrize("sent", [b"", b"GET / HT", b"GET / HTTP/1.1\r\nhost: x\r\n"],
                         ids=["nothing", "line", "header"])
def test_a_head_that_does_not_arrive_ends_the_connection(sent: bytes) -> None:
    async def ask(client: Client) -> None:
        client[1].write(sent)
        assert await client[0].read() == b""
    served(0.2, ask)


def test_a_later_head_is_bounded_too() -> None:
    async def ask(client: Client) -> None:
        client[1].write(ASK)
        assert b" 200 " in await answer(client)
        client[1].write(b"GET / HTTP/1.1\r\n")
        assert await client[0].read() == b""
    served(0.2, ask)


def test_the_bound_ends_with_the_head_so_that_bodies_and_pauses_may_be_longer() -> None:
    async def ask(client: Client) -> None:
        client[1].write(SLOW_BODY)
        # Longer than the bound: only time itself can show that no clock runs.
        await asyncio.sleep(0.5)
        client[1].write(b"12345")
        assert b" 200 " in await answer(client)
        await asyncio.sleep(0.5)
        client[1].write(ASK)
        assert b" 200 " in await answer(client)
    served(0.2, ask)


def test_half_a_next_head_does_not_cut_the_answer_before_it() -> None:
    async def ask(client: Client) -> None:
        client[1].write(b"GET /slow HTTP/1.1\r\nhost: x\r\n\r\nGET / HT")
        assert b" 200 " in await answer(client)
        assert await client[0].read() == b""
    served(0.2, ask)


def test_a_head_that_grows_without_end_is_refused() -> None:
    async def ask(client: Client) -> None:
        client[1].write(b"GET / HTTP/1.1\r\n" + b"x-a: " + b"b" * protocol.MAX_HEAD_BYTES)
        assert b" 431 " in await client[0].readuntil(b"\r\n")
    served(10, ask)


def test_a_head_of_usual_size_in_small_pieces_is_served() -> None:
    async def ask(client: Client) -> None:
        for piece in (ASK[:5], ASK[5:20], ASK[20:]):
            client[1].write(piece)
            await client[1].drain()
        assert b" 200 " in await answer(client)
    served(10, ask)


@pytest.mark.parametrize(("keepalive", "timeout"), [(5.0, 30.0), (75.0, 75.0)])
def test_heads_never_get_less_time_than_idle_connections(keepalive: float, timeout: float) -> None:
    assert protocol.bounded(keepalive, 300.0).head_timeout == timeout
