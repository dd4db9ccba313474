"""One field of a registry noun: how text and documents become its value."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from shlex import quote
from typing import Any, Literal

from ..config.fields import BY_ATTRIBUTE, BY_SUFFIX, clean
from ..config.models import TRIGGERS
from ..config.readers import BadValue, to_int, to_list
from .prompts import MOST_BYTES
from .routes import MODEL_ROUTES

Kind = Literal["text", "int", "number", "bool", "list", "object", "date", "price"]
# Triggers as other gateways spell them.
TRIGGER_NAMES = {**{word: word for word in TRIGGERS}, **{f"on_{word}": word for word in TRIGGERS},
                 "on_cost_exceeded": "cost", "cost_exceeded": "cost"}
_MOST = 2**53 - 1
# What the fields accept, where models that are declared have no field of the name.
_EXAMPLES = {
    "name": "house", "slug": "summary", "base_url": "https://api.example.com/v1", "key_env": "MY_API_KEY",
    "account_tier": "free", "timeout_s": "60", "notes": "text", "alias": "gpt-5", "model_id": "gpt-5",
    "display_name": "GPT-5", "max_output": "8192", "price_source": "contract", "deprecated_on": "2026-12-31",
    "caps": '{"efforts": ["low", "high"]}', "model": "gpt-5", "chain": "safe", "path": "/chat/completions",
    "method": "POST", "temperature": "0.2", "top_p": "0.9", "tools": "look_up", "version": "1", "endpoint": "summary",
    "system_prompt": "text", "user_template": "{{text}}", "share": "20", "description": "text",
    "schema": '{"type": "object"}', "tier": "gold", "environment": "production", "triggers": "error,rate_limit",
    "models": "gpt-5,deepseek-v3.2", "scope": "model", "target": "gpt-5", "headroom": "5", "budget_micros": "20",
    "action": "reject", "wait_s": "10", "backoff": "fixed", "backoff_s": "2", "reset_zone": "America/Los_Angeles",
    "expires_at": "30d",
}


@dataclass(frozen=True)
class Field:
    """One field. ``read`` turns text into the value or raises BadValue; ``refers`` is the noun whose key it holds.

    ``default`` None: unknown or unset. ``option`` is the command line's name where it differs.
    """

    name: str
    read: Callable[[str], Any]
    help: str
    kind: Kind = "text"
    default: Any = None
    required: bool = False
    refers: str | None = None
    option: str = ""

    @property
    def flag(self) -> str:
        """Return the option as typed."""
        return "--" + (self.option or self.name).replace("_", "-")

    @property
    def example(self) -> str:
        """Return a value that is accepted, as it is typed."""
        return "1.25" if self.name.endswith("_price_micros") else "yes" if self.kind == "bool" else example(self.name)

    def of_document(self, value: Any) -> Any:
        """Return the value of a document's plain YAML value, or raise BadValue."""
        if value is None or self.kind == "object":
            return self._object(value)
        if self.kind == "list":
            if not isinstance(value, list) or not all(isinstance(part, str) for part in value):
                raise BadValue("must be a list of words")
            return self.read(",".join(value))
        if self.kind == "price":
            return to_int(_plain(value, int), 0, _MOST)
        kinds: tuple[type, ...] = {"int": (int,), "number": (int, float), "bool": (bool,)}.get(self.kind, (str, date))
        return self.read(_plain(value, *kinds))

    def _object(self, value: Any) -> Any:
        if value is None:
            return self.default
        if not isinstance(value, dict):
            raise BadValue("must be a mapping")
        return self.read(json.dumps(value))


def _plain(value: Any, *kinds: type) -> str:
    if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
        raise BadValue("must be " + " or ".join({"str": "text", "int": "a whole number", "bool": "true or false",
                                                 "float": "a number", "date": "a date"}[kind.__name__]
                                                for kind in kinds))
    return str(value).lower() if isinstance(value, bool) else str(value)


def example(field: str) -> str:
    """Return a value that the field of this name accepts, as it is typed into a shell."""
    return quote(_EXAMPLES.get(field) or BY_ATTRIBUTE[field].example)


def name(text: str) -> str:
    """Return a name that LiteLLM and a command line take as it is, or raise BadValue."""
    text = clean(text, 128)
    if "," in text or "*" in text or any(c.isspace() for c in text):
        raise BadValue("must not contain spaces, commas or `*`")
    return text


