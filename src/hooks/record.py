"""One client request: what is known of it so far, and the one line it becomes.

The edge opens a record, the callback fills it, and it is written when both are done: the edge says `end` (the response
left or broke), the callback says `settle` (tokens and cost are known). LiteLLM logs a success after the last chunk, so
the second can be late: after `SETTLE_SECONDS` the line is written with what is known.
"""

import asyncio
import logging
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timezone
from functools import lru_cache
from typing import Any

LABEL_LENGTH = 64
ERROR_LENGTH = 300
NAMES_SHOWN = 20
SETTLE_SECONDS = 2.0
OPEN_LIMIT = 10_000

_UNSAFE_IN_LABEL = re.compile(r"[^A-Za-z0-9._:@/+=?\[\]-]")
_log = logging.getLogger("gateway.hooks")


@lru_cache(4096)
def label(text: str | None) -> str | None:
    """Return a name that a client gave us, safe for headers, logs and tables: 64 harmless characters at most."""
    return _UNSAFE_IN_LABEL.sub("_", text[:LABEL_LENGTH]) if text else None


@dataclass(slots=True)
class Attempt:
    """One call of an upstream; ``status`` is its HTTP status, ``error_type`` None when it answered."""

    deployment: str
    model: str | None = None
    provider: str | None = None
    status: int | None = None
    error_type: str | None = None
    duration_ms: int | None = None

    def to_line(self) -> dict[str, Any]:
        """Return what the request line says about this attempt."""
        return {"deployment": self.deployment, "model": self.model, "status": self.status,
                "error_type": self.error_type, "duration_ms": self.duration_ms}


@dataclass(slots=True)
class RequestRecord:
    """Everything the request line says, and what the hooks need meanwhile. Unknown is None.

    ``asked`` is the model name as the client sent it, ``alias`` the declared name it is, ``answered`` the alias of the
    deployment that answered in the end (a chain member, a fallback). ``extra`` is for the hooks' own notes.
    ``error`` is our own wording: never an upstream's
    text, which may repeat message content. ``*_ns`` are readings of the monotonic clock.
    """

    request_id: str
    route: str = "chat"
    config: str | None = None
    client_request_id: str | None = None
    opened_at: float = field(default_factory=time.time)
    started_ns: int = field(default_factory=time.perf_counter_ns)
    first_byte_ns: int | None = None
    ended_ns: int | None = None
    asked: str | None = None
    alias: str | None = None
    answered: str | None = None
    model: str | None = None
    provider: str | None = None
    deployment: str | None = None
    chain: str | None = None
    chain_position: int | None = None
    attempts: list[Attempt] = field(default_factory=list)
    status: int | None = None
    error_type: str | None = None
    error: str | None = None
    stream: bool | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    reasoning_tokens: int | None = None
    cached_tokens: int | None = None
    cost_micros: int | None = None
    cost_state: str = "unknown"
    dropped: dict[str, None] = field(default_factory=dict)
    translated: dict[str, str] = field(default_factory=dict)
    client_key: str | None = None
    user: str | None = None
    session: str | None = None
    client_gone: bool = False
    ended: bool = False
    settled: bool = False
    timer: asyncio.TimerHandle | None = None
    extra: dict[str, Any] = field(default_factory=dict)

    def drop(self, name: str) -> None:
        """Remember that a parameter, field or header that the client sent went no further."""
        self.dropped[name] = None

    def translate(self, sent: str, became: str) -> None:
        """Remember that a parameter went on under another name."""
        self.translated[sent] = became

    def fail(self, error_type: str | None, error: str | None = None, status: int | None = None) -> None:
        """Remember the error that the client sees; the first one tells the cause, later ones do not replace it."""
        if self.error_type is None:
            self.error_type, self.error = error_type or "error", error
        self.status = status if status is not None else self.status

    def dropped_names(self) -> list[str]:
        """Return the dropped names as they may be shown: safe, cut, at most twenty."""
        return [label(name) or "_" for name in list(self.dropped)[:NAMES_SHOWN]]

    def translated_names(self) -> dict[str, str | None]:
        """Return what went on under another name, as it may be shown."""
        return {label(sent) or "_": label(became) for sent, became in self.translated.items()}

    def _milliseconds(self, until: int | None) -> int | None:
        return None if until is None else (until - self.started_ns) // 1_000_000

    def to_line(self) -> dict[str, Any]:
        """Return the request line: exactly the fields that others rely on, in their order."""
        return {
            "time": _moment(self.opened_at),
            "request_id": self.request_id, "client_request_id": label(self.client_request_id),
            "alias": self.alias, "model": self.model, "provider": self.provider, "deployment": self.deployment,
            "chain": self.chain, "chain_position": self.chain_position,
            "attempts": [attempt.to_line() for attempt in self.attempts] if self.attempts else [],
            "status": self.status, "error_type": self.error_type, "error": self.error and self.error[:ERROR_LENGTH],
            "stream": self.stream, "ttft_ms": self._milliseconds(self.first_byte_ns),
            "duration_ms": self._milliseconds(self.ended_ns),
            "prompt_tokens": self.prompt_tokens, "completion_tokens": self.completion_tokens,
            "reasoning_tokens": self.reasoning_tokens, "cached_tokens": self.cached_tokens,
            "cost_micros": self.cost_micros, "cost_state": self.cost_state,
            "dropped": self.dropped_names() if self.dropped else [],
            "translated": self.translated_names() if self.translated else {},
            "client_key": label(self.client_key), "user": label(self.user), "session": label(self.session),
            "config": self.config, "client_gone": self.client_gone,
        }


