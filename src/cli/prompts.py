"""`prompts`: the common verbs, where a change is a new version, and `activate` and `try`."""

import json
from dataclasses import replace
from typing import Any

import click

from ..config.readers import BadValue, to_int
from ..errors import PROGRAM, ConfigurationError, Problem
from ..policy.nouns import NOUNS
from ..policy.prompts import PromptProblem, Template, Text, fill
from .database import Opened, opened
from .nouns import AS_JSON, find, group_of, set_row, texts

NOUN = NOUNS["prompts"]
prompts = group_of("prompts")


@click.pass_context
def _set(ctx: click.Context, /, name: str, **given: Any) -> None:
    """Change a template: a new version, active at once, or with --share beside the active one."""
    values = texts(ctx, NOUN, given)
    with opened(ctx) as on:
        if set(values) <= {"share"} and "share" not in values:
            return set_row(on, NOUN, name, {}, {})
        return _new_version(on, name, values)


def _new_version(on: Opened, name: str, values: dict[str, Any]) -> None:
    from ..store.prompts import Prompt, Prompts
    from ..store.registry import changing
    row = find(on, NOUN, name, {})
    assert isinstance(row, Prompt)
    changed = replace(row, **{"active": "share" not in values, "share": None, **values})
    with changing(on.store, on.context) as connection:
        added = Prompts().add_version(connection, changed)
    how = f"for {added.share} % of the requests" if added.share else "active"
    click.echo(f"+ prompt {name} version {added.version}, {how}")


_kept = [param for param in prompts.commands["set"].params if param.name not in ("version", "active", "unset")]
prompts.add_command(click.Command("set", callback=_set, params=_kept, help=_set.__doc__))


@prompts.command()
@click.argument("slug")
@click.argument("version", metavar="N")
@click.pass_context
def activate(ctx: click.Context, slug: str, version: str) -> None:
    """Make version N of a template the active one, for example to roll back. An A/B test ends."""
    from ..store.prompts import Prompt, Prompts
    from ..store.registry import changing
    try:
        number = to_int(version, 1)
    except BadValue as error:
        raise ConfigurationError([Problem(f"N {version[:20]!a} {error}", "N", f"{PROGRAM} prompts list")]) from None
    with opened(ctx) as on:
        row = find(on, NOUN, slug, {"version": number})
        assert isinstance(row, Prompt)
        with changing(on.store, on.context) as connection:
            Prompts().activate(connection, row)
    click.echo(f"~ prompt {slug}: version {number} is active")


@prompts.command("try")
@click.argument("slug")
@click.option("--var", "pairs", multiple=True, metavar="NAME=VALUE", help="A variable; repeatable.")
@click.option("--version", type=int, metavar="N", help="Another version than the active one.")
@AS_JSON
@click.pass_context
def try_(ctx: click.Context, slug: str, pairs: tuple[str, ...], version: int | None, as_json: bool) -> None:
    """Show the messages that a template makes of its variables; nothing is sent."""
    variables = dict(pair.partition("=")[::2] for pair in pairs)
    with opened(ctx) as on:
        row: Any = find(on, NOUN, slug, {} if version is None else {"version": version})
    parts = [None if text is None else Text.of(text) for text in (row.system_prompt, row.user_template)]
    try:
        filled = fill(Template(slug, row.version, *parts), variables)
    except PromptProblem as problem:
        raise ConfigurationError([Problem(problem.message, "--var", f"{PROGRAM} prompts show {slug}")]) from None
    messages = [{"role": role, "content": text} for role, text in (("system", filled.system), ("user", filled.user))
                if text is not None]
    click.echo(json.dumps(messages, indent=2, ensure_ascii=False) if as_json
               else "\n".join(f"{message['role']}: {message['content']}" for message in messages))
