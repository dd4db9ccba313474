"""Fallbacks of a LiteLLM file: where they lead, and what a request loses on the way."""

from collections.abc import Iterator
from typing import NamedTuple

from ..config.checks import find_cycle
from .file_context import Context, Model, a
from .file_models import pattern
from .file_providers import known_model
from .findings import Finding
from .keys_models import KnownModel
from .yaml_nodes import Node

_LISTS = ("fallbacks", "context_window_fallbacks", "content_policy_fallbacks")


class Step(NamedTuple):
    """One target of a fallback of ``source`` in the list ``kind``."""

    kind: str
    source: str
    target: str
    node: Node


def check_fallbacks(context: Context) -> Iterator[Finding]:
    """Find dangling, circular and useless fallbacks, and shapes that LiteLLM cannot read."""
    names = _names(context)
    steps: list[Step] = []
    for kind in (*_LISTS, "default_fallbacks"):
        node, found = _chosen(context, kind)
        yield from found
        if node is not None:
            shape = list(_shape(kind, node))
            yield from shape
            steps += [] if shape else list(_steps(kind, node))
    yield from _aliases(context, names)
    for step in steps:
        yield from _step(context, step, names)
    yield from _sources(steps, names)
    yield from _cycles(steps)


def _chosen(context: Context, kind: str) -> tuple[Node | None, list[Finding]]:
    """Return the list that counts: the router's, else LiteLLM's own (router.py, Router.__init__, LiteLLM 1.106)."""
    router, module = (context.setting(block, kind) for block in ("router_settings", "litellm_settings"))
    if router is None or router.empty:
        return (None if module is None or module.empty else module), []
    if module is None or module.empty:
        return router, []
    return router, [Finding("GW115", f"{kind} stands in router_settings too, and LiteLLM reads only those",
                            module.place(), f"move them into router_settings.{kind}")]


def _shape(kind: str, node: Node) -> Iterator[Finding]:
    sample = f"{kind}:\n- first: [second]" if kind != "default_fallbacks" else f"{kind}: [second]"
    if node.kind != "list":
        yield Finding("GW206", f"{kind} must be a list", node.place(), sample)
        return
    for item in node.items:
        if kind == "default_fallbacks":
            if item.text is None and item.kind != "map":
                yield Finding("GW206", "default_fallbacks must name models", item.place(), sample)
        elif item.kind != "map" or len(item.entries) != 1:
            yield Finding("GW206", f"each item of {kind} must be one model with its list; LiteLLM refuses to start",
                          item.place(), sample)
        else:
            (entry,) = item.entries.values()
            if entry.value.kind != "list":
                yield Finding("GW206", f"the fallbacks of {a(entry.key.value)} must be a list", entry.value.place(),
                              f"- {entry.key.value}: [{entry.value.value if entry.value.text else '...'}]")


def _steps(kind: str, node: Node) -> Iterator[Step]:
    for item in node.items:
        pairs = [("*", item)] if kind == "default_fallbacks" else [
            (str(entry.key.value), target) for entry in item.entries.values() for target in entry.value.items]
        for source, target in pairs:
            name = target.get("model") if target.kind == "map" else target
            yield Step(kind, source, str(name.value) if name is not None and name.kind == "scalar" else "", target)


class _Names(NamedTuple):
    aliases: dict[str, list[Model]]
    known: frozenset[str]
    patterns: tuple[str, ...]

    def knows(self, name: str) -> bool:
        return name in self.known or any(pattern(one).fullmatch(name) for one in self.patterns)


def _names(context: Context) -> _Names:
    aliases: dict[str, list[Model]] = {}
    for model in context.models:
        aliases.setdefault(model.alias, []).append(model)
    known = set(aliases)
    for block in ("router_settings", "litellm_settings"):
        for key in ("model_group_alias", "model_alias_map"):
            node = context.setting(block, key)
            known.update(str(name) for name in node.entries) if node else None
    groups = context.setting("router_settings", "routing_groups")
    for group in groups.items if groups else ():
        name = group.get("group_name")
        known.update([name.text] if name and name.text else [])
    for model in context.models:
        identifier = model.info.get("id") if model.info else None
        known.update([str(identifier.value)] if identifier and identifier.value else [], [model.upstream])
    return _Names(aliases, frozenset(known), tuple(alias for alias in aliases if "*" in alias))


