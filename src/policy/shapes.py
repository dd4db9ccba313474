"""The few forms of a body on which LiteLLM's own code breaks (1.106): clients would read of Python's types, as a 500.

What is merely wrong for a model, or missing, LiteLLM and the upstream tell better.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

_TEXT = (str, list)
# Route kind -> field -> what it may be. Missing and null are LiteLLM's to refuse.
_FIELDS: dict[str, dict[str, tuple[type, ...]]] = {
    "chat": {"messages": (list,), "tools": (list,)},
    "messages": {"messages": (list,), "tools": (list,)},
    "count_tokens": {"messages": (list,), "tools": (list,)},
    "responses": {"input": _TEXT, "tools": (list,)},
    "completions": {"prompt": _TEXT},
}
_OF_OBJECTS = ("messages", "tools")


class Misshapen(NamedTuple):
    """A field, written as OpenAI's errors do (`messages[0].content`), and what is wrong with it, a sentence."""

    param: str
    message: str


def misshapen(kind: str, body: Mapping[str, Any]) -> Misshapen | None:
    """Return the first field of a ``kind`` of request that has a form nobody can read, None where there is none."""
    for name, allowed in _FIELDS.get(kind, {}).items():
        value = body.get(name)
        if value is not None and not isinstance(value, allowed):
            return _must_be(name, "a string or an array" if str in allowed else "an array")
        if name in _OF_OBJECTS and isinstance(value, list) and (found := _element(name, value)):
            return found
    return None


def _element(name: str, values: list[Any]) -> Misshapen | None:
    for number, value in enumerate(values):
        if not isinstance(value, dict):
            return _must_be(f"{name}[{number}]", "an object")
        content = value.get("content")
        if content is not None and not isinstance(content, _TEXT):
            return _must_be(f"{name}[{number}].content", "a string or an array")
    return None


def _must_be(name: str, what: str) -> Misshapen:
    return Misshapen(name, f"'{name}' must be {what}.")
