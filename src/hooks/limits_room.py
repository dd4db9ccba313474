"""Room under limits: taken at once, waited for in line, or refused with the time at which there will be some."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from ..policy.budgets import Reservation
from ..policy.limits import Charge, Limit, Reached, Rule, charges, reached
from ..store.counters import Held
from .errors_out import Refusal
from .limits_counting import Ask, Counting, Outcome
from .limits_line import LineFull, Lines, unless_gone

# Tokens are given back before a window ends: look again this often. Other workers have lines of their own.
LOOK_EVERY_S = 0.2
LONGEST_HOLD_S = 300.0


class LimitReached(Exception):
    """No room under a limit; ``gateway_kind`` tells policy what it is, ``moves_on`` whether a chain may go on.

    The other attributes are what LiteLLM reads from exceptions (proxy/common_request_processing.py, 1.106).
    """

    def __init__(self, refusal: Refusal, kind: Literal["limit", "budget"], moves_on: bool) -> None:
        super().__init__(refusal.message)
        self._refusal, self.gateway_kind, self.moves_on = refusal, kind, moves_on
        self.message, self.status_code = refusal.message, refusal.status

    def refusal(self) -> Refusal:
        """Return the answer that says it in every route's own shape."""
        return self._refusal


@dataclass(slots=True)
class Need:
    """What a call of ``request`` needs, and in the end what it met.

    ``model`` may be held back after a 429; ``leaving`` is the client's ``receive``; ``patient`` False never waits;
    ``counted`` are the counters afterwards.
    """

    rules: tuple[Rule, ...]
    tokens: int = 0
    micros: int = 0
    model: str | None = None
    keys: bool = False
    request: str = ""
    leaving: Callable[[], Awaitable[Any]] | None = None
    patient: bool = True
    counted: list[tuple[Charge, int]] = field(default_factory=list)
    met: set[str] = field(default_factory=set)
    refusals: int = 0
    revision: int | None = None


@dataclass(frozen=True, slots=True)
class Obstacle:
    """What is in the way: ``until`` in Unix seconds; ``hopeful``: it may go away before."""

    rule: Rule
    until: float
    message: str
    kind: Literal["limit", "budget"] = "limit"
    hopeful: bool = False

    @property
    def limit(self) -> Limit:
        """Return the limit that is reached."""
        return self.rule.limit

    def error(self) -> LimitReached:
        """Return the refusal."""
        seconds = max(1, -int(-(self.until - time.time()) // 1))
        code = "budget" if self.kind == "budget" else "rate_limited"
        refusal = Refusal(429, self.message, code, type="rate_limit_error", retry_after=str(seconds))
        # A budget moves on where the chain says `cost`, whatever the limit's action.
        return LimitReached(refusal, self.kind, self.kind == "budget" or self.limit.action != "reject")


class Room:
    """One per worker."""

    def __init__(self, counting: Counting, lines: Lines | None = None) -> None:
        self._counting = counting
        self._lines = lines or Lines()

    async def take(self, need: Need) -> Reservation:
        """Return what was taken; raises LimitReached where there is no room in time, ClientGone where one is gone."""
        rule = next((rule for rule in need.rules if self._lines.busy(_line(rule))), None)
        if rule is None:
            taken, obstacle = await self._try(need)
            if obstacle is None:
                return taken
            if not _waits(need, obstacle, time.time() + obstacle.limit.wait_s):
                raise obstacle.error()
            rule = obstacle.rule
        elif not need.patient:
            raise _crowded(need, rule).error()
        waiting = self._wait(need, rule)
        return await (waiting if need.leaving is None else unless_gone(waiting, need.leaving))

    async def _wait(self, need: Need, rule: Rule) -> Reservation:
        clock = asyncio.get_running_loop()
        deadline, patience = clock.time() + rule.limit.wait_s, time.time() + rule.limit.wait_s
        try:
            async with self._lines.turn(_line(rule), deadline):
                while True:
                    taken, obstacle = await self._try(need)
                    if obstacle is None:
                        return taken
                    if clock.time() >= deadline or not _waits(need, obstacle, patience):
                        raise obstacle.error()
                    pause = min(obstacle.until - time.time(), LOOK_EVERY_S if obstacle.hopeful else LONGEST_HOLD_S)
                    await asyncio.sleep(max(0.0, min(pause, deadline - clock.time())))
        except LineFull:
            raise _crowded(need, rule).error() from None
        except TimeoutError:
            taken, obstacle = await self._try(need)
            if obstacle is None:
                return taken
            raise obstacle.error() from None

    async def _try(self, need: Need) -> tuple[Reservation, Obstacle | None]:
        charged = charges(need.rules, need.tokens, need.micros, time.time())
        outcome = await self._counting.take(Ask(charged, need.model, need.keys, need.request))
        need.counted = [(charge, outcome.used.get(charge.key, 0)) for charge in charged]
        need.revision = outcome.revision
        need.refusals = outcome.held.refusals if outcome.held is not None else 0
        if outcome.complete:
            return outcome.reservation, None
        obstacle = _obstacle(need, charged, outcome)
        need.met.add(obstacle.limit.name)
        return outcome.reservation, obstacle

    def hold_back(self, model: str, limit: Limit, refusals: int, retry_after: float | None) -> None:
        """Hold back calls of ``model`` in every worker, as ``limit`` says, or longer where the upstream says so."""
        seconds = limit.backoff_s * (2 ** min(refusals - 1, 20) if limit.backoff == "exponential" else 1)
        seconds = min(max(seconds, retry_after or 0.0), LONGEST_HOLD_S)
        held = Held(int((time.time() + seconds) * 1000), refusals)
        self._counting.post(lambda counters: counters.hold(model, held))


def _waits(need: Need, obstacle: Obstacle, patience: float) -> bool:
    """Tell whether waiting until ``patience``, in Unix seconds, may help and is wanted."""
    wanted = need.patient and obstacle.kind == "limit" and obstacle.limit.action == "wait"
    return wanted and (obstacle.hopeful or obstacle.until < patience)


def _line(rule: Rule) -> str:
    return f"{rule.limit.origin} {rule.limit.name} {rule.subject}"


def _crowded(need: Need, rule: Rule) -> Obstacle:
    """Return what keeps those out who cannot even stand in line."""
    need.met.add(rule.limit.name)
    charged = charges([rule], need.tokens, need.micros, time.time())
    until = max((charge.window.end for charge in charged), default=int(time.time()) + 1)
    return Obstacle(rule, until, f"Rate limit reached: too many requests wait already (limit {rule.limit.name}).")


def _obstacle(need: Need, charged: Sequence[Charge], outcome: Outcome) -> Obstacle:
    found = reached(charged, outcome.used)
    # A hold may have ended since it was read: then nothing else refused, and the next look lets the call through.
    if outcome.held is not None and (outcome.held.until_ms > time.time() * 1000 or not found):
        rule = next(rule for rule in need.rules if rule.limit.backoff)
        until = outcome.held.until_ms / 1000
        return Obstacle(rule, until, f"The upstream asked for fewer requests (limit {rule.limit.name}).")
    # Somebody may have given back what was missing meanwhile: then the first one counts, and hope.
    first = found[0] if found else Reached(charged[0], charged[0].cap)
    counted = first.charge.measure.counted
    return Obstacle(first.charge.rule, first.charge.window.end, first.message(time.time()),
                    "budget" if counted == "cost" else "limit", hopeful=counted == "tokens" or not found)
