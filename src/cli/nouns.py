"""The registry's noun groups: `list`, `show`, `add`, `set` and `remove`, made from the tables of fields."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from ..config.fields import suggest
from ..config.readers import BadValue
from ..errors import PROGRAM, ConfigurationError, GatewayError, Problem
from ..policy.noun_fields import Field
from ..policy.nouns import NOUNS, Noun
from .available import available
from .context import Invocation
from .database import Opened, opened

if TYPE_CHECKING:
    from ..store.rows import Row

AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
_METAVARS = {"list": "A,B", "object": "JSON|@FILE", "price": "DOLLARS", "int": "N", "number": "N"}
# What is never repeated in a message: somebody may have put a key there.
_UNSHOWN = ("base_url", "key_env")
_LISTED = {
    "providers": ("name", "provider", "base_url", "key_env", "active"),
    "models": ("alias", "provider", "model_id", "mode", "context_window", "input_price_micros", "output_price_micros",
               "enabled"),
    "endpoints": ("slug", "model", "chain", "path", "tools", "active"),
    "prompts": ("slug", "version", "endpoint", "active", "share"),
    "tools": ("name", "description"),
    "flags": ("name", "enabled", "tier", "endpoint", "environment"),
    "tiers": ("name", "description"),
    "chains": ("name", "alias", "models", "triggers", "active"),
    "limits": ("name", "scope", "target", "rpm", "tpm", "rpd", "tpd", "budget_micros", "action", "active"),
}


def group_of(name: str) -> click.Group:
    """Return the group of one noun with the verbs that all nouns have."""
    noun = NOUNS[name]
    group = click.Group(name, help=noun.help, context_settings={"help_option_names": ["-h", "--help"]})
    for command in (_list(noun), _show(noun), _add(noun), _set(noun), _remove(noun)):
        group.add_command(command)
    return group


def _argument(noun: Noun) -> click.Argument:
    return click.Argument(["name"], metavar=noun.key[0].upper())


def _key_options(noun: Noun) -> list[click.Parameter]:
    """Return options for the further parts of a key: a flag's scopes, a template's version."""
    return [_option(noun.by_name[name], "Only the row of this " + name) for name in noun.key[1:]]


def _options(noun: Noun) -> list[click.Parameter]:
    return [_option(fld) for fld in noun.fields if fld.name not in noun.key]


def _option(fld: Field, text: str = "") -> click.Option:
    text = text or fld.help + ("." if not fld.help.endswith(".") else "")
    if fld.kind == "bool":
        off = "--off" if fld.flag == "--on" else fld.flag.replace("--", "--no-", 1)
        return click.Option([f"{fld.flag}/{off}", fld.name], default=None, help=text)
    return click.Option([fld.flag, fld.name], metavar=_METAVARS.get(fld.kind, "TEXT"), help=text)


def _list(noun: Noun) -> click.Command:
    @click.pass_context
    def run(ctx: click.Context, /, as_json: bool) -> None:
        with opened(ctx) as on:
            rows = read_rows(on, noun)
        values = [public(row) for row in rows]
        click.echo(json.dumps(values, indent=2) if as_json else table(_LISTED[noun.name], values))
    return AS_JSON(click.command("list", help=f"List all {noun.name}.")(run))


def _show(noun: Noun) -> click.Command:
    @click.pass_context
    def run(ctx: click.Context, /, name: str, as_json: bool, **scope: Any) -> None:
        with opened(ctx) as on:
            values = public(find(on, noun, name, texts(ctx, noun, scope)))
        lines = [f"{field}: {_cell(value)}" for field, value in values.items() if value not in (None, [])]
        click.echo(json.dumps(values, indent=2) if as_json else "\n".join(lines))
    command = AS_JSON(click.command("show", help=f"Show one {noun.one}.")(run))
    command.params = [_argument(noun), *_key_options(noun), *command.params]
    return command


def _add(noun: Noun) -> click.Command:
    @click.pass_context
    def run(ctx: click.Context, /, name: str, **given: Any) -> None:
        values = texts(ctx, noun, {noun.key[0]: name, **given})
        with opened(ctx) as on:
            add_row(on, noun, values)
    fields = [fld for fld in noun.fields if fld.name not in (noun.key[0], "version")]
    return click.Command("add", callback=run, help=f"Add {noun.an}.",
                         params=[_argument(noun), *[_option(fld) for fld in fields]])


def add_row(on: Opened, noun: Noun, values: dict[str, Any]) -> None:
    """Store a new row; raises ConfigurationError with everything that is wrong with it."""
    from ..store.documents import Change, build
    _note_price(values)
    problems: list[Problem] = []
    row = build(noun, values, "", problems)
    if row is None:
        raise ConfigurationError(problems)
    known = {noun.key_of(other.values()) for other in read_rows(on, noun)}
    if noun.key_of(row.values()) in known:
        raise ConfigurationError([Problem(f"the {noun.one} {noun.label(row.values())} exists already", "",
                                          f"change it: {PROGRAM} {noun.name} set {row.values()[noun.key[0]]} ...")])
    carry_out(on, [Change(noun, None, row)])


def _set(noun: Noun) -> click.Command:
    @click.pass_context
    def run(ctx: click.Context, /, name: str, unset: tuple[str, ...], **given: Any) -> None:
        values = {**texts(ctx, noun, given), **_unset(noun, unset, given)}
        scope = {part: values.pop(part) for part in noun.key[1:] if part in values}
        with opened(ctx) as on:
            set_row(on, noun, name, scope, values)
    clear = click.Option(["--unset"], multiple=True, metavar="FIELD", help="Clear a field; repeatable.")
    return click.Command("set", callback=run, help=f"Change {noun.an}: only what is given changes.",
                         params=[_argument(noun), *_key_options(noun), *_options(noun), clear])


def set_row(on: Opened, noun: Noun, name: str, scope: Mapping[str, Any], values: dict[str, Any]) -> None:
    """Change a row; a flag is added where it does not exist yet."""
    from ..store.documents import compare
    if not values:
        raise ConfigurationError([Problem("nothing is given to change", "", f"{PROGRAM} {noun.name} set --help")])
    known = {noun.key_of(row.values()): row for row in read_rows(on, noun)}
    if noun.name == "flags" and (name, *(scope.get(part) for part in noun.key[1:])) not in known:
        return add_row(on, noun, {noun.key[0]: name, **scope, **values})
    row = find(on, noun, name, scope)
    _note_price(values)
    changes = compare(read(on), {noun.name: [replace(row, **values)]}, whole=False)
    if not changes:
        click.echo("nothing changes")
        return None
    return carry_out(on, changes)


def _note_price(values: dict[str, Any]) -> None:
    """Prices that are typed come from whoever typed them."""
    if any(name.endswith("_price_micros") and value is not None for name, value in values.items()):
        values.setdefault("price_source", "operator")


def _unset(noun: Noun, names: Iterable[str], given: Mapping[str, Any]) -> dict[str, Any]:
    fields = {fld.name: fld for fld in noun.fields} | {fld.flag[2:]: fld for fld in noun.fields}
    problems = []
    cleared = {}
    for name in names:
        fld = fields.get(name)
        if fld is None or fld.required or fld.name in noun.key or given.get(fld.name) is not None:
            problems.append(Problem(f"--unset {name[:40]!a} is no field that can be cleared{suggest(name, fields)}",
                                    "--unset", "name an optional field that is not given as well"))
        else:
            cleared[fld.name] = fld.default
    if problems:
        raise ConfigurationError(problems)
    return cleared


def _remove(noun: Noun) -> click.Command:
    @click.pass_context
    def run(ctx: click.Context, /, name: str, **scope: Any) -> None:
        from ..store.documents import Change
        with opened(ctx) as on:
            wanted = texts(ctx, noun, scope)
            rows = _versions(on, noun, name) if noun.name == "prompts" and not wanted else ()
            carry_out(on, [Change(noun, row, None) for row in rows or (find(on, noun, name, wanted),)])
    return click.Command("remove", callback=run, help=f"Remove {noun.an}.",
                         params=[_argument(noun), *_key_options(noun)])


def _versions(on: Opened, noun: Noun, name: str) -> list["Row"]:
    return [row for row in read_rows(on, noun) if row.values()["slug"] == name]


def texts(ctx: click.Context, noun: Noun, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of options that were given; raises ConfigurationError with every one that is wrong."""
    values, problems = {}, []
    for name, text in given.items():
        if text is None:
            continue
        fld = noun.by_name[name]
        try:
            values[name] = text if isinstance(text, bool) else fld.read(_content(ctx, fld, text))
        except BadValue as error:
            shown = "" if name in _UNSHOWN else f" {text[:80]!a}"
            label, such = (noun.key[0].upper(), " such as") if name == noun.key[0] else (fld.flag, "")
            problems.append(Problem(f"{label}{shown} {error}", label, f"{label}{such} {fld.example}"))
    if problems:
        raise ConfigurationError(problems)
    return values


