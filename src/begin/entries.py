"""Reads model_list: which upstream an entry means, with which key, and its fields."""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal, InvalidOperation
from types import MappingProxyType

from ..config.fields import BY_ATTRIBUTE, FIELDS
from ..config.models import MODES
from ..config.providers import PROVIDERS, split_provider
from ..config.readers import BadValue
from ..policy.noun_fields import name
from .blocks import SHARED
from .deployment import ROW_PRICES, ROW_SWITCHES, Deployment, Reading
from .dotenv_text import Unwritable, quoted
from .entry_keys import read_base, read_key
from .litellm_keys import instead
from .yaml_tree import Node

PARAMS: Mapping[str, str] = MappingProxyType({
    "max_tokens": "max_tokens", "rpm": "rpm", "tpm": "tpm", "max_parallel_requests": "max_parallel",
    "reasoning_effort": "reasoning_effort", "timeout": "timeout", "stream_timeout": "stream_timeout",
    "num_retries": "retries", "max_retries": "retries", "extra_headers": "headers", "headers": "headers",
    "allowed_openai_params": "allow_params", "additional_drop_params": "drop_params",
    "input_cost_per_token": "input_cost", "output_cost_per_token": "output_cost"})
INFO: Mapping[str, str] = MappingProxyType({
    "mode": "mode", "max_input_tokens": "context_window", "rpm": "rpm", "tpm": "tpm",
    "input_cost_per_token": "input_cost", "output_cost_per_token": "output_cost"})
# LiteLLM's prefixes that speak another provider's protocol.
_PREFIXES = {"custom_openai": "openai", "openai_like": "openai", "text-completion-openai": "openai",
             "azure_text": "azure", "vertex_ai_beta": "vertex_ai", "huggingface_tgi": "huggingface"}
# How LiteLLM 1.106 tells the provider of a bare name (get_llm_provider_logic.py, its lists of known models).
_BARE = (("gpt-", "openai"), ("chatgpt-", "openai"), ("o1", "openai"), ("o3", "openai"), ("o4", "openai"),
         ("text-embedding-", "openai"), ("dall-e", "openai"), ("whisper-", "openai"), ("tts-", "openai"),
         ("ft:gpt-", "openai"), ("claude-", "anthropic"), ("command", "cohere_chat"), ("gemini-", "vertex_ai"),
         ("anthropic.", "bedrock"), ("amazon.", "bedrock"), ("meta.llama", "bedrock"))
_OUR_MODE = {theirs: ours for ours, theirs in MODES.items()}
_READ_BEFORE = ("model", "api_base", "base_url", "api_key", "litellm_credential_name")
MILLION = 1_000_000


def read_entries(reading: Reading, entries: Node, credentials: Mapping[str, Node]) -> None:
    """Read every entry of model_list into ``reading``."""
    for entry in entries.items():
        model = _new(reading, entry)
        if model is None:
            continue
        params = entry.children["litellm_params"]
        merged = _with_credential(reading, params, credentials, model)
        reading.models.append(model)
        read_base(reading, model, merged.get("api_base") or merged.get("base_url"))
        read_key(reading, model, merged.get("api_key"))
        for node in merged.items():
            _param(reading, model, node)
        info = entry.get("model_info")
        for node in info.items() if info else ():
            _info(reading, model, node)
        for node in entry.items():
            if node.key in PARAMS:
                reading.report.lost(node, "LiteLLM reads it inside litellm_params only; set "
                                    f"{model.variable(PARAMS[node.key])} if it is meant")


def _new(reading: Reading, entry: Node) -> Deployment | None:
    """Return the entry's model without its fields; None, with the reason reported, where it cannot be one."""
    params, alias = entry.get("litellm_params"), entry.get("model_name")
    named = params.get("model") if params else None
    if alias is None or params is None or named is None:
        reading.report.lost(entry, "the entry needs model_name and litellm_params.model; LiteLLM fails on it too")
        return None
    text = reading.text(named)
    if text is None:
        reading.report.lost(entry, "the entry is left out without its model")
        return None
    upstream = provider_of(text, params.get("custom_llm_provider"))
    if upstream is None:
        reading.report.lost(entry, "LiteLLM does not know a provider of this model and drops the entry; write "
                            "`model: openai/...` for an OpenAI-compatible upstream")
        return None
    for attribute, value in (("alias", alias.text), ("upstream", "/".join(upstream))):
        try:
            BY_ATTRIBUTE[attribute].read(value)
            if reading.rows:
                name(value)
            quoted(value)
        except (BadValue, Unwritable) as error:
            reading.report.lost(entry, f"its {'model_name' if attribute == 'alias' else 'model'} {error}")
            return None
    if "/" not in text and params.get("custom_llm_provider") is None and upstream[0] != "openai":
        reading.report.warn(named, f"LiteLLM guesses the provider of a bare name; {upstream[0]} is meant here")
    info = entry.get("model_info")
    stated = info.get("id") if info else None
    model = Deployment(reading.new_key(alias.text, stated), alias.text, *upstream, entry)
    reading.report.carried(alias, reading.place(model, "alias"))
    reading.report.carried(named, reading.place(model, "upstream"))
    if stated is not None:
        reading.report.unneeded(stated, f"deployments are named after their keys: {model.key}")
    return model


def provider_of(text: str, stated: Node | None) -> tuple[str, str] | None:
    """Return (provider, model) as LiteLLM understands ``text``, None where it does not."""
    prefix, slash, rest = text.partition("/")
    if stated is not None:
        provider = _PREFIXES.get(stated.text, stated.text)
        return (provider, text.removeprefix(f"{stated.text}/")) if provider in PROVIDERS else None
    if slash and rest and prefix in _PREFIXES:
        return _PREFIXES[prefix], rest
    if slash and rest and prefix in PROVIDERS:
        return split_provider(text)
    if slash:
        return None
    return next(((provider, text) for start, provider in _BARE if text.startswith(start)), None)


