"""Where request lines go: stdout, through a thread of their own, so that a slow reader never stalls the event loop."""

import logging
import os
import select
import threading
from collections.abc import Mapping
from queue import SimpleQueue
from typing import Any

from ..config.lines import printable

# A pipe takes this much in one piece (POSIX), so lines of several workers never mix.
PIPE_BUFFER = getattr(select, "PIPE_BUF", 512)
WAITING_LIMIT = 100_000
FLUSH_SECONDS = 5.0


class BatchHandler(logging.Handler):
    """Write each record as one line to file descriptor ``fd``, in order, several at a time, off the caller's thread."""

    def __init__(self, fd: int = 1) -> None:
        super().__init__()
        self._fd = fd
        self._queue: SimpleQueue[str | threading.Event] = SimpleQueue()
        self._thread: threading.Thread | None = None

    def emit(self, record: logging.LogRecord) -> None:
        """Queue one line; the thread is started by the first one, in the process that needs it."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="request-lines", daemon=True)
            self._thread.start()
        if self._queue.qsize() < WAITING_LIMIT:
            self._queue.put(record.getMessage())

    def flush(self) -> None:
        """Wait until everything queued so far is written, five seconds at most."""
        if self._thread is not None:
            reached = threading.Event()
            self._queue.put(reached)
            reached.wait(FLUSH_SECONDS)

    def _run(self) -> None:
        while True:
            items = [self._queue.get()]
            while not self._queue.empty():
                items.append(self._queue.get())
            self._write_lines([item for item in items if isinstance(item, str)])
            for item in items:
                if isinstance(item, threading.Event):
                    item.set()

    def _write_lines(self, lines: list[str]) -> None:
        batch = b""
        for line in lines:
            data = line.encode("utf-8", "replace") + b"\n"
            if batch and len(batch) + len(data) > PIPE_BUFFER:
                self._write(batch)
                batch = b""
            batch += data
        self._write(batch)

    def _write(self, data: bytes) -> None:
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


def request_logger() -> logging.Logger:
    """Return the logger of the request lines, set up for stdout unless somebody did that already."""
    logger = logging.getLogger("gateway.request")
    if not logger.handlers:
        logger.addHandler(BatchHandler())
        logger.setLevel(logging.INFO)
        logger.propagate = False
    return logger
