"""What a request must be to go on to LiteLLM: a known key, a bounded body, a declared model, nothing that steers."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

import orjson

from ..policy.names import DeclaredNames
from ..policy.params import client_names
from ..policy.routes import ExtraRoutes, Route
from ..policy.shapes import misshapen
from ..policy.steering import Steering, steering_headers
from .errors_out import Refusal, unknown_model
from .guard_body import parse_object
from .guard_multipart import Part, read_form, write_form
from .record import RequestRecord, label
from .registry import ENDPOINT, LiveRegistry, take_prompt
from .runtime import Runtime
from .scrub import Scrubber

_MIB = 1024 * 1024
# Where the callback finds the names of the client's own parameters; LiteLLM adds some of its own.
SENT = "sent"
_SESSION_HEADERS = (b"x-gateway-session", b"x-session-id", b"session-id", b"session_id", b"x-litellm-session-id")
_NO_SESSION = frozenset(_SESSION_HEADERS).isdisjoint
_NO_LABELS = frozenset(("metadata", "safety_identifier", "user", "litellm_session_id")).isdisjoint
# What LiteLLM needs from a client's headers, beside what the edge writes itself; both go to Anthropic upstreams.
_PASSED = (b"anthropic-version", b"anthropic-beta")


@dataclass(frozen=True, slots=True)
class Edge:
    """What the edge knows of one configuration, made once per worker."""

    now: Runtime
    names: DeclaredNames
    steering: Steering
    scrubber: Scrubber
    extra: ExtraRoutes
    body_limit: int
    registry: LiveRegistry

    @classmethod
    def of(cls, now: Runtime, derived: Iterable[str] = ()) -> "Edge":
        """Return the edge of ``now``; ``derived`` are the field names that the installed LiteLLM calls its own."""
        names = now.plan.names()
        return cls(
            now=now,
            names=names,
            steering=Steering.of(derived),
            scrubber=Scrubber.of(now.secrets, (model.base for model in now.plan.models)),
            extra=ExtraRoutes.of(now.plan.settings.extra_routes),
            body_limit=now.plan.settings.max_body_mb * _MIB,
            registry=LiveRegistry(now.plan.raw.get("registry") or {}, names, now.plan.settings.environment),
        )


@dataclass(frozen=True, slots=True)
class Sent:
    """What matters of a request's headers and query."""

    content_type: bytes
    content_length: int | None
    passed: tuple[tuple[bytes, bytes], ...]

    @classmethod
    def of(cls, scope: dict[str, Any], route: Route, record: RequestRecord) -> "Sent":
        """Read the headers once; labels and what steers are noted on ``record``."""
        headers: dict[bytes, bytes] = dict(scope["headers"])
        record.client_request_id = _text(headers.get(b"x-request-id"))
        session = None if _NO_SESSION(headers) else next(headers[name] for name in _SESSION_HEADERS if name in headers)
        record.session, record.user = _text(session), label(_text(headers.get(b"x-gateway-user")))
        for name in steering_headers(headers):
            record.drop(name)
        if scope["query_string"]:
            _drop_query(scope["query_string"], route, record)
        length = headers.get(b"content-length", b"")
        passed = tuple((name, headers[name]) for name in _PASSED if _is_plain(headers.get(name)))
        return cls(headers.get(b"content-type", b""), int(length) if length.isdigit() else None, passed)


def _drop_query(query: bytes, route: Route, record: RequestRecord) -> None:
    for name, _ in parse_qsl(query.decode("latin-1"), keep_blank_values=True):
        # Claude Code asks for /v1/messages?beta=true every time; LiteLLM 1.106 reads no query there.
        if (name, route.style) != ("beta", "anthropic"):
            record.drop(f"?{name}")


def _text(value: bytes | None) -> str | None:
    return None if value is None else value[:256].decode("latin-1")


def _is_plain(value: bytes | None) -> bool:
    return value is not None and len(value) < 4096 and value.isascii() and value.decode().isprintable()


def admit(edge: Edge, route: Route, sent: Sent, body: bytes, record: RequestRecord) -> tuple[bytes, bytes]:
    """Return content type and body as LiteLLM shall see them; raises `Refusal`. What was removed is on ``record``."""
    if route.body == "multipart":
        return _admit_form(edge, route, sent, body, record)
    return b"application/json", _admit_json(edge, route, body, record)


def _admit_json(edge: Edge, route: Route, body: bytes, record: RequestRecord) -> bytes:
    document = parse_object(body)
    record.stream = document.get("stream") is True
    _note_labels(document, record)
    rewritten = "extra_body" in document
    prompt = take_prompt(document)
    dropped = edge.steering.clean(route.kind, document)
    for name in dropped:
        record.drop(name)
    rewritten |= edge.registry.serve(route, document, prompt, record)
    _declared(edge, document.get("model"), record)
    if found := misshapen(route.kind, document):
        raise Refusal(400, found.message, "invalid_type", found.param)
    record.extra[SENT] = client_names(document)
    return orjson.dumps(document) if dropped or rewritten else body


def _note_labels(document: dict[str, Any], record: RequestRecord) -> None:
    if _NO_LABELS(document):
        return
    metadata = document.get("metadata")
    named = metadata if isinstance(metadata, dict) else {}
    record.user = record.user or _name(document.get("safety_identifier"), document.get("user"), named.get("user_id"))
    record.session = record.session or _name(named.get("session_id"), document.get("litellm_session_id"))


def _name(*values: object) -> str | None:
    return next((label(value) for value in values if isinstance(value, str) and value), None)


def _declared(edge: Edge, model: object, record: RequestRecord) -> None:
    if model is None or model == "":
        raise Refusal(400, "You must provide a model parameter.", "missing_required_parameter", "model")
    record.asked = record.extra.get(ENDPOINT) or label(str(model)[:256])
    if model not in edge.names:
        raise unknown_model(record.asked or "")
    record.alias = str(model)


def _admit_form(edge: Edge, route: Route, sent: Sent, body: bytes, record: RequestRecord) -> tuple[bytes, bytes]:
    parts: list[Part] = []
    for part in read_form(sent.content_type, body):
        if _steers_form(edge.steering, part.name):
            record.drop(part.name)
        else:
            parts.append(part)
    record.stream = any(part.name == "stream" and part.value == b"true" for part in parts)
    users = (part.value.decode("utf-8", "replace") for part in parts if part.name == "user")
    record.user = record.user or _name(*users)
    record.extra[SENT] = client_names({part.name: part.value for part in parts})
    models = [part for part in parts if part.name == "model"]
    if len(models) > 1 or any(part.filename is not None for part in models):
        raise Refusal(400, "The form must name one model.", "invalid_form", "model")
    form = {"model": models[0].value.decode("utf-8", "replace") if models else None, "stream": record.stream}
    if edge.registry.serve(route, form, {}, record):
        models[0].value = str(form["model"]).encode()
    _declared(edge, form["model"], record)
    return write_form(parts)


def _steers_form(steering: Steering, name: str) -> bool:
    """LiteLLM also reads `metadata[key]` and the like from forms (1.106, `extract_nested_form_metadata`)."""
    base = name.partition("[")[0]
    return base in ("metadata", "extra_body") or steering.steers(base) or steering.steers(name)
