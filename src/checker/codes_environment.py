"""GW5xx: the environment and the database."""

from .codes_shape import error, warning

ROWS = (
    warning("GW501", "a variable that nothing reads",
            "It begins like ours and is none of ours: misspelt, or of another version. The default applies.",
            "GATEWAY_LOG_FROMAT=json", "GATEWAY_LOG_FORMAT=json"),
    warning("GW502", "a variable that LiteLLM picks up by itself",
            "LiteLLM reads it beside its configuration, and it changes what the configuration says.",
            "USE_LITELLM_PROXY=true", "PORT=4000"),
    warning("GW503", "a variable that has no effect",
            "LiteLLM started by itself would read it. The gateway takes it away from LiteLLM, and has a setting of its "
            "own where one is needed.",
            "NUM_WORKERS=4", "WORKERS=4"),
    error("GW504", "two bases that differ",
          "OPENAI_API_BASE and OPENAI_BASE_URL mean the same; requests would go where nobody expects them.",
          "OPENAI_API_BASE=https://a.example.com/v1\nOPENAI_BASE_URL=https://b.example.com/v1",
          "OPENAI_API_BASE=https://a.example.com/v1"),
    error("GW505", "a reference to a variable that is not set",
          "LiteLLM starts all the same and reads nothing there. Requests fail, or the provider's library uses another "
          "key that it finds.",
          "api_key: os.environ/OPENAI_API_KEI", "api_key: os.environ/OPENAI_API_KEY"),
    error("GW506", "a database that cannot be used",
          "The URL is none that the gateway knows, or names no place. Registry, ledger and limits need one.",
          "GATEWAY_DATABASE_URL=mysql://db/gateway", "GATEWAY_DATABASE_URL=postgresql://db/gateway"),
    warning("GW507", "a database that is not ready",
            "It was not asked for, cannot be reached or is of an older version. Registry rows were not checked.",
            "a state folder that cannot be read", "GATEWAY_DATABASE_URL=sqlite:////var/lib/gateway/gateway.db"),
    error("GW508", "a registry row that cannot be used",
          "The row says something that no request could be answered with. The gateway refuses to start with it.",
          "an endpoint whose model was removed", "litellm-gateway endpoints set NAME --model OTHER"),
    warning("GW509", "a registry row that is passed over",
            "It is switched off, or names something that is not allowed or not there: its alias answers with a 404.",
            "a model of a disabled provider", "litellm-gateway providers set NAME --active"),
    error("GW510", "a package that is missing",
          "Variables ask for something whose package is not installed; the gateway does not start without it.",
          "OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318   # without OpenTelemetry",
          "pip install 'litellm-local-gateway[otel]'"),
)
