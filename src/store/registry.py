"""The whole registry: read at once, changed in one transaction that is checked before it is committed."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, cast

import sqlalchemy as sa

from ..errors import ConfigurationError
from ..policy.nouns import ORDER
from .chains import Chain, Chains
from .checks import Context, check
from .endpoints import Endpoint, Endpoints
from .engine import Store
from .flags import Flag, Flags
from .limits import LimitRow, Limits
from .models import Model, Models
from .prompts import Prompt, Prompts
from .providers import Provider, Providers
from .rows import Repository, Row
from .tiers import Tier, Tiers
from .tools import Tool, Tools

REPOSITORIES: Mapping[str, Repository[Any]] = MappingProxyType({
    "tiers": Tiers(), "tools": Tools(), "providers": Providers(), "models": Models(), "chains": Chains(),
    "endpoints": Endpoints(), "prompts": Prompts(), "flags": Flags(), "limits": Limits()})
assert tuple(REPOSITORIES) == ORDER


@dataclass(frozen=True)
class Registry:
    """Every row, by noun and ordered by key."""

    tiers: tuple[Tier, ...] = ()
    tools: tuple[Tool, ...] = ()
    providers: tuple[Provider, ...] = ()
    models: tuple[Model, ...] = ()
    chains: tuple[Chain, ...] = ()
    endpoints: tuple[Endpoint, ...] = ()
    prompts: tuple[Prompt, ...] = ()
    flags: tuple[Flag, ...] = ()
    limits: tuple[LimitRow, ...] = ()

    def of(self, noun: str) -> tuple[Row, ...]:
        """Return the rows of one noun."""
        return cast(tuple[Row, ...], getattr(self, noun))


def read_registry(connection: sa.Connection) -> Registry:
    """Return every row."""
    return Registry(**{name: repository.read(connection) for name, repository in REPOSITORIES.items()})


def load_registry(store: Store) -> Registry:
    """Return every row in one transaction; raises StoreDown."""
    with store.reading() as connection:
        return read_registry(connection)


@contextmanager
def changing(store: Store, context: Context, keep: bool = True) -> Iterator[sa.Connection]:
    """Change rows: all of it, or nothing where it leads to problems that were not there before.

    Without ``keep`` it is a trial and nothing is kept. Raises ConfigurationError with every new problem.
    """
    with store.writing() as connection:
        before = check(read_registry(connection), context)
        yield connection
        known = {problem.what for problem in before}
        new = [problem for problem in check(read_registry(connection), context) if problem.what not in known]
        if new:
            raise ConfigurationError(new)
        if not keep:
            connection.rollback()


def write_all(connection: sa.Connection, rows: Mapping[str, list[Row]]) -> None:
    """Store rows of several nouns, what is referred to first."""
    for name in ORDER:
        for row in rows.get(name, ()):
            REPOSITORIES[name].write(connection, row)
