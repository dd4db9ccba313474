"""A request's record as a ledger entry: a plain mapping that JSON can carry; see `store/ledger_rows.py`."""

from operator import attrgetter
from typing import Any

import orjson

from ..policy.costs import Cost, Known
from .record import ERROR_LENGTH, RequestRecord, label

# Notes in a record's ``extra``: exact cost and price by the callback, the request's digest and beginning by the ledger.
COST, PRICE, HASH, CONTENT = "cost", "price", "request_hash", "content"
_NOTED = (HASH, CONTENT, "endpoint", "template", "template_version")
_SAME = ("request_id", "route", "asked", "alias", "model", "provider", "deployment", "chain", "chain_position",
         "status", "error_type", "stream", "prompt_tokens", "completion_tokens", "reasoning_tokens", "cached_tokens",
         "cost_state", "config", "client_gone")
_read_same = attrgetter(*_SAME)


def entry_of(record: RequestRecord) -> dict[str, Any]:
    """Return the entry of ``record``: without an end while the request is under way. Unknown is left out or None."""
    entry: dict[str, Any] = dict(zip(_SAME, _read_same(record)))
    entry["started_us"] = started = int(record.opened_at * 1e6)
    entry["client_request_id"] = label(record.client_request_id)
    entry["client_key"], entry["session"] = label(record.client_key), label(record.session)
    entry["user_label"] = label(record.user)
    for name in _NOTED:
        if name in record.extra:
            entry[name] = record.extra[name]
    if record.ended_ns is not None:
        entry["ended_us"] = started + (record.ended_ns - record.started_ns) // 1000
        _add_outcome(entry, record)
    return entry


def _add_outcome(entry: dict[str, Any], record: RequestRecord) -> None:
    entry["error"] = record.error and record.error[:ERROR_LENGTH]
    entry["ttft_ms"] = _milliseconds(record, record.first_byte_ns)
    entry["duration_ms"] = _milliseconds(record, record.ended_ns)
    entry["attempt_count"] = len(record.attempts)
    entry["attempts"] = _json([attempt.to_line() for attempt in record.attempts])
    entry["dropped"] = _json(record.dropped_names())
    entry["translated"] = _json({label(sent) or "_": label(became) for sent, became in record.translated.items()})
    cost, price = record.extra.get(COST), record.extra.get(PRICE)
    if isinstance(cost, Cost):
        entry["cost_pico"] = cost.pico
    if isinstance(price, Known):
        entry["price"] = price.parts()


def _milliseconds(record: RequestRecord, until: int | None) -> int | None:
    return None if until is None else (until - record.started_ns) // 1_000_000


def _json(value: list[Any] | dict[str, Any]) -> str | None:
    return orjson.dumps(value).decode() if value else None
