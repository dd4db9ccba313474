"""ai_models: what is served under which alias, and what it costs."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import sqlalchemy as sa

from . import tables
from .rows import Repository, Row


@dataclass(frozen=True)
class Model(Row):
    """One model. Prices are whole micro-dollars per million tokens (``image``: per image), None where unknown.

    ``deprecated_on`` is a day as ISO text; ``caps`` further capabilities, see `ModelCaps`.
    """

    alias: str
    provider: str
    model_id: str
    display_name: str | None = None
    mode: str | None = None
    context_window: int | None = None
    max_output: int | None = None
    vision: bool | None = None
    tools: bool | None = None
    input_price_micros: int | None = None
    cached_input_price_micros: int | None = None
    output_price_micros: int | None = None
    reasoning_price_micros: int | None = None
    image_price_micros: int | None = None
    price_source: str | None = None
    enabled: bool = True
    deprecated_on: str | None = None
    caps: Mapping[str, Any] | None = None


class Models(Repository[Model]):
    """The rows of ai_models."""

    name, table, kind = "models", tables.models, Model
    links = {"provider": ("provider_id", tables.providers, "name")}

    def _row(self, found: dict[str, Any], listed: tuple[str, ...]) -> Model:
        day: date | None = found.pop("deprecated_on")
        return Model(**found, deprecated_on=None if day is None else day.isoformat())

    def _values(self, connection: sa.Connection, row: Model) -> dict[str, Any]:
        day = row.deprecated_on
        return {**super()._values(connection, row), "deprecated_on": None if day is None else date.fromisoformat(day),
                "caps": row.caps if row.caps else sa.null()}
