"""Which keys an installed LiteLLM reads, taken from its source without importing it (2 s, once per version)."""

import ast
import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from .keys_models import model_rows, routing_rules
from .keys_source import Source, named_constants, read_by
from .keys_table import SHAPE
from .keys_types import ANY, type_text

_SERVER, _ROUTER, _PROXY_TYPES = "proxy/proxy_server.py", "router.py", "proxy/_types.py"
_CLASS_FILES = ("types/router.py", "types/utils.py", "types/litellm_params.py", _PROXY_TYPES)
_MORE_CLASSES = ("types/secret_managers/main.py", "types/proxy/management_endpoints/ui_sso.py", "proxy/proxy_cli.py")
# Settings that LiteLLM builds an object from when it starts, which fails for a value of a wrong type inside.
_NESTED = {
    "router_settings.retry_policy": "RetryPolicy", "router_settings.allowed_fails_policy": "AllowedFailsPolicy",
    "router_settings.alerting_config": "AlertingConfig", "router_settings.routing_groups": "RoutingGroup",
    "litellm_settings.upperbound_key_generate_params": "LiteLLM_UpperboundKeyGenerateParams",
    "litellm_settings.priority_reservation_settings": "PriorityReservationSettings",
    "litellm_settings.model_group_settings": "ModelGroupSettings",
    "litellm_settings.default_team_settings": "TeamDefaultSettings",
    "litellm_settings.prompt_injection_params": "LiteLLMPromptInjectionParams",
    "general_settings.key_management_settings": "KeyManagementSettings",
    "general_settings.coordination_redis": "CoordinationRedisParams", "general_settings.plugins": "PluginConfig",
}
_ENTRY = {"rpm": "int|null", "tpm": "int|null"}  # router.py, _add_deployment
_REQUEST_HOLDERS = "optional_params|litellm_params|kwargs|non_default_params|optional_params_dict|litellm_params_dict"
# What the annotations leave open, and LiteLLM hands to plain Python or to the upstream as it is.
_BETTER = {
    "model": "str", "timeout": "float|null", "stream_timeout": "float|null", "drop_params": "bool|null",
    "organization": "str|list:str|null", "max_tokens": "int|null", "max_completion_tokens": "int|null",
    "temperature": "float|null", "top_p": "float|null", "n": "int|null", "seed": "int|null", "stream": "bool|null",
    "frequency_penalty": "float|null", "presence_penalty": "float|null", "extra_headers": "dict|null",
    "extra_body": "dict|null", "headers": "dict|null", "additional_drop_params": "list|null",
    "allowed_openai_params": "list|null", "max_agentic_loops": "int|null",
    "configurable_clientside_auth_params": "list|null", "dataSources": "list:dict|null",
    "aws_session_tags": "list:dict|null", "tiered_pricing": "list:dict|null",
}
_BETTER_INFO = {"supported_environments": "list:str|null", "litellm_provider": "str|null"}

_BETTER_GENERAL = {
    "user_api_key_cache_ttl": "float|null", "key_management_settings": "dict|null", "tracing": "dict|null",
    "role_permissions": "list|null", "allowed_ips": "list|null", "public_routes": "list|null",
    "admin_only_routes": "list|null", "health_check_staleness_threshold": "int|null", "litellm_jwtauth": "dict|null",
    "mcp_advertised_versions": "list:str|null", "search_tools": "list|null", "team_metadata_schema": "list|null",
    "health_check_details": "bool|null", "enable_health_check_routing": "bool|null", "enforced_params": "list|null",
    "enable_jwt_auth": "bool|null", "use_redis_transaction_buffer": "bool|null", "disable_spend_logs": "bool|null",
    "proxy_batch_write_at": "int|null", "proxy_budget_rescheduler_min_time": "int|null",
    "proxy_budget_rescheduler_max_time": "int|null", "proxy_batch_polling_interval": "int|null",
}
_BETTER_MODULE = {
    "request_timeout": "float", "cache_params": "dict|null", "json_logs": "bool", "set_verbose": "bool",
    "modify_params": "bool", "drop_params": "bool|null", "upperbound_key_generate_params": "dict",
    "priority_reservation_settings": "dict", "prompt_injection_params": "dict|null", "key_alias_pattern": "str|null",
    "default_team_settings": "list|null", "responses": "dict", "guardrails": "list", "cache": "bool|null",
    "model_group_settings": "dict", "post_call_rules": "str", "callbacks": "list|str",
}
_BETTER_ROUTER = {"provider_budget_config": "dict|null", "optional_pre_call_checks": "list:str|null"}
# Parts of LiteLLM itself: litellm_settings sets attributes of the module, and would overwrite them.
_INTERNAL = {
    "model_cost", "model_list", "model_list_set", "models_by_provider", "in_memory_llm_clients_cache", "client_session",
    "aclient_session", "verbose_logger", "turn_on_debug", "turn_on_json", "secret_manager_client", "error_logs",
    "vector_store_registry", "vector_store_index_registry", "guardrail_name_config_map", "prompt_name_config_map",
    "known_tokenizer_config", "encoding", "adapters", "credential_list", "initialized_langfuse_clients", "litellm_mode",
    "request_timeout_explicitly_set", "check_provider_endpoint", "config_path", "common_cloud_provider_auth_params",
}


