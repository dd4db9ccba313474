"""Proves docker-compose.yml and the Dockerfile with a real engine:  python3 tests/containers/run_compose.py

Uses whatever docker-compose (1.29 or v2) and engine it finds, on a copy of the checkout, so that the user's own `.env`,
image and containers stay as they are. Standard library only; exit code 0 when every promise held.
"""

import json
import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TypeVar

ROOT = Path(__file__).resolve().parents[2]
BUILT_FROM = ("pyproject.toml", "constraints.txt", "README.md", "LICENSE", "Dockerfile", ".dockerignore",
              "docker-compose.yml", "src")
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))
Subject = TypeVar("Subject")


def say(text: str) -> None:
    """Print one line of progress."""
    print(text, flush=True)


def compose_command() -> list[str]:
    """Return the compose that this machine has."""
    if shutil.which("docker-compose"):
        return ["docker-compose"]
    if shutil.which("docker"):
        return ["docker", "compose"]
    sys.exit("neither docker-compose nor docker was found")


class Gateway:
    """A gateway in a container, as its clients see it."""

    def base(self) -> str:
        """Return the URL that it is reached at."""
        raise NotImplementedError

    def logs(self) -> str:
        """Return everything that its containers have printed."""
        raise NotImplementedError

    def ask(self, path: str, body: object = None, key: str = "") -> tuple[int, str]:
        """Send one request; a refused connection is status 0."""
        request = urllib.request.Request(self.base() + path)
        request.data = None if body is None else json.dumps(body).encode()
        request.add_header("Content-Type", "application/json")
        if key:
            request.add_header("Authorization", f"Bearer {key}")
        try:
            with DIRECT.open(request, timeout=30) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError as error:
            return 0, str(error)

    def chat(self, model: str, key: str = "", stream: bool = False) -> tuple[int, str]:
        """Ask one model for an answer."""
        message = {"role": "user", "content": "hello"}
        return self.ask("/v1/chat/completions", {"model": model, "messages": [message], "stream": stream}, key)


class Project(Gateway):
    """One compose project in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.master_key = "master-" + secrets.token_hex(16)
        self.provider_key = "canary-" + secrets.token_hex(16)
        self.command = [*compose_command(), "--project-name", f"gatewaytest{os.getpid()}",
                        "-f", "docker-compose.yml", "-f", "mock-upstream.yml"]

    def compose(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run compose as a user would: nothing of the gateway in the environment, only `.env`."""
        kept = ("PATH", "HOME", "DOCKER_HOST", "DOCKER_BUILDKIT", "DOCKER_CONFIG", "DOCKER_CONTEXT", "TMPDIR")
        environ = {name: os.environ[name] for name in kept if name in os.environ}
        done = subprocess.run([*self.command, *arguments], cwd=self.folder, env=environ, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=900)
        if check and done.returncode != 0:
            raise AssertionError(f"compose {' '.join(arguments)} ended with {done.returncode}:\n{done.stdout[-6000:]}")
        return done

    def inside(self, script: str, check: bool = True) -> str:
        """Run a shell line in the gateway's container and return what it printed."""
        return self.compose("exec", "-T", "gateway", "sh", "-c", script, check=check).stdout.strip()

    def declare(self, *models: str) -> None:
        """Write `.env` with these models at the mock upstream; quotes and a comment as people write them."""
        lines = ["# written by a person", f'LITELLM_MASTER_KEY="{self.master_key}"', f"PORT={self.port}",
                 f"OPENAI_API_KEY='{self.provider_key}'", "OPENAI_API_BASE=http://upstream:8000/v1",
                 f"PROXY_MODEL_KEYS={','.join(f'm{number}' for number, _ in enumerate(models))}"]
        lines += [f"MODEL_M{number}_UPSTREAM_MODEL={model}" for number, model in enumerate(models)]
        (self.folder / ".env").write_text("\n".join(lines) + "\n", encoding="utf-8")

    def base(self) -> str:
        """Return the URL of the published port."""
        return f"http://127.0.0.1:{self.port}"

    def logs(self) -> str:
        """Return everything that the containers have printed."""
        return self.compose("logs", check=False).stdout

    def aliases(self) -> list[str]:
        """Return what `/v1/models` lists, or nothing while it does not answer."""
        status, text = self.ask("/v1/models", key=self.master_key)
        return [model["id"] for model in json.loads(text)["data"]] if status == 200 else []


def free_port() -> int:
    """Return a port that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(what: str, condition: Callable[[], object], gateway: Gateway, seconds: float = 120) -> None:
    """Poll until ``condition`` holds; past the deadline show the containers' logs."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: not within {seconds:.0f} s\n{gateway.logs()[-6000:]}")
        time.sleep(0.2)


def expect(what: str, holds: object, shown: object = "") -> None:
    """Report one promise, or end the run with what was seen instead."""
    if not holds:
        raise AssertionError(f"{what}: {shown}")
    say(f"  ok: {what}")


def missing_env_file(project: Project) -> None:
    """Without `.env` nothing starts, and the message is ours."""
    done = project.compose("up", "-d", check=False)
    expect("a missing .env ends with our message", done.returncode != 0 and "cp .env.example .env" in done.stdout
           and "Traceback" not in done.stdout, done.stdout)


