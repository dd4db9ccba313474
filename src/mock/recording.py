"""What the mock upstream was asked: the count that tests treat as the truth."""

import json
import os
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, TextIO

_KEY_HEADERS = ("x-api-key", "api-key", "x-goog-api-key")


@dataclass
class Recorded:
    """One request as it arrived, and how it ended. Header names are in lower case, ``time`` is UTC."""

    number: int
    method: str
    path: str
    query: str
    operation: str
    model: str
    headers: dict[str, str]
    body: Any
    stream: bool
    in_flight: int
    time: datetime = field(default_factory=lambda: datetime.now(timezone.utc))
    status: int | None = None
    chunks_sent: int = 0
    client_gone: bool = False
    ended: bool = False

    @property
    def key(self) -> str | None:
        """The credential that the client sent, None without one."""
        return key_of(self.headers)

    def to_json(self) -> dict[str, Any]:
        """Return the record with the time as ISO text."""
        return {**asdict(self), "time": self.time.isoformat()}


def key_of(headers: dict[str, str]) -> str | None:
    """Return the key among lower-case ``headers``: a bearer token, or one of the providers' own headers."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token:
        return token
    return next((headers[name] for name in _KEY_HEADERS if name in headers), None)


class Recorder:
    """Keeps every request in order of arrival; ``path`` also receives one JSON line per ended request.

    ``keep=False`` only counts, for long benchmarks. Safe between threads.
    """

    def __init__(self, path: Path | None = None, keep: bool = True) -> None:
        self.requests: list[Recorded] = []
        self.counts: Counter[str] = Counter()
        self._keep = keep
        self._numbers = 0
        self._in_flight = 0
        self._changed = threading.Condition()
        self._file = _open(path) if path else None

    def begin(self, **facts: Any) -> Recorded:
        """Record a request that has arrived; ``facts`` are the fields of `Recorded` that describe it."""
        with self._changed:
            self._numbers += 1
            self._in_flight += 1
            record = Recorded(number=self._numbers, in_flight=self._in_flight, **facts)
            self.counts[record.model] += 1
            if self._keep:
                self.requests.append(record)
            self._changed.notify_all()
        return record

    def end(self, record: Recorded, client_gone: bool) -> None:
        """Record how a request ended, and write its line."""
        with self._changed:
            self._in_flight -= 1
            record.client_gone, record.ended = client_gone, True
            if self._file:
                self._file.write(json.dumps(record.to_json(), ensure_ascii=False) + "\n")
                self._file.flush()
            self._changed.notify_all()

    def clear(self) -> None:
        """Forget all requests and counts; requests in flight are not recorded again."""
        with self._changed:
            self.requests.clear()
            self.counts.clear()

    def wait(self, done: Callable[[list[Recorded]], object], seconds: float) -> None:
        """Return as soon as ``done(requests)`` holds; raises TimeoutError after ``seconds``."""
        with self._changed:
            if not self._changed.wait_for(lambda: done(self.requests), seconds):
                seen = [(r.model, r.status, r.client_gone) for r in self.requests]
                raise TimeoutError(f"not so after {seconds} s; requests seen: {seen}")

    def close(self) -> None:
        """Close the file of records."""
        if self._file:
            self._file.close()


def _open(path: Path) -> TextIO:
    # The records hold keys: nobody else may read them.
    return open(path, "a", encoding="utf-8", errors="replace", opener=lambda name, flags: os.open(name, flags, 0o600))
