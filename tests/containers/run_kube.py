"""Runs what `render k8s` writes: ConfigMap, Secret, volume and Deployment under `podman kube play`, asked for a chat.

    python3 -m tests.containers.run_kube        from the checkout's folder, with podman and the rights to use it

Podman 4.3 reads a Secret for `envFrom` from its own store, as a JSON map of names to base64; the documents otherwise
run as they were rendered. It has no Services, runs no probes without systemd and ignores fsGroup: what that gives the
volumes is done here by hand.
"""

import base64
import json
import os
import re
import secrets
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.containers.image import image, logs_of, rendered, run
from tests.containers.run_compose import Gateway, all_hold, expect, say, wait_for

PORT, USER = 4000, 10001
DECLARED = """\
PROXY_MODEL_KEYS=gpt5,llama,local
PROXY_CHAIN_KEYS=default
CHAIN_DEFAULT_MODELS=local,gpt5
OPENAI_API_BASE=http://upstream:8000/v1
MODEL_GPT5_UPSTREAM_MODEL=gpt-5
MODEL_LLAMA_UPSTREAM_MODEL=groq/llama-3.3-70b-versatile
MODEL_LLAMA_API_BASE=http://upstream:8000/v1
MODEL_LOCAL_UPSTREAM_MODEL=qwen3
MODEL_LOCAL_API_KEY_ENV=none
"""


class Cluster(Gateway):
    """One network with a mock upstream, and the documents of one Deployment."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder, self.image, self.name = folder, name, f"gatewaytest{os.getpid()}"
        self.pod, self.container = f"{self.name}-pod-0", f"{self.name}-pod-0-gateway"
        self.keys = {key: f"canary-{secrets.token_hex(16)}" for key in
                     ("LITELLM_MASTER_KEY", "OPENAI_API_KEY", "GROQ_API_KEY")}
        declared = folder / "declared.env"
        declared.write_text(DECLARED, encoding="utf-8")
        self.text = rendered(name, declared, "k8s", "--namespace", "ml", "--name", self.name, "--image", name)
        self.volumes = {"runtime", "tmp", f"{self.name}-config", f"{self.name}-state"} - _volumes()

    def give(self, keys: dict[str, str]) -> None:
        """Store the Secret in podman's own form."""
        coded = {name: base64.b64encode(value.encode()).decode() for name, value in keys.items()}
        run("secret", "rm", self.name, check=False)
        run("secret", "create", self.name, "-", given=json.dumps(coded))

    def play(self) -> None:
        """Apply the documents; podman does not take a claim again that it has, as a cluster does."""
        others = "Secret|Service" + ("|PersistentVolumeClaim" if f"{self.name}-state" in _volumes() else "")
        kept = [one for one in self.text.split("---\n") if not re.search(rf"^kind: ({others})$", one, re.MULTILINE)]
        run("kube", "play", "--network", self.name, "-", given="---\n".join(kept))

    def down(self) -> None:
        """Remove the pod; its volumes stay, as a PersistentVolumeClaim does."""
        run("pod", "rm", "--force", "--time", "40", self.pod, check=False)

    def base(self) -> str:
        """Return the URL of the pod."""
        infra = run("pod", "inspect", self.pod, "--format", "{{.InfraContainerID}}").stdout.strip()
        shown = run("inspect", infra, "--format", "{{json .NetworkSettings.Networks}}").stdout
        return f"http://{json.loads(shown)[self.name]['IPAddress']}:{PORT}"

    def inside(self, *command: str, check: bool = True) -> str:
        """Run a command in the gateway's container and return what it printed."""
        return run("exec", self.container, *command, check=check).stdout.strip()

    def logs(self) -> str:
        """Return what the gateway has logged."""
        return logs_of(self.container)


def _volumes() -> set[str]:
    return set(run("volume", "ls", "--quiet").stdout.split())


def placeholders_are_refused(cluster: Cluster) -> None:
    """With the Secret as it was rendered the gateway says what is missing, and does not serve."""
    found = dict(re.findall(r"^  ([A-Z_]+): (change-me-please)$", cluster.text, re.MULTILINE))
    expect("the Secret has placeholders for every key and nothing else", set(found) == set(cluster.keys), found)
    cluster.give(found)
    cluster.play()
    wait_for("the placeholder is refused", lambda: "publicly known or trivial" in cluster.logs(), cluster)
    expect("nobody listens", cluster.ask("/health/liveliness")[0] == 0)
    cluster.down()


def volumes_are_as_a_cluster_has_them(cluster: Cluster) -> None:
    """Give the volumes the owner and modes that fsGroup and emptyDir give them: root's, and open to more than one."""
    for volume, mode in (("runtime", 0o2777), ("tmp", 0o2777), (f"{cluster.name}-state", 0o2775)):
        # The first use of a volume is when podman gives it to the container's user.
        run("run", "--rm", "--entrypoint", "true", "-v", f"{volume}:/mnt", cluster.image)
        folder = run("volume", "inspect", volume, "--format", "{{.Mountpoint}}").stdout.strip()
        os.chown(folder, 0, USER)
        os.chmod(folder, mode)
    say("  ok: the volumes are root's, writable for the pod's group")


