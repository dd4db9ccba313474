"""How the last recorded request for each name ended; the totals say in which hour it is to be looked for."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timezone

import sqlalchemy as sa

from ..policy.reports import HOUR
from .engine import Store
from .ledger_tables import hourly, requests

# Names that clients ask for: aliases, chains among them, and the registry's endpoints.
_COLUMNS = {"alias": requests.c.alias, "endpoint": requests.c.endpoint}


@dataclass(frozen=True)
class Outcome:
    """How a request ended, in UTC; ``status`` is None where no answer was sent, ``error_type`` None for success."""

    status: int | None
    error_type: str | None
    at: datetime


def last_outcomes(store: Store) -> dict[str, Outcome]:
    """Return name -> the outcome of its request that was recorded last, for every name in the ledger.

    Raises StoreDown. Reads the totals and one hour of requests per name: the ledger may hold millions.
    """
    found: dict[str, Outcome] = {}
    with store.reading() as connection:
        for dimension in reversed(_COLUMNS):  # an alias wins over an endpoint of its name
            for start, names in _hours(connection, dimension).items():
                found |= _in_hour(connection, dimension, start, names)
    return found


def _hours(connection: sa.Connection, dimension: str) -> dict[int, list[str]]:
    """Return the last hour of each name, in Unix seconds, by hour."""
    query = sa.select(hourly.c.value, sa.func.max(hourly.c.start)).where(
        hourly.c.dimension == dimension, hourly.c.value != "").group_by(hourly.c.value)
    hours = defaultdict(list)
    for name, start in connection.execute(query):
        hours[int(start)].append(name)
    return hours


def _in_hour(connection: sa.Connection, dimension: str, start: int, names: list[str]) -> dict[str, Outcome]:
    column = _COLUMNS[dimension]
    first, end = (datetime.fromtimestamp(moment, timezone.utc) for moment in (start, start + HOUR))
    last = sa.select(sa.func.max(requests.c.id)).where(
        requests.c.started_at >= first, requests.c.started_at < end, requests.c.ended_at.is_not(None),
        column.is_not(None)).group_by(column)
    query = sa.select(column, requests.c.status, requests.c.error_type, requests.c.ended_at).where(
        requests.c.id.in_(last))
    wanted = set(names)
    return {name: Outcome(status, kind, at) for name, status, kind, at in connection.execute(query) if name in wanted}