def _content(ctx: click.Context, fld: Field, text: str) -> str:
    """Return the text of an option; `@FILE` names a file that holds it, where texts are long."""
    if not text.startswith("@") or not (fld.kind == "object" or fld.name in ("system_prompt", "user_template")):
        return text
    assert isinstance(ctx.obj, Invocation)
    try:
        return (ctx.obj.cwd / text[1:]).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise BadValue(f"cannot be read: {reason}") from None


def read(on: Opened) -> Any:
    """Return the whole registry."""
    from ..store.registry import load_registry
    return load_registry(on.store)


def read_rows(on: Opened, noun: Noun) -> tuple["Row", ...]:
    """Return the rows of one noun."""
    rows: tuple[Row, ...] = read(on).of(noun.name)
    return rows


def find(on: Opened, noun: Noun, name: str, scope: Mapping[str, Any]) -> "Row":
    """Return the row; of a template's versions the active one where none is named. Raises GatewayError, exit code 1."""
    rows = [row for row in read_rows(on, noun) if row.values()[noun.key[0]] == name]
    if noun.name == "prompts" and not scope:
        rows = [row for row in rows if row.values()["active"]] or rows[-1:]
    else:
        wanted = (name, *(scope.get(part) for part in noun.key[1:]))
        rows = [row for row in rows if noun.key_of(row.values()) == wanted]
    if not rows:
        names = [str(row.values()[noun.key[0]]) for row in read_rows(on, noun)]
        raise GatewayError(f"there is no {noun.one} {noun.label({noun.key[0]: name, **scope})}{suggest(name, names)}",
                           "", f"{PROGRAM} {noun.name} list")
    return rows[0]


