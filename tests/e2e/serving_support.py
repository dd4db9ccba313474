"""A serving process with real LiteLLM, started from an order written by hand, and what the tests ask of it."""

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx
import yaml

from src.control import Gateway as ControlledGateway

from .gateway import DEADLINE_S, PYTHONPATH, canary, clean_environment, free_port, running, until

__all__ = ["Gateway", "canary", "document", "plan_model", "running", "until"]

RENDERER = """
import json, sys
document = json.load(open(sys.argv[1]))
if document.get("refuse"):
    sys.exit(print(document["refuse"], file=sys.stderr) or 2)
print(json.dumps(document))
"""


def document(upstream: str, aliases: Sequence[str] = ("gpt-5",), **changes: Any) -> dict[str, Any]:
    """Return a launch document whose models are at ``upstream``; ``changes`` replace parts of it."""
    models = [
        {
            "model_name": alias,
            "litellm_params": {"model": f"openai/{alias}", "api_base": upstream, "api_key": "os.environ/UPSTREAM_KEY"},
            "model_info": {"id": alias},
        }
        for alias in aliases
    ]
    config = {
        "model_list": models,
        "litellm_settings": {"drop_params": True, **changes.pop("litellm_settings", {})},
        "router_settings": {"num_retries": 0, "disable_cooldowns": True},
        "general_settings": {"master_key": "os.environ/LITELLM_MASTER_KEY", "disable_model_info_refresh": True,
                             "trusted_proxy_ranges": []},
    }
    names = list(aliases)
    plan = {
        "version": 1,
        "hash": uuid.uuid4().hex[:12],
        "models": [plan_model(name, upstream) for name in names],
        "chains": [],
        "settings": {"max_body_mb": 20, "cors_origins": [], "extra_routes": [], "metrics_public": False,
                     "log_json": True, "environment": None, "body_timeout": 30.0},
        "secret_names": ["UPSTREAM_KEY", "LITELLM_MASTER_KEY"],
    }
    return {"version": 1, "hash": plan["hash"], "yaml": yaml.safe_dump(config), "plan": plan,
            "env": {}, "unset": ["DATABASE_URL"], "notes": []} | changes


def plan_model(alias: str, upstream: str) -> dict[str, Any]:
    """Return a model as plan.json has it."""
    return {
        "key": alias.replace("-", ""), "alias": alias, "deployment": alias, "provider": "openai",
        "model": f"openai/{alias}", "mode": "chat", "base": upstream, "key_env": "UPSTREAM_KEY",
        "reasoning_effort": None, "accepts_reasoning": True, "levels": ["low", "high"], "timeout": None,
        "stream_timeout": 60.0, "retries": 1, "max_tokens": None, "rpm": None, "tpm": None, "rpd": None, "tpd": None,
        "max_parallel": None, "fallbacks": [], "input_cost_micros": None, "output_cost_micros": None,
        "context_window": None, "max_output": None, "vision": None, "tools": None, "streaming": None,
        "allow_params": [], "drop_params": [], "source": "a test",
    }


