"""An endpoint of the registry, explained: what it stands for and what it adds to a request."""

from dataclasses import dataclass
from typing import Any

from ..config.plan import Sources
from ..policy import endpoints
from ..policy.registry import Snapshot


@dataclass(frozen=True)
class Endpoint:
    """``defaults`` are added where the client says nothing itself; ``templates`` are versions with their share.

    ``variables`` are what `prompt_variables` must hold.
    """

    slug: str
    path: str
    target: str
    defaults: dict[str, Any]
    streaming: bool
    tools: tuple[str, ...]
    templates: tuple[str, ...]
    variables: tuple[str, ...]
    source: str

    def document(self) -> dict[str, Any]:
        """Return it JSON-ready."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in self.__dict__.items()}


def endpoint_of(row: endpoints.Endpoint, registry: Snapshot, sources: Sources) -> Endpoint:
    """Return an endpoint with its template."""
    defaults = {name: value for name in ("temperature", "max_tokens", "top_p")
                if (value := getattr(row, name)) is not None}
    slug = registry.used_by.get(row.slug)
    versions = registry.templates[slug] if slug is not None else None
    found = [] if versions is None else [(versions.active, 100 - versions.share)]
    if versions is not None and versions.other is not None:
        found.append((versions.other, versions.share))
    source = sources.registry.slugs.get(row.slug, "registry") if sources.registry else "registry"
    return Endpoint(row.slug, f"/v1{row.path}", row.target, defaults, row.streaming,
                    tuple(tool.name for tool in row.tools),
                    tuple(f"{one.slug} version {one.version} for {share} %" for one, share in found),
                    tuple(dict.fromkeys(name for one, _ in found for name in one.names)), source)
