"""Which parameters of a client's request did not go upstream, and which went under another name.

Names are compared, never values: what the client sent against the keys of the body that goes upstream.
"""

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

# The message itself, the model, and how the answer travels: never a "dropped parameter".
CONTENT = frozenset({"model", "messages", "input", "prompt", "file", "stream", "stream_options", "contents",
                     "extra_body", "instructions", "system"})
# Injected into the parsed body by LiteLLM's proxy (litellm_pre_call_utils.py, 1.106).
INJECTED = frozenset({"litellm_call_id", "litellm_metadata", "litellm_logging_obj", "proxy_server_request",
                      "secret_fields", "litellm_trace_id", "shared_session"})
# Sent name -> names under which the same thing may arrive, besides its own. Spelled without case and underscores.
ARRIVES_AS: Mapping[str, tuple[str, ...]] = {
    "max_tokens": ("maxcompletiontokens", "maxoutputtokens"),
    "max_completion_tokens": ("maxtokens", "maxoutputtokens"),
    "max_output_tokens": ("maxtokens", "maxcompletiontokens"),
    "stop": ("stopsequences",),
    "stop_sequences": ("stop",),
    "n": ("candidatecount",),
    "response_format": ("responsemimetype", "responseschema", "responsejsonschema", "text"),
    "text": ("responseformat", "verbosity"),
    "tool_choice": ("toolconfig",),
    "functions": ("tools",),
    "function_call": ("toolchoice", "toolconfig"),
    "reasoning": ("reasoningeffort", "thinkingconfig", "thinking"),
    "reasoning_effort": ("thinkingconfig", "thinking", "reasoning"),
    "thinking": ("reasoningeffort", "thinkingconfig", "reasoning"),
    "logprobs": ("responselogprobs",),
    "top_logprobs": ("logprobs",),
    "modalities": ("responsemodalities",),
    "audio": ("speechconfig",),
    "random_seed": ("seed",),
    "seed": ("randomseed",),
}
NESTED = ("extra_body", "generationConfig", "generation_config")


def flat(name: str) -> str:
    """Return ``name`` as it is compared: ``maxOutputTokens`` and ``max_output_tokens`` are the same parameter."""
    return name.replace("_", "").lower()


def upstream_names(body: Mapping[str, Any]) -> dict[str, str]:
    """Return the parameter names of an upstream body, by their compared form; Gemini nests its own one level down."""
    names = [name for name, value in body.items() if value is not None]
    for outer in NESTED:
        inner = body.get(outer)
        names += list(inner) if isinstance(inner, Mapping) else []
    return {flat(name): name for name in names}


def client_names(body: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the parameters that the client sent: keys with a value, without content and LiteLLM's own additions."""
    return tuple(name for name, value in body.items()
                 if value is not None and name not in CONTENT and name not in INJECTED)


@dataclass(frozen=True, slots=True)
class Comparison:
    """``dropped`` went nowhere; ``translated`` says under which name a parameter went on."""

    dropped: tuple[str, ...] = ()
    translated: Mapping[str, str] = field(default_factory=dict)


def compare(sent: Iterable[str], body: Mapping[str, Any]) -> Comparison:
    """Compare the names that a client sent with the body that goes upstream."""
    arrived = upstream_names(body)
    dropped: list[str] = []
    translated: dict[str, str] = {}
    for name in sent:
        if flat(name) in arrived:
            continue
        became = next((arrived[other] for other in ARRIVES_AS.get(name, ()) if other in arrived), None)
        if became is None:
            dropped.append(name)
        else:
            translated[name] = became
    return Comparison(tuple(dropped), translated)


class FirstSeen:
    """Remembers the last ``limit`` pairs, so that a warning is given once for each."""

    def __init__(self, limit: int = 1000) -> None:
        self._limit = limit
        self._pairs: OrderedDict[tuple[str, str], None] = OrderedDict()

    def is_new(self, alias: str, name: str) -> bool:
        """Tell whether this pair was not seen lately, and remember it."""
        pair = (alias, name)
        known = pair in self._pairs
        self._pairs[pair] = None
        self._pairs.move_to_end(pair)
        if len(self._pairs) > self._limit:
            self._pairs.popitem(last=False)
        return not known
