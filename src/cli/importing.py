"""`import CONFIG.yaml`: an existing LiteLLM file becomes variables or registry rows."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import EXIT_PROBLEMS, ConfigurationError, Problem, UsageProblem
from .context import Invocation
from .launch import write_private
from .sources import read_sources

if TYPE_CHECKING:
    from ..begin.deployment import Reading


@click.command("import")
@click.argument("file", metavar="CONFIG.yaml")
@click.option("--output", metavar="FILE", help="Write the .env text to FILE (mode 0600) instead of printing it.")
@click.option("--registry", metavar="FILE", help="Write rows for `registry import` instead; - prints them.")
@click.option("--force", is_flag=True, help="Replace FILE where it exists.")
@click.option("--strict", is_flag=True, help="Exit with 1 where a key could not be carried.")
@click.pass_context
def import_(ctx: click.Context, file: str, output: str | None, registry: str | None, force: bool, strict: bool) -> None:
    """Turn a LiteLLM CONFIG.yaml (`-`: standard input) into variables, printed as a .env file.

    Standard error says of every key whether it was carried, is not needed here, or what to do instead.
    """
    from ..begin.importing import finish, read_file
    invocation: Invocation = ctx.obj
    if output and registry:
        raise ConfigurationError([Problem("--output and --registry exclude each other", "flags", "keep one")])
    target = output or (registry if registry != "-" else None)
    _check_target(invocation, target, force)
    env = read_sources(invocation, ctx.meta["root"]).env
    reading = read_file(_read(invocation, file), file, env.get, rows=bool(registry))
    source = Path(file).name
    text, more = _as_rows(reading, source) if registry else _as_variables(reading, source)
    if target:
        write_private(invocation.cwd / target, text.encode())
    else:
        click.echo(text, nl=False)
    report = finish(reading)
    click.echo("\n".join([report.text(), *more, *_next_step(invocation.program, target, bool(registry))]), err=True)
    if strict and report.of("lost"):
        ctx.exit(EXIT_PROBLEMS)


def _check_target(invocation: Invocation, target: str | None, force: bool) -> None:
    if target and not force and os.path.lexists(invocation.cwd / target):
        raise UsageProblem(f"{target} exists already", "--output or --registry",
                           "name another file, or replace it with --force")


def _read(invocation: Invocation, file: str) -> bytes:
    try:
        return sys.stdin.buffer.read() if file == "-" else (invocation.cwd / file).read_bytes()
    except OSError as error:
        raise ConfigurationError([Problem(f"{file} cannot be read: {error.strerror}", file,
                                          "name an existing LiteLLM YAML")]) from None


def _as_variables(reading: "Reading", source: str) -> tuple[str, list[str]]:
    """Return the `.env` text and what to say behind the report; raises where the text would be refused."""
    from ..begin.as_env import env_plan, env_text, unset
    text = env_text(reading, source)
    plan = env_plan(text).checked()
    missing = unset(reading)
    return text, [*(["still to be set: " + ", ".join(sorted(missing))] if missing else []),
                  *(f"note: {note}" for note in plan.notes)]


def _as_rows(reading: "Reading", source: str) -> tuple[str, list[str]]:
    from ..begin.as_env import wanted
    from ..begin.as_registry import permissions, registry_text
    text = registry_text(reading, source)
    variables = permissions(reading)
    lines = ["these must be set, in the environment or .env:"] if variables else []
    lines += [f"  {name}={value}" for name, value in variables.items()]
    names = wanted(reading)
    return text, [*lines, *(["keys to be set: " + ", ".join(names)] if names else [])]


def _next_step(program: str, target: str | None, rows: bool) -> list[str]:
    if target is None:
        return []
    return [f"next: {program} registry import {target} --dry-run" if rows
            else f"next: {program} --env-file {target} --print-config"]
