"""The providers that LiteLLM serves natively: their usual key variables and, where LiteLLM would guess, their bases."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from .wildcards import is_wildcard

OPENAI_BASE = "https://api.openai.com/v1"


@dataclass(frozen=True)
class Provider:
    """One LiteLLM provider prefix.

    ``key_envs``: accepted key variables, the usual one first; empty for keyless or cloud-credential providers.
    ``base``: written out when the operator names none (None: left to LiteLLM). ``compatible``: speaks OpenAI's API.
    """

    key_envs: tuple[str, ...] = ()
    base: str | None = None
    compatible: bool = True
    keyless: bool = False
    needs_base: bool = False


def _usual(name: str, compatible: bool = True) -> Provider:
    return Provider((f"{name.upper().replace('-', '_')}_API_KEY",), compatible=compatible)


_SIMPLE = ("groq", "mistral", "deepseek", "openrouter", "cerebras", "sambanova", "nvidia_nim", "deepinfra", "zai",
           "moonshot", "dashscope", "novita", "nebius", "hyperbolic", "minimax", "volcengine", "codestral",
           "friendliai", "featherless_ai", "vercel_ai_gateway", "github", "nscale")
_OWN_PROTOCOL = ("anthropic", "cohere", "ai21", "replicate", "voyage", "jina_ai", "huggingface", "cloudflare",
                 "databricks", "watsonx", "gigachat", "predibase",
                 "elevenlabs", "deepgram", "recraft", "stability", "black_forest_labs", "nlp_cloud", "clarifai")
_ALSO_SIMPLE = ("aiml", "amazon_nova", "baseten", "bytez", "chutes", "cometapi", "compactifai", "galadriel",
                "gradient_ai", "helicone", "heroku", "inception", "litellm_proxy", "modelscope", "morph",
                "ovhcloud", "parasail", "poe", "publicai", "reka", "sail", "synthetic", "tencent", "v0",
                "wandb", "xiaomi_mimo")

# "openai" stands for any OpenAI-compatible upstream and is not in this table.
NATIVE_PROVIDERS: Mapping[str, Provider] = MappingProxyType({
    **{name: _usual(name) for name in _SIMPLE + _ALSO_SIMPLE},
    **{name: _usual(name, False) for name in _OWN_PROTOCOL},
    "cohere_chat": Provider(("COHERE_API_KEY",), compatible=False),
    "gemini": Provider(("GEMINI_API_KEY", "GOOGLE_AI_API_KEY"), compatible=False),
    "xai": Provider(("XAI_API_KEY", "GROK_API_KEY")),
    "together_ai": Provider(("TOGETHERAI_API_KEY", "TOGETHER_API_KEY")),
    "fireworks_ai": Provider(("FIREWORKS_API_KEY", "FIREWORKS_AI_API_KEY")),
    "perplexity": Provider(("PERPLEXITYAI_API_KEY", "PERPLEXITY_API_KEY")),
    "azure": Provider(("AZURE_API_KEY",), needs_base=True),
    "azure_ai": Provider(("AZURE_AI_API_KEY",), needs_base=True),
    "lambda_ai": Provider(("LAMBDA_API_KEY",)),
    "meta_llama": Provider(("LLAMA_API_KEY",)),
    "nano-gpt": Provider(("NANOGPT_API_KEY",)),
    "scaleway": Provider(("SCW_SECRET_KEY",)),
    "snowflake": Provider(("SNOWFLAKE_JWT",), compatible=False),
    "triton": Provider(compatible=False, keyless=True, needs_base=True),
    "oci": Provider(compatible=False, keyless=True),
    "sagemaker": Provider(compatible=False, keyless=True),
    "bedrock": Provider(compatible=False, keyless=True),
    "vertex_ai": Provider(compatible=False, keyless=True),
    "hosted_vllm": Provider(("HOSTED_VLLM_API_KEY",), keyless=True, needs_base=True),
    "lm_studio": Provider(("LM_STUDIO_API_KEY",), base="http://localhost:1234/v1", keyless=True),
    "llamafile": Provider((), base="http://localhost:8080/v1", keyless=True),
    # Without a base LiteLLM 1.106 starts `ollama serve` by itself (proxy_server.py, load_config).
    "ollama": Provider((), base="http://localhost:11434", compatible=False, keyless=True),
    "ollama_chat": Provider((), base="http://localhost:11434", compatible=False, keyless=True),
})
PROVIDERS = ("openai", *NATIVE_PROVIDERS)


def split_provider(upstream: str) -> tuple[str, str]:
    """Return (provider, model) of an upstream id; anything without a native prefix is OpenAI-compatible."""
    prefix, slash, rest = upstream.partition("/")
    if slash and rest and (prefix in NATIVE_PROVIDERS or prefix == "openai"):
        return prefix, rest
    return "openai", upstream


def default_alias(provider: str, model: str) -> str:
    """Return the alias of a model that names none: the bare id for OpenAI-compatible, else ``provider/model``.

    A wildcard keeps its provider in any case, so that none stands for every name unasked.
    """
    return model if provider == "openai" and not is_wildcard(model) else f"{provider}/{model}"
