"""Fields and headers that steer LiteLLM rather than the model: which they are, and a request without them.

Everything else passes, also what no specification knows (`top_k`, `chat_template_kwargs`): upstreams differ. The names
here are those that LiteLLM 1.106 was seen or read to honour; the hooks add what the installed one declares as its own.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

# Not in LiteLLM's own lists (all_litellm_params, banned body params, LiteLLM_Params), yet read by it.
OWN_FIELDS = frozenset({
    "additional_drop_params", "additional_headers", "agent", "agent_id", "allowed_openai_params", "api_base", "api_key",
    "api_type", "api_version", "apikey", "args", "aspeech", "azure", "base_url", "cache",
    "cache_control_injection_points", "caching", "callback_settings", "callbacks", "client", "client_disconnected",
    "content_policy_fallbacks", "context_window_fallbacks", "custom_llm_provider", "default_headers", "deployment",
    "deployment_id", "disable_fallbacks", "disable_global_guardrail", "disable_global_guardrails", "drop_params",
    "enforced_params", "error_information", "extra_headers", "extra_query", "failure_callback", "fallback_model_group",
    "fallbacks", "force_timeout", "guardrail_config", "guardrails", "headers", "hf_model_name",
    "include_fallback_errors", "include_guardrail_response", "incoming_bearer_token", "input_callback", "is_async",
    "is_fallback", "is_retry", "kwargs", "logger_fn", "max_retries", "mcp_input_schema", "mcp_rate_limit_server_name",
    "mcp_tool_call_metadata", "mcp_tool_description", "model_group", "model_group_retry_policy", "model_id",
    "model_info", "model_list", "no-log", "no_log", "num_retries", "optional_params", "organization",
    "original_function", "original_generic_function", "original_model_group", "passthrough",
    "passthrough_on_no_deployment", "policies", "previous_models", "priority", "project", "prompt_integration",
    "provider_config", "provider_specific_header", "request_timeout", "retry_policy", "router_settings_override",
    "routing_groups", "routing_strategy_args", "rpm", "service_callback", "session_id", "shared_session",
    "specific_deployment", "spend_logs_metadata", "ssl_verify", "standard_callback_dynamic_params",
    "standard_logging_object", "stream_timeout", "success_callback", "tags", "timeout", "token", "tpm", "trace_id",
    "use_clientside_credentials", "user_api_key", "user_config", "vector_store_request_metadata", "watsonx_credentials",
    "weights", "wx_credentials",
})
OWN_PREFIXES = (
    "_", "litellm_", "litellm-", "mock_", "user_api_key", "aws_", "vertex_", "azure_", "watsonx_", "gigachat_",
    "langfuse_", "langsmith_", "s3_", "gcs_", "milvus_", "valkey_", "x-litellm",
)
# LiteLLM lists these as its own, too, but here they are the client's: handled below, or a model's parameter.
NOT_STEERING = frozenset({"metadata", "model"})
# Inside `extra_body` these would replace what was checked (LiteLLM 1.106 honours extra_body.model on /v1/responses).
CORE_FIELDS = frozenset({
    "model", "messages", "input", "prompt", "system", "instructions", "stream", "stream_options", "extra_body",
    "metadata", "file", "tools",
})
STEERING_HEADERS = (b"x-litellm-", b"litellm-", b"x-pass-", b"openai-organization", b"openai-project")
# OpenAI's bounds of `metadata`: 16 pairs of strings.
_PAIRS, _PAIR_KEY, _PAIR_VALUE = 16, 64, 512
_LITELLM_MCP = "litellm_proxy"


@dataclass(frozen=True, slots=True)
class Steering:
    """The field names that never pass."""

    fields: frozenset[str]

    @classmethod
    def of(cls, derived: Iterable[str] = ()) -> "Steering":
        """Return our own list together with what was ``derived`` from the installed LiteLLM."""
        return cls((OWN_FIELDS | frozenset(derived)) - NOT_STEERING)

    def steers(self, name: str) -> bool:
        """Tell whether a body field with this name steers LiteLLM."""
        return name in self.fields or name.startswith(OWN_PREFIXES)

    def clean(self, kind: str, body: dict[str, Any]) -> list[str]:
        """Remove from ``body``, in place, what steers; return the names of what went, as the client sent them."""
        dropped = [name for name in body if self.steers(name)]
        for name in dropped:
            del body[name]
        if "extra_body" in body:
            dropped += self._flatten(body)
        if "metadata" in body:
            dropped += self._clean_metadata(kind, body)
        if "tools" in body:
            dropped += _clean_tools(body)
        return dropped

    def _flatten(self, body: dict[str, Any]) -> list[str]:
        """Put what ``extra_body`` may carry where LiteLLM would send it anyway: beside the other fields."""
        extra = body.pop("extra_body")
        if not isinstance(extra, dict):
            return ["extra_body"] if extra is not None else []
        dropped = []
        for name, value in extra.items():
            if self.steers(name) or name in CORE_FIELDS or name in body:
                dropped.append(f"extra_body.{name}")
            else:
                body[name] = value
        return dropped

    def _clean_metadata(self, kind: str, body: dict[str, Any]) -> list[str]:
        """LiteLLM keeps its own state in ``metadata``: only where it travels upstream do a client's strings pass."""
        metadata = body.pop("metadata")
        if metadata is None:
            return []
        if not isinstance(metadata, dict) or kind not in ("responses", "messages", "count_tokens"):
            return ["metadata"]
        kept = {name: value for name, value in metadata.items() if self._plain_pair(kind, name, value)}
        kept = dict(list(kept.items())[:_PAIRS])
        if kept:
            body["metadata"] = kept
        return [f"metadata.{name}" for name in metadata if name not in kept]

    def _plain_pair(self, kind: str, name: str, value: object) -> bool:
        if not isinstance(value, str) or len(name) > _PAIR_KEY or len(value) > _PAIR_VALUE:
            return False
        return name == "user_id" if kind != "responses" else not self.steers(name)


def _clean_tools(body: dict[str, Any]) -> list[str]:
    """LiteLLM answers MCP tools named ``litellm_proxy`` itself, with a second call of the model."""
    tools = body["tools"]
    if not isinstance(tools, list):
        return []
    kept = [tool for tool in tools if not _steers_mcp(tool)]
    if len(kept) == len(tools):
        return []
    body["tools"] = kept
    return ["tools.mcp"]


def _steers_mcp(tool: object) -> bool:
    return isinstance(tool, dict) and str(tool.get("server_url", "")).startswith(_LITELLM_MCP)


def steering_headers(names: Iterable[bytes]) -> list[str]:
    """Return those of the lower-case header ``names`` that steer LiteLLM or speak for another account upstream."""
    return [name[:256].decode("latin-1") for name in names if name.startswith(STEERING_HEADERS)]
