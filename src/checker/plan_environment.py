"""Variables that nothing reads, that LiteLLM picks up by itself, or that have no effect here."""

import difflib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ..config.environment import Environment
from ..config.fields import BY_SUFFIX, KEY_SUFFIXES, suggest
from ..config.notes import Note
from ..config.parsing import CHAIN_FIELDS
from ..config.plan import RETIRED, LaunchPlan, Sources
from ..config.providers import NATIVE_PROVIDERS
from ..config.readers import to_list
from ..config.settings import BY_NAME
from ..config.shield import FIXED, REMOVED
from .findings import Finding
from .plan_places import Places
from .variables import PICKED_UP, base_variables

# What does here what LiteLLM's own variable does there.
_INSTEAD = {"NUM_WORKERS": "WORKERS", "HOST": "LITELLM_HOST", "DATABASE_URL": "GATEWAY_DATABASE_URL",
            "DEBUG": "GATEWAY_DEBUG", "DETAILED_DEBUG": "GATEWAY_DEBUG", "KEEPALIVE_TIMEOUT": "GATEWAY_KEEPALIVE",
            "SSL_KEYFILE_PATH": "GATEWAY_SSL_KEYFILE", "SSL_CERTFILE_PATH": "GATEWAY_SSL_CERTFILE",
            "CONFIG_FILE_PATH": "the flag --config"}
# Guesses that are too far from the right name to be found by their spelling.
_GUESSES = {"GATEWAY_PORT": "PORT", "LITELLM_PORT": "PORT", "PROXY_PORT": "PORT", "GATEWAY_HOST": "LITELLM_HOST",
            "PROXY_HOST": "LITELLM_HOST", "GATEWAY_WORKERS": "WORKERS", "LITELLM_WORKERS": "WORKERS",
            "GATEWAY_MASTER_KEY": "LITELLM_MASTER_KEY", "PROXY_MASTER_KEY": "LITELLM_MASTER_KEY",
            "GATEWAY_MODEL_KEYS": "PROXY_MODEL_KEYS", "MODEL_KEYS": "PROXY_MODEL_KEYS",
            "CHAIN_KEYS": "PROXY_CHAIN_KEYS", "LITELLM_LOAD_BALANCE": "GATEWAY_LOAD_BALANCE"}
# Kubernetes sets these for a service of the name `gateway`, `litellm` or `proxy`.
_SERVICE = re.compile(r"\w+_(SERVICE_HOST|SERVICE_PORT\w*|PORT_\d+_\w+)")
_MODEL = re.compile(rf"MODEL_(\w+?)_({'|'.join(sorted((*BY_SUFFIX, *KEY_SUFFIXES), key=len, reverse=True))})")
_CHAIN = re.compile(rf"CHAIN_(\w+)_({'|'.join(CHAIN_FIELDS)})")
# By the launcher, and by the demo scripts.
_READ_ELSEWHERE = ("GATEWAY_PLAN_FILE", "LITELLM_BASE_URL", "LITELLM_API_KEY", "LITELLM_API_KEY_FILE")


def findings(plan: LaunchPlan, sources: Sources, places: Places) -> Iterator[Finding]:
    """Yield what is wrong with the environment and `.env`."""
    env = sources.env
    for name in env.values:
        if env.values[name].strip():
            yield from _of_litellm(name, env.values[name], places)
    yield from _bases(plan, env, places)
    yield from _unread(plan, env, places)


def _of_litellm(name: str, value: str, places: Places) -> Iterator[Finding]:
    if name in PICKED_UP:
        yield Finding("GW502", f"{name}: LiteLLM reads it by itself and {PICKED_UP[name]}",
                      places.variable(name, "GW502"), f"unset {name}, unless this is meant")
    elif name in REMOVED and name not in BY_NAME:
        instead = f"use {_INSTEAD[name]} for the gateway" if name in _INSTEAD else f"remove {name}"
        yield Finding("GW503", f"{name} has no effect: the gateway keeps it from LiteLLM",
                      places.variable(name, "GW503"), instead)
    elif name in FIXED and value.strip().lower() != FIXED[name].lower():
        yield Finding("GW503", f"{name} has no effect: under the gateway it is always {FIXED[name]}",
                      places.variable(name, "GW503"), f"remove {name}")


