"""The registry's nouns as tables of fields: the command line, the document and its checks are all made of these."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from ..config.fields import BY_SUFFIX
from ..config.models import DEFAULT_TRIGGERS, MODES, TRIGGERS
from ..config.providers import PROVIDERS
from ..config.readers import to_bool, to_choice, to_url
from . import noun_fields as read
from .limit_fields import LIMIT_FIELDS
from .noun_fields import Field


@dataclass(frozen=True)
class Noun:
    """One noun: ``key`` are the fields that name a row; the first of them is the command line's argument."""

    name: str
    one: str
    help: str
    key: tuple[str, ...]
    fields: tuple[Field, ...]

    @property
    def an(self) -> str:
        """Return the noun for one with its article."""
        return f"{'an' if self.one[0] in 'aeiou' else 'a'} {self.one}"

    @property
    def by_name(self) -> Mapping[str, Field]:
        """Return name -> field."""
        return {field.name: field for field in self.fields}

    def key_of(self, values: Mapping[str, Any]) -> tuple[Any, ...]:
        """Return what names the row of ``values``."""
        return tuple(values.get(name) for name in self.key)

    def label(self, values: Mapping[str, Any]) -> str:
        """Return the row's name for people, with the further parts of its key where they are set."""
        first, *more = self.key
        extra = " ".join(f"{name}={values[name]}" for name in more if values.get(name) is not None)
        return f"{values.get(first)} ({extra})" if extra else str(values.get(first))


def _switch(name: str, help_text: str, option: str = "") -> Field:
    return Field(name, to_bool, help_text, "bool", True, option=option)


def _price(name: str, help_text: str) -> Field:
    return Field(f"{name}_price_micros", read.micros, f"US dollars {help_text}", "price", option=f"{name}_price")


_ALL = (
    Noun("providers", "provider", "Where models are: base and the variable that holds the key.", ("name",), (
        Field("name", read.name, "Name of the provider", required=True),
        Field("provider", to_choice(*PROVIDERS), "LiteLLM provider, `openai` for any OpenAI-compatible upstream",
              required=True),
        Field("base_url", to_url, "Base URL; default the provider's own"),
        Field("key_env", read.variable, "Variable that holds the key, `none` for no key; default the usual one"),
        Field("account_tier", read.line, "Tier of the account there: `free`, `tier-2`"),
        _switch("active", "Whether its models are served"),
        Field("timeout_s", read.number(0.001, 86_400), "Seconds to the first byte of a stream or to the whole answer",
              "number", option="timeout"),
        Field("retries", BY_SUFFIX["RETRIES"].read, "Retries on connection errors", "int"),
        Field("notes", read.prose, "Anything worth knowing"),
    )),
    Noun("models", "model", "What is served under which alias, at what price.", ("alias",), (
        Field("alias", read.name, "What clients send as `model`", required=True),
        Field("provider", read.name, "Name of the provider's row", required=True, refers="providers"),
        Field("model_id", read.line, "Model id as the provider's API expects it; default the alias", required=True),
        Field("display_name", read.line, "Name for people"),
        Field("mode", to_choice(*MODES), "What the model does: " + ", ".join(MODES)),
        Field("context_window", read.count, "Context window in tokens", "int"),
        Field("max_output", read.count, "Most output tokens", "int"),
        Field("vision", to_bool, "Whether it takes images", "bool"),
        Field("tools", to_bool, "Whether it calls tools", "bool"),
        _price("input", "per million input tokens"),
        _price("cached_input", "per million cached input tokens"),
        _price("output", "per million output tokens"),
        _price("reasoning", "per million reasoning tokens, where they cost other than output"),
        _price("image", "per image"),
        Field("price_source", read.line, "Where the prices come from"),
        _switch("enabled", "Whether it is served"),
        Field("deprecated_on", read.day, "Day on which the provider retires it", "date"),
        Field("caps", read.mapping, 'Further capabilities as JSON: {"efforts": ["low", "high"]}', "object"),
    )),
    Noun("endpoints", "endpoint", "Names that stand for a model with its defaults, tools and template.", ("slug",), (
        Field("slug", read.name, "What clients send as `model`", required=True),
        Field("model", read.name, "Alias of the model that answers", refers="models"),
        Field("chain", read.name, "Name of the chain that answers, instead of one model", refers="chains"),
        Field("path", read.path, "The route it works on", default="/chat/completions"),
        Field("method", read.method, "HTTP method", default="POST"),
        Field("temperature", read.number(0, 2), "Default of `temperature`", "number"),
        Field("max_tokens", read.short_count, "Default of `max_tokens`", "int"),
        Field("top_p", read.number(0, 1), "Default of `top_p`", "number"),
        _switch("streaming", "Whether answers may be streamed"),
        Field("tools", read.names, "Tools offered where the client brings none", "list", (), refers="tools"),
        _switch("active", "Whether it is served"),
    )),
    Noun("prompts", "prompt", "Templates in versions; one is active, one more may get a share.", ("slug", "version"), (
        Field("slug", read.name, "Name of the template, what clients send as `prompt_id`", required=True),
        Field("version", read.short_count, "Version, counted from 1", "int"),
        Field("endpoint", read.name, "Endpoint that uses it", refers="endpoints"),
        Field("system_prompt", read.prose, "System prompt", option="system"),
        Field("user_template", read.prose, "User message; {{name}} is filled from `prompt_variables`", option="user"),
        _switch("active", "Whether it is the active version"),
        Field("share", read.share, "Percent of requests for this version beside the active one (A/B)", "int"),
    )),
    Noun("tools", "tool", "Functions that endpoints offer to their model.", ("name",), (
        Field("name", read.tool_name, "Name of the function", required=True),
        Field("description", read.prose, "What it does, for the model"),
        Field("schema", read.schema, "JSON schema of its parameters", "object", required=True),
    )),
    Noun("flags", "flag", "What is switched off or on: everywhere, or for a tier, endpoint or environment.",
         ("name", "tier", "endpoint", "environment"), (
             Field("name", read.name, "Name: `enable_streaming`, `enable_tool_use`, `enable_vision`", required=True),
             _switch("enabled", "Whether it is on", option="on"),
             Field("tier", read.name, "Only for keys of this tier", refers="tiers"),
             Field("endpoint", read.name, "Only for this endpoint", refers="endpoints"),
             Field("environment", read.name, "Only where GATEWAY_ENVIRONMENT says so"),
             Field("description", read.line, "Why"),
         )),
    Noun("tiers", "tier", "Groups of client keys.", ("name",), (
        Field("name", read.name, "Name of the tier", required=True),
        Field("description", read.line, "Who belongs to it"),
    )),
    Noun("chains", "chain", "Models that are tried one after another.", ("name",), (
        Field("name", read.name, "Name of the chain", required=True),
        Field("alias", read.name, "What clients send as `model`; default the name", required=True),
        Field("triggers", read.triggers, "What moves a request on: " + ", ".join(TRIGGERS), "list", DEFAULT_TRIGGERS,
              option="on"),
        Field("models", read.names, "Aliases of its models in order", "list", (), required=True, refers="models"),
        _switch("active", "Whether it is served"),
    )),
    Noun("limits", "limit", "What may be used, by whom, in which time.", ("name",), LIMIT_FIELDS),
)
# In the order in which rows can be written: what is referred to comes first.
ORDER = ("tiers", "tools", "providers", "models", "chains", "endpoints", "prompts", "flags", "limits")
NOUNS: Mapping[str, Noun] = MappingProxyType({name: next(n for n in _ALL if n.name == name) for name in ORDER})
