"""Workers share new connections: who has more gives the others a moment's start, and nobody waits for the dead."""

import asyncio
import errno
import os
import socket
from collections.abc import Iterator

import pytest

from src.serving.accept import Acceptor
from src.serving.shares import Share, Shares


@pytest.mark.parametrize(("counts", "surplus"), [
    ((3,), 0), ((3, 3), 0), ((4, 3), 1), ((2, 3), 0), ((9, 5, 0), 9), ((5, None), 0), ((None, 2), 0),
])
def test_a_worker_knows_what_it_has_beyond_the_least_busy(counts: tuple[int | None, ...], surplus: int) -> None:
    shares = Shares()
    taken = [shares.take() for _ in counts]
    for share, count in zip(taken, counts):
        if count is not None:
            share.tell(count)
    assert taken[0].surplus == surplus


def test_who_left_or_died_is_not_waited_for() -> None:
    shares = Shares()
    one, other, third = shares.take(), shares.take(), shares.take()
    for share, count in ((one, 5), (other, 0), (third, 1)):
        share.tell(count)
    other.leave()
    assert one.surplus == 4
    third.give_back()
    assert one.surplus == 0


def test_places_are_used_again_and_a_worker_too_many_takes_no_part() -> None:
    shares = Shares(slots=2)
    first, second, third = shares.take(), shares.take(), shares.take()
    second.tell(0)
    third.tell(7)
    assert third.surplus == 0
    first.give_back()
    first.give_back()
    fourth, fifth = shares.take(), shares.take()
    fourth.tell(2)
    assert (fourth.surplus, fifth.slot) == (2, None)


def test_processes_see_each_others_counts() -> None:
    shares = Shares()
    mine, theirs = shares.take(), shares.take()
    mine.tell(3)
    pid = os.fork()
    if pid == 0:
        theirs.tell(1)
        os._exit(0)
    os.waitpid(pid, 0)
    assert mine.surplus == 2


class Worker(asyncio.Protocol):
    """Counts the connections of one worker."""

    def __init__(self, held: set[asyncio.BaseTransport]) -> None:
        self.held = held

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.held.add(transport)


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as found:
        found.setblocking(False)
        yield found


def accepting(listener: socket.socket, share: Share, held: set[asyncio.BaseTransport]) -> Acceptor:
    return Acceptor(listener.dup(), lambda: Worker(held), None, share, lambda: len(held))


async def connect(listener: socket.socket, count: int) -> list[asyncio.StreamWriter]:
    pairs = await asyncio.gather(*(asyncio.open_connection(*listener.getsockname()) for _ in range(count)))
    return [writer for _, writer in pairs]


async def all_of(held: list[set[asyncio.BaseTransport]], count: int) -> list[int]:
    async with asyncio.timeout(10):
        while sum(map(len, held)) < count:
            await asyncio.sleep(0.005)
    return sorted(map(len, held))


def test_clients_that_come_together_are_shared(listener: socket.socket) -> None:
    async def run() -> list[int]:
        shares = Shares()
        held: list[set[asyncio.BaseTransport]] = [set(), set()]
        acceptors = [accepting(listener, shares.take(), mine) for mine in held]
        clients = await connect(listener, 16)
        found = await all_of(held, 16)
        for client in clients:
            client.close()
        for acceptor in acceptors:
            acceptor.close()
        return found

    least, most = asyncio.run(run())
    assert most <= 10 and least + most == 16


def test_what_nobody_else_takes_is_taken(listener: socket.socket) -> None:
    async def run() -> list[int]:
        shares = Shares()
        stuck = shares.take()
        stuck.tell(0)  # least busy, and never comes back to its loop
        held: set[asyncio.BaseTransport] = set()
        acceptor = accepting(listener, shares.take(), held)
        clients = await connect(listener, 6)
        found = await all_of([held], 6)
        acceptor.close()
        acceptor.close()
        assert acceptor._share.surplus == 0, "it takes no part any more"
        for one in clients:
            one.close()
        return found

    assert asyncio.run(run()) == [6]


class Exhausted(socket.socket):
    """A listening socket of a process without descriptors, for the first ``times``."""

    times = 1
    why = errno.EMFILE

    def accept(self) -> tuple[socket.socket, object]:
        if Exhausted.times:
            Exhausted.times -= 1
            raise OSError(Exhausted.why, os.strerror(Exhausted.why))
        return super().accept()


@pytest.mark.parametrize("why", [errno.EMFILE, errno.ECONNABORTED])
def test_a_connection_that_cannot_be_taken_now_is_taken_later(
        why: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr("src.serving.accept._PAUSE_S", 0.01)
    Exhausted.times, Exhausted.why = 1, why

    async def run() -> list[int]:
        with Exhausted() as listener:
            listener.bind(("127.0.0.1", 0))
            listener.listen()
            listener.setblocking(False)
            held: set[asyncio.BaseTransport] = set()
            acceptor = Acceptor(listener, lambda: Worker(held), None, Shares().take(), lambda: len(held))
            (client,) = await connect(listener, 1)
            found = await all_of([held], 1)
            client.close()
            acceptor.close()
            return found

    assert asyncio.run(run()) == [1]
    assert ("no connection can be accepted" in caplog.text) == (why == errno.EMFILE)
