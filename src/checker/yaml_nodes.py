"""A YAML document as plain values that remember their places."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from .findings import Place


@dataclass(eq=False, slots=True)
class Node:
    """One value: a scalar with its Python ``value``, a list with ``items``, or a map with ``entries`` (the last of a
    name counts). ``line`` and ``column`` count from 1; ``path`` is `model_list[0].litellm_params.rpm`."""

    kind: Literal["scalar", "list", "map"]
    file: str
    line: int
    column: int
    path: str = ""
    value: Any = None
    items: list["Node"] = field(default_factory=list)
    entries: dict[Any, "Entry"] = field(default_factory=dict)

    def place(self) -> Place:
        """Return where the value stands."""
        return Place(self.file, self.line, self.column, self.path)

    def get(self, key: str) -> "Node | None":
        """Return the value of a key of a map, None where there is none or this is no map."""
        entry = self.entries.get(key)
        return entry.value if entry else None

    def at(self, *keys: str) -> "Node | None":
        """Return what is found below the keys, one after another."""
        node: Node | None = self
        for key in keys:
            node = node.get(key) if node else None
        return node

    @property
    def text(self) -> str | None:
        """Return the value of a scalar that is text."""
        return self.value if isinstance(self.value, str) else None

    @property
    def empty(self) -> bool:
        """Return whether this is null, an empty map or an empty list."""
        return not (self.items or self.entries) if self.kind != "scalar" else self.value is None


@dataclass(eq=False, slots=True)
class Entry:
    """One key of a map with its value; ``merged`` came from another map through `<<`."""

    key: Node
    value: Node
    merged: bool = False


def walk(node: Node) -> Iterator[tuple[Node, Node | None]]:
    """Yield every value below ``node``, itself first, with the key it belongs to; each shared value once."""
    stack: list[tuple[Node, Node | None]] = [(node, None)]
    seen: set[int] = set()
    while stack:
        current, key = stack.pop()
        if id(current) in seen:
            continue
        seen.add(id(current))
        yield current, key
        stack += [(item, key) for item in reversed(current.items)]
        stack += [(entry.value, entry.key) for entry in reversed(current.entries.values())]
