"""`keys`: client keys, shown once when they are made, known only by their digest afterwards."""

import json
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields, replace
from datetime import datetime, timedelta, timezone
from typing import Any

import click

from ..config.fields import suggest
from ..config.lines import printable
from ..config.plan import build_plan
from ..config.readers import BadValue, to_list
from ..errors import PROGRAM, ConfigurationError, Problem
from ..policy import noun_fields as read
from ..policy.client_keys import RESERVED, ClientKey, digest_of, fits, new_key
from ..policy.names import DeclaredNames
from .database import Opened, opened, registry_of
from .nouns import AS_JSON, table

_NOW = "At once, in every gateway on this database (discovery: in a second); else within GATEWAY_CONFIG_TTL."
_UNITS = {"h": 3600, "d": 86_400, "w": 604_800}
_SHOWN = ("name", "state", "tier", "models", "rpm", "tpm", "rpd", "tpd", "budget_micros", "expires_at", "revoked_at",
          "created_at")


def moment(text: str) -> datetime:
    """Return the end of a time such as `30d`, or a date or moment in ISO form; without a zone it is UTC."""
    if found := re.fullmatch(r"(\d{1,5})([hdw])", text.strip()):
        seconds = int(found[1]) * _UNITS[found[2]]
        return datetime.now(timezone.utc).replace(microsecond=0) + timedelta(seconds=seconds)
    try:
        given = datetime.fromisoformat(text.strip())
        return given.replace(tzinfo=given.tzinfo or timezone.utc).astimezone(timezone.utc)
    except (ValueError, OverflowError):
        raise BadValue("must be a date such as 2026-12-31, or a time such as 12h, 30d or 4w") from None


# Option -> field, reader, help.
_OPTIONS: Mapping[str, tuple[str, Callable[[str], Any], str]] = {
    "--tier": ("tier", read.name, "Tier that the key belongs to."),
    "--models": ("models", to_list, "What it may ask for: names and patterns, `gpt-*`; everything unless given."),
    "--rpm": ("rpm", read.count, "Requests per minute."),
    "--tpm": ("tpm", read.count, "Tokens per minute."),
    "--rpd": ("rpd", read.count, "Requests per day."),
    "--tpd": ("tpd", read.count, "Tokens per day."),
    "--budget": ("budget_micros", read.budget, "US dollars per month."),
    "--expires": ("expires_at", moment, "Until when it works: 2026-12-31, 30d."),
}


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def keys() -> None:
    """Client keys: who may ask for what, how much, and until when. The master key is the administrator's."""


def _with_options(command: click.Command) -> click.Command:
    command.params += [click.Option([flag, name], metavar="TEXT", help=text)
                       for flag, (name, _, text) in _OPTIONS.items()]
    return command


def _values(given: Mapping[str, str | None]) -> dict[str, Any]:
    """Return the values of options; raises ConfigurationError with every one that is wrong."""
    values, problems = {}, []
    for flag, (name, reader, _) in _OPTIONS.items():
        stated = given.get(name)
        if stated is None:
            continue
        try:
            values[name] = reader(stated)
        except BadValue as error:
            problems.append(Problem(f"{flag} {stated[:80]!a} {error}", flag, f"{flag} {read.example(name)}"))
    if problems:
        raise ConfigurationError(problems)
    return values


@keys.command("add")
@click.argument("name")
@AS_JSON
@click.pass_context
def add(ctx: click.Context, /, name: str, as_json: bool, **given: str | None) -> None:
    """Make a key and print it: this once, and never again."""
    from ..store.client_keys import add_key, read_keys
    name, values, text = _name(name), _values(given), new_key()
    with opened(ctx) as on:
        notes = _notes(on, values.get("models", ()))
        with on.store.writing() as connection:
            if any(key.name == name for key in read_keys(connection)):
                raise ConfigurationError([Problem(f"the client key {name} exists already", "",
                                                  f"{PROGRAM} keys set {name} ..., or choose another name")])
            add_key(connection, ClientKey(name, digest_of(text), **values))
    click.echo(json.dumps({"name": name, "key": text}) if as_json else text)
    click.echo(f"it is shown this once; only its SHA-256 is stored, in {on.store.database.masked}", err=True)
    _say(notes)


def _notes(on: Opened, patterns: Iterable[str]) -> list[str]:
    """Return a note for each of ``patterns`` that no declared name fits; none where those cannot be known here."""
    from ..store.registry import load_registry
    if not patterns:
        return []
    plan = build_plan(replace(on.sources, registry=registry_of(on.store, on.sources)))
    # The default model is nothing declared: it may well be a --config file that says what is served.
    if plan.problems or all(model.spec.source == "default" for model in plan.models):
        return []
    rows = load_registry(on.store)
    aliases = [one.alias for models in (plan.models, rows.models) for one in models]
    aliases += [one.alias for chains in (plan.chains, rows.chains) for one in chains]
    names = DeclaredNames.of([*aliases, *(endpoint.slug for endpoint in rows.endpoints)])
    return [f"nothing that is declared here fits --models {printable(pattern)}{suggest(pattern, names.exact)}"
            for pattern in patterns if not fits(pattern, names)]


