"""Feature flags: what a request uses, and whether that is switched off for it. The most specific row wins."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

Uses = Callable[[str, Mapping[str, Any]], bool]
_IMAGE_PARTS = frozenset({"image_url", "input_image", "image"})


@dataclass(frozen=True, slots=True)
class Flag:
    """One row; a scope that is None is everywhere."""

    name: str
    enabled: bool
    tier: str | None = None
    endpoint: str | None = None
    environment: str | None = None

    def applies(self, scope: "Scope") -> bool:
        """Tell whether this row is about a request in ``scope``."""
        return (self.tier in (None, scope.tier) and self.endpoint in (None, scope.endpoint)
                and self.environment in (None, scope.environment))

    @property
    def weight(self) -> tuple[int, bool, bool, bool]:
        """Return how specific the row is: first by the number of its scopes, then endpoint, tier, environment."""
        scopes = (self.endpoint is not None, self.tier is not None, self.environment is not None)
        return (sum(scopes), *scopes)


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose request it is and where: the key's tier, the endpoint asked for, ``GATEWAY_ENVIRONMENT``."""

    tier: str | None = None
    endpoint: str | None = None
    environment: str | None = None


def _streaming(_kind: str, body: Mapping[str, Any]) -> bool:
    return body.get("stream") is True


def _tools(_kind: str, body: Mapping[str, Any]) -> bool:
    return bool(body.get("tools") or body.get("functions"))


def _vision(kind: str, body: Mapping[str, Any]) -> bool:
    messages = body.get("input" if kind == "responses" else "messages")
    return isinstance(messages, list) and any(_has_image(message) for message in messages)


def _has_image(message: object) -> bool:
    if not isinstance(message, dict):
        return False
    content = message.get("content")
    parts = content if isinstance(content, list) else [message]
    return any(isinstance(part, dict) and (part.get("type") in _IMAGE_PARTS or _has_nested(part)) for part in parts)


def _has_nested(part: Mapping[str, Any]) -> bool:
    # Results of tools carry their own: Anthropic's as content, those of the Responses API as output.
    inner = part.get("content") or part.get("output")
    return isinstance(inner, list) and any(isinstance(item, dict) and item.get("type") in _IMAGE_PARTS
                                           for item in inner)


def _inside(body: Mapping[str, Any], outer: str, name: str) -> object:
    value = body.get(outer)
    return value.get(name) if isinstance(value, Mapping) else None


def _reasoning(_kind: str, body: Mapping[str, Any]) -> bool:
    asked = (body.get("reasoning_effort"), body.get("reasoning"), _inside(body, "output_config", "effort"))
    thinks = body.get("thinking") is not None and _inside(body, "thinking", "type") != "disabled"
    return thinks or any(value is not None for value in asked)


def _structured(_kind: str, body: Mapping[str, Any]) -> bool:
    # In this order: chat, Responses API, Anthropic's before and after it moved.
    asked = (body.get("response_format"), _inside(body, "text", "format"), body.get("output_format"),
             _inside(body, "output_config", "format"))
    return any(value is not None and value != {"type": "text"} for value in asked)


def _route(*kinds: str) -> Uses:
    return lambda kind, _body: kind in kinds


# What the gateway enforces; other names are the operator's own and only kept.
ENFORCED: Mapping[str, tuple[str, Uses]] = MappingProxyType({
    "enable_streaming": ("Streaming", _streaming),
    "enable_tool_use": ("Tool use", _tools),
    "enable_vision": ("Image input", _vision),
    "enable_reasoning": ("Reasoning effort", _reasoning),
    "enable_structured_output": ("Structured output", _structured),
    "enable_embeddings": ("Embeddings", _route("embeddings")),
    "enable_image_generation": ("Image generation", _route("images_generations", "images_edits")),
    "enable_audio": ("Audio", _route("speech", "transcriptions")),
})


def is_on(name: str, flags: Iterable[Flag], scope: Scope) -> bool:
    """Return whether ``name`` is on in ``scope``; what no row speaks of is on."""
    rows = [flag for flag in flags if flag.name == name and flag.applies(scope)]
    return max(rows, key=lambda flag: flag.weight).enabled if rows else True


def forbidden(kind: str, body: Mapping[str, Any], flags: Mapping[str, tuple[Flag, ...]], scope: Scope) -> str | None:
    """Return the name of the first flag that forbids this request, None when it may pass.

    ``flags`` are the rows by name; ``kind`` is the route's.
    """
    for name, rows in flags.items():
        known = ENFORCED.get(name)
        if known is not None and known[1](kind, body) and not is_on(name, rows, scope):
            return name
    return None
