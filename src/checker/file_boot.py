"""Settings with which LiteLLM 1.106 ends at its start, or that do nothing: one small rule each."""

import re
from collections.abc import Iterator

from .file_context import Context, Model, a
from .findings import Finding
from .yaml_nodes import Node

_TIME = re.compile(r"([01]?\d|2[0-3]):[0-5]\d(:[0-5]\d)?")
_DURATION = re.compile(r"\d+(\.\d+)?(s|m|h|d|w|mo|y)")
_LICENSED = ("allowed_ips", "enforced_params")
# Validated by LiteLLM's own code when it starts, which nothing here stands in for.
_NOT_CHECKED = {
    "general_settings": ("role_permissions", "pass_through_endpoints", "use_google_kms", "use_azure_key_vault",
                         "team_metadata_schema", "mcp_advertised_versions", "litellm_jwtauth", "enable_jwt_auth",
                         "search_tools", "spend_capture_rate_check", "scheduled_job_stagger", "tracing",
                         "alert_type_config"),
    "litellm_settings": ("guardrails", "global_bitbucket_config", "global_gitlab_config", "global_prompt_directory",
                         "azure_content_safety_params", "custom_prompt_dict"),
    "router_settings": ("provider_budget_config", "optional_pre_call_checks", "routing_strategy_args", "cache_kwargs",
                        "guardrail_list"),
}
_TARGETS = ("host", "url", "startup_nodes", "sentinel_nodes")
_DATABASE = ("store_model_in_db", "store_prompts_in_spend_logs", "maximum_spend_logs_retention_period",
             "disable_spend_logs", "database_connection_pool_limit", "database_connection_timeout")


def check_boot(context: Context) -> Iterator[Finding]:
    """Find single values that LiteLLM refuses, and settings that lack what they need."""
    yield from _strategy(context)
    yield from _cache(context)
    yield from _values(context)
    yield from _licences(context)
    yield from _database(context)
    yield from _alerting(context)
    yield from _redis(context)
    yield from _unchecked(context)
    node = context.block("environment_variables")
    for entry in node.entries.values() if node else ():
        if entry.key.text is None or "=" in entry.key.text or not entry.key.text:
            yield Finding("GW206", f"{a(entry.key.value)} is no name of a variable", entry.key.place(), '"NAME": value')
        elif entry.value.kind != "scalar":
            yield Finding("GW206", f"{entry.key.text} must be text", entry.value.place(), f'{entry.key.text}: "..."')


def _strategy(context: Context) -> Iterator[Finding]:
    node = context.setting("router_settings", "routing_strategy")
    strategies = frozenset(context.table.raw["strategies"])
    value = context.resolved(node)
    if node is None or node.kind == "scalar" and node.value is None:
        return
    if not isinstance(value, str) or value not in strategies:
        hint = context.hint(str(value), "strategies", strategies) or "simple-shuffle"
        yield Finding("GW102", f"there is no routing_strategy {a(value)}; LiteLLM refuses to start. It has: "
                      + ", ".join(sorted(strategies)), node.place(), f"routing_strategy: {hint}")


def _cache(context: Context) -> Iterator[Finding]:
    cache, params = (context.setting("litellm_settings", name) for name in ("cache", "cache_params"))
    if cache is None or cache.value is not True:
        return
    if params is not None and params.kind != "map":
        if params.kind == "scalar" and params.value is None:
            yield Finding("GW105", "cache_params has no value; LiteLLM refuses to start", params.place(),
                          "cache_params:\n  type: redis")
        return  # of another type: said with every other value
    kind = context.resolved(params.get("type")) if params else None
    named = params and any(params.get(name) is not None for name in ("host", "url", "redis_url", "startup_nodes",
                                                                     "redis_startup_nodes", "sentinel_nodes"))
    variables = ("REDIS_HOST", "REDIS_URL", "REDIS_CLUSTER_NODES", "REDIS_SENTINEL_NODES")
    if kind in (None, "redis") and not named and not context.available(*variables):
        yield Finding("GW207", "the cache is Redis, and nothing says where it is: LiteLLM ends at its start",
                      cache.place(), "cache_params:\n  type: redis\n  host: os.environ/REDIS_HOST\n  port: 6379")
    elif isinstance(kind, str) and kind not in ("redis", "local"):
        yield Finding("GW212", f"the settings of a cache of type {a(kind)} were not checked", cache.place(),
                      "rehearse the start before you rely on it")


