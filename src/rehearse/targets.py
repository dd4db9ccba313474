"""Whom a client may ask, and which upstreams each of them may reach: read from plan.json, as the workers do."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ..policy.chains import DEFAULT_ON
from .upstreams import unplayed

PATHS = {"chat": "/chat/completions", "completion": "/completions", "embedding": "/embeddings",
         "image": "/images/generations", "speech": "/audio/speech", "transcription": "/audio/transcriptions"}
STREAMED = ("/chat/completions", "/completions", "/responses", "/messages")


@dataclass(frozen=True)
class Target:
    """One alias. ``walk`` are the aliases of its models in order; ``missing`` says why it cannot be rehearsed.

    ``shared``: others may use up its limit.
    """

    alias: str
    path: str
    walk: tuple[str, ...]
    on: tuple[str, ...] = DEFAULT_ON
    streams: bool = True
    limited: bool = False
    shared: bool = False
    missing: str = ""


@dataclass(frozen=True)
class Upstreams:
    """The deployments behind the aliases: ``places`` of the mock by alias, and the key variable of each place."""

    places: Mapping[str, tuple[str, ...]]
    keys: Mapping[str, str | None]

    def alias_at(self, path: str) -> str:
        """Return the alias whose deployment is asked at ``path`` of the mock; the path itself where there is none."""
        return next((alias for alias, places in self.places.items() if path.startswith(places)), path)


def upstreams(plan: Mapping[str, Any], places: Mapping[str, str]) -> Upstreams:
    """Return the deployments of plan.json."""
    by_alias: dict[str, tuple[str, ...]] = {}
    for model in plan["models"]:
        by_alias[model["alias"]] = (*by_alias.get(model["alias"], ()), places[str(model["deployment"])])
    return Upstreams(by_alias, {places[str(model["deployment"])]: model["key_env"] for model in plan["models"]})


def targets(plan: Mapping[str, Any], config: Mapping[str, Any]) -> list[Target]:
    """Return every model and chain of plan.json; fallbacks that only the LiteLLM file declares count as well."""
    by_key = {model["key"]: model for model in plan["models"]}
    in_file = _file_fallbacks(config)
    found: dict[str, Target] = {}
    for model in plan["models"]:
        later = [by_key[key]["alias"] for key in model["fallbacks"] if key in by_key]
        later = later or [name for name in in_file.get(model["alias"], in_file.get("*", [])) if name != model["alias"]]
        found.setdefault(model["alias"], _target(model["alias"], [model["alias"], *later], plan, DEFAULT_ON))
    for chain in plan["chains"]:
        walk = [by_key[key]["alias"] for key in chain["models"] if key in by_key]
        found[chain["alias"]] = _target(chain["alias"], walk, plan, chain["on"])
    return list(found.values())


def _target(alias: str, walk: list[str], plan: Mapping[str, Any], on: Iterable[str]) -> Target:
    members = [next((model for model in plan["models"] if model["alias"] == name), None) for name in walk]
    missing = "wildcards are not rehearsed" if "*" in alias else ""
    for name, model in zip(walk, members):
        reason = f"{name} is no declared model" if model is None else unplayed(model)
        missing = missing or (reason if name == alias else reason and f"{name}: {reason}")
    first = members[0] or {}
    path = PATHS.get(str(first.get("mode")), PATHS["chat"])
    streams = path in STREAMED and all(model is None or model["streaming"] is not False for model in members)
    rows = [row for row in (plan.get("registry") or {}).get("limits") or () if _concerns(row, first)]
    limited = bool(rows) or any(first.get(name) is not None for name in ("rpm", "tpm", "rpd", "tpd"))
    shared = alias != first.get("alias") or any(row["scope"] == "provider" for row in rows)
    return Target(alias, path, tuple(walk), tuple(on), streams, limited, shared, missing)


def _concerns(row: Mapping[str, Any], model: Mapping[str, Any]) -> bool:
    names = {"model": ("*", model.get("alias"), model.get("key")), "provider": ("*", model.get("provider"))}
    return row["target"] in names.get(row["scope"], ())


def _file_fallbacks(config: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return alias -> fallbacks of a LiteLLM file; the router's settings win over LiteLLM's."""
    found: dict[str, list[str]] = {}
    for block in ("litellm_settings", "router_settings"):
        usual = (config.get(block) or {}).get("default_fallbacks") or ()
        found.setdefault("*", []).extend(map(str, usual))
        for entry in (config.get(block) or {}).get("fallbacks") or ():
            if isinstance(entry, dict):
                found.update({str(alias): [str(name) for name in names] for alias, names in entry.items()
                              if isinstance(names, list)})
    return found
