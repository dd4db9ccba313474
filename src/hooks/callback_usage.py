"""Tokens and cost of a request, from what LiteLLM logs once the answer is complete."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import litellm

from ..policy.costs import Cost, Deployment, Known, Prices, Usage, cost
from .ledger_entry import COST, PRICE
from .planview import ModelView
from .record import RequestRecord

# Taken before the router adds every deployment of ours to the map (router.py, register_model): what LiteLLM knows.
_KNOWN: dict[str, Any] = dict(litellm.model_cost)


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


class _Looked:
    """Prices as they were found for deployments of one plan: to look for one costs more than all else that is done."""

    def __init__(self, raw: Mapping[str, Any] | None) -> None:
        self.raw = raw
        plan = raw or {}
        self._prices = Prices(tuple((plan.get("registry") or {}).get("prices") or ()), _KNOWN)
        self._sources = plan.get("sources") or {}
        self.find = lru_cache(1024)(self._find)

    def _find(self, key: str, *decisive: Any) -> Known | None:
        return self._prices.find(Deployment(*decisive), self._sources.get(key, ""))


_looked = _Looked(None)


def price_of(model: ModelView | None, raw: Mapping[str, Any] | None = None) -> Known | None:
    """Return the price of a deployment: the operator's, the registry's (in ``raw``, plan.json), or LiteLLM's."""
    global _looked
    if model is None:
        return None
    looked = _looked
    if looked.raw is not raw:
        looked = _looked = _Looked(raw)
    return looked.find(model.key, model.alias, model.model, model.provider, model.key_env, model.input_cost_micros,
                       model.output_cost_micros)


def fill(record: RequestRecord, usage: Usage, model: ModelView | None,
         raw: Mapping[str, Any] | None = None) -> Cost:
    """Write tokens and cost into the record; its exact cost in pico-dollars and its price stay in ``extra``."""
    record.prompt_tokens, record.completion_tokens = usage.prompt, usage.completion
    record.cached_tokens, record.reasoning_tokens = usage.cached, usage.reasoning
    known = price_of(model, raw)
    total = cost(usage, known.price if known else None)
    record.extra[PRICE] = known
    record.cost_micros, record.cost_state = total.micros, total.state
    record.extra[COST] = total
    return total
