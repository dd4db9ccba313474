"""OpenTelemetry: LiteLLM's own exporter, switched on by the standard `OTEL_*` variables and kept free of content."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec

from ..errors import UsageProblem

_ENDPOINT, _TRACES_ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"
# LiteLLM 1.106 (integrations/opentelemetry.py) would print spans to stdout and put messages into them.
_DEFAULTS = {"OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf", "OTEL_SERVICE_NAME": "litellm-gateway",
             "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": "false"}


@dataclass(frozen=True)
class Telemetry:
    """What tracing adds to a launch: LiteLLM callbacks, and values for the workers' environment."""

    callbacks: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)


def telemetry(values: Mapping[str, str]) -> Telemetry:
    """Return what ``values`` ask for; raises UsageProblem where the packages for it are missing."""
    wanted = values.get(_ENDPOINT) or values.get(_TRACES_ENDPOINT)
    if not wanted or values.get("OTEL_SDK_DISABLED", "").lower() == "true" \
            or values.get("OTEL_TRACES_EXPORTER", "").lower() == "none":
        return Telemetry()
    if not installed():
        raise UsageProblem("OTEL_* variables ask for tracing, but OpenTelemetry is not installed", _ENDPOINT,
                           "pip install 'litellm-local-gateway[otel]', or set OTEL_SDK_DISABLED=true")
    env = {name: value for name, value in _DEFAULTS.items() if not values.get(name)}
    return Telemetry(("otel",), env if values.get(_ENDPOINT) else {**env, _ENDPOINT: wanted})


def installed() -> bool:
    """Tell whether SDK and OTLP exporter are there, without importing either."""
    try:
        return all(find_spec(name) for name in ("opentelemetry.sdk", "opentelemetry.exporter.otlp.proto.http"))
    except ModuleNotFoundError:
        return False
