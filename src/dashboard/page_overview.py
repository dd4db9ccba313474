"""The first page: what went through, what failed, what it cost, how fast it was."""

from collections.abc import Callable
from datetime import datetime, timezone

from . import scales, values
from .charts import Chart, Column, Values, bars, lines
from .html import Child, Html, join, path, tag
from .layout import Frame, card, command, empty, name_cell, page, share_bar, table, tabs
from .reading import PERIODS, WORDS, Overview, Row, Span, name_of

DIMENSIONS = ("model", "alias", "key", "user", "endpoint", "chain")
SORTS = {"requests": "requests", "errors": "failed", "cost": "cost_micros", "latency": "p95_ms"}
ROWS = 100


def render(frame: Frame, found: Overview, sort: str, ever: bool) -> Html:
    """Return the page; ``ever`` tells whether the ledger has any request at all."""
    span = found.span
    periods = tabs("Period", [(name, path(period=name, by=found.by, sort=sort), name == span.name)
                              for name in PERIODS])
    body: tuple[Child, ...]
    if found.whole["requests"]:
        body = (_tiles(found.whole), _charts(found), _values(found, sort), _errors(found))
    elif ever:
        body = (empty(f"No requests in these {WORDS[span.name]}", "Choose a longer period above."),)
    else:
        body = (empty("No requests yet", "Start the gateway and send one; it appears here within seconds.",
                      command("litellm-gateway"),
                      "If requests were sent: is GATEWAY_LEDGER on, and is this the gateway's database?"),)
    return page(frame, "Overview", tag("div", periods, tag("p", _between(span), class_="quiet"), class_="above"), body,
                here="")


def _between(span: Span) -> str:
    first, last = (datetime.fromtimestamp(at, timezone.utc) for at in (span.period.since, span.period.until))
    return f"{first:%b %d, %H:%M} to {last:%b %d, %H:%M} UTC"


def _tiles(whole: Row) -> Html:
    requests, failed, unpriced = whole["requests"], whole["failed"], whole["unpriced"]
    missing = tag("a", f"+ {values.plural(unpriced, 'request')} without a price", href=path("unpriced"),
                  class_="missing") if unpriced else "every counted request has a price"
    return tag("div",
               _tile("Requests", values.count(requests), f"{values.count(whole.get('streams', 0))} streamed"),
               _tile("Errors", values.count(failed), f"{values.percent(failed, requests)} of all requests",
                     "bad" if failed else ""),
               _tile("Cost", values.money(whole["cost_micros"]), missing),
               _tile("Tokens", join(values.short(whole["prompt_tokens"]), tag("small", " in")),
                     join(values.short(whole["completion_tokens"]), " out")),
               _tile("Latency", values.milliseconds(whole["p50_ms"]), _median(whole["p95_ms"])),
               _tile("First token", values.milliseconds(whole["ttft_p50_ms"]), _median(whole["ttft_p95_ms"])),
               class_="tiles")


def _median(within: int | None) -> Html:
    return join("median; ", tag("b", f"95 % within {values.milliseconds(within)}"))


def _tile(name: str, value: Child, said: Child, class_: str = "") -> Html:
    return tag("section", tag("h2", name), tag("p", value, class_="value"), tag("p", said, class_="said"),
               class_=f"tile {class_}".rstrip())


# --- charts -------------------------------------------------------------------------------------------------------

def _charts(found: Overview) -> Html:
    rows = [row for _, row in found.columns]
    each = "hour" if found.span.unit == "hour" else "day"
    requests = Chart(_columns(found, lambda row: (row["requests"] - row["failed"], row["failed"])), ("ok", "failed"),
                     scales.scale(max(row["requests"] for row in rows), scales.axis_count, 1),
                     f"Requests per {each}, errors on top")
    cost = Chart(_columns(found, lambda row: (row["cost_micros"],), True), ("cost",),
                 scales.scale(max(row["cost_micros"] or 0 for row in rows), scales.axis_dollars), f"Cost per {each}")
    latency = Chart(_columns(found, lambda row: (row["p50_ms"], row["p95_ms"])), ("p50", "p95"),
                    scales.scale(max(row["p95_ms"] or 0 for row in rows), scales.axis_milliseconds),
                    f"Latency of answered requests per {each}: median and 95th percentile")
    return tag("div",
               card(f"Requests per {each}", _legend(("ok", "answered"), ("failed", "errors")), bars(requests),
                    _as_table(found), class_="broad"),
               card(f"Cost per {each}", _legend(("cost", "US dollars"), *_unknown(rows)), bars(cost)),
               card("Latency", _legend(("p50", "median"), ("p95", "95th percentile")), lines(latency)),
               class_="charts")


def _unknown(rows: list[Row]) -> list[tuple[str, str]]:
    return [("unknown", "some without a price")] if any(row["unpriced"] for row in rows) else []