def _with_credential(reading: Reading, params: Node, credentials: Mapping[str, Node], model: Deployment) -> Node:
    """Return litellm_params with the values of the credential that it names; its own win."""
    named = params.get("litellm_credential_name")
    if named is None:
        return params
    values = credentials.get(named.text)
    if values is None:
        variable = model.fresh_key
        if params.get("api_key") is None:  # or the usual key would go where it was not meant to
            model.values["api_key_env"] = variable
            reading.wanted[variable] = None
        reading.report.lost(named, f"there is no such credential in credential_list; set {variable}")
        return params
    reading.report.carried(named, "the credential's values, for this model")
    return replace(params, children={**values.children, **params.children})


def _param(reading: Reading, model: Deployment, node: Node) -> None:
    key = node.key
    if key in _READ_BEFORE or node.kind == "null" or model.provider in SHARED.get(key, ("", ()))[1]:
        return
    if key == "custom_llm_provider":
        reading.report.carried(node, reading.place(model, "upstream"))
    elif reading.generated and (key, node.text) == ("max_retries", "0"):
        reading.report.unneeded(node, "the gateway always says so")
    elif key == "drop_params" and node.truth:
        reading.report.unneeded(node, "always on; what is dropped is shown per request")
    elif key in PARAMS:
        _field(reading, model, PARAMS[key], node)
    else:
        _of_row(reading, model, node, "litellm_params")


def _info(reading: Reading, model: Deployment, node: Node) -> None:
    known = {"max_input_tokens": model.caps.max_input or model.caps.context_window,
             "max_output_tokens": model.caps.max_output}
    if node.kind == "null" or node.key == "id":
        return
    if node.key in known and node.text == str(known[node.key]):
        reading.report.unneeded(node, f"known of {model.model}")
    elif node.key == "mode" and _OUR_MODE.get(node.text) == model.caps.mode:
        reading.report.unneeded(node, f"the default: {model.caps.mode}")
    elif node.key in INFO:
        _field(reading, model, INFO[node.key], node)
    else:
        _of_row(reading, model, node, "model_info")


def _of_row(reading: Reading, model: Deployment, node: Node, block: str) -> None:
    """Keep what only a row of the registry can hold; report the rest."""
    dollars = per_million(node.text)
    if node.key in ROW_PRICES and dollars is not None and dollars >= 0 and dollars * MILLION % 1 == 0:
        model.row[ROW_PRICES[node.key]] = int(dollars * MILLION)
    elif node.key in ("input_cost_per_image", "output_cost_per_image") and dollars is not None and dollars % 1 == 0:
        model.row["image_price_micros"] = int(dollars)
    elif node.key in ROW_SWITCHES and node.truth is not None:
        model.row[ROW_SWITCHES[node.key]] = node.truth
    elif node.key == "max_output_tokens" and node.text.isdecimal():
        model.row["max_output"] = int(node.text)
    else:
        reading.report.lost(node, instead(block, node.key))
        return
    if reading.rows:
        reading.report.carried(node, f"row models/{model.alias}")
    else:
        reading.report.lost(node, instead("model_info", node.key))


def _field(reading: Reading, model: Deployment, attribute: str, node: Node) -> None:
    if attribute in model.values:
        reading.report.lost(node, f"{model.variable(attribute)} is taken from another key of this entry already")
        return
    text = _text_of(reading, attribute, node)
    if text is None:
        return
    if attribute == "stream_timeout" and text in ("60", "60.0"):
        reading.report.unneeded(node, "the default")
    elif attribute == "reasoning_effort" and text not in model.caps.efforts:
        accepts = "accepts " + ", ".join(model.caps.efforts) if model.caps.efforts else "does not accept it"
        reading.report.lost(node, f"{model.model} {accepts}; set {model.variable(attribute)} to one of these")
    elif reading.take(model, attribute, node, text) and attribute == "retries":
        reading.report.warn(node, "retries here are on connection errors only; for other errors declare fallbacks")


def _text_of(reading: Reading, attribute: str, node: Node) -> str | None:
    """Return the value of a field as our variables write it; None, reported, where that is impossible."""
    if attribute == "headers":
        return _headers(reading, node)
    if node.kind == "list" and attribute in ("allow_params", "drop_params"):
        return ",".join(child.text for child in node.items())
    text = reading.text(node)
    if text is None or attribute not in ("input_cost", "output_cost"):
        return _OUR_MODE.get(text, text) if attribute == "mode" and text else text
    dollars = per_million(text)
    return text if dollars is None else f"{dollars:f}"


def _headers(reading: Reading, node: Node) -> str | None:
    pairs = []
    for child in node.items():
        value = reading.text(child)
        if value is None:
            return None
        pairs.append((child.key, value))
    text = ",".join(f"{header}={value.replace(',', chr(92) + ',')}" for header, value in pairs)
    try:
        same = BY_ATTRIBUTE["headers"].read(text) == tuple(pairs)
    except BadValue:
        return text  # our reader says what is wrong with it
    if not same:
        reading.report.lost(node, "a value begins or ends with spaces or holds backslashes")
    return text if same else None


def per_million(text: str) -> Decimal | None:
    """Return US dollars per million of a price per token, exactly; None where the text is no number."""
    try:
        return (Decimal(text) * MILLION).normalize() + 0
    except InvalidOperation:
        return None


assert set(PARAMS.values()) | set(INFO.values()) <= {field.attribute for field in FIELDS}
