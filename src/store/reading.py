"""Rows become what a plan takes: models and chains that join last, and the rows that workers use directly."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from ..config.models import EFFORT_LEVELS, ChainSpec, ModelCaps, ModelSpec, caps_for
from ..config.notes import Note
from ..config.parsing import key_of
from ..config.providers import OPENAI_BASE
from ..config.registry import RegistryReading
from ..policy.noun_fields import TRIGGER_NAMES
from ..policy.registry_safety import KEYLESS, usual_keys
from .checks import Context, check, where
from .models import Model
from .providers import Provider
from .registry import Registry

# The code of a row that is left out for want of something.
PASSED_OVER = "GW509"
# What a model has from the row of its provider.
_OF_PROVIDER = ("provider", "api_base", "api_key_env", "timeout", "retries")
_PRICES = ("input", "cached_input", "output", "reasoning", "image")
IsSet = Callable[[str], bool]


@dataclass(frozen=True)
class _Row:
    """A model with its provider and the key variable that it will use, `none` for none."""

    model: Model
    provider: Provider
    key_env: str


def registry_reading(registry: Registry, context: Context, is_set: IsSet) -> RegistryReading:
    """Return the enabled rows as a plan takes them; ``is_set`` tells whether a key variable has a value.

    Rows whose key is not set are left out with a note, so that a seeded registry starts with the keys one has.
    """
    if registry == Registry():
        return RegistryReading()
    problems = check(registry, context)
    wanted = [] if problems else _wanted(registry, is_set)
    served = [row for row in wanted if row.key_env == KEYLESS or is_set(row.key_env)]
    aliases = {row.model.alias for row in served} | context.declared
    notes = _left_out([row for row in wanted if row not in served])
    chains, said = _chains(registry, aliases)
    slugs = {row.slug: where("ai_endpoints", row) for row in registry.endpoints if row.active}
    return RegistryReading(tuple(_spec(row) for row in served), chains, slugs, tuple(problems),
                           tuple(notes + said), worker_document(registry))


def _wanted(registry: Registry, is_set: IsSet) -> list[_Row]:
    providers = {row.name: row for row in registry.providers if row.active}
    return [_Row(model, providers[model.provider], _key_env(providers[model.provider], is_set))
            for model in registry.models if model.enabled and model.provider in providers]


def _key_env(provider: Provider, is_set: IsSet) -> str:
    if provider.key_env is not None:
        return provider.key_env
    usual = usual_keys(provider.provider)
    return next((name for name in usual if is_set(name)), next(iter(usual), KEYLESS))


def _left_out(rows: list[_Row]) -> list[Note]:
    by_key: dict[str, list[str]] = {}
    for row in rows:
        by_key.setdefault(row.key_env, []).append(row.model.alias)
    return [Note(f"registry: {key} is not set, so {len(aliases)} of its models "
                 f"{'is' if len(aliases) == 1 else 'are'} left out: {', '.join(aliases[:5])}"
                 f"{', ...' if len(aliases) > 5 else ''}", PASSED_OVER, "registry ai_models", f"{key}=<your key>")
            for key, aliases in by_key.items()]


def _spec(row: _Row) -> ModelSpec:
    model, provider = row.model, row.provider
    return ModelSpec(
        key=key_of(model.alias), alias=model.alias, provider=provider.provider, model=model.model_id, mode=model.mode,
        api_base=provider.base_url or _own_base(provider), api_key_env=row.key_env, timeout=provider.timeout_s,
        retries=provider.retries, input_cost=_dollars(model.input_price_micros),
        output_cost=_dollars(model.output_price_micros), context_window=model.context_window,
        source=where("ai_models", model), origins=dict.fromkeys(_OF_PROVIDER, where("ai_providers", provider)),
        caps=_caps(model, provider.provider))


def _own_base(provider: Provider) -> str | None:
    # Else OPENAI_API_BASE would take over, and with it the meaning of the row.
    return OPENAI_BASE if provider.provider == "openai" else None


def _dollars(micros: int | None) -> Decimal | None:
    return None if micros is None else Decimal(micros) / 1_000_000


def _caps(model: Model, provider: str) -> ModelCaps:
    known = caps_for(provider, model.model_id)
    said: dict[str, Any] = {name: value for name, value in {
        "mode": model.mode, "context_window": model.context_window, "max_output": model.max_output,
        "vision": model.vision, "tools": model.tools, "deprecated_on": model.deprecated_on,
    }.items() if value is not None}
    more = model.caps or {}
    if isinstance(more.get("efforts"), list):
        said["efforts"] = tuple(word for word in EFFORT_LEVELS if word in more["efforts"])
    if isinstance(more.get("streaming"), bool):
        said["streaming"] = more["streaming"]
    return replace(known, **said)


def _chains(registry: Registry, aliases: set[str] | frozenset[str]) -> tuple[tuple[ChainSpec, ...], list[Note]]:
    """Return the chains with the aliases of those members that are served."""
    chains, notes = [], list[Note]()
    for row in registry.chains:
        members = tuple(alias for alias in row.models if alias in aliases)
        missing = [alias for alias in row.models if alias not in aliases]
        if row.active and missing:
            notes.append(Note(f"registry: the chain {row.name} "
                              f"{'goes without' if members else 'is left out, for want of'} {', '.join(missing)}",
                              PASSED_OVER, where("ai_fallback_chains", row), "set the key of what is missing"))
        if row.active and members:
            triggers = tuple(TRIGGER_NAMES.get(word, word) for word in row.triggers)
            chains.append(ChainSpec(key_of(row.name), row.alias, members, triggers,
                                    where("ai_fallback_chains", row)))
    return tuple(chains), notes


def worker_document(registry: Registry) -> dict[str, Any]:
    """Return what workers use without a reload, and the digest of everything that needs one; JSON-ready."""
    chains = {row.name: row.alias for row in registry.chains}
    endpoints = [{**_said(row.values()), "target": row.model or chains.get(row.chain or "", "")}
                 for row in registry.endpoints if row.active]
    return {
        "digest": reload_digest(registry),
        "endpoints": endpoints,
        "prompts": [row.values() for row in registry.prompts if row.active or row.share],
        "tools": [row.values() for row in registry.tools],
        "flags": [row.values() for row in registry.flags],
        "limits": [row.values() for row in registry.limits if row.active],
        "prices": [found for row in registry.models if (found := _price(row, registry))],
    }


def _said(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()
            if name not in ("model", "chain", "active", "method")}


def _price(model: Model, registry: Registry) -> dict[str, Any] | None:
    prices = {f"{kind}_micros": getattr(model, f"{kind}_price_micros") for kind in _PRICES}
    if all(value is None for value in prices.values()):
        return None
    provider = next(row.provider for row in registry.providers if row.name == model.provider)
    return {"alias": model.alias, "provider": provider, "model": model.model_id, "source": model.price_source, **prices}


def reload_digest(registry: Registry) -> str:
    """Return 12 hex digits of the providers, models and chains, nothing where there are none.

    The same rows give the same digits anywhere.
    """
    rows = {noun: [row.values() for row in registry.of(noun)] for noun in ("providers", "models", "chains")}
    if not any(rows.values()):
        return ""
    return hashlib.sha256(json.dumps(rows, sort_keys=True).encode()).hexdigest()[:12]
