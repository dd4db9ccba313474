"""The registry at the edge: what an endpoint's name, a template or a flag makes of one request.

Rows come with the plan and are replaced as a whole when they were read again; a request uses the rows that it met.
"""

from collections.abc import Mapping
from typing import Any

from ..policy.flags import Scope
from ..policy.names import DeclaredNames
from ..policy.registry import NOTHING, Applied, Asked, Denied, Snapshot, apply
from ..policy.routes import Route
from .errors_out import Refusal
from .listing import Entry, added
from .record import RequestRecord, label

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
        if not prompt and self._snapshot.says_nothing:  # as most registries, and every request passes here
            return False
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

    def listed(self, entries: list[Entry]) -> list[Entry]:
        """Return a list of models with the endpoints added, each like the entry of a model."""
        return added(entries, self.slugs)


def take_prompt(body: dict[str, Any]) -> dict[str, Any]:
    """Remove and return a body's prompt fields: LiteLLM has its own meaning for them."""
    return {name: body.pop(name) for name in _PROMPT_FIELDS if name in body}


def _note(record: RequestRecord, applied: Applied) -> None:
    found = {ENDPOINT: applied.endpoint, TEMPLATE: applied.template, VERSION: applied.version}
    record.extra.update((name, value) for name, value in found.items() if value is not None)
