"""The registry at the edge: what an endpoint's name, a template or a flag makes of one request.

Rows come with the plan and are replaced as a whole when they were read again; a request uses the rows that it met.
"""

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

import orjson

from ..policy.flags import Scope
from ..policy.names import DeclaredNames
from ..policy.registry import NOTHING, Applied, Asked, Denied, Snapshot, apply
from ..policy.routes import Route
from .errors_out import Refusal
from .record import RequestRecord, label

Message = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]
# Under these names the record's ``extra`` says what was applied; ``tier`` is what the key's owner belongs to.
ENDPOINT, TEMPLATE, VERSION, TIER = "endpoint", "template", "template_version", "tier"
_PROMPT_FIELDS = ("prompt_id", "prompt_variables")


class LiveRegistry:
    """The rows of one worker. ``names`` are the plan's aliases, ``digest`` tells what only a reload can change."""

    def __init__(self, document: Mapping[str, Any], names: DeclaredNames, environment: str | None = None) -> None:
        self.names = names
        self.digest = str(document.get("digest", ""))
        self._environment = environment
        self._snapshot = Snapshot.of(document)

    def take(self, snapshot: Snapshot) -> None:
        """Use these rows from now on."""
        self._snapshot = snapshot

    @property
    def slugs(self) -> tuple[str, ...]:
        """Return the endpoints that can be asked for."""
        return tuple(slug for slug, endpoint in self._snapshot.endpoints.items()
                     if slug not in self.names.exact and endpoint.target in self.names)

    def __contains__(self, name: object) -> bool:
        """Tell whether ``name`` is an endpoint that can be asked for."""
        return name in self.slugs

    def serve(self, route: Route, body: dict[str, Any], prompt: Mapping[str, Any], record: RequestRecord) -> bool:
        """Turn ``body``, in place, into what the registry makes of it; tell whether anything changed.

        ``prompt`` are the fields that `take_prompt` took. Raises Refusal (400, 403, 404).
        """
        body.update(prompt)
        asked, name = self._asked(route, record), body.get("model")
        try:
            applied = apply(self._snapshot, asked, body, self.names)
        except Denied as denied:
            record.asked = label(name) if isinstance(name, str) else None
            raise Refusal(denied.status, denied.message, denied.code, denied.param) from None
        if body.pop("prompt_variables", None) is not None:
            record.drop("prompt_variables")
        _note(record, applied)
        return bool(prompt) or applied is not NOTHING

    def _asked(self, route: Route, record: RequestRecord) -> Asked:
        scope = Scope(tier=record.extra.get(TIER), environment=self._environment)
        return Asked(route.kind, route.path, record.user or record.request_id, scope)

    def listed(self, models: bytes) -> bytes:
        """Return LiteLLM's list of models with the endpoints added, each like the entry of a model."""
        document = orjson.loads(models)
        entries = document["data"]
        common = {name: value for name, value in (entries[0] if entries else {}).items() if name != "id"}
        known = {entry["id"] for entry in entries}
        entries += [{"id": slug, **common} for slug in self.slugs if slug not in known]
        return orjson.dumps(document)


def take_prompt(body: dict[str, Any]) -> dict[str, Any]:
    """Remove and return a body's prompt fields: LiteLLM has its own meaning for them."""
    return {name: body.pop(name) for name in _PROMPT_FIELDS if name in body}


def _note(record: RequestRecord, applied: Applied) -> None:
    found = {ENDPOINT: applied.endpoint, TEMPLATE: applied.template, VERSION: applied.version}
    record.extra.update((name, value) for name, value in found.items() if value is not None)


class Listing:
    """A ``send`` that adds the endpoints to LiteLLM's list of models."""

    def __init__(self, send: Send, registry: LiveRegistry) -> None:
        self._send, self._registry = send, registry
        self._start: Message = {}
        self._body = b""

    async def __call__(self, message: Message) -> None:
        """Take what LiteLLM sends; it goes on when it is complete."""
        if message["type"] == "http.response.start":
            self._start = message
            return
        self._body += message.get("body", b"")
        if message.get("more_body", False):
            return
        if self._start["status"] == 200:
            self._body = self._registry.listed(self._body)
        headers = [(name, value) for name, value in self._start["headers"] if name.lower() != b"content-length"]
        headers.append((b"content-length", str(len(self._body)).encode()))
        await self._send({**self._start, "headers": headers})
        await self._send({"type": "http.response.body", "body": self._body, "more_body": False})
