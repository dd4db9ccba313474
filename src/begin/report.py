"""What became of every key of an imported file: carried, not needed here, or not carried, with its line."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from ..config.lines import printable
from .yaml_tree import Node

_LAST = re.compile(r"^model_list\[\d+\]\.")
Fate = Literal["carried", "unneeded", "lost", "warning"]
_HEADINGS: tuple[tuple[Fate, str], ...] = (
    ("lost", "not carried"), ("warning", "please look at"), ("unneeded", "not needed here"))


@dataclass(frozen=True)
class Item:
    """One key of the file, or a part of it. ``text``: where it went, why it is not needed, or what to do instead."""

    fate: Fate
    path: str
    line: int
    text: str


class Report:
    """Collects the items; no text ever holds a value that may be a secret."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._items: list[Item] = []

    def carried(self, node: Node, into: str) -> None:
        """Say where ``node`` went."""
        self._add("carried", node, into)

    def unneeded(self, node: Node, why: str) -> None:
        """Say why ``node`` need not be said here."""
        self._add("unneeded", node, why)

    def lost(self, node: Node, instead: str) -> None:
        """Say that ``node`` is not carried, and what to do instead."""
        self._add("lost", node, instead)

    def warn(self, node: Node, text: str) -> None:
        """Say something beside what becomes of ``node``."""
        self._add("warning", node, text)

    def _add(self, fate: Fate, node: Node, text: str) -> None:
        self._items.append(Item(fate, node.path, node.line, text))

    def of(self, *fates: Fate) -> list[Item]:
        """Return the items of some kinds in the file's order."""
        found = [item for item in dict.fromkeys(self._items) if item.fate in fates]
        return sorted(found, key=lambda item: item.line)

    @property
    def settled(self) -> set[str]:
        """Return the paths about which everything is said."""
        return {item.path for item in self._items if item.fate != "warning"}

    def finish(self, root: Node) -> None:
        """Report every key that nothing has dealt with, and those that stand twice."""
        settled = self.settled
        for node in root.walk():
            for name, line in node.twice:
                self._items.append(Item("lost", f"{node.path}.{name}".lstrip("."), line,
                                        "the key stands twice in the same mapping; the last one counts"))
        for node in _leftovers(root, settled):
            if node.children or node.kind not in ("map", "list", "null"):
                self.lost(node, "nothing here reads it; remove it")
            else:
                self.unneeded(node, "it is empty")

    def text(self) -> str:
        """Return the report for people."""
        lines = [f"{self.name}: {self._summary()}"]
        for fate, heading in _HEADINGS:
            items = self.of(fate)
            lines += [f"{heading}:"] * bool(items)
            if fate == "unneeded":
                lines += _grouped(items)
                continue
            for item in items:
                lines.append(f"  line {item.line}  {printable(item.path)}")
                lines += [f"      {printable(line)}" for line in item.text.split("\n")]
        return "\n".join(lines)

    def _summary(self) -> str:
        counts = ((fate, len(self.of(fate))) for fate in ("carried", "unneeded", "lost"))
        words = {"carried": "keys carried", "unneeded": "not needed", "lost": "not carried"}
        return ", ".join(f"{number} {words[fate]}" for fate, number in counts)


def _grouped(items: Iterable[Item]) -> list[str]:
    """Return one line for each key and reason: files repeat the same ones for every model."""
    lines: dict[tuple[str, str], list[int]] = {}
    for item in items:
        lines.setdefault((_LAST.sub("", item.path), item.text), []).append(item.line)
    return [f"  {printable(key)}: {printable(text)} (line {', '.join(map(str, dict.fromkeys(found)))})"
            for (key, text), found in lines.items()]


def _leftovers(root: Node, settled: set[str]) -> Iterable[Node]:
    """Yield the topmost nodes of which neither they themselves nor anything in them has been dealt with."""
    for child in root.items():
        if child.path in settled:
            continue
        if any(node.path in settled for node in child.walk()):
            yield from _leftovers(child, settled)
        else:
            yield child