def _legend(*names: tuple[str, str]) -> Html:
    return tag("p", [tag("span", tag("i", class_=f"key {name}"), said) for name, said in names], class_="legend")


def _columns(found: Overview, of: Callable[[Row], Values], money: bool = False) -> list[Column]:
    unit = found.span.unit
    columns = []
    for start, row in found.columns:
        at = datetime.fromtimestamp(start, timezone.utc)
        columns.append(Column(f"{at:%H:%M}" if unit == "hour" else f"{at:%b} {at.day}", _said(start, unit, row),
                              path("requests", at=name_of(start, unit)), of(row), money and bool(row["unpriced"])))
    return columns


def _said(start: int, unit: str, row: Row) -> str:
    """Return all that a column says when it is pointed at."""
    at = datetime.fromtimestamp(start, timezone.utc)
    when = f"{at:%b} {at.day}, {at:%H:%M} UTC" if unit == "hour" else f"{at:%a, %b} {at.day}"
    if not row["requests"]:
        return f"{when}: no requests"
    return (f"{when}: {values.plural(row['requests'], 'request')}, {values.plural(row['failed'], 'error')}, "
            f"{values.dollars(row['cost_micros'])}, {values.milliseconds(row['p50_ms'])} / "
            f"{values.milliseconds(row['p95_ms'])}")


def _as_table(found: Overview) -> Html:
    unit = found.span.unit
    heads = (unit.capitalize(), "Requests", "Errors", "Cost", "No price", "Median", "95 %")
    rows = [(tag("a", name_of(start, unit), href=path("requests", at=name_of(start, unit))),
             values.count(row["requests"]), values.count(row["failed"]), values.dollars(row["cost_micros"]),
             values.count(row["unpriced"]), values.milliseconds(row["p50_ms"]), values.milliseconds(row["p95_ms"]))
            for start, row in reversed(found.columns)]
    return tag("details", tag("summary", "The charts as a table"),
               table(heads, rows, ("", "n", "n", "n", "n wide", "n wide", "n wide"), f"By {unit}"))


# --- tables -------------------------------------------------------------------------------------------------------

def _values(found: Overview, sort: str) -> Html:
    by, period = found.by, found.span.name
    rows = sorted(found.values, key=lambda row: (-(row[SORTS[sort]] or 0), -row["requests"], str(row[by])))
    choose = tabs("By", [(name.capitalize(), path(period=period, by=name, sort=sort) + "#by", name == by)
                         for name in DIMENSIONS])

    def head(name: str, said: str) -> Html:
        return tag("a", said, href=path(period=period, by=by, sort=name) + "#by",
                   aria_current="true" if name == sort else None)
    heads = (by.capitalize(), head("requests", "Requests"), "Share", head("errors", "Errors"), head("cost", "Cost"),
             "Tokens in", "out", "Median", head("latency", "95 %"))
    whole = found.whole["requests"]
    shown = table(heads, [_value_row(row, by, whole) for row in rows[:ROWS]],
                  ("name", "n", "bar wide", "n", "n", "n wide", "n wide", "n wide", "n wide"), f"By {by}")
    more = tag("p", f"and {values.count(len(rows) - ROWS)} more: ",
               tag("code", f"litellm-gateway report requests --by {by} --since {period}"), class_="quiet") \
        if len(rows) > ROWS else None
    return tag("section", tag("div", tag("h2", "Who and what"), choose, class_="above"), shown, more, class_="card",
               id="by")


def _value_row(row: Row, by: str, whole: int) -> tuple[Child, ...]:
    name = row[by]
    # Those beyond the first ten thousand users of a day are added up as one; no row has that label.
    href = path("requests", **{by: name}) if name is not None and name != "(others)" else None
    cost: Child = values.money(row["cost_micros"])
    if row["unpriced"]:
        cost = join(cost, tag("span", f" + {values.count(row['unpriced'])}", class_="missing",
                              title=f"and {values.plural(row['unpriced'], 'request')} without a price"))
    failed = tag("span", values.count(row["failed"]), class_="badtext",
                 title=values.percent(row["failed"], row["requests"])) if row["failed"] else "0"
    return (name_cell(name, href), values.count(row["requests"]), share_bar(row["requests"] / whole if whole else 0),
            failed, cost, values.short(row["prompt_tokens"]), values.short(row["completion_tokens"]),
            values.milliseconds(row["p50_ms"]), values.milliseconds(row["p95_ms"]))


def _errors(found: Overview) -> Html | None:
    if not found.errors:
        return None
    most, whole = found.errors[0][1], found.whole["requests"]
    rows = [(name_cell(name, path("requests", error=name)), values.count(number), share_bar(number / most, "red"),
             values.percent(number, whole)) for name, number in found.errors]
    return card("Errors by type", table(("Type", "Requests", "", "Of all"), rows, ("name", "n", "bar", "n"),
                                        "Errors by type"))
