"""How long the discovery service takes for an answer from its cache.

    python -m benchmarks.discovery [--requests 5000]

Server time: the ASGI application called directly, without a network, on the loop that it always runs on. Round trip:
the real process over one kept connection, Python's own HTTP client included. Prints a Markdown table of milliseconds;
exit code 1 where the median of the server's time is not below 1 ms.
"""

import argparse
import asyncio
import http.client
import os
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import httpx
import openai

from src.discovery.access import Access, KeyRing
from src.discovery.service import create_app
from src.mock.server import MockUpstream
from src.policy.client_keys import ClientKey, digest_of

ROOT = Path(__file__).resolve().parents[1]
LIMIT_MS = 1.0
PORT = 41_007
TOKEN, KEY = f"token-{uuid.uuid4().hex}", f"key-{uuid.uuid4().hex}"


@dataclass(frozen=True)
class Case:
    """What is asked for, with whose token, of how many models."""

    title: str
    path: str
    token: str
    models: int


CASES = (
    Case("list of 10 models", "/v1/models", TOKEN, 10), Case("list of 1,000 models", "/v1/models", TOKEN, 1_000),
    Case("list of 1,000, a client key that covers half", "/v1/models", KEY, 1_000),
    Case("one model of 1,000", "/v1/models/group/m7", TOKEN, 1_000),
)


def client(count: int) -> openai.AsyncOpenAI:
    """Return the SDK in front of a made-up gateway with so many models."""
    names = [f"group/m{number}" if number % 2 else f"m{number}" for number in range(count)]
    data = [{"id": name, "object": "model", "created": 0, "owned_by": "openai"} for name in names]
    transport = httpx.MockTransport(lambda _: httpx.Response(200, json={"object": "list", "data": data}))
    return openai.AsyncOpenAI(base_url="http://gateway/v1", api_key="none",
                              http_client=httpx.AsyncClient(transport=transport))


async def called(case: Case, requests: int) -> list[float]:
    """Return the milliseconds of each call of the application."""
    ring = KeyRing(lambda: [ClientKey("half", digest_of(KEY), models=("group/*",))], 60.0, print)
    ring.load()
    app = create_app(client(case.models), (), Access([TOKEN], ring), 300.0, lambda *_: None)
    scope = {"type": "http", "method": "GET", "path": case.path, "raw_path": case.path.encode(), "query_string": b"",
             "root_path": "", "scheme": "http", "http_version": "1.1", "server": ("127.0.0.1", 1), "client": None,
             "headers": [(b"host", b"h"), (b"authorization", f"Bearer {case.token}".encode())]}
    statuses = set()

    async def send(message: MutableMapping[str, Any]) -> None:
        statuses.add(message.get("status", 200))

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}
    times = []
    async with app.router.lifespan_context(app):
        for _ in range(requests + 100):
            began = time.perf_counter()
            await app(dict(scope), receive, send)
            times.append((time.perf_counter() - began) * 1000)
    assert statuses == {200}, statuses
    return times[100:]


@contextmanager
def process(upstream: MockUpstream) -> Iterator[None]:
    """Run the real service in front of the mock."""
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG", "TMPDIR")}
    environ = {**kept, "PYTHONPATH": str(ROOT), "DISCOVERY_TOKENS": TOKEN, "DISCOVERY_PORT": str(PORT),
               "LITELLM_BASE_URL": upstream.url, "LITELLM_API_KEY": "none", "GATEWAY_DATABASE_URL": "off"}
    with tempfile.TemporaryDirectory() as folder:
        running = subprocess.Popen([sys.executable, "-m", "src.main", "discovery"], cwd=folder, env=environ,
                                   stderr=subprocess.PIPE, text=True)
        assert running.stderr is not None
        while not running.stderr.readline().startswith("ready"):
            assert running.poll() is None, "the service did not start"
        try:
            yield
        finally:
            running.terminate()
            running.communicate()


def asked(requests: int) -> list[float]:
    """Return the milliseconds of each round trip over one connection."""
    with MockUpstream() as upstream, process(upstream):
        connection = http.client.HTTPConnection("127.0.0.1", PORT)
        times = [_once(connection) for _ in range(requests + 100)]
        connection.close()
    return times[100:]


def _once(connection: http.client.HTTPConnection) -> float:
    began = time.perf_counter()
    connection.request("GET", "/v1/models", headers={"authorization": f"Bearer {TOKEN}"})
    answer = connection.getresponse()
    answer.read()
    assert answer.status == 200
    return (time.perf_counter() - began) * 1000


def row(title: str, times: list[float]) -> str:
    """Return a line of the table."""
    p95, p99 = (sorted(times)[int(len(times) * part)] for part in (0.95, 0.99))
    return f"| {title} | {median(times):.3f} | {p95:.3f} | {p99:.3f} |"


def main() -> int:
    """Measure, print the table, and say whether the limit is kept."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=5_000, help="how many per row (default: %(default)s)")
    requests = parser.parse_args().requests
    print("| answer from the cache | p50, ms | p95, ms | p99, ms |")
    print("|---|---|---|---|")
    medians = []
    for case in CASES:
        times = asyncio.run(called(case, requests))
        medians.append(median(times))
        print(row(f"server: {case.title}", times))
    print(row("round trip: list of 4 models", asked(requests)))
    return int(max(medians) >= LIMIT_MS)


if __name__ == "__main__":
    sys.exit(main())
