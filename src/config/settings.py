"""The one table of global variables: name, type, default, help, secret or not; and the frozen `Settings` made of it."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from ..errors import Problem
from .models import EFFORT_LEVELS
from .readers import (BadValue, to_bool, to_characters, to_choice, to_database_url, to_host, to_label, to_list,
                      to_megabytes, to_origins, to_port, to_routes, to_seconds, to_url, to_whole, to_workers, to_zones)

LOG_FORMATS = ("auto", "text", "json")


@dataclass(frozen=True)
class Variable:
    """One global variable. ``read`` turns text into the value; ``flag`` is the root command's option, if any."""

    name: str
    read: Callable[[str], object]
    default: object
    help: str
    flag: str | None = None
    secret: bool = False


VARIABLES: tuple[Variable, ...] = (
    Variable("PROXY_MODEL_KEYS", str, None, "Names of the models to serve, in order: `gpt5,deepseek`"),
    Variable("PROXY_CHAIN_KEYS", str, None, "Names of the fallback chains to serve: `default`"),
    Variable("OPENAI_API_BASE", to_url, None, "Base of every OpenAI-compatible model that names none", "--base"),
    Variable("OPENAI_BASE_URL", to_url, None, "Accepted for OPENAI_API_BASE"),
    Variable("OPENAI_API_KEY", str, None, "Key of every OpenAI-compatible model that names none", secret=True),
    Variable("LITELLM_MASTER_KEY", str, None, "The administrator's key; at least 16 characters", secret=True),
    Variable("PORT", to_port, 4000, "Port to listen on", "--port"),
    Variable("LITELLM_HOST", to_host, "127.0.0.1", "Address to listen on", "--host"),
    Variable("WORKERS", to_workers, 1, "Worker processes", "--workers"),
    Variable("REASONING_EFFORT", to_choice(*EFFORT_LEVELS), None, "Effort of models that name none; `none` omits it",
             "--reasoning-effort"),
    Variable("GATEWAY_LOAD_BALANCE", to_list, (), "Aliases that several models may share"),
    Variable("GATEWAY_LOG_FORMAT", to_choice(*LOG_FORMATS), "auto",
             "auto (text at startup, JSON per request), text or json", "--log-format"),
    Variable("GATEWAY_GRACE", to_seconds, 30.0, "Seconds for running requests at shutdown", "--grace"),
    Variable("GATEWAY_RELOAD_GRACE", to_seconds, 3600.0, "Seconds for running requests of an old configuration",
             "--reload-grace"),
    Variable("GATEWAY_KEEPALIVE", to_seconds, 20.0, "Seconds an idle connection is kept; 75 behind a reverse proxy"),
    Variable("GATEWAY_BOOT_TIMEOUT", to_seconds, 60.0, "Seconds a worker may take to start"),
    Variable("GATEWAY_MAX_BODY_MB", to_megabytes, 32, "Largest request body in MiB; more is a 413"),
    Variable("GATEWAY_BODY_TIMEOUT", to_seconds, 30.0, "Seconds a client may take to send its body; more is a 408"),
    Variable("GATEWAY_SEND_TIMEOUT", to_whole, 300, "Seconds a client may take nothing of its answer, 0 for ever"),
    Variable("GATEWAY_CORS_ORIGINS", to_origins, (), "Browser origins that may call the gateway"),
    Variable("GATEWAY_EXTRA_ROUTES", to_routes, (), "Further LiteLLM routes, opened to the master key only"),
    Variable("GATEWAY_METRICS_KEY", str, None, "Key that may read /metrics beside the master key", secret=True),
    Variable("GATEWAY_METRICS_PUBLIC", to_bool, False, "Let anyone read /metrics"),
    Variable("GATEWAY_DATABASE_URL", to_database_url, None,
             "Registry, ledger and limits: sqlite:///file.db, postgresql://..., or `off`; default sqlite:///gateway.db "
             "in the platform's state folder", secret=True),
    Variable("GATEWAY_REGISTRY_KEYS", to_list, (), "Further key variables that registry rows may name"),
    Variable("GATEWAY_ALLOWED_BASES", to_list, (), "Further bases for registry rows: `https://*.example.com/v1`"),
    Variable("GATEWAY_CONFIG_TTL", to_seconds, 30.0, "Seconds until a changed registry row takes effect"),
    Variable("GATEWAY_MODELS_TTL", to_seconds, 300.0, "Seconds until a provider is asked again what a wildcard covers"),
    Variable("GATEWAY_STORE_DOWN", to_choice("allow", "deny"), "allow",
             "Requests under a limit while the database is away: allow (counted per worker) or deny"),
    Variable("GATEWAY_RESET_ZONES", to_zones, (),
             "Time zones of providers' days and months: `gemini=America/Los_Angeles`; default UTC"),
    Variable("GATEWAY_LEDGER", to_choice("on", "off", "audit"), "on",
             "Record every request: on, off, or audit (recorded before it goes upstream, or refused)"),
    Variable("GATEWAY_LEDGER_DAYS", to_whole, 90, "Days that single requests are kept, 0 for ever; totals stay"),
    Variable("GATEWAY_LEDGER_MAX_MB", to_whole, 2048, "Database size from which the oldest requests go, 0 for none"),
    Variable("GATEWAY_LEDGER_CONTENT", to_characters, 0, "Characters of each request's body to keep; 0 keeps none"),
    Variable("GATEWAY_LEDGER_SPILL_MB", to_megabytes, 256,
             "What each worker may keep aside while the database is away"),
    Variable("GATEWAY_LEDGER_SPILL_DIR", str, None, "Where that is kept; default beside the SQLite file"),
    Variable("GATEWAY_ENVIRONMENT", to_label, None, "Name of this installation, such as `production`"),
    Variable("GATEWAY_RUNTIME_DIR", str, None, "Folder for the control socket and private files"),
    Variable("GATEWAY_SSL_CERTFILE", str, None, "TLS certificate chain (PEM)", "--ssl-certfile"),
    Variable("GATEWAY_SSL_KEYFILE", str, None, "TLS private key (PEM)", "--ssl-keyfile"),
    Variable("GATEWAY_DEBUG", to_bool, False, "Show LiteLLM's debug log", "--debug"),
    Variable("LITELLM_BASE_URL", to_url, None,
             "Gateway that `models available` and `discovery` ask; default the one that these variables declare"),
    Variable("LITELLM_API_KEY", str, None, "Key for that gateway; default LITELLM_MASTER_KEY", secret=True),
    Variable("DISCOVERY_TOKENS", str, None, "Tokens that open the discovery service, separated by commas",
             secret=True),
    Variable("DISCOVERY_HOST", to_host, "127.0.0.1", "Address that the discovery service listens on"),
    Variable("DISCOVERY_PORT", to_port, 4100, "Port that the discovery service listens on"),
    Variable("DISCOVERY_TTL", to_seconds, 300.0, "Seconds after which it asks the gateway for its models again"),
)
BY_NAME: Mapping[str, Variable] = MappingProxyType({variable.name: variable for variable in VARIABLES})
# Scrubbed wherever it appears, used by nothing.
RESERVED_SECRETS = ("GROK_API_SECRET",)