def extract(package: Path, version: str) -> dict[str, Any]:
    """Return the table of the LiteLLM at ``package``; raises OSError, SyntaxError or ValueError where it is none."""
    source = Source(package)
    source.load_classes(*_CLASS_FILES, *(file for file in _MORE_CLASSES if (package / file).is_file()))
    proxy = list(source.texts("proxy"))
    rest = [*source.texts("integrations"), *source.texts("litellm_core_utils"), *source.texts("caching")]
    prices = json.loads((package / "model_prices_and_context_window_backup.json").read_text(encoding="utf-8"))
    return {
        "shape": SHAPE, "litellm": version,
        "top": sorted(_top(source)),
        "keys": {
            "entry": _by_type(source.fields("Deployment") | _ENTRY),
            "litellm_params": _by_type(_untyped(_params(source)) | _params_typed(source)),
            "model_info": _by_type(_untyped(_info(source, proxy, prices)) | source.fields("ModelInfo")
                                   | _BETTER_INFO),
            "general_settings": _by_type(_untyped(_general(proxy)) | source.fields("ConfigGeneralSettings")
                                         | source.fields("DatabaseTimeoutSettings") | _BETTER_GENERAL),
            "litellm_settings": _by_type(_untyped(_module_read(source, proxy + rest)) | _module(source)
                                         | _BETTER_MODULE),
            "router_settings": _by_type(_router(source) | _BETTER_ROUTER),
        },
        "nested": {path: _by_type(source.fields(name)) for path, name in _NESTED.items()},
        "required": {path: names for path, name in _NESTED.items() if (names := source.required(name))},
        "internal": sorted(_INTERNAL),
        "strategies": ["simple-shuffle", "lar1", *source.enum("RoutingStrategy")],
        "providers": sorted({*source.enum("LlmProviders"), *_json_providers(package)}),
        "key_names": _json_providers(package),
        "callbacks": _callbacks(source, package),
        "endpoints": [text for text in source.constant("constants.py", "openai_compatible_endpoints") if "." in text],
        "rules": routing_rules(prices),
        "models": model_rows(prices, source),
    }


def _untyped(names: Iterable[str]) -> dict[str, str]:
    return dict.fromkeys(sorted(names), ANY)


def _by_type(keys: dict[str, str]) -> dict[str, list[str]]:
    return {kind: sorted(name for name in keys if keys[name] == kind) for kind in sorted(set(keys.values()))}


def _top(source: Source) -> set[str]:
    tree = next(node for node in source.tree(_SERVER).body if isinstance(node, ast.ClassDef)
                and node.name == "ProxyConfig")
    wanted = [node for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
              and re.match(r"load_|_?init_|parse_|_load_|_warn_on|_initialize_", node.name)]
    found = {name for node in wanted for name in read_by("config", ast.unparse(node))}
    misplaced = {"enable_jwt_auth", "litellm_jwtauth"}  # named only to warn that they stand in the wrong place
    return {*found, "include"} - misplaced


def _params_typed(source: Source) -> dict[str, str]:
    typed = source.fields("LiteLLMParamsTypedDict") | source.fields("LiteLLM_Params")
    return typed | _BETTER


def _params(source: Source) -> set[str]:
    found = source.nested_fields("types/litellm_params.py") | {"self", "use_client"}
    for name in ("OPENAI_CHAT_COMPLETION_PARAMS", "OPENAI_TRANSCRIPTION_PARAMS", "OPENAI_EMBEDDING_PARAMS",
                 "DEFAULT_CHAT_COMPLETION_PARAM_VALUES", "DEFAULT_EMBEDDING_PARAM_VALUES"):
        found.update(source.constant("constants.py", name))
    found.update(source.fields("CustomPricingLiteLLMParams"), source.fields("StandardCallbackDynamicParams"))
    for folder in ("llms", "router_utils", "router_strategy", "litellm_core_utils", "images", "responses"):
        for text in source.texts(folder):
            found.update(read_by(_REQUEST_HOLDERS, text))
    for file in (_ROUTER, "main.py", "utils.py"):
        found.update(read_by(_REQUEST_HOLDERS, (source.package / file).read_text(encoding="utf-8")))
        found.update(_arguments(source, file))
    return {name for name in found if name[:1].isalpha()}


