"""Cross-checks of the registry's rows: where keys would go, names that clash, references that lead nowhere."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..config.fields import suggest
from ..config.readers import BadValue
from ..errors import Problem
from ..policy.names import DeclaredNames
from ..policy.nouns import NOUNS
from ..policy.registry_safety import Rules, base_problem, key_problem, pattern_problems
from .endpoints import Endpoint
from .limits import limit_problems
from .rows import Row

if TYPE_CHECKING:
    from .registry import Registry

_TABLES = {"tiers": "ai_tiers", "tools": "ai_tool_definitions", "providers": "ai_providers", "models": "ai_models",
           "chains": "ai_fallback_chains", "endpoints": "ai_endpoints", "prompts": "ai_prompt_templates",
           "flags": "ai_feature_flags", "limits": "ai_rate_limit_configs"}


@dataclass(frozen=True)
class Context:
    """What is known outside of the registry: the environment's rules, and the aliases that it declares."""

    rules: Rules = field(default_factory=Rules)
    declared: frozenset[str] = frozenset()


def where(table: str, row: Row) -> str:
    """Return where a row stands, for messages."""
    return f"registry {table} row {row.id}"


def check(registry: "Registry", context: Context) -> list[Problem]:
    """Return everything that is wrong with the rows."""
    return [*field_problems(registry), *_providers(registry, context), *_names(registry, context),
            *_targets(registry, context), *_prompts(registry), *_limits(registry, context)]


def field_problems(registry: "Registry") -> Iterator[Problem]:
    """Hold every value to its field's rules: rows may have been written by hand."""
    for noun in NOUNS.values():
        for row in registry.of(noun.name):
            for fld in noun.fields:
                value = getattr(row, fld.name)
                try:
                    fld.of_document(list(value) if isinstance(value, tuple) else value)
                except BadValue as error:
                    yield Problem(f"{noun.one} {noun.label(row.values())}: {fld.name} {error}",
                                  where(_TABLES[noun.name], row), code=error.code)


def _providers(registry: "Registry", context: Context) -> Iterator[Problem]:
    for text in pattern_problems(context.rules.allowed):
        yield Problem(text, "GATEWAY_ALLOWED_BASES", "write scheme and host, and `*.` only at the start of the host")
    for row in registry.providers:
        base = base_problem(row.provider, row.base_url, context.rules)
        key = key_problem(row.provider, row.key_env, row.base_url, context.rules)
        for found in (base, key):
            if found:
                yield Problem(f"provider {row.name}: {found}", where("ai_providers", row))


def _names(registry: "Registry", context: Context) -> Iterator[Problem]:
    users: defaultdict[str, list[tuple[str, str]]] = defaultdict(list)
    for model in registry.models:
        users[model.alias].append((f"model {model.alias}", where("ai_models", model)))
    for chain in registry.chains:
        users[chain.alias].append((f"chain {chain.name}", where("ai_fallback_chains", chain)))
    for endpoint in registry.endpoints:
        users[endpoint.slug].append((f"endpoint {endpoint.slug}", where("ai_endpoints", endpoint)))
        if endpoint.slug in context.declared:
            yield Problem(f"the endpoint {endpoint.slug} has the name of a model or chain that is declared elsewhere",
                          where("ai_endpoints", endpoint), "give it another name", "GW302")
    for name, found in users.items():
        if len(found) > 1:
            yield Problem(f"{' and '.join(who for who, _ in found)} share the name {name}",
                          "; ".join(place for _, place in found), "models, chains and endpoints need different names",
                          "GW302")


def _targets(registry: "Registry", context: Context) -> Iterator[Problem]:
    models = {model.alias for model in registry.models} | context.declared
    for chain in registry.chains:
        place = where("ai_fallback_chains", chain)
        if not chain.models:
            yield Problem(f"the chain {chain.name} has no models", place, "name them: --models first,second", "GW103")
        yield from _unknown(f"the chain {chain.name} names", chain.models, models, place)
        if len(set(chain.models)) < len(chain.models):
            yield Problem(f"the chain {chain.name} names a model twice", place, "keep one", "GW305")
    for endpoint in registry.endpoints:
        place = where("ai_endpoints", endpoint)
        yield from without_target(endpoint, place)
        if endpoint.model is not None:
            # A name under a wildcard is a model too.
            known = models | ({endpoint.model} if endpoint.model in DeclaredNames.of(models) else set())
            yield from _unknown(f"the endpoint {endpoint.slug} names", [endpoint.model], known, place)


def without_target(row: Row, place: str) -> Iterator[Problem]:
    """Refuse an endpoint that leads nowhere, or to two places."""
    if isinstance(row, Endpoint) and (row.model is None) == (row.chain is None):
        yield Problem(f"the endpoint {row.slug} needs a model or a chain, and not both", place,
                      "--model ALIAS or --chain NAME")


def _limits(registry: "Registry", context: Context) -> Iterator[Problem]:
    models = {model.alias for model in registry.models} | context.declared
    return limit_problems(registry.limits, models, (tier.name for tier in registry.tiers))


def _unknown(what: str, names: Iterable[str], known: set[str], place: str) -> Iterator[Problem]:
    for name in names:
        if name not in known:
            yield Problem(f"{what} {name!a}, no model of the registry or the environment{suggest(name, known)}", place,
                          "name the alias of a model", "GW303")


def _prompts(registry: "Registry") -> Iterator[Problem]:
    users: dict[str, str] = {}
    for row in registry.prompts:
        place = where("ai_prompt_templates", row)
        if row.system_prompt is None and row.user_template is None:
            yield Problem(f"the prompt {row.slug} has neither a system prompt nor a user template", place,
                          "give --system or --user")
        if row.active and row.endpoint is not None and users.setdefault(row.endpoint, row.slug) != row.slug:
            yield Problem(f"the endpoint {row.endpoint} has two prompts, {users[row.endpoint]} and {row.slug}", place,
                          "an endpoint uses one; others are asked for by prompt_id")
        if row.share is not None and not any(o.active and o.slug == row.slug for o in registry.prompts):
            yield Problem(f"version {row.version} of the prompt {row.slug} has a share, but no version is active",
                          place, f"prompts activate {row.slug} N")
