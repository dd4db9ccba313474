"""Endpoints: a name that stands for a model or chain with default parameters, tools and a template."""

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

# Where a route has the parameter at all: its name there, and under which names the client may have said it already.
_MAX_TOKENS: Mapping[str, tuple[str, ...]] = {
    "chat": ("max_tokens", "max_completion_tokens"), "completions": ("max_tokens",), "messages": ("max_tokens",),
    "responses": ("max_output_tokens",),
}
# Tokens are counted on a route beside the one that answers.
_COUNTED = {"/messages": "/v1/messages/count_tokens"}
_WITH_TOOLS = ("chat", "messages", "responses")


@dataclass(frozen=True, slots=True)
class Tool:
    """A function that a model may call; ``schema`` is the JSON schema of its parameters."""

    name: str
    schema: Mapping[str, Any]
    description: str | None = None

    def on(self, kind: str) -> dict[str, Any]:
        """Return the tool in the words of the route ``kind``."""
        named: dict[str, Any] = {"name": self.name}
        if self.description is not None:
            named["description"] = self.description
        schema = copy.deepcopy(dict(self.schema))
        if kind == "messages":
            return {**named, "input_schema": schema}
        if kind == "responses":
            return {"type": "function", **named, "parameters": schema}
        return {"type": "function", "function": {**named, "parameters": schema}}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One endpoint: ``target`` is the alias of its model or chain, ``path`` the route it works on."""

    slug: str
    target: str
    path: str = "/chat/completions"
    temperature: float | None = None
    max_tokens: int | None = None
    top_p: float | None = None
    streaming: bool = True
    tools: tuple[Tool, ...] = field(default=())

    def works_on(self, path: str) -> bool:
        """Tell whether ``path``, LiteLLM's with /v1, is the one."""
        return path in (f"/v1{self.path}", _COUNTED.get(self.path))

    def add_defaults(self, kind: str, body: dict[str, Any]) -> None:
        """Add the default parameters and tools, in place; what the client says itself wins."""
        names = _MAX_TOKENS.get(kind)
        if names is None:
            return
        if self.max_tokens is not None and not any(body.get(name) is not None for name in names):
            body[names[0]] = self.max_tokens
        for name, value in (("temperature", self.temperature), ("top_p", self.top_p)):
            if value is not None and body.get(name) is None:
                body[name] = value
        if self.tools and kind in _WITH_TOOLS and not body.get("tools") and not body.get("functions"):
            body["tools"] = [tool.on(kind) for tool in self.tools]
