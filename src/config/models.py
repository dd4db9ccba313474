"""What a model is: the operator's declaration (`ModelSpec`) and what is known about it (`MODEL_CAPS`)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from types import MappingProxyType

EFFORT_LEVELS = ("none", "minimal", "low", "medium", "high", "xhigh")
# Our word for a mode, and LiteLLM 1.106's (litellm/types/utils.py, ModelInfo "mode").
MODES: Mapping[str, str] = MappingProxyType({
    "chat": "chat", "completion": "completion", "embedding": "embedding", "image": "image_generation",
    "speech": "audio_speech", "transcription": "audio_transcription",
})
TRIGGERS = ("error", "rate_limit", "cost")
DEFAULT_TRIGGERS = ("error", "rate_limit")


@dataclass(frozen=True)
class ModelSpec:
    """One deployment as declared; None means "not said here", so that the plan's defaults apply.

    ``timeout`` and ``stream_timeout`` are seconds; ``rpm``/``tpm`` count per minute, ``rpd``/``tpd`` per day;
    costs are US dollars per million tokens; ``caps`` replace what is known of the model (registry rows have their own);
    ``origins`` says for each field where its value came from.
    """

    key: str
    alias: str
    provider: str
    model: str
    mode: str | None = None
    api_base: str | None = None
    api_key_env: str | None = None
    reasoning_effort: str | None = None
    timeout: float | None = None
    stream_timeout: float | None = None
    retries: int | None = None
    max_tokens: int | None = None
    rpm: int | None = None
    tpm: int | None = None
    rpd: int | None = None
    tpd: int | None = None
    max_parallel: int | None = None
    fallbacks: tuple[str, ...] = ()
    input_cost: Decimal | None = None
    output_cost: Decimal | None = None
    context_window: int | None = None
    headers: tuple[tuple[str, str], ...] = ()
    allow_params: tuple[str, ...] = ()
    drop_params: tuple[str, ...] = ()
    caps: "ModelCaps | None" = None
    source: str = field(default="", compare=False)
    origins: Mapping[str, str] = field(default_factory=dict, compare=False)

    @property
    def upstream(self) -> str:
        """Return the model as LiteLLM wants it: ``provider/model``."""
        return f"{self.provider}/{self.model}"

    def origin(self, name: str) -> str:
        """Return where field ``name`` was declared; an alias that nobody gave comes from the upstream id."""
        given = "upstream" if name == "alias" and name not in self.origins else name
        return self.origins.get(given, self.source)


@dataclass(frozen=True)
class ChainSpec:
    """Models tried one after another under the chain's own alias; ``triggers`` say what moves a request on."""

    key: str
    alias: str
    models: tuple[str, ...]
    triggers: tuple[str, ...] = DEFAULT_TRIGGERS
    source: str = field(default="", compare=False)
    origin: str = field(default="", compare=False)

    @property
    def where(self) -> str:
        """Return where its list of models was declared, with the variable where there is one."""
        return self.origin or self.source


@dataclass(frozen=True)
class ModelCaps:
    """What a model can do. Tokens for windows; None where it is not known.

    ``efforts`` lists the accepted `reasoning_effort` levels (empty: the field is not accepted);
    ``recommended_effort`` is documentation, never a default. ``max_input`` is given where it is below the
    window. ``litellm_drops_effort``: LiteLLM 1.106 removes the field for this name although it is sent.
    """

    mode: str = "chat"
    efforts: tuple[str, ...] = ()
    recommended_effort: str | None = None
    context_window: int | None = None
    max_input: int | None = None
    max_output: int | None = None
    vision: bool | None = False
    tools: bool | None = True
    streaming: bool | None = True
    deprecated_on: str | None = None
    litellm_drops_effort: bool = False


_LEVELS = ("minimal", "low", "medium", "high")
_CLASSIC = ("low", "medium", "high")
UNKNOWN_CAPS = ModelCaps(efforts=EFFORT_LEVELS[1:], vision=None, tools=None, streaming=None)

