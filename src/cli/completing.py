"""What may stand where a command takes a name: aliases, rows, keys, ports, codes, variables, files. Nothing is opened
that takes time, and nobody is asked over a network."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import click
from click.shell_completion import CompletionItem
from click.types import IntParamType, StringParamType

from ..config.models import EFFORT_LEVELS
from ..config.settings import LOG_FORMATS
from .context import Invocation

Source = Callable[[click.Context, str], Iterable[Any]]
# Arguments whose names say what they take, wherever they stand.
_ALIAS_ARGUMENTS = frozenset({"alias", "aliases"})
_FILES = ("FILE", "FILE.yaml", "[FILE.yaml]...", "CONFIG.yaml", "FILE...")


class _Possible:
    source: Source

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[Any]:
        """Return the possibilities that begin with ``incomplete``."""
        items = [item if isinstance(item, CompletionItem) else CompletionItem(item)
                 for item in dict.fromkeys(self.source(ctx, incomplete))]
        return [item for item in items if str(item.value).startswith(incomplete)]


class Names(_Possible, StringParamType):
    """Text with possibilities."""


class Numbers(_Possible, IntParamType):
    """A whole number with possibilities."""


def with_names(command: click.Command, path: str) -> click.Command:
    """Give the parameters of ``command``, and of what is below it, their possibilities."""
    for param in command.params:
        source = _source_of(path, param)
        if source is not None:
            _give(param, source)
    for name, below in getattr(command, "commands", {}).items():
        with_names(below, f"{path} {name}".strip())
    return command


def _give(param: click.Parameter, source: Source) -> None:
    kinds: Mapping[type, type[Names] | type[Numbers]] = {StringParamType: Names, IntParamType: Numbers}
    kind = kinds.get(type(param.type))
    if kind is not None:
        own = kind()
        own.source = source
        param.type = own


def _source_of(path: str, param: click.Parameter) -> Source | None:
    """Return what ``param`` of the command ``path`` takes, None where nobody can know."""
    name = param.name or ""
    if (path, name) in _EXACTLY:
        return _EXACTLY[path, name]
    if isinstance(param, click.Argument):
        if name in _ALIAS_ARGUMENTS:
            return aliases
        if param.metavar in _FILES or name == "file":
            return _files
        return _rows_of(path, name)
    if name == "port" and path:
        return _ports
    if name == "key_env":
        return _key_variables
    return {"FILE": _files, "CODE": _codes}.get(str(param.metavar)) or _fields_of(path, name)


# --- names of what is declared ------------------------------------------------------------------------------------

def aliases(ctx: click.Context, incomplete: str = "") -> list[str]:
    """Return every name that clients may ask for: of flags, environment and .env, and of a SQLite registry."""
    from ..config.plan import build_plan
    from .sources import read_sources
    plan = build_plan(read_sources(_invocation(ctx), ctx.find_root().params))
    found = [model.alias for model in plan.models] + [chain.alias for chain in plan.chains]
    return [*found, *_rows(ctx, "models"), *_rows(ctx, "chains"), *_rows(ctx, "endpoints")]


def variables(ctx: click.Context, incomplete: str = "") -> list[Any]:
    """Return the variables that are read, once their beginning is typed: `MODEL_<KEY>_*` of the declared models."""
    from ..config.fields import FIELDS
    from ..config.settings import VARIABLES
    if not incomplete[:1].isupper():
        return []
    found = [CompletionItem(variable.name, help=variable.help) for variable in VARIABLES]
    return found + [CompletionItem(f"MODEL_{key.upper()}_{suffix}", help=field.help) for key in _keys(ctx)
                    for field in FIELDS for suffix in field.suffixes]


def _key_variables(ctx: click.Context, incomplete: str) -> list[str]:
    """Return variables that hold keys: those that are set here, and the providers' usual ones."""
    from ..config.providers import NATIVE_PROVIDERS
    from .sources import read_sources
    names = read_sources(_invocation(ctx), ctx.find_root().params).env.values
    usual = [name for provider in NATIVE_PROVIDERS.values() for name in provider.key_envs]
    return [*sorted(name for name in names if name.endswith(("_KEY", "_TOKEN"))), "OPENAI_API_KEY", *usual, "none"]


