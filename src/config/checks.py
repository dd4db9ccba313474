"""Cross-checks of a plan: names that clash, fallbacks that lead nowhere, keys that are missing or unsafe."""

from collections import defaultdict
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass

from ..errors import Problem
from . import wildcard_checks
from .database import VARIABLE, Database
from .environment import Environment, Secret
from .fields import suggest
from .models import ChainSpec
from .resolve import PlannedModel
from .settings import RESERVED_SECRETS, Settings

MASTER_KEY = "LITELLM_MASTER_KEY"
MIN_MASTER_KEY = 16
# Keyless upstreams are configured with keys like "none" or "k", which are part of many an innocent text.
LONGER_THAN_WORDS = 8
MAKE_KEY = 'echo "LITELLM_MASTER_KEY=sk-$(openssl rand -hex 32)" >> .env'
ANOTHER_KEY = 'replace the value by what this prints: echo "sk-$(openssl rand -hex 32)"'
# Keys printed in public documentation and examples, here without their `sk-`: no file of ours holds what looks like a
# key. LiteLLM 1.106 itself knows only the first.
PUBLIC_KEYS = frozenset(prefix + word for prefix in ("sk-", "") for word in """
1234 local-master local-master-key litellm-master-key master-key-1234 1234567890abcdef your-master-key-here
your-litellm-master-key litellm-1234 change-me-please 1234567890123456 change-me-change-me
""".split())


def bases(env: Environment, flags: Mapping[str, str]) -> list[Problem]:
    """Refuse two different values for the one base."""
    first, second = env.get("OPENAI_API_BASE"), env.get("OPENAI_BASE_URL")
    if "OPENAI_API_BASE" in flags or not first or not second or first.rstrip("/") == second.rstrip("/"):
        return []
    where = f"OPENAI_API_BASE, {env.origin('OPENAI_API_BASE')}; OPENAI_BASE_URL, {env.origin('OPENAI_BASE_URL')}"
    return [Problem("OPENAI_API_BASE and OPENAI_BASE_URL differ", where, "keep one of the two, best OPENAI_API_BASE",
                    "GW504")]


def models(planned: Sequence[PlannedModel], chains: Sequence[ChainSpec], settings: Settings,
           broken: Container[str] = ()) -> list[Problem]:
    """Refuse clashing names and fallbacks or chains that cannot work; ``broken`` keys have their own problems."""
    return (_names(planned, chains, settings) + _fallbacks(planned, broken) + _chains(planned, chains, broken)
            + wildcard_checks.members(planned, chains))


def audit(settings: Settings, database: Database | None) -> list[Problem]:
    """Refuse an audit that nothing keeps."""
    if database is not None or settings.text("GATEWAY_LEDGER") != "audit":
        return []
    return [Problem("GATEWAY_LEDGER is audit, and there is no database to record into",
                    f"GATEWAY_LEDGER, {settings.origin('GATEWAY_LEDGER')}", f"set {VARIABLE}, or GATEWAY_LEDGER=off",
                    "GW606")]


def _names(planned: Sequence[PlannedModel], chains: Sequence[ChainSpec], settings: Settings) -> list[Problem]:
    problems = []
    shared = settings.words("GATEWAY_LOAD_BALANCE")
    by_alias: dict[str, list[PlannedModel]] = defaultdict(list)
    by_key: dict[str, list[PlannedModel]] = defaultdict(list)
    for model in planned:
        by_alias[model.alias].append(model)
        by_key[model.spec.key].append(model)
    for key, group in by_key.items():
        if len(group) > 1:
            problems.append(Problem(f"the key {key} is used {len(group)} times", _sources(group),
                                    "give each model its own key=...", "GW302"))
    for alias, group in by_alias.items():
        if len(group) > 1 and alias not in shared:
            problems.append(Problem(f"the alias {alias} is used by {len(group)} models", _sources(group),
                                    f"give each its own alias, or set GATEWAY_LOAD_BALANCE={alias} to share it",
                                    "GW301"))
    for chain in chains:
        if chain.alias in by_alias:
            problems.append(Problem(f"the chain {chain.key} has the alias {chain.alias} of a model", chain.where,
                                    f"set CHAIN_{chain.key.upper()}_ALIAS to another name", "GW302"))
    seen: dict[str, str] = {}
    for chain in chains:
        if chain.alias in seen:
            problems.append(Problem(f"the chains {seen[chain.alias]} and {chain.key} share the alias {chain.alias}",
                                    chain.where, f"set CHAIN_{chain.key.upper()}_ALIAS to another name", "GW302"))
        seen.setdefault(chain.alias, chain.key)
    return problems


