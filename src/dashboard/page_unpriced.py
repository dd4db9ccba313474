"""Models whose tokens were counted and have no price, and how to give them one."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from . import values
from .html import Html, path, tag
from .layout import Frame, card, command, empty, page, table

Rows = Sequence[Mapping[str, Any]]
# From rows to the lines that give their models a price.
Repair = Callable[[Rows], Sequence[str]]


def render(frame: Frame, rows: Rows, repair: Repair) -> Html:
    """Return the page."""
    if not rows:
        return page(frame, "Prices", empty("Every counted request has a price",
                                           "A model that nobody has a price for would be named here; its cost stays "
                                           "unknown, it is never taken for 0."), here="unpriced")
    return page(frame, "Prices", tag("p", "The cost of these is unknown and part of no sum.", class_="quiet"),
                _missing(frame, rows), _repairs(rows, repair), here="unpriced")


def _missing(frame: Frame, rows: Rows) -> Html:
    heads = ("Model", "Deployment", "Requests", "Tokens in", "out", "Last")
    cells = [(tag("a", tag("bdi", values.known(row["model"])), href=path("requests", model=row["model"])),
              tag("bdi", values.known(row["deployment"])), values.count(row["requests"]),
              values.short(row["prompt_tokens"]), values.short(row["completion_tokens"]),
              values.moment(row["last_at"], frame.now)) for row in rows]
    return tag("section", table(heads, cells, ("name", "wide", "n", "n", "n", "n wide"), "Models without a price"),
               class_="card")


def _repairs(rows: Rows, repair: Repair) -> Html:
    return card("What to do", tag("p", "Say what a million tokens cost, in US dollars; 0 is free:"),
                command("\n".join(repair(rows))), tag("p", "Then fill in the costs of what was recorded already:"),
                command("litellm-gateway reload\nlitellm-gateway ledger reprice"))