def carry_out(on: Opened, changes: list[Any]) -> None:
    """Write changes, all or nothing, and print them."""
    from ..store.documents import write
    from ..store.registry import changing
    with changing(on.store, on.context) as connection:
        write(connection, changes, on.context)
    for change in changes:
        click.echo(change.text())


def public(row: "Row") -> dict[str, Any]:
    """Return a row as JSON-ready values."""
    return {name: list(value) if isinstance(value, tuple) else value for name, value in row.values().items()}


def table(columns: Iterable[str], rows: list[dict[str, Any]]) -> str:
    """Return rows as aligned columns."""
    names = list(columns)
    cells = [[name.removesuffix("_micros").upper() for name in names]]
    cells += [[_dollars(row[name]) if name.endswith("_micros") else _cell(row[name]) for name in names] for row in rows]
    widths = [max(len(line[column]) for line in cells) for column in range(len(names))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip() for line in cells)


def _dollars(micros: int | None) -> str:
    return "-" if micros is None else f"{micros // 1_000_000}.{micros % 1_000_000:06d}".rstrip("0").rstrip(".")


def _cell(value: Any) -> str:
    from ..config.lines import printable
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return json.dumps(value)
    return "-" if value in (None, []) else ", ".join(value) if isinstance(value, list) else printable(str(value))


providers, models, endpoints = group_of("providers"), group_of("models"), group_of("endpoints")
tools, flags, tiers, chains = group_of("tools"), group_of("flags"), group_of("tiers"), group_of("chains")
models.add_command(available)
