"""Fallbacks of a LiteLLM file become FALLBACKS of its models, or the chains that our own files hold."""

import re
from collections.abc import Iterator, Mapping

from ..config.checks import find_cycle
from .deployment import Deployment, Reading
from .yaml_tree import Node

_CHAIN = re.compile(r"chain:([a-z0-9_]+):([a-z0-9_]+)")
_BLOCKS = ("router_settings", "litellm_settings")


def read_chains(reading: Reading) -> None:
    """Take the entries that stand for chains out of the models: our own files mark them in their ids."""
    ids = {model.key: model for model in reading.models}
    for model in list(reading.models):
        info = model.node.get("model_info")
        stated = info.get("id") if info else None
        found = _CHAIN.fullmatch(stated.text) if stated else None
        first = ids.get(found[2]) if found else None
        if found and stated and first is not None and _params(first) == _params(model):
            reading.models.remove(model)
            reading.chains[found[1]] = model.alias, [first.key]
            reading.report.carried(model.node, f"PROXY_CHAIN_KEYS, CHAIN_{found[1].upper()}_MODELS")


def _params(model: Deployment) -> list[tuple[str, str]]:
    params = model.node.children["litellm_params"]
    return [(node.path.removeprefix(params.path), node.text) for node in params.walk()]


def read_fallbacks(reading: Reading, copies: Mapping[str, Deployment]) -> None:
    """Read fallbacks and default_fallbacks of both blocks; report those for contexts that are too long.

    ``copies`` are models under a second name (key -> the model copied), which get the same fallbacks.
    """
    lists = list(_lists(reading, "fallbacks"))
    default = [node for block in _BLOCKS for node in reading.root.below(block) if node.key == "default_fallbacks"]
    for alias, entry in lists:
        if alias == "*":
            default.append(entry)
        else:
            _walk(reading, alias, entry)
    for node in default:
        for model in reading.models:
            if not model.fallbacks:
                model.fallbacks = [key for key in _keys(reading, node, []) if key != model.key]
        reading.report.carried(node, "fallbacks of each model that has none")
    for model in reading.models:
        if model.key in copies and not model.fallbacks:
            model.fallbacks = [key for key in copies[model.key].fallbacks if key != model.key]
    _break_cycles(reading, {alias: entry for alias, entry in lists}, default)
    for alias, entry in _lists(reading, "context_window_fallbacks"):
        _for_long_contexts(reading, alias, entry)


def _lists(reading: Reading, key: str) -> Iterator[tuple[str, Node]]:
    """Yield (alias, list of targets) of every entry of a fallback setting."""
    for block in _BLOCKS:
        for entry in reading.root.below(block, key):
            for node in entry.items():
                if node.kind == "list":
                    yield node.key, node
                else:
                    reading.report.lost(node, "a list of model names is expected here")


def _walk(reading: Reading, alias: str, entry: Node) -> None:
    chain = next((key for key, (name, _) in reading.chains.items() if name == alias), None)
    if chain is not None:
        members = reading.chains[chain][1]
        members.extend(_keys(reading, entry, members))
        reading.report.carried(entry, f"CHAIN_{chain.upper()}_MODELS")
        return
    model = _next_of(reading, alias)
    if model is None:
        reading.report.lost(entry, "no model of this file has this name" if not _named(reading, alias)
                            else "this name has fallbacks already")
        return
    model.fallbacks = _keys(reading, entry, [model.key])
    if model.fallbacks:
        reading.report.carried(entry, f"the chain {alias}" if reading.rows else model.variable("fallbacks"))


def _next_of(reading: Reading, alias: str) -> Deployment | None:
    """Return the model that gets the next fallbacks of ``alias``: in the file's order, so that it stays the same."""
    last = max((number for number, model in enumerate(reading.models) if model.fallbacks), default=-1)
    free = [number for number, model in enumerate(reading.models) if model.alias == alias and not model.fallbacks]
    if any(model.alias == alias and model.fallbacks for model in reading.models) and not reading.generated:
        return None
    number = next((number for number in free if number > last), next(iter(free), None))
    return None if number is None else reading.models[number]


def _named(reading: Reading, alias: str) -> list[Deployment]:
    return [model for model in reading.models if model.alias == alias]


def _keys(reading: Reading, entry: Node, used: list[str]) -> list[str]:
    """Return the keys of the models that a list names, none of ``used``; a shared name gives another one each time."""
    keys: list[str] = []
    for node in entry.items():
        found = _named(reading, node.text)
        free = [model.key for model in found if model.key not in (*used, *keys)]
        if free:
            keys.append(free[0])
        else:
            reading.report.lost(node, "no model of this file has this name" if not found
                                else "a model is tried once and cannot fall back to itself")
    return keys


def _break_cycles(reading: Reading, lists: Mapping[str, Node], default: list[Node]) -> None:
    """Leave out the steps by which fallbacks come back to where they began; such a configuration is refused here."""
    while cycle := find_cycle({model.key: model.fallbacks for model in reading.models}):
        start, end = cycle[-2], cycle[-1]
        models = {model.key: model for model in reading.models}
        models[start].fallbacks.remove(end)
        node = lists.get(models[start].alias) or [*default, *lists.values()][0]
        names = " -> ".join(models[key].alias for key in cycle)
        step = next((child for child in node.items() if child.text == models[end].alias), node)
        reading.report.lost(step, f"fallbacks would run in a circle: {names}")


def _for_long_contexts(reading: Reading, alias: str, entry: Node) -> None:
    models = _named(reading, alias)
    targets = {node.text for node in entry.items()}
    covered = {model.alias for first in models for model in reading.models if model.key in first.fallbacks}
    if models and targets <= covered:
        reading.report.unneeded(entry, "fallbacks also take requests that are too long for the first model")
    else:
        key = models[0].variable("fallbacks") if models else "MODEL_<KEY>_FALLBACKS"
        reading.report.lost(entry, f"add them to {key}: fallbacks also take requests that are too long, but other "
                            "failures too")