def _say(notes: Iterable[str]) -> None:
    for note in notes:
        click.echo(f"note: {note}", err=True)


def _name(text: str) -> str:
    try:
        name = read.name(text)
    except BadValue as error:
        raise ConfigurationError([Problem(f"NAME {text[:80]!a} {error}", "NAME", "keys add alice")]) from None
    if name in RESERVED or len(name) > 64:
        raise ConfigurationError([Problem(f"NAME {text[:80]!a} is taken or too long", "NAME", "keys add alice")])
    return name


@keys.command("list")
@AS_JSON
@click.pass_context
def list_(ctx: click.Context, as_json: bool) -> None:
    """List all client keys."""
    from ..store.client_keys import read_keys
    with opened(ctx) as on, on.store.reading() as connection:
        rows = [_public(key) for key in read_keys(connection)]
    columns = ("name", "state", "tier", "models", "rpm", "tpm", "rpd", "tpd", "budget_micros", "expires_at")
    click.echo(json.dumps(rows, indent=2) if as_json else table(columns, rows))


@keys.command("show")
@click.argument("name")
@AS_JSON
@click.pass_context
def show(ctx: click.Context, name: str, as_json: bool) -> None:
    """Show one client key; not the key itself, which nobody has but its holder."""
    from ..store.client_keys import find_key
    with opened(ctx) as on, on.store.reading() as connection:
        values = _public(find_key(connection, name))
    lines = [f"{field}: {value}" for field, value in values.items() if value not in (None, [])]
    click.echo(json.dumps(values, indent=2) if as_json else "\n".join(lines))


def _public(key: ClientKey) -> dict[str, Any]:
    values = {field.name: getattr(key, field.name) for field in fields(key)} | {"state": key.state(time.time())}
    shown = {name: values[name] for name in _SHOWN}
    return {name: value.isoformat(timespec="seconds") if isinstance(value, datetime) else list(value)
            if isinstance(value, tuple) else value for name, value in shown.items()}


@contextmanager
def _changing(ctx: click.Context, name: str) -> Iterator[tuple[Opened, Any, ClientKey]]:
    from ..store.client_keys import find_key
    with opened(ctx) as on, on.store.writing() as connection:
        yield on, connection, find_key(connection, name)


@keys.command("set")
@click.argument("name")
@click.option("--unset", multiple=True, metavar="FIELD", help="Clear a field; repeatable.")
@click.pass_context
def set_(ctx: click.Context, /, name: str, unset: tuple[str, ...], **given: str | None) -> None:
    """Change a client key: only what is given changes; it takes effect within GATEWAY_CONFIG_TTL."""
    from ..store.client_keys import change_key
    values = _values(given)
    for word in unset:
        flag = _OPTIONS.get(f"--{word.removeprefix('--').removesuffix('_micros').removesuffix('_at')}")
        if flag is None or flag[0] in values:
            raise ConfigurationError([Problem(f"--unset {word[:40]!a} is no field that can be cleared", "--unset",
                                              "known: " + ", ".join(name[2:] for name in _OPTIONS))])
        values[flag[0]] = () if flag[0] == "models" else None
    if not values:
        raise ConfigurationError([Problem("nothing is given to change", "", f"{PROGRAM} keys set --help")])
    with _changing(ctx, name) as (on, connection, key):
        change_key(connection, replace(key, **values))
        notes = _notes(on, values.get("models", ()))
    click.echo(f"~ client key {name}: {', '.join(values)}")
    _say(notes)


@keys.command("revoke")
@click.argument("name")
@click.option("--now", is_flag=True, help=_NOW)
@click.pass_context
def revoke(ctx: click.Context, name: str, now: bool) -> None:
    """End a client key for good; it stays listed, and its requests stay in the ledger."""
    from ..store.client_keys import change_key
    with _changing(ctx, name) as (_, connection, key):
        change_key(connection, replace(key, revoked_at=key.revoked_at or datetime.now(timezone.utc)))
    _tell(ctx, now)
    click.echo(f"~ client key {name}: revoked, {'at once' if now else 'within GATEWAY_CONFIG_TTL'}")


@keys.command("remove")
@click.argument("name")
@click.option("--now", is_flag=True, help=_NOW)
@click.pass_context
def remove(ctx: click.Context, name: str, now: bool) -> None:
    """Remove a client key altogether."""
    from ..store.client_keys import remove_key
    with _changing(ctx, name) as (_, connection, key):
        remove_key(connection, key.name)
    _tell(ctx, now)
    click.echo(f"- client key {name}")


def _tell(ctx: click.Context, now: bool) -> None:
    """Make every worker read the keys again before it trusts one; after the change is committed."""
    if not now:
        return
    from ..store.counters import Counters
    with opened(ctx) as on:
        counters = Counters(on.store)
        counters.revoke_now()
        counters.close()


for _command in (add, set_):
    _with_options(_command)
