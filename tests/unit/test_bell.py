"""How threads of ours are woken: nothing that was put is left lying, however long nothing came before."""

import threading
from collections import deque

import pytest

from src.hooks.bell import Bell

from .ledger_support import wait_for


@pytest.fixture
def taken() -> list[str]:
    return []


def start(queue: deque[str], bell: Bell, taken: list[str]) -> None:
    """Take what comes, until `end` does."""
    def work() -> None:
        while "end" not in taken:
            bell.wait()
            while queue:
                taken.append(queue.popleft())

    threading.Thread(target=work, daemon=True).start()


def put(queue: deque[str], bell: Bell, *names: str) -> None:
    for name in names:
        queue.append(name)
        bell.put()


def test_what_comes_after_a_long_silence_wakes_the_thread(taken: list[str]) -> None:
    queue: deque[str] = deque()
    bell = Bell(queue, 0.001)
    start(queue, bell, taken)
    for number in range(5):
        wait_for(lambda: bell.asleep, "a thread that nobody wakes")
        put(queue, bell, f"{number}a", f"{number}b")
        wait_for(lambda: len(taken) == 2 * number + 2, "both")
    put(queue, bell, "end")
    wait_for(lambda: taken[-1] == "end", "the end")
    assert taken == [f"{number}{letter}" for number in range(5) for letter in "ab"] + ["end"]


def test_many_that_put_lose_nothing(taken: list[str]) -> None:
    queue: deque[str] = deque()
    bell = Bell(queue, 0.0001)
    start(queue, bell, taken)
    names = [[f"{thread}-{number}" for number in range(500)] for thread in range(4)]
    threads = [threading.Thread(target=put, args=(queue, bell, *some)) for some in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    wait_for(lambda: len(taken) == 2_000, "everything")
    put(queue, bell, "end")
    assert sorted(taken[:2_000]) == sorted(sum(names, []))


def test_ringing_twice_is_ringing_once_and_is_not_forgotten() -> None:
    bell = Bell(deque(), 600)
    bell.ring()
    bell.ring()
    bell.wait()
    assert not bell.asleep
