"""Configurations in one form, whatever they were read from: what each says, and what it cannot say."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from ..config.models import MODES
from ..config.settings import BY_NAME
from ..policy.nouns import NOUNS
from .hiding import Hidden, hidden

Entry = Mapping[str, Any]
_REFERENCE = re.compile(r"os\.environ/(.+)")
_OWN_MODES = {theirs: ours for ours, theirs in MODES.items()}
# LiteLLM's names -> those of plan.json.
_PARAMS = {"model": "model", "api_base": "base", "reasoning_effort": "reasoning_effort", "timeout": "timeout",
           "stream_timeout": "stream_timeout", "max_tokens": "max_tokens", "max_parallel_requests": "max_parallel",
           "extra_headers": "headers", "allowed_openai_params": "allow_params",
           "additional_drop_params": "drop_params"}
_EMPTY: Mapping[str, Any] = {"headers": {}, "allow_params": [], "drop_params": [], "fallbacks": []}
# Fields that follow from others.
_SILENT = ("key", "deployment", "source")
_COSTS = {"input_cost_per_token": "input_cost_micros", "output_cost_per_token": "output_cost_micros"}
_OURS = (".hooks.callback.instance", ".hooks.auth.check")


@dataclass(frozen=True)
class Variables:
    """What an environment says: ``listed`` are the names to compare, ``values`` what every name has there."""

    listed: frozenset[str]
    values: Mapping[str, Any]
    secrets: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Configuration:
    """One side of a comparison. A part that is None is not known from this source.

    ``rows`` are the models and chains that the registry declares; ``rowless``: this source leaves the registry out.
    """

    name: str
    hash: str | None
    models: Mapping[str, Entry]
    chains: Mapping[str, Entry]
    settings: Mapping[str, Any] | None = None
    litellm: Mapping[str, Any] | None = None
    registry: Mapping[str, Entry] | None = None
    variables: Variables | None = None
    rows: frozenset[str] = frozenset()
    rowless: bool = False


def of_plan(name: str, plan: Entry) -> Configuration:
    """Return what a plan.json says."""
    models = {str(model["key"]): _model(model) for model in plan.get("models", ())}
    chains = {str(chain["key"]): {"alias": chain.get("alias"), "models": list(chain.get("models", ())),
                                  "on": sorted(chain.get("on", ()))} for chain in plan.get("chains", ())}
    rows = {key for key, source in (plan.get("sources") or {}).items() if str(source).startswith("registry")}
    return Configuration(name, plan.get("hash"), models, chains, _settings(plan), None, _rows(plan.get("registry", {})),
                         rows=frozenset(rows))


def _model(model: Entry) -> dict[str, Any]:
    said = {name: value for name, value in model.items() if name not in _SILENT}
    said["headers"] = _headers(said.get("headers") or {})
    return said


def _headers(headers: Entry) -> dict[str, Any]:
    return {str(name): hidden(str(name), str(value)) for name, value in headers.items()}


def _settings(plan: Entry) -> dict[str, Any]:
    ledger = {("ledger" if name == "mode" else f"ledger_{name}"): value
              for name, value in (plan.get("ledger") or {}).items()}
    return {variable_of(name): value for name, value in {**plan.get("settings", {}), **ledger}.items()}


def variable_of(name: str) -> str:
    """Return the variable behind a setting of plan.json, its own name where there is none."""
    variable = f"GATEWAY_{name.upper()}"
    return variable if variable in BY_NAME else name


def _rows(registry: Entry) -> dict[str, Entry]:
    found = {}
    for part, rows in registry.items():
        if not isinstance(rows, list):
            continue  # the digest follows from models and chains
        noun = NOUNS.get(part)
        for row in rows:
            label = noun.label(row) if noun else str(row.get("alias"))
            found[f"{noun.one if noun else 'price of'} {label}"] = row
    return found


def of_yaml(name: str, document: Entry, digest: str | None = None) -> Configuration:
    """Return what a LiteLLM file says; models are named by their id, chains by what we write for them."""
    entries = [entry for entry in document.get("model_list") or () if isinstance(entry, Mapping)]
    keyed = dict(_keyed(entries))
    aliases = {str(entry.get("model_name")): key for key, entry in keyed.items() if not key.startswith("chain:")}
    walks = _walks(document.get("router_settings") or {}, aliases)
    models = {key: {**_entry(entry), "fallbacks": walks.get(str(entry.get("model_name")), [])}
              for key, entry in keyed.items() if not key.startswith("chain:")}
    chains = {}
    for key, entry in keyed.items():
        if key.startswith("chain:"):
            _, chain, first = key.split(":", 2)
            alias = str(entry.get("model_name"))
            chains[chain] = {"alias": alias, "models": [first, *walks.get(alias, [])]}
    return Configuration(name, digest, models, chains, None, _flat(document))


def _keyed(entries: Iterable[Entry]) -> Iterable[tuple[str, Entry]]:
    seen: dict[str, int] = {}
    for entry in entries:
        info = entry.get("model_info")
        key = str((info.get("id") if isinstance(info, Mapping) else None) or entry.get("model_name"))
        seen[key] = seen.get(key, 0) + 1
        yield (key if seen[key] == 1 else f"{key} #{seen[key]}"), entry


def _walks(router: Entry, aliases: Mapping[str, str]) -> dict[str, list[str]]:
    found = {}
    for entry in _listed(router.get("fallbacks")):
        for alias, targets in (entry.items() if isinstance(entry, Mapping) else ()):
            found[str(alias)] = [aliases.get(str(target), str(target)) for target in _listed(targets)]
    return found


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _entry(entry: Entry) -> dict[str, Any]:
    params, info = entry.get("litellm_params") or {}, entry.get("model_info") or {}
    said: dict[str, Any] = {ours: params.get(theirs, _EMPTY.get(ours)) for theirs, ours in _PARAMS.items()}
    said["headers"] = _headers(said["headers"]) if isinstance(said["headers"], Mapping) else {}
    said |= {"alias": entry.get("model_name"), "mode": _OWN_MODES.get(str(info.get("mode")), info.get("mode")),
             "max_output": info.get("max_output_tokens"), "max_input": info.get("max_input_tokens")}
    said |= {ours: _micros(info.get(theirs)) for theirs, ours in _COSTS.items()}
    said["key_env"] = _key(params.get("api_key"))
    known = {*_PARAMS, "api_key"}
    said |= {f"litellm_params.{name}": hidden(str(name), value) for name, value in params.items() if name not in known}
    known = {"id", "mode", "max_output_tokens", "max_input_tokens", *_COSTS}
    return said | {f"model_info.{name}": hidden(str(name), value) for name, value in info.items() if name not in known}


def _key(value: Any) -> Any:
    if value in (None, "keyless"):
        return None
    found = _REFERENCE.fullmatch(str(value))
    return found[1] if found else Hidden(str(value))


def _micros(per_token: Any) -> int | None:
    # The inverse of rendering: dollars per token as a float, rounded back to whole micro-dollars per million.
    return round(per_token * 10**12) if isinstance(per_token, int | float) else None


def _flat(document: Entry) -> dict[str, Any]:
    """Return everything beside the models by its path; what a launch adds to its private copy is left out."""
    found: dict[str, Any] = {}
    for block, values in document.items():
        if block == "model_list":
            continue
        for name, value in (values.items() if isinstance(values, Mapping) else {"": values}.items()):
            path = f"{block}.{name}".rstrip(".")
            if path == "litellm_settings.callbacks":
                value = [one for one in _listed(value) if not str(one).endswith(_OURS)]
            ours = path == "router_settings.fallbacks" or (isinstance(value, str) and value.endswith(_OURS))
            if not ours and value not in ([], None):
                found[path] = hidden(str(name), value)
    return found


def joined(plan: Configuration, yaml: Configuration) -> Configuration:
    """Return what a plan.json and the YAML beside it say together.

    They agree where we rendered both; of a file that somebody else wrote the plan holds little, and the YAML counts.
    """
    models: dict[str, Entry] = {key: {**model, **yaml.models.get(key, {})} for key, model in plan.models.items()}
    models |= {key: model for key, model in yaml.models.items() if key not in plan.models}
    return replace(plan, hash=plan.hash or yaml.hash, models=models, chains=plan.chains or yaml.chains,
                   litellm=yaml.litellm)
