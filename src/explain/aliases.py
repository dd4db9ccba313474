"""What a request to one alias does: found by name, walked through, with everything that limits it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Any

from ..config.fields import suggest
from ..config.models import caps_for
from ..config.plan import LaunchPlan, Sources
from ..config.resolve import PlannedModel
from ..config.wildcards import is_wildcard, parts_of, upstream_of
from ..errors import PROGRAM, UsageProblem
from ..policy.chains import Walk, walk_of
from ..policy.flags import Scope, is_on
from ..policy.limits import OF_ATTEMPTS, Limit, LimitSet, Rule, limits_of
from ..policy.names import DeclaredNames
from ..policy.registry import Snapshot
from .limits import CLIENT_REQUEST, UPSTREAM_CALL, Met, met
from .models import Model, Models
from .names import Endpoint, endpoint_of
from .prices import PriceList
from .provenance import chain_values, setting
from .values import Value
from .walks import ALWAYS, TRIGGERS, Call, Worst, calls_of, chain_of, walks_of, worst_of

# Settings that every request meets: variable -> unit.
_EVERYWHERE = {"GATEWAY_MAX_BODY_MB": "MiB", "GATEWAY_BODY_TIMEOUT": "s", "GATEWAY_STORE_DOWN": "",
               "GATEWAY_LEDGER": "", "GATEWAY_ENVIRONMENT": "", "WORKERS": ""}


@dataclass(frozen=True)
class Explanation:
    """Everything about one alias; ``kind`` is model, balanced, chain or endpoint.

    ``alias`` is what was asked for, ``target`` the model or chain that stands behind it; ``covered_by`` the wildcard.
    """

    alias: str
    kind: str
    target: str
    covered_by: str | None
    source: str
    endpoint: Endpoint | None
    chain: str | None
    chain_values: Mapping[str, Value]
    moves_on: Mapping[str, str]
    calls: tuple[Call, ...]
    models: tuple[Model, ...]
    limits: tuple[Met, ...]
    switched_off: tuple[str, ...]
    settings: Mapping[str, Value]
    worst: Worst

    def document(self) -> dict[str, Any]:
        """Return it JSON-ready."""
        return {
            "alias": self.alias, "kind": self.kind, "target": self.target, "covered_by": self.covered_by,
            "source": self.source, "endpoint": self.endpoint.document() if self.endpoint else None,
            "chain": self.chain,
            "chain_values": {name: value.document() for name, value in self.chain_values.items()},
            "moves_on": dict(self.moves_on),
            "calls": [call.document() for call in self.calls],
            "models": [model.document() for model in self.models],
            "limits": [one.document() for one in self.limits],
            "switched_off": list(self.switched_off),
            "settings": {name: value.document() for name, value in self.settings.items()},
            "worst_case": self.worst.document(),
        }


class Explainer:
    """Explains the aliases of one plan; ``keys`` are the limits of client keys with the names that they cover."""

    def __init__(self, plan: LaunchPlan, sources: Sources, litellm_prices: Mapping[str, Any],
                 keys: Sequence[tuple[Limit, str, tuple[str, ...]]] = ()) -> None:
        self._plan, self._sources, self._keys = plan, sources, keys
        self._models = Models(plan, sources, PriceList(plan, litellm_prices))
        self._walks = walks_of(plan)
        chains = (f"chain:{chain.key}:{key}" for chain in plan.chains for key in chain.models[:1])
        self._names = DeclaredNames.of(self._walks, (*(model.spec.key for model in plan.models), *chains))
        self._registry = Snapshot.of(plan.registry)
        zones = (word.partition("=") for word in plan.settings.words("GATEWAY_RESET_ZONES"))
        self._limits = LimitSet(limits_of(plan.registry.get("limits") or ()),
                                {provider: zone for provider, _, zone in zones})

    def aliases(self) -> list[str]:
        """Return every name that a client may ask for: models, chains, endpoints."""
        return [*self._walks, *(slug for slug in self._registry.endpoints if slug not in self._names.exact)]

    def explain(self, alias: str) -> Explanation:
        """Return what a request to ``alias`` does; raises UsageProblem for a name that nobody may ask for."""
        endpoint = None if alias in self._names.exact else self._registry.endpoints.get(alias)
        target = alias if endpoint is None else endpoint.target
        walk = walk_of(self._walks, self._names, target)
        if walk is None:
            raise self._unknown(alias, target)
        models = self._answering(walk, target)
        rules = {model.spec.key: self._rules(self._plan.by_key(model.spec.key), target) for model in models}
        explained = [self._models.explain(model) for model in models]
        by_alias = {step.alias: [one for one in explained if one.alias == step.alias] for step in walk.steps}
        calls = calls_of(walk, by_alias, {key: [rule.limit for rule in found] for key, found in rules.items()})
        requests = [*self._of_requests(), *self._of_keys([alias, target])]
        shown = None if endpoint is None else endpoint_of(endpoint, self._registry, self._sources)
        declared = self._names.declared(target)
        chain = chain_of(self._plan, walk)
        return Explanation(
            alias, self._kind(walk, target, endpoint is not None), target,
            declared if declared != target else None, self._source(walk, target, shown), shown, walk.chain,
            {} if chain is None else chain_values(chain, self._sources), _moves_on(walk), tuple(calls),
            tuple(explained), tuple(self._met(rules, explained, requests)),
            tuple(self._off(endpoint.slug if endpoint else None)),
            {name: setting(self._sources, name, unit) for name, unit in _EVERYWHERE.items()},
            worst_of(calls, by_alias, [rule.limit for rule in requests]))

    def _answering(self, walk: Walk, target: str) -> list[PlannedModel]:
        """Return the deployments of a walk in its order; one of a wildcard as it serves the name asked for."""
        found: dict[str, PlannedModel] = {}
        # Of several wildcards that cover a name the most specific one serves it.
        declared = self._names.declared(target)
        for step in walk.steps:
            for model in self._plan.models:
                own = _serving(model, target) if model.alias == declared else model
                if own.alias == step.alias:
                    found.setdefault(model.spec.key, own)
        return list(found.values())

    def _rules(self, model: PlannedModel, target: str) -> tuple[Rule, ...]:
        """Return the limits of calls of ``model`` as declared: names under a wildcard count together, and may have
        limits of their own."""
        return self._limits.of_attempt(model.spec, target if self._limits.of_names(model.alias) else None)

    def _kind(self, walk: Walk, target: str, is_endpoint: bool) -> str:
        if is_endpoint:
            return "endpoint"
        if walk.chain is not None:
            return "chain"
        return "balanced" if sum(model.alias == target for model in self._plan.models) > 1 else "model"

    def _source(self, walk: Walk, target: str, endpoint: Endpoint | None) -> str:
        if endpoint is not None:
            return endpoint.source
        chain = chain_of(self._plan, walk)
        if chain is not None:
            return chain.source
        declared = self._names.declared(target) or target
        return next((model.spec.source for model in self._plan.models if model.alias in (target, declared)), "")

    def _of_requests(self) -> list[Rule]:
        return [Rule(limit, limit.target) for limit in self._limits.limits if limit.scope not in OF_ATTEMPTS]

    def _of_keys(self, names: Iterable[str]) -> list[Rule]:
        wanted = set(names)
        return [Rule(limit, name) for limit, name, patterns in self._keys
                if not patterns or any(fnmatchcase(asked, pattern) for pattern in patterns for asked in wanted)]

    def _met(self, rules: Mapping[str, Sequence[Rule]], models: Sequence[Model], requests: Sequence[Rule],
             ) -> Iterator[Met]:
        for rule in requests:
            yield met(rule, CLIENT_REQUEST, None)
        for model in models:
            for rule in rules[model.key]:
                yield met(rule, UPSTREAM_CALL, model)

    def _off(self, endpoint: str | None) -> Iterator[str]:
        """Yield what flags switch off for this alias, and for which tiers only."""
        environment = self._plan.settings.text("GATEWAY_ENVIRONMENT")
        for name, rows in self._registry.flags.items():
            if not is_on(name, rows, Scope(None, endpoint, environment)):
                yield name
            for tier in dict.fromkeys(row.tier for row in rows if row.tier):
                here, usual = (is_on(name, rows, Scope(one, endpoint, environment)) for one in (tier, None))
                if here != usual:
                    yield f"{name} for the tier {tier}" if usual else f"not {name} for the tier {tier}"

    def _unknown(self, alias: str, target: str) -> UsageProblem:
        if alias != target:
            return UsageProblem(f"the endpoint {alias} stands for {target}, which is not served", "registry",
                                f"{PROGRAM} endpoints set {alias} --model ALIAS")
        names = self.aliases()
        by_key = [model.alias for model in self._plan.models if model.spec.key == alias.lower()]
        hint = f"; {alias} is a key, its alias is {by_key[0]}" if by_key else suggest(alias, names)
        known = ", ".join(names[:8]) + (", ..." if len(names) > 8 else "")
        return UsageProblem(f"nothing is served as {alias[:80]!a}{hint}", "", f"known: {known}")


def _serving(model: PlannedModel, name: str) -> PlannedModel:
    spec = model.spec
    if not is_wildcard(spec.alias) or parts_of(spec.alias, name) is None:
        return model
    upstream = upstream_of(spec.alias, spec.upstream, name)
    own = replace(spec, alias=name, model=upstream.removeprefix(f"{spec.provider}/"))
    return replace(model, spec=own, caps=spec.caps or caps_for(own.provider, own.model))


def _moves_on(walk: Walk) -> dict[str, str]:
    if walk.models == 1:
        return {}
    return {**{word: TRIGGERS[word] for word in walk.on}, "context_window": ALWAYS}
