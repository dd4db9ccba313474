"""Ledger entries become rows that both databases accept, whatever an upstream or a client said.

An entry is a plain mapping that JSON can carry: the columns of `ai_request_logs`, with ``started_us`` and ``ended_us``
(Unix microseconds; the second None while the request is under way) for the moments, and ``price``, a list of source and
four prices as decimal text, for ``price_id``.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timezone
from functools import lru_cache
from typing import Any

import sqlalchemy as sa

from .ledger_tables import requests

Entry = Mapping[str, Any]
Row = dict[str, Any]
LARGEST = 2**63 - 1
# What a million requests may add up to still fits 64 bits; no request has so many tokens.
PLAUSIBLE = 2**40
_SPECIAL = ("id", "started_at", "ended_at", "price_id", "cost_state")


def _reader(column: sa.Column[Any]) -> Callable[[Any], Any]:
    if isinstance(column.type, sa.Boolean):
        return lambda value: value if isinstance(value, bool) else None
    if isinstance(column.type, sa.BigInteger):
        return _amount if column.name == "cost_pico" else _count
    length = getattr(column.type, "length", None)
    return lambda value: value.replace("\0", "")[:length] if isinstance(value, str) else None


def _count(value: Any) -> int | None:
    """Return a count, None for anything else: an upstream may claim any number of tokens."""
    return value if type(value) is int and 0 <= value <= PLAUSIBLE else None


def _amount(value: Any) -> int | None:
    return value if type(value) is int and 0 <= value <= LARGEST else None


_READERS = tuple((column.name, _reader(column)) for column in requests.c if column.name not in _SPECIAL)


def row_of(entry: Entry) -> Row:
    """Return the row of ``entry``; what a column cannot hold is cut or unknown."""
    get = entry.get
    row: Row = {name: None if (value := get(name)) is None else read(value) for name, read in _READERS}
    row["started_at"], row["ended_at"] = _moment(entry["started_us"]), _moment(get("ended_us"))
    row["cost_state"] = get("cost_state") or "unknown"
    if row["cost_pico"] is None:
        row["cost_state"] = "unknown"
    row["price_id"] = price_id(tuple(get("price") or ())) if row["cost_pico"] is not None else None
    return row


def _moment(microseconds: int | None) -> datetime | None:
    return None if microseconds is None else datetime.fromtimestamp(microseconds / 1e6, timezone.utc)


@lru_cache(1024)
def price_id(price: tuple[str | None, ...]) -> str | None:
    """Return the id of a price: a digest of its source and numbers, so that equal prices are one row."""
    return hashlib.sha256(repr(price).encode()).hexdigest()[:16] if price else None


def price_rows(entries: Iterable[Entry]) -> list[Row]:
    """Return one row for every price that ``entries`` refer to."""
    found = {tuple(entry["price"]) for entry in entries if entry.get("price")}
    names = ("source", "prompt", "completion", "cached", "reasoning")
    return sorted(({"id": price_id(price), **dict(zip(names, price))} for price in found),
                  key=lambda row: str(row["id"]))
