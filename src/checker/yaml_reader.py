"""Reads YAML as LiteLLM does (PyYAML's safe loader), keeps every place, and finds what the loader passes over."""

import re
from collections.abc import Iterable
from datetime import date, datetime
from typing import Any

import yaml

from .findings import Finding, Place
from .yaml_nodes import Entry, Node

# libyaml's composer is recursive and ends the process on a file of brackets; no configuration is this deep.
DEEPEST = 50
# What anchors may expand to: LiteLLM copies the whole document several times.
_LARGEST = 500_000
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
# Tabs, question marks, inner byte order marks, line ends of other worlds, comments behind a block's bar.
_DIFFERENT = re.compile("[\t?\ufeff\x85\u2028\u2029]|[|>][-+0-9]*#")
_TAG = "tag:yaml.org,2002:"
_PATH_SAFE = re.compile(r"[\w*/:@+-]+")
_OPENING, _CLOSING = ("SequenceStartEvent", "MappingStartEvent"), ("SequenceEndEvent", "MappingEndEvent")


def read_yaml(text: str, name: str) -> tuple[Node | None, list[Finding]]:
    """Return the document of ``text`` and what is wrong with it as YAML; None where it cannot be read at all."""
    try:
        composed = _composed(text)
    except _TooDeep:
        return None, [_broken(f"the file nests deeper than {DEEPEST} levels", Place(name), "")]
    except yaml.MarkedYAMLError as error:
        return None, [_marked(error, name)]
    except yaml.reader.ReaderError as error:
        return None, [_broken(f"the character U+{_code(error.character)} is not allowed",
                              _at(text, error.position, name), "remove it")]
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        return None, [_broken(str(error).splitlines()[0], Place(name), "correct the file")]
    if composed is None:
        return Node("scalar", name, 1, 1), []
    reader = _Reader(name)
    return reader.read(composed), reader.findings


class _TooDeep(Exception):
    """The collections of a file nest deeper than `DEEPEST`."""


def _composed(text: str) -> Any:
    """Return PyYAML's nodes. LiteLLM uses the loader in Python, which is slow and differs from libyaml in corners.

    What libyaml reads differently, or refuses, is asked of it.
    """
    if not _DIFFERENT.search(text.removeprefix("\ufeff")):
        try:
            return _with(text, _LOADER)
        except yaml.MarkedYAMLError:
            pass  # the loader in Python decides, and says why
    return _with(text, yaml.SafeLoader)


def _with(text: str, loader: Any) -> Any:
    if _depth(yaml.parse(text, Loader=loader)) > DEEPEST:
        raise _TooDeep
    return yaml.compose(text, Loader=loader)


def _code(character: Any) -> str:
    return f"{character if isinstance(character, int) else ord(character[0]):04X}"


def _at(text: str, position: int, name: str) -> Place:
    before = text[:position]
    return Place(name, before.count("\n") + 1, position - before.rfind("\n"))


def _broken(what: str, place: Place, repair: str) -> Finding:
    return Finding("GW205", f"this is not YAML that LiteLLM can read: {what}", place, repair)


def _marked(error: yaml.MarkedYAMLError, name: str) -> Finding:
    mark, problem = error.problem_mark, error.problem or "the text breaks off"
    context = f" {error.context}" if error.context else ""
    repair = "write the value in quotes, or correct the indentation"
    if "\\t" in problem:
        repair = "indent with spaces"
    elif "single document" in (error.context or ""):
        problem, context, repair = "a second document begins here", "", "keep one document; remove the line ---"
    return _broken(problem + context, Place(name, mark.line + 1, mark.column + 1) if mark else Place(name), repair)


def _depth(events: Iterable[Any]) -> int:
    """Return how deep the collections of a stream of events nest, read no further than `DEEPEST`."""
    depth = deepest = 0
    for event in events:
        kind = type(event).__name__
        depth += (kind in _OPENING) - (kind in _CLOSING)
        deepest = max(deepest, depth)
        if deepest > DEEPEST:
            break
    return deepest


