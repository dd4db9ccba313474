"""Limits and budgets: what is used of each at the moment."""

from collections.abc import Sequence
from datetime import datetime, timezone

from ..policy.limits import OF_ATTEMPTS
from ..store.limits_usage import Used
from . import values
from .html import Child, Html, tag
from .layout import Frame, command, empty, page, share_bar, table

_ORIGINS = {"row": "registry", "env": "environment", "key": "client key"}
ROWS = 500


def render(frame: Frame, used: Sequence[Used]) -> Html:
    """Return the page, what is fullest first."""
    ordered = sorted(used, key=lambda one: (-_share(one), one.limit.name, one.subject))[:ROWS]
    budgets = [one for one in ordered if one.measure.counted == "cost"]
    limits = [one for one in ordered if one.measure.counted != "cost"]
    body = (_section("Budgets", budgets, frame), _section("Rates", limits, frame)) if used else _nothing()
    return page(frame, "Limits and budgets", tag("p", "What is used in the present minute, day or month.",
                                                 class_="quiet"), body, here="limits")


def _share(one: Used) -> float:
    return one.used / one.cap if one.cap else 1.0


def _section(title: str, rows: Sequence[Used], frame: Frame) -> Html | None:
    if not rows:
        return None
    heads = ("Limit", "Used", "", "", "Resets")
    kinds = ("name", "n", "bar", "n", "wide")
    return tag("section", tag("h2", title), table(heads, [_row(one, frame) for one in rows], kinds, title),
               class_="card")


def _row(one: Used, frame: Frame) -> tuple[Child, ...]:
    share = _share(one)
    kind = "red" if share >= 1 else "amber" if share >= 0.8 else ""
    counted = "upstream calls" if one.limit.scope in OF_ATTEMPTS else "client requests"
    name = tag("span", tag("bdi", one.limit.name), _below(one.limit.scope, " ", tag("bdi", one.subject)),
               title=f"declared in the {_ORIGINS[one.limit.origin]}; counts {counted}; when full: {one.limit.action}")
    used = tag("span", _amount(one, one.used), " of ", _cap(one), _below(_per(one)))
    return (name, used, share_bar(share, kind), values.percent(one.used, one.cap) if one.cap else "100 %",
            _resets(one, frame))


def _below(*said: Child) -> Html:
    return tag("span", said, class_="below")


def _amount(one: Used, amount: int) -> Child:
    return values.money(amount) if one.measure.counted == "cost" else values.count(amount)


def _cap(one: Used) -> str:
    return values.dollars(one.cap).removesuffix("0000") if one.measure.counted == "cost" else values.count(one.cap)


def _per(one: Used) -> str:
    return f"{'' if one.measure.counted == 'cost' else one.measure.counted + ' '}a {one.measure.period}"


def _resets(one: Used, frame: Frame) -> Html:
    end = datetime.fromtimestamp(one.window.end, timezone.utc)
    left = max(0, int(one.window.end - frame.now.timestamp()))
    days, hours, minutes = left // 86_400, left // 3_600, left // 60
    said = f"in {values.plural(days, 'day')}" if days > 1 else f"in {hours} h" if hours > 1 else \
        f"in {minutes} min" if minutes else f"in {left} s"
    return tag("time", said, datetime=f"{end:%Y-%m-%dT%H:%M:%SZ}", title=f"{end:%Y-%m-%d %H:%M:%S} UTC")


def _nothing() -> Html:
    return empty("No limits", "Nothing is limited, and nobody has a budget. Add one:",
                 command("litellm-gateway limits add house --scope model --target gpt-5 --rpm 60\n"
                         "litellm-gateway keys add alice --rpm 60 --budget 20"),
                 "Limits of a model may stand in the environment too: MODEL_<KEY>_RPM, _TPM, _RPD and _TPD.")
