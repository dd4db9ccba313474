"""Where a wildcard cannot stand, and what to declare instead."""

from collections.abc import Sequence

from ..errors import Problem
from .models import ChainSpec
from .resolve import PlannedModel
from .wildcards import is_wildcard, parts_of, upstream_of


def members(planned: Sequence[PlannedModel], chains: Sequence[ChainSpec]) -> list[Problem]:
    """Refuse wildcards as fallbacks and as members of chains: which of their models should a request move on to?"""
    wild = {model.spec.key: model for model in planned if is_wildcard(model.alias)}
    walks = [(f"{model.spec.key} falls back to", model.spec.fallbacks, model.spec.origin("fallbacks"))
             for model in planned]
    walks += [(f"the chain {chain.key} names", chain.models, chain.where) for chain in chains]
    return [Problem(f"{what} {key}, the wildcard {wild[key].alias}", where,
                    f"declare the one model that is meant: MODEL_<KEY>_UPSTREAM_MODEL={_example(wild[key])}, "
                    "and name its key", "GW318")
            for what, keys, where in walks for key in dict.fromkeys(keys) if key in wild]


def declare_it(name: str, planned: Sequence[PlannedModel]) -> str | None:
    """Return how to make a member of ``name``, which a wildcard covers; None where none does."""
    for model in planned:
        if is_wildcard(model.alias) and parts_of(model.alias, name) is not None:
            upstream = upstream_of(model.alias, model.spec.upstream, name)
            return f"declare it as a model of its own, MODEL_<KEY>_UPSTREAM_MODEL={upstream}, and name its key"
    return None


def _example(model: PlannedModel) -> str:
    return model.spec.upstream.replace("*", "<model>")
