"""A value with its history: what it is, where it came from, and what else was said and lost."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

DEFAULT = "default"


@dataclass(frozen=True)
class Said:
    """One source's word: a value and where it stands."""

    value: Any
    origin: str


@dataclass(frozen=True)
class Value:
    """What holds. ``value`` None: not set or not known, as ``note`` says; ``overrode`` is in falling precedence."""

    name: str
    value: Any
    origin: str = DEFAULT
    overrode: tuple[Said, ...] = ()
    unit: str = ""
    note: str = ""

    def document(self) -> dict[str, Any]:
        """Return the value JSON-ready; money is text, so that no digit is lost."""
        found: dict[str, Any] = {"value": plain(self.value), "origin": self.origin,
                                 "overrode": [{"value": plain(said.value), "origin": said.origin}
                                              for said in self.overrode]}
        return found | {name: text for name, text in (("unit", self.unit), ("note", self.note)) if text}


def chosen(name: str, said: Iterable[Said], unit: str = "", note: str = "") -> Value:
    """Return the value that the first of ``said``, in falling precedence, gives; the others are what it overrode."""
    first, *others = said
    return Value(name, first.value, first.origin, tuple(others), unit, note)


def known(said: Sequence[Said]) -> list[Said]:
    """Return what really says something, each source once."""
    seen: dict[str, Said] = {}
    for one in said:
        if one.value not in (None, ()):
            seen.setdefault(one.origin, one)
    return list(seen.values())


def plain(value: Any) -> Any:
    """Return ``value`` as JSON has it."""
    if isinstance(value, Decimal):
        return format(value.normalize(), "f")
    return [plain(part) for part in value] if isinstance(value, tuple | list) else value
