"""Variables that LiteLLM reads beside its configuration, and what they change."""

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from .findings import Finding, Place

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
# What `litellm --config FILE` reads besides; the gateway takes these away (config/shield.py). LiteLLM 1.106,
# proxy_cli.py and proxy_server.py.
OF_THE_SERVER: Mapping[str, str] = MappingProxyType({
    "CONFIG_FILE_PATH": "serves that file instead",
    "WORKER_CONFIG": "serves what it says instead",
    "LITELLM_CONFIG_BUCKET_NAME": "serves a file of that bucket instead",
    "DATABASE_URL": "wants Prisma and that database",
    "DIRECT_URL": "wants Prisma and that database",
    "STORE_MODEL_IN_DB": "serves models of the database too",
    "NUM_WORKERS": "starts so many workers",
    "MAX_REQUESTS_BEFORE_RESTART": "ends each worker after so many requests",
    "LIMIT_CONCURRENCY": "refuses requests above so many at a time",
    "SERVER_ROOT_PATH": "serves everything below that path",
    "DEBUG": "logs requests in detail",
    "DETAILED_DEBUG": "logs requests in detail",
    "LITELLM_WORKER_STARTUP_HOOKS": "runs that code in each worker",
    "LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY": "starts with any master key, or none",
    "LITELLM_DISABLE_REDACT_SECRETS": "writes keys into its log",
})


def picked_up(environ: Mapping[str, str]) -> Iterator[Finding]:
    """Find what would change how LiteLLM, started by itself in this environment, serves a file."""
    for name, effect in {**PICKED_UP, **OF_THE_SERVER}.items():
        if environ.get(name):
            yield Finding("GW502", f"{name}: LiteLLM reads it by itself and {effect}", Place(name=name),
                          f"unset {name}, unless this is meant")


_BASES = {
    "anthropic": ("ANTHROPIC_API_BASE", "ANTHROPIC_BASE_URL"), "cohere_chat": ("COHERE_API_BASE",),
    "friendliai": ("FRIENDLI_API_BASE",), "lambda_ai": ("LAMBDA_API_BASE",), "meta_llama": ("LLAMA_API_BASE",),
    "ollama_chat": ("OLLAMA_API_BASE",), "vertex_ai": ("VERTEXAI_API_BASE", "VERTEX_API_BASE"),
    **dict.fromkeys(("bytez", "chutes", "compactifai", "gradient_ai", "poe", "synthetic", "xiaomi_mimo", "clarifai",
                     "black_forest_labs", "nano-gpt", "scaleway", "snowflake", "triton", "oci", "sagemaker"), ()),
}


def base_variables(provider: str) -> tuple[str, ...]:
    """Return the variables with which LiteLLM redirects a provider whose entry names no base."""
    return _BASES.get(provider, (provider.upper().replace("-", "_") + "_API_BASE",))
