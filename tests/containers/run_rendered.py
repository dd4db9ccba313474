"""Runs what `render compose` writes, with docker-compose 1.29 or v2:  python3 -m tests.containers.run_rendered

The gateway and the discovery service run, beside a mock upstream; PostgreSQL and Prometheus, whose images come from a
registry, are only read by compose. The commands in the file's head make the secrets, as an operator would paste them.
"""

import os
import re
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.containers.image import image, rendered
from tests.containers.run_compose import Project, all_hold, compose_command, expect, free_port, say, wait_for

OVERLAY = """\
services:
  gateway:
    depends_on: [upstream]
  upstream:
    image: {image}
    entrypoint: ["python", "-m", "litellm_gateway.mock", "--host", "0.0.0.0", "--port", "8000"]
    read_only: true
    init: true
    healthcheck:
      disable: true
"""
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
GATEWAY_ENVIRONMENT=a $HOME b
GATEWAY_METRICS_KEY_FILE=elsewhere
PORT={port}
DISCOVERY_PORT={other}
"""
ALIASES = ["gpt-5", "groq/llama-3.3-70b-versatile", "qwen3", "default"]


class Rendered(Project):
    """A compose project of a rendered file in a folder of its own."""

    def __init__(self, folder: Path, name: str) -> None:
        super().__init__(folder)
        self.image, self.other = name, free_port()
        self.command = [*compose_command(), "--project-name", f"gatewayrendered{os.getpid()}",
                        "-f", "docker-compose.yml", "-f", "overlay.yml"]
        (folder / "declared.env").write_text(DECLARED.format(port=self.port, other=self.other), encoding="utf-8")
        (folder / "overlay.yml").write_text(OVERLAY.format(image=name), encoding="utf-8")
        self.render()

    def render(self, *options: str) -> str:
        """Render the file with these options, and return it."""
        text = rendered(self.image, self.folder / "declared.env", "compose", "--image", self.image, *options)
        (self.folder / "docker-compose.yml").write_text(text, encoding="utf-8")
        return text

    def secret(self, name: str) -> str:
        """Return what a secret's file holds."""
        return (self.folder / "secrets" / name).read_text(encoding="utf-8").strip()


def every_combination_is_read(project: Rendered) -> None:
    """Let compose check every combination of services against its own schema, and expand what it would."""
    flags = ("--postgres", "--discovery", "--prometheus")
    for number in range(2 ** len(flags)):
        options = [flag for place, flag in enumerate(flags) if number >> place & 1]
        project.render(*options)
        done = project.compose("-f", "docker-compose.yml", "config", check=False)
        expect(f"compose reads it with {' '.join(options) or 'no options'}", done.returncode == 0, done.stdout)
        expect("and expands nothing of the host", "$$HOME" in done.stdout and "variable is not set" not in done.stdout,
               done.stdout)


def secrets_are_made(project: Rendered) -> None:
    """Paste the commands of the head, with a key where they ask for one."""
    lines = re.findall(r"^#   (.*)$", project.render("--discovery"), re.MULTILINE)
    for line in lines[1:-1]:
        subprocess.run(["sh", "-euc", f"{lines[0]}; {line}"], cwd=project.folder, check=True, text=True,
                       input=f"canary-{secrets.token_hex(16)}\n")
    project.master_key, project.provider_key = project.secret("LITELLM_MASTER_KEY"), project.secret("OPENAI_API_KEY")
    expect("every secret has its file", len(list((project.folder / "secrets").iterdir())) == len(lines) - 2)


def answers(project: Rendered) -> None:
    """Start, ask, and be refused."""
    began = time.monotonic()
    project.compose("up", "-d")
    wait_for("the gateway answers", lambda: project.ask("/health/readiness")[0] == 200, project)
    say(f"  answers {time.monotonic() - began:.0f} s after `up -d`")
    for model in ALIASES:
        status, text = project.chat(model, project.master_key)
        expect(f"{model} answers a chat request", status == 200 and "mock upstream" in text, (status, text))
    expect("the models are listed", project.aliases() == ALIASES, project.aliases())
    expect("another key is a 401", project.chat("gpt-5", project.provider_key)[0] == 401)
    status, text = project.ask("/metrics", key=project.secret("GATEWAY_METRICS_KEY"))
    expect("the key for metrics reads them", status == 200 and "gateway_requests" in text, (status, text[:300]))
    expect("and opens nothing else", project.chat("gpt-5", project.secret("GATEWAY_METRICS_KEY"))[0] == 401)