def _keys(ctx: click.Context) -> list[str]:
    from ..config.plan import build_plan
    from .sources import read_sources
    plan = build_plan(read_sources(_invocation(ctx), ctx.find_root().params))
    return [model.spec.key for model in plan.models]


def _explained(ctx: click.Context, incomplete: str) -> list[Any]:
    return [*aliases(ctx), *variables(ctx, incomplete)]


def _sides(ctx: click.Context, incomplete: str) -> list[Any]:
    return ["running", "declared", *_files(ctx, incomplete)]


def _codes(ctx: click.Context, incomplete: str) -> list[Any]:
    from ..checker.codes import CODES
    return [CompletionItem(name, help=code.title) for name, code in CODES.items()]


def _ports(ctx: click.Context, incomplete: str) -> list[str]:
    from ..config.runtime import runtime_root
    return sorted(path.name for path in runtime_root(_invocation(ctx).environ).iterdir() if path.name.isdigit())


def _files(ctx: click.Context, incomplete: str) -> list[Any]:
    return [CompletionItem(incomplete, type="file")]


def _specs(ctx: click.Context, incomplete: str) -> list[Any]:
    """Complete the field at the end of `key=..,alias=..`."""
    from ..config.fields import BY_SPEC
    done, comma, _ = incomplete.rpartition(",")
    said = {part.partition("=")[0] for part in done.split(",")}
    return [CompletionItem(f"{done}{comma}{name}=", type="open", help=field.help) for name, field in BY_SPEC.items()
            if name not in said]


# --- names of rows ------------------------------------------------------------------------------------------------

def _rows_of(path: str, argument: str) -> Source | None:
    """Return the rows that `show`, `set`, `remove` and the like of a noun take."""
    from ..store.names import COLUMNS
    noun, _, verb = path.partition(" ")
    if noun not in COLUMNS or argument not in ("name", "slug") or verb == "add":
        return None
    return lambda ctx, incomplete: _rows(ctx, noun)


def _fields_of(path: str, option: str) -> Source | None:
    """Return the rows that an option of a noun refers to; of lists the word at the end is completed."""
    from ..policy.nouns import NOUNS
    noun = NOUNS.get(path.partition(" ")[0])
    if noun is not None and option == "unset":
        return _words([field.flag[2:] for field in noun.fields if not field.required and field.name not in noun.key])
    field = noun.by_name.get(option) if noun is not None else None
    if field is None or field.refers is None:
        from ..explain.registry_schema import choices_of
        choices = choices_of(field) if field is not None and field.kind == "text" else []
        return _words(choices) if choices else None
    named = aliases if field.refers == "models" else lambda ctx, incomplete: _rows(ctx, str(field.refers))
    return _listed(named) if field.kind == "list" else named


def _words(words: Iterable[str]) -> Source:
    listed = list(words)
    return lambda ctx, incomplete: listed


def _listed(source: Source) -> Source:
    def complete(ctx: click.Context, incomplete: str) -> list[Any]:
        done, comma, _ = incomplete.rpartition(",")
        return [CompletionItem(f"{done}{comma}{item}") for item in source(ctx, "") if item not in done.split(",")]
    return complete


def _rows(ctx: click.Context, noun: str) -> list[str]:
    from ..config.database import find_database
    from ..store.names import row_names
    from .sources import read_sources
    sources = read_sources(_invocation(ctx), ctx.find_root().params)
    database, _ = find_database(sources.env)
    return row_names(database.path, noun) if database is not None and database.path is not None else []


def _invocation(ctx: click.Context) -> Invocation:
    found = ctx.find_root().obj
    assert isinstance(found, Invocation)
    return found


_EXACTLY: Mapping[tuple[str, str], Source] = {
    ("explain", "alias"): _explained, ("params", "model"): aliases, ("keys add", "models"): _listed(aliases),
    ("keys set", "models"): _listed(aliases), ("keys add", "tier"): lambda ctx, incomplete: _rows(ctx, "tiers"),
    ("keys set", "tier"): lambda ctx, incomplete: _rows(ctx, "tiers"),
    ("", "reasoning_effort"): _words(EFFORT_LEVELS), ("", "log_format"): _words(LOG_FORMATS),
    ("dashboard", "port"): lambda ctx, incomplete: (),  # one that is free, not a gateway's
    ("diff", "old"): _sides, ("diff", "new"): _sides,
    ("", "model_specs"): _specs, ("", "add_model_specs"): _specs,
}