@dataclass(frozen=True)
class Settings:
    """Every global value after precedence: flags, then environment, then `.env`, then the table's default."""

    values: Mapping[str, object]
    origins: Mapping[str, str]

    def text(self, name: str) -> str | None:
        """Return a text setting, None where unset."""
        value = self.values[name]
        return None if value is None else str(value)

    def number(self, name: str) -> float:
        """Return a numeric setting."""
        value = self.values[name]
        assert isinstance(value, (int, float))
        return value

    def whole(self, name: str) -> int:
        """Return a whole-number setting."""
        return int(self.number(name))

    def flag(self, name: str) -> bool:
        """Return a yes/no setting."""
        return bool(self.values[name])

    def words(self, name: str) -> tuple[str, ...]:
        """Return a list setting."""
        value = self.values[name]
        assert isinstance(value, tuple)
        return value

    def origin(self, name: str) -> str:
        """Return where the value came from, ``default`` where nobody set it."""
        return self.origins.get(name, "default")


def read_settings(values: Mapping[str, str], origins: Mapping[str, str]) -> tuple[Settings, tuple[Problem, ...]]:
    """Return the settings of already merged ``values`` and every problem among them."""
    read: dict[str, object] = {}
    problems = []
    for variable in VARIABLES:
        text = values.get(variable.name, "").strip()
        read[variable.name] = variable.default
        if not text:
            continue
        try:
            read[variable.name] = variable.read(text)
        except BadValue as error:
            shown = "" if variable.secret or "URL" in str(error) else f" {text[:80]!a}"
            origin = origins.get(variable.name, "")
            label = str(variable.flag) if origin.startswith("flag") else variable.name
            problems.append(Problem(f"{label}{shown} {error}", origin,
                                    f"{label}{'=' if label == variable.name else ' '}{example(variable)}", error.code))
    return Settings(MappingProxyType(read), origins), tuple(problems)


_EXAMPLES = {"OPENAI_API_BASE": "https://api.openai.com/v1", "OPENAI_BASE_URL": "https://api.openai.com/v1",
             "REASONING_EFFORT": "medium", "GATEWAY_CORS_ORIGINS": "https://app.example.com",
             "GATEWAY_EXTRA_ROUTES": "/v1/files/*", "GATEWAY_RESET_ZONES": "gemini=America/Los_Angeles",
             "GATEWAY_ENVIRONMENT": "production", "LITELLM_BASE_URL": "http://127.0.0.1:4000"}


def example(variable: Variable) -> str:
    """Return a value that would be accepted, for a line to paste."""
    if isinstance(variable.default, tuple) or variable.default is None:
        return _EXAMPLES.get(variable.name, "...")
    return str(variable.default).lower() if isinstance(variable.default, bool) else f"{variable.default:g}" \
        if isinstance(variable.default, float) else str(variable.default)


def describe(variables: Iterable[Variable] = VARIABLES) -> list[tuple[str, str, str]]:
    """Return (name, default, help) rows for the README's table."""
    rows = []
    for variable in variables:
        default = "" if variable.default in (None, (), False) else example(variable)
        also = " *(secret)*" if variable.secret else f" (`{variable.flag}`)" if variable.flag else ""
        rows.append((variable.name, default, variable.help + also))
    return rows
