"""What every page has around it, and the parts that several share."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from .html import Child, Html, join, path, tag, text

PAGES = (("", "Overview"), ("requests", "Requests"), ("limits", "Limits"), ("unpriced", "Prices"))


@dataclass(frozen=True)
class Frame:
    """What all pages of a server know: its database, masked, the moment, and the style's version."""

    database: str
    now: datetime
    style: str


def page(frame: Frame, title: str, *body: Child, here: str | None = None, refresh: str | None = None) -> Html:
    """Return a whole document; ``here`` is its place in the navigation, None for pages outside of it.

    ``refresh`` is `5;url=/...`, after which the browser asks again by itself.
    """
    head = (tag("meta", charset="utf-8"), tag("title", f"{title} · LiteLLM Gateway"),
            tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
            tag("meta", name="color-scheme", content="light dark"),
            tag("meta", name="robots", content="noindex"),
            tag("meta", http_equiv="refresh", content=refresh) if refresh else None,
            tag("link", rel="icon", href="/icon.svg", type="image/svg+xml"),
            tag("link", rel="stylesheet", href=path("style.css", v=frame.style)))
    document = tag("html", tag("head", head),
                   tag("body", _header(here), tag("main", tag("h1", title), body), _footer(frame, here)), lang="en")
    return join(Html("<!doctype html>"), document)


def _header(here: str | None) -> Html:
    brand = tag("a", _icon(), tag("span", "LiteLLM Gateway"), href="/", class_="brand")
    links = [tag("a", name, href=path(place), aria_current="page" if place == here else None) for place, name in PAGES]
    return tag("header", brand, tag("nav", links, aria_label="Pages") if here is not None else None)


def _icon() -> Html:
    bars = [tag("rect", x=x, y=y, width=4, height=20 - y, rx=1) for x, y in ((2, 12), (9, 4), (16, 8))]
    return tag("svg", bars, width=22, height=22, class_="icon", aria_hidden="true")


def _footer(frame: Frame, here: str | None) -> Html | None:
    if here is None:
        return None
    return tag("footer", tag("span", f"As of {frame.now:%Y-%m-%d %H:%M:%S} UTC"),
               tag("span", "Reads ", tag("code", frame.database), ", changes nothing"))


def tabs(label: str, links: Iterable[tuple[str, str, bool]]) -> Html:
    """Return links beside each other, as (name, address, is it this one?)."""
    return tag("div", [tag("a", name, href=href, aria_current="true" if here else None) for name, href, here in links],
               class_="tabs", role="group", aria_label=label)


def card(title: str | None, *body: Child, class_: str = "") -> Html:
    """Return a part of a page with its heading."""
    return tag("section", tag("h2", title) if title else None, body, class_=f"card {class_}".rstrip())


def table(heads: Sequence[Child], rows: Iterable[Sequence[Child]], kinds: Sequence[str], label: str) -> Html:
    """Return a table; ``kinds`` are the classes of the columns: `n` for numbers, `wide` for what phones leave out."""
    head = tag("tr", [tag("th", name, class_=kind or None, scope="col") for name, kind in zip(heads, kinds)])
    body = [tag("tr", [tag("td", cell, class_=kind or None) for cell, kind in zip(row, kinds)]) for row in rows]
    return tag("div", tag("table", tag("thead", head), tag("tbody", body), aria_label=label), class_="scroll")


def share_bar(part: float, class_: str = "") -> Html:
    """Return a bar that is filled to ``part`` of 1."""
    width = f"{100 * max(0.0, min(1.0, part)):.1f}%"
    return tag("svg", tag("rect", width="100%", height=6, rx=3, class_="track"),
               tag("rect", width=width, height=6, rx=3, class_="fill") if part > 0 else None,
               class_=f"share {class_}".rstrip(), width="100%", height=6, aria_hidden="true")


def empty(title: str, *said: Child) -> Html:
    """Return what stands where there is nothing yet, and what to do."""
    return tag("section", tag("h2", title), [tag("p", one) for one in said], class_="card empty")


def command(words: str) -> Html:
    """Return a command to type."""
    return tag("pre", tag("code", words), class_="command")


def chip(said: str, kind: str = "") -> Html:
    """Return a small label."""
    return tag("span", said, class_=f"chip {kind}".rstrip())


def status_chip(status: int | None, ended: bool = True) -> Html:
    """Return how a request ended."""
    if status is None:
        return chip("under way" if not ended else "-", "quiet")
    return chip(str(status), "good" if status < 400 else "warn" if status < 500 else "bad")


def name_cell(name: str | None, href: str | None) -> Html:
    """Return a name that leads somewhere; requests that have none are told as such."""
    if name is None:
        return tag("span", "(none)", class_="quiet")
    return tag("a", tag("bdi", name), href=href) if href else tag("bdi", text(name))
