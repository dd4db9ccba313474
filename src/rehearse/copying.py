"""The copy that is rehearsed: the real generation, its bases moved to the mock, its waits and limits shortened."""

import copy
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from ..launch.document import Generation
from .canaries import Canaries

# Seconds to the first byte in the copy: long for a mock on this machine, short for whoever waits for a timeout.
TIMEOUT_S = 1.5
REQUESTS, TOKENS = 2, 1
_LIMITS = ("rpm", "tpm", "rpd", "tpd")
_ROW_SCOPES = ("model", "provider")
# What a LiteLLM file can ask for that talks to other servers than the upstreams.
_OUTSIDE = {
    "litellm_settings": ("callbacks", "success_callback", "failure_callback", "service_callbacks", "cache",
                         "cache_params", "s3_callback_params", "langfuse_default_tags"),
    "general_settings": ("database_url", "database_type", "alerting", "alert_types", "key_management_system",
                         "pass_through_endpoints", "store_model_in_db", "enable_jwt_auth"),
    "router_settings": ("redis_host", "redis_port", "redis_password", "redis_url", "cache_responses"),
}
_OUTSIDE_BLOCKS = ("guardrails", "mcp_servers", "search_tools", "vector_store_registry", "files_settings")


@dataclass(frozen=True)
class Copied:
    """The copy, what it notes, and `/d3/`-like paths of the mock by deployment."""

    generation: Generation
    places: Mapping[str, str]
    notes: tuple[str, ...]


def copied(real: Generation, root: str, canaries: Canaries, database: str, limited: bool, own_file: bool) -> Copied:
    """Return the generation to rehearse, its upstreams below ``root`` (a URL without a trailing slash).

    ``limited`` keeps limits, scaled down; else there are none, so that the other checks are not in their way.
    ``own_file``: the configuration is a LiteLLM file of the operator's, which may hold more than ours do.
    """
    config, plan = copy.deepcopy(dict(real.config)), copy.deepcopy(dict(real.plan))
    places = {str(model["deployment"]): f"/d{number}/" for number, model in enumerate(plan["models"], 1)}
    for entry in config["model_list"]:
        _redirect(entry, root + places.get(owner(entry), "/d0/") + "v1")
    for model in plan["models"]:
        model["base"] = root + places[str(model["deployment"])] + "v1"
        model["timeout"] = min(model["timeout"] or TIMEOUT_S, TIMEOUT_S)
        _scale(model, limited)
        model["max_parallel"] = None
    if plan.get("registry"):
        plan["registry"] = {**plan["registry"],
                            "limits": limit_rows(plan["registry"].get("limits") or (), limited)}
    plan["ledger"] = {**plan["ledger"], "spill_dir": None}
    notes = _without_outside(config) if own_file else ()
    env = {**canaries.instead(real.env), **canaries.values, "GATEWAY_DATABASE_URL": database}
    return Copied(replace(real, yaml="", config=config, plan=plan, env=env), places, notes)


def owner(entry: Mapping[str, Any]) -> str:
    """Return the deployment whose upstream an entry of the model list has; a chain's entry is its first member's."""
    deployment = str(entry["model_info"]["id"])
    return deployment.rpartition(":")[2] if deployment.startswith("chain:") else deployment


def _redirect(entry: dict[str, Any], base: str) -> None:
    params = entry["litellm_params"]
    params.pop("base_url", None)
    params["api_base"] = base
    params["timeout"] = min(_seconds(params.get("timeout")), TIMEOUT_S)
    params.pop("max_parallel_requests", None)


def _seconds(value: object) -> float:
    return float(value) if isinstance(value, int | float) else TIMEOUT_S


def _scale(limits: dict[str, Any], limited: bool) -> None:
    for name in _LIMITS:
        if limits.get(name) is not None:
            most = REQUESTS if name.startswith("r") else TOKENS
            limits[name] = min(limits[name], most) if limited else None


def limit_rows(rows: Any, limited: bool) -> list[dict[str, Any]]:
    """Return the registry's limits for the copy: those of models and providers scaled down, or none at all."""
    kept = [dict(row) for row in rows if limited and row["scope"] in _ROW_SCOPES]
    for row in kept:
        _scale(row, limited)
        row["budget_micros"] = None
    return [row for row in kept if any(row.get(name) is not None for name in _LIMITS)]


def has_limits(plan: Mapping[str, Any]) -> bool:
    """Tell whether anything in plan.json can be reached within a few requests, once scaled down."""
    rows = limit_rows((plan.get("registry") or {}).get("limits") or (), limited=True)
    return bool(rows) or any(model.get(name) is not None for model in plan["models"] for name in _LIMITS)


def changes(plan: Mapping[str, Any]) -> list[str]:
    """Return what the copy does differently, for the operator."""
    notes = [f"TIMEOUT is {TIMEOUT_S:g} s for every model, so that a timeout does not take minutes"]
    if has_limits(plan):
        notes.append(f"limits are tried with at most {REQUESTS} requests or {TOKENS} token, then lifted by a reload")
    if any(model.get("max_parallel") for model in plan["models"]):
        notes.append("MAX_PARALLEL is lifted and not rehearsed")
    rows = (plan.get("registry") or {}).get("limits") or ()
    others = sorted({row["scope"] for row in rows} - set(_ROW_SCOPES))
    if others:
        notes.append(f"limits of {', '.join(others)} are lifted and not rehearsed")
    if any(row.get("budget_micros") for row in rows):
        notes.append("budgets are lifted and not rehearsed")
    return notes


def _without_outside(config: dict[str, Any]) -> tuple[str, ...]:
    """Take out what talks to other servers, and what would make one check spoil the next; return what was."""
    gone = [name for name in _OUTSIDE_BLOCKS if config.pop(name, None)]
    for block, names in _OUTSIDE.items():
        settings = config.get(block) or {}
        gone += [f"{block}.{name}" for name in names if settings.pop(name, None)]
    router = config["router_settings"] = config.get("router_settings") or {}
    router.update(disable_cooldowns=True, num_retries=0)
    if config.get("litellm_settings"):
        config["litellm_settings"].pop("num_retries", None)
    notes = ["cooldowns and LiteLLM's own retries are off in the copy"]
    return (*notes, f"left out of the copy and not rehearsed: {', '.join(gone)}") if gone else tuple(notes)
