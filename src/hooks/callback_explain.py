"""What the installed LiteLLM does with each parameter for one model, asked of LiteLLM's own translation, offline."""

import importlib.metadata
from collections.abc import Mapping
from typing import Any

from litellm.exceptions import BadRequestError, UnsupportedParamsError
from litellm.types.utils import LlmProviders
from litellm.utils import get_optional_params

from ..policy.params import compare

# Each parameter is tried alone, with a value that means something.
SAMPLES: Mapping[str, Any] = {
    "temperature": 0.5, "top_p": 0.5, "max_tokens": 16, "max_completion_tokens": 16, "n": 2, "stop": ["END"],
    "seed": 7, "frequency_penalty": 0.5, "presence_penalty": 0.5, "logit_bias": {"50": 1}, "logprobs": True,
    "top_logprobs": 2, "user": "someone", "reasoning_effort": "low", "verbosity": "low",
    "response_format": {"type": "json_object"}, "parallel_tool_calls": True, "service_tier": "auto", "store": True,
    "modalities": ["text"], "prediction": {"type": "content", "content": "x"}, "web_search_options": {},
    "tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}],
    "thinking": {"type": "enabled", "budget_tokens": 1024}, "safety_identifier": "someone", "prompt_cache_key": "key",
    "top_k": 5, "min_p": 0.1, "repetition_penalty": 1.1,
}


def explain(upstream: str) -> dict[str, Any]:
    """Return what the model accepts, renames and drops; raises ValueError where LiteLLM does not serve the provider."""
    provider, _, model = upstream.partition("/")
    result: dict[str, Any] = {"model": upstream, "litellm": importlib.metadata.version("litellm"), "accepts": [],
                              "renames": {}, "drops": []}
    for name, value in SAMPLES.items():
        found = compare([name], _sent(provider, model, name, value))
        if found.dropped:
            result["drops"].append(name)
        elif found.translated:
            result["renames"] |= found.translated
        else:
            result["accepts"].append(name)
    return result


def _sent(provider: str, model: str, name: str, value: Any) -> dict[str, Any]:
    if provider not in [known.value for known in LlmProviders]:
        raise ValueError(f"LiteLLM serves no provider {provider!r}")
    if name == "thinking" and provider == "openai":
        return {}
    try:
        return dict(get_optional_params(model=model, custom_llm_provider=provider, drop_params=True, **{name: value}))
    except (UnsupportedParamsError, BadRequestError):
        return {}
