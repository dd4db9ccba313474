"""Where a provider lists its models, how to ask for the list, and what it says."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

import orjson

from ..config.models import MODES
from ..config.providers import NATIVE_PROVIDERS, OPENAI_BASE
from .planview import ModelView

MOST_NAMES = 5_000
# Bases that LiteLLM 1.106 writes where it calls (main.py), so that its `get_llm_provider` does not know them.
_BASES = {"anthropic": "https://api.anthropic.com", "gemini": "https://generativelanguage.googleapis.com/v1beta",
          "openai": OPENAI_BASE, "openrouter": "https://openrouter.ai/api/v1"}
_PATHS = {"anthropic": "/v1/models?limit=1000", "gemini": "/models?pageSize=1000", "ollama": "/v1/models",
          "ollama_chat": "/v1/models"}
# Deployments of one's own, which no list of models names.
_UNLISTED = frozenset(("azure", "azure_ai"))


@dataclass(frozen=True, slots=True)
class Place:
    """One list: its URL, and the headers that open it."""

    url: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)


def place_of(model: ModelView, environ: Mapping[str, str], headers: Mapping[str, str]) -> Place | None:
    """Return where the models of a deployment are listed; None for providers without a list, or without the key.

    ``environ`` holds keys, and bases that LiteLLM takes where none is declared.
    """
    provider = model.provider or ""
    native = NATIVE_PROVIDERS.get(provider)
    if provider in _UNLISTED or (native and not native.compatible and provider not in _PATHS):
        return None
    key = environ.get(model.key_env or "")
    base = model.base or _set_base(provider, environ) or _usual_base(provider)
    if base is None or (model.key_env is not None and not key):
        return None
    return Place(_root(provider, base) + _PATHS.get(provider, "/models"), {**headers, **_credentials(provider, key)})


def _root(provider: str, base: str) -> str:
    base = base.rstrip("/")
    if provider == "anthropic":
        return base.removesuffix("/v1/messages").removesuffix("/v1")
    if provider == "deepseek":  # LiteLLM's own base is that of beta features
        return base.removesuffix("/beta")
    # LiteLLM 1.106 adds the version to Mistral's base where it is missing (llms/mistral/chat/transformation.py).
    return f"{base}/v1" if provider == "mistral" and not base.endswith("/v1") else base


def _credentials(provider: str, key: str | None) -> dict[str, str]:
    if not key:
        return {}
    own = {"anthropic": {"x-api-key": key, "anthropic-version": "2023-06-01"}, "gemini": {"x-goog-api-key": key}}
    return own.get(provider) or {"authorization": f"Bearer {key}"}


def _set_base(provider: str, environ: Mapping[str, str]) -> str | None:
    names = (f"{provider.upper()}_API_BASE", f"{provider.upper()}_BASE_URL")
    return next((environ[name] for name in names if environ.get(name)), None)


def _usual_base(provider: str) -> str | None:
    if provider in _BASES:
        return _BASES[provider]
    import litellm
    try:
        base: str | None = litellm.get_llm_provider(f"{provider}/model")[3]
        return base
    except litellm.exceptions.BadRequestError:  # a provider that this LiteLLM does not know
        return None


def own_place(model: ModelView, environ: Mapping[str, str]) -> bool:
    """Tell whether the deployment is at its provider's own base, so that the provider's models are what is there."""
    provider = model.provider or ""
    if provider in _UNLISTED or _set_base(provider, environ):
        return False
    return model.base is None or model.base.rstrip("/") == (_usual_base(provider) or "").rstrip("/")


def ids_of(data: bytes) -> tuple[str, ...]:
    """Return the model ids of a list as OpenAI, Google, Anthropic or Together write it; raises ValueError."""
    document: Any = orjson.loads(data)
    if isinstance(document, dict):
        document = document.get("data", document.get("models"))
    if not isinstance(document, list):
        raise ValueError("no list of models")
    return _distinct(_id(one) for one in document)


def _id(one: object) -> str:
    name = one.get("id", one.get("name")) if isinstance(one, dict) else None
    return name.removeprefix("models/") if isinstance(name, str) else ""


def _distinct(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for name in names if name))[:MOST_NAMES]


def known_ids(provider: str, mode: str) -> tuple[str, ...]:
    """Return the models of a provider that LiteLLM's price file knows, without those that are retired by now."""
    import litellm
    today = datetime.now(timezone.utc).date().isoformat()
    found = []
    for name in sorted(litellm.models_by_provider.get(provider, ())):
        about = litellm.model_cost.get(name) or {}
        if about.get("litellm_provider") == provider and about.get("mode") == MODES.get(mode, mode) \
                and str(about.get("deprecation_date") or "9999") > today:
            found.append(name.removeprefix(f"{provider}/"))
    return _distinct(found)
