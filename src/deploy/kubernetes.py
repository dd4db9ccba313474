"""`render k8s`: a plan as ConfigMap, Secret, volume, Deployment and Service, for `kubectl apply`."""

import json
from typing import Any

from .. import __version__
from ..config.document import plan_document
from ..errors import ConfigurationError, Problem
from . import notes, pod, sizes
from .asked import Kubernetes
from .target import PLACEHOLDER, Target
from .text import comment, document

# An unset metrics key lets only the master key in; a known one would let anybody in.
_EMPTY = ("GATEWAY_METRICS_KEY",)
_NEEDS = "PostgreSQL: --postgres, or GATEWAY_DATABASE_URL=postgresql://..."


def render(target: Target, asked: Kubernetes) -> str:
    """Return the documents; raises ConfigurationError with everything that is wrong with ``asked``."""
    found = [*asked.problems(), *_replicas(target, asked)]
    if found:
        raise ConfigurationError(found)
    parts = [comment(notes.of_kubernetes(target, asked)) + document(_config_map(target, asked))]
    if asked.secret:
        parts.append(comment(notes.of_secret(target, asked)) + document(_secret(target, asked)))
    if target.state == "sqlite":
        parts.append(document(_claim(target, asked)))
    above = "" if asked.secret else comment(notes.without_secret(target, asked))
    parts.append(above + document(_deployment(target, asked)))
    parts.append(document(_service(target, asked)))
    return target.clean("---\n".join(parts))


def config_map_data(target: Target) -> dict[str, str]:
    """Return the two files that `--config` takes: LiteLLM's YAML and the plan.json that belongs to it."""
    plan = {**plan_document(target.plan), "sources": {}, "hash": target.hash}
    return {"config.yaml": target.config, "plan.json": json.dumps(plan, indent=1, ensure_ascii=False) + "\n"}


def _replicas(target: Target, asked: Kubernetes) -> list[Problem]:
    if asked.replicas == 1 or target.state == "postgresql":
        return []
    why = {"sqlite": "a SQLite file can be written by one pod only: each replica would have its own keys, limits and "
                     "ledger",
           "off": "without a database each replica would count limits for itself"}[target.state]
    return [Problem(f"{asked.replicas} replicas: {why}", "--replicas", f"several replicas need {_NEEDS}")]


def _metadata(asked: Kubernetes, name: str | None = None) -> dict[str, Any]:
    labels = {**pod.selector(asked), "app.kubernetes.io/version": __version__}
    return {"name": name or asked.name, "namespace": asked.namespace, "labels": labels}


def _config_map(target: Target, asked: Kubernetes) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": _metadata(asked, pod.config_name(asked)),
            "data": config_map_data(target)}


def _secret(target: Target, asked: Kubernetes) -> dict[str, Any]:
    values = {name: "" if name in _EMPTY else PLACEHOLDER for name in target.secrets}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": _metadata(asked), "type": "Opaque", "stringData": values}


def _claim(target: Target, asked: Kubernetes) -> dict[str, Any]:
    size = asked.storage or f"{sizes.volume(target.plan.settings)}Gi"
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": _metadata(asked, pod.state_name(asked)),
            "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": size}}}}


def _deployment(target: Target, asked: Kubernetes) -> dict[str, Any]:
    # Two pods would write one file, or wait for one another's volume.
    strategy: dict[str, Any] = {"type": "Recreate"} if target.state == "sqlite" else {
        "type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}}
    metadata = _metadata(asked)
    return {
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata,
        "spec": {
            "replicas": asked.replicas,
            "revisionHistoryLimit": 3,
            "strategy": strategy,
            "selector": {"matchLabels": pod.selector(asked)},
            "template": {
                # Another configuration is another pod: a change of the ConfigMap alone would roll nothing.
                "metadata": {"labels": metadata["labels"],
                             "annotations": {"litellm-gateway/config-hash": target.hash}},
                "spec": pod.spec(target, asked),
            },
        },
    }


def _service(target: Target, asked: Kubernetes) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Service", "metadata": _metadata(asked),
            "spec": {"type": "ClusterIP", "selector": pod.selector(asked),
                     "ports": [{"name": "http", "port": target.port, "targetPort": "http", "protocol": "TCP"}]}}
