"""`report`: what was spent, used, asked, how fast and what failed, from the ledger's totals."""

import csv
import io
import json
import sys
from datetime import datetime, timezone
from typing import Any

import click

from ..config.lines import printable
from ..errors import UsageProblem
from ..policy.reports import BY, KINDS, Period, period
from ..policy.reports_rows import COLUMNS, rows_of

# What spreadsheets take for the beginning of a formula; control characters are escaped, an apostrophe keeps them text.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


@click.command()
@click.argument("kind", type=click.Choice(KINDS))
@click.option("--by", type=click.Choice(BY), default="model", show_default=True, help="What to add up by.")
@click.option("--since", default="7d", show_default=True, help="7d, 24h, 90m, or a date; whole hours in UTC.")
@click.option("--until", help="The same; until now where left out.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option("--csv", "as_csv", is_flag=True, help="Print comma-separated values.")
@click.pass_context
def report(ctx: click.Context, kind: str, by: str, since: str, until: str | None, as_json: bool, as_csv: bool) -> None:
    """Report costs, tokens, requests, latency or errors of a period.

    Costs are exact; a cost that nobody knows is shown as -, never as 0. Latencies are at most 26 % off.
    """
    if as_json and as_csv:
        raise UsageProblem("--json and --csv exclude each other", "flags", "keep one")
    span = read_period(since, until)
    from ..store.reports import totals
    from .database import opened
    with opened(ctx) as on:
        rows = rows_of(kind, by, totals(on.store, by, span, COLUMNS[kind]))
    if as_json:
        click.echo(json.dumps({"report": kind, "by": by, "since": iso(span.since), "until": iso(span.until),
                               "rows": rows}, indent=2))
    elif as_csv:
        sys.stdout.write(csv_text(rows))
    else:
        click.echo(f"{kind} by {by}, {iso(span.since)} to {iso(span.until)}")
        click.echo(table(rows) if rows else "nothing was recorded in this time")


def read_period(since: str, until: str | None) -> Period:
    """Return the period that two options name; raises UsageProblem."""
    try:
        return period(since, until, datetime.now(timezone.utc))
    except ValueError as error:
        raise UsageProblem(f"--since or --until {error}", "flags", "--since 7d") from None


def iso(seconds: int) -> str:
    """Return Unix seconds as people and programs read them, in UTC."""
    return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%dT%H:%MZ")


def csv_text(rows: list[dict[str, Any]]) -> str:
    """Return rows as CSV; a cell that a spreadsheet would run is quoted with an apostrophe. Unknown is empty."""
    if not rows:
        return ""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(rows[0])
    writer.writerows([_harmless(value) for value in row.values()] for row in rows)
    return text.getvalue()


def _harmless(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    return f"'{printable(value)}" if value.startswith(_FORMULA) else printable(value)


def table(rows: list[dict[str, Any]]) -> str:
    """Return rows as columns, names to the left and numbers to the right; money in US dollars."""
    names = list(rows[0])
    cells = [[name.replace("_micros", "_usd").upper() for name in names]]
    cells += [[_cell(name, value) for name, value in row.items()] for row in rows]
    widths = [max(len(line[column]) for line in cells) for column in range(len(names))]
    left = [any(isinstance(row[name], str) for row in rows) or not column for column, name in enumerate(names)]
    return "\n".join("  ".join(cell.ljust(width) if to_left else cell.rjust(width) for cell, width, to_left
                               in zip(line, widths, left)).rstrip() for line in cells)


def _cell(name: str, value: Any) -> str:
    if value is None:
        return "-"
    return dollars(value) if name.endswith("_micros") else printable(str(value))


def dollars(micros: int) -> str:
    """Return micro-dollars as US dollars with all six digits."""
    return f"{micros // 1_000_000}.{micros % 1_000_000:06d}"
