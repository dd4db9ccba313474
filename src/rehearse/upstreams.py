"""Which upstreams can be played by the mock: where LiteLLM sends everything to the base it is given."""

from collections.abc import Mapping
from typing import Any

from ..config.providers import NATIVE_PROVIDERS

# Tried with LiteLLM 1.106.2 against the mock, plain and streamed, every other way out closed; a test tries them again.
# These ignore the base, speak a protocol that the mock does not, or want more than a key.
UNPLAYED = frozenset("""
amazon_nova bedrock black_forest_labs bytez clarifai cohere cohere_chat deepgram elevenlabs gigachat
gradient_ai jina_ai nlp_cloud oci predibase recraft replicate sagemaker stability triton vertex_ai
voyage watsonx
""".split())
PLAYED = frozenset({"openai", *NATIVE_PROVIDERS}) - UNPLAYED
# Other providers have protocols of their own for these.
_ONLY_OPENAI = ("embedding", "image", "speech", "transcription", "completion")


def unplayed(model: Mapping[str, Any]) -> str:
    """Return why the mock cannot play the upstream of a model of plan.json, nothing where it can."""
    provider, mode = str(model["provider"]), str(model["mode"])
    if provider not in PLAYED:
        return f"the mock cannot play {provider}: LiteLLM does not send it to another base, or speaks another protocol"
    if mode in _ONLY_OPENAI and provider not in ("openai", "hosted_vllm"):
        return f"the mock cannot play {provider} for the mode {mode}"
    return ""