def _sources(group: Iterable[PlannedModel]) -> str:
    return "; ".join(dict.fromkeys(f"{model.spec.key} ({model.spec.origin('alias')})" for model in group))


def _fallbacks(planned: Sequence[PlannedModel], broken: Container[str]) -> list[Problem]:
    keys = {model.spec.key: model for model in planned}
    aliases = {model.alias: model.spec.key for model in planned}
    problems = []
    for model in planned:
        spec, where = model.spec, model.spec.origin("fallbacks")
        for target in spec.fallbacks:
            if target == spec.key:
                problems.append(Problem(f"{spec.key} falls back to itself", where, f"remove {target} from the list",
                                        "GW304"))
            elif target not in keys and target not in broken:
                hint = f"use the key {aliases[target]}" if target in aliases else \
                    wildcard_checks.declare_it(target, planned) or "known keys: " + ", ".join(keys)
                what = f"{spec.key} falls back to {target!a}, no declared model{suggest(target, keys)}"
                problems.append(Problem(what, where, hint, "GW303"))
        if len(set(spec.fallbacks)) < len(spec.fallbacks):
            problems.append(Problem(f"{spec.key} names a fallback twice", where, "keep one", "GW305"))
    cycle = find_cycle({key: model.spec.fallbacks for key, model in keys.items()})
    if cycle:
        problems.append(Problem("fallbacks run in a circle: " + " -> ".join(cycle),
                                keys[cycle[0]].spec.origin("fallbacks"),
                                f"remove {cycle[-1]} from the fallbacks of {cycle[-2]}", "GW304"))
    return problems


def find_cycle(graph: Mapping[str, Sequence[str]]) -> list[str]:
    """Return one cycle of at least two nodes as `[a, b, a]`, or an empty list. Iterative: chains may be long."""
    done: set[str] = set()
    for start in graph:
        path, stack = [], [(start, iter(graph[start]))]
        if start in done:
            continue
        path.append(start)
        while stack:
            target = next(stack[-1][1], None)
            if target is None:
                done.add(stack.pop()[0])
                path.pop()
            elif target in path and target != path[-1]:
                return [*path[path.index(target):], target]
            elif target in graph and target not in done and target not in path:
                path.append(target)
                stack.append((target, iter(graph[target])))
    return []


def _chains(planned: Sequence[PlannedModel], chains: Sequence[ChainSpec], broken: Container[str]) -> list[Problem]:
    keys = [model.spec.key for model in planned]
    problems = []
    for chain in chains:
        label = f"CHAIN_{chain.key.upper()}_MODELS"
        for name in chain.models:
            if name not in keys and name not in broken:
                hint = wildcard_checks.declare_it(name, planned) or f"{label}: known keys: " + ", ".join(keys)
                problems.append(Problem(f"the chain {chain.key} names {name!a}, no declared model{suggest(name, keys)}",
                                        chain.where, hint, "GW303"))
        if len(set(chain.models)) < len(chain.models):
            problems.append(Problem(f"the chain {chain.key} names a model twice", chain.where, f"{label}: keep one",
                                    "GW305"))
    return problems


@dataclass(frozen=True)
class Walk:
    """Models that a request may go through, in order: a chain, or a model with its fallbacks."""

    name: str
    members: tuple[PlannedModel, ...]
    where: str

    @property
    def calls(self) -> int:
        """Return how many upstream calls one request causes at most."""
        return sum(1 + (model.spec.retries or 0) for model in self.members)


def walks(planned: Sequence[PlannedModel], chains: Sequence[ChainSpec]) -> list[Walk]:
    """Return every walk of a plan; members that are no models are left out."""
    keys = {model.spec.key: model for model in planned}
    named = [(f"chain {chain.alias}", chain.models, chain.where) for chain in chains]
    named += [(model.alias, (model.spec.key, *model.spec.fallbacks), model.spec.origin("fallbacks"))
              for model in planned if model.spec.fallbacks]
    return [Walk(name, tuple(keys[key] for key in walk if key in keys), where) for name, walk, where in named]


def warnings(planned: Sequence[PlannedModel], chains: Sequence[ChainSpec]) -> list[str]:
    """Return notes on chains whose later models can do less than an earlier one."""
    notes = []
    for walk in walks(planned, chains):
        for first, later in zip(walk.members, walk.members[1:]):
            if texts := lost(first, later).values():
                notes.append(f"{walk.name}: {later.alias} after {first.alias} has {' and '.join(texts)}")
        notes.append(f"{walk.name}: one request causes at most {walk.calls} upstream calls")
    return notes


