"""`ping`: one tiny real request per model, and what to repair where one fails."""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import click

from ..config.fields import suggest
from ..config.lines import printable
from ..config.plan import LaunchPlan, build_plan
from ..errors import EXIT_PROBLEMS, UsageProblem
from .colours import styled
from .context import Invocation
from .sources import read_sources

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..launch.document import Generation
    from ..rehearse.ping import Ping, Pong

# Micro-dollars: one cent.
ASKS_FROM = Decimal(10_000)
_SHOWN_SECRET = 6


@click.command()
@click.argument("aliases", nargs=-1, metavar="[ALIAS]...")
@click.option("--all", "everything", is_flag=True, help="Also models of images, speech and transcription, which cost.")
@click.option("--yes", is_flag=True, help="Do not ask before it may cost more than a cent.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_context
def ping(ctx: click.Context, aliases: tuple[str, ...], everything: bool, yes: bool, as_json: bool) -> None:
    """Ask each model one tiny real question, all at once, as the gateway would send it.

    Shows status, latency, time to the first token and what to repair. ALIAS names models or chains; default: all. No
    gateway need run. Exit code 1: a model failed; 2: nothing was asked.
    """
    assert isinstance(ctx.obj, Invocation)
    from ..rehearse.ping import CHEAP_MODES, ask_all, pings
    plan, generation, environ = _declared(ctx.obj, ctx.meta["root"])
    listed = _chosen(pings(generation, plan.secrets, environ), plan, aliases)
    left = [] if everything else [one for one in listed if one.mode not in CHEAP_MODES]
    listed = [one for one in listed if one not in left]
    asked = [one for one in listed if not one.unset]
    _agree(asked, plan, yes)
    with _progress(len(asked)) as heard:
        pongs = ask_all(asked, ctx.obj.package, environ, heard) if asked else {}
    rows = _rows(listed, pongs, _hider(plan, generation))
    _show(ctx, rows, left, as_json)
    if any(row["repair"] for row in rows):
        ctx.exit(EXIT_PROBLEMS)


def _declared(invocation: Invocation, options: Mapping[str, Any]) -> tuple[LaunchPlan, "Generation", dict[str, str]]:
    """Return the plan, its generation and the environment that its workers would have."""
    from ..launch.document import generate
    from ..launch.existing import load_existing
    from .database import with_registry
    sources = with_registry(read_sources(invocation, options), launching=False)
    if options["config"]:
        plan, generation = load_existing(invocation.cwd / options["config"], sources)
        plan.checked()
    else:
        plan = build_plan(sources).checked()
        generation = generate(plan, sources.env)
    return plan, generation, {**invocation.environ, **generation.env}


def _chosen(listed: Sequence["Ping"], plan: LaunchPlan, aliases: Sequence[str]) -> list["Ping"]:
    """Return the pings of these models, and of the members of these chains; raises UsageProblem for other names."""
    chains = {chain.alias: [plan.by_key(key).alias for key in chain.models] for chain in plan.chains}
    known = {one.alias for one in listed} | set(chains)
    for name in aliases:
        if name not in known:
            raise UsageProblem(f"there is no model {name!a}{suggest(name, sorted(known))}", "ALIAS",
                               "known: " + ", ".join(sorted(known)))
    wanted = {alias for name in aliases for alias in chains.get(name, [name])}
    return [one for one in listed if not aliases or one.alias in wanted]


def _agree(listed: Sequence["Ping"], plan: LaunchPlan, yes: bool) -> None:
    """Ask before more than a cent is spent; raises UsageProblem where nobody can be asked, Abort on a no."""
    from ..rehearse.ping import cost_micros
    from .ledger_prices import PriceBook
    if yes or not listed:
        return
    book = PriceBook(plan)
    costs = {}
    for one in listed:
        known = book.find({"deployment": one.deployment, "model": f"{one.provider}/{one.model}"})
        costs[one.deployment] = cost_micros(one, known.price if known else None)
    unknown = list(dict.fromkeys(one.alias for one in listed if costs[one.deployment] is None))
    total = sum((cost for cost in costs.values() if cost is not None), Decimal(0))
    if not unknown and total <= ASKS_FROM:
        return
    reasons = [f"no price is known for {', '.join(unknown)}"] if unknown else []
    reasons += [f"about ${total / 1_000_000:.2f}"] if total > ASKS_FROM else []
    text = f"{len(listed)} requests may cost more than a cent: {'; '.join(reasons)}"
    if not sys.stdin.isatty():
        raise UsageProblem(text, "", "add --yes to ask all the same, or name the models to ask")
    if not click.confirm(printable(text) + ". Ask?", err=True):
        raise click.Abort


@contextmanager
def _progress(count: int) -> Iterator["Callable[[], object]"]:
    """Yield what is called after each answer: a bar on a terminal, nothing elsewhere."""
    if not sys.stderr.isatty() or not count:
        yield lambda: None
        return
    with click.progressbar(length=count, label="asking", file=sys.stderr) as bar:
        yield lambda: bar.update(1)


def _hider(plan: LaunchPlan, generation: "Generation") -> "Callable[[str], str]":
    """Return what takes every key out of a text: upstreams repeat them in errors."""
    names = {*plan.secrets, *generation.plan.get("secret_names", ())}
    values = {secret.value.strip() for secret in plan.secrets.values() if secret.value}
    values |= {generation.env[name].strip() for name in names if generation.env.get(name)}

    def hide(text: str) -> str:
        for value in sorted(values, key=len, reverse=True):
            text = text.replace(value, "***") if len(value) >= _SHOWN_SECRET else text
        return text
    return hide


def _rows(listed: Sequence["Ping"], pongs: Mapping[str, "Pong"], hide: "Callable[[str], str]") -> list[dict[str, Any]]:
    from ..rehearse.advice import advice, listed_models
    from ..rehearse.ping import Pong

    def row(one: "Ping") -> dict[str, Any]:
        pong = pongs.get(one.deployment, Pong(None))
        status = "no key" if one.unset else pong.cause or pong.status or "error"
        return {"alias": one.alias, "deployment": one.deployment, "model": f"{one.provider}/{one.model}",
                "status": "ok" if pong.answered else status, "latency_ms": _ms(pong.seconds),
                "ttft_ms": _ms(pong.first_s), "repair": hide(advice(one, pong, listed_models))}
    with ThreadPoolExecutor(8) as pool:
        return list(pool.map(row, listed))


def _ms(seconds: float | None) -> int | None:
    return None if seconds is None else round(seconds * 1000)


def _show(ctx: click.Context, rows: Sequence[Mapping[str, Any]], left: Sequence["Ping"],
          as_json: bool) -> None:
    if as_json:
        not_asked = [{"alias": one.alias, "mode": one.mode} for one in left]
        click.echo(json.dumps({"ok": not any(row["repair"] for row in rows), "models": list(rows),
                               "not_asked": not_asked}, indent=2))
        return
    cells = [("alias", "status", "latency", "first token", "what to repair")]
    cells += [(row["alias"], str(row["status"]), _text(row["latency_ms"]), _text(row["ttft_ms"]), row["repair"])
              for row in rows]
    cells += [(one.alias, "-", "-", "-", f"not asked: {one.mode} costs more; --all asks it too") for one in left]
    widths = [max(len(row[column]) for row in cells) for column in range(4)]
    for row in cells:
        line = printable("  ".join((*(cell.ljust(width) for cell, width in zip(row, widths)), row[4])).rstrip())
        colour = {"ok": "green", "status": None, "-": "yellow"}.get(row[1], "red")
        click.echo(styled(ctx, line, fg=colour) if colour else line)


def _text(milliseconds: int | None) -> str:
    return "-" if milliseconds is None else f"{milliseconds} ms"
