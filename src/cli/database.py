"""Opening the database for a command, and reading the registry for a plan. SQLAlchemy is imported only here."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import click

from ..config.database import VARIABLE, Database, find_database
from ..config.environment import Environment
from ..config.notes import Note
from ..config.plan import Sources, build_plan, merged_settings
from ..config.registry import RegistryReading
from ..errors import ConfigurationError, NotStarted, UsageProblem
from ..policy.registry_safety import Rules
from .context import Invocation
from .sources import read_sources

if TYPE_CHECKING:
    from ..store.checks import Context
    from ..store.engine import Store


@dataclass(frozen=True)
class Opened:
    """An open store, and what is declared outside of it."""

    store: "Store"
    context: "Context"
    sources: Sources


@contextmanager
def opened(ctx: click.Context) -> Iterator[Opened]:
    """Open the database of a command, brought to the newest schema; raises UsageProblem where there is none."""
    from ..store.engine import open_store
    from ..store.migrate import ensure_schema
    assert isinstance(ctx.obj, Invocation)
    sources = read_sources(ctx.obj, ctx.meta["root"])
    store = open_store(needed_database(sources.env))
    try:
        ensure_schema(store)
        yield Opened(store, store_context(sources), sources)
    finally:
        store.close()


def needed_database(env: Environment) -> Database:
    """Return the database; raises ConfigurationError for a URL that cannot be used, UsageProblem for `off`."""
    database = checked_database(env)
    if database is None:
        raise UsageProblem(f"{VARIABLE}=off: there is no database", env.origin(VARIABLE),
                           f"unset it, or set {VARIABLE}=sqlite:///gateway.db")
    return database


def checked_database(env: Environment) -> Database | None:
    """Return the database, None for `off`; raises ConfigurationError for a URL that cannot be used."""
    database, problems = find_database(env)
    if problems:
        raise ConfigurationError(problems)
    return database


def store_context(sources: Sources) -> "Context":
    """Return what the environment declares and permits; its own problems are told when a plan is made."""
    from ..store.checks import Context
    settings, _ = merged_settings(sources)
    plan = build_plan(replace(sources, registry=None))
    aliases = {model.alias for model in plan.models if model.spec.source != "default"}
    aliases |= {chain.alias for chain in plan.chains}
    bases = {model.base for model in plan.models if model.base and not model.base_origin.startswith("default")}
    bases |= {base for name in ("OPENAI_API_BASE", "OPENAI_BASE_URL") if (base := settings.text(name))}
    rules = Rules(frozenset(bases), settings.words("GATEWAY_ALLOWED_BASES"),
                  frozenset(settings.words("GATEWAY_REGISTRY_KEYS")))
    return Context(rules, frozenset(aliases))


def with_registry(sources: Sources, launching: bool) -> Sources:
    """Return ``sources`` with their database and its rows.

    Only a launch creates and migrates anything: to others a database that does not exist yet has no rows. Where there
    are no rows SQLAlchemy is not even imported. A default database that cannot be used is a note; one that was asked
    for is an error: NotStarted for a launch, else StoreError.
    """
    database, problems = find_database(sources.env)
    if problems or database is None:
        told = sources.env.get(VARIABLE)  # the settings table says what is wrong with the variable itself
        return replace(sources, registry=RegistryReading(problems=() if told else problems))
    if not launching and database.path is not None and not database.path.exists():
        return replace(sources, database=database)
    from ..store.revisions import without_rows
    if database.path is not None and without_rows(database.path):
        return replace(sources, database=database)
    from ..store.failures import StoreDown, StoreError
    try:
        return replace(sources, database=database, registry=_read(sources, database, launching))
    except StoreError as error:
        first = error.problems[0]
        if isinstance(error, StoreDown) and not database.stated:
            return _without(sources, database, first.what)
        if launching:
            raise NotStarted(first.what, first.where, first.repair) from error
        raise


def _without(sources: Sources, database: Database, why: str) -> Sources:
    """Return ``sources`` for a default database that fails: one that exists is tried again while the gateway runs."""
    if database.path is not None and database.path.is_file():
        note = Note(f"{why}; going on, what is missed is caught up with when it works again", "GW507", VARIABLE)
        return replace(sources, database=database, registry=RegistryReading(notes=(note,)))
    note = Note(f"{why}; going on without it, set {VARIABLE} to choose another place", "GW507", VARIABLE,
                f"{VARIABLE}=sqlite:////var/lib/gateway/gateway.db")
    return replace(sources, registry=RegistryReading(notes=(note,)))


@contextmanager
def reading(sources: Sources) -> Iterator["Store | None"]:
    """Open the database for reading alone: None where there is none, or none of this version. Raises StoreError."""
    database = checked_database(sources.env)
    if database is None or (database.path is not None and not database.path.exists()):
        yield None
        return
    from ..store.engine import open_store
    from ..store.migrate import is_migrated
    store = open_store(database)
    try:
        yield store if is_migrated(store) else None
    finally:
        store.close()


def _read(sources: Sources, database: Database, migrate: bool) -> RegistryReading:
    from ..store.engine import open_store
    from ..store.migrate import ensure_schema, is_migrated
    store = open_store(database)
    try:
        if migrate:
            ensure_schema(store)
        elif not is_migrated(store):
            return RegistryReading(notes=(Note("registry: the database is not migrated yet; a launch does that",
                                               "GW507", VARIABLE),))
        return registry_of(store, sources)
    finally:
        store.close()


def registry_of(store: "Store", sources: Sources) -> RegistryReading:
    """Return the rows of an open database as a plan takes them; raises StoreError."""
    from ..store.reading import registry_reading
    from ..store.registry import load_registry
    return registry_reading(load_registry(store), store_context(sources),
                            lambda name: bool(_value(sources.env, name)))


def _value(env: Environment, name: str) -> Any:
    return env.get(name) or env.get(f"{name}_FILE")
