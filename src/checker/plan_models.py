"""Parameters that contradict each other or the model."""

import difflib
from collections.abc import Iterator

from ..config.fields import suggest
from ..config.plan import LaunchPlan
from ..config.providers import NATIVE_PROVIDERS, OPENAI_BASE
from ..config.resolve import PlannedModel
from .findings import Finding
from .plan_places import Places

# Parameters of OpenAI's chat completions, embeddings and responses, and those that other providers are known for.
_KNOWN = frozenset("""
audio background dimensions encoding_format frequency_penalty function_call functions include input instructions
logit_bias logprobs max_completion_tokens max_output_tokens max_tokens max_tool_calls metadata min_p modalities n
parallel_tool_calls prediction presence_penalty previous_response_id prompt_cache_key reasoning reasoning_content
reasoning_effort repetition_penalty response_format safety_identifier safety_settings seed service_tier stop store
stream stream_options suffix temperature text thinking tool_choice tools top_a top_k top_logprobs top_p truncation user
verbosity web_search_options
""".split())


def findings(plan: LaunchPlan, places: Places) -> Iterator[Finding]:
    """Yield what a model would be sent in vain."""
    for model in plan.models:
        yield from _prefix(model, places)
        yield from _dropped(model, places)
        yield from _misspelt(model, places)
        yield from _too_many(model, places)


def _prefix(model: PlannedModel, places: Places) -> Iterator[Finding]:
    """Find what looks like a provider and is none, so that the whole of it goes to OpenAI as the name of a model."""
    prefix, slash, rest = model.spec.model.partition("/")
    if model.spec.provider == "openai" and slash and model.base == OPENAI_BASE:
        repair = "name the base that serves it in its API_BASE"
        if near := difflib.get_close_matches(prefix, NATIVE_PROVIDERS, n=1, cutoff=0.6):
            repair = f"write {near[0]}/{rest}, or {repair}"
        yield Finding("GW710", f"{model.alias}: {prefix} is no provider, so {model.spec.model} is asked for at "
                      f"{OPENAI_BASE}", places.of(model.spec.origin("upstream")), repair)


def _dropped(model: PlannedModel, places: Places) -> Iterator[Finding]:
    spec = model.spec
    defaults = {"reasoning_effort": model.effort, "max_tokens": spec.max_tokens}
    place = places.of(spec.origin("drop_params"), code="GW705")
    for name in spec.drop_params:
        if defaults.get(name) is not None:
            yield Finding("GW705", f"{spec.alias}: {name} is set to {defaults[name]}, and dropped", place,
                          "keep one of the two")
        if name in spec.allow_params:
            yield Finding("GW705", f"{spec.alias}: {name} is allowed, and dropped", place, "keep one of the two")


def _misspelt(model: PlannedModel, places: Places) -> Iterator[Finding]:
    for attribute in ("allow_params", "drop_params"):
        for name in getattr(model.spec, attribute):
            if name not in _KNOWN and (near := suggest(name, _KNOWN)):
                yield Finding("GW709", f"{model.alias}: {name} is no parameter that is known{near}",
                              places.of(model.spec.origin(attribute)), "correct the name, unless it is meant")


def _too_many(model: PlannedModel, places: Places) -> Iterator[Finding]:
    most, asked = model.caps.max_output, model.spec.max_tokens
    if most is not None and asked is not None and asked > most:
        yield Finding("GW708", f"{model.alias}: max_tokens is {asked}; {model.spec.model} answers with at most {most}",
                      places.of(model.spec.origin("max_tokens"), code="GW708"), f"set MAX_TOKENS to {most} at most")
