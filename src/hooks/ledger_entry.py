"""A request's record as a row of the ledger; `store/ledger_rows.py` says what a row is."""

from functools import lru_cache
from typing import Any

import orjson

from ..policy.costs import Cost, Known
from ..store.ledger_rows import LENGTHS, Row, amount, count, moment, price_id, text
from .record import RequestRecord, label

# Notes in a record's ``extra``: exact cost and price by the callback, the request's digest and beginning by the ledger.
COST, PRICE, HASH, CONTENT = "cost", "price", "request_hash", "content"
_CUT = tuple(LENGTHS[name] for name in ("alias", "endpoint", "template", "model", "provider", "deployment", "chain"))
_UNDER_WAY = (None,) * 8
_UNPRICED = (None, None, None, "unknown")


def row_of_record(record: RequestRecord) -> Row:
    """Return the row of ``record``: without an end while the request is under way. Unknown is None.

    Written down in the order of `LAYOUT`, because every request passes here; a test compares it.
    """
    note = record.extra.get
    started = int(record.opened_at * 1e6)
    alias, endpoint, template, model, provider, deployment, chain = _names(
        record.alias, note("endpoint"), note("template"), record.model, record.provider, record.deployment,
        record.chain)
    ended, attempt_count, attempts, error, ttft, duration, dropped, translated = _outcome(record, started)
    price, price_key, pico, state = _cost(note(COST), note(PRICE))
    return [
        price, started, record.request_id, label(record.client_request_id), moment(started), ended, record.route,
        record.asked, alias, endpoint, template, note("template_version"), model, provider, deployment, chain,
        record.chain_position, attempt_count, attempts, record.status, record.error_type, error, record.stream, ttft,
        duration, count(record.prompt_tokens), count(record.completion_tokens), count(record.reasoning_tokens),
        count(record.cached_tokens), pico, state, price_key, dropped, translated, label(record.client_key),
        label(record.user), label(record.session), record.config, record.client_gone, note(HASH), note(CONTENT)]


@lru_cache(1024)
def _names(*names: str | None) -> tuple[str | None, ...]:
    """Return declared names as their columns take them; there are few."""
    return tuple(text(name, length) for name, length in zip(names, _CUT))


def _outcome(record: RequestRecord, started: int) -> tuple[Any, ...]:
    if record.ended_ns is None:
        return _UNDER_WAY
    lasted, first = record.ended_ns - record.started_ns, record.first_byte_ns
    return (
        moment(started + lasted // 1000), len(record.attempts),
        _json([attempt.to_line() for attempt in record.attempts]), text(record.error, LENGTHS["error"]),
        None if first is None else (first - record.started_ns) // 1_000_000, lasted // 1_000_000,
        _json(record.dropped_names()) if record.dropped else None,
        _json(record.translated_names()) if record.translated else None)


def _cost(cost: Any, price: Any) -> tuple[Any, ...]:
    """Return price, its id, pico-dollars and state."""
    if not isinstance(cost, Cost) or amount(cost.pico) is None:
        return _UNPRICED
    return (*(_price(price) if isinstance(price, Known) else (None, None)), cost.pico, cost.state)


@lru_cache(1024)
def _price(price: Known) -> tuple[list[str | None], str | None]:
    parts = price.parts()
    return parts, price_id(tuple(parts))


def _json(value: list[Any] | dict[str, Any]) -> str | None:
    return orjson.dumps(value).decode() if value else None
