"""Reads the settings blocks of a LiteLLM file, its environment_variables and its credentials."""

import re
from collections.abc import Mapping
from types import MappingProxyType

from ..config import checks
from ..config.environment import Secret
from ..config.fields import BY_ATTRIBUTE
from ..config.readers import BadValue
from ..config.settings import BY_NAME
from .deployment import NO_ROW, REFERENCE, ROW_FIELDS, Deployment, Reading
from .dotenv_text import Unwritable, is_name, quoted
from .litellm_keys import instead, unneeded
from .yaml_tree import Node

BLOCKS = ("litellm_settings", "router_settings", "general_settings")
# Block -> key -> field that every model gets which names none.
DEFAULTS: Mapping[str, Mapping[str, str]] = MappingProxyType({
    "litellm_settings": {"request_timeout": "timeout", "num_retries": "retries"},
    "router_settings": {"timeout": "timeout", "stream_timeout": "stream_timeout", "num_retries": "retries"},
})
# Parameters of entries that LiteLLM also takes from a variable, for all models of the provider at once.
SHARED: Mapping[str, tuple[str, tuple[str, ...]]] = MappingProxyType({
    "api_version": ("AZURE_API_VERSION", ("azure", "azure_ai")),
    "aws_region_name": ("AWS_REGION_NAME", ("bedrock", "sagemaker")),
    "aws_access_key_id": ("AWS_ACCESS_KEY_ID", ("bedrock", "sagemaker")),
    "aws_secret_access_key": ("AWS_SECRET_ACCESS_KEY", ("bedrock", "sagemaker")),
    "vertex_project": ("VERTEXAI_PROJECT", ("vertex_ai",)), "vertex_location": ("VERTEXAI_LOCATION", ("vertex_ai",)),
    "organization": ("OPENAI_ORGANIZATION", ("openai",)),
})
_READ_BEFORE = ("fallbacks", "default_fallbacks", "context_window_fallbacks", "model_group_alias")
_SECRET = re.compile(r"(?!.*(cost|price)).*(key|key_id|token|secret|password|credentials?|authorization|cookie|"
                     r"connection_string)", re.IGNORECASE)


def credentials(reading: Reading, root: Node) -> dict[str, Node]:
    """Return credential_list by name; the values are read with the entries that name them."""
    found = {}
    for entry in root.below("credential_list"):
        name, values = entry.get("credential_name"), entry.get("credential_values")
        if name is not None and values is not None:
            found[name.text] = values
            reading.report.carried(name, "each model that names it")
        if (info := entry.get("credential_info")) is not None:
            reading.report.unneeded(info, "only for LiteLLM's own pages")
    return found


def read_environment(reading: Reading, root: Node) -> None:
    """Take over environment_variables, which LiteLLM sets for itself at its start."""
    for node in root.below("environment_variables"):
        found = REFERENCE.fullmatch(node.text)
        if not is_name(node.key) or node.kind in ("map", "list"):
            reading.report.lost(node, "this is no variable with a value")
        elif found and found[1] == node.key:
            reading.report.unneeded(node, "the variable's own value")
        elif found:
            reading.wanted[node.key] = None
            reading.report.lost(node, f"set {node.key} to the value of {found[1]}")
        else:
            _variable(reading, node, node.key, node.text)


def _variable(reading: Reading, node: Node, name: str, value: str) -> None:
    secret = _SECRET.fullmatch(name) is not None
    try:
        quoted(value)
        if name in BY_NAME:
            BY_NAME[name].read(value)
    except (Unwritable, BadValue) as error:
        reading.report.lost(node, f"{name} {error}")
        return
    (reading.secrets if secret else reading.variables)[name] = value
    if reading.rows:
        reading.report.lost(node, f"rows hold no settings; set {name} in the environment or .env")
    else:
        reading.report.carried(node, name)
    if secret:
        reading.report.warn(node, f"a secret stands in clear in the file; {name} is its variable")


def read_shared(reading: Reading) -> None:
    """Carry what LiteLLM also reads from a variable, where every model of the provider says the same."""
    for param, (name, providers) in SHARED.items():
        models = [model for model in reading.models if model.provider in providers]
        nodes = [node for model in models if (node := model.node.children["litellm_params"].get(param))]
        texts = {node.text for node in nodes}
        if nodes and len(texts) == 1 and len(nodes) == len(models):
            _share(reading, nodes, name, nodes[0].text)
            continue
        for node in nodes:
            reading.report.lost(node, f"LiteLLM reads {name} for all of these models; here they differ")


def _share(reading: Reading, nodes: list[Node], name: str, text: str) -> None:
    found = REFERENCE.fullmatch(text)
    for node in nodes:
        if found:
            reading.wanted[name] = None
            if found[1] == name:
                reading.report.carried(node, name)
            else:
                reading.report.lost(node, f"set {name} to the value of {found[1]}")
        else:
            _variable(reading, node, name, text)


