"""Waiting in line for a limit: first come, first served, in one worker; no longer line than is bearable."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

from .guard_body import ClientGone

LONGEST = 100
Result = TypeVar("Result")


class LineFull(Exception):
    """Too many wait already."""


async def unless_gone(work: Coroutine[Any, Any, Result], receive: Callable[[], Awaitable[Any]]) -> Result:
    """Return the result of ``work``, given up when the client leaves: raises ClientGone."""
    task = asyncio.ensure_future(work)
    leaving = asyncio.ensure_future(receive())
    try:
        await asyncio.wait({task, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise ClientGone
        return task.result()
    finally:
        task.cancel()
        leaving.cancel()


@dataclass(slots=True)
class _Line:
    # asyncio.Lock wakes its waiters in the order of their arrival, and forgets those that were cancelled.
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    waiting: int = 0


class Lines:
    """The lines of one worker by the name of their limit; they exist while somebody waits."""

    def __init__(self, longest: int = LONGEST) -> None:
        self._lines: defaultdict[str, _Line] = defaultdict(_Line)
        self._longest = longest

    def busy(self, name: str) -> bool:
        """Tell whether somebody waits."""
        return name in self._lines

    @asynccontextmanager
    async def turn(self, name: str, deadline: float) -> AsyncIterator[None]:
        """Wait for one's turn until ``deadline`` of the loop's clock; raises LineFull, or TimeoutError."""
        line = self._lines[name]
        if line.waiting >= self._longest:
            raise LineFull
        line.waiting += 1
        try:
            async with asyncio.timeout_at(deadline):
                await line.lock.acquire()
            try:
                yield
            finally:
                line.lock.release()
        finally:
            line.waiting -= 1
            if not line.waiting:
                self._lines.pop(name, None)
