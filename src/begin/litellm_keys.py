"""What to say of LiteLLM's keys that no variable of ours stands for (names: LiteLLM 1.106)."""

from collections.abc import Mapping
from types import MappingProxyType

_LIMITS = "set MODEL_<KEY>_RPM, _TPM, _RPD or _TPD, or a row: litellm-gateway limits add"
_CACHE = "the gateway caches no answers; leave it out, or cache in the client"
_TOOLS = "the gateway has no such service; run it beside the gateway"
_LOGS = "every request is in the ledger and the request line: litellm-gateway report"
_OWN_KEYS = "client keys are the gateway's own: litellm-gateway keys add NAME"
_STORE = "the gateway keeps its state in a database of its own: GATEWAY_DATABASE_URL=postgresql://..."
_SHARED = "limits count in the gateway's database: GATEWAY_DATABASE_URL=postgresql://... for several gateways"
_COOLDOWN = "cooldowns are always off: one failure would close an only deployment; declare FALLBACKS or a chain"
_ENDPOINT = "a default of requests: make it an endpoint's, litellm-gateway endpoints add NAME --model ALIAS --help"
_PLACE = "set it in the client"
_DEBUG = "set GATEWAY_DEBUG=true for LiteLLM's debug log"
_ALWAYS = "the gateway always says so"
_HEALTH = "/health/readiness costs no request; nothing calls the models in the background"

# Block -> key -> why it need not be carried. A `=value` behind the key means: only where it has this value.
UNNEEDED: Mapping[str, Mapping[str, str]] = MappingProxyType({
    "litellm_settings": {
        "drop_params=true": "always on; what is dropped is shown per request",
        "disable_hf_tokenizer_download=true": _ALWAYS, "global_disable_no_log_param=true": _ALWAYS,
        "use_chat_completions_url_for_anthropic_messages=true": _ALWAYS, "expose_router_debug_in_errors=false": _ALWAYS,
        "set_verbose=false": "off by default", "telemetry=false": "the gateway sends none",
        "turn_off_message_logging=true": "no content is logged by default",
        "redact_user_api_key_info=true": "keys are scrubbed from every log", "json_logs=false": "decided by the output",
        "cache=false": "there is no cache", "suppress_debug_info=true": "not shown by default",
        "use_client_specific_params=false": "the default",
    },
    "router_settings": {
        "disable_cooldowns=true": _ALWAYS, "max_fallbacks": "counted from the chains",
        "routing_strategy=simple-shuffle": "the default where GATEWAY_LOAD_BALANCE shares an alias",
        "enable_pre_call_checks": "requests that are too long for a model move on to its fallbacks by themselves",
        "set_verbose=false": "off by default", "optional_pre_call_checks": "limits are always enforced",
    },
    "general_settings": {
        "disable_model_info_refresh=true": _ALWAYS, "cancel_on_disconnect=true": _ALWAYS,
        "trusted_proxy_ranges": "no client may name its own address", "background_health_checks": _HEALTH,
        "health_check_interval": _HEALTH, "store_model_in_db=false": "the default",
        "disable_spend_logs": "the ledger has its own switch, GATEWAY_LEDGER",
        "infer_model_from_keys": "models are those that are declared",
        "dangerously_permit_weak_or_unset_master_key=false": "never permitted",
    },
})