def _values(context: Context) -> Iterator[Finding]:
    reset = context.setting("litellm_settings", "budget_reset_time")
    if _given(reset) and reset is not None and reset.text != "" and not _TIME.fullmatch(reset.text or "?"):
        yield Finding("GW102", "budget_reset_time is no time in quotes; LiteLLM refuses to start", reset.place(),
                      'budget_reset_time: "12:00"')
    alias = context.setting("litellm_settings", "key_alias_pattern")
    if alias is not None and alias.text is not None and not _compiles(alias.text):
        yield Finding("GW102", "key_alias_pattern is no regular expression; LiteLLM refuses to start", alias.place(),
                      'key_alias_pattern: "^[a-z-]+$"')
    for model in context.models:
        tags = model.params.get("tag_regex")
        for item in tags.items if tags else ():
            if item.text is not None and not _compiles(item.text):
                yield Finding("GW102", f"{a(item.text)} is no regular expression; LiteLLM leaves {a(model.alias)} out",
                              item.place(), '- "^User-Agent: .*"')
        yield from _environments(context, model)
        yield from _header(model)
        duration = model.params.get("budget_duration")
        if duration is not None and duration.text and not _DURATION.fullmatch(duration.text):
            yield Finding("GW102", f"budget_duration {a(duration.text)} is no duration", duration.place(),
                          "budget_duration: 1d")
    upper = context.setting("litellm_settings", "upperbound_key_generate_params")
    if upper is not None and upper.kind != "map":
        yield Finding("GW206", "upperbound_key_generate_params must be a mapping; LiteLLM refuses to start",
                      upper.place(), "upperbound_key_generate_params:\n  max_budget: 100")
    endpoints = context.setting("general_settings", "pass_through_endpoints")
    for item in endpoints.items if endpoints else ():
        for name in ("path", "target"):
            if item.kind == "map" and not _given(item.get(name)):
                yield Finding("GW207", f"an item of pass_through_endpoints has no {name}; LiteLLM refuses to start",
                              item.place(), f"{name}: ...")


def _header(model: Model) -> Iterator[Finding]:
    node = model.params.get("provider_affinity_header")
    if node is not None and node.text is not None and not re.fullmatch(r"[A-Za-z0-9-]+", node.text):
        yield Finding("GW102", f"{a(node.text)} is no name of a header; LiteLLM leaves {a(model.alias)} out",
                      node.place(), "provider_affinity_header: X-Session-Id")


_ENVIRONMENTS = ("development", "staging", "production")


def _environments(context: Context, model: Model) -> Iterator[Finding]:
    """Check `supported_environments`, which serves a model only where LITELLM_ENVIRONMENT is one of them."""
    node = model.info.get("supported_environments") if model.info else None
    if node is None or not _given(node):
        return
    for item in node.items:
        if item.value not in _ENVIRONMENTS:
            yield Finding("GW102", f"there is no environment {a(item.value)}; LiteLLM leaves {a(model.alias)} out",
                          item.place(), "one of: " + ", ".join(_ENVIRONMENTS))
    if context.environ.get("LITELLM_ENVIRONMENT") not in _ENVIRONMENTS:
        yield Finding("GW505", f"LITELLM_ENVIRONMENT is not set; LiteLLM leaves {a(model.alias)} out", node.place(),
                      "export LITELLM_ENVIRONMENT=production")


def _compiles(text: str) -> bool:
    try:
        re.compile(text)
    except re.error:
        return False
    return True


def _licences(context: Context) -> Iterator[Finding]:
    if context.available("LITELLM_LICENSE") or _given(context.setting("general_settings", "litellm_license")):
        return
    nodes = [(name, context.setting("general_settings", name)) for name in _LICENSED]
    nodes.append(("tag_budget_config", context.setting("litellm_settings", "tag_budget_config")))
    for name, node in (*nodes, ("worker_registry", context.root.get("worker_registry"))):
        if _given(node) and node is not None:
            yield Finding("GW213", f"{name} needs LITELLM_LICENSE; LiteLLM refuses to start", node.place(),
                          f"remove {name}")