def _moment(seconds: float) -> str:
    """Return a moment as ISO 8601 in UTC, to the millisecond."""
    milliseconds = round(seconds * 1e6) // 1000
    return f"{_second(milliseconds // 1000)}.{milliseconds % 1000:03d}+00:00"


@lru_cache(16)
def _second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%dT%H:%M:%S")


class RequestBook:
    """The requests that are open in this worker, by id; closing one hands it to every sink exactly once."""

    def __init__(self, sinks: list[Callable[[RequestRecord], None]], limit: int = OPEN_LIMIT,
                 settle_seconds: float = SETTLE_SECONDS) -> None:
        self.sinks = sinks
        self.open_requests: dict[str, RequestRecord] = {}
        self._limit = limit
        self._settle_seconds = settle_seconds

    def open(self, record: RequestRecord) -> RequestRecord:
        """Start to follow a request; beyond the limit the oldest is closed with what is known."""
        if len(self.open_requests) >= self._limit:
            self._close(next(iter(self.open_requests.values())))
        self.open_requests[record.request_id] = record
        return record

    def find(self, request_id: str | None) -> RequestRecord | None:
        """Return the open record with this id (LiteLLM's ``litellm_call_id``), None when there is none."""
        return self.open_requests.get(request_id) if request_id else None

    def end(self, record: RequestRecord) -> None:
        """The edge's word: the response has ended. Writes the line, at once when the callback has nothing to add."""
        if record.ended:
            return
        record.ended, record.ended_ns = True, time.perf_counter_ns()
        if record.settled:
            self._close(record)
        else:
            record.timer = asyncio.get_running_loop().call_later(self._settle_seconds, self._close, record)

    def settle(self, record: RequestRecord) -> None:
        """The callback's word: tokens, cost and outcome are final. Writes the line if the response has ended."""
        record.settled = True
        if record.ended:
            self._close(record)

    def flush(self) -> None:
        """Write every open record with what is known; for shutdown."""
        for record in list(self.open_requests.values()):
            self._close(record)

    def _close(self, record: RequestRecord) -> None:
        # dict.pop is atomic: of a timer, a late log event and a flush only one finds the record.
        if self.open_requests.pop(record.request_id, None) is None:
            return
        if record.timer is not None:
            record.timer.cancel()
        record.ended_ns = record.ended_ns or time.perf_counter_ns()
        for sink in self.sinks:
            try:
                sink(record)
            except Exception:  # one sink must not take the others, or the request, with it
                _log.exception("a sink refused the record of request %s", record.request_id)