def lost(first: PlannedModel, later: PlannedModel) -> dict[str, str]:
    """Return what a request loses that moves on from ``first`` to ``later``, by code; unknown is not less."""
    found = {}
    if first.context_window and later.context_window and later.context_window < first.context_window:
        found["GW306"] = f"a context window of {later.context_window} instead of {first.context_window} tokens"
    found.update((code, f"no {name}") for code, name in (("GW307", "vision"), ("GW308", "tools"))
                 if getattr(first.caps, name) and getattr(later.caps, name) is False)
    return found


def needed_secrets(planned: Sequence[PlannedModel], env: Environment) -> dict[str, Secret]:
    """Return every secret variable the launch knows: the master key, upstream keys, and what only needs scrubbing."""
    names = [MASTER_KEY, *(model.key_env for model in planned if model.key_env)]
    optional = [name for name in ("OPENAI_API_KEY", "GATEWAY_METRICS_KEY", "GATEWAY_DATABASE_URL", *RESERVED_SECRETS)
                if env.get(name) or env.get(f"{name}_FILE")]
    return {name: env.secret(name) for name in dict.fromkeys(names + optional)}


def headers(planned: Sequence[PlannedModel], secrets: Mapping[str, Secret]) -> list[Problem]:
    """Refuse a header value that is a known secret, or holds one that is longer than a word."""
    values = {secret.value for secret in secrets.values() if secret.value}
    return [Problem(f"{model.alias}: the header {name} holds a secret; headers are written in clear",
                    model.spec.origin("headers"), "remove it and name the key's variable in API_KEY_ENV", "GW409")
            for model in planned for name, value in model.spec.headers
            if value in values or any(len(secret) >= LONGER_THAN_WORDS and secret in value for secret in values)]


def keys(planned: Sequence[PlannedModel], secrets: Mapping[str, Secret], settings: Settings) -> list[Problem]:
    """Return what keeps a launch from starting: upstream keys and the master key."""
    users: dict[str, list[str]] = defaultdict(list)
    for model in planned:
        if model.key_env:
            users[model.key_env].append(model.alias)
    problems = [secret.problem for secret in secrets.values() if secret.problem]
    for name, aliases in users.items():
        secret = secrets[name]
        if not secret.problem:
            problems += _upstream_key(secret, ", ".join(aliases))
    if not secrets[MASTER_KEY].problem:
        problems += master_key(secrets[MASTER_KEY])
    return problems + certificate(settings)


def certificate(settings: Settings) -> list[Problem]:
    """Refuse a TLS certificate without its key, and a key without its certificate."""
    names = ("GATEWAY_SSL_CERTFILE", "GATEWAY_SSL_KEYFILE")
    return [Problem(f"{name} is set without {other}", settings.origin(name), f"set {other} too", "GW112")
            for name, other in (names, names[::-1]) if settings.text(name) and not settings.text(other)]


def _upstream_key(secret: Secret, aliases: str) -> list[Problem]:
    repair = f"{secret.name}=<your key> in .env; a keyless upstream says API_KEY_ENV=none"
    if secret.value is None:
        return [Problem(f"{secret.name} is not set; needed by {aliases}", "", repair, "GW406")]
    if not secret.value.strip():
        return [Problem(f"{secret.name} is empty; needed by {aliases}", secret.where, repair, "GW406")]
    return _unsendable(secret)


def _unsendable(secret: Secret) -> list[Problem]:
    value = secret.value or ""
    if value.isascii() and value.isprintable() and " " not in value:
        return []
    return [Problem(f"{secret.name} holds spaces, line ends or characters that no key has", secret.where,
                    "paste the key again, nothing around it", "GW407")]


def master_key(secret: Secret) -> list[Problem]:
    """Return what is wrong with the master key; LiteLLM 1.106 refuses to boot without one."""
    value = (secret.value or "").strip()
    if secret.value is None:
        return [Problem(f"{MASTER_KEY} is not set: clients would need no key",
                        "" if secret.where == "nowhere" else secret.where, MAKE_KEY, "GW401")]
    if not value:
        return [Problem(f"{MASTER_KEY} is empty", secret.where, MAKE_KEY, "GW401")]
    if value.lower() in PUBLIC_KEYS or len(set(value.removeprefix("sk-"))) < 6:
        return [Problem(f"{MASTER_KEY} is publicly known or trivial to guess", secret.where, ANOTHER_KEY,
                        "GW402")]
    if len(value) < MIN_MASTER_KEY:
        return [Problem(f"{MASTER_KEY} is shorter than {MIN_MASTER_KEY} characters", secret.where, ANOTHER_KEY,
                        "GW403")]
    return _unsendable(secret)
