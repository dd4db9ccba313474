"""Runs the mock upstream: in a thread of its own for tests, or until told to stop for a process."""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from pathlib import Path
from types import TracebackType
from typing import Any

from aiohttp import web

from .app import build
from .faults import Fault, FaultBook
from .recording import Recorded, Recorder
from .state import State

__all__ = ["Fault", "MockUpstream", "Recorded", "start"]


async def start(state: State, host: str, port: int) -> tuple[web.AppRunner, int]:
    """Listen on ``host`` and ``port`` (0: a free one); return the runner to clean up and the port. Raises OSError."""
    # Without handler_cancellation a client that leaves would go unnoticed until the next write.
    runner = web.AppRunner(build(state), access_log=None, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port, backlog=1024)
        await site.start()
    except OSError:
        await runner.cleanup()
        raise
    return runner, int(runner.addresses[0][1])


def url_of(host: str, port: int) -> str:
    """Return the base URL of the API; IPv6 addresses are bracketed."""
    return f"http://{f'[{host}]' if ':' in host else host}:{port}/v1"


class MockUpstream:
    """The mock in a thread of its own; a context manager. Raises OSError where it cannot listen.

    ``requests`` grows with every request, ``faults`` maps models to faults; both may be used from the test's thread.
    """

    def __init__(self, host: str = "127.0.0.1", port: int = 0, gap: float = 0.0, record: Path | None = None) -> None:
        self.host = host
        self.port = port
        self.state = State(gap=gap, recorder=Recorder(record))
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="mock-upstream", daemon=True)
        self._runner: web.AppRunner | None = None

    def __enter__(self) -> "MockUpstream":
        self._thread.start()
        try:
            self._runner, self.port = self._run(start(self.state, self.host, self.port))
        except OSError:
            self._end()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.state.stopping = True
        if self._runner:
            self._run(self._runner.cleanup())
        self._end()

    def _run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    def _end(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(30)
        self._loop.close()
        self.state.recorder.close()

    @property
    def url(self) -> str:
        """The base URL, ending in ``/v1``."""
        return url_of(self.host, self.port)

    @property
    def requests(self) -> list[Recorded]:
        """Every request since the start or the last `reset`, in order of arrival."""
        return self.state.recorder.requests

    @property
    def faults(self) -> FaultBook:
        """What goes wrong, by model."""
        return self.state.faults

    @property
    def models(self) -> list[str]:
        """The model ids that ``GET models`` lists; may be changed."""
        return self.state.models

    def reset(self) -> None:
        """Forget requests and faults."""
        self.faults.clear()
        self.state.recorder.clear()

    def wait(self, done: Callable[[list[Recorded]], object], seconds: float = 10.0) -> None:
        """Return as soon as ``done(requests)`` holds; raises TimeoutError after ``seconds``."""
        self.state.recorder.wait(done, seconds)