class _Reader:
    """Turns PyYAML's nodes into ours; a node that anchors share stays one node."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.findings: list[Finding] = []
        self._made: dict[int, Node] = {}
        self._sizes: dict[int, int] = {}
        self._plain = yaml.constructor.SafeConstructor()

    def read(self, composed: Any) -> Node | None:
        if self._size(composed, set()) > _LARGEST:
            self._fault(composed, "anchors make the file grow beyond all bounds, or refer to themselves", "",
                        "write the values out")
            return None
        node = self._node(composed, "")
        return None if any(finding.code == "GW205" for finding in self.findings) else node

    def _size(self, node: Any, inside: set[int]) -> int:
        """Return how many values the node stands for when every alias is written out."""
        if id(node) in inside:
            return _LARGEST + 1
        if id(node) not in self._sizes:
            inside.add(id(node))
            children = [] if isinstance(node, yaml.ScalarNode) else node.value
            pairs = [child for pair in children for child in pair] if isinstance(node, yaml.MappingNode) else children
            self._sizes[id(node)] = min(1 + sum(self._size(child, inside) for child in pairs), _LARGEST + 1)
            inside.discard(id(node))
        return self._sizes[id(node)]

    def _fault(self, node: Any, what: str, path: str, repair: str = "") -> None:
        mark = node.start_mark
        self.findings.append(_broken(what, Place(self.name, mark.line + 1, mark.column + 1, path), repair))

    def _node(self, composed: Any, path: str) -> Node:
        if id(composed) in self._made:
            return self._made[id(composed)]
        mark = composed.start_mark
        made = Node("scalar", self.name, mark.line + 1, mark.column + 1, path)
        self._made[id(composed)] = made
        if isinstance(composed, yaml.ScalarNode):
            made.value = self._scalar(composed, path)
        elif isinstance(composed, yaml.SequenceNode):
            made.kind = "list"
            made.items = [self._node(child, f"{path}[{number}]") for number, child in enumerate(composed.value)]
        else:
            made.kind = "map"
            self._entries(made, composed, path)
        self._check_tag(composed, path)
        return made

    def _check_tag(self, composed: Any, path: str) -> None:
        usual = {yaml.SequenceNode: _TAG + "seq", yaml.MappingNode: _TAG + "map"}.get(type(composed))
        if usual and composed.tag != usual:
            self._fault(composed, f"the tag {composed.tag.replace(_TAG, '!!')} is not known here", path, "remove it")

    def _scalar(self, composed: yaml.ScalarNode, path: str) -> Any:
        if composed.tag == _TAG + "str":
            return composed.value
        try:
            return self._plain.construct_object(composed)
        except yaml.MarkedYAMLError:
            self._fault(composed, f"the tag {composed.tag} is not known here", path, "remove it, or quote the value")
        except (ValueError, TypeError, OverflowError, IndexError) as error:
            self._fault(composed, f"{composed.value!r}: {error}", path, f'"{composed.value}"')
        return composed.value

    def _entries(self, made: Node, composed: yaml.MappingNode, path: str) -> None:
        own: dict[Any, Node] = {}
        merges: list[Any] = []
        for key_node, value_node in composed.value:
            if key_node.tag == _TAG + "merge":
                merges.append(value_node)
                continue
            key = self._key(key_node, path)
            if key is None:
                continue
            below = f"{path}.{_segment(key.value)}" if path else _segment(key.value)
            key.path = below
            if (first := own.get(key.value)) is not None:
                self.findings.append(Finding(
                    "GW204", f"{key.value} stands here again; the one in line {first.line} is forgotten",
                    key.place(), f"remove one of the two: line {first.line} or line {key.line}"))
            own[key.value] = key
            made.entries[key.value] = Entry(key, self._node(value_node, below))
        for merge in reversed(merges):
            self._merge(made, merge, path)

    def _key(self, key_node: Any, path: str) -> Node | None:
        key = self._node(key_node, path)
        if key.kind != "scalar":
            self._fault(key_node, "a mapping or list cannot be a key", path, "quote it if it is text: \"{{...}}\"")
            return None
        return Node("scalar", self.name, key.line, key.column, path, key.value)

    def _merge(self, made: Node, composed: Any, path: str) -> None:
        sources = composed.value if isinstance(composed, yaml.SequenceNode) else [composed]
        for source in sources:
            if not isinstance(source, yaml.MappingNode):
                self._fault(composed, "<< needs a mapping, or a list of them", path, "<<: *name")
                return
            for key, entry in self._node(source, path).entries.items():
                made.entries.setdefault(key, Entry(entry.key, entry.value, True))


def _segment(key: Any) -> str:
    text = key.isoformat() if isinstance(key, date | datetime) else str(key)
    return text if _PATH_SAFE.fullmatch(text) else f"[{text!r}]"
