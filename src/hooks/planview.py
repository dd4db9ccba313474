"""``plan.json`` as small typed values; what it does not say keeps its default, what we do not know is left alone."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, TypeVar

from ..config.models import caps_for
from ..config.wildcards import is_wildcard, parts_of, upstream_of
from ..policy.names import DeclaredNames


@dataclass(frozen=True, slots=True)
class ModelView:
    """One deployment; prices are integers, micro-dollars per million tokens; times are seconds."""

    key: str
    alias: str
    deployment: str
    provider: str | None = None
    model: str | None = None
    mode: str = "chat"
    base: str | None = None
    key_env: str | None = None
    reasoning_effort: str | None = None
    accepts_reasoning: bool | None = None
    levels: tuple[str, ...] = ()
    timeout: float | None = None
    stream_timeout: float | None = None
    retries: int | None = None
    max_tokens: int | None = None
    rpm: int | None = None
    tpm: int | None = None
    rpd: int | None = None
    tpd: int | None = None
    max_parallel: int | None = None
    fallbacks: tuple[str, ...] = ()
    input_cost_micros: int | None = None
    output_cost_micros: int | None = None
    context_window: int | None = None
    max_output: int | None = None
    vision: bool | None = None
    tools: bool | None = None
    streaming: bool | None = None
    allow_params: tuple[str, ...] = ()
    drop_params: tuple[str, ...] = ()
    source: str | None = None

    @property
    def wildcard(self) -> bool:
        """Tell whether it serves many names."""
        return is_wildcard(self.alias)

    def serving(self, name: str | None) -> "ModelView":
        """Return this deployment as it serves ``name``; only one of a wildcard that covers the name differs."""
        if name is None or not self.wildcard or parts_of(self.alias, name) is None:
            return self
        upstream = upstream_of(self.alias, self.model or name, name)
        provider = self.provider or ""
        caps = caps_for(provider, upstream.removeprefix(f"{provider}/"))
        return replace(self, alias=name, model=upstream, accepts_reasoning=bool(caps.efforts), levels=caps.efforts)


@dataclass(frozen=True, slots=True)
class ChainView:
    """A named chain: ``models`` are keys in the order they are tried, ``on`` what moves on to the next."""

    key: str
    alias: str
    models: tuple[str, ...] = ()
    on: tuple[str, ...] = ("error", "rate_limit")
    source: str | None = None


@dataclass(frozen=True, slots=True)
class SettingsView:
    """What the edge needs to know; times in seconds, ``max_body_mb`` in units of 1,048,576 bytes."""

    max_body_mb: int = 20
    body_timeout: float = 30.0
    cors_origins: tuple[str, ...] = ()
    extra_routes: tuple[str, ...] = ()
    metrics_public: bool = False
    log_json: bool = True
    environment: str | None = None
    config_ttl: float = 30.0
    models_ttl: float = 300.0
    store_down: str = "allow"
    reset_zones: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LedgerView:
    """What becomes of request records: ``mode`` is off, on or audit; 0 ``days`` or ``max_mb`` keep everything.

    ``content`` is how many characters of a request are kept; sizes are in units of 1,048,576 bytes.
    """

    mode: str = "on"
    days: int = 90
    max_mb: int = 2048
    content: int = 0
    spill_mb: int = 256
    spill_dir: str | None = None


@dataclass(frozen=True, slots=True)
class PlanView:
    """The whole plan; ``raw`` is the document itself, for what has no typed place here yet.

    ``foreign``: the configuration is a file that a user wrote, of which the plan says only what the edge needs.
    """

    config: str
    models: tuple[ModelView, ...]
    chains: tuple[ChainView, ...]
    settings: SettingsView
    secret_names: tuple[str, ...]
    raw: Mapping[str, Any]
    ledger: LedgerView = LedgerView()
    foreign: bool = False

    def aliases(self) -> tuple[str, ...]:
        """Return every name that a client may ask for, models first, each once."""
        return tuple(dict.fromkeys([m.alias for m in self.models] + [c.alias for c in self.chains]))

    def names(self) -> DeclaredNames:
        """Return the names that are models; those by which LiteLLM finds a deployment are under no wildcard."""
        entries = (f"chain:{chain.key}:{model}" for chain in self.chains for model in chain.models[:1])
        return DeclaredNames.of(self.aliases(), (*(model.deployment for model in self.models), *entries))


_View = TypeVar("_View", ModelView, ChainView, SettingsView, LedgerView)


def _view(kind: type[_View], document: Mapping[str, Any]) -> _View:
    known = {field.name for field in fields(kind)} & document.keys()
    return kind(**{name: _frozen(document[name]) for name in known})


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _views(kind: type[_View], documents: Iterable[Mapping[str, Any]]) -> tuple[_View, ...]:
    return tuple(_view(kind, document) for document in documents)


def read_plan(text: str) -> PlanView:
    """Return the plan in ``text``; raises ValueError when it is not JSON, TypeError when a model lacks a name."""
    document = json.loads(text)
    return PlanView(
        config=str(document.get("hash", "")),
        models=_views(ModelView, document.get("models", [])),
        chains=_views(ChainView, document.get("chains", [])),
        settings=_view(SettingsView, document.get("settings", {})),
        secret_names=tuple(document.get("secret_names", [])),
        raw=document,
        ledger=_view(LedgerView, document.get("ledger", {})),
        foreign=bool(document.get("foreign")),
    )
