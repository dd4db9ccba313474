"""One way to launch a gateway: started, waited for, asked, stopped."""

import json
import os
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import httpx

from . import processes

ROOT = Path(__file__).resolve().parents[1]
READY_LIMIT_S = 180.0
BODY = {"model": "gpt-5", "messages": [{"role": "user", "content": "hi"}]}


@dataclass
class Target:
    """``command`` with ``{port}`` in it; ``ready_text``, ``ready_count``: what its log says once all workers serve."""

    name: str
    command: str
    port: int
    key: str
    environ: Mapping[str, str] = field(repr=False)
    ready_text: str = "Application startup complete"
    ready_count: int = 1
    process: subprocess.Popen[bytes] | None = None
    log: IO[bytes] | None = None
    began: float = 0.0

    @property
    def url(self) -> str:
        """Return where chat completions are asked for."""
        return f"http://127.0.0.1:{self.port}/v1/chat/completions"

    @property
    def headers(self) -> dict[str, str]:
        """Return the headers of every request."""
        return {"authorization": f"Bearer {self.key}"}

    def start(self) -> None:
        """Start the command in a session of its own."""
        self.log = tempfile.TemporaryFile()
        self.began = time.perf_counter()
        self.process = subprocess.Popen(
            shlex.split(self.command.replace("{port}", str(self.port))), env=dict(self.environ), cwd=ROOT,
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log, start_new_session=True,
        )

    def wait_ready(self) -> float:
        """Return the seconds from the start until every worker serves."""
        while not (self._said() and self._answers()):
            if self.process is None or self.process.poll() is not None or self._age() > READY_LIMIT_S:
                raise SystemExit(f"{self.name} is not ready:\n{self.text()[-3000:]}")
            time.sleep(0.01)
        return self._age()

    def _age(self) -> float:
        return time.perf_counter() - self.began

    def _said(self) -> bool:
        return self.text().count(self.ready_text) >= self.ready_count

    def _answers(self) -> bool:
        try:
            path = f"http://127.0.0.1:{self.port}/health/liveliness"
            return httpx.get(path, headers=self.headers, timeout=5).status_code < 500
        except httpx.HTTPError:
            return False

    def text(self) -> str:
        """Return what the command has said so far."""
        assert self.log is not None
        size = os.fstat(self.log.fileno()).st_size
        return os.pread(self.log.fileno(), size, 0).decode(errors="replace")

    def pids(self) -> list[int]:
        """Return every process that the command started and that runs."""
        assert self.process is not None
        return processes.of_session(self.process.pid)

    def ask(self) -> float:
        """Ask once on a new connection and return the seconds it took."""
        began = time.perf_counter()
        answer = httpx.post(self.url, json=BODY, headers=self.headers, timeout=60)
        took = time.perf_counter() - began
        if answer.status_code != 200:
            raise SystemExit(f"{self.name} answered {answer.status_code}: {answer.text[:500]}")
        return took

    def load(self, connections: int, seconds: float) -> dict[str, float]:
        """Put load on it; return the generator's summary with the server's CPU milliseconds per request."""
        pids = self.pids()
        before = processes.cpu_seconds(pids)
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.generator", self.url, str(connections), str(seconds)],
            input=json.dumps({"headers": self.headers, "body": BODY}), text=True, capture_output=True, check=True,
            cwd=ROOT,
        )
        summary: dict[str, float] = json.loads(done.stdout)
        used = processes.cpu_seconds(self.pids()) - before
        return {**summary, "cpu_ms": used * 1000 / max(1.0, summary["requests"])}

    def stream(self) -> dict[str, float]:
        """Stream once; return milliseconds to the first content and to the last, and the largest gap between."""
        began, seen = time.perf_counter(), list[float]()
        body: dict[str, Any] = {**BODY, "stream": True}
        with httpx.stream("POST", self.url, json=body, headers=self.headers, timeout=60) as answer:
            for line in answer.iter_lines():
                if '"content"' in line:
                    seen.append((time.perf_counter() - began) * 1000)
        gaps = [later - earlier for earlier, later in zip(seen, seen[1:])]
        return {"ttft_ms": seen[0], "last_ms": seen[-1], "gap_ms": max(gaps)}

    def stop(self) -> None:
        """Stop it, and whatever it left behind."""
        if self.process is None:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            print(f"{self.name} did not stop within 20 s", file=sys.stderr)
        for pid in self.pids():
            os.kill(pid, signal.SIGKILL)
        self.process.wait()
        self.process = None
