"""What the registry means for one request: endpoint, defaults, template and flags, from one frozen snapshot of rows."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from .endpoints import Endpoint, Tool
from .flags import ENFORCED, Flag, Scope, forbidden
from .names import DeclaredNames
from .prompts import PromptProblem, Template, Text, Versions, fill, insert

Row = Mapping[str, Any]
Rows = Mapping[str, Iterable[Row]]
_UNKNOWN, _DISABLED = "model_not_found", "feature_disabled"


@dataclass(eq=False)
class Denied(Exception):
    """A request that the registry refuses; ``status`` and ``code`` as HTTP and OpenAI's errors have them."""

    status: int
    message: str
    code: str
    param: str | None = None


@dataclass(frozen=True, slots=True)
class Applied:
    """What was done to a request: the endpoint asked for, the template and version that were put in."""

    endpoint: str | None = None
    template: str | None = None
    version: int | None = None


NOTHING = Applied()


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The active rows, ready to use. ``used_by`` is endpoint -> slug of its template."""

    endpoints: Mapping[str, Endpoint] = field(default_factory=dict)
    templates: Mapping[str, Versions] = field(default_factory=dict)
    used_by: Mapping[str, str] = field(default_factory=dict)
    flags: Mapping[str, tuple[Flag, ...]] = field(default_factory=dict)

    @property
    def says_nothing(self) -> bool:
        """Tell whether no row is about requests."""
        return not (self.endpoints or self.templates or self.flags)

    @classmethod
    def of(cls, rows: Rows) -> "Snapshot":
        """Return the snapshot of rows as documents have them: endpoints (with ``target``), prompts, tools, flags."""
        tools = {row["name"]: Tool(row["name"], row["schema"], row.get("description")) for row in rows.get("tools", ())}
        templates, used_by = _templates(rows.get("prompts", ()))
        flags: defaultdict[str, list[Flag]] = defaultdict(list)
        for row in rows.get("flags", ()):
            scopes = (row.get(name) for name in ("tier", "endpoint", "environment"))
            if row["name"] in ENFORCED:
                flags[row["name"]].append(Flag(row["name"], row["enabled"], *scopes))
        endpoints = {row["slug"]: _endpoint(row, tools) for row in rows.get("endpoints", ())}
        return cls(MappingProxyType(endpoints), MappingProxyType(templates), MappingProxyType(used_by),
                   MappingProxyType({name: tuple(found) for name, found in flags.items()}))


def _endpoint(row: Row, tools: Mapping[str, Tool]) -> Endpoint:
    plain = {name: row[name] for name in ("path", "temperature", "max_tokens", "top_p", "streaming") if name in row}
    offered = tuple(tools[name] for name in row.get("tools") or () if name in tools)
    return Endpoint(row["slug"], row["target"], tools=offered, **plain)


def _templates(rows: Iterable[Row]) -> tuple[dict[str, Versions], dict[str, str]]:
    active: dict[str, Row] = {}
    others: dict[str, Row] = {}
    for row in rows:
        if row["active"]:
            active[row["slug"]] = row
        elif row.get("share"):
            others[row["slug"]] = row
    versions = {slug: Versions(_template(row), _template(others[slug]) if slug in others else None,
                               others[slug]["share"] if slug in others else 0) for slug, row in active.items()}
    # Two templates of one endpoint are refused where rows are written; of hand-made ones the first by name counts.
    return versions, {row["endpoint"]: slug for slug, row in sorted(active.items(), reverse=True) if row["endpoint"]}


def _template(row: Row) -> Template:
    system, user = row.get("system_prompt"), row.get("user_template")
    return Template(row["slug"], row["version"], None if system is None else Text.of(system),
                    None if user is None else Text.of(user))


@dataclass(frozen=True, slots=True)
class Asked:
    """One request as the registry sees it: the route's ``kind`` and LiteLLM's ``path``, and ``who`` for A/B tests."""

    kind: str
    path: str
    who: str
    scope: Scope = Scope()


def apply(snapshot: Snapshot, asked: Asked, body: dict[str, Any], names: DeclaredNames) -> Applied:
    """Turn ``body``, in place, into what the endpoint and template it names make of it; raises Denied.

    ``names`` are models and chains: such a name is never an endpoint, unless it only fits a wildcard.
    """
    endpoint = _find(snapshot, asked, body.get("model"), names)
    if endpoint is not None:
        body["model"] = endpoint.target
        endpoint.add_defaults(asked.kind, body)
    template = _choose(snapshot, asked, body, endpoint)
    if template is not None:
        try:
            insert(asked.kind, body, fill(template, body.pop("prompt_variables", None)))
        except PromptProblem as problem:
            raise Denied(400, problem.message, "invalid_prompt", problem.param) from None
    _check(snapshot, asked, body, endpoint)
    if endpoint is None and template is None:
        return NOTHING
    slug = None if endpoint is None else endpoint.slug
    return Applied(slug) if template is None else Applied(slug, template.slug, template.version)


def _find(snapshot: Snapshot, asked: Asked, name: object, names: DeclaredNames) -> Endpoint | None:
    endpoint = snapshot.endpoints.get(name) if isinstance(name, str) else None
    if endpoint is None or endpoint.slug in names.exact:
        return None
    if not endpoint.works_on(asked.path):
        raise Denied(404, f"The endpoint '{endpoint.slug}' works on /v1{endpoint.path} only.", _UNKNOWN, "model")
    if endpoint.target not in names:
        raise Denied(404, f"The model of the endpoint '{endpoint.slug}' is not served.", _UNKNOWN, "model")
    return endpoint


def _choose(snapshot: Snapshot, asked: Asked, body: dict[str, Any], endpoint: Endpoint | None) -> Template | None:
    wanted = body.pop("prompt_id", None)
    if wanted is None:
        slug = snapshot.used_by.get(endpoint.slug) if endpoint is not None else None
        return None if slug is None else snapshot.templates[slug].choose(asked.who)
    versions = snapshot.templates.get(wanted) if isinstance(wanted, str) else None
    if versions is None:
        raise Denied(404, f"The prompt '{str(wanted)[:64]}' does not exist.", "prompt_not_found", "prompt_id")
    return versions.choose(asked.who)


def _check(snapshot: Snapshot, asked: Asked, body: Mapping[str, Any], endpoint: Endpoint | None) -> None:
    if endpoint is not None and not endpoint.streaming and body.get("stream") is True:
        raise Denied(403, f"Streaming is switched off for the endpoint '{endpoint.slug}'.", _DISABLED, "stream")
    if not snapshot.flags:
        return
    scope = Scope(asked.scope.tier, endpoint.slug if endpoint else None, asked.scope.environment)
    name = forbidden(asked.kind, body, snapshot.flags, scope)
    if name is not None:
        raise Denied(403, f"{ENFORCED[name][0]} is switched off here (flag {name}).", _DISABLED)
