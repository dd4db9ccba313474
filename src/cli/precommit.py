"""`precommit FILE...`: what the hook of `.pre-commit-hooks.yaml` runs on files that are about to be committed."""

import re
import secrets
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..config.environment import Environment, parse_dotenv
from ..config.plan import Sources, build_plan
from ..errors import PROGRAM
from .context import Invocation

if TYPE_CHECKING:
    from ..checker.report import Report

_REFERENCE = re.compile(r"os\.environ/([A-Za-z_][A-Za-z0-9_]*)")
_PLACE = re.compile(r".*(BASE|URL|ENDPOINT|HOST)", re.IGNORECASE)
_PLACEHOLDER = "https://placeholder.invalid/v1"


@click.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option("--strict", is_flag=True, help="End with exit code 1 for warnings too.")
@click.pass_context
def precommit(ctx: click.Context, files: tuple[str, ...], strict: bool) -> None:
    """Check LiteLLM YAMLs and .env templates as they are committed: without the keys of the place where they will run.

    Like `check`, but a variable that a file refers to counts as set. Neither .env nor the registry is read.
    """
    from ..checker.formats import render
    from .launch import version
    reports = [_report(ctx.obj, ctx.meta["root"], file) for file in files]
    for report in reports:
        if report.exit_code(strict):
            click.echo(render(report, "text", version(), lambda text, _: text).replace(PROGRAM, ctx.obj.program))
    ctx.exit(max(report.exit_code(strict) for report in reports))


def _report(invocation: Invocation, options: Mapping[str, Any], file: str) -> "Report":
    from .check import check_declared, check_files
    data = _bytes(invocation.cwd / file)
    is_yaml = file.endswith((".yaml", ".yml"))
    names = _referred(data) if is_yaml else _needed(data, file)
    environ = {name: _stand_in(name) for name in names if not invocation.environ.get(name)}
    alone = replace(invocation, environ={**invocation.environ, **environ, "GATEWAY_DATABASE_URL": "off"})
    if is_yaml:
        return check_files(alone, {**options, "env_file": None, "no_env_file": True}, (file,))
    return check_declared(alone, {**options, "env_file": file, "no_env_file": False})


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""  # the check itself says why the file cannot be read


def _referred(data: bytes) -> set[str]:
    return {"LITELLM_MASTER_KEY", *_REFERENCE.findall(data.decode("utf-8", errors="replace"))}


def _needed(data: bytes, file: str) -> set[str]:
    """Return what a `.env` template leaves to be filled in: keys, and files of keys that are not here."""
    plan = build_plan(Sources(Environment({}, parse_dotenv(data, file))))
    return {name for name, secret in plan.secrets.items() if not secret.value}


def _stand_in(name: str) -> str:
    """Return a value that no check finds fault with."""
    return _PLACEHOLDER if _PLACE.fullmatch(name) else "sk-" + secrets.token_urlsafe(32)
