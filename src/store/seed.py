"""The first rows: known providers and models, prices and windows from the installed LiteLLM's own price file."""

from collections.abc import Mapping
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from ..config.models import MODES, ModelCaps, caps_for
from ..policy.price_file import Prices, price_source
from .models import Model
from .providers import Provider
from .registry import Registry
from .rows import Row

_OUR_MODE = {theirs: ours for ours, theirs in MODES.items()}
_TOKEN_PRICES = (("input", "input_cost_per_token"), ("cached_input", "cache_read_input_token_cost"),
                 ("output", "output_cost_per_token"), ("reasoning", "output_cost_per_reasoning_token"))
# Name of the row -> LiteLLM provider; bases and keys are the providers' own.
PROVIDERS = {"xai": "xai", "openai": "openai", "deepseek": "deepseek", "groq": "groq", "gemini": "gemini",
             "mistral": "mistral", "openrouter": "openrouter"}
# Aliases are the bare ids where they say enough by themselves, else provider/id.
_BARE = ("xai", "openai", "deepseek")
MODELS = {
    "xai": "grok-2-vision-1212 grok-2-image-1212 grok-3 grok-3-fast grok-3-mini grok-3-mini-fast grok-code-fast-1"
           " grok-4.3 grok-4.5",
    "openai": "gpt-5 gpt-5-mini gpt-5-nano gpt-5.5 gpt-4.1 gpt-4.1-mini gpt-4o gpt-4o-mini text-embedding-3-small"
              " text-embedding-3-large",
    "deepseek": "deepseek-v3.2 deepseek-chat deepseek-reasoner",
    "groq": "llama-3.3-70b-versatile mixtral-8x7b-32768 openai/gpt-oss-120b openai/gpt-oss-20b",
    "gemini": "gemini-1.5-flash gemini-1.5-pro gemini-2.5-flash gemini-2.5-flash-lite gemini-2.5-pro",
    "mistral": "mistral-small-latest mistral-medium-latest mistral-large-latest codestral-latest",
    "openrouter": "z-ai/glm-4.6 deepseek/deepseek-v3.2 openai/gpt-5 x-ai/grok-code-fast-1",
}


def seed_rows(registry: Registry, prices: Prices) -> dict[str, list[Row]]:
    """Return the rows to add to ``registry``; what is there already stays as its operator made it."""
    known = {row.name for row in registry.providers}
    taken = {row.alias for row in registry.models} | {row.alias for row in registry.chains}
    taken |= {row.slug for row in registry.endpoints}
    models = [_model(name, model, prices) for name, listed in MODELS.items() for model in listed.split()
              if PROVIDERS[name] == _provider_of(registry, name)]
    return {"providers": [Provider(name, provider) for name, provider in PROVIDERS.items() if name not in known],
            "models": [model for model in models if model.alias not in taken]}


def _provider_of(registry: Registry, name: str) -> str:
    """Return the LiteLLM provider of the row ``name``: an operator may have given the name to another one."""
    return next((row.provider for row in registry.providers if row.name == name), PROVIDERS[name])


def _model(provider: str, model: str, prices: Prices) -> Model:
    caps = caps_for(PROVIDERS[provider], model)
    entry = prices.get(model if provider == "openai" else f"{PROVIDERS[provider]}/{model}", {})
    found: dict[str, Any] = {f"{kind}_price_micros": _micros(entry.get(theirs)) for kind, theirs in _TOKEN_PRICES}
    found["image_price_micros"] = _micros(entry.get("output_cost_per_image", entry.get("input_cost_per_image")), 1)
    priced = any(value is not None for value in found.values())
    return Model(
        alias=model if provider in _BARE else f"{provider}/{model}", provider=provider, model_id=model,
        mode=_mode(caps, entry), context_window=caps.context_window or _count(entry.get("max_input_tokens")),
        max_output=caps.max_output or _count(entry.get("max_output_tokens")),
        vision=_known(caps.vision, entry.get("supports_vision")),
        tools=_known(caps.tools, entry.get("supports_function_calling")),
        price_source=price_source() if priced else None,
        deprecated_on=caps.deprecated_on or _day(entry.get("deprecation_date")), **found)


def _mode(caps: ModelCaps, entry: Mapping[str, Any]) -> str:
    return _OUR_MODE.get(str(entry.get("mode")), caps.mode)


def _known(own: bool | None, theirs: object) -> bool | None:
    return own if own is not None else theirs if isinstance(theirs, bool) else None


def _day(value: object) -> str | None:
    try:
        return date.fromisoformat(str(value)).isoformat()
    except ValueError:
        return None  # a file that is not ours may say anything


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and value > 0 else None


def _micros(dollars: object, units: int = 1_000_000) -> int | None:
    """Return US dollars for one unit as whole micro-dollars for ``units``, rounded half up; None where unknown."""
    if not isinstance(dollars, int | Decimal) or isinstance(dollars, bool):
        return None
    return int((Decimal(dollars) * units * 1_000_000).to_integral_value(ROUND_HALF_UP))
