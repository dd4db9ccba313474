"""What a difference may show: secrets are only ever `(secret)`, and two of them only equal or not."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

HIDDEN = "(secret)"
_LONGEST = 60
_REFERENCE = re.compile(r"os\.environ/[A-Za-z_][A-Za-z0-9_]*")
_SECRET = re.compile(r"(?:.*[_.-])?(?:api_?)?(?:keys?|tokens?|secrets?|passw(?:or)?d|pass|credentials?|auth|"
                     r"authorization|cookie|dsn|database_url|webhook(?:_url)?|connection_string)", re.IGNORECASE)
_USER = re.compile(r"(?<=//)[^/@\s]+@")
_QUERY = re.compile(r"(?<=\?)[^\s]+")


@dataclass(frozen=True)
class Hidden:
    """A value that may be compared and never shown."""

    value: str = field(repr=False)

    def __str__(self) -> str:
        return HIDDEN


def hidden(name: str, value: Any) -> Any:
    """Return ``value``, with every text in it hidden that stands under a name for secrets; references are none."""
    if isinstance(value, Mapping):
        return {key: hidden(str(key), inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [hidden(name, inner) for inner in value]
    secret = isinstance(value, str) and _SECRET.fullmatch(name) and not _REFERENCE.fullmatch(value)
    return Hidden(str(value)) if secret else value


def shown(value: Any, longest: int = _LONGEST) -> Any:
    """Return a value as JSON may have it: what is hidden as `(secret)`, URLs without user and query, long texts cut."""
    if isinstance(value, Hidden):
        return HIDDEN
    if isinstance(value, float) and value.is_integer():
        return int(value)  # 30 and 30.0 mean the same
    if isinstance(value, Mapping):
        return {str(key): shown(inner, longest) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [shown(inner, longest) for inner in value]
    if isinstance(value, str):
        text = _QUERY.sub("***", _USER.sub("***@", value)) if "//" in value else value
        return text if len(text) <= longest else f"{text[:longest - 3]}..."
    return value
