"""`status`, `stop` and `reload`: asking a gateway that runs on this machine."""

import json
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from ..errors import EXIT_PROBLEMS, GatewayError, UsageProblem

if TYPE_CHECKING:
    from .. import control
    from .context import Invocation

_FOLDER = "GATEWAY_RUNTIME_DIR"
_PORT = click.option("--port", type=int, help="The gateway on this port; needed where several run.")


@click.command()
@_PORT
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_obj
def status(invocation: "Invocation", port: int | None, as_json: bool) -> None:
    """Show the running gateway: configuration, uptime, and its workers."""
    answer = find(invocation, port).ask("status", timeout=60)
    click.echo(json.dumps(answer, indent=2) if as_json else _status_text(answer))


@click.command()
@_PORT
@click.pass_obj
def stop(invocation: "Invocation", port: int | None) -> None:
    """Stop the running gateway; streams may finish within its --grace. Returns when it is gone."""
    gateway = find(invocation, port)
    answer = gateway.stop()
    click.echo(f"the gateway on port {gateway.port} (pid {answer['pid']}) has stopped")


@click.command()
@_PORT
@click.pass_context
def reload(context: click.Context, port: int | None) -> None:
    """Read the configuration again and serve it, without losing a request; show what changed.

    Exit code 1 where the new configuration is refused; the old one keeps serving.
    """
    answer = find(context.obj, port).ask("reload", progress=_say)
    for line in [answer["message"], *(f"  {line}" for line in answer.get("lines", ()))]:
        click.echo(line, err=not answer["ok"])
    if not answer["ok"]:
        context.exit(EXIT_PROBLEMS)


def _say(text: str) -> None:
    click.echo(text, err=True)


def find(invocation: "Invocation", port: int | None) -> "control.Gateway":
    """Return the running gateway on ``port``, or the only one; raises GatewayError."""
    if not hasattr(os, "fork"):
        raise UsageProblem("a running gateway to ask is not available on Windows", repair="stop it with Ctrl-C")
    from .. import control

    environ = invocation.environ
    return control.find(environ if environ.get(_FOLDER) else {**environ, **_declared(invocation)}, port)


def _declared(invocation: "Invocation") -> dict[str, str]:
    """Return the runtime folder that the `.env` here declares, as a launch from here would use it."""
    from .sources import read_dotenv
    try:
        values = read_dotenv(invocation, {"no_env_file": False, "env_file": None}).values
    except GatewayError:
        return {}  # a gateway that runs can be asked and stopped all the same
    return {name: value for name, (value, _) in values.items() if name == _FOLDER and value}


def _status_text(answer: dict[str, Any]) -> str:
    reloads = ", ".join(f"{count} {how}" for how, count in answer["reloads"].items())
    lines = [
        f"{answer['url']}  {answer['state']}",
        f"  version   {answer['version']}",
        f"  pid       {answer['pid']}",
        f"  uptime    {_duration(answer['uptime_s'])}",
        f"  config    {_known(answer['config'])} (generation {_known(answer['generation'])})",
        f"  draining  {', '.join(map(str, answer['draining'])) or 'none'}",
        f"  reloads   {reloads}",
    ]
    return "\n".join([*lines, *_table(answer["workers"])])


_COLUMNS: dict[str, Callable[[dict[str, Any]], str]] = {
    "WORKER": lambda row: str(row["pid"]),
    "STATE": lambda row: str(row["state"]),
    "GENERATION": lambda row: str(row["generation"]),
    "AGE": lambda row: _duration(row["age_s"]),
    "REQUESTS": lambda row: str(row["requests"]),
    "RSS": lambda row: "?" if row["rss_bytes"] is None else f"{row['rss_bytes'] / 2**20:.0f} MiB",
}


def _table(rows: list[dict[str, Any]]) -> list[str]:
    cells = [list(_COLUMNS), *([show(row) for show in _COLUMNS.values()] for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(_COLUMNS))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in cells]


def _known(value: object) -> str:
    return "none yet" if value is None else str(value)


def _duration(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
