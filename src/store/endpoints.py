"""ai_endpoints: names that stand for a model or chain with defaults and tools."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from . import tables
from .chains import model_or_declared
from .rows import Repository, Row, id_of, lists_of


@dataclass(frozen=True)
class Endpoint(Row):
    """One endpoint; exactly one of ``model`` (an alias) and ``chain`` (a name) is set."""

    slug: str
    model: str | None = None
    chain: str | None = None
    path: str = "/chat/completions"
    method: str = "POST"
    temperature: float | None = None
    max_tokens: int | None = None
    top_p: float | None = None
    streaming: bool = True
    tools: tuple[str, ...] = ()
    active: bool = True


class Endpoints(Repository[Endpoint]):
    """The rows of ai_endpoints with those of ai_endpoint_tools."""

    name, table, kind = "endpoints", tables.endpoints, Endpoint
    links = {"model": ("model_id", tables.models, "alias"), "chain": ("chain_id", tables.chains, "name")}

    def _select(self) -> sa.Select[Any]:
        return super()._select().add_columns(self.table.c.declared)

    def _lists(self, connection: sa.Connection) -> Mapping[int, tuple[str, ...]]:
        links, tools = tables.endpoint_tools, tables.tools
        query = sa.select(links.c.endpoint_id, tools.c.name).join(tools, links.c.tool_id == tools.c.id).order_by(
            tools.c.name)
        return lists_of(connection.execute(query))

    def _row(self, found: dict[str, Any], listed: tuple[str, ...]) -> Endpoint:
        found["model"] = found["model"] or found["declared"]
        del found["declared"]
        return Endpoint(**found, tools=listed)

    def _values(self, connection: sa.Connection, row: Endpoint) -> dict[str, Any]:
        target = {"model_id": None, "declared": None}
        if row.model is not None:
            target = model_or_declared(connection, row.model)
        plain = {name: getattr(row, name) for name in self._plain_fields()}
        chain = id_of(connection, tables.chains, "name", row.chain)
        return {**plain, **target, "chain_id": chain}

    def _after(self, connection: sa.Connection, stored: int, row: Endpoint) -> None:
        links = tables.endpoint_tools
        connection.execute(links.delete().where(links.c.endpoint_id == stored))
        for name in row.tools:
            tool = id_of(connection, tables.tools, "name", name)
            connection.execute(links.insert().values(endpoint_id=stored, tool_id=tool))
