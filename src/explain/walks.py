"""What a request may go through: the steps of its walk as the workers plan them, and their worst case."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from ..config.models import ChainSpec
from ..config.plan import LaunchPlan
from ..policy.chains import Walk, plan_walks
from ..policy.costs import Price, Usage, cost
from ..policy.limits import Limit
from .limits import waiting
from .models import Model
from .values import plain

# What each word of a chain's ON, and the two unwritten rules, stand for; held by a test to policy/chains.py.
TRIGGERS: Mapping[str, str] = {
    "error": "no connection, a timeout, or the upstream's 401, 403, 404, 408, 429 or 5xx",
    "rate_limit": "the upstream's 429, or a limit here that is reached and does not say `reject`",
    "cost": "a budget that is spent",
}
ALWAYS = "a context window that is too small"
RETRY = "only after a connection that failed"
_PICO = Decimal(10) ** 12


@dataclass(frozen=True)
class _Chain:
    key: str
    alias: str
    models: Sequence[str]
    on: Sequence[str]


def walks_of(plan: LaunchPlan) -> dict[str, Walk]:
    """Return the walk of every alias: the same function that the workers use makes them."""
    chains = [_Chain(chain.key, chain.alias, chain.models, chain.triggers) for chain in plan.chains]
    return plan_walks([model.spec for model in plan.models], chains)


def chain_of(plan: LaunchPlan, walk: Walk) -> ChainSpec | None:
    """Return the chain of a walk, None for a model that is asked by name."""
    return next((chain for chain in plan.chains if chain.key == walk.chain), None)


@dataclass(frozen=True)
class Call:
    """One step: who may answer it, when it is made, and the most that it takes.

    ``seconds`` None: no end is set; ``wait_s`` is what limits may add; ``dollars`` None: not known.
    """

    position: int
    alias: str
    deployments: tuple[str, ...]
    when: str
    seconds: float | None
    wait_s: float
    dollars: Decimal | None

    def document(self) -> dict[str, Any]:
        """Return it JSON-ready."""
        return {name: plain(value) for name, value in self.__dict__.items()}


@dataclass(frozen=True)
class Worst:
    """The most that one request may take, if everything fails as late as it can.

    ``seconds`` to the whole answer, or to the first byte of a stream; then ``between_chunks`` seconds at most each.
    ``endless`` and ``unpriced`` name the deployments for which there is no number.
    """

    calls: int
    seconds: float | None
    wait_s: float
    between_chunks: float
    dollars: Decimal | None
    endless: tuple[str, ...]
    unpriced: tuple[str, ...]

    def document(self) -> dict[str, Any]:
        """Return it JSON-ready."""
        return {name: plain(value) for name, value in self.__dict__.items()}


def calls_of(walk: Walk, models: Mapping[str, Sequence[Model]], limits: Mapping[str, Sequence[Limit]]) -> list[Call]:
    """Return the steps of ``walk``; ``models`` by alias, ``limits`` of their calls by deployment."""
    found = []
    for number, step in enumerate(walk.steps):
        answering = models.get(step.alias, ())
        waits = [wait_of(limits.get(model.key, ())) for model in answering]
        found.append(Call(step.position, step.alias, tuple(model.key for model in answering), _when(walk, number),
                          _most([model.timeout for model in answering]), max(waits, default=0.0),
                          _dearest([dollars(model) for model in answering])))
    return found


def _when(walk: Walk, number: int) -> str:
    if number == 0:
        return "first"
    step = walk.steps[number]
    return f"retry {step.retry}: {RETRY}" if step.retry else f"after: {', '.join(walk.on)}, context_window"


def wait_of(limits: Iterable[Limit]) -> float:
    """Return how many seconds a call may stand in line for room."""
    return max(map(waiting, limits), default=0.0)


def worst_of(calls: Sequence[Call], models: Mapping[str, Sequence[Model]], before: Iterable[Limit]) -> Worst:
    """Return the worst case of ``calls``; the limits ``before`` are met once, when the request comes."""
    answering = {model.key: model for call in calls for model in models.get(call.alias, ())}
    wait = wait_of(before) + sum(call.wait_s for call in calls)
    seconds = [call.seconds for call in calls]
    amounts = [call.dollars for call in calls]
    chunks = [float(model.values["stream_timeout"].value) for model in answering.values()]
    return Worst(
        len(calls), None if None in seconds else wait + sum(filter(None, seconds)), wait, max(chunks, default=0.0),
        None if None in amounts else sum((amount for amount in amounts if amount is not None), Decimal(0)),
        tuple(key for key, model in answering.items() if model.timeout is None),
        tuple(key for key, model in answering.items() if dollars(model) is None))


def dollars(model: Model) -> Decimal | None:
    """Return what one call costs at most: a full window in, the longest answer out; None where that is not known."""
    if model.mode not in ("chat", "completion", "embedding") or model.price is None:
        return Decimal(0) if _free(model.price) else None
    if model.window is None or model.most_output is None:
        return Decimal(0) if _free(model.price) else None
    usage = Usage(model.window, model.most_output)
    pico = cost(usage, dearest(model.price)).pico
    return None if pico is None else (Decimal(pico) / _PICO)


def dearest(price: Price) -> Price:
    """Return a price with nothing cached and everything reasoned, where those cost more."""
    return Price(_higher(price.prompt, price.cached), _higher(price.completion, price.reasoning))


def _higher(usual: Decimal | None, special: Decimal | None) -> Decimal | None:
    return usual if usual is None or special is None else max(usual, special)


def _free(price: Price | None) -> bool:
    return price is not None and price.prompt == 0 and price.completion == 0 and not price.reasoning


def _most(seconds: list[float | None]) -> float | None:
    return None if None in seconds else max((one for one in seconds if one is not None), default=0.0)


def _dearest(amounts: list[Decimal | None]) -> Decimal | None:
    return None if None in amounts else max((one for one in amounts if one is not None), default=Decimal(0))
