"""Filling in costs after a price was added: rows and totals together, each row once."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from ..policy.costs import PICO_PER_MICRO, Cost, Known, Usage, cost
from ..policy.reports import DAY
from .engine import Store
from .ledger import add_prices
from .ledger_rows import LARGEST, price_id
from .ledger_tables import UNPRICED, daily, hourly, requests
from .rollup import OTHERS, Key, keys_of

Find = Callable[[Mapping[str, Any]], Known | None]
_STEP = 500


@dataclass
class Change:
    """What became of a deployment's unpriced requests: how many got a cost, by which source, in pico-dollars."""

    deployment: str | None
    model: str | None
    source: str
    requests: int = 0
    pico: int = 0


def reprice(store: Store, find: Find, dry: bool = False) -> list[Change]:
    """Give every unpriced request the price that ``find`` knows for its row; ``dry`` only tells what would change.

    Raises StoreDown; what was changed until then stays changed, and the next call goes on.
    """
    changes: dict[tuple[str | None, str | None, str], Change] = {}
    last = 0
    while True:
        with store.reading() if dry else store.writing() as connection:
            rows = connection.execute(
                sa.select(requests).where(sa.text(UNPRICED), requests.c.id > last).order_by(requests.c.id)
                .limit(_STEP)).mappings().all()
            for row, known, found in _priced(rows, find):
                if dry or _apply(connection, row, known, found):
                    key = (row["deployment"], row["model"], known.source)
                    change = changes.setdefault(key, Change(*key))
                    change.requests, change.pico = change.requests + 1, change.pico + (found.pico or 0)
        if len(rows) < _STEP:
            return list(changes.values())
        last = rows[-1]["id"]


def _priced(rows: Any, find: Find) -> Iterator[tuple[Mapping[str, Any], Known, Cost]]:
    for row in rows:
        known = find(row)
        usage = Usage(row["prompt_tokens"], row["completion_tokens"], row["cached_tokens"], row["reasoning_tokens"])
        found = cost(usage, known.price if known else None)
        if known is not None and found.pico is not None and found.pico <= LARGEST:
            yield row, known, found


def _apply(connection: sa.Connection, row: Mapping[str, Any], known: Known, found: Cost) -> bool:
    parts = known.parts()
    add_prices(connection, [{"price": parts}])
    changed = connection.execute(
        sa.update(requests).where(requests.c.id == row["id"], requests.c.cost_state == "unknown")
        .values(cost_pico=found.pico, cost_state=found.state, price_id=price_id(tuple(parts))))
    if changed.rowcount != 1:
        return False  # somebody else repriced it meanwhile
    if row["ended_at"] is not None:
        _correct(connection, row, found)
    return True


def _correct(connection: sa.Connection, row: Mapping[str, Any], found: Cost) -> None:
    micros, rest = divmod(found.pico or 0, PICO_PER_MICRO)
    added = {"cost_micros": micros, "cost_pico_rest": rest, "unpriced": -1, found.state: 1}
    for key in sorted(keys_of(row)):
        for table, start in ((hourly, key[1]), (daily, key[1] // DAY * DAY)):
            if not _add(connection, table, (key[0], start, key[2], key[3]), added) and key[0] == "user":
                _add(connection, table, (key[0], start, OTHERS, key[3]), added)


def _add(connection: sa.Connection, table: sa.Table, key: Key, added: Mapping[str, int]) -> bool:
    columns = table.c
    changed = connection.execute(
        sa.update(table).where(columns.dimension == key[0], columns.start == key[1], columns.value == key[2],
                               columns.outcome == key[3])
        .values({name: columns[name] + amount for name, amount in added.items()}))
    return changed.rowcount == 1
