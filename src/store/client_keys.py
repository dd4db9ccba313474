"""ai_client_keys: reading and changing them; a key's text is never stored."""

from dataclasses import fields
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from ..errors import GatewayError
from ..policy.client_keys import ClientKey
from . import tables
from .counters import KEYS
from .limits_tables import client_keys, counters
from .rows import id_of

_PLAIN = tuple(field.name for field in fields(ClientKey) if field.name not in ("tier", "models"))


def read_keys(connection: sa.Connection) -> tuple[ClientKey, ...]:
    """Return every key, ordered by name."""
    source = client_keys.outerjoin(tables.tiers, client_keys.c.tier_id == tables.tiers.c.id)
    columns = [client_keys.c[name] for name in (*_PLAIN, "models")]
    query = sa.select(*columns, tables.tiers.c.name.label("tier")).select_from(source).order_by(client_keys.c.name)
    return tuple(_key(dict(row)) for row in connection.execute(query).mappings())


def read_revision(connection: sa.Connection) -> int:
    """Return how often keys were revoked at once."""
    query = sa.select(counters.c.used).where(counters.c.name == KEYS, counters.c.start == 0)
    return connection.execute(query).scalar_one_or_none() or 0


def _key(row: dict[str, Any]) -> ClientKey:
    return ClientKey(**{**row, "models": tuple(row["models"])})


def find_key(connection: sa.Connection, name: str) -> ClientKey:
    """Return the key of this name; raises GatewayError, exit code 1, where there is none."""
    found = next((key for key in read_keys(connection) if key.name == name), None)
    if found is None:
        raise GatewayError(f"there is no client key {name!a}", "", "{program} keys list")
    return found


def add_key(connection: sa.Connection, key: ClientKey) -> None:
    """Store a new key; raises Conflict where the name is taken."""
    connection.execute(client_keys.insert().values(**_values(connection, key)))


def change_key(connection: sa.Connection, key: ClientKey) -> None:
    """Store ``key`` in place of the one with its name."""
    connection.execute(client_keys.update().where(client_keys.c.name == key.name).values(**_values(connection, key)))


def remove_key(connection: sa.Connection, name: str) -> None:
    """Remove a key; its requests stay in the ledger under its name."""
    connection.execute(client_keys.delete().where(client_keys.c.name == name))


def _values(connection: sa.Connection, key: ClientKey) -> dict[str, Any]:
    values = {name: getattr(key, name) for name in _PLAIN if name != "created_at"}
    return {**values, "models": list(key.models), "tier_id": id_of(connection, tables.tiers, "name", key.tier)}


def usual_outputs(connection: sa.Connection, deployments: list[str], since: datetime) -> dict[str, int]:
    """Return the median of output tokens since a moment, per deployment with any, from at most 1,001 requests each."""
    logs = tables.ledger_tables.requests
    found = {}
    for name in deployments:
        query = sa.select(logs.c.completion_tokens).where(
            logs.c.deployment == name, logs.c.started_at >= since, logs.c.completion_tokens.is_not(None)
        ).order_by(logs.c.started_at.desc()).limit(1001)
        tokens = sorted(connection.execute(query).scalars())
        if tokens:
            found[name] = tokens[len(tokens) // 2]
    return found
