"""The whole gateway, started as an operator starts it: `python -m src.main ...` in a folder of its own.

    with MockUpstream() as upstream, Gateway(models(upstream.url)) as gateway:
        gateway.chat("gpt-5")                      # httpx; gateway.client() is the OpenAI SDK

`Gateway` waits for the ready line, and leaves neither processes nor files behind.
"""

import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).parents[2]
# Where a process finds `src`, after what keeps coverage out of the imports of others.
PYTHONPATH = os.pathsep.join([str(ROOT / "tests" / "unmeasured"), str(ROOT)])
# Generous: CI machines have two loaded cores. Nothing waits that long where things work.
DEADLINE_S = 120.0
# What a process needs from the machine; everything else of the developer's environment stays outside.
KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "SYSTEMROOT", "LD_LIBRARY_PATH", "VIRTUAL_ENV")


def canary(name: str = "canary") -> str:
    """Return a value that looks like nothing but itself."""
    return f"{name}-{uuid.uuid4().hex}"


def until(condition: Callable[[], Any], what: str, seconds: float = DEADLINE_S) -> Any:
    """Return the first true result of ``condition``; fail where there is none in time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if result := condition():
            return result
        time.sleep(0.02)
    raise AssertionError(f"not within {seconds:g} s: {what}")


def running(pid: int) -> bool:
    """Return whether the process exists and is no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


_HELD: list[socket.socket] = []


def dead_port() -> int:
    """Return a port that refuses connections as long as this process lives: taken, so that no other test gets it."""
    taken = socket.socket()
    taken.bind(("127.0.0.1", 0))
    _HELD.append(taken)
    port: int = taken.getsockname()[1]
    return port


def clean_environment(measured: bool = True) -> dict[str, str]:
    """Return the machine's own variables, and those that measure coverage in subprocesses unless told not to."""
    return {name: value for name, value in os.environ.items()
            if name in KEPT or measured and name.startswith(("COV_", "COVERAGE_"))}


def models(base: str, *names: str, **more: str) -> dict[str, str]:
    """Return variables that declare ``names`` (upstream ids) at ``base``, each keyless unless ``more`` says otherwise.

    The key of a model is its name without punctuation: ``gpt-5`` is ``MODEL_GPT5_*``.
    """
    chosen = names or ("gpt-5", "deepseek-v3.2", "grok-code-fast-1")
    keys = [re.sub("[^a-z0-9]", "", name) for name in chosen]
    values = {"PROXY_MODEL_KEYS": ",".join(keys), "OPENAI_API_BASE": base}
    for key, name in zip(keys, chosen):
        values[f"MODEL_{key.upper()}_UPSTREAM_MODEL"] = name
        values[f"MODEL_{key.upper()}_API_KEY_ENV"] = "none"
    return values | more


