"""ai_providers: where models are. Rows name the variable of a key, never a key."""

from dataclasses import dataclass

from . import tables
from .rows import Repository, Row


@dataclass(frozen=True)
class Provider(Row):
    """One account at one provider; ``timeout_s`` in seconds, ``key_env`` None: the provider's usual variable."""

    name: str
    provider: str
    base_url: str | None = None
    key_env: str | None = None
    account_tier: str | None = None
    active: bool = True
    timeout_s: float | None = None
    retries: int | None = None
    notes: str | None = None


class Providers(Repository[Provider]):
    """The rows of ai_providers."""

    name, table, kind = "providers", tables.providers, Provider
