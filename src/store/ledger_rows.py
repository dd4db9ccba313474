"""Ledger entries become rows that both databases accept, whatever an upstream or a client said.

A row is a list in the order of `LAYOUT`: price, start in Unix microseconds, then the columns of `ai_request_logs` as
they are written, moments as text in UTC. JSON carries it, and most of a row's way it is not looked into.

An entry is the same as a plain mapping: the columns by name, with ``started_us`` and ``ended_us`` (Unix microseconds;
the second None while the request is under way) for the moments, and ``price``, a list of source and four prices as
decimal text, for ``price_id``.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timezone
from functools import lru_cache
from typing import Any

import sqlalchemy as sa

from .ledger_tables import requests

Entry = Mapping[str, Any]
Row = list[Any]
LARGEST = 2**63 - 1
# What a million requests may add up to still fits 64 bits; no request has so many tokens.
PLAUSIBLE = 2**40
COLUMNS = tuple(column.name for column in requests.c if column.name != "id")
# Rows wait in files, also over an upgrade: new columns come last, and a shorter row has nothing in them.
LAYOUT = ("price", "started_us", *COLUMNS)
PLACE = {name: number for number, name in enumerate(LAYOUT)}
SHORTEST = PLACE["content"] + 1
LENGTHS = {column.name: int(getattr(column.type, "length", None) or 1 << 30) for column in requests.c}
_PRICE, _ID, _PRICE_ID = PLACE["price"], PLACE["request_id"], PLACE["price_id"]
_SPECIAL = ("id", "started_at", "ended_at", "price_id", "cost_state")


def _reader(column: sa.Column[Any]) -> Callable[[Any], Any]:
    if isinstance(column.type, sa.Boolean):
        return lambda value: value if isinstance(value, bool) else None
    if isinstance(column.type, sa.BigInteger):
        return amount if column.name == "cost_pico" else count
    length = LENGTHS[column.name]
    return lambda value: text(value, length)


def count(value: Any) -> int | None:
    """Return a count, None for anything else: an upstream may claim any number of tokens."""
    return value if type(value) is int and 0 <= value <= PLAUSIBLE else None


def amount(value: Any) -> int | None:
    """Return a sum in pico-dollars that 64 bits hold, else None."""
    return value if type(value) is int and 0 <= value <= LARGEST else None


def text(value: Any, length: int) -> str | None:
    """Return text as a column of this length takes it, None for anything else.

    PostgreSQL knows no NUL, and neither database half a character (a lone surrogate).
    """
    if not isinstance(value, str):
        return None
    return value.replace("\0", "").encode("utf-8", "replace").decode()[:length]


_READERS = tuple((column.name, _reader(column)) for column in requests.c if column.name not in _SPECIAL)


def row_of(entry: Entry) -> Row:
    """Return the row of ``entry``; what a column cannot hold is cut or unknown."""
    get = entry.get
    found = {name: None if (value := get(name)) is None else read(value) for name, read in _READERS}
    found["started_us"], found["started_at"] = entry["started_us"], moment(entry["started_us"])
    found["ended_at"] = None if (ended := get("ended_us")) is None else moment(ended)
    priced = found["cost_pico"] is not None
    found["cost_state"] = get("cost_state") or "unknown" if priced else "unknown"
    found["price"] = get("price") or None
    found["price_id"] = price_id(tuple(found["price"] or ())) if priced else None
    return [found[name] for name in LAYOUT]


def repaired(row: Row) -> Row:
    """Return ``row`` as `row_of` would have made it: what a column cannot hold is cut or unknown."""
    found = dict(zip(LAYOUT, row))
    found.update((name, None if found[name] is None else read(found[name])) for name, read in _READERS)
    if found["cost_pico"] is None:
        found["cost_state"], found["price_id"] = "unknown", None
    return [found[name] for name in LAYOUT]


def of_table(stored: Mapping[str, Any]) -> Row:
    """Return the row that stands in the table, for adding up."""
    found = {**stored, "price": None, "started_us": int(stored["started_at"].timestamp()) * 1_000_000}
    return [found[name] for name in LAYOUT]


def whole(found: Any) -> Row | Entry | None:
    """Return the row or entry that a line of a file holds, None where it is neither."""
    if isinstance(found, list):
        return found + [None] * (len(LAYOUT) - len(found)) if len(found) >= SHORTEST else None
    return found if isinstance(found, dict) and {"request_id", "started_us"} <= found.keys() else None


def moment(microseconds: int) -> str:
    """Return a moment in UTC as SQLAlchemy keeps it in SQLite."""
    seconds, rest = divmod(microseconds, 1_000_000)
    return f"{_second(seconds)}.{rest:06d}"


@lru_cache(64)
def _second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%d %H:%M:%S")


@lru_cache(1024)
def price_id(price: tuple[str | None, ...]) -> str | None:
    """Return the id of a price: a digest of its source and numbers, so that equal prices are one row."""
    return hashlib.sha256(repr(price).encode()).hexdigest()[:16] if price else None


def price_rows(found: Iterable[Sequence[str | None]]) -> list[dict[str, Any]]:
    """Return one row of `ai_prices` for each of these prices."""
    names = ("source", "prompt", "completion", "cached", "reasoning")
    return sorted(({"id": price_id(price), **dict(zip(names, price))} for price in {tuple(one) for one in found}),
                  key=lambda row: str(row["id"]))


def new_prices(rows: Iterable[Row], known: set[str | None]) -> dict[str | None, Sequence[str | None]]:
    """Return id -> price for the prices of ``rows`` that are not ``known``."""
    return {row[_PRICE_ID]: row[_PRICE] for row in rows if row[_PRICE_ID] not in known}


def latest(entries: Iterable[Row | Entry]) -> dict[str, Row]:
    """Return one row per request, the finished one where there is one."""
    rows = [entry if isinstance(entry, list) else row_of(entry) for entry in entries]
    found: dict[str, Row] = {row[_ID]: row for row in rows}
    if len(found) < len(rows):
        ended = PLACE["ended_at"]
        found.update((row[_ID], row) for row in rows if row[ended] is not None)
    return found
