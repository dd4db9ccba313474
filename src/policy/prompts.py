"""Prompt templates: `{{name}}` filled in one pass, the version chosen, the result put before the client's own words."""

import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

MOST_BYTES = 64 * 1024
_NAME = re.compile(r"\{\{\s*([A-Za-z_][A-Za-z0-9_.-]{0,63})\s*\}\}")
Message = dict[str, Any]


class PromptProblem(Exception):
    """A request that a template cannot serve; ``param`` names the field of the body."""

    def __init__(self, message: str, param: str = "prompt_variables") -> None:
        super().__init__(message)
        self.message, self.param = message, param


@dataclass(frozen=True, slots=True)
class Text:
    """A template's text, taken apart once: literal, name, literal, name, ..., literal."""

    parts: tuple[str, ...]

    @classmethod
    def of(cls, source: str) -> "Text":
        """Take ``source`` apart; braces around anything but a name are ordinary text."""
        return cls(tuple(_NAME.split(source)))

    @property
    def names(self) -> tuple[str, ...]:
        """Return the variables in the order of their first use."""
        return tuple(dict.fromkeys(self.parts[1::2]))

    def fill(self, values: Mapping[str, str]) -> str:
        """Return the text; a value that looks like a variable stays as it is."""
        return "".join(values[part] if index % 2 else part for index, part in enumerate(self.parts))


@dataclass(frozen=True, slots=True)
class Template:
    """One version of a template; None where it has no such part."""

    slug: str
    version: int
    system: Text | None = None
    user: Text | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """Return the variables of both parts."""
        texts = [text for text in (self.system, self.user) if text is not None]
        return tuple(dict.fromkeys(name for text in texts for name in text.names))


@dataclass(frozen=True, slots=True)
class Filled:
    """A template with its values in it."""

    system: str | None
    user: str | None


@dataclass(frozen=True, slots=True)
class Versions:
    """The active version of a template, and the one that gets ``share`` percent of the requests, if any."""

    active: Template
    other: Template | None = None
    share: int = 0

    def choose(self, who: str) -> Template:
        """Return the version for ``who``, a user or request id: always the same one for the same."""
        if self.other is None:
            return self.active
        point = zlib.crc32(f"{self.active.slug}\0{who}".encode()) % 100
        return self.other if point < self.share else self.active


def fill(template: Template, variables: object) -> Filled:
    """Return ``template`` with a request's ``prompt_variables``; raises PromptProblem naming what is missing."""
    values = _values(variables)
    missing = [name for name in template.names if name not in values]
    if missing:
        raise PromptProblem(f"The prompt '{template.slug}' needs the variable"
                            f"{'s' if len(missing) > 1 else ''} {', '.join(map(repr, missing))} in prompt_variables.")
    filled = Filled(*(None if text is None else text.fill(values) for text in (template.system, template.user)))
    # A character is at most four bytes: short texts need no encoding to be measured.
    length = len(filled.system or "") + len(filled.user or "")
    if length * 4 > MOST_BYTES and _bytes(filled) > MOST_BYTES:
        raise PromptProblem(f"The prompt '{template.slug}' is longer than {MOST_BYTES // 1024} KiB once filled.")
    return filled


def _bytes(filled: Filled) -> int:
    return sum(len((text or "").encode("utf-8", "surrogatepass")) for text in (filled.system, filled.user))


def _values(variables: object) -> dict[str, str]:
    if variables is None:
        return {}
    if not isinstance(variables, dict):
        raise PromptProblem("prompt_variables must be an object of texts.")
    return {str(name): _text(name, value) for name, value in variables.items()}


def _text(name: object, value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    raise PromptProblem(f"The variable {name!r} in prompt_variables must be a text, a number or a boolean.")


def insert(kind: str, body: dict[str, Any], filled: Filled) -> None:
    """Put the template before the client's own words, in place; ``kind`` is the route's.

    Raises PromptProblem on routes that take no prompt.
    """
    if kind == "chat":
        body["messages"] = [*_messages(filled), *_list(body, "messages")]
    elif kind in ("messages", "count_tokens"):
        _anthropic(body, filled)
    elif kind == "responses":
        _responses(body, filled)
    elif kind in ("completions", "images_generations"):
        _plain(body, filled)
    else:
        raise PromptProblem("This route takes no prompt template.", "prompt_id")


def _messages(filled: Filled) -> list[Message]:
    pairs = (("system", filled.system), ("user", filled.user))
    return [{"role": role, "content": text} for role, text in pairs if text is not None]


def _list(body: Mapping[str, Any], name: str) -> Sequence[Any]:
    own = body.get(name)
    if own is None:
        return ()
    if not isinstance(own, list):
        raise PromptProblem(f"{name} must be a list.", name)
    return own


def _anthropic(body: dict[str, Any], filled: Filled) -> None:
    if filled.system is not None:
        own = body.get("system")
        if isinstance(own, list):
            body["system"] = [{"type": "text", "text": filled.system}, *own]
        else:
            body["system"] = _joined(filled.system, own, "system")
    if filled.user is not None:
        body["messages"] = [{"role": "user", "content": filled.user}, *_list(body, "messages")]


def _responses(body: dict[str, Any], filled: Filled) -> None:
    if filled.system is not None:
        body["instructions"] = _joined(filled.system, body.get("instructions"), "instructions")
    if filled.user is not None:
        own = body.get("input")
        later = [{"role": "user", "content": own}] if isinstance(own, str) else _list(body, "input")
        body["input"] = [{"role": "user", "content": filled.user}, *later]


def _plain(body: dict[str, Any], filled: Filled) -> None:
    before = "\n\n".join(text for text in (filled.system, filled.user) if text is not None)
    body["prompt"] = _joined(before, body.get("prompt"), "prompt")


def _joined(before: str, own: object, name: str) -> str:
    if own is None or own == "":
        return before
    if not isinstance(own, str):
        raise PromptProblem(f"With a prompt template, {name} must be a text.", name)
    return f"{before}\n\n{own}"
