"""LiteLLM files made by dice: good ones, and good ones with one fault. The same seed gives the same files."""

import random
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

import yaml

# Made up; long and mixed enough for a master key, and shaped like no provider's key.
MASTER = "".join("mK7pQ2xW9aZ4"[n * 5 % 12] + "rT3vB8nL"[n * 3 % 8] for n in range(20))
ENVIRON = {"LITELLM_MASTER_KEY": MASTER, "OPENAI_API_KEY": "v-openai", "GROQ_API_KEY": "v-groq",
           "ANTHROPIC_API_KEY": "v-anthropic", "GEMINI_API_KEY": "v-gemini", "MISTRAL_API_KEY": "v-mistral",
           "AZURE_API_KEY": "v-azure", "DEEPSEEK_API_KEY": "v-deepseek", "MY_BASE": "http://127.0.0.1:9/v1",
           "MY_RPM": "60"}
# What may stand behind a name: model and what it needs beside it.
UPSTREAMS: tuple[dict[str, Any], ...] = (
    {"model": "openai/gpt-5", "api_key": "os.environ/OPENAI_API_KEY"},
    {"model": "gpt-5-mini", "api_key": "os.environ/OPENAI_API_KEY"},
    {"model": "gpt-4o"},
    {"model": "claude-sonnet-4-5-20250929", "api_key": "os.environ/ANTHROPIC_API_KEY"},
    {"model": "anthropic/claude-opus-4-1"},
    {"model": "groq/llama-3.3-70b-versatile", "api_key": "os.environ/GROQ_API_KEY"},
    {"model": "gemini/gemini-2.5-pro", "api_key": "os.environ/GEMINI_API_KEY"},
    {"model": "mistral/mistral-small-latest", "api_key": "os.environ/MISTRAL_API_KEY"},
    {"model": "deepseek/deepseek-chat"},
    {"model": "azure/my-deployment", "api_base": "https://mine.example.com", "api_key": "os.environ/AZURE_API_KEY",
     "api_version": "2024-10-21"},
    {"model": "openai/served-here", "api_base": "os.environ/MY_BASE", "api_key": "none"},
    {"model": "hosted_vllm/qwen3", "api_base": "http://127.0.0.1:9/v1"},
    {"model": "ollama/llama3", "api_base": "http://127.0.0.1:9"},
    {"model": "served-here", "custom_llm_provider": "openai", "api_base": "http://127.0.0.1:9/v1", "api_key": "none"},
)
_PARAMS: dict[str, Any] = {
    "rpm": 60, "tpm": 100_000, "timeout": 30, "stream_timeout": 10.5, "max_retries": 2, "max_parallel_requests": 5,
    "temperature": 0.2, "max_tokens": 800, "weight": 1, "order": 1, "tags": ["paid"], "drop_params": True,
    "additional_drop_params": ["seed"], "input_cost_per_token": 0.000001, "output_cost_per_token": 0.00001,
    "extra_headers": {"X-Team": "a"}, "max_budget": 10, "budget_duration": "1d", "cooldown_time": 3,
    "allowed_openai_params": ["reasoning_effort"], "extra_body": {"top_k": 3}, "num_retries": 1,
}
_INFO: dict[str, Any] = {"mode": "chat", "base_model": "gpt-5", "supports_vision": True, "access_groups": ["a"],
                         "max_input_tokens": 1000, "our_own_note": "kept"}
_MODULE: dict[str, Any] = {
    "drop_params": True, "num_retries": 2, "request_timeout": 600, "set_verbose": False, "json_logs": True,
    "turn_off_message_logging": True, "modify_params": True, "cache": False, "max_budget": 100,
    "budget_duration": "30d",
    "ssl_verify": False, "default_team_settings": [{"team_id": "a"}], "callbacks": ["my_hooks.instance"],
    "success_callback": [], "enable_json_schema_validation": True, "force_ipv4": False, "max_internal_user_budget": 5,
    "default_internal_user_params": {"user_role": "internal_user"}, "budget_reset_time": "12:00",
    "upperbound_key_generate_params": {"max_budget": 100}, "key_alias_pattern": "^[a-z]+$",
}
_GENERAL: dict[str, Any] = {
    "max_parallel_requests": 100, "background_health_checks": False, "health_check_interval": 300,
    "allowed_routes": ["/v1/chat/completions"], "max_request_size_mb": 10, "user_header_name": "X-User",
    "completion_model": "gpt-5", "infer_model_from_keys": False, "proxy_batch_write_at": 10, "alerting_threshold": 300,
    "cancel_on_disconnect": True, "user_api_key_cache_ttl": 60, "public_routes": ["/health"],
    "pass_through_request_timeout": 30, "trusted_proxy_ranges": ["10.0.0.0/8"],
}
_ROUTER: dict[str, Any] = {
    "routing_strategy": "simple-shuffle", "num_retries": 2, "timeout": 30, "allowed_fails": 3, "cooldown_time": 30,
    "retry_after": 5, "enable_pre_call_checks": True, "disable_cooldowns": False, "max_fallbacks": 3,
    "retry_policy": {"TimeoutErrorRetries": 1}, "allowed_fails_policy": {"RateLimitErrorAllowedFails": 3},
    "default_max_parallel_requests": 10, "enable_tag_filtering": False, "debug_level": "INFO", "stream_timeout": 20,
}