def it_is_the_rendered_configuration(project: Rendered) -> None:
    """The hash on top of the file is the one in the gateway's log."""
    head = (project.folder / "docker-compose.yml").read_text(encoding="utf-8").splitlines()[0]
    logs = project.compose("logs", "gateway").stdout
    expect("the configuration is the rendered one", f"configuration {head.split()[-1]}" in logs, (head, logs[-3000:]))


def discovery_answers(project: Rendered) -> None:
    """The discovery service lists what the gateway serves, to its own tokens only."""
    port, project.port = project.port, project.other
    try:
        wait_for("discovery answers", lambda: project.ask("/health")[0] == 200, project)
        token = project.secret("DISCOVERY_TOKENS")
        wait_for("discovery lists the models", lambda: sorted(_ids(project, token)) == sorted(ALIASES), project)
        status = project.ask("/v1/models", key=project.master_key)[0]
        expect("the gateway's own key is none of its tokens", status == 401, status)
    finally:
        project.port = port


def _ids(project: Rendered, token: str) -> list[str]:
    status, text = project.ask("/v1/models", key=token)
    return re.findall(r'"id":\s*"([^"]+)"', text) if status == 200 else []


def confined(project: Rendered) -> None:
    """Look from inside at what the containers may do."""
    for service in ("gateway", "discovery"):
        shown = project.compose("exec", "-T", service, "sh", "-c", "id -u; touch /opt/gateway/x; cat /proc/self/status",
                                check=False).stdout
        expect(f"{service}: no root, nothing to write to, no capabilities, no new privileges",
               shown.startswith("10001") and "Read-only" in shown and re.search(r"CapEff:\s*0+$", shown, re.MULTILINE)
               and re.search(r"NoNewPrivs:\s*1", shown), shown)


def healthy(project: Rendered) -> None:
    """Run both health checks as the engine would."""
    text = (project.folder / "docker-compose.yml").read_text(encoding="utf-8")
    scripts = re.findall(r'^      - "(import urllib[^\n]*)"$', text, re.MULTILINE)
    for service, script in zip(("gateway", "discovery"), scripts, strict=True):
        done = project.compose("exec", "-T", service, "python", "-c", script, check=False)
        expect(f"the health check of {service} passes", done.returncode == 0, done.stdout)
        done = project.compose("exec", "-T", service, "python", "-c", re.sub(r":\d+/", ":1/", script), check=False)
        expect("and can fail", done.returncode != 0, done.stdout)


def nothing_leaks(project: Rendered) -> None:
    """Look for every secret in what the containers logged and in the file itself."""
    shown = project.compose("logs").stdout + (project.folder / "docker-compose.yml").read_text(encoding="utf-8")
    found = [path.name for path in (project.folder / "secrets").iterdir() if project.secret(path.name) in shown]
    expect("no secret is in the logs or in the file", not found, found)


@contextmanager
def prepared(name: str) -> Iterator[Rendered]:
    """Give a project in a folder of its own, and take it down whatever happens."""
    with tempfile.TemporaryDirectory(prefix="gateway rendered ") as folder:
        project = Rendered(Path(folder), name)
        try:
            yield project
        finally:
            project.compose("down", "--volumes", "--remove-orphans", "--timeout", "10", check=False)


CHECKS = (every_combination_is_read, secrets_are_made, answers, it_is_the_rendered_configuration, discovery_answers,
          confined, healthy, nothing_leaks)


def main() -> int:
    """Run every check."""
    return all_hold(lambda: prepared(image()), CHECKS, "the rendered file keeps every promise")


if __name__ == "__main__":
    sys.exit(main())
