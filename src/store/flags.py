"""ai_feature_flags: what is on or off, and for whom."""

from dataclasses import dataclass

from . import tables
from .rows import Repository, Row


@dataclass(frozen=True)
class Flag(Row):
    """One switch; a scope that is None is everywhere."""

    name: str
    enabled: bool = True
    tier: str | None = None
    endpoint: str | None = None
    environment: str | None = None
    description: str | None = None


class Flags(Repository[Flag]):
    """The rows of ai_feature_flags."""

    name, table, kind = "flags", tables.flags, Flag
    links = {"tier": ("tier_id", tables.tiers, "name"), "endpoint": ("endpoint_id", tables.endpoints, "slug")}
