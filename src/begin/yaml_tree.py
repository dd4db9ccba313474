"""Reads YAML into a tree that knows its lines and keeps numbers as they were written: prices stay exact."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal

from ..errors import ConfigurationError, Problem

Kind = Literal["map", "list", "text", "number", "bool", "null"]
# libyaml's composer is recursive, and aliases can make a small file endless; no configuration is this deep or long.
_DEEPEST, _MOST = 50, 100_000
_KINDS: Mapping[str, Kind] = MappingProxyType({"int": "number", "float": "number", "bool": "bool", "null": "null"})


@dataclass(frozen=True)
class Node:
    """One value. ``text`` is a scalar as written, ``line`` where its key stands, from 1; lists have keys `0`, `1`..."""

    kind: Kind
    path: str
    key: str
    line: int
    text: str = ""
    children: Mapping[str, "Node"] = field(default_factory=dict)
    twice: tuple[tuple[str, int], ...] = ()

    def get(self, name: str) -> "Node | None":
        """Return the child ``name``; None where there is none or it is null."""
        child = self.children.get(name)
        return None if child is None or child.kind == "null" else child

    def items(self) -> tuple["Node", ...]:
        """Return the children in order."""
        return tuple(self.children.values())

    def below(self, *names: str) -> tuple["Node", ...]:
        """Return the children of what stands at ``names``; none where it is missing."""
        found: Node | None = self
        for name in names:
            found = found.get(name) if found else None
        return found.items() if found else ()

    @property
    def truth(self) -> bool | None:
        """Return yes or no where the value says so, else None."""
        word = self.text.lower()
        return True if word in ("true", "yes", "on") else False if word in ("false", "no", "off") else None

    def walk(self) -> Iterator["Node"]:
        """Yield this node and everything below it."""
        yield self
        for child in self.children.values():
            yield from child.walk()


def read_tree(data: bytes, name: str) -> Node:
    """Return the tree of a YAML file's bytes; raises ConfigurationError where it is none or no mapping."""
    import yaml
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[:error.start].count(b"\n") + 1
        raise _refused("the file is not UTF-8 text", f"{name} line {line}", "save it as UTF-8") from None
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        _check_depth(yaml.parse(text, Loader=loader), name)
        root = yaml.compose(text, Loader=loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"{name} line {mark.line + 1}, column {mark.column + 1}" if mark else name
        raise _refused(f"this is not YAML: {error.problem}", where, "correct that line") from None
    except yaml.YAMLError as error:
        raise _refused(f"this is not YAML: {str(error).splitlines()[0]}", name, "correct the file") from None
    if not isinstance(root, yaml.MappingNode):
        raise _refused("the file holds no mapping with a model_list", name, "write `model_list:` at its top")
    return _Builder(name).build(root, "", "", root.start_mark.line + 1)


def _refused(what: str, where: str, repair: str) -> ConfigurationError:
    return ConfigurationError([Problem(what, where, repair)])


def _check_depth(events: Iterable[Any], name: str) -> None:
    depth = 0
    for event in events:
        depth += hasattr(event, "flow_style") - (type(event).__name__ in ("SequenceEndEvent", "MappingEndEvent"))
        if depth > _DEEPEST:
            raise _refused(f"the file nests deeper than {_DEEPEST} levels", name, "name a LiteLLM YAML")


class _Builder:
    """Turns PyYAML's nodes into ours; aliases become copies, of which there may be only so many."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.count = 0

    def build(self, node: Any, path: str, key: str, line: int, depth: int = 0) -> Node:
        """Return the tree below ``node``; raises ConfigurationError where aliases make it endless."""
        self.count += 1
        if depth > _DEEPEST or self.count > _MOST:
            raise _refused("the file's aliases repeat without end", f"{self.name} line {line}", "write them out")
        if node.id == "mapping":
            return self._mapping(node, path, key, line, depth)
        if node.id == "sequence":
            children = {str(number): self.build(entry, f"{path}[{number}]", str(number), entry.start_mark.line + 1,
                                                depth + 1) for number, entry in enumerate(node.value)}
            return Node("list", path, key, line, children=children)
        return Node(_KINDS.get(node.tag.rpartition(":")[2], "text"), path, key, line, _scalar(node))

    def _mapping(self, node: Any, path: str, key: str, line: int, depth: int) -> Node:
        own: dict[str, Node] = {}
        merged: dict[str, Node] = {}
        twice = []
        for name, value in node.value:
            if name.tag == "tag:yaml.org,2002:merge":
                for child in self._merged(value, path, depth):
                    merged.setdefault(child.key, child)
                continue
            if (text := str(name.value)) in own:
                twice.append((text, own[text].line))
            # The last one counts, as in every YAML reader of Python.
            own[text] = self.build(value, f"{path}.{text}".lstrip("."), text, name.start_mark.line + 1, depth + 1)
        return Node("map", path, key, line, children={**merged, **own}, twice=tuple(twice))

    def _merged(self, value: Any, path: str, depth: int) -> Iterator[Node]:
        for source in value.value if value.id == "sequence" else [value]:
            if source.id == "mapping":
                yield from self._mapping(source, path, "", source.start_mark.line + 1, depth + 1).items()


def _scalar(node: Any) -> str:
    """Return a scalar as written, save whole numbers: `010` and `0x10` are what YAML says."""
    import yaml
    if node.tag == "tag:yaml.org,2002:int":
        try:
            return str(yaml.SafeLoader("").construct_yaml_int(node))
        except ValueError:
            return str(node.value)  # thousands of digits; no field takes them
    return str(node.value)
