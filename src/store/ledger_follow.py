"""Following the ledger: the requests written since the last look, each once."""

import sqlalchemy as sa

from .engine import Store
from .ledger_read import Document, after
from .ledger_tables import requests

# PostgreSQL numbers rows when they are written and shows them when that is over: of several workers' batches a later
# number may be seen earlier.
OVERLAP = 5_000


class Follower:
    """What comes after ``last``, the number of a row; those before it count as seen."""

    def __init__(self, store: Store, last: int) -> None:
        self._store, self._last = store, last
        self._seen = set(range(max(0, last - OVERLAP), last + 1))

    def take(self) -> list[Document]:
        """Return the requests written since the last call, by number; raises StoreDown."""
        new, rows = self._numbers() - self._seen, list[Document]()
        self._last = max(self._last, *new) if new else self._last
        self._seen = {number for number in self._seen | new if number > self._last - OVERLAP}
        while new:
            page = after(self._store, min(new) - 1)
            rows += (row for row in page if row["id"] in new)
            new -= set(range(min(new), page[-1]["id"] + 1)) if page else new
        return rows

    def _numbers(self) -> set[int]:
        with self._store.reading() as connection:
            newest = connection.execute(sa.select(sa.func.max(requests.c.id))).scalar() or 0
            if newest < self._last:  # where the newest rows are pruned, SQLite gives their numbers again
                self._last, self._seen = newest, {number for number in self._seen if number <= newest}
            query = sa.select(requests.c.id).where(requests.c.id > self._last - OVERLAP)
            return set(connection.execute(query).scalars())
