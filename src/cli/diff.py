"""`diff OLD [NEW]`: what differs between two configurations, by meaning; secrets only as changed."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..config.environment import Environment, parse_dotenv
from ..config.plan import Sources, build_plan
from ..config.rendering import content_hash
from ..errors import EXIT_PROBLEMS, EXIT_USAGE, GatewayError, NotStarted, UsageProblem
from ..explain.configuration import Configuration, joined, of_plan, of_yaml
from ..explain.declared import of_declared
from ..explain.differences import Difference, differences, not_compared
from .colours import styled
from .context import Invocation
from .sources import read_secret_file, read_sources

if TYPE_CHECKING:
    from ..control import Gateway

RUNNING, DECLARED = "running", "declared"
_COLOURS = {"added": "green", "removed": "red", "changed": "yellow"}
_READING_S = 120.0
_HEADER = re.compile(r"\A# [^\n]*Content hash: ([0-9a-f]{12})\n")
_REPAIR = "name a LiteLLM YAML, a plan.json, a .env file, `running` or `declared`"


class Trouble(UsageProblem):
    """Something that cannot be compared; exit code 2, because 1 says that there are differences."""


@dataclass(frozen=True)
class Compared:
    """Two sides and what differs; ``environment`` are lines from the running gateway, which knows its own best."""

    old: Configuration
    new: Configuration
    environment: tuple[str, ...] = ()

    def found(self) -> list[Difference]:
        """Return the differences in what both can say."""
        return differences(self.old, self.new)


@click.command()
@click.argument("old")
@click.argument("new", required=False)
@click.option("--port", type=int, help="For `running`: the gateway on this port; needed where several run.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_context
def diff(ctx: click.Context, old: str, new: str | None, port: int | None, as_json: bool) -> None:
    """Show what differs between OLD and NEW: files, or the running gateway.

    Each is a LiteLLM YAML (with its plan.json beside it, where there is one), a plan.json, a .env file, `running`, or
    `declared`: flags, environment, .env and registry as they are now. NEW is `declared` unless given; `diff running`
    shows what a reload would change. Order and comments do not matter. Exit code 0: no difference, 1: differences,
    2: trouble.
    """
    try:
        compared = _compare(ctx, old, new, port)
    except NotStarted:
        raise
    except GatewayError as error:
        error.exit_code = EXIT_USAGE
        raise
    found = compared.found()
    if as_json:
        click.echo(json.dumps(_document(compared, found), indent=2, ensure_ascii=False))
    else:
        _print(ctx, compared, found)
    if found or compared.environment:
        ctx.exit(EXIT_PROBLEMS)


def _compare(ctx: click.Context, old: str, new: str | None, port: int | None) -> Compared:
    if old == RUNNING and new is None:
        return _reload(ctx, port)
    return Compared(_read(ctx, old, port), _read(ctx, new or DECLARED, port))


def _document(compared: Compared, found: list[Difference]) -> dict[str, Any]:
    return {"old": {"name": compared.old.name, "hash": compared.old.hash},
            "new": {"name": compared.new.name, "hash": compared.new.hash},
            "same": not found and not compared.environment,
            "differences": [one.document() for one in found], "environment": list(compared.environment),
            "not_compared": not_compared(compared.old, compared.new, bool(found))}


def _print(ctx: click.Context, compared: Compared, found: list[Difference]) -> None:
    from ..config.lines import printable
    for one in found:
        click.echo(styled(ctx, printable(one.text()), fg=_COLOURS[one.change]))
    for line in compared.environment:
        click.echo(styled(ctx, printable(f"~ {line}"), fg=_COLOURS["changed"]))
    if not found and not compared.environment:
        same = f" ({compared.old.hash})" if compared.old.hash and compared.old.hash == compared.new.hash else ""
        click.echo(f"{compared.old.name} and {compared.new.name} say the same{same}")
    for line in not_compared(compared.old, compared.new, bool(found)):
        click.echo(f"note: not compared: {printable(line)}", err=True)


# --- the two sides ----------------------------------------------------------------------------------------------

def _read(ctx: click.Context, name: str, port: int | None) -> Configuration:
    if name == RUNNING:
        answer = _ask(ctx, port, "configuration")
        return _served(RUNNING, answer)
    return _declared(ctx) if name == DECLARED else _of_file(ctx.obj, name)


def _declared(ctx: click.Context) -> Configuration:
    from .database import with_registry
    sources = with_registry(read_sources(ctx.obj, ctx.meta["root"]), launching=False)
    return of_declared(DECLARED, build_plan(sources).checked(), sources.env)


def _of_file(invocation: Invocation, name: str) -> Configuration:
    path = invocation.cwd / name
    try:
        data = path.read_bytes()
        text = data.decode("utf-8-sig")
    except OSError as error:
        raise Trouble(f"{name} cannot be read: {error.strerror}", name, _REPAIR) from None
    except UnicodeDecodeError:
        raise Trouble(f"{name} is not UTF-8 text", name, _REPAIR) from None
    try:
        if text.lstrip().startswith("{"):
            return of_plan(name, _plan(text, name))
        if path.suffix in (".yaml", ".yml"):
            return _yaml(text, path, name)
    except (AttributeError, KeyError, TypeError, ValueError, OverflowError):
        raise Trouble(f"{name} has not the form of a LiteLLM file or a plan.json", name, _REPAIR) from None
    return _environment(data, path, name)


def _plan(text: str, name: str) -> dict[str, Any]:
    try:
        plan = json.loads(text)
    except (ValueError, RecursionError):
        raise Trouble(f"{name} is not JSON", name, _REPAIR) from None
    models = plan.get("models") if isinstance(plan, dict) else None
    if not isinstance(models, list) or not all(isinstance(one, dict) and "key" in one for one in models):
        raise Trouble(f"{name} is no plan.json: it has no list of models", name, _REPAIR)
    found: dict[str, Any] = plan
    return found


def _yaml(text: str, path: Path, name: str) -> Configuration:
    from ..launch.existing import parse_yaml
    document = parse_yaml(text, path)
    _shape(document, name)
    header = _HEADER.match(text)
    read = of_yaml(name, document, header[1] if header else None)
    beside = path.with_name("plan.json")
    try:
        plan = _plan(beside.read_text(encoding="utf-8"), str(beside))
    except (OSError, UnicodeDecodeError, Trouble):
        return read
    # A plan.json of another text says nothing about this one.
    mine = plan.get("hash") == content_hash(_HEADER.sub("", text), plan)
    return joined(of_plan(name, plan), read) if mine else read


def _shape(document: Mapping[str, Any], name: str) -> None:
    entries = document.get("model_list")
    if not isinstance(entries, list):
        raise Trouble(f"{name} has no model_list", name, _REPAIR)
    for number, entry in enumerate(entries, 1):
        parts = [entry.get(part) or {} for part in ("litellm_params", "model_info")] if isinstance(entry, dict) else [0]
        if not all(isinstance(part, dict) for part in parts):
            raise Trouble(f"{name}: model_list entry {number} is no model", name, "check it: check FILE.yaml")
    for block in ("litellm_settings", "router_settings", "general_settings"):
        if not isinstance(document.get(block) or {}, dict):
            raise Trouble(f"{name}: {block} is no mapping", name, "write `name: value` lines below it")


def _environment(data: bytes, path: Path, name: str) -> Configuration:
    env = Environment({}, parse_dotenv(data, name), partial(_beside, path.parent))
    found = of_declared(name, build_plan(Sources(env)).checked(), env)
    return replace(found, registry=None, rowless=True)


def _beside(folder: Path, path: str) -> bytes:
    return read_secret_file(folder / path)


# --- the running gateway ----------------------------------------------------------------------------------------

def _reload(ctx: click.Context, port: int | None) -> Compared:
    answer = _ask(ctx, port, "difference")
    old, new = _served(RUNNING, answer["old"]), _served("what a reload would serve", answer["new"])
    told = {name for one in (old, new) for name in one.settings or ()}
    lines = [line for line in answer["environment"] if "restart" in line or _name_in(line) not in told]
    return Compared(old, new, tuple(lines))


def _name_in(line: str) -> str:
    return line.partition(" ")[2].partition(":")[0]


def _served(name: str, answer: Mapping[str, Any]) -> Configuration:
    from ..launch.existing import parse_yaml
    read = of_yaml(name, parse_yaml(answer["yaml"], Path(name)))
    return replace(joined(of_plan(name, answer["plan"]), read), hash=answer["hash"])


def _ask(ctx: click.Context, port: int | None, command: str) -> Mapping[str, Any]:
    gateway: Gateway = _gateway(ctx.obj, port)
    try:
        answer = gateway.ask(command, timeout=_READING_S)
    except TimeoutError:
        raise Trouble(f"the gateway on port {gateway.port} said nothing for {_READING_S:g} s", "",
                      "look at its log") from None
    if answer["ok"]:
        return answer
    if answer["message"] == "unknown command":
        raise Trouble("the running gateway is of an older version", "", "restart it, or compare files")
    raise Trouble("\n".join([str(answer["message"]), *map(str, answer.get("lines", ()))]), "the running gateway",
                  "correct what it names")


def _gateway(invocation: Invocation, port: int | None) -> "Gateway":
    from .operate import find
    return find(invocation, port)
