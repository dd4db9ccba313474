"""The rehearsed gateway: a child process on a spare port, its private folder, and what it said."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

from ..config.environment import Secret
from ..config.plan import LaunchPlan
from ..config.runtime import runtime_dir
from ..control import Gateway
from ..errors import NotStarted
from ..launch.document import Generation, launch_document
from ..launch.start import Host, spawn

_READY = re.compile(r'^ready: |"event": "ready"', re.MULTILINE)
_RELOAD = "import sys; sys.stdout.write(open(sys.argv[1], encoding='utf-8').read())"
_NEXT = "next.json"
_POLL_S = 0.02
_LAST_LINES = 4
MOST_WORKERS = 2


def free_port() -> int:
    """Return a port of this machine that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


class Child:
    """One gateway; a context manager that leaves no process behind. ``folder`` is private and removed by its owner."""

    def __init__(self, plan: LaunchPlan, folder: Path, package: str, environ: Mapping[str, str], master: str) -> None:
        self.folder, self.port, self._package = folder, free_port(), package
        values = {**plan.settings.values, "PORT": self.port, "LITELLM_HOST": "127.0.0.1",
                  "WORKERS": min(plan.settings.whole("WORKERS"), MOST_WORKERS),
                  "GATEWAY_RUNTIME_DIR": str(folder / "run")}
        self.plan = replace(plan, settings=replace(plan.settings, values=MappingProxyType(values)),
                            secrets={"LITELLM_MASTER_KEY": Secret("LITELLM_MASTER_KEY", master, "rehearsal")})
        self._environ = {**environ, "TMPDIR": str(folder), "GATEWAY_RUNTIME_DIR": str(folder / "run")}
        self._log = folder / "output"
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Return the gateway's URL."""
        return f"{'https' if self.plan.settings.text('GATEWAY_SSL_CERTFILE') else 'http'}://127.0.0.1:{self.port}"

    @property
    def said(self) -> str:
        """Return both of its outputs so far."""
        return self._log.read_text(encoding="utf-8", errors="replace") if self._log.exists() else ""

    def __enter__(self) -> "Child":
        return self

    def __exit__(self, *_: object) -> None:
        if self.process is not None and self.process.poll() is None:
            _kill(self.process)
            self.process.wait()

    def start(self, generation: Generation) -> None:
        """Start and wait until it answers; raises NotStarted with the end of its log."""
        reload = (sys.executable, "-c", _RELOAD, str(self.folder / _NEXT))
        host = Host(self._environ, self._package, "rehearsal", "", reload)
        log = os.open(self._log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            self.process = spawn(self.plan, generation, host, self.folder, log)
        finally:
            os.close(log)
        deadline = time.monotonic() + 2 * self.plan.settings.number("GATEWAY_BOOT_TIMEOUT")
        while not _READY.search(self.said):
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise NotStarted("the gateway did not start: " + _end(self.said), "rehearse",
                                 "correct what LiteLLM complains of; `check` finds most of it in less time")
            time.sleep(_POLL_S)

    def reload(self, generation: Generation) -> str:
        """Change over to ``generation``; return what is wrong, nothing where it serves."""
        path = self.folder / _NEXT
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(launch_document(generation, self._package, ()), file)
        answer = Gateway(runtime_dir({"GATEWAY_RUNTIME_DIR": str(self.folder / "run")}, self.port)).ask("reload")
        path.unlink()
        return "" if answer["ok"] else "; ".join([str(answer["message"]), *map(str, answer.get("lines", ()))])

    def terminate(self) -> None:
        """Ask it to stop, as an operator does."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)

    def wait(self, seconds: float) -> int | None:
        """Return its exit code, None where it has not ended after ``seconds``."""
        assert self.process is not None
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None


def _kill(process: "subprocess.Popen[bytes]") -> None:
    try:
        if os.name == "posix":
            os.killpg(process.pid, signal.SIGKILL)  # the group is its own, with its workers in it
        else:
            process.kill()
    except ProcessLookupError:
        return  # it ended just now


def _end(log: str) -> str:
    """Return what it said last, on one line and without the words of a traceback that name no cause."""
    lines = [line.strip() for line in log.splitlines() if line.strip() and "Traceback (most recent" not in line]
    return "; ".join(lines[-_LAST_LINES:]) or "it said nothing"
