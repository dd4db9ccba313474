"""The providers that `init` offers, with what it takes to list their models. Bases: the providers' own API pages."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal
from urllib.parse import urlsplit

from ..config.fields import suggest
from ..config.models import MODEL_CAPS
from ..config.providers import NATIVE_PROVIDERS, OPENAI_BASE

Style = Literal["openai", "gemini", "anthropic"]


@dataclass(frozen=True)
class Offer:
    """One choice. ``base`` lists the models; ``declared``: it is also written into the file, and may be changed.

    ``key_env`` None: no key; empty: named after the base's host.
    """

    word: str
    title: str
    provider: str
    base: str | None = None
    key_env: str | None = None
    declared: bool = False
    style: Style = "openai"


def _native(word: str, title: str, base: str | None, style: Style = "openai") -> Offer:
    native = NATIVE_PROVIDERS[word]
    key_env = next(iter(native.key_envs), None)
    return Offer(word, title, word, base or native.base, key_env, bool(native.needs_base), style)


OFFERS: tuple[Offer, ...] = (
    Offer("openai", "OpenAI", "openai", OPENAI_BASE, "OPENAI_API_KEY"),
    _native("anthropic", "Anthropic", "https://api.anthropic.com/v1", "anthropic"),
    _native("gemini", "Google Gemini", "https://generativelanguage.googleapis.com/v1beta", "gemini"),
    _native("xai", "xAI", "https://api.x.ai/v1"),
    _native("deepseek", "DeepSeek", "https://api.deepseek.com"),
    _native("groq", "Groq", "https://api.groq.com/openai/v1"),
    _native("mistral", "Mistral", "https://api.mistral.ai/v1"),
    _native("openrouter", "OpenRouter", "https://openrouter.ai/api/v1"),
    Offer("compatible", "another OpenAI-compatible base", "openai", None, "", True),
    Offer("vllm", "vLLM on this machine", "openai", "http://127.0.0.1:8000/v1", None, True),
    Offer("ollama", "Ollama on this machine", "openai", "http://127.0.0.1:11434/v1", None, True),
)
BY_WORD: Mapping[str, Offer] = MappingProxyType({offer.word: offer for offer in OFFERS})
# Ids without a provider before them in MODEL_CAPS, by how they begin.
_FAMILIES = {"openai": "gpt-", "xai": "grok-", "deepseek": "deepseek-", "zai": "glm-"}


def offer_of(word: str) -> Offer | None:
    """Return the offer of a word: one of the list, or any provider that LiteLLM serves natively."""
    word = word.strip().lower()
    if word in BY_WORD:
        return BY_WORD[word]
    return _native(word, word, None) if word in NATIVE_PROVIDERS else None


def nearest(word: str) -> str:
    """Return `; did you mean groq?`, or nothing."""
    return suggest(word.strip().lower(), (*BY_WORD, *NATIVE_PROVIDERS))


def key_variable(base: str) -> str:
    """Return a name for the key of a base: `EXAMPLE_API_KEY` for https://llm.example.com/v1."""
    host = urlsplit(base).hostname or ""
    parts = [part for part in host.split(".") if part and not part.isdigit()]
    word = parts[-2] if len(parts) > 1 else parts[0] if parts else "upstream"
    name = "".join(c if c.isascii() and c.isalnum() else "_" for c in word).upper().strip("_")
    unfit = not name or name[0].isdigit() or name in ("OPENAI", "LITELLM", "GATEWAY", "LOCALHOST")
    return "UPSTREAM_API_KEY" if unfit else f"{name}_API_KEY"


def known_models(offer: Offer) -> list[str]:
    """Return the ids of a provider that are known without asking it, retired ones left out."""
    prefix = f"{offer.provider}/"
    known = [name for name, caps in MODEL_CAPS.items() if not caps.deprecated_on]
    native = [name.removeprefix(prefix) for name in known if name.startswith(prefix)]
    family = _FAMILIES.get(offer.provider, "")
    bare = [name for name in known if "/" not in name and (offer.declared or (family and name.startswith(family)))]
    return native + bare
