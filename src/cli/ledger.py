"""`ledger`: single requests, what has no price yet, and copies."""

import json
import time
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import click

from ..config.lines import printable
from ..errors import UsageProblem
from .report import dollars, table

_COLUMNS = ("started_at", "request_id", "alias", "model", "status", "error_type", "prompt_tokens", "completion_tokens",
            "cost_micros", "duration_ms", "client_key", "user_label")
_POLL_S = 0.5


@click.group()
def ledger() -> None:
    """Look at single requests, fill in prices, export and back up."""


@ledger.command()
@click.option("-n", "count", type=click.IntRange(0, 10_000), default=20, show_default=True, help="How many.")
@click.option("-f", "--follow", is_flag=True, help="Go on with those to come, until Ctrl-C.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per line.")
@click.pass_context
def tail(ctx: click.Context, count: int, follow: bool, as_json: bool) -> None:
    """Show the last requests, oldest first."""
    from ..store import ledger_read
    from ..store.ledger_follow import Follower
    from .database import opened
    with opened(ctx) as on:
        rows = ledger_read.latest(on.store, count)
        _show(rows, as_json)
        last = max((row["id"] for row in rows or ledger_read.latest(on.store, 1)), default=0)
        follower = Follower(on.store, last)
        while follow:
            time.sleep(_POLL_S)
            _show(follower.take(), as_json)


def _show(rows: list[dict[str, Any]], as_json: bool) -> None:
    if as_json:
        for row in rows:
            click.echo(json.dumps(row))
    else:
        for row in rows:
            click.echo("  ".join(_text(name, row[name]) for name in _COLUMNS if row[name] is not None))


def _text(name: str, value: Any) -> str:
    named = {"status": "status", "prompt_tokens": "in", "completion_tokens": "out", "client_key": "key",
             "user_label": "user"}
    if name == "cost_micros":
        return f"${dollars(value)}"
    return f"{value} ms" if name == "duration_ms" else " ".join(filter(None, (named.get(name), printable(str(value)))))


@ledger.command()
@click.argument("request_id")
@click.pass_context
def show(ctx: click.Context, request_id: str) -> None:
    """Show one request, by its id or how it begins, as JSON."""
    from ..store import ledger_read
    from .database import opened
    with opened(ctx) as on:
        row = ledger_read.one(on.store, request_id)
    if row is None:
        raise UsageProblem(f"no request, or more than one, has an id that begins with {request_id}", "REQUEST_ID",
                           "take it from `ledger tail` or the x-gateway-request-id header")
    click.echo(json.dumps(row, indent=2))


@ledger.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object per line; the only format so far.")
@click.option("--since", help="7d, 24h, or a date; everything where left out.")
@click.option("--until", help="The same.")
@click.pass_context
def export(ctx: click.Context, as_json: bool, since: str | None, until: str | None) -> None:
    """Print every request as a line of JSON, in the order in which they were written."""
    from ..store import ledger_read
    from .database import opened
    first, last = _moment("--since", since), _moment("--until", until)
    with opened(ctx) as on:
        for row in ledger_read.export(on.store, first, last):
            click.echo(json.dumps(row))


def _moment(flag: str, text: str | None) -> datetime | None:
    from ..policy.reports import moment
    try:
        return moment(text, datetime.now(timezone.utc)) if text else None
    except (ValueError, OverflowError) as error:
        raise UsageProblem(f"{flag} {error}", "flags", f"{flag} 7d") from None


@ledger.command()
@click.argument("file")
@click.pass_context
def backup(ctx: click.Context, file: str) -> None:
    """Copy the SQLite database, registry and all, to a new file; the gateway may go on meanwhile."""
    from ..store import ledger_read
    from .database import opened
    with opened(ctx) as on:
        ledger_read.backup(on.store, Path(ctx.obj.cwd, file))
    click.echo(f"{printable(file)} holds a copy of the database")


@ledger.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON array.")
@click.pass_context
def unpriced(ctx: click.Context, as_json: bool) -> None:
    """List the models whose tokens were counted and have no price."""
    from ..store import ledger_read
    from .database import opened
    with opened(ctx) as on:
        rows = ledger_read.unpriced(on.store)
    if as_json:
        click.echo(json.dumps(rows, indent=2))
    else:
        click.echo(table(rows) if rows else "every counted request has a price")


@ledger.command()
@click.option("--dry-run", is_flag=True, help="Only say what would change.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON array.")
@click.pass_context
def reprice(ctx: click.Context, dry_run: bool, as_json: bool) -> None:
    """Fill in the costs of unpriced requests with today's prices, and say what changed."""
    from ..config.plan import build_plan
    from ..policy.costs import Cost
    from ..store.ledger_reprice import reprice as fill_in
    from .database import opened, with_registry
    from .ledger_prices import PriceBook
    with opened(ctx) as on:
        book = PriceBook(build_plan(with_registry(on.sources, launching=False)))
        changes = fill_in(on.store, book.find, dry=dry_run)
    rows: list[dict[str, Any]] = [
        {"deployment": change.deployment, "model": change.model, "price_from": change.source,
         "requests": change.requests, "cost_micros": Cost(change.pico, "priced").micros} for change in changes]
    if as_json:
        click.echo(json.dumps(rows, indent=2))
    elif rows:
        click.echo(f"{table(rows)}\n{'would get' if dry_run else 'got'} their cost")
    else:
        click.echo("nothing changed: no unpriced request has a price now; `ledger unpriced` lists them")
