"""LiteLLM's price list in short: what each model can do, until when, and which provider its bare name stands for."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from .keys_source import Source

_FLAGS = {"supports_function_calling": "t", "supports_vision": "v", "supports_reasoning": "r"}
_PRICES = re.compile(r".*cost")
# The provider of the price list -> whom get_llm_provider asks for a bare name of it (LiteLLM 1.106,
# litellm_core_utils/get_llm_provider_logic.py); names of other providers need a prefix.
_INFERRED = {
    "openai": "openai", "text-completion-openai": "text-completion-openai", "anthropic": "anthropic",
    "cohere": "cohere", "cohere_chat": "cohere_chat", "openrouter": "openrouter", "ai21": "ai21_chat",
    "aleph_alpha": "aleph_alpha", "nlp_cloud": "nlp_cloud", "bedrock": "bedrock", "bedrock_converse": "bedrock",
    "watsonx": "watsonx", "empower": "empower", "gradient_ai": "gradient_ai", "vertex_ai-text-models": "vertex_ai",
    "vertex_ai-code-text-models": "vertex_ai", "vertex_ai-language-models": "vertex_ai",
    "vertex_ai-vision-models": "vertex_ai", "vertex_ai-chat-models": "vertex_ai",
    "vertex_ai-code-chat-models": "vertex_ai", "vertex_ai-embedding-models": "vertex_ai",
    "vertex_ai-image-models": "vertex_ai", "vertex_ai-video-models": "vertex_ai",
}
_LISTS = {"replicate_models": "replicate", "baseten_models": "baseten", "empower_models": "empower",
          "open_ai_embedding_models": "openai", "cohere_embedding_models": "cohere",
          "bedrock_embedding_models": "bedrock"}
_NO_MODELS = {"sample_spec", "fallback_generalizations"}


@dataclass(frozen=True)
class KnownModel:
    """One model of the price list. Windows in tokens, None where they are not known; ``retired`` is its last day."""

    provider: str
    mode: str
    max_input: int | None
    max_output: int | None
    tools: bool
    vision: bool
    priced: bool
    retired: date | None


def model_rows(prices: Mapping[str, Any], source: Source) -> dict[str, dict[str, str]]:
    """Return by provider one line of text per model: windows, flags, mode, last day; empty ends left off.

    A provider with `=` before it is the one that LiteLLM asks for names of which it knows nothing else.
    """
    rows: dict[str, dict[str, str]] = {}
    for name, row in sorted(prices.items()):
        if isinstance(row, dict) and name not in _NO_MODELS:
            rows.setdefault(str(row.get("litellm_provider", "")), {})[name] = _row(row)
    for constant, provider in _LISTS.items():
        for name in source.constant("constants.py", constant):
            if name not in prices:
                rows.setdefault(f"={provider}", {})[name] = ",,!"
    return rows


def _row(row: Mapping[str, Any]) -> str:
    mode = str(row.get("mode", ""))
    flags = "".join(letter for name, letter in _FLAGS.items() if row.get(name))
    priced = any(_PRICES.match(name) and value is not None for name, value in row.items())
    windows = (row.get("max_input_tokens"), row.get("max_output_tokens"))
    texts = [re.sub("000$", "k", str(value)) if isinstance(value, int) else "" for value in windows]
    last = str(row.get("deprecation_date") or "")
    return ",".join([*texts, flags + ("" if priced else "!"), "" if mode == "chat" else mode, last]).rstrip(",")


def routing_rules(prices: Mapping[str, Any]) -> list[list[str]]:
    """Return [pattern, provider] of the rules that give names which are in no list a provider."""
    rules = prices.get("fallback_generalizations")
    rules = rules.get("rules", []) if isinstance(rules, dict) else rules or []
    return [[rule["pattern"], rule["model_info"]["litellm_provider"]] for rule in rules if isinstance(rule, dict)
            and isinstance(rule.get("model_info"), dict) and "litellm_provider" in rule["model_info"]]


def known_model(provider: str, row: str) -> KnownModel:
    """Return the model of one line."""
    into, out, flags, mode, retired, *_ = row.split(",") + [""] * 5
    return KnownModel(provider.removeprefix("="), mode or "chat", _tokens(into), _tokens(out), "t" in flags,
                      "v" in flags, "!" not in flags, _day(retired))


def _tokens(text: str) -> int | None:
    return int(text.replace("k", "000")) if text else None


def inferred(provider: str) -> str | None:
    """Return whom LiteLLM asks for a bare name that its price list has under ``provider``; None: it does not know."""
    return provider[1:] if provider.startswith("=") else _INFERRED.get(provider)


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        return None