@dataclass
class Made:
    """One file: what it says, its environment, and the fault that was put into it ("" for a good one)."""

    config: dict[str, Any]
    environ: dict[str, str] = field(default_factory=lambda: dict(ENVIRON))
    fault: str = ""
    text_edit: Callable[[str], str] | None = None

    @property
    def text(self) -> str:
        """Return the file."""
        text = str(yaml.dump(self.config, Dumper=yaml.CSafeDumper, sort_keys=False))
        return self.text_edit(text) if self.text_edit else text


def _some(dice: random.Random, table: dict[str, Any], most: int) -> dict[str, Any]:
    names = dice.sample(sorted(table), dice.randint(0, min(most, len(table))))
    return {name: deepcopy(table[name]) for name in names}


def good(dice: random.Random) -> Made:
    """Return a file that LiteLLM serves as it is written."""
    names = [f"model-{number}" for number in range(dice.randint(1, 4))]
    entries = [_entry(dice, name) for name in names]
    config: dict[str, Any] = {"model_list": entries}
    router = _some(dice, _ROUTER, 4)
    if len(names) > 1 and dice.random() < 0.6:
        router[dice.choice(("fallbacks", "context_window_fallbacks", "content_policy_fallbacks"))] = [
            {names[0]: names[1:]}]
    if dice.random() < 0.3:
        router["default_fallbacks"] = [names[-1]]
    if dice.random() < 0.3:
        router["model_group_alias"] = {"best": names[0]}
    general = _some(dice, _GENERAL, 3)
    if dice.random() < 0.5:
        general["master_key"] = "os.environ/LITELLM_MASTER_KEY"
    blocks = {"litellm_settings": _some(dice, _MODULE, 4), "general_settings": general, "router_settings": router}
    config.update({name: block for name, block in blocks.items() if block or dice.random() < 0.2})
    if dice.random() < 0.2:
        config["environment_variables"] = {"SOME_HOST": "https://logs.example.com"}
    return Made(config)


def _entry(dice: random.Random, name: str) -> dict[str, Any]:
    params = {**deepcopy(dice.choice(UPSTREAMS)), **_some(dice, _PARAMS, 3)}
    if dice.random() < 0.1:
        params["rpm"] = "os.environ/MY_RPM"
    entry = {"model_name": name, "litellm_params": params}
    if dice.random() < 0.4:
        entry["model_info"] = {**_some(dice, _INFO, 3), **({"id": f"id-{name}"} if dice.random() < 0.5 else {})}
    return entry


def _paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path] if path else []
    if isinstance(value, dict):
        return found + [one for name, child in value.items() for one in _paths(child, (*path, name))]
    if isinstance(value, list):
        return found + [one for number, child in enumerate(value) for one in _paths(child, (*path, number))]
    return found


def _at(config: Any, path: tuple[Any, ...]) -> Any:
    for step in path:
        config = config[step]
    return config


_ODD: tuple[Any, ...] = ("sixty", "", None, 0, -1, 3.7, True, [], {}, ["a"], {"a": "b"}, "os.environ/UNSET_VARIABLE",
                         [["a"]], [{"a": "b"}], "os.environ/", "60", "true", "None", 10 ** 30, [None], "a b")


def changed(dice: random.Random, made: Made) -> Made:
    """Return the file with one random change: deleted, renamed, of another type, moved, or said of somebody else."""
    config = deepcopy(made.config)
    path = dice.choice(_paths(config))
    *above, last = path
    parent = _at(config, tuple(above))
    kind = dice.choice(("delete", "rename", "retype", "retype", "retype", "move", "environ"))
    if kind == "environ":
        name = dice.choice(sorted(made.environ))
        environ = {key: value for key, value in made.environ.items() if key != name}
        return Made(config, environ, f"{name} not set")
    if kind == "delete":
        del parent[last]
    elif kind == "rename" and isinstance(parent, dict):
        name = str(last)
        parent[dice.choice((name[:-1], f"{name}s", name.replace("_", "-"), name.upper()))] = parent.pop(last)
    elif kind == "move" and isinstance(parent, dict):
        value = parent.pop(last)
        homes = [home for home in [(), *_paths(config)] if isinstance(_at(config, home), dict)]
        home = dice.choice(homes)
        _at(config, home)[last] = value
        return Made(config, dict(made.environ), f"{path} moved to {home}")
    else:
        parent[last] = deepcopy(dice.choice(_ODD))
        return Made(config, dict(made.environ), f"{path} is {parent[last]!r}")
    return Made(config, dict(made.environ), f"{path}: {kind}")
