"""Tokens and cost of a request, from what LiteLLM logs once the answer is complete."""

from collections.abc import Mapping
from typing import Any

import litellm

from ..policy.costs import Cost, Price, Usage, cost, declared_price, map_price
from .planview import ModelView
from .record import RequestRecord

# Taken before the router adds every deployment of ours to the map (router.py, register_model): what LiteLLM knows.
_KNOWN: dict[str, Any] = dict(litellm.model_cost)
COST = "cost"


def usage_of(logged: Mapping[str, Any]) -> Usage:
    """Return the tokens in a standard logging object; nothing but zeros means that nobody counted."""
    usage = (logged.get("metadata") or {}).get("usage_object") or {}
    prompt, completion = logged.get("prompt_tokens"), logged.get("completion_tokens")
    if not prompt and not completion:
        return Usage()
    return Usage(
        prompt=prompt, completion=completion,
        cached=_detail(usage, "prompt_tokens_details", "cached_tokens"),
        reasoning=_detail(usage, "completion_tokens_details", "reasoning_tokens"),
    )


def _detail(usage: Mapping[str, Any], group: str, name: str) -> int | None:
    details = usage.get(group) or {}
    value = details.get(name) if isinstance(details, Mapping) else None
    return value if isinstance(value, int) else None


def price_of(model: ModelView | None) -> Price | None:
    """Return the operator's price, else the one in LiteLLM's map for exactly this provider and model, else None."""
    if model is None:
        return None
    declared = declared_price(model.input_cost_micros, model.output_cost_micros)
    return declared or map_price(_known_entry(model))


def _known_entry(model: ModelView) -> Mapping[str, Any] | None:
    # A keyless upstream is the operator's own: its model may be called like a paid one and cost nothing.
    if model.model is None or model.key_env is None:
        return None
    full = _KNOWN.get(model.model)
    if full is not None:
        return _mapping(full)
    bare = _mapping(_KNOWN.get(model.model.partition("/")[2]))
    return bare if bare is not None and bare.get("litellm_provider") == model.provider else None


def _mapping(entry: Any) -> Mapping[str, Any] | None:
    return entry if isinstance(entry, Mapping) else None


def fill(record: RequestRecord, usage: Usage, model: ModelView | None) -> Cost:
    """Write tokens and cost into the record; its exact cost in pico-dollars stays in ``extra``."""
    record.prompt_tokens, record.completion_tokens = usage.prompt, usage.completion
    record.cached_tokens, record.reasoning_tokens = usage.cached, usage.reasoning
    total = cost(usage, price_of(model))
    record.cost_micros, record.cost_state = total.micros, total.state
    record.extra[COST] = total
    return total
