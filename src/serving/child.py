"""A worker as its parent sees it."""

import contextlib
import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from . import worker
from .capture import Capture
from .generation import Generation
from .loop import Loop, forking
from .pipe import CHANGED, LEAVING, READY, SERVED, Listener
from .shares import Share, Shares

State = Literal["booting", "serving", "draining"]


@dataclass(eq=False)
class Child:
    """One worker process; times are of the monotonic clock."""

    pid: int
    generation: Generation
    pipe: Listener
    capture: Capture
    share: Share
    since: float = field(default_factory=time.monotonic)
    state: State = "booting"
    beat: float = field(default_factory=time.monotonic)
    requests: int = 0
    served_since: float | None = None
    left_at: float | None = None
    told: bool = False
    rows: str | None = None
    killed_for: str = ""

    def hear(self, line: bytes, now: float) -> None:
        """Take note of one line from the worker."""
        self.beat = now
        if line.startswith(SERVED):
            self.requests = int(line[len(SERVED):])
        elif line.startswith(CHANGED):
            self.rows = line[len(CHANGED):].decode("ascii", "replace")
        elif line == READY:
            self.state, self.served_since = "serving", now
        elif line == LEAVING:
            self.leave(now)

    def leave(self, now: float) -> None:
        """Note that nothing new is accepted there."""
        self.state, self.left_at = "draining", now

    def tell(self, signum: signal.Signals) -> None:
        """Send a signal; a child that is not reaped yet can still be sent one."""
        self.told = True
        os.kill(self.pid, signum)

    def kill(self, reason: str) -> None:
        """End a worker that no longer reacts."""
        self.killed_for = reason
        os.kill(self.pid, signal.SIGKILL)

    def rss_bytes(self) -> int | None:
        """Return the resident memory, None where the system does not tell."""
        try:
            with open(f"/proc/{self.pid}/statm", encoding="ascii") as file:
                return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        except OSError:
            return None

    def status(self, now: float) -> dict[str, object]:
        """Return what `litellm-gateway status` shows of this worker."""
        return {
            "pid": self.pid,
            "state": self.state,
            "generation": self.generation.number,
            "age_s": round(now - self.since, 1),
            "requests": self.requests,
            "rss_bytes": self.rss_bytes(),
        }


Fork = Callable[[Generation, bool], Child]


def forker(job: worker.Job, loop: Loop, shares: Shares) -> Fork:
    """Return what forks a worker of a generation (the first of it or not) that does ``job``.

    It raises OSError where that is impossible, and leaves nothing open.
    """

    def fork(generation: Generation, first: bool) -> Child:
        with contextlib.ExitStack() as undo:
            capture = undo.enter_context(contextlib.closing(Capture.make()))
            share = shares.take()
            undo.callback(share.give_back)
            read, write = os.pipe()
            for end in (read, write):
                undo.callback(os.close, end)
            _flush()
            with forking():
                pid = os.fork()
                if pid == 0:
                    _become(worker.Task(job, generation, capture, first, share), loop, read, write)
            undo.pop_all()
        os.close(write)
        return Child(pid, generation, Listener(read), capture, share)

    return fork


def _flush() -> None:
    """Write what is buffered, or every child would write it again."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError):  # nobody reads any more
            stream.flush()


def _become(task: worker.Task, loop: Loop, read: int, write: int) -> None:
    try:
        loop.abandon()
        os.close(read)
        worker.run(task, write)
    finally:
        os._exit(worker.EXIT_BOOT_FAILED)
