"""Limits: what is counted for whom, in which calendar window, up to where. Pure; the counters are in the store."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone
from functools import lru_cache
from typing import Any, Literal, NamedTuple, Protocol
from zoneinfo import ZoneInfo

from ..config.wildcards import parts_of

Counted = Literal["requests", "tokens", "cost"]
Period = Literal["minute", "day", "month"]
SCOPES = ("provider", "model", "key", "tier", "user")
# Limits of these are counted per upstream call, the others once per client request.
OF_ATTEMPTS = ("provider", "model")
ACTIONS = ("wait", "reject", "fallback")
EACH = "*"
DEFAULT_WAIT_S = 10.0
# A request says how long its answer may be, or one of this model is as long as usual, or this many tokens.
USUAL_OUTPUT = 1024
BYTES_PER_TOKEN = 4


class Measure(NamedTuple):
    """One number of a limit: the ``field`` that holds it, what it counts, and for how long."""

    field: str
    counted: Counted
    period: Period


MEASURES = (Measure("rpm", "requests", "minute"), Measure("tpm", "tokens", "minute"),
            Measure("rpd", "requests", "day"), Measure("tpd", "tokens", "day"),
            Measure("budget_micros", "cost", "month"))


class Window(NamedTuple):
    """From ``start`` up to ``end``, in Unix seconds."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Limit:
    """What an operator allows; None limits nothing. ``origin`` says where it was declared: `row`, `env` or `key`.

    ``headroom`` is the percentage of each number, the budget excepted, that stays unused; times are seconds;
    ``target`` `*` means each of them on its own.
    """

    name: str
    scope: str
    target: str
    rpm: int | None = None
    tpm: int | None = None
    rpd: int | None = None
    tpd: int | None = None
    headroom: int = 0
    budget_micros: int | None = None
    action: str = "wait"
    wait_s: float = DEFAULT_WAIT_S
    backoff: str | None = None
    backoff_s: float = 1.0
    reset_zone: str | None = None
    origin: str = "row"

    def cap(self, measure: Measure) -> int | None:
        """Return how much may be used of ``measure``, headroom taken off; None is no limit."""
        stated: int | None = getattr(self, measure.field)
        if stated is None or measure.counted == "cost":
            return stated
        return max(1, stated * (100 - self.headroom) // 100)

    @property
    def counts_tokens(self) -> bool:
        """Tell whether a request's size matters."""
        return any(getattr(self, name) is not None for name in ("tpm", "tpd", "budget_micros"))


class Rule(NamedTuple):
    """A limit and the one whom it is counted for."""

    limit: Limit
    subject: str


@dataclass(frozen=True, slots=True)
class Charge:
    """What one call adds to one counter: ``amount`` of at most ``cap`` in ``window``."""

    rule: Rule
    measure: Measure
    window: Window
    amount: int
    cap: int

    @property
    def key(self) -> str:
        """Return the counter's name, the same in every process that shares the store."""
        limit = self.rule.limit
        subject = limit.target if limit.origin == "key" else self.rule.subject
        return counter_prefix(limit, self.measure) + subject

    @property
    def reserves(self) -> bool:
        """Tell whether ``amount`` is an estimate until the call has ended; attempts are used up at once."""
        return self.measure.counted != "requests"

    @property
    def ceiling(self) -> int:
        """Return what the counter may hold with this charge in it.

        A budget lets a request in while less than all of it is spent or reserved: nobody knows the cost beforehand.
        """
        return self.cap - 1 + self.amount if self.measure.counted == "cost" else self.cap


def counter_prefix(limit: Limit, measure: Measure) -> str:
    """Return the beginning of the names of a limit's counters; only the subject after it may hold spaces."""
    return f"{limit.origin} {limit.name} {measure.field} "


def charges(rules: Iterable[Rule], tokens: int, micros: int, at: float) -> list[Charge]:
    """Return what a call of this size adds to which counters at the time ``at``, in Unix seconds.

    One that is larger than a whole limit counts as all of it: it gets through when nothing else does.
    """
    found = []
    for rule in rules:
        for measure in MEASURES:
            cap = rule.limit.cap(measure)
            if cap is not None:
                amount = {"requests": 1, "tokens": min(tokens, cap), "cost": micros}[measure.counted]
                found.append(Charge(rule, measure, window_of(measure.period, at, rule.limit.reset_zone), amount, cap))
    return found


def window_of(period: Period, at: float, zone: str | None = None) -> Window:
    """Return the calendar window around ``at``: a minute, or a day or month of ``zone`` (an IANA name, else UTC)."""
    minute = int(at) // 60
    return Window(minute * 60, minute * 60 + 60) if period == "minute" else _calendar(period, minute, zone)


@lru_cache(256)
def _calendar(period: Period, minute: int, zone: str | None) -> Window:
    clock = ZoneInfo(zone) if zone else timezone.utc
    now = datetime.fromtimestamp(minute * 60, clock)
    first = datetime(now.year, now.month, now.day if period == "day" else 1, tzinfo=clock)
    later = first + timedelta(days=1 if period == "day" else 32)
    last = datetime(later.year, later.month, later.day if period == "day" else 1, tzinfo=clock)
    return Window(int(first.timestamp()), int(last.timestamp()))


@dataclass(frozen=True, slots=True)
class Reached:
    """A charge that does not fit, and what its counter holds."""

    charge: Charge
    used: int

    def retry_after(self, at: float) -> int:
        """Return in how many seconds the window ends, at least 1."""
        return max(1, math.ceil(self.charge.window.end - at))

    def message(self, at: float) -> str:
        """Return what the client is told: the limit by name, and when it resets."""
        limit, measure = self.charge.rule.limit, self.charge.measure
        end = datetime.fromtimestamp(self.charge.window.end, timezone.utc)
        what = "Budget spent" if measure.counted == "cost" else "Rate limit reached"
        return (f"{what}: {amount_text(measure, self.charge.cap)} for {limit.scope} {self.charge.rule.subject} "
                f"(limit {limit.name}). It resets at {end:%Y-%m-%dT%H:%M:%SZ}, in {self.retry_after(at)} s.")


def dollars_text(micros: int) -> str:
    """Return an amount of money for people, with as many decimals as it has, two at least: `$5.00`, `$0.00014`."""
    cents, rest = divmod(micros, 10_000)
    return f"${cents // 100}.{cents % 100:02d}" + (f"{rest:04d}".rstrip("0") if rest else "")


def amount_text(measure: Measure, amount: int) -> str:
    """Return an amount of a measure for people: `20 requests per minute`, `$5.00 per month`."""
    shown = dollars_text(amount) if measure.counted == "cost" else f"{amount} {measure.counted}"
    return f"{shown} per {measure.period}"


def reached(charged: Sequence[Charge], used: Mapping[str, int]) -> list[Reached]:
    """Return the charges that do not fit on top of ``used`` (counter -> amount), the longest wait first."""
    full = [Reached(charge, used.get(charge.key, 0)) for charge in charged
            if used.get(charge.key, 0) + charge.amount > charge.ceiling]
    return sorted(full, key=lambda one: -one.charge.window.end)


def headers(used: Iterable[tuple[Charge, int]], at: float) -> list[tuple[bytes, bytes]]:
    """Return `x-ratelimit-*` for the tightest counter of requests and of tokens; ``used`` holds what each has now."""
    tightest: dict[str, tuple[int, Charge]] = {}
    for charge, amount in used:
        left = max(0, charge.cap - amount)
        known = tightest.get(charge.measure.counted)
        if charge.measure.counted != "cost" and (known is None or left < known[0]):
            tightest[charge.measure.counted] = (left, charge)
    found = []
    for counted, (left, charge) in tightest.items():
        shown = {"limit": str(charge.cap), "remaining": str(left), "reset": duration(charge.window.end - at)}
        found += [(f"x-ratelimit-{name}-{counted}".encode(), text.encode()) for name, text in shown.items()]
    return found


def duration(seconds: float) -> str:
    """Return seconds as OpenAI writes them in headers: `17s`, `6m0s`, `23h59m0s`."""
    whole = max(0, math.ceil(seconds))
    hours, minutes = whole // 3600, whole % 3600 // 60
    return (f"{hours}h" if hours else "") + (f"{minutes}m" if hours or minutes else "") + f"{whole % 60}s"


class Deployment(Protocol):
    """What is asked of a deployment to find its limits."""

    @property
    def key(self) -> str: ...
    @property
    def alias(self) -> str: ...
    @property
    def provider(self) -> str | None: ...
    @property
    def rpm(self) -> int | None: ...
    @property
    def tpm(self) -> int | None: ...
    @property
    def rpd(self) -> int | None: ...
    @property
    def tpd(self) -> int | None: ...


def declared_limit(model: Deployment, zone: str | None = None) -> Limit | None:
    """Return what ``MODEL_<KEY>_RPM/TPM/RPD/TPD`` say, None where they say nothing."""
    numbers = {name: getattr(model, name) for name in ("rpm", "tpm", "rpd", "tpd")}
    if all(number is None for number in numbers.values()):
        return None
    return Limit(f"MODEL_{model.key.upper()}", "model", model.alias, **numbers, reset_zone=zone, origin="env")


@dataclass(frozen=True)
class LimitSet:
    """Every limit, ready to be asked; made anew when rows or plan change."""

    limits: tuple[Limit, ...] = ()
    zones: Mapping[str, str] = field(default_factory=dict)

    def of_attempt(self, model: Deployment, asked: str | None = None) -> tuple[Rule, ...]:
        """Return what limits calls of this deployment: its model's and its provider's.

        The names under a wildcard count together; a limit for just ``asked``, one of them, is met too.
        """
        zone = self.zones.get(model.provider or "")
        names = {"model": (model.alias, model.key), "provider": (model.provider or "",)}
        declared = declared_limit(model, zone)
        own = (Rule(declared, model.key),) if declared else ()
        found = [Rule(_zoned(limit, zone), names[limit.scope][0]) for limit in self.limits
                 if limit.scope in names and limit.target in (EACH, *names[limit.scope])]
        single = [Rule(_zoned(limit, zone), limit.target) for limit in self.limits
                  if limit.scope == "model" and limit.target == asked and asked not in names["model"]]
        return (*own, *found, *single)

    def of_names(self, alias: str) -> bool:
        """Tell whether any limit is for one name that the wildcard ``alias`` covers."""
        return any(limit.scope == "model" and parts_of(alias, limit.target) is not None for limit in self.limits)

    def of_request(self, **who: str | None) -> tuple[Rule, ...]:
        """Return what limits requests of this ``key``, ``tier`` and ``user``."""
        return tuple(Rule(limit, name) for limit in self.limits if limit.scope not in OF_ATTEMPTS
                     if (name := who.get(limit.scope)) and limit.target in (EACH, name))

    @property
    def of_requests(self) -> bool:
        """Tell whether any limit counts client requests."""
        return any(limit.scope not in OF_ATTEMPTS for limit in self.limits)


def _zoned(limit: Limit, zone: str | None) -> Limit:
    return limit if limit.reset_zone or not zone else replace(limit, reset_zone=zone)


def limits_of(rows: Iterable[Mapping[str, Any]]) -> tuple[Limit, ...]:
    """Return the active limits of rows as documents have them."""
    names = [name for name in Limit.__dataclass_fields__ if name != "origin"]
    return tuple(Limit(**{name: row[name] for name in names if row.get(name) is not None})
                 for row in rows if row.get("active", True))
