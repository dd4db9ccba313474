"""Bytes on the wire that every API of the mock shares: calls, replies, server-sent events, errors."""

import json
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from .answers import Answer, Json, Question
from .faults import Fault

DONE = b"data: [DONE]\n\n"


@dataclass(frozen=True)
class Call:
    """One request that names an operation: what was asked, and the fault that applies. ``created`` is epoch seconds."""

    operation: str
    model: str
    body: Json
    stream: bool
    number: int
    created: int
    fault: Fault

    def id(self, prefix: str) -> str:
        """Return an id that is different for every request of this mock."""
        return f"{prefix}mock{self.number:08d}"


class Event(NamedTuple):
    """One server-sent event; ``delta`` where it carries a piece of the answer."""

    data: bytes
    delta: bool = False


class Reply(NamedTuple):
    """A whole body with its content type."""

    data: bytes
    content_type: str = "application/json"


class Dialect(Protocol):
    """A text API: reads its own request shape, writes its own answers and errors."""

    def question(self, call: Call) -> Question:
        """Return what is asked; raises `Refused` where the API would refuse it."""

    def reply(self, call: Call, answer: Answer) -> Json:
        """Return the plain answer."""

    def events(self, call: Call, answer: Answer) -> list[Event]:
        """Return the whole stream."""

    def broken(self, status: int, message: str, code: str | None) -> Event:
        """Return the event that tells of an error within a stream."""


class Refused(Exception):
    """The request cannot be answered: HTTP status and OpenAI's error fields."""

    def __init__(self, status: int, message: str, code: str | None = None, param: str | None = None) -> None:
        super().__init__(message)
        self.status, self.message, self.code, self.param = status, message, code, param


def encode(value: Any) -> bytes:
    """Return ``value`` as compact JSON; half a surrogate pair, which UTF-8 cannot carry, becomes ``?``."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode(errors="replace")


def sse(value: Any, event: str = "") -> bytes:
    """Return one server-sent event."""
    return (b"event: " + event.encode() + b"\n" if event else b"") + b"data: " + encode(value) + b"\n\n"


_CODES = {401: "invalid_api_key", 404: "model_not_found", 429: "rate_limit_exceeded"}
_TYPES = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}
_GEMINI = {400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "NOT_FOUND",
           429: "RESOURCE_EXHAUSTED", 503: "UNAVAILABLE", 504: "DEADLINE_EXCEEDED"}


def openai_error(status: int, message: str, code: str | None = None, param: str | None = None) -> Json:
    """Return an error body in OpenAI's shape."""
    kind = _TYPES.get(status, "invalid_request_error" if status < 500 else "server_error")
    return {"error": {"message": message, "type": kind, "param": param, "code": code or _CODES.get(status)}}


def gemini_error(status: int, message: str) -> Json:
    """Return an error body in Gemini's shape."""
    return {"error": {"code": status, "message": message, "status": _GEMINI.get(status, "INTERNAL")}}


_ANTHROPIC = {401: "authentication_error", 403: "permission_error", 404: "not_found_error", 429: "rate_limit_error",
              529: "overloaded_error"}


def anthropic_error(status: int, message: str) -> Json:
    """Return an error body in Anthropic's shape."""
    kind = _ANTHROPIC.get(status, "invalid_request_error" if status < 500 else "api_error")
    return {"type": "error", "error": {"type": kind, "message": message}}