def _given(node: Node | None) -> bool:
    return node is not None and not (node.kind == "scalar" and node.value is None)


def _database(context: Context) -> Iterator[Finding]:
    url = context.setting("general_settings", "database_url")
    has_url = url is not None and not url.empty or context.available("DATABASE_URL", "DATABASE_HOST")
    if url is not None and not url.empty:
        yield Finding("GW214", "LiteLLM reaches its database through Prisma, which must be installed and set up",
                      url.place(), "pip install 'litellm[extra_proxy]' && prisma generate")
        return
    for name in () if has_url else _DATABASE:
        node = context.setting("general_settings", name)
        if node is not None and node.value not in (None, False):
            yield Finding("GW214", f"{name} has no effect without database_url", node.place(),
                          "general_settings:\n  database_url: os.environ/DATABASE_URL")


def _unchecked(context: Context) -> Iterator[Finding]:
    for block, names in _NOT_CHECKED.items():
        for name in names:
            node = context.setting(block, name)
            if node is None or node.kind == "scalar" and not node.value:
                continue
            yield Finding("GW212", f"LiteLLM reads {name} when it starts; what stands in it was not checked",
                          node.place(), "rehearse the start before you rely on it")
            strings = name in ("mcp_advertised_versions", "optional_pre_call_checks")
            for item in () if strings else node.items:
                if item.kind != "map":
                    yield Finding("GW206", f"each item of {name} must be a mapping", item.place(), "- name: value")


def _redis(context: Context) -> Iterator[Finding]:
    node = context.setting("general_settings", "coordination_redis")
    if node is not None and node.kind == "map" and all(node.get(name) is None for name in _TARGETS):
        yield Finding("GW207", "coordination_redis says nowhere where Redis is; LiteLLM refuses to start", node.place(),
                      "coordination_redis:\n  host: os.environ/REDIS_HOST\n  port: 6379")
    url = context.setting("router_settings", "redis_url")
    value = context.resolved(url)
    if url is not None and isinstance(value, str) and not value.startswith(("redis://", "rediss://", "unix://")):
        yield Finding("GW102", "redis_url is no URL of Redis; LiteLLM refuses to start", url.place(),
                      "redis_url: redis://127.0.0.1:6379")
    buffer = context.setting("general_settings", "use_redis_transaction_buffer")
    cache = context.setting("litellm_settings", "cache")
    if buffer is not None and buffer.value is True and node is None and not (cache and cache.value) \
            and not context.available("REDIS_HOST", "REDIS_URL"):
        yield Finding("GW207", "use_redis_transaction_buffer needs Redis; LiteLLM refuses to start", buffer.place(),
                      "export REDIS_HOST=...")
    size = context.setting("general_settings", "user_api_key_cache_max_size")
    if size is not None and isinstance(size.value, int) and size.value <= 0:
        yield Finding("GW102", "user_api_key_cache_max_size must be more than 0; LiteLLM refuses to start",
                      size.place(), "user_api_key_cache_max_size: 200")
    fields = context.setting("general_settings", "spend_logs_metadata_fields")
    if fields is not None and fields.kind == "map" and len(
            [name for name in ("include", "exclude") if _given(fields.get(name))]) != 1:
        yield Finding("GW206", "spend_logs_metadata_fields needs include or exclude; LiteLLM refuses to start",
                      fields.place(), "spend_logs_metadata_fields:\n  exclude: [...]")


def _alerting(context: Context) -> Iterator[Finding]:
    alerting = context.setting("general_settings", "alerting")
    for item in alerting.items if alerting else ():
        if item.text == "slack" and not context.available("SLACK_WEBHOOK_URL") \
                and not _given(context.setting("general_settings", "alert_to_webhook_url")):
            yield Finding("GW207", "alerting to slack needs SLACK_WEBHOOK_URL", item.place(),
                          "export SLACK_WEBHOOK_URL=https://hooks.example.com/...")
