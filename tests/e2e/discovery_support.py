"""The discovery service as an operator starts it, and many clients that never stop asking."""

import asyncio
import json
import shutil
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx

from .gateway import Gateway, canary, free_port, until

PAUSE_S = 0.2


class Discovery:
    """`discovery` in the folder of a gateway; a context manager that waits for its ready line."""

    def __init__(self, gateway: Gateway, **environ: str) -> None:
        self.port, self.token = free_port(), canary("token")
        self._secrets = Path(tempfile.mkdtemp(prefix="discovery-"))
        self.put("DISCOVERY_TOKENS", f"{canary('other')}\n{self.token}")
        self.put("LITELLM_API_KEY", gateway.key)
        files = {f"{path.name}_FILE": str(path) for path in self._secrets.iterdir()}
        self.environ = {**gateway.environ, "PORT": str(gateway.port), "DISCOVERY_PORT": str(self.port), **files,
                        **environ}
        self.log = gateway.home / f"discovery-{self.port}"
        self._home = gateway.home

    def put(self, name: str, value: str) -> str:
        """Write a secret's file, at once, and return the value."""
        new = self._secrets / f"{name}.new"
        new.write_text(f"{value}\n")
        new.rename(self._secrets / name)
        return value

    def __enter__(self) -> "Discovery":
        with self.log.open("wb") as log:
            self.process = subprocess.Popen([sys.executable, "-m", "src.main", "discovery"], cwd=self._home,
                                            env=self.environ, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        until(lambda: "ready: " in self.said or self.process.poll() is not None, f"ready; {self.said}")
        assert self.process.poll() is None, self.said
        return self

    def __exit__(self, *exc: object) -> None:
        self.process.kill()
        self.process.wait()
        shutil.rmtree(self._secrets, ignore_errors=True)

    @property
    def said(self) -> str:
        """Return what it wrote so far."""
        return self.log.read_text(encoding="utf-8") if self.log.exists() else ""

    @property
    def url(self) -> str:
        """Return its address, without /v1."""
        return f"http://127.0.0.1:{self.port}"

    def get(self, path: str, token: str | None = None) -> httpx.Response:
        """Ask once on a new connection."""
        headers = {"authorization": f"Bearer {token or self.token}"}
        return httpx.get(self.url + path, headers=headers, trust_env=False, timeout=30, verify=False)

    def ids(self, token: str | None = None) -> list[str]:
        """Return the ids that it lists."""
        return [entry["id"] for entry in self.get("/v1/models", token).raise_for_status().json()["data"]]

    def sees(self, state: str) -> bool:
        """Tell whether it finds the gateway in this state."""
        return bool(self.get("/health").json()["gateway"] == state)

    def stop(self, signum: int) -> int:
        """Send a signal and return the exit code."""
        self.process.send_signal(signum)
        return self.process.wait(30)


class Clients:
    """So many clients, each with one kept connection, that read the list again and again; a context manager.

    ``warned`` counts the answers with a Warning header by client, ``fresh`` the others since `forget`.
    """

    def __init__(self, discovery: Discovery, count: int, expected: list[str]) -> None:
        self._discovery, self.count, self._expected = discovery, count, expected
        self.failures: list[str] = []
        self.fresh, self.warned = Counter[int](), Counter[int]()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)

    def __enter__(self) -> "Clients":
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._stop.set()
        self._thread.join(60)
        assert not self._thread.is_alive(), "the clients do not end"

    def all_fresh(self) -> bool:
        """Tell whether every client has had an answer without a warning."""
        return len(self.fresh) == self.count

    def all_warned(self) -> bool:
        """Tell whether every client has had an answer with a warning."""
        return len(self.warned) == self.count

    async def _run(self) -> None:
        await asyncio.gather(*map(self._client, range(self.count)))

    async def _client(self, number: int) -> None:
        headers = {"authorization": f"Bearer {self._discovery.token}"}
        async with httpx.AsyncClient(headers=headers, trust_env=False, timeout=20, verify=False) as client:
            while not self._stop.is_set():
                try:
                    self._note(number, await client.get(f"{self._discovery.url}/v1/models"))
                except httpx.HTTPError as error:
                    self.failures.append(repr(error))
                await asyncio.sleep(PAUSE_S)

    def _note(self, number: int, answer: httpx.Response) -> None:
        ids = [entry["id"] for entry in answer.json().get("data", ())] if answer.status_code == 200 else None
        if ids != self._expected:
            self.failures.append(f"{answer.status_code} {answer.text[:200]}")
        (self.warned if "111" in answer.headers.get("warning", "") else self.fresh)[number] += 1


def available(gateway: Gateway, *words: str, **environ: str) -> tuple[int, dict[str, Any], str]:
    """Run `models available --json` beside a gateway: exit code, document, and standard error."""
    values: Mapping[str, str] = {**gateway.environ, "PORT": str(gateway.port), **environ}
    done = subprocess.run([sys.executable, "-m", "src.main", "models", "available", "--json", *words], cwd=gateway.home,
                          env=dict(values), capture_output=True, text=True, timeout=120, check=False)
    return done.returncode, json.loads(done.stdout), done.stderr
