"""What is known of the models: every entry of MODEL_CAPS, and what happens to a model that nobody listed."""

from dataclasses import FrozenInstanceError

import pytest

from src.config.models import EFFORT_LEVELS, MODEL_CAPS, MODES, UNKNOWN_CAPS, ModelSpec, caps_for, litellm_drops_effort
from src.config.providers import NATIVE_PROVIDERS, PROVIDERS, default_alias, split_provider

PROMISED = {
    "gpt-5", "deepseek-v3.2", "grok-code-fast-1", "glm-4.6", "grok-3", "grok-3-fast", "grok-3-mini",
    "grok-3-mini-fast", "grok-2-vision-1212", "grok-2-image-1212", "groq/llama-3.3-70b-versatile",
    "groq/mixtral-8x7b-32768", "gemini/gemini-1.5-flash", "gemini/gemini-1.5-pro", "mistral/mistral-small-latest",
    "groq/openai/gpt-oss-120b", "gemini/gemini-2.5-flash",
}


def test_every_promised_model_is_known() -> None:
    assert set(MODEL_CAPS) == PROMISED


@pytest.mark.parametrize("name", MODEL_CAPS)
def test_what_is_said_of_a_model_is_consistent(name: str) -> None:
    caps = MODEL_CAPS[name]
    assert caps.mode in MODES
    assert set(caps.efforts) < set(EFFORT_LEVELS) and "none" not in caps.efforts
    assert list(caps.efforts) == sorted(caps.efforts, key=EFFORT_LEVELS.index)
    assert caps.recommended_effort in (*caps.efforts, None)
    assert bool(caps.efforts) == (caps.recommended_effort is not None)
    assert caps.context_window and (caps.max_input or 0) <= caps.context_window
    assert caps.max_output is None or caps.max_output <= caps.context_window
    assert not (caps.litellm_drops_effort and caps.efforts)


@pytest.mark.parametrize(("provider", "model", "known"), [
    ("openai", "gpt-5", "gpt-5"),
    ("openrouter", "deepseek/deepseek-v3.2", "deepseek-v3.2"),
    ("xai", "grok-3-mini", "grok-3-mini"),
    ("openai", "grok-3", "grok-3"),
    ("hosted_vllm", "zai-org/glm-4.6", "glm-4.6"),
    ("groq", "llama-3.3-70b-versatile", "groq/llama-3.3-70b-versatile"),
    ("gemini", "gemini-1.5-pro", "gemini/gemini-1.5-pro"),
    ("groq", "gpt-5", None),
    ("openai", "llama-3.3-70b-versatile", None),
    ("openai", "nobody-knows-me", None),
])
def test_a_model_is_recognised_wherever_it_is_served(provider: str, model: str, known: str | None) -> None:
    assert caps_for(provider, model) == (MODEL_CAPS[known] if known else UNKNOWN_CAPS)


def test_an_unknown_model_is_assumed_to_accept_every_level() -> None:
    assert UNKNOWN_CAPS.efforts == EFFORT_LEVELS[1:]
    assert (UNKNOWN_CAPS.vision, UNKNOWN_CAPS.tools, UNKNOWN_CAPS.context_window) == (None, None, None)


@pytest.mark.parametrize(("provider", "model", "dropped"), [
    ("openai", "gpt-4.1", True), ("openai", "gpt-5", False), ("openai", "deepseek-v3.2", False),
    ("xai", "grok-3", True), ("xai", "grok-code-fast-1", False), ("groq", "mixtral-8x7b-32768", True),
    ("groq", "openai/gpt-oss-20b", False), ("openai", "nobody-knows-me", False),
])
def test_names_for_which_litellm_drops_the_effort_are_known(provider: str, model: str, dropped: bool) -> None:
    assert litellm_drops_effort(provider, model) is dropped


@pytest.mark.parametrize(("upstream", "provider", "model"), [
    ("gpt-5", "openai", "gpt-5"), ("openai/gpt-5", "openai", "gpt-5"), ("groq/llama", "groq", "llama"),
    ("deepseek-ai/deepseek-v3.2", "openai", "deepseek-ai/deepseek-v3.2"), ("openrouter/x/y", "openrouter", "x/y"),
    ("groq/", "openai", "groq/"), ("/x", "openai", "/x"), ("gemini/gemini-1.5-pro", "gemini", "gemini-1.5-pro"),
])
def test_the_provider_is_what_the_id_starts_with(upstream: str, provider: str, model: str) -> None:
    assert split_provider(upstream) == (provider, model)


@pytest.mark.parametrize(("provider", "model", "alias"), [
    ("openai", "gpt-5", "gpt-5"), ("groq", "llama", "groq/llama"), ("openai", "org/model", "org/model"),
])
def test_the_alias_is_the_id_that_people_know(provider: str, model: str, alias: str) -> None:
    assert default_alias(provider, model) == alias


def test_every_provider_has_a_key_variable_or_says_why_not() -> None:
    assert PROVIDERS[0] == "openai" and "openai" not in NATIVE_PROVIDERS
    assert [name for name, native in NATIVE_PROVIDERS.items() if not native.key_envs and not native.keyless] == []


def test_specs_cannot_be_changed() -> None:
    spec = ModelSpec("k", "a", "openai", "m")
    with pytest.raises(FrozenInstanceError):
        spec.alias = "b"  # type: ignore[misc]


def test_where_a_spec_was_declared_is_no_part_of_what_it_says() -> None:
    here = ModelSpec("k", "a", "openai", "m", source="flag", origins={"alias": "flag"})
    assert here == ModelSpec("k", "a", "openai", "m", source="environment")
    assert (here.origin("alias"), here.origin("rpm"), here.upstream) == ("flag", "flag", "openai/m")
