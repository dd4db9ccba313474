"""Variables that LiteLLM reads beside its configuration, and what they change."""

from collections.abc import Mapping
from types import MappingProxyType

# LiteLLM 1.106 (litellm/__init__.py, constants.py, main.py, proxy_server.py, llms/custom_httpx/http_handler.py,
# llms/litellm_proxy/chat/transformation.py) and the OpenAI SDK inside it. Not taken away by the launcher, because each
# can be wanted; a test holds each name against the installed LiteLLM.
PICKED_UP: Mapping[str, str] = MappingProxyType({
    "OPENAI_ORG_ID": "sends it to every OpenAI-compatible upstream",
    "OPENAI_ORGANIZATION": "sends it to every OpenAI-compatible upstream",
    "OPENAI_PROJECT_ID": "sends it to every OpenAI-compatible upstream",
    "USE_LITELLM_PROXY": "sends every call to LITELLM_PROXY_API_BASE",
    "SSL_VERIFY": "changes how certificates of upstreams are checked",
    "LITELLM_MODIFY_PARAMS": "rewrites messages and parameters of requests",
    "LITELLM_ROUTE_ALL_CHAT_OPENAI_TO_RESPONSES": "asks upstreams on /responses, which most do not have",
    "LITELLM_REASONING_AUTO_SUMMARY": "asks for summaries of the reasoning",
    "LITELLM_PRINT_STANDARD_LOGGING_PAYLOAD": "writes the content of every request into the log",
    "LITELLM_MAX_STREAMING_DURATION_SECONDS": "cuts streams that take longer",
    "LITELLM_ENABLE_ANTHROPIC_PROMPT_CACHING": "marks prompts for caching",
    "LITELLM_DEFAULT_EMBEDDING_ENCODING_FORMAT": "changes how embeddings are asked for",
    "EXPERIMENTAL_OPENAI_BASE_LLM_HTTP_HANDLER": "asks OpenAI-compatible upstreams with another HTTP client",
    "REQUEST_TIMEOUT": "is the timeout of models that have none of their own",
    "LITELLM_LOG": "changes how much LiteLLM logs",
})


def base_variable(provider: str) -> str:
    """Return the variable with which LiteLLM redirects a provider whose entry names no base."""
    return provider.upper().replace("-", "_") + "_API_BASE"