def read_blocks(reading: Reading, root: Node) -> None:
    """Read the three blocks of settings, fallbacks excepted."""
    for block in BLOCKS:
        for node in root.below(block):
            if node.kind == "null" or node.key in _READ_BEFORE:
                continue
            if node.key in DEFAULTS.get(block, {}):
                _default(reading, node, DEFAULTS[block][node.key])
            else:
                _setting(reading, block, node)


def _default(reading: Reading, node: Node, attribute: str) -> None:
    if reading.generated and (node.key, node.text) == ("num_retries", "0"):
        reading.report.unneeded(node, "the gateway always says so")
        return
    text = reading.text(node)
    missing = [model for model in reading.models if attribute not in model.values]
    try:
        BY_ATTRIBUTE[attribute].read(text or "")
    except BadValue as error:
        if text is not None:
            reading.report.lost(node, f"MODEL_<KEY>_{BY_ATTRIBUTE[attribute].suffixes[0]} {error}")
        return
    if reading.rows and attribute not in ROW_FIELDS:
        reading.report.lost(node, NO_ROW)
        return
    for model in missing:
        model.values[attribute] = str(text)
    reading.report.carried(node, f"each model that says nothing else: {len(missing)} of {len(reading.models)}")
    if attribute == "retries":
        reading.report.warn(node, "retries here are on connection errors only; for other errors declare fallbacks")


def _setting(reading: Reading, block: str, node: Node) -> None:
    why = unneeded(block, node.key, node.text)
    if (block, node.key) == ("general_settings", "master_key"):
        _master_key(reading, node)
    elif (block, node.key) == ("general_settings", "max_request_size_mb"):
        _variable(reading, node, "GATEWAY_MAX_BODY_MB", node.text)
    elif (block, node.key) == ("litellm_settings", "json_logs") and node.truth:
        _variable(reading, node, "GATEWAY_LOG_FORMAT", "json")
    elif node.key in ("callbacks", "success_callback", "failure_callback") and _names(node) == {"prometheus"}:
        reading.report.unneeded(node, "/metrics is there by itself, with the extra `metrics` installed")
    elif node.key == "optional_pre_call_checks" and _names(node) != {"enforce_model_rate_limits"}:
        reading.report.lost(node, "limits are always enforced; other checks are not known here")
    elif why is not None:
        reading.report.unneeded(node, why)
    else:
        reading.report.lost(node, instead(block, node.key))


def _names(node: Node) -> set[str]:
    return {child.text for child in node.items()} if node.kind == "list" else {node.text}


def _master_key(reading: Reading, node: Node) -> None:
    found = REFERENCE.fullmatch(node.text)
    if found and found[1] == checks.MASTER_KEY:
        reading.wanted[checks.MASTER_KEY] = None
        reading.report.carried(node, checks.MASTER_KEY)
    elif found:
        reading.wanted[checks.MASTER_KEY] = None
        reading.report.lost(node, f"the gateway reads {checks.MASTER_KEY}; give it the value of {found[1]}")
    elif problems := checks.master_key(Secret(checks.MASTER_KEY, node.text, "the file")):
        reading.wanted[checks.MASTER_KEY] = None
        reading.report.lost(node, f"{problems[0].what}; make a new one: {checks.MAKE_KEY}")
    else:
        _variable(reading, node, checks.MASTER_KEY, node.text)


def read_aliases(reading: Reading, root: Node) -> dict[str, Deployment]:
    """Make each name of model_group_alias a model of its own; return the new keys with the models they copy."""
    copies = {}
    for node in root.below("router_settings", "model_group_alias"):
        target = node.get("model") if node.kind == "map" else node
        models = [model for model in reading.models if target is not None and model.alias == target.text]
        if not models or any(model.alias == node.key for model in reading.models):
            reading.report.lost(node, "it names no model of this file" if not models else
                                "a model has this name already, which LiteLLM would hide")
            continue
        for model in models:
            copy = Deployment(reading.new_key(node.key, None), node.key, model.provider, model.model, model.node,
                              dict(model.values), dict(model.row))
            reading.models.append(copy)
            copies[copy.key] = model
        reading.report.carried(node, f"a model of its own under {node.key}")
        hidden = node.get("hidden")
        if hidden is not None and hidden.truth:
            reading.report.warn(node, "/v1/models lists this name too")
        if any(set(model.values) & {"rpm", "tpm"} for model in models):
            reading.report.warn(node, "each name has its own limits now")
    return copies


def clear_secrets(reading: Reading, root: Node) -> None:
    """Warn of every other secret that stands in clear, carried or not."""
    settled = {item.path for item in reading.report.of("carried", "unneeded", "warning")}
    for node in root.walk():
        held = _SECRET.fullmatch(node.key) or re.search(r"://[^/]*:[^/]*@", node.text)
        if node.kind == "text" and node.text and held and node.path not in settled \
                and not REFERENCE.fullmatch(node.text):
            reading.report.warn(node, "this may be a secret in clear; renew it where others saw the file")
