"""What the tests of limits share: many clients at once, counts of the upstream, and the command line beside it."""

import collections
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx

from src.mock.server import MockUpstream
from tests.e2e.gateway import Gateway

CLIENTS = 64


def run(gateway: Gateway, *arguments: str, code: int = 0) -> str:
    """Run a command beside the gateway and return what it says."""
    done = subprocess.run([sys.executable, "-m", "src.main", *arguments], cwd=gateway.home, text=True,
                          env=gateway.environ, capture_output=True, timeout=60)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


def within_one_minute(seconds: float = 20.0) -> None:
    """Wait until at least ``seconds`` of the minute are left, for a test that must end in the window it began in."""
    deadline = time.monotonic() + 30
    while 60 - time.time() % 60 < seconds:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def at_once(gateways: Sequence[Gateway], model: str, clients: int = CLIENTS) -> list[httpx.Response]:
    """Ask ``clients`` times in parallel, each on its own connection."""
    with ThreadPoolExecutor(clients) as pool:
        return list(pool.map(lambda number: gateways[number % len(gateways)].chat(model), range(clients)))


def arrived(upstream: MockUpstream, model: str) -> int:
    """Return how many requests for ``model`` reached the upstream."""
    return sum(request.model == model for request in upstream.requests)


def statuses(answers: Sequence[httpx.Response]) -> dict[int, int]:
    """Return how often each status came."""
    return dict(collections.Counter(answer.status_code for answer in answers))


def rows(gateway: Gateway, **wanted: Any) -> list[dict[str, Any]]:
    """Return the lines of `limits show` with these values."""
    import json
    found: list[dict[str, Any]] = json.loads(run(gateway, "limits", "show", "--json"))
    return [row for row in found if all(row[name] == value for name, value in wanted.items())]


def eventually(read: Callable[[], Any], value: Any, seconds: float = 15.0) -> None:
    """Wait until ``read`` returns ``value``: corrections and the registry take effect a little later."""
    deadline = time.monotonic() + seconds
    while (found := read()) != value:
        assert time.monotonic() < deadline, f"{found!r} instead of {value!r}"
        time.sleep(0.1)