def names(text: str) -> tuple[str, ...]:
    """Return comma-separated names."""
    return tuple(name(word) for word in to_list(text))


def line(text: str) -> str:
    """Return one line of text."""
    return clean(text, 256)


def prose(text: str) -> str:
    """Return a longer text that any database can hold."""
    if "\0" in text or any("\ud800" <= c <= "\udfff" for c in text):
        raise BadValue("must be text without NUL characters")
    if len(text.encode()) > MOST_BYTES:
        raise BadValue(f"must not be longer than {MOST_BYTES // 1024} KiB")
    return text


def count(text: str) -> int:
    """Return a whole number of at least 1."""
    return to_int(text.strip(), 1, 10**12)


def short_count(text: str) -> int:
    """Return a whole number from 1 that fits into 32 bits."""
    return to_int(text.strip(), 1, 2**31 - 1)


def number(low: float, high: float) -> Callable[[str], float]:
    """Return a reader of numbers within these bounds."""
    def read(text: str) -> float:
        try:
            found = float(text)
        except ValueError:
            found = high + 1
        if not low <= found <= high:
            raise BadValue(f"must be a number from {low:g} to {high:g}")
        return found
    return read


def micros(text: str) -> int:
    """Return US dollars as whole micro-dollars."""
    dollars: Decimal = BY_SUFFIX["INPUT_COST"].read(text)  # type: ignore[assignment]
    return int(dollars * 1_000_000)


def budget(text: str) -> int:
    """Return a month's US dollars as whole micro-dollars."""
    try:
        return micros(text)
    except BadValue:
        raise BadValue("must be US dollars per month, such as 20, with at most 6 decimals") from None


def day(text: str) -> str:
    """Return a day as ISO text."""
    try:
        return date.fromisoformat(text.strip()).isoformat()
    except ValueError:
        raise BadValue("must be a date such as 2026-12-31") from None


def mapping(text: str) -> dict[str, Any]:
    """Return the object of a JSON text."""
    try:
        value = json.loads(text, parse_constant=_not_json)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise BadValue("must be a JSON object")
    prose(json.dumps(value, ensure_ascii=False).replace("\\u0000", "\0"))
    return value


def _not_json(word: str) -> Any:
    raise ValueError(word)  # NaN and Infinity: Python writes them, JSON has none


def schema(text: str) -> dict[str, Any]:
    """Return the JSON schema of a function's parameters."""
    found = mapping(text)
    if found.get("type", "object") != "object":
        raise BadValue('must be the JSON schema of an object: {"type": "object", "properties": {...}}')
    return found


def tool_name(text: str) -> str:
    """Return a function name as the providers accept it."""
    found = clean(text, 64)
    if not found.isascii() or not found.replace("_", "a").replace("-", "a").isalnum():
        raise BadValue("must consist of letters, digits, `_` and `-`")
    return found


def path(text: str) -> str:
    """Return the path of a model route without /v1."""
    asked = clean(text, 128)
    known = {route.path: route.path for route in MODEL_ROUTES}
    known |= {route.path.removeprefix("/v1"): route.path for route in MODEL_ROUTES}
    if asked not in known:
        raise BadValue("must be one of " + ", ".join(route.path.removeprefix("/v1") for route in MODEL_ROUTES))
    return known[asked].removeprefix("/v1")


def method(text: str) -> str:
    """Return the HTTP method."""
    if text.strip().upper() != "POST":
        raise BadValue("must be POST, the method of every route that asks a model")
    return "POST"


def triggers(text: str) -> tuple[str, ...]:
    """Return the chains' words for what moves a request on."""
    words = [word.lower() for word in to_list(text)]
    if not words or not all(word in TRIGGER_NAMES for word in words):
        raise BadValue("must be one or more of " + ", ".join(TRIGGERS))
    return tuple(dict.fromkeys(TRIGGER_NAMES[word] for word in words))


def variable(text: str) -> str:
    """Return the name of a key variable, or `none`."""
    value: str = BY_SUFFIX["API_KEY_ENV"].read(text)  # type: ignore[assignment]
    return "none" if value.lower() == "none" else value


def share(text: str) -> int:
    """Return a percentage from 1 to 99."""
    return to_int(text.strip(), 1, 99)
