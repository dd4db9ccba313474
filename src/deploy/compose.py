"""`render compose`: a plan as one docker-compose file, for compose 1.29 (2021) and v2 alike.

It has no `version`: both then read the Compose Specification, which alone has secrets beside memory limits.
"""

from typing import Any

from ..config.database import OFF, VARIABLE
from ..config.plan import LaunchPlan
from ..errors import ConfigurationError, Problem
from . import beside, notes, sizes
from .asked import Compose
from .declare import declaration, setting_variables
from .target import METRICS_KEY, Target
from .text import comment, document

SECRETS = "secrets"
STATE_FOLDER = "/var/lib/litellm-gateway"
# A stop takes --grace; compose kills what takes longer.
_MARGIN = 10


def render(target: Target, asked: Compose) -> str:
    """Return the file; raises ConfigurationError where the options contradict the plan."""
    found = list(asked.problems())
    if asked.postgres and target.shared:
        found.append(Problem(f"--postgres brings a database, and {VARIABLE} names another", VARIABLE,
                             "keep one of the two"))
    if found:
        raise ConfigurationError(found)
    names = [*target.secrets, *beside.secrets(asked)]
    value: dict[str, Any] = {"services": {"gateway": _gateway(target, asked), **beside.services(target, asked)}}
    value["secrets"] = {name: {"file": f"./{SECRETS}/{name}"} for name in names}
    volumes = [*(["state"] if target.state != "off" else []), *beside.volumes(asked)]
    if volumes:
        value["volumes"] = {name: {} for name in volumes}
    return target.clean(comment(notes.of_compose(target, asked, names)) + document(value))


def wanted_secrets(plan: LaunchPlan, asked: Compose) -> tuple[str, ...]:
    """Return what the gateway needs beside its models' keys: for registry rows to come, and for Prometheus."""
    return (*plan.settings.words("GATEWAY_REGISTRY_KEYS"), *((METRICS_KEY,) if asked.prometheus else ()))


def _gateway(target: Target, asked: Compose) -> dict[str, Any]:
    settings, port = target.plan.settings, target.port
    found: dict[str, Any] = {
        **beside.confined(asked.image, "10001:10001"),
        "environment": _environment(target),
        "secrets": list(target.secrets),
        "ports": [f"{asked.published}:{port}:{port}"],
        "tmpfs": [beside.scratch("/tmp", 512)],
        "healthcheck": beside.health(port, "/health/liveliness", 60),
        **beside.limits(sizes.memory_limit(settings), target.workers + 1, 128 + 64 * target.workers),
        # Longer than --grace, so that running answers end before the container is killed.
        "stop_grace_period": f"{int(settings.number('GATEWAY_GRACE')) + _MARGIN}s",
    }
    if target.state != "off":
        found["volumes"] = [f"state:{STATE_FOLDER}"]
    if asked.postgres:
        found["depends_on"] = {"postgres": {"condition": "service_healthy"}}
    return found


def _environment(target: Target) -> dict[str, str]:
    """Return the gateway's variables; `$` is doubled, or compose would put a variable of the host there."""
    found = {"LITELLM_HOST": "0.0.0.0", "PORT": str(target.port), **setting_variables(target.plan.settings),
             **declaration(target.plan, rows=not target.shared), **beside.secret_files(target.secrets)}
    if target.state == "off":
        found[VARIABLE] = OFF
    return beside.escaped(found)
