"""One request with everything that the ledger holds of it."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from typing import Any

from . import values
from .html import Child, Html, join, path, tag
from .layout import Frame, card, chip, command, empty, page, status_chip, table

Row = Mapping[str, Any]
# Heading -> (column, what it is called); every column of the ledger stands in one of these, or below by itself.
GROUPS: Mapping[str, Sequence[tuple[str, str]]] = {
    "Who": (("client_key", "client key"), ("user_label", "user"), ("session", "session"),
            ("client_request_id", "client's request id")),
    "What was asked": (("route", "route"), ("asked", "asked for"), ("alias", "alias"), ("endpoint", "endpoint"),
                       ("template", "template"), ("template_version", "template version"), ("stream", "stream"),
                       ("request_hash", "SHA-256 of the body")),
    "What answered": (("model", "model"), ("provider", "provider"), ("deployment", "deployment"), ("chain", "chain"),
                      ("chain_position", "position in chain"), ("attempt_count", "attempts"),
                      ("config", "configuration")),
    "Outcome": (("status", "status"), ("error_type", "error type"), ("error", "error"), ("client_gone", "client gone")),
    "Times (UTC)": (("started_at", "began"), ("ended_at", "ended"), ("ttft_ms", "first token after"),
                    ("duration_ms", "took")),
    "Tokens": (("prompt_tokens", "in"), ("cached_tokens", "of these cached"), ("completion_tokens", "out"),
               ("reasoning_tokens", "of these reasoning")),
    "Cost": (("cost_micros", "cost"), ("cost_state", "state"), ("price_source", "price from"),
             ("price_prompt", "input"), ("price_cached", "cached input"), ("price_completion", "output"),
             ("price_reasoning", "reasoning")),
}
APART = ("attempts", "dropped", "translated", "content")
# Row numbers, and what stands elsewhere in another form.
HIDDEN = ("id", "request_id", "cost_pico", "price_id")
# A price that says nothing of these counts them like the others.
_AS = {"price_cached": "as input", "price_reasoning": "as output"}
_LINKED = {"alias": "alias", "model": "model", "client_key": "key", "user_label": "user", "endpoint": "endpoint",
           "chain": "chain", "error_type": "error"}


def render(frame: Frame, row: Row) -> Html:
    """Return the page of a request."""
    gone = chip("client gone", "quiet") if row["client_gone"] else None
    head = tag("p", status_chip(row["status"], row["ended_at"] is not None), gone,
               tag("code", row["request_id"], class_="id"), class_="applied")
    groups = [card(name, tag("dl", [_item(row, column, said) for column, said in columns]))
              for name, columns in GROUPS.items()]
    return page(frame, "Request", head, tag("div", groups, class_="groups"), _attempts(row), _parameters(row),
                _content(row), here="requests")


def _item(row: Row, column: str, said: str) -> Html:
    return tag("div", tag("dt", said), tag("dd", _value(column, row[column], bool(row["price_source"]))))


def _value(column: str, value: Any, priced: bool) -> Child:
    if value is None:
        return values.UNKNOWN if not priced else _AS.get(column, values.UNKNOWN)
    if column in _LINKED:
        return tag("a", tag("bdi", str(value)), href=path("requests", **{_LINKED[column]: str(value)}))
    if column == "cost_micros":
        return values.dollars(value)
    if column.endswith("_ms"):
        return tag("span", values.milliseconds(value), title=f"{value} ms")
    if column.endswith("_tokens"):
        return values.count(value)
    if column.endswith("_at"):
        at = datetime.fromisoformat(value).astimezone(timezone.utc)
        return tag("time", f"{at:%Y-%m-%d %H:%M:%S}.{at.microsecond // 1000:03d}", datetime=value)
    if column.startswith("price_") and column != "price_source":
        return _price(value)
    return ("yes" if value else "no") if isinstance(value, bool) else tag("bdi", str(value))


def _price(micros: str) -> str:
    """Return a price, which is micro-dollars per million tokens as decimal text."""
    whole, _, rest = micros.partition(".")
    digits = f"{whole.rjust(7, '0')[-6:]}{rest}".rstrip("0")
    return f"${whole.rjust(7, '0')[:-6]}{'.' + digits if digits else ''} per million"


def _attempts(row: Row) -> Html | None:
    attempts = row["attempts"]
    if not isinstance(attempts, list) or not attempts or not all(isinstance(one, dict) for one in attempts):
        return None
    names = list(dict.fromkeys(name for one in attempts for name in one))
    rows = [(values.count(number), *(_cell(name, one.get(name)) for name in names))
            for number, one in enumerate(attempts, 1)]
    heads = ("#", *(name.removesuffix("_ms").replace("_", " ") for name in names))
    return card("Attempts, one after another", table(heads, rows, ("n", *("" for _ in names)), "Attempts"))


def _cell(name: str, value: Any) -> Child:
    if name == "status" and isinstance(value, int):
        return status_chip(value)
    if name.endswith("_ms") and isinstance(value, int):
        return values.milliseconds(value)
    return tag("bdi", _plain(value))


def _plain(value: Any) -> str:
    return values.known(value) if value is None or isinstance(value, str | int) else json.dumps(value)


def _parameters(row: Row) -> Html | None:
    dropped, translated = row["dropped"], row["translated"]
    if not dropped and not translated:
        return None
    parts: list[Child] = []
    if dropped:
        names = dropped if isinstance(dropped, list) else [dropped]
        parts.append(tag("p", "Dropped, the upstream would not take them: ",
                         [join(tag("code", _plain(name)), " ") for name in names]))
    if translated:
        pairs = translated.items() if isinstance(translated, dict) else [(translated, "")]
        parts.append(tag("p", "Translated: ", [
            join(tag("code", _plain(name)), " became ", tag("code", _plain(new)), " ") for name, new in pairs]))
    return card("Parameters", parts)


def _content(row: Row) -> Html | None:
    if row["content"] is None:
        return None
    return card("Content", tag("p", "Kept because GATEWAY_LEDGER_CONTENT asks for it.", class_="quiet"),
                tag("pre", row["content"], class_="content"))


def missing(frame: Frame, wanted: str) -> Html:
    """Return the page that stands where no request, or more than one, has an id that begins like this."""
    return page(frame, "Request", empty("No such request", join("No request, or more than one, has an id that begins "
                                                                "with ", tag("code", wanted), "."),
                                        "Take it from the x-gateway-request-id header, or from",
                                        command("litellm-gateway ledger tail")), here="requests")
