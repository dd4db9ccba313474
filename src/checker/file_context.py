"""What every check of a LiteLLM file needs: the document, the table of keys, the environment, and words for people."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path

from .findings import Place
from .keys_table import KeyTable
from .yaml_nodes import Entry, Node

REFERENCE = "os.environ/"
SETTINGS = ("general_settings", "router_settings", "litellm_settings")
# difflib costs a millisecond per name; nobody reads more suggestions than that.
_SUGGESTIONS = 60


@dataclass
class Context:
    """One file that is checked. ``root`` has the included files merged in, as LiteLLM sees it."""

    root: Node
    table: KeyTable
    environ: Mapping[str, str]
    folder: Path
    _hints: dict[tuple[str, str], str | None] = field(default_factory=dict)
    _plains: dict[str, dict[str, str]] = field(default_factory=dict)

    def block(self, name: str) -> Node | None:
        """Return a top-level block that is a map."""
        node = self.root.get(name)
        return node if node and node.kind == "map" else None

    def setting(self, block: str, name: str) -> Node | None:
        """Return the value of a setting."""
        node = self.block(block)
        return node.get(name) if node else None

    @cached_property
    def models(self) -> list["Model"]:
        """Return the entries of model_list that are maps with litellm_params."""
        node = self.root.get("model_list")
        entries = node.items if node and node.kind == "list" else []
        return [Model(entry, params) for entry in entries if (params := entry.get("litellm_params"))
                and params.kind == "map"]

    @cached_property
    def own_variables(self) -> frozenset[str]:
        """Return the variables that the file's own environment_variables set."""
        node = self.block("environment_variables")
        return frozenset(str(name) for name in node.entries) if node else frozenset()

    def resolved(self, node: Node | None) -> object:
        """Return a scalar's value with a reference replaced by the variable, as LiteLLM reads it; None: unset."""
        if node is None or node.kind != "scalar":
            return None
        if node.text and node.text.startswith(REFERENCE):
            return self.environ.get(node.text.removeprefix(REFERENCE))
        return node.value

    def available(self, *names: str) -> bool:
        """Return whether one of these variables is set once LiteLLM runs."""
        return any(self.environ.get(name, "").strip() or name in self.own_variables for name in names)

    def hint(self, name: str, block: str, known: Mapping[str, str] | frozenset[str]) -> str | None:
        """Return the known name that ``name`` is probably meant to be."""
        key = (name, block)
        if key not in self._hints:
            if block not in self._plains:
                self._plains[block] = {_plain(one): one for one in known}
            same = self._plains[block].get(_plain(name))
            close = [] if same or len(self._hints) > _SUGGESTIONS else get_close_matches(
                name, known, 1, 0.82 if len(name) > 5 else 0.74)
            self._hints[key] = same or (close[0] if close else None)
        return self._hints[key]


@dataclass(eq=False)
class Model:
    """One entry of model_list."""

    entry: Node
    params: Node

    @property
    def alias(self) -> str:
        """Return its model_name, "" where it has none."""
        name = self.entry.get("model_name")
        return (name.text or "") if name else ""

    @property
    def info(self) -> Node | None:
        """Return its model_info, where that is a map."""
        node = self.entry.get("model_info")
        return node if node and node.kind == "map" else None

    @cached_property
    def upstream(self) -> str:
        """Return litellm_params.model, "" where it is no text."""
        node = self.params.get("model")
        return (node.text or "") if node else ""

    def place(self, key: str = "model") -> Place:
        """Return where a parameter stands, or the entry."""
        node = self.params.get(key)
        return (node or self.entry).place()


def own_entries(node: Node) -> Iterator[Entry]:
    """Yield the entries of a map that are written there, not merged from an anchor."""
    return (entry for entry in node.entries.values() if not entry.merged)


def _plain(name: str) -> str:
    """Return a name without what people get wrong first: capitals, hyphens, a missing underscore, a plural."""
    return re.sub(r"[-_ ]", "", name).lower().rstrip("s")


def a(name: object) -> str:
    """Return a name or value of the file for a message, short and on one line."""
    text = str(name)
    return repr(text if len(text) <= 60 else text[:57] + "...")