class Gateway:
    """One gateway; a context manager. ``environ`` is added to a clean environment, ``dotenv`` becomes `.env`.

    ``key`` is the master key: a random one in ``LITELLM_MASTER_KEY`` unless ``environ`` or ``dotenv`` say otherwise.
    ``home`` is its working folder and holds its database, ``runtime`` its GATEWAY_RUNTIME_DIR, ``tmp`` its TMPDIR.
    ``measured`` is whether coverage watches it, which takes a third of its speed: enough of them are.
    """

    def __init__(self, environ: Mapping[str, str], *flags: str, dotenv: str | None = None, workers: int = 1,
                 command: Sequence[str] = (sys.executable, "-m", "src.main"), key: str | None = None,
                 measured: bool = False) -> None:
        self.home = Path(tempfile.mkdtemp(prefix="lg-"))
        self.runtime, self.tmp = self.home / "run", self.home / "tmp"
        self.tmp.mkdir()
        self.port = free_port()
        self.key = key or canary("master")
        self.flags, self.command = list(flags), list(command)
        self.environ = {**clean_environment(measured), "PYTHONPATH": PYTHONPATH,
                        "GATEWAY_RUNTIME_DIR": str(self.runtime),
                        "XDG_STATE_HOME": str(self.home / "state"),
                        "TMPDIR": str(self.tmp), "WORKERS": str(workers), "LITELLM_MASTER_KEY": self.key, **environ}
        if "LITELLM_MASTER_KEY_FILE" in environ or "LITELLM_MASTER_KEY" in (dotenv or ""):
            del self.environ["LITELLM_MASTER_KEY"]
        if dotenv is not None:
            (self.home / ".env").write_text(dotenv, encoding="utf-8")
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "Gateway":
        self.start()
        try:
            self.wait_ready()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *exc: object) -> None:
        self.kill()
        shutil.rmtree(self.home, ignore_errors=True)

    # --- the process ------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start the process; it is not ready yet."""
        environ = {"PORT": str(self.port), **self.environ}
        self.port = int(environ["PORT"])
        with open(self.home / "stdout", "ab") as out, open(self.home / "stderr", "ab") as err:
            self.process = subprocess.Popen([*self.command, *self.flags], cwd=self.home, env=environ,
                                            stdin=subprocess.DEVNULL, stdout=out, stderr=err, start_new_session=True)

    def wait_ready(self) -> None:
        """Wait for the ready line; fail with the whole log where the process ends instead."""
        until(lambda: self.ready or self.ended, f"ready; stderr:\n{self.stderr}")
        assert self.ready, f"exit code {self.process and self.process.poll()}:\n{self.stderr}\n{self.stdout}"

    @property
    def ready(self) -> bool:
        """Return whether the gateway has said that it answers."""
        return bool(re.search(r'^ready: |"event": "ready"', self.stderr, re.MULTILINE))

    @property
    def ended(self) -> bool:
        """Return whether the process has ended."""
        return self.process is not None and self.process.poll() is not None

    @property
    def pid(self) -> int:
        """Return the process id of the parent; the launcher becomes it."""
        assert self.process is not None
        return self.process.pid

    def send(self, signum: int) -> None:
        """Send a signal to the parent."""
        os.kill(self.pid, signum)

    def wait(self, seconds: float = DEADLINE_S) -> int:
        """Wait for the end of the process and return its exit code."""
        assert self.process is not None
        return self.process.wait(seconds)

    def stop(self, signum: int = signal.SIGTERM) -> int:
        """Stop as an operator does and return the exit code; the logs stay readable."""
        self.send(signum)
        return self.wait()

    def kill(self) -> None:
        """End everything that this gateway started."""
        if self.process is None:
            return
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass  # ended by itself, which is what most tests want
        self.process.wait()

    @property
    def workers(self) -> list[int]:
        """Return the process ids of the parent's children that run."""
        found = []
        for stat in Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = stat.read_text().rsplit(")", 1)[1].split()
            except (FileNotFoundError, ProcessLookupError):
                continue  # gone meanwhile
            if fields[1] == str(self.pid) and fields[0] != "Z":
                found.append(int(stat.parent.name))
        return found

    # --- what it says -----------------------------------------------------------------------------------------------

    @property
    def stdout(self) -> str:
        """Return what stands on standard output so far: request lines."""
        return (self.home / "stdout").read_text(encoding="utf-8", errors="replace")

    @property
    def stderr(self) -> str:
        """Return what stands on standard error so far: startup and lifecycle lines."""
        return (self.home / "stderr").read_text(encoding="utf-8", errors="replace")

    def files(self) -> dict[Path, bytes]:
        """Return every readable file below the gateway's folder: logs, runtime files, temporary files."""
        return {path: path.read_bytes() for path in self.home.rglob("*") if path.is_file()}

    # --- asking it --------------------------------------------------------------------------------------------------

    @property
    def scheme(self) -> str:
        """Return `https` where a certificate is given."""
        return "https" if "--ssl-certfile" in self.flags else "http"

    @property
    def url(self) -> str:
        """Return the URL of the proxy, without /v1."""
        return f"{self.scheme}://127.0.0.1:{self.port}"

    @property
    def headers(self) -> dict[str, str]:
        """Return the headers of an authorized request."""
        return {"authorization": f"Bearer {self.key}"}

    def request(self, method: str, path: str, **more: Any) -> httpx.Response:
        """Ask once on a new connection; ``headers`` replaces the authorization, ``verify`` a CA file for TLS."""
        verify = more.pop("verify", None)
        # Without TLS none of the machine's certificates is read, which takes longer than most answers.
        context = ssl.create_default_context(cafile=verify) if verify else self.scheme == "https"
        more.setdefault("headers", self.headers)
        with httpx.Client(verify=context, timeout=60, trust_env=False) as client:
            return client.request(method, self.url + path, **more)

    def chat(self, model: str = "gpt-5", **more: Any) -> httpx.Response:
        """Ask one plain or streamed chat completion, read to its end."""
        options = {name: more.pop(name) for name in ("headers", "verify") if name in more}
        body = {"model": model, "messages": [{"role": "user", "content": "hi"}], **more}
        return self.request("POST", "/v1/chat/completions", json=body, **options)

    def aliases(self) -> list[str]:
        """Return the aliases that /v1/models lists."""
        return [entry["id"] for entry in self.request("GET", "/v1/models").raise_for_status().json()["data"]]

    def client(self) -> Any:
        """Return an OpenAI client without retries."""
        import openai
        return openai.OpenAI(base_url=f"{self.url}/v1", api_key=self.key, max_retries=0,
                             http_client=httpx.Client(verify=self.scheme == "https", trust_env=False, timeout=60))
