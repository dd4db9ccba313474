"""From where a problem says that it was declared to a place: line and column in `.env`, a variable, a flag, a row."""

import re
from functools import cached_property

from ..config.environment import Environment
from .findings import Place

_VARIABLE = re.compile(r"\b(?:[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+|PORT|WORKERS)\b")
_NAMED = re.compile(r"([A-Za-z_]\w*), $")
# Faults of the name itself; of the others the value is to be looked at.
_OF_NAMES = frozenset(("GW101", "GW106", "GW107", "GW113", "GW114", "GW116", "GW501", "GW502", "GW503"))


class Places:
    """Finds places; ``text`` is what the `.env` file holds."""

    def __init__(self, env: Environment, text: str = "") -> None:
        self._env = env
        self._text = text
        path = re.escape(env.dotenv.path)
        self._position = re.compile(rf"{path} lines? (?:\d+ and )?(\d+)")

    @cached_property
    def _lines(self) -> list[str]:
        return self._text.replace("\r\n", "\n").replace("\r", "\n").split("\n")

    @cached_property
    def _names(self) -> dict[int, str]:
        return {line: name for name, (_, line) in self._env.dotenv.values.items()}

    def of(self, where: str, what: str = "", code: str = "") -> Place:
        """Return the place of a problem of ``code`` that was declared ``where`` and says ``what``."""
        found = self._position.search(where)
        if found is None:
            return self._by_name(where, what)
        line = int(found[1])
        named = _NAMED.search(where, 0, found.start())
        name = named[1] if named else self._names.get(line, "")
        return Place(self._env.dotenv.path, line, self._column(line, name, code), name)

    def variable(self, name: str, code: str = "") -> Place:
        """Return the place of a variable."""
        return self.of(f"{name}, {self._env.origin(name)}", name, code)

    def _by_name(self, where: str, what: str) -> Place:
        first = where.partition("; ")[0]
        if first.startswith("--"):
            return Place(name=f"flag {first}")
        if first.startswith(("flag", "registry ")):
            return Place(name=first)
        if first and first == self._env.dotenv.path:
            return Place(first)
        variable = _VARIABLE.search(first) or _VARIABLE.search(what)
        return Place(name=variable[0] if variable else first)

    def _column(self, line: int, name: str, code: str) -> int:
        text = self._lines[line - 1] if line <= len(self._lines) else ""
        indent = len(text) - len(text.lstrip())
        start = text.find(name, text.startswith("export ", indent) and indent + 7 or indent) if name else -1
        if start < 0:
            return 1 + indent
        rest = text[start + len(name):].lstrip().removeprefix("=").lstrip()
        return 1 + (len(text) - len(rest) if rest and code not in _OF_NAMES else start)
