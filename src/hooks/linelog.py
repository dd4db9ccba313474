"""Where request lines go: stdout, through a thread of their own, so that a slow reader never stalls the event loop."""

import atexit
import logging
import os
import select
import threading
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from ..config.lines import printable
from .bell import Bell

# A pipe takes this much in one piece (POSIX), so lines of several workers never mix.
PIPE_BUFFER = getattr(select, "PIPE_BUF", 512)
WAITING_LIMIT = 100_000
FLUSH_SECONDS = 5.0
# Waking a thread for each line would cost more than making the line.
GATHER_SECONDS = 0.05
_AT_ONCE = 1000


class Lines:
    """Writes each line to file descriptor ``fd``, in order, several at a time, off the caller's thread.

    ``mask`` goes over everything before it is written; it is bytes to bytes of the same length.
    """

    def __init__(self, fd: int = 1, mask: Callable[[bytes], bytes] = bytes) -> None:
        self.mask = mask
        self._fd = fd
        self._queue: deque[bytes | threading.Event] = deque()
        self._thread: threading.Thread | None = None
        self._bell = Bell(self._queue, GATHER_SECONDS)

    def write(self, line: bytes) -> None:
        """Queue one line; the thread is started by the first one, in the process that needs it."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="request-lines", daemon=True)
            self._thread.start()
        if len(self._queue) < WAITING_LIMIT:
            self._queue.append(line)
            self._bell.put()

    def flush(self) -> None:
        """Wait until everything queued so far is written, five seconds at most."""
        if self._thread is not None:
            reached = threading.Event()
            self._queue.append(reached)
            self._bell.ring()
            reached.wait(FLUSH_SECONDS)

    def _run(self) -> None:
        while True:
            self._bell.wait()
            while self._queue:
                self._take(min(len(self._queue), _AT_ONCE))

    def _take(self, count: int) -> None:
        items = [self._queue.popleft() for _ in range(count)]
        self._write_lines([item for item in items if isinstance(item, bytes)])
        for item in items:
            if isinstance(item, threading.Event):
                item.set()

    def _write_lines(self, lines: list[bytes]) -> None:
        batch = b""
        for line in lines:
            if batch and len(batch) + len(line) >= PIPE_BUFFER:
                self._write(batch)
                batch = b""
            batch += line + b"\n"
        self._write(batch)

    def _write(self, data: bytes) -> None:
        data = self.mask(data)
        while data:
            try:
                data = data[os.write(self._fd, data):]
            except BlockingIOError:
                select.select([], [self._fd], [])
            except OSError as error:
                logging.getLogger("gateway.hooks").error("request lines cannot be written: %s", error)
                return


def text_line(line: Mapping[str, Any]) -> str:
    """Return a request line for people: when, outcome, what was asked and what answered, how long, tokens, cost."""
    tokens = f"{_known(line['prompt_tokens'])}+{_known(line['completion_tokens'])} tokens"
    cost = "cost unknown" if line["cost_micros"] is None else f"{line['cost_micros']} micro-dollars"
    answered = f"{_known(line['alias'])} -> {_known(line['model'])}"
    parts = [line["time"], str(_known(line["status"])), answered, f"{_known(line['duration_ms'])} ms", tokens, cost,
             f"attempts {len(line['attempts'])}", f"key {_known(line['client_key'])}", f"id {line['request_id']}"]
    if line["error_type"]:
        parts.append(f"error {line['error_type']}: {line['error']}")
    if line["dropped"]:
        parts.append("dropped " + ",".join(line["dropped"]))
    return printable("  ".join(parts))


def _known(value: object) -> object:
    return "-" if value is None else value


_lines: Lines | None = None


def request_lines() -> Lines:
    """Return where this process's request lines go: stdout, emptied before the process ends."""
    global _lines
    if _lines is None:
        _lines = Lines()
        atexit.register(_lines.flush)
    return _lines