# Block -> key -> what to do instead. A name that ends with `*` stands for all that begin so.
INSTEAD: Mapping[str, Mapping[str, str]] = MappingProxyType({
    "": {
        "include": "import each of those files too, and merge what comes out", "guardrails": _TOOLS,
        "mcp_servers": _TOOLS, "mcp_tools": _TOOLS, "vector_store_registry": _TOOLS, "search_tools": _TOOLS,
        "prompts": "make them templates of the registry: litellm-gateway prompts add NAME --system TEXT",
        "files_settings": "files are not served", "finetune_settings": "fine-tuning is not served",
        "assistant_settings": "assistants are not served", "callback_settings": _LOGS,
        "worker_registry": "the gateway starts its own workers: WORKERS=4",
        "default_team_settings": "teams are tiers here: litellm-gateway tiers add NAME",
    },
    "litellm_settings": {
        "drop_params": "parameters that a model does not take are always dropped, and shown; see ALLOW_PARAMS",
        "callbacks": _LOGS, "success_callback": _LOGS, "failure_callback": _LOGS, "service_callback*": _LOGS,
        "audit_log_callbacks": _LOGS, "langfuse*": _LOGS, "store_audit_logs": "GATEWAY_LEDGER=audit is the nearest",
        "cache": _CACHE, "cache_params": _CACHE, "enable_caching*": _CACHE,
        "default_internal_user_params": _OWN_KEYS, "default_team_settings": _OWN_KEYS, "default_team_params": _OWN_KEYS,
        "upperbound_key_generate_params": _OWN_KEYS, "default_key_generate_params": _OWN_KEYS,
        "key_generation_settings": _OWN_KEYS, "max_budget": "set a budget: litellm-gateway limits add --help",
        "budget_duration": "budgets are per month: litellm-gateway limits add --help",
        "max_end_user_budget": "set a budget for each user: litellm-gateway limits add --help",
        "content_policy_fallbacks": "a refusal for its content does not move a request on; ask the other model",
        "allowed_fails": _COOLDOWN, "cooldown_time": _COOLDOWN, "modify_params": _PLACE, "json_logs": _DEBUG,
        "set_verbose": _DEBUG, "ssl_verify": "certificates of upstreams are always checked",
        "model_alias_map": "declare a model under each name", "mcp_aliases": _TOOLS, "guardrails*": _TOOLS,
        "custom_provider_map": "serve it as an OpenAI-compatible upstream and name its base",
        "turn_off_message_logging": "GATEWAY_LEDGER_CONTENT keeps the beginning of each body",
        "public_routes": "only the routes that clients need are open: GATEWAY_EXTRA_ROUTES",
    },
    "router_settings": {
        "routing_strategy": "requests for a shared alias are spread at random; for an order declare a chain",
        "routing_strategy_args": "requests for a shared alias are spread at random; for an order declare a chain",
        "allowed_fails*": _COOLDOWN, "cooldown_time": _COOLDOWN, "disable_cooldowns": _COOLDOWN,
        "retry_after": "retries are at once and on connection errors only", "redis*": _SHARED,
        "cache_responses": _CACHE, "cache_kwargs": _CACHE, "caching_groups": _CACHE,
        "retry_policy": "set MODEL_<KEY>_RETRIES; retries are on connection errors only",
        "model_group_retry_policy": "set MODEL_<KEY>_RETRIES; retries are on connection errors only",
        "content_policy_fallbacks": "a refusal for its content does not move a request on; ask the other model",
        "provider_budget_config": "set a budget per provider: litellm-gateway limits add --help",
        "default_max_parallel_requests": "set MODEL_<KEY>_MAX_PARALLEL",
        "default_litellm_params": "set it for each model", "default_priority": "requests are not queued by priority",
        "polling_interval": "requests are not queued by priority", "set_verbose": _DEBUG, "debug_level": _DEBUG,
        "enable_tag_filtering": "give each group its own aliases, and keys for them: litellm-gateway keys add --help",
    },
    "general_settings": {
        "database_*": _STORE, "store_model_in_db": "rows of the registry are the like: litellm-gateway models add",
        "custom_auth*": "the gateway has its own key check", "custom_key_generate": _OWN_KEYS,
        "custom_sso": _OWN_KEYS, "enable_jwt_auth": _OWN_KEYS, "litellm_jwtauth": _OWN_KEYS, "ui_*": _OWN_KEYS,
        "key_management_s*": "put the key's file into NAME_FILE, as vault agents do",
        "use_google_kms": "put the key's file into NAME_FILE, as vault agents do",
        "use_azure_key_vault": "put the key's file into NAME_FILE, as vault agents do",
        "alert*": "scrape /metrics and alert there", "spend_report_frequency": _LOGS, "store_prompts_in_spend_logs":
        "set GATEWAY_LEDGER_CONTENT", "maximum_spend_logs*": "set GATEWAY_LEDGER_DAYS",
        "proxy_batch_write_at": "the ledger writes within 100 ms", "user_api_key_cache*": "keys are always current",
        "max_parallel_requests": "set MODEL_<KEY>_MAX_PARALLEL", "global_max_parallel_requests":
        "set MODEL_<KEY>_MAX_PARALLEL", "max_in_flight_requests_per_worker": "set MODEL_<KEY>_MAX_PARALLEL",
        "allowed_routes": "only the routes that clients need are open: GATEWAY_EXTRA_ROUTES",
        "public_routes": "only the routes that clients need are open: GATEWAY_EXTRA_ROUTES",
        "admin_only_routes": "only the routes that clients need are open: GATEWAY_EXTRA_ROUTES",
        "pass_through_endpoints": "only the routes that clients need are open: GATEWAY_EXTRA_ROUTES",
        "max_response_size_mb": "answers are streamed through and not limited",
        "completion_model": "clients name the model; an alias of your own can stay the same",
        "otel": "set OTEL_EXPORTER_OTLP_ENDPOINT", "coordination_redis": _SHARED, "enforce_user_param":
        "give each client a key of its own: litellm-gateway keys add NAME",
        "dangerously_permit_weak_or_unset_master_key": "a strong LITELLM_MASTER_KEY is mandatory",
        "forward_client_headers_to_llm_api": "client headers stay here; set MODEL_<KEY>_HEADERS",
        "allow_user_auth": _OWN_KEYS, "proxy_config_reload_interval_seconds": "start with --watch",
    },
    "litellm_params": {
        **{name: _ENDPOINT for name in ("temperature", "top_p", "n", "stop", "seed", "presence_penalty", "user",
                                        "frequency_penalty", "response_format", "tools", "tool_choice", "top_k",
                                        "max_completion_tokens", "thinking", "verbosity", "stream", "extra_body")},
        "tags": "give each group its own aliases, and keys for them: litellm-gateway keys add --help",
        "weight": "requests for a shared alias are spread evenly", "order": "declare a chain: CHAIN_<KEY>_MODELS",
        "mock_response": "start with --demo for an upstream that needs no key", "itpm": _LIMITS, "otpm": _LIMITS,
        "default_api_key_*": "set limits of client keys: litellm-gateway keys add --help",
        "max_budget": "set a budget: litellm-gateway limits add --help",
        "budget_duration": "budgets are per month: litellm-gateway limits add --help",
        "cooldown_time": _COOLDOWN, "allowed_fails*": _COOLDOWN, "drop_params":
        "parameters that a model does not take are always dropped, and shown; see ALLOW_PARAMS",
        "use_in_pass_through": "only the routes that clients need are open: GATEWAY_EXTRA_ROUTES",
        "configurable_clientside_auth_params": "a client cannot choose the upstream",
        "auto_router_*": "clients name the model", "complexity_router_*": "clients name the model",
        "cache*": _CACHE, "ssl_verify": "certificates of upstreams are always checked", "guardrails": _TOOLS,
        "prompt_id": "name a template of the registry: litellm-gateway prompts add NAME", "ttl": _CACHE,
        "tpm_limit": _LIMITS, "rpm_limit": _LIMITS, "*_cost*":
        "only prices of tokens are known here: MODEL_<KEY>_INPUT_COST, MODEL_<KEY>_OUTPUT_COST, or a row of models",
    },
    "model_info": {
        "base_model": "set MODEL_<KEY>_INPUT_COST and MODEL_<KEY>_OUTPUT_COST where the price is not known",
        "access_groups": "say which models a key may use: litellm-gateway keys add --help",
        "team_id": "say which models a key may use: litellm-gateway keys add --help", "tier":
        "groups of client keys are tiers: litellm-gateway tiers add NAME",
        "supports_*": "a row of models says so: litellm-gateway models add --help",
        "max_output_tokens": "a row of models says so: litellm-gateway models add ALIAS --max-output N",
        "health_check_*": _HEALTH, "description": "keep it as a comment", "*_cost*":
        "a row of models knows further prices: litellm-gateway models add --help",
    },
})


def unneeded(block: str, key: str, text: str) -> str | None:
    """Return why ``key`` with this value need not be carried, None where it would have to be."""
    known = UNNEEDED.get(block, {})
    return known.get(key) or known.get(f"{key}={text.lower()}")


def instead(block: str, key: str) -> str:
    """Return what to do instead of ``key``."""
    known = INSTEAD.get(block, {})
    if key in known:
        return known[key]
    for name, text in known.items():
        if "*" in name and _fits(key, name):
            return text
    return "the gateway has nothing like it"


def _fits(key: str, pattern: str) -> bool:
    head, _, tail = pattern.partition("*")
    return key.startswith(head) and (tail.rstrip("*") in key[len(head):])
