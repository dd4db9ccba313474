"""`registry`: the whole registry as one document, and its first rows."""

import sys
from typing import Any

import click

from ..errors import ConfigurationError, GatewayError, Problem
from .context import Invocation
from .database import Opened, opened
from .launch import write_private
from .schema import schema


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def registry() -> None:
    """All providers, models, endpoints, prompts, tools, flags, tiers and chains at once."""


@registry.command("export")
@click.option("--output", metavar="FILE", help="Write this file (mode 0600) instead.")
@click.pass_context
def export(ctx: click.Context, output: str | None) -> None:
    """Print the registry as one YAML document; the same rows give the same bytes."""
    from ..store.documents import export as text_of
    from ..store.registry import load_registry
    with opened(ctx) as on:
        text = text_of(load_registry(on.store))
    assert isinstance(ctx.obj, Invocation)
    if output:
        write_private(ctx.obj.cwd / output, text.encode())
    else:
        click.echo(text, nl=False)


@registry.command("import")
@click.argument("file")
@click.option("--replace", is_flag=True, help="Also remove the rows that the document does not have.")
@click.option("--dry-run", is_flag=True, help="Check and show, change nothing.")
@click.pass_context
def import_(ctx: click.Context, file: str, replace: bool, dry_run: bool) -> None:
    """Write the rows of FILE (`-` for standard input) and show what changes: all of it, or nothing."""
    from ..store.documents import compare, parse
    from ..store.registry import load_registry
    text = _text(ctx, file)
    with opened(ctx) as on:
        rows = parse(text, file)
        changes = compare(load_registry(on.store), rows, replace)
        _apply(on, changes, dry_run)


def _text(ctx: click.Context, file: str) -> str:
    assert isinstance(ctx.obj, Invocation)
    try:
        return sys.stdin.read() if file == "-" else (ctx.obj.cwd / file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise ConfigurationError([Problem(f"{file} cannot be read: {reason}", file, "name a readable file")]) from None


def _apply(on: Opened, changes: list[Any], dry_run: bool) -> None:
    from ..store.documents import write
    from ..store.registry import changing
    try:
        with changing(on.store, on.context, keep=not dry_run) as connection:
            write(connection, changes, on.context)
    except GatewayError:
        for change in changes:
            click.echo(change.text(), err=True)
        raise
    for change in changes:
        click.echo(change.text())
    click.echo(f"{len(changes)} rows {'would change' if dry_run else 'changed'}" if changes else "nothing changes")


@registry.command()
@click.pass_context
def seed(ctx: click.Context) -> None:
    """Add the known providers and models that are missing, with the prices of the installed LiteLLM.

    Rows that exist stay as they are; seeding again adds nothing.
    """
    from ..store.documents import compare
    from ..store.registry import load_registry
    from ..policy.price_file import price_file, read_prices
    from ..store.seed import seed_rows
    with opened(ctx) as on:
        known = load_registry(on.store)
        _apply(on, compare(known, seed_rows(known, read_prices(price_file())), whole=False), dry_run=False)


registry.add_command(schema)
