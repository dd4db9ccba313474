"""In which order models are tried for one alias, and which failure moves a request on to the next one.

A walk is a list of steps: the first model, its retries, then the next model. It comes from a named chain or from a
model's own ``FALLBACKS``; inside a chain the members' own ``FALLBACKS`` are not followed.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, Protocol

from .names import DeclaredNames

Kind = Literal["connection", "timeout", "context_window", "status", "limit", "budget"]
Verdict = Literal["go", "skip", "stop"]

DEFAULT_ON = ("error", "rate_limit")
RETRIES_OUTSIDE_CHAINS = 1
MOVING_STATUS = frozenset({401, 403, 404, 408})


class Model(Protocol):
    """What a walk needs to know of a model; ``fallbacks`` are keys, ``retries`` None when nobody said."""

    @property
    def key(self) -> str: ...
    @property
    def alias(self) -> str: ...
    @property
    def fallbacks(self) -> Sequence[str]: ...
    @property
    def retries(self) -> int | None: ...


class Chain(Protocol):
    """A named chain: ``models`` are keys, ``on`` the reasons to move on."""

    @property
    def key(self) -> str: ...
    @property
    def alias(self) -> str: ...
    @property
    def models(self) -> Sequence[str]: ...
    @property
    def on(self) -> Sequence[str]: ...


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an attempt failed; ``status`` is the HTTP status of the answer, None where there was none."""

    kind: Kind
    status: int | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """One attempt: ``position`` counts the models of the walk from 1, ``retry`` is 0 for a model's first attempt."""

    alias: str
    position: int
    retry: int = 0


@dataclass(frozen=True, slots=True)
class Walk:
    """Everything that may be tried for ``alias``; ``chain`` is the chain's key, None for a model asked by name."""

    alias: str
    steps: tuple[Step, ...]
    on: tuple[str, ...] = DEFAULT_ON
    chain: str | None = None

    @property
    def models(self) -> int:
        """How many different models the walk has."""
        return self.steps[-1].position


def reasons(failure: Failure) -> frozenset[str]:
    """Return the words of ``on`` any of which lets this failure move on; an upstream's 429 has two."""
    if failure.kind in ("limit", "budget"):
        return frozenset({"rate_limit" if failure.kind == "limit" else "cost"})
    if failure.kind in ("connection", "timeout"):
        return frozenset({"error"})
    status = failure.status or 0
    if status == 429:
        return frozenset({"error", "rate_limit"})
    return frozenset({"error"} if status in MOVING_STATUS or status >= 500 else ())


def moves_on(failure: Failure, on: Iterable[str]) -> bool:
    """Tell whether the next model may be tried: for a reason in ``on``, and always when the context was too small."""
    return failure.kind == "context_window" or not reasons(failure).isdisjoint(on)


def decide(step: Step, failed: Step | None, failure: Failure, on: Iterable[str]) -> Verdict:
    """Say what becomes of ``step`` after ``failure`` of ``failed``: try it, pass over it, or end the walk."""
    if step.retry:
        same_model = failed is not None and failed.position == step.position
        return "go" if same_model and failure.kind == "connection" else "skip"
    return "go" if moves_on(failure, on) else "stop"


def _steps(models: Iterable[Model], default_retries: int) -> tuple[Step, ...]:
    steps: list[Step] = []
    for position, model in enumerate(models, start=1):
        retries = default_retries if model.retries is None else model.retries
        steps += [Step(model.alias, position, retry) for retry in range(retries + 1)]
    return tuple(steps)


def plan_walks(models: Sequence[Model], chains: Sequence[Chain]) -> dict[str, Walk]:
    """Return the walk of every alias; of several models under one alias the first one's settings count."""
    by_key = {model.key: model for model in models}
    walks: dict[str, Walk] = {}
    for model in models:
        others = [by_key[key] for key in model.fallbacks if key in by_key]
        own = _steps([model], RETRIES_OUTSIDE_CHAINS)
        later = _steps([model, *others], 0)[len(_steps([model], 0)):]
        walks.setdefault(model.alias, Walk(model.alias, own + later))
    for chain in chains:
        members = [by_key[key] for key in chain.models if key in by_key]
        if members:
            walks[chain.alias] = Walk(chain.alias, _steps(members, 0), tuple(chain.on), chain.key)
    return walks


def walk_of(walks: Mapping[str, Walk], names: DeclaredNames, alias: str) -> Walk | None:
    """Return the walk of a declared alias, or of a name under a wildcard, whose own steps are then for that name."""
    declared = names.declared(alias)
    walk = walks.get(declared) if declared is not None else walks.get(alias)
    if walk is None or declared == alias or declared is None:
        return walk
    steps = tuple(replace(step, alias=alias) if step.alias == declared else step for step in walk.steps)
    return replace(walk, alias=alias, steps=steps)
