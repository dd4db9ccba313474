"""HTML and SVG that cannot be broken out of: whatever is not `Html` already is escaped, wherever it stands."""

from collections.abc import Iterable, Mapping
from html import escape
from typing import Any, Union
from urllib.parse import quote, urlencode

Child = Union[str, int, None, Iterable["Child"]]
# Control characters, and those that turn the direction of what follows: one value must not look like another.
_SHOWN = {c: f"\\x{c:02x}" for c in (*range(0x20), *range(0x7F, 0xA0)) if c not in (0x09, 0x0A)}
_SHOWN |= {c: f"\\u{c:04x}" for c in (0x200E, 0x200F, *range(0x2028, 0x202F), *range(0x2066, 0x206A))}
_VOID = frozenset({"meta", "link", "input", "br"})


class Html(str):
    """Text that is markup; made by `tag` and `join` alone."""

    __slots__ = ()


def text(value: str) -> Html:
    """Return ``value`` as it may stand between tags and inside quoted attributes."""
    return Html(escape(value.translate(_SHOWN), quote=True))


def join(*children: Child) -> Html:
    """Return all children one after another; None is nothing."""
    return Html("".join(map(_markup, children)))


def _markup(child: Child) -> str:
    if child is None or isinstance(child, Html):
        return child or ""
    if isinstance(child, str):
        return text(child)
    return str(child) if isinstance(child, int) else "".join(map(_markup, child))


def tag(name: str, /, *children: Child, **attributes: Any) -> Html:
    """Return an element. `class_` is `class`, `view_box` becomes `view-box`; None and False leave an attribute out."""
    said = "".join(_attribute(key.rstrip("_").replace("_", "-"), value) for key, value in attributes.items())
    return Html(f"<{name}{said}>" if name in _VOID else f"<{name}{said}>{join(*children)}</{name}>")


def _attribute(name: str, value: Any) -> str:
    if value is None or value is False:
        return ""
    return f" {name}" if value is True else f' {name}="{text(str(value))}"'


def without_nul(value: str) -> str:
    """Return what a visitor said without what PostgreSQL knows not to exist in text."""
    return value.replace("\0", "")


def path(*parts: str, **query: str | int | None) -> str:
    """Return an address on this server; what is None is left out."""
    said: Mapping[str, str | int] = {name.rstrip("_"): value for name, value in query.items() if value is not None}
    return "/" + "/".join(quote(part, safe="", errors="replace") for part in parts) + \
        ("?" + urlencode(said, errors="replace") if said else "")
