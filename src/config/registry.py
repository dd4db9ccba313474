"""What the registry adds to a plan: models and chains that join last, and what workers read again by themselves."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ..errors import Problem
from .models import ChainSpec, ModelSpec
from .notes import Note
from .parsing import Reading

# The code of a problem with a row that has none of its own.
BAD_ROW = "GW508"


@dataclass(frozen=True)
class RegistryReading:
    """The registry as a plan sees it.

    Chains name their members by alias, because a member may be declared elsewhere. ``slugs`` maps an endpoint's name to
    where it was declared. ``document`` goes into plan.json: ``digest`` of what only a reload can change, and the rows
    that workers use directly.
    """

    models: tuple[ModelSpec, ...] = ()
    chains: tuple[ChainSpec, ...] = ()
    slugs: Mapping[str, str] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()
    notes: tuple[str, ...] = ()
    document: Mapping[str, Any] = field(default_factory=dict)


def join(reading: Reading, registry: RegistryReading) -> None:
    """Add the registry's models and chains to what is declared, which wins on the same alias; clashes are problems."""
    reading.problems += [problem if problem.code else replace(problem, code=BAD_ROW) for problem in registry.problems]
    reading.notes += registry.notes
    _join_models(reading, registry)
    taken = {spec.alias for spec in reading.models} | {chain.alias for chain in reading.chains}
    keys = {spec.alias: spec.key for spec in reversed(reading.models)}
    used = {chain.key for chain in reading.chains}
    for chain in registry.chains:
        if chain.alias in taken:
            reading.notes.append(_shadowed(chain.alias, chain.source))
            continue
        members = tuple(keys[alias] for alias in chain.models if alias in keys)
        reading.chains.append(replace(chain, key=_unique(chain.key, used), models=members))
        taken.add(chain.alias)
    for slug, source in registry.slugs.items():
        if slug in taken:
            reading.problems.append(Problem(f"the endpoint {slug} has the name of a model or chain", source,
                                            "give it another name", "GW302"))


def _join_models(reading: Reading, registry: RegistryReading) -> None:
    declared = {spec.alias for spec in reading.models} | {chain.alias for chain in reading.chains}
    used = {spec.key for spec in reading.models}
    for spec in registry.models:
        if spec.alias in declared:
            reading.notes.append(_shadowed(spec.alias, spec.source))
        else:
            reading.models.append(replace(spec, key=_unique(spec.key, used)))


def _shadowed(alias: str, source: str) -> Note:
    return Note(f"registry: {alias} is declared elsewhere too, which wins over {source}", "GW115", source,
                "remove one of the two")


def _unique(key: str, used: set[str]) -> str:
    """Return ``key``, numbered where somebody has it already, and remember it."""
    found, number = key, 2
    while found in used:
        found, number = f"{key[:58]}_{number}", number + 1
    used.add(found)
    return found