# Sources: the model pages of OpenAI, DeepSeek, xAI, Z.ai, Groq, Google, Mistral; LiteLLM 1.106's price file.
MODEL_CAPS: Mapping[str, ModelCaps] = MappingProxyType({
    "gpt-5": ModelCaps(efforts=_LEVELS, recommended_effort="medium", context_window=400_000, max_input=272_000,
                       max_output=128_000, vision=True),
    "deepseek-v3.2": ModelCaps(efforts=_CLASSIC, recommended_effort="high", context_window=163_840, max_output=65_536),
    "grok-code-fast-1": ModelCaps(efforts=_CLASSIC, recommended_effort="low", context_window=256_000,
                                  max_output=10_000),
    "glm-4.6": ModelCaps(efforts=_CLASSIC, recommended_effort="high", context_window=200_000, max_output=128_000),
    "grok-3": ModelCaps(context_window=131_072, max_output=131_072),
    "grok-3-fast": ModelCaps(context_window=131_072, max_output=131_072),
    "grok-3-mini": ModelCaps(efforts=("low", "high"), recommended_effort="low", context_window=131_072,
                             max_output=131_072),
    "grok-3-mini-fast": ModelCaps(efforts=("low", "high"), recommended_effort="low", context_window=131_072,
                                  max_output=131_072),
    "grok-2-vision-1212": ModelCaps(context_window=32_768, max_output=32_768, vision=True),
    "grok-2-image-1212": ModelCaps(mode="image", context_window=131_072, tools=False, streaming=False),
    "groq/llama-3.3-70b-versatile": ModelCaps(context_window=131_072, max_output=32_768, litellm_drops_effort=True),
    "groq/mixtral-8x7b-32768": ModelCaps(context_window=32_768, max_output=32_768, deprecated_on="2025-03-20",
                                         litellm_drops_effort=True),
    "groq/openai/gpt-oss-120b": ModelCaps(efforts=_CLASSIC, recommended_effort="medium", context_window=131_072,
                                          max_output=65_536),
    "gemini/gemini-2.5-flash": ModelCaps(efforts=_LEVELS, recommended_effort="low", context_window=1_048_576,
                                         max_output=65_536, vision=True),
    "gemini/gemini-1.5-flash": ModelCaps(context_window=1_048_576, max_output=8_192, vision=True,
                                         deprecated_on="2025-09-24", litellm_drops_effort=True),
    "gemini/gemini-1.5-pro": ModelCaps(context_window=2_097_152, max_output=8_192, vision=True,
                                       deprecated_on="2025-09-24", litellm_drops_effort=True),
    "mistral/mistral-small-latest": ModelCaps(context_window=131_072, max_output=131_072, vision=True),
})

# Names that LiteLLM 1.106 knows as OpenAI's non-reasoning chat models: it drops `reasoning_effort` for them.
# Snapshots carry a date behind the name; tests compare the list with the installed LiteLLM.
_LITELLM_NON_REASONING = frozenset("""
gpt-3.5-turbo gpt-3.5-turbo-0125 gpt-3.5-turbo-1106 gpt-3.5-turbo-16k gpt-4 gpt-4-0613 gpt-4-1106-preview gpt-4-turbo
gpt-4.1 gpt-4.1-mini gpt-4.1-nano gpt-4o gpt-4o-mini gpt-4o-audio-preview gpt-4o-mini-audio-preview
gpt-4o-search-preview gpt-4o-mini-search-preview gpt-5-chat gpt-5-chat-latest gpt-5-search-api chat-latest
computer-use-preview gpt-audio gpt-audio-1.5 gpt-audio-mini daybreak-blue-latest daybreak-red-latest
gpt-daybreak-blue-latest gpt-daybreak-red-latest gpt-rosalind-discovery gpt-rosalind-research
""".split())
_DATE = re.compile(r"-20\d\d-\d\d-\d\d$")
# Native xAI names that LiteLLM 1.106 does not know as reasoning models.
_LITELLM_XAI_NON_REASONING = re.compile(r"grok-[23](-|$)|.*-non-reasoning(-|$)")


def caps_for(provider: str, model: str) -> ModelCaps:
    """Return what is known of ``model``; a model that is not listed is assumed to accept every effort level."""
    caps = MODEL_CAPS.get(f"{provider}/{model}")
    if caps is None and provider in ("openai", "xai", "deepseek", "zai", "hosted_vllm", "openrouter"):
        caps = MODEL_CAPS.get(model.rpartition("/")[2])
    return caps or UNKNOWN_CAPS


def litellm_drops_effort(provider: str, model: str) -> bool:
    """Tell whether LiteLLM 1.106 removes `reasoning_effort` for this name unless it is allowed explicitly."""
    if provider == "openai":
        return _DATE.sub("", model) in _LITELLM_NON_REASONING
    if provider == "xai":
        return _LITELLM_XAI_NON_REASONING.match(model) is not None
    return caps_for(provider, model).litellm_drops_effort
