"""ai_tiers: groups of client keys."""

from dataclasses import dataclass

from . import tables
from .rows import Repository, Row


@dataclass(frozen=True)
class Tier(Row):
    """One tier."""

    name: str
    description: str | None = None


class Tiers(Repository[Tier]):
    """The rows of ai_tiers."""

    name, table, kind = "tiers", tables.tiers, Tier
