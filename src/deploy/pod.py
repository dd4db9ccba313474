"""The pod of the Deployment: one container that may write where it has to and nowhere else."""

from typing import Any

from ..config.database import OFF, VARIABLE
from . import sizes
from .asked import Kubernetes
from .declare import OF_MODELS, setting_variables
from .target import Target

CONFIG, STATE, RUNTIME = "/etc/litellm-gateway", "/var/lib/litellm-gateway", "/run/litellm-gateway"
_USER = 10001  # as in the Dockerfile
# Until every node has heard that the pod is leaving, it still gets connections; then --grace begins.
_LEAVING_S, _MARGIN_S = 5, 5


def selector(asked: Kubernetes) -> dict[str, str]:
    """Return the labels that tell these pods from all others."""
    return {"app.kubernetes.io/name": "litellm-gateway", "app.kubernetes.io/instance": asked.name}


def config_name(asked: Kubernetes) -> str:
    """Return the name of the ConfigMap."""
    return f"{asked.name}-config"


def state_name(asked: Kubernetes) -> str:
    """Return the name of SQLite's volume."""
    return f"{asked.name}-state"


def spec(target: Target, asked: Kubernetes) -> dict[str, Any]:
    """Return the pod's specification."""
    grace = int(target.plan.settings.number("GATEWAY_GRACE"))
    return {
        "automountServiceAccountToken": False,
        # Else a Service named gateway would set GATEWAY_PORT and more here.
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": _LEAVING_S + grace + _MARGIN_S,
        "securityContext": {
            "runAsNonRoot": True, "runAsUser": _USER, "runAsGroup": _USER, "fsGroup": _USER,
            "fsGroupChangePolicy": "OnRootMismatch", "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [_container(target, asked)],
        "volumes": _volumes(target, asked),
    }


def _container(target: Target, asked: Kubernetes) -> dict[str, Any]:
    settings = target.plan.settings
    memory = sizes.memory_request(target.workers)
    return {
        "name": "gateway",
        "image": asked.image,
        "imagePullPolicy": "IfNotPresent",
        "args": ["--no-env-file", "--config", f"{CONFIG}/config.yaml"],
        "env": _env(target),
        "envFrom": [{"secretRef": {"name": asked.name}}],
        "ports": [{"name": "http", "containerPort": target.port, "protocol": "TCP"}],
        # A minute to import LiteLLM on a slow node, then two tries of a worker.
        "startupProbe": _probe("liveliness", 2, 30 + int(settings.number("GATEWAY_BOOT_TIMEOUT"))),
        "readinessProbe": _probe("readiness", 5, 2),
        # Slow is not dead: a minute without any answer is.
        "livenessProbe": _probe("liveliness", 10, 6),
        "lifecycle": {"preStop": {"exec": {"command": ["sleep", str(_LEAVING_S)]}}},
        # No limit for the processor: a throttled start or stream helps nobody.
        "resources": {"requests": {"cpu": "250m", "memory": f"{memory}Mi"},
                      "limits": {"memory": f"{sizes.memory_limit(settings)}Mi"}},
        "securityContext": {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True,
                            "capabilities": {"drop": ["ALL"]}},
        "volumeMounts": _mounts(),
    }


def _env(target: Target) -> list[dict[str, str]]:
    """Return what the launch is told beside the two files: where to listen, how to run, where to write."""
    # A folder of its own below the mount, which everybody may write to.
    found = {"LITELLM_HOST": "0.0.0.0", "PORT": str(target.port), "GATEWAY_RUNTIME_DIR": f"{RUNTIME}/own"}
    if target.state == "off":
        found[VARIABLE] = OFF
    found |= {name: value for name, value in setting_variables(target.plan.settings).items() if name not in OF_MODELS}
    # Kubernetes takes $(NAME) for a reference and $$(NAME) for these very characters.
    return [{"name": name, "value": value.replace("$(", "$$(")} for name, value in found.items()]


def _probe(route: str, period: int, failures: int) -> dict[str, Any]:
    return {"httpGet": {"path": f"/health/{route}", "port": "http"}, "periodSeconds": period, "timeoutSeconds": 5,
            "failureThreshold": failures}


def _mounts() -> list[dict[str, Any]]:
    return [{"name": "config", "mountPath": CONFIG, "readOnly": True}, {"name": "state", "mountPath": STATE},
            {"name": "runtime", "mountPath": RUNTIME}, {"name": "tmp", "mountPath": "/tmp"}]


def _volumes(target: Target, asked: Kubernetes) -> list[dict[str, Any]]:
    """Return the volumes; without SQLite only what is spilled while the database is away goes to the state folder."""
    spill = target.plan.settings.whole("GATEWAY_LEDGER_SPILL_MB") * target.workers
    state: dict[str, Any] = {"persistentVolumeClaim": {"claimName": state_name(asked)}} if target.state == "sqlite" \
        else {"emptyDir": {"sizeLimit": f"{spill + 64}Mi"}}
    return [{"name": "config", "configMap": {"name": config_name(asked)}}, {"name": "state", **state},
            {"name": "runtime", "emptyDir": {"sizeLimit": "256Mi"}}, {"name": "tmp", "emptyDir": {"sizeLimit": "1Gi"}}]