class Gateway:
    """One serving process, its folder, its log; a context manager that leaves nothing behind.

    ``send_buffer`` is how many bytes the kernel keeps for each client, 0 as many as it likes.
    """

    def __init__(self, first: Mapping[str, Any], environ: Mapping[str, str] | None = None,
                 measured: bool = False, send_buffer: int = 0, **order: Any) -> None:
        self.key = canary("master")
        self.home = Path(tempfile.mkdtemp(prefix="lg-"))
        self.runtime_dir = self.home / "run" / "port"
        self.source = self.home / "document.json"
        self.log_path = self.home / "log"
        self.tmp = self.home / "tmp"
        self.tmp.mkdir()
        self.environ = {
            **clean_environment(measured),
            "LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_MODE": "PRODUCTION", "LITELLM_MASTER_KEY": self.key,
            "UPSTREAM_KEY": canary("upstream"), "PYTHONPATH": f"{PYTHONPATH}{os.pathsep}{self.home}",
            "TMPDIR": str(self.tmp), **(environ or {}),
        }
        self.first, self._order = first, order
        self.watch, self._starts, self._send_buffer = False, True, send_buffer
        if "runtime_dir" in order:
            self.runtime_dir = Path(order["runtime_dir"])
        self.process: subprocess.Popen[bytes] | None = None
        self.port = 0
        self._began = self.start_s = 0.0

    def __enter__(self) -> "Gateway":
        if self._starts:
            self.start()
            try:
                self.wait_ready()
            except BaseException:
                self.__exit__()
                raise
        return self

    def watching(self) -> "Gateway":
        """Let changes of what is declared be noticed."""
        self.watch = True
        return self

    def unstarted(self) -> "Gateway":
        """Leave the start to the test, which expects something else than a gateway that is ready."""
        self._starts = False
        return self

    def __exit__(self, *exc: object) -> None:
        self.kill()
        shutil.rmtree(self.home, ignore_errors=True)

    def kill(self) -> None:
        """End everything that this gateway started."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def start(self) -> None:
        """Start the process; it is not ready yet."""
        self.declare(self.first)
        self._began = time.monotonic()
        with socket.socket() as listener, tempfile.TemporaryFile("w+") as order, open(self.log_path, "ab") as log:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(("127.0.0.1", self.port))
            if self._send_buffer:
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, self._send_buffer)
            listener.listen(2048)
            self.port = listener.getsockname()[1]
            json.dump(self.order(listener.fileno()), order)
            order.seek(0)
            self.process = subprocess.Popen(
                [sys.executable, "-m", "src.serving", "--order-fd", str(order.fileno())],
                env=self.environ, pass_fds=(listener.fileno(), order.fileno()), cwd=self.home, stdout=log, stderr=log,
                start_new_session=True,
            )

    def start_by(self, *command: str) -> None:
        """Start ``command`` with the path of an order file as its last argument; it listens by itself."""
        self.port = free_port()
        order = self.home / "order.json"
        order.write_text(json.dumps(self.order(None)))
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen([*command, str(order)], env=self.environ, cwd=self.home, stdout=log,
                                            stderr=log, start_new_session=True)

    def order(self, listener_fd: int | None) -> dict[str, Any]:
        """Return the launch order."""
        return {
            "version": 1, "listener_fd": listener_fd, "host": "127.0.0.1", "port": self.port, "scheme": "http",
            "workers": 1, "grace": 30.0, "reload_grace": 3600.0, "keepalive": 20.0, "boot_timeout": 60.0,
            "ssl_certfile": None, "ssl_keyfile": None, "runtime_dir": str(self.runtime_dir), "log_json": False,
            "debug": False, "watch": [str(self.source)] if self.watch else [],
            "renderer": [sys.executable, "-c", RENDERER, str(self.source)],
            "generation": dict(self.first), "ready_line": "the proxy answers",
        } | self._order

    @property
    def url(self) -> str:
        """Return the URL of the proxy."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        """Return everything the process has said so far."""
        return self.log_path.read_text(errors="replace")

    @property
    def headers(self) -> dict[str, str]:
        """Return the headers of an authorized request."""
        return {"authorization": f"Bearer {self.key}"}

    def wait_ready(self) -> None:
        """Wait for the ready line."""
        until(lambda: "the proxy answers" in self.log or self.ended, f"ready; log:\n{self.log}")
        assert not self.ended, self.log
        self.start_s = time.monotonic() - self._began

    @property
    def ended(self) -> bool:
        """Return whether the process has ended."""
        return self.process is not None and self.process.poll() is not None

    def wait(self, seconds: float = DEADLINE_S) -> int:
        """Wait for the end of the process and return its exit code."""
        assert self.process is not None
        return self.process.wait(seconds)

    def signal(self, signum: int) -> None:
        """Send a signal to the parent."""
        assert self.process is not None
        self.process.send_signal(signum)

    def declare(self, new: Mapping[str, Any]) -> None:
        """Change what the next reload finds."""
        draft = self.source.with_suffix(".draft")
        draft.write_text(json.dumps(new))
        draft.replace(self.source)

    @property
    def pid(self) -> int:
        """Return the process id of the parent."""
        assert self.process is not None
        return self.process.pid

    def ask(self, command: str, progress: Callable[[str], None] | None = None) -> dict[str, Any]:
        """Ask through the control socket."""
        return self.controlled.ask(command, progress)

    @property
    def controlled(self) -> ControlledGateway:
        """Return the client of the control socket."""
        return ControlledGateway(self.runtime_dir)

    def reload(self, new: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Declare ``new`` and reload; return the outcome."""
        if new is not None:
            self.declare(new)
        return self.ask("reload")

    def workers(self, state: str | None = "serving") -> list[int]:
        """Return the pids of the workers in ``state``, of all with None."""
        return [row["pid"] for row in self.ask("status")["workers"] if state in (None, row["state"])]

    def aliases(self) -> list[str]:
        """Return the aliases that a new connection sees."""
        answer = httpx.get(f"{self.url}/v1/models", headers=self.headers, timeout=30, verify=False)
        return [model["id"] for model in answer.raise_for_status().json()["data"]]

    def chat(self, model: str = "gpt-5", **more: Any) -> httpx.Response:
        """Ask once, on a new connection."""
        body = {"model": model, "messages": [{"role": "user", "content": "hi"}], **more}
        return httpx.post(f"{self.url}/v1/chat/completions", json=body, headers=self.headers, timeout=60,
                          verify=False)

    def callback(self, name: str, code: str) -> str:
        """Write a callback module that workers can import; return the name for ``litellm_settings.callbacks``."""
        assert re.fullmatch(r"[a-z0-9_]+", name)
        lines = ["from litellm.integrations.custom_logger import CustomLogger", code]
        (self.home / f"{name}.py").write_text("\n".join([*lines, "instance = CustomLogger()", ""]))
        return f"{name}.instance"
