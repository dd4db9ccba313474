"""Filling in costs after a price was added: rows and totals together, each row once."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from ..policy.costs import PICO_PER_MICRO, Cost, Known, Usage, cost
from ..policy.reports import DAY
from .engine import Store
from .ledger import add_prices
from .ledger_rows import LARGEST, of_table, price_id, price_rows
from .ledger_tables import UNPRICED, daily, hourly, requests
from .rollup import OTHERS, Key, keys_of

Find = Callable[[Mapping[str, Any]], Known | None]
Found = tuple[Mapping[str, Any], Known, Cost]
# Workers wait meanwhile.
_STEP = 200


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
            priced = list(_priced(rows, find))
            if not dry:
                priced = _apply(connection, priced)
            for row, known, found in priced:
                key = (row["deployment"], row["model"], known.source)
                change = changes.setdefault(key, Change(*key))
                change.requests, change.pico = change.requests + 1, change.pico + (found.pico or 0)
        if len(rows) < _STEP:
            return list(changes.values())
        last = rows[-1]["id"]


def _priced(rows: Any, find: Find) -> Iterator[Found]:
    for row in rows:
        known = find(row)
        usage = Usage(row["prompt_tokens"], row["completion_tokens"], row["cached_tokens"], row["reasoning_tokens"])
        found = cost(usage, known.price if known else None)
        if known is not None and found.pico is not None and found.pico <= LARGEST:
            yield row, known, found


def _apply(connection: sa.Connection, priced: Sequence[Found]) -> list[Found]:
    """Write these costs and return those that nobody else wrote meanwhile."""
    add_prices(connection, price_rows(known.parts() for _, known, _ in priced))
    changed = [one for one in priced if _changed(connection, *one)]
    _correct(connection, changed)
    return changed


def _changed(connection: sa.Connection, row: Mapping[str, Any], known: Known, found: Cost) -> bool:
    return connection.execute(
        sa.update(requests).where(requests.c.id == row["id"], requests.c.cost_state == "unknown")
        .values(cost_pico=found.pico, cost_state=found.state, price_id=price_id(tuple(known.parts())))).rowcount == 1


def _correct(connection: sa.Connection, changed: Sequence[Found]) -> None:
    """Correct the totals in the order in which workers add to them, lest one waits for the other in a circle."""
    hours: defaultdict[Key, Counter[str]] = defaultdict(Counter)
    days: defaultdict[Key, Counter[str]] = defaultdict(Counter)
    for row, _, found in changed:
        if row["ended_at"] is None:
            continue
        micros, rest = divmod(found.pico or 0, PICO_PER_MICRO)
        added = {"cost_micros": micros, "cost_pico_rest": rest, "unpriced": -1, found.state: 1}
        for dimension, start, value, outcome in keys_of(of_table(row)):
            hours[dimension, start, value, outcome].update(added)
            days[dimension, start // DAY * DAY, value, outcome].update(added)
    for table, sums in ((hourly, hours), (daily, days)):
        for key in sorted(sums):
            if not _add(connection, table, key, sums[key]) and key[0] == "user":
                _add(connection, table, (key[0], key[1], OTHERS, key[3]), sums[key])


def _add(connection: sa.Connection, table: sa.Table, key: Key, added: Mapping[str, int]) -> bool:
    """Add to one row of totals; False where it is not there, or counts fewer of these requests."""
    columns = table.c
    changed = connection.execute(
        sa.update(table).where(columns.dimension == key[0], columns.start == key[1], columns.value == key[2],
                               columns.outcome == key[3], columns.unpriced >= -added["unpriced"])
        .values({name: columns[name] + amount for name, amount in added.items()}))
    return changed.rowcount == 1
