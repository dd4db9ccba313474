"""The workers: how many of which configuration run, which are replaced, which must go.

A generation is proposed; its first worker is the canary. Once that serves, the generation is the current one, the
others follow, and when all serve the older generations are told to drain. A canary that fails is the end of its
generation, and nothing else changes.
"""

import os
import signal
import time
from collections.abc import Callable

from ..errors import NotStarted
from .capture import concise
from .child import Child, Fork
from .generation import Generation
from .log import Log
from .loop import Loop
from .order import Order
from .worker import EXIT_BOOT_FAILED

# A parent that itself stood still so long (a stopped job, a sleeping laptop) has heard nobody.
_SUSPENDED_S = 5.0
# On top of what a leaving worker allows itself, for its app's own shutdown.
_MARGIN_S = 15.0
# After so many deaths the older workers stop waiting for the new generation to be complete.
_ENOUGH_WAITING = 3
_SHOWN_LINES = 20

Verdict = Callable[[Generation, list[str] | None], None]


class Fleet:
    """All workers of all generations. ``verdict`` hears of every proposed one: None, or why it was refused."""

    def __init__(self, order: Order, fork: Fork, loop: Loop, log: Log, verdict: Verdict) -> None:
        self._order, self._fork, self._loop, self._log, self._verdict = order, fork, loop, log, verdict
        self.children: dict[int, Child] = {}
        self.current: Generation | None = None
        self.candidate: Generation | None = None
        self.last_words: list[str] = []
        self._stopped_at: float | None = None
        self._stepped_at = time.monotonic()

    def propose(self, generation: Generation) -> None:
        """Fork the canary of ``generation``."""
        self.candidate = generation
        self._spawn(generation, first=True)

    def step(self, now: float) -> None:
        """Bring the workers nearer to what they should be."""
        if now - self._stepped_at > _SUSPENDED_S:
            for child in self.children.values():
                child.beat = now
        self._stepped_at = now
        self._reap(now)
        self._kill_hanging(now)
        if self.current and self._stopped_at is None:
            self._refill(self.current, now)
            self._retire(self.current)

    def stop(self, now: float) -> None:
        """Let everybody finish within ``grace``; who is still booting has nothing to finish."""
        self._stopped_at = now
        for child in self.children.values():
            child.tell(signal.SIGKILL if child.state == "booting" else signal.SIGINT)

    def kill(self) -> None:
        """End everybody at once, and start nobody any more."""
        self._stopped_at = self._stopped_at or time.monotonic()
        for child in self.children.values():
            child.tell(signal.SIGKILL)

    @property
    def complete(self) -> bool:
        """Return whether every worker of the current generation serves."""
        return self.current is not None and len(self._of(self.current, "serving")) >= self._order.workers

    @property
    def switched(self) -> bool:
        """Return whether new connections can only meet the current generation."""
        old = any(self._is_old(child) and child.state != "draining" for child in self.children.values())
        return self.candidate is None and not old

    def changed_rows(self) -> str | None:
        """Return, once, the digest of the registry's rows that a worker of the current generation found changed."""
        for child in self.children.values():
            digest, child.rows = child.rows, None
            if digest is not None and child.generation is self.current:
                return digest
        return None

    @property
    def hopeless(self) -> bool:
        """Return whether nobody serves and the replacements die again and again."""
        nobody = not any(child.state == "serving" for child in self.children.values())
        return nobody and self.current is not None and self.current.backoff.hopeless

    @property
    def draining(self) -> list[int]:
        """Return the numbers of the older generations that still have workers."""
        numbers = {child.generation.number for child in self.children.values() if self._is_old(child)}
        return sorted(numbers)

    def status(self, now: float) -> list[dict[str, object]]:
        """Return one row per worker."""
        return [child.status(now) for child in self.children.values()]

    def _of(self, generation: Generation, *states: str) -> list[Child]:
        return [child for child in self.children.values() if child.generation is generation and child.state in states]

    def _is_old(self, child: Child) -> bool:
        return child.generation not in (self.current, self.candidate)

    def _spawn(self, generation: Generation, first: bool = False) -> None:
        try:
            generation.restore()
            child = self._fork(generation, first)
        except (OSError, NotStarted) as error:
            self._cannot_fork(generation, str(error))
            return
        self.children[child.pid] = child
        self._loop.add(child.pipe.fd, lambda: self._listen(child))

    def _cannot_fork(self, generation: Generation, reason: str) -> None:
        self._log("cannot_fork", f"no worker of configuration {generation.number} can be started: {reason}")
        if generation is self.candidate:
            self.candidate = None
            self._verdict(generation, [f"no process can be started: {reason}"])
        else:
            generation.backoff.died(time.monotonic(), None)

    def _listen(self, child: Child) -> None:
        lines = child.pipe.lines()
        if lines is None:
            self._close(child)
            return
        for line in lines:
            was = child.state
            child.hear(line, time.monotonic())
            if (was, child.state) == ("booting", "serving"):
                self._serves(child)

    def _serves(self, child: Child) -> None:
        child.capture.close()
        generation = child.generation
        text = f"worker {child.pid} serves configuration {generation.number}"
        self._log("worker_serving", text, pid=child.pid, generation=generation.number)
        if generation is self.candidate:
            older, self.current, self.candidate = self.current, generation, None
            self._verdict(generation, None)
            self._discard_unused(older)

    def _refill(self, generation: Generation, now: float) -> None:
        missing = self._order.workers - len(self._of(generation, "booting", "serving"))
        if generation.backoff.due(now):
            for _ in range(missing):
                self._spawn(generation)

    def _retire(self, generation: Generation) -> None:
        if self.complete or generation.backoff.failures >= _ENOUGH_WAITING:
            for child in self.children.values():
                if self._is_old(child) and not child.told:
                    child.tell(signal.SIGTERM)

    def _kill_hanging(self, now: float) -> None:
        for child in self.children.values():
            if not child.killed_for and (reason := self._hangs(child, now)):
                self._log("worker_hangs", f"worker {child.pid} is killed: {reason}", pid=child.pid)
                child.kill(reason)

    def _hangs(self, child: Child, now: float) -> str:
        if self._stopped_at is not None:
            overdue = now - self._stopped_at > self._order.grace + _MARGIN_S
            return "it did not end in time" if overdue else ""
        if child.state == "booting":
            limit = self._order.boot_timeout
            return f"it did not boot within {limit:g} s" if now - child.beat > limit else ""
        if now - child.beat > self._order.beat_timeout:
            return f"no sign of life for {self._order.beat_timeout:g} s"
        longest = self._order.reload_grace + _MARGIN_S
        return "it did not end in time" if child.left_at is not None and now - child.left_at > longest else ""

    def _reap(self, now: float) -> None:
        for child in list(self.children.values()):
            pid, status = os.waitpid(child.pid, os.WNOHANG)
            if pid:
                self._bury(child, os.waitstatus_to_exitcode(status), now)

    def _bury(self, child: Child, code: int, now: float) -> None:
        self._listen(child)  # its last words may not have been read yet
        self._close(child)
        child.share.give_back()
        del self.children[child.pid]
        generation = child.generation
        reasons = self._why(child, code) if child.served_since is None else []
        child.capture.close()
        self._log_end(child, code, reasons)
        if generation is self.candidate:
            self.candidate = None
            self._verdict(generation, reasons)
        elif child.state != "draining" and not child.told:
            self.last_words = reasons or self.last_words
            generation.backoff.died(now, None if child.served_since is None else now - child.served_since)
        if self._is_old(child):
            self._discard_unused(generation)

    def _discard_unused(self, generation: Generation | None) -> None:
        if generation and not any(child.generation is generation for child in self.children.values()):
            generation.discard()

    def _why(self, child: Child, code: int) -> list[str]:
        said = child.capture.errors(child.generation.scrubber)
        said = (said if self._order.debug else concise(said))[-_SHOWN_LINES:]
        if said and code == EXIT_BOOT_FAILED:
            return said
        return [*said, f"the worker was killed: {child.killed_for}" if child.killed_for else f"the worker {how(code)}"]

    def _log_end(self, child: Child, code: int, reasons: list[str]) -> None:
        left = child.state == "draining" or child.told
        event, verb = ("worker_left", "left") if left else ("worker_died", how(code))
        text = f"worker {child.pid} of configuration {child.generation.number} {verb}"
        if child.served_since is None and not left:
            text += " before it served"
        told_elsewhere = child.generation is self.candidate or self._stopped_at is not None
        self._log.block(event, text, [] if told_elsewhere else reasons)

    def _close(self, child: Child) -> None:
        if child.pipe.fd >= 0:
            self._loop.remove(child.pipe.fd)
            child.pipe.close()


def how(code: int) -> str:
    """Return how a process with this exit code ended, in words."""
    if code >= 0:
        return f"ended with exit code {code}"
    try:
        return f"was ended by {signal.Signals(-code).name}"
    except ValueError:
        return f"was ended by signal {-code}"
