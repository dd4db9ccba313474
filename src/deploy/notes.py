"""The comments that stand in the documents: how each secret gets its value, and what has to follow."""

from collections.abc import Sequence

from .. import __version__
from ..config.checks import MASTER_KEY
from ..config.database import VARIABLE
from . import beside
from .asked import Compose, Kubernetes
from .target import METRICS_KEY, Target

_RANDOM = "openssl rand -hex 32"
# Keys that nobody gives out: they are made up on the spot.
_MADE = {MASTER_KEY: f'echo "sk-$({_RANDOM})"', METRICS_KEY: _RANDOM, beside.DISCOVERY_TOKENS: _RANDOM,
         beside.POSTGRES_PASSWORD: _RANDOM}


def of_compose(target: Target, asked: Compose, names: Sequence[str]) -> list[str]:
    """Return the head of a compose file; its indented lines are commands to paste."""
    lines = [_rendered(target), "", "Each secret is a file with the value and nothing else. The folder keeps others "
             "out; the files are readable, or", "the containers' users could not read them.",
             "  mkdir -p secrets && chmod 700 secrets && umask 022"]
    for name in _passwords_first(names):
        lines.append(f"  {_secret_file(name, asked)}")
    return [*lines, "Then, here and after every change:", "  docker-compose up -d"]


def _passwords_first(names: Sequence[str]) -> list[str]:
    """Return the names with what others are made of in front."""
    return sorted(names, key=lambda name: name != beside.POSTGRES_PASSWORD)


def _secret_file(name: str, asked: Compose) -> str:
    path = f"secrets/{name}"
    if name == VARIABLE and asked.postgres:
        return f'echo "postgresql://gateway:$(cat secrets/{beside.POSTGRES_PASSWORD})@postgres/gateway" > {path}'
    return f"{_MADE.get(name, 'cat')} > {path}" + ("" if name in _MADE else "   # paste it, Enter, Ctrl-D")


def of_kubernetes(target: Target, asked: Kubernetes) -> list[str]:
    """Return the head of the Kubernetes documents."""
    return [_rendered(target), f"  kubectl apply -f FILE      (the namespace {asked.namespace} exists already)"]


def of_secret(target: Target, asked: Kubernetes) -> list[str]:
    """Return what stands above the Secret: one command per key that puts the real one in, and what makes it count."""
    place = f"kubectl --namespace {asked.namespace}"
    lines = ["Placeholders: the gateway does not start with the one of the master key. Put each key in from a file "
             "that holds it alone:"]
    for name in target.secrets:
        lines.append(f"  {patch_command(name, place, asked.name)}")
    lines += ["Pods read their keys at the start:", f"  {place} rollout restart deployment/{asked.name}",
              "Applying this document again would bring the placeholders back: from now on render with --no-secret."]
    return lines


def without_secret(target: Target, asked: Kubernetes) -> list[str]:
    """Return what stands in the Secret's place with `--no-secret`."""
    return [f"The Secret {asked.name} is left out (--no-secret). It needs: {', '.join(target.secrets)}"]


def patch_command(name: str, place: str, secret: str) -> str:
    """Return the command that takes one key from the file of its name; the key stands in no argument and no history."""
    return (f"printf '{{\"data\":{{\"{name}\":\"%s\"}}}}' \"$(tr -d '\\r\\n' < {name}.key | base64 | tr -d '\\n')\" | "
            f"{place} patch secret {secret} --type merge --patch-file /dev/stdin")


def _rendered(target: Target) -> str:
    return f"Rendered by litellm-gateway {__version__}. Configuration: {target.hash}"
