"""What a worker does beside its requests, again and again, for as long as it lives."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any

Work = Callable[[], Coroutine[Any, Any, None]]


@asynccontextmanager
async def beside(*works: Work) -> AsyncIterator[None]:
    """Run every one of ``works`` until the block ends."""
    async with AsyncExitStack() as stack:
        for work in works:
            stack.push_async_callback(_end, asyncio.create_task(work()))
        yield


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def pause(seconds: float) -> None:
    """Wait about so long: workers that started together need not ask together."""
    await asyncio.sleep(seconds * random.uniform(0.8, 1.0))