def _bases(plan: LaunchPlan, env: Environment, places: Places) -> Iterator[Finding]:
    """Find variables that would redirect a provider, and its key with it."""
    providers = dict.fromkeys(model.spec.provider for model in plan.models if model.base is None)
    for provider, name in ((provider, name) for provider in providers for name in base_variables(provider)):
        if env.get(name):
            yield Finding("GW502", f"{name}: LiteLLM reads it by itself and sends the models and the key of {provider} "
                          "there", places.variable(name, "GW502"), "name the base of each model in its API_BASE")


def _unread(plan: LaunchPlan, env: Environment, places: Places) -> Iterator[Finding]:
    names = _Names.of(plan, env)
    told = {problem.what.partition(" ")[0] for problem in plan.problems if problem.code == "GW101"}
    told |= {note.partition(" ")[0] for note in plan.notes if isinstance(note, Note) and note.code == "GW501"}
    for name in env.values:
        service = _SERVICE.fullmatch(name) or env.values[name].startswith(("tcp://", "udp://"))
        if name in names.known or name in told or service:
            continue
        in_file = name in env.dotenv.values and name not in env.process
        found = names.unlisted(name, in_file) if name.startswith(("MODEL_", "CHAIN_")) else names.unread(name, in_file)
        if found:
            yield Finding("GW501", f"{name} is read by nothing{found[0]}", places.variable(name, "GW501"), found[1])


@dataclass(frozen=True)
class _Names:
    """Every name that something reads, ours that are not set, and the keys that are listed or declared."""

    known: Mapping[str, None]
    missing: tuple[str, ...]
    models: frozenset[str]
    chains: frozenset[str]
    declared: frozenset[str]

    @classmethod
    def of(cls, plan: LaunchPlan, env: Environment) -> "_Names":
        """Return the names of a plan and its environment."""
        names = [*BY_NAME, *plan.secrets]
        names += [key for provider in NATIVE_PROVIDERS.values() for key in provider.key_envs]
        names += [f"{name}_FILE" for name in names]
        bases = [name for provider in NATIVE_PROVIDERS for name in base_variables(provider)]
        known = dict.fromkeys((*names, *bases, *RETIRED, *REMOVED, *FIXED, *PICKED_UP, *_READ_ELSEWHERE))
        models, chains = (frozenset(key.upper() for key in to_list(env.get(listing) or ""))
                          for listing in ("PROXY_MODEL_KEYS", "PROXY_CHAIN_KEYS"))
        declared = frozenset(name[6:-15] for name in env.values
                             if name.startswith("MODEL_") and name.endswith("_UPSTREAM_MODEL"))
        missing = tuple(name for name in (*BY_NAME, *plan.secrets) if name not in env.values)
        return cls(known, missing, models, chains, declared)

    def unread(self, name: str, in_file: bool) -> tuple[str, str] | None:
        """Return what to say of a name and its repair, None where it may well be another program's."""
        if name in _GUESSES:
            return f"; did you mean {_GUESSES[name]}?", f"write {_GUESSES[name]}"
        ours = name.startswith("GATEWAY_")
        words = [word for word in (self.known if ours else self.missing)
                 if abs(len(word) - len(name)) <= 3 and word[:1] == name[:1]]
        # LiteLLM has a hundred names of its own, and an environment those of every program.
        cutoff = 0.75 if ours else 0.8 if in_file and not name.startswith("LITELLM_") else 0.88
        if near := difflib.get_close_matches(name, words, n=1, cutoff=cutoff):
            return f"; did you mean {near[0]}?", "correct the name or remove the line"
        return ("", "remove the line") if in_file and name.startswith("GATEWAY_") else None

    def unlisted(self, name: str, in_file: bool) -> tuple[str, str] | None:
        """Return what to say of a model's or chain's variable whose key is not served; None for other programs'."""
        if name in _GUESSES:
            return f"; did you mean {_GUESSES[name]}?", f"write {_GUESSES[name]}"
        chain = _CHAIN.fullmatch(name)
        found, listed = (chain, self.chains) if chain else (_MODEL.fullmatch(name), self.models)
        if found is None or found[1] in listed or found[1] in self.declared or self._owned(name, listed):
            return None
        listing = "PROXY_CHAIN_KEYS" if chain else "PROXY_MODEL_KEYS"
        near = suggest(found[1], listed)
        if not in_file and not near:
            return None
        key = found[1].lower()
        return f": {listing} does not list {key}{near.lower()}", f"add {key} to {listing}, or correct the name"

    def _owned(self, name: str, listed: frozenset[str]) -> bool:
        """Tell whether the name begins with a listed key: what follows is then a matter of that model's fields."""
        words = name[6:].split("_")
        return any("_".join(words[:count]) in listed for count in range(1, len(words)))