def built(project: Project) -> None:
    """Build the image; with a `.env` that declares nothing the launcher says what to write into it."""
    (project.folder / ".env").write_text(f"LITELLM_MASTER_KEY={project.master_key}\n", encoding="utf-8")
    began = time.monotonic()
    project.compose("build")
    say(f"  built in {time.monotonic() - began:.0f} s")
    done = project.compose("run", "--rm", "--no-deps", "-T", "gateway", check=False)
    expect("a .env without models is exit code 2 and a line to paste", done.returncode == 2
           and "PROXY_MODEL_KEYS=" in done.stdout and "Traceback" not in done.stdout, (done.returncode, done.stdout))


def answers(project: Project) -> None:
    """Start, and get answers with the right key only."""
    project.declare("gpt-5", "deepseek-v3.2")
    began = time.monotonic()
    project.compose("up", "-d")
    wait_for("the gateway answers", lambda: project.ask("/health/liveliness")[0] == 200, project)
    say(f"  answers {time.monotonic() - began:.0f} s after `up -d`")
    for stream in (False, True):
        status, text = project.chat("gpt-5", project.master_key, stream)
        expect(f"a chat request is answered, stream={stream}", status == 200 and "choices" in text, (status, text))
    for key in ("", "wrong-" + secrets.token_hex(8), project.provider_key):
        status, text = project.chat("gpt-5", key)
        expect("another key, or none, is a 401", status == 401, (status, text))
    address = project.compose("port", "gateway", str(project.port)).stdout.strip()
    expect("it is published on this machine only", address == f"127.0.0.1:{project.port}", address)
    expect("the models are listed in order", project.aliases() == ["gpt-5", "deepseek-v3.2"], project.aliases())


def confined(project: Project) -> None:
    """Check from inside what the container may do."""
    expect("it does not run as root", project.inside("id -u") == "10001", project.inside("id -u"))
    expect("its root file system is read-only",
           "Read-only" in project.inside("touch /opt/gateway/x 2>&1", check=False), "the file was written")
    project.inside("touch /tmp/x /var/lib/litellm-gateway/kept")
    status = project.inside("cat /proc/self/status")
    expect("no new privileges", re.search(r"NoNewPrivs:\s*1", status), status)
    expect("no capabilities", re.search(r"CapEff:\s*0+$", status, re.MULTILINE), status)
    tools = project.inside("command -v gcc cc make c++ || true")
    expect("no compilers", tools == "", tools)


def health_check(project: Project) -> None:
    """Run the image's own health check, which not every engine runs by itself."""
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", "")
    found = re.search(r"HEALTHCHECK .*CMD (\[.*\])", text)
    command = json.loads(found[1]) if found else []
    done = project.compose("exec", "-T", "gateway", *command, check=False)
    expect("the health check passes", command and done.returncode == 0, done.stdout)
    done = project.compose("exec", "-T", "-e", "PORT=1", "gateway", *command, check=False)
    expect("the health check can fail", done.returncode != 0, done.stdout)


def switched(project: Project) -> None:
    """Change the models with `.env` and `up -d`, nothing else."""
    project.declare("grok-code-fast-1")
    project.compose("up", "-d")
    wait_for("the new model is served", lambda: project.aliases() == ["grok-code-fast-1"], project)
    status, text = project.chat("grok-code-fast-1", project.master_key)
    expect("the new model answers", status == 200, (status, text))
    status, text = project.chat("gpt-5", project.master_key)
    expect("the old one is gone", 400 <= status < 500, (status, text))
    state = project.inside("ls /var/lib/litellm-gateway")
    expect("the state is still there", {"kept", "gateway.db"} <= set(state.split()), state)


def nothing_leaks(project: Project) -> None:
    """Look for both keys in everything the containers logged."""
    logs = project.compose("logs").stdout
    expect("no key is in the logs", project.master_key not in logs and project.provider_key not in logs, "found one")


def ends(project: Project) -> None:
    """Stop within the grace period and leave nothing."""
    began = time.monotonic()
    project.compose("down", "--volumes", "--remove-orphans")
    say(f"  down after {time.monotonic() - began:.0f} s")
    expect("nothing listens any more", project.ask("/health/liveliness")[0] == 0)
    left = project.compose("ps", "-q").stdout.strip()
    expect("no container is left", left == "", left)


@contextmanager
def copied() -> Iterator[Project]:
    """Give a project in a copy of what the image is built from, and take it down whatever happens."""
    with tempfile.TemporaryDirectory(prefix="gateway compose ") as name:
        folder = Path(name)
        for part in BUILT_FROM:
            source = ROOT / part
            if source.is_dir():
                shutil.copytree(source, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(source, folder / part)
        shutil.copy(ROOT / "tests" / "containers" / "mock-upstream.yml", folder)
        project = Project(folder)
        try:
            yield project
        finally:
            project.declare("gpt-5")
            project.compose("down", "--volumes", "--remove-orphans", check=False)


def all_hold(prepared: Callable[[], AbstractContextManager[Subject]], checks: Iterable[Callable[[Subject], None]],
             told: str) -> int:
    """Run every check in order, they build on each other; return the exit code, and say ``told`` where all hold."""
    try:
        with prepared() as subject:
            for check in checks:
                say(f"{check.__name__.replace('_', ' ')}:")
                check(subject)
    except AssertionError as failure:
        say(f"  FAILED: {failure}")
        return 1
    say(told)
    return 0


CHECKS = (missing_env_file, built, answers, confined, health_check, switched, nothing_leaks, ends)


def main() -> int:
    """Run every check."""
    return all_hold(copied, CHECKS, "the containers keep every promise")


if __name__ == "__main__":
    sys.exit(main())
