"""What may stand beside the gateway in a compose file: PostgreSQL, model discovery, Prometheus."""

from collections.abc import Iterable, Mapping
from typing import Any

from ..config.checks import MASTER_KEY
from .asked import LOOPBACK, Compose
from .declare import declaration, discovery_variables
from .target import METRICS_KEY, Target
from .text import document

# The images' own users (their Dockerfiles): postgres of the Debian variant, and nobody.
POSTGRES, POSTGRES_USER = "postgres:17.6", "999:999"
PROMETHEUS, PROMETHEUS_USER = "prom/prometheus:v3.5.0", "65534:65534"
POSTGRES_PASSWORD, DISCOVERY_TOKENS = "POSTGRES_PASSWORD", "DISCOVERY_TOKENS"
PROMETHEUS_PORT = 9090


def services(target: Target, asked: Compose) -> dict[str, Any]:
    """Return the services that were asked for."""
    found: dict[str, Any] = {}
    if asked.postgres:
        found["postgres"] = _postgres()
    if asked.discovery:
        found["discovery"] = _discovery(target, asked)
    if asked.prometheus:
        found["prometheus"] = _prometheus(target)
    return found


def secrets(asked: Compose) -> list[str]:
    """Return the secrets that the gateway itself has no use for."""
    return [name for name, wanted in ((POSTGRES_PASSWORD, asked.postgres), (DISCOVERY_TOKENS, asked.discovery))
            if wanted]


def volumes(asked: Compose) -> list[str]:
    """Return the volumes of these services."""
    return [name for name, wanted in (("postgres", asked.postgres), ("prometheus", asked.prometheus)) if wanted]


def confined(image: str, user: str) -> dict[str, Any]:
    """Return what every service has: a pinned image, no root, nothing to write to, restarts, logs that stay small."""
    return {
        "image": image, "user": user, "init": True, "restart": "unless-stopped", "read_only": True,
        "cap_drop": ["ALL"], "security_opt": ["no-new-privileges:true"],
        "logging": {"driver": "json-file", "options": {"max-size": "20m", "max-file": "5"}},
    }


def limits(memory: int, cpus: int, processes: int) -> dict[str, Any]:
    """Return the limits of a service: memory in MiB, whole processors, processes and threads."""
    return {"mem_limit": f"{memory}m", "cpus": cpus, "pids_limit": processes}


def scratch(path: str, mebibytes: int = 64) -> str:
    """Return a folder in memory that any user may write to; without its mode, engines and images decide who may."""
    return f"{path}:mode=1777,size={mebibytes}m"


def health(port: int, path: str, start: int) -> dict[str, Any]:
    """Return a check that asks ``path`` inside the container, past any proxy; ``start`` are seconds for the start."""
    script = ("import urllib.request as u; u.build_opener(u.ProxyHandler({}))"
              f".open('http://127.0.0.1:{port}{path}', timeout=4)")
    return _check(["CMD", "python", "-c", script], start)


def _check(test: list[str], start: int) -> dict[str, Any]:
    return {"test": test, "interval": "15s", "timeout": "5s", "retries": 4, "start_period": f"{start}s"}


def secret_files(names: Iterable[str]) -> dict[str, str]:
    """Return the variables that say where each secret is."""
    return {f"{name}_FILE": f"/run/secrets/{name}" for name in names}


def escaped(variables: Mapping[str, str]) -> dict[str, str]:
    """Return the variables as compose wants them: `$$` stands for `$`."""
    return {name: value.replace("$", "$$") for name, value in variables.items()}


def _postgres() -> dict[str, Any]:
    return {
        **confined(POSTGRES, POSTGRES_USER),
        "environment": {"POSTGRES_USER": "gateway", "POSTGRES_DB": "gateway",
                        **secret_files([POSTGRES_PASSWORD]), "PGDATA": "/var/lib/postgresql/data/pgdata"},
        "secrets": [POSTGRES_PASSWORD],
        # The folder of the socket as the image has it: engines differ in who may write to a tmpfs there.
        "volumes": ["postgres:/var/lib/postgresql/data", "/run/postgresql"],
        "tmpfs": [scratch("/tmp")],
        "shm_size": "128m",
        "healthcheck": _check(["CMD", "pg_isready", "-U", "gateway", "-d", "gateway", "-h", "127.0.0.1"], 30),
        **limits(512, 1, 256),
        "stop_grace_period": "60s",
    }


def _discovery(target: Target, asked: Compose) -> dict[str, Any]:
    """Return the service for desktop clients; it asks with the gateway's own key, which a client key may replace."""
    settings = target.plan.settings
    port = settings.whole("DISCOVERY_PORT")
    variables = {"DISCOVERY_HOST": "0.0.0.0", "DISCOVERY_PORT": str(port),
                 "LITELLM_BASE_URL": f"http://gateway:{target.port}",
                 "LITELLM_API_KEY_FILE": f"/run/secrets/{MASTER_KEY}",
                 **secret_files([DISCOVERY_TOKENS]), "GATEWAY_DATABASE_URL": "off", **discovery_variables(settings),
                 **declaration(target.plan)}
    return {
        **confined(asked.image, "10001:10001"),
        "command": ["discovery"],
        "environment": escaped(variables),
        "secrets": [MASTER_KEY, DISCOVERY_TOKENS],
        "ports": [f"{asked.published}:{port}:{port}"],
        "tmpfs": [scratch("/tmp")],
        "healthcheck": health(port, "/health", 30),
        **limits(256, 1, 128),
        "depends_on": ["gateway"],
    }


def _prometheus(target: Target) -> dict[str, Any]:
    """Return Prometheus with its configuration in a variable: compose 1.29 cannot put a text into a file."""
    start = ('printf "%s" "$$PROMETHEUS_CONFIG" > /tmp/prometheus.yml && exec /bin/prometheus '
             "--config.file=/tmp/prometheus.yml --storage.tsdb.path=/prometheus --storage.tsdb.retention.time=30d")
    return {
        **confined(PROMETHEUS, PROMETHEUS_USER),
        "entrypoint": ["/bin/sh", "-ec", start],
        "environment": escaped({"PROMETHEUS_CONFIG": prometheus_config(target)}),
        "secrets": [METRICS_KEY],
        "ports": [f"{LOOPBACK}:{PROMETHEUS_PORT}:{PROMETHEUS_PORT}"],
        "volumes": ["prometheus:/prometheus"],
        "tmpfs": [scratch("/tmp")],
        "healthcheck": _check(["CMD", "wget", "-q", "-O", "/dev/null",
                               f"http://127.0.0.1:{PROMETHEUS_PORT}/-/healthy"], 30),
        **limits(512, 1, 128),
        "depends_on": ["gateway"],
    }


def prometheus_config(target: Target) -> str:
    """Return Prometheus's configuration: the gateway, asked with the key for metrics."""
    return document({
        "global": {"scrape_interval": "15s"},
        "scrape_configs": [{
            "job_name": "litellm-gateway",
            "authorization": {"type": "Bearer", "credentials_file": f"/run/secrets/{METRICS_KEY}"},
            "static_configs": [{"targets": [f"gateway:{target.port}"]}],
        }],
    })
