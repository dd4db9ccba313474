"""The newest requests, filtered; and the addresses under which a filter stands."""

from collections.abc import Mapping
from dataclasses import dataclass

from ..store.ledger_pages import NAMES, STATES, Page, Wanted
from . import values
from .html import Child, Html, join, path, tag, without_nul
from .layout import Frame, chip, command, empty, page, status_chip, table
from .reading import day_or_hour

LIVE_S = 3
_STATE_WORDS = {"ok": "answered", "4xx": "4xx, refused", "5xx": "5xx, failed", "running": "under way"}
_LONGEST = 300
_HIGHEST = 2**63 - 1


@dataclass(frozen=True)
class Asked:
    """What the address asks for: ``seen`` is the row that was the newest when a live page asked the last time."""

    wanted: Wanted
    at: str | None = None
    before: int | None = None
    live: bool = False
    seen: int | None = None

    def address(self, **changes: str | int | None) -> str:
        """Return the address of this page with ``changes``; None leaves out."""
        query = {name: getattr(self.wanted, name) for name in NAMES}
        query |= {"state": self.wanted.state, "gone": "1" if self.wanted.gone else None, "at": self.at,
                  "before": self.before, "live": "1" if self.live else None}
        return path("requests", **{**query, **changes})


def read_asked(query: Mapping[str, str]) -> Asked:
    """Return what a query asks for; what makes no sense is left out, as an empty field of the form is."""
    said = {name: without_nul(value)[:_LONGEST] for name, value in query.items() if without_nul(value)}
    state = said.get("state")
    at = said.get("at")
    period = day_or_hour(at) if at else None
    wanted = Wanted(**{name: said.get(name) for name in NAMES}, state=state if state in STATES else None,
                    gone="gone" in said, period=period)
    before = _number(said.get("before"))
    return Asked(wanted, at if period else None, before, "live" in said and before is None, _number(said.get("seen")))


def _number(text: str | None) -> int | None:
    digits = text is not None and text.isascii() and text.isdigit() and len(text) < 20
    return min(int(text), _HIGHEST) if text is not None and digits else None


def render(frame: Frame, asked: Asked, found: Page) -> Html:
    """Return the page; a live one asks for itself again."""
    newest = found.rows[0]["id"] if found.rows else asked.seen
    refresh = f"{LIVE_S};url={asked.address(seen=newest)}" if asked.live else None
    switch = tag("a", "Live", href=asked.address(live=None if asked.live else "1", before=None),
                 class_="switch", aria_current="true" if asked.live else None,
                 title=f"Ask again every {LIVE_S} seconds")
    return page(frame, "Requests", tag("div", _applied(asked), switch, class_="above"), _form(asked),
                _found(frame, asked, found), here="requests", refresh=refresh)


def _applied(asked: Asked) -> Html:
    """Return the filters that are on, each with a way to take it off."""
    on = {name: getattr(asked.wanted, name) for name in NAMES}
    on |= {"state": asked.wanted.state and _STATE_WORDS[asked.wanted.state],
           "gone": "client gone" if asked.wanted.gone else None,
           "at": asked.at and asked.at.replace("T", ", ") + (":00 UTC" if "T" in asked.at else " UTC")}
    chips = [tag("a", tag("b", name), " ", tag("bdi", value), " ×", class_="chip on", title="Take this filter off",
                 href=asked.address(**{name: None}, before=None)) for name, value in on.items() if value]
    return tag("p", chips or tag("span", "Newest first", class_="quiet"), class_="applied")


def _form(asked: Asked) -> Html:
    wanted = asked.wanted
    fields: list[Child] = [_field(name, getattr(wanted, name)) for name in NAMES]
    options = [tag("option", "any", value="")]
    options += [tag("option", said, value=name, selected=name == wanted.state) for name, said in _STATE_WORDS.items()]
    fields.append(tag("label", "status", tag("select", options, name="state")))
    fields.append(tag("label", tag("input", type="checkbox", name="gone", value="1", checked=wanted.gone),
                      "client gone", class_="check"))
    kept = [tag("input", type="hidden", name=name, value=value) for name, value in
            (("at", asked.at), ("live", "1" if asked.live else None)) if value]
    form = tag("form", fields, kept, tag("button", "Filter"), method="get", action="/requests", class_="filter")
    find = tag("form", tag("label", "request id, or how it begins",
                           tag("input", name="id", type="search", required=True, autocomplete="off")),
               tag("button", "Find"), method="get", action="/requests", class_="filter find")
    shown = any(getattr(wanted, name) for name in (*NAMES, "state", "gone"))
    return tag("details", tag("summary", "Filter and find"), form, find, class_="card filters", open=shown)


def _field(name: str, value: str | None) -> Html:
    return tag("label", "error type" if name == "error" else name,
               tag("input", name=name, value=value or "", type="search", autocomplete="off", maxlength=_LONGEST))


def _found(frame: Frame, asked: Asked, found: Page) -> Html:
    if not found.rows and found.before is None:
        return _nothing(asked)
    heads = ("Began", "Alias", "Model", "Status", "Key", "User", "Tokens", "Cost", "Took")
    kinds = ("time", "name", "name wide", "", "wide", "wide", "n wide", "n", "n")
    body = table(heads, [_row(frame, asked, row) for row in found.rows], kinds, "Requests") if found.rows else None
    return tag("section", body, _onward(frame, asked, found), class_="card")


def _row(frame: Frame, asked: Asked, row: Mapping[str, int | str | None]) -> tuple[Child, ...]:
    began = str(row["started_at"])
    new = asked.seen is not None and int(row["id"] or 0) > asked.seen
    time = tag("a", values.moment(began, frame.now), href=path("requests", str(row["request_id"])),
               class_="new" if new else None)
    marks = [chip(said, "quiet") for said, on in (("stream", row["stream"]), ("gone", row["client_gone"])) if on]
    status = row["status"]
    state = join(status_chip(None if status is None else int(status), row["ended_at"] is not None),
                 tag("span", row["error_type"], class_="type") if row["error_type"] else None, marks)
    tokens = f"{_count(row['prompt_tokens'])} / {_count(row['completion_tokens'])}"
    return (time, tag("bdi", values.known(row["alias"])), tag("bdi", values.known(row["model"])), state,
            tag("bdi", values.known(row["client_key"])), tag("bdi", values.known(row["user_label"])), tokens,
            values.money(_whole(row["cost_micros"])), values.milliseconds(_whole(row["duration_ms"])))


def _whole(value: int | str | None) -> int | None:
    return None if value is None else int(value)


def _count(value: int | str | None) -> str:
    return values.count(_whole(value))


def _onward(frame: Frame, asked: Asked, found: Page) -> Html:
    """Return the links to other pages, and how far a page came that was not filled in its time."""
    newest = tag("a", "Newest", href=asked.address(before=None)) if asked.before is not None else None
    if found.before is None:
        return tag("p", newest, tag("span", "No older requests", class_="quiet"), class_="onward")
    said = None if found.searched is None else tag("span", "Looked back to ", values.moment(found.searched, frame.now))
    older = tag("a", "Older" if said is None else "Look further back",
                href=asked.address(before=found.before, live=None), rel="next")
    return tag("p", newest, said, older, class_="onward")


def _nothing(asked: Asked) -> Html:
    filtered = asked.wanted != Wanted()
    if filtered or asked.before is not None:
        return empty("No such requests", join("Take a filter off above, or see ",
                                              tag("a", "all requests", href=path("requests")), "."))
    return empty("No requests yet", "Start the gateway and send one; it appears here within seconds.",
                 command("litellm-gateway"))