def answers(cluster: Cluster) -> None:
    """With real keys it starts with exactly the rendered configuration, and answers."""
    cluster.give(cluster.keys)
    began = time.monotonic()
    cluster.play()
    wait_for("the pod is ready", lambda: cluster.ask("/health/readiness")[0] == 200, cluster)
    say(f"  ready {time.monotonic() - began:.0f} s after the documents were applied")
    status = cluster.ask("/health/liveliness")[0]
    expect("both probes' routes answer without a key", status == 200, status)
    annotation = re.search(r'config-hash: "?([0-9a-f]{12})', cluster.text)
    expect("the annotation is the configuration that it logs",
           annotation and f"configuration {annotation[1]}" in cluster.logs(), cluster.logs())
    for model in ("gpt-5", "groq/llama-3.3-70b-versatile", "default"):
        status, text = cluster.chat(model, cluster.keys["LITELLM_MASTER_KEY"])
        expect(f"{model} answers a chat request", status == 200 and "mock upstream" in text, (status, text))
    for key in ("", f"wrong-{secrets.token_hex(8)}", cluster.keys["OPENAI_API_KEY"]):
        expect("another key, or none, is a 401", cluster.chat("gpt-5", key)[0] == 401)
    expect("a chain is a chain: plan.json was read", '"chain":"default"' in cluster.logs(), cluster.logs())


def confined(cluster: Cluster) -> None:
    """Look from inside at what the pod may do."""
    expect("it does not run as root", cluster.inside("id", "-u") == "10001", cluster.inside("id", "-u"))
    for path in ("/opt/gateway/x", "/etc/litellm-gateway/x", "/x"):
        done = run("exec", cluster.container, "touch", path, check=False)
        expect(f"{path} cannot be written", done.returncode != 0 and "Read-only" in done.stderr, done.stderr)
    status = cluster.inside("cat", "/proc/self/status")
    expect("no capabilities, no new privileges", re.search(r"CapEff:\s*0+$", status, re.MULTILINE)
           and re.search(r"NoNewPrivs:\s*1", status), status)
    mode = cluster.inside("stat", "-c", "%a %u", "/run/litellm-gateway/own")
    expect("the control socket's folder is the gateway's alone", mode.endswith("700 10001"), mode)
    shared = cluster.inside("stat", "-c", "%a %u", "/run/litellm-gateway", "/var/lib/litellm-gateway").split("\n")
    expect("the volumes still are the cluster's", shared == ["2777 0", "2775 0"], shared)
    files = cluster.inside("stat", "-c", "%a %u", "/var/lib/litellm-gateway/gateway.db")
    expect("the database is the gateway's alone", files == "600 10001", files)


def operated(cluster: Cluster) -> None:
    """What the documentation does with `kubectl exec` works in the container."""
    status = json.loads(cluster.inside("litellm-gateway", "status", "--json"))
    expect("status answers", status["state"] == "serving" or status["workers"], status)
    shown = cluster.inside("litellm-gateway", "keys", "add", "alice")
    key = next((word for word in shown.split() if word.startswith("sk-")), "")
    wait_for("a new client key opens", lambda: cluster.chat("gpt-5", key)[0] == 200, cluster)
    say("  ok: a client key made in the pod is served")


def state_stays(cluster: Cluster) -> None:
    """A pod that takes the place of another finds the ledger; the old one ends cleanly."""
    run("stop", "--time", "40", cluster.container)
    code = run("inspect", cluster.container, "--format", "{{.State.ExitCode}}").stdout.strip()
    expect("it ends with exit code 0 on SIGTERM", code == "0", code)
    logged = cluster.logs()
    expect("no key is in the log", not any(key in logged for key in cluster.keys.values()), "found one")
    cluster.down()
    cluster.play()
    wait_for("the next pod is ready", lambda: cluster.ask("/health/readiness")[0] == 200, cluster)
    rows = cluster.inside("litellm-gateway", "ledger", "tail", "-n", "50", "--json").splitlines()
    expect("the requests of the first pod are in its ledger", len(rows) >= 4, rows)


@contextmanager
def prepared(name: str) -> Iterator[Cluster]:
    """Give a cluster with its mock upstream, and remove everything whatever happens."""
    with tempfile.TemporaryDirectory(prefix="gateway-kube-") as folder:
        cluster = Cluster(Path(folder), name)
        mock = f"{cluster.name}-upstream"
        try:
            run("network", "create", cluster.name)
            run("run", "--detach", "--name", mock, "--network", cluster.name, "--network-alias", "upstream",
                "--entrypoint", "python", name, "-m", "litellm_gateway.mock", "--host", "0.0.0.0", "--port", "8000")
            yield cluster
        finally:
            cluster.down()
            run("rm", "--force", mock, check=False)
            run("secret", "rm", cluster.name, check=False)
            run("network", "rm", "--force", cluster.name, check=False)
            for volume in sorted(cluster.volumes & _volumes()):
                run("volume", "rm", "--force", volume, check=False)


CHECKS = (placeholders_are_refused, volumes_are_as_a_cluster_has_them, answers, confined, operated, state_stays)


def main() -> int:
    """Run every check."""
    if not shutil.which("podman"):
        sys.exit("podman was not found; it alone runs Kubernetes documents without a cluster")
    return all_hold(lambda: prepared(image()), CHECKS, "the pod keeps every promise")


if __name__ == "__main__":
    sys.exit(main())
