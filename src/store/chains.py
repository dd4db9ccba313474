"""ai_fallback_chains and their models in order. A member is a row of ai_models, or an alias declared elsewhere."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from . import tables
from .rows import Repository, Row, lists_of


@dataclass(frozen=True)
class Chain(Row):
    """One chain; ``models`` are aliases in the order in which they are tried."""

    name: str
    alias: str
    triggers: tuple[str, ...] = ("error", "rate_limit")
    models: tuple[str, ...] = ()
    active: bool = True


class Chains(Repository[Chain]):
    """The rows of ai_fallback_chains with those of ai_fallback_chain_models."""

    name, table, kind = "chains", tables.chains, Chain

    def _lists(self, connection: sa.Connection) -> Mapping[int, tuple[str, ...]]:
        links, models = tables.chain_models, tables.models
        query = sa.select(links.c.chain_id, sa.func.coalesce(models.c.alias, links.c.declared)).select_from(
            links.outerjoin(models, links.c.model_id == models.c.id)).order_by(links.c.priority)
        return lists_of(connection.execute(query))

    def _row(self, found: dict[str, Any], listed: tuple[str, ...]) -> Chain:
        found["triggers"] = tuple(found["triggers"])
        return Chain(**found, models=listed)

    def _values(self, connection: sa.Connection, row: Chain) -> dict[str, Any]:
        return {**super()._values(connection, row), "triggers": list(row.triggers)}

    def _after(self, connection: sa.Connection, stored: int, row: Chain) -> None:
        links = tables.chain_models
        connection.execute(links.delete().where(links.c.chain_id == stored))
        for priority, alias in enumerate(row.models, 1):
            connection.execute(links.insert().values(
                chain_id=stored, priority=priority, **model_or_declared(connection, alias)))


def model_or_declared(connection: sa.Connection, alias: str) -> dict[str, Any]:
    """Return the columns that point to the model ``alias``: by its row where it has one, else by its name."""
    models = tables.models
    found = connection.execute(sa.select(models.c.id).where(models.c.alias == alias)).scalar_one_or_none()
    return {"model_id": found, "declared": alias if found is None else None}