def _aliases(context: Context, names: _Names) -> Iterator[Finding]:
    node = context.setting("router_settings", "model_group_alias")
    for entry in node.entries.values() if node and node.kind == "map" else ():
        target = entry.value.get("model") if entry.value.kind == "map" else entry.value
        if target is None or target.text is None:
            yield Finding("GW206", f"the alias {a(entry.key.value)} must name a model", entry.value.place(),
                          f"{entry.key.value}: gpt-5")
        elif not names.knows(target.text):
            yield _dangling(context, target.text, target, f"the alias {a(entry.key.value)} stands for", names)
        elif str(entry.key.value) in names.aliases:
            yield Finding("GW302", f"{a(entry.key.value)} is an alias of model_group_alias and of a model",
                          entry.key.place(), "rename one of the two")


def _step(context: Context, step: Step, names: _Names) -> Iterator[Finding]:
    if not step.target:
        yield Finding("GW206", f"a fallback of {a(step.source)} names no model", step.node.place(), "- gpt-5")
    elif step.target == step.source:
        yield Finding("GW304", f"{a(step.source)} falls back to itself; LiteLLM skips that", step.node.place(),
                      "remove it")
    elif not names.knows(step.target):
        yield _dangling(context, step.target, step.node, f"{a(step.source)} falls back to", names)
    else:
        yield from _losses(context, step, names)


def _dangling(context: Context, name: str, node: Node, what: str, names: _Names) -> Finding:
    hint = context.hint(name, "aliases", frozenset(names.aliases))
    suggestion = f"; did you mean {hint}?" if hint else ""
    return Finding("GW303", f"{what} {a(name)}, which is no model of this file{suggestion}", node.place(),
                   hint or "one of: " + ", ".join(list(names.aliases)[:8]))


def _sources(steps: list[Step], names: _Names) -> Iterator[Finding]:
    told: set[tuple[str, str]] = set()
    for step in steps:
        if step.source != "*" and not names.knows(step.source) and (step.kind, step.source) not in told:
            told.add((step.kind, step.source))
            bare = [alias for alias in names.aliases if alias.rpartition("/")[2] == step.source.rpartition("/")[2]]
            if not bare:  # LiteLLM compares without the provider as well
                yield Finding("GW303", f"{step.kind} of {a(step.source)}, which is no model of this file: they are "
                              "never used", step.node.place(), "one of: " + ", ".join(list(names.aliases)[:8]))


def _cycles(steps: list[Step]) -> Iterator[Finding]:
    for kind in _LISTS:
        graph: dict[str, list[str]] = {}
        nodes: dict[tuple[str, str], Node] = {}
        for step in steps:
            if step.kind == kind and step.source != step.target:
                graph.setdefault(step.source, []).append(step.target)
                nodes[step.source, step.target] = step.node
        if cycle := find_cycle(graph):
            node = nodes[cycle[-2], cycle[-1]]
            yield Finding("GW304", f"{kind} run in a circle: " + " -> ".join(cycle), node.place(),
                          f"remove {cycle[-1]} from the fallbacks of {cycle[-2]}")


def _losses(context: Context, step: Step, names: _Names) -> Iterator[Finding]:
    """Compare what is known of the first deployment on each side; a catch-all is compared with nothing."""
    here, there = (_known(context, names.aliases.get(name, [])) for name in (step.source, step.target))
    if here is None or there is None:
        return
    place, what = step.node.place(), f"{a(step.source)} falls back to {a(step.target)}"
    if _family(here) != _family(there):
        yield Finding("GW309", f"{what}, a model for {there.mode} and not for {here.mode}", place, "name another model")
        return
    if step.kind == "context_window_fallbacks":
        if here.max_input and there.max_input and there.max_input <= here.max_input:
            yield Finding("GW306", f"{what}, whose window is no larger: {there.max_input} and {here.max_input} tokens",
                          place, "name a model with a larger window")
        return
    if here.max_input and there.max_input and there.max_input < here.max_input:
        yield Finding("GW306", f"{what}: {there.max_input} instead of {here.max_input} tokens", place,
                      "name a model with as large a window")
    if here.vision and not there.vision:
        yield Finding("GW307", f"{what}, which does not see images", place, "name a model with vision")
    if here.tools and not there.tools:
        yield Finding("GW308", f"{what}, which does not call tools", place, "name a model with tools")


def _family(known: KnownModel) -> str:
    return "chat" if known.mode in ("chat", "responses", "completion") else known.mode


def _known(context: Context, models: list[Model]) -> KnownModel | None:
    return known_model(context, models[0]) if models else None