def _arguments(source: Source, file: str) -> set[str]:
    names = ("completion", "embedding", "image_generation", "transcription", "speech", "rerank", "text_completion")
    functions = [found for name in names if (found := source.function(file, name))] if file == "main.py" else []
    return {argument.arg for function in functions for argument in (*function.args.args, *function.args.kwonlyargs)}


def _info(source: Source, texts: list[str], prices: dict[str, Any]) -> set[str]:
    found = {name for row in prices.values() if isinstance(row, dict) for name in row}
    for text in (*texts, (source.package / _ROUTER).read_text(encoding="utf-8")):
        found.update(read_by("_?model_info", text))
    return found


def _general(texts: list[str]) -> set[str]:
    found: set[str] = set()
    constants = {name: value for text in texts for name, value in named_constants(text).items()}
    for text in texts:
        found.update(read_by("_?general_settings|typed_general_settings|settings", text))
        names = re.findall(r"settings(?:\s*or\s*\{\}\))?\.get\(\s*([A-Z_]+)[,)\s]", text)
        found.update(constants[name] for name in names if name in constants)
    return found


def _module(source: Source) -> dict[str, str]:
    """Return LiteLLM's module attributes with their types; its functions, classes and constants are no settings."""
    found: dict[str, str] = {}
    kinds = source.kinds()
    for node in source.tree("__init__.py").body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            found[node.target.id] = type_text(node.annotation, kinds)
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            found.setdefault(node.targets[0].id, ANY)
        elif isinstance(node, ast.ImportFrom) and node.module in ("litellm.constants", "litellm._logging"):
            found.update(dict.fromkeys((alias.asname or alias.name for alias in node.names), ANY))
    return {name: kind for name, kind in found.items() if name.islower() and name[0] != "_" and name not in _INTERNAL
            and not name.endswith(("_models", "_model_list", "_endpoints", "_providers", "_llms"))}


def _module_read(source: Source, texts: list[str]) -> set[str]:
    load = source.function(_SERVER, "load_config")
    found: set[str] = set()
    for node in ast.walk(load) if load else ():
        if isinstance(node, ast.Compare) and ast.unparse(node.left) == "key":
            found.update(item.value for item in ast.walk(node.comparators[0]) if isinstance(item, ast.Constant)
                         and isinstance(item.value, str))
    for text in texts:
        found.update(read_by("_?litellm_settings", text))
        found.update(re.findall(r"getattr\(litellm, \"([a-z_]+)\"", text))
    return found


def _router(source: Source) -> dict[str, str]:
    init = next(node for item in source.tree(_ROUTER).body if isinstance(item, ast.ClassDef) and item.name == "Router"
                for node in item.body if isinstance(node, ast.FunctionDef) and node.name == "__init__")
    outside = {"self", *source.constant("constants.py", "ROUTER_SETTINGS_MANAGED_OUTSIDE_CONFIG")}
    kinds = source.kinds() | {"RoutingStrategyName": ANY, "RoutingPlugin": "str"}
    return {argument.arg: type_text(argument.annotation, kinds)
            for argument in (*init.args.args, *init.args.kwonlyargs) if argument.arg not in outside}


def _json_providers(package: Path) -> dict[str, str]:
    """Return the providers that are described by data alone, with the variables of their keys."""
    path = package / "llms" / "openai_like" / "providers.json"
    rows = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return {name: str(row.get("api_key_env") or "") for name, row in rows.items()}


def _callbacks(source: Source, package: Path) -> dict[str, list[str]]:
    known = source.constant("__init__.py", "_custom_logger_compatible_callbacks_literal")
    generic = package / "integrations" / "generic_api" / "generic_api_compatible_callbacks.json"
    named = list(json.loads(generic.read_text(encoding="utf-8"))) if generic.is_file() else []
    built_in = _compared(source, "proxy/common_utils/callback_utils.py", "initialize_callbacks_on_proxy")
    logging = (package / "litellm_core_utils" / "litellm_logging.py").read_text(encoding="utf-8")
    logged = set(re.findall(r"callback == \"([\w-]+)\"|logging_integration == \"([\w-]+)\"", logging))
    return {"callbacks": sorted({*known, *named, *built_in}),
            "logged": sorted({name for pair in logged for name in pair if name} | {*known, *named, "sentry"})}


def _compared(source: Source, file: str, function: str) -> set[str]:
    node = source.function(file, function)
    return {item.value for part in ast.walk(node) if isinstance(part, ast.Compare)
            and ast.unparse(part.left) == "callback" for item in part.comparators
            if isinstance(item, ast.Constant) and isinstance(item.value, str)} if node else set()
