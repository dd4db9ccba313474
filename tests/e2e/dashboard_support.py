"""A ledger that looks like a team's, and the dashboard as a process."""

import math
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from src.config.database import parse_database_url
from src.policy.reports import HOUR
from src.store.engine import Store, open_store
from src.store.ledger import LedgerWriter
from src.store.migrate import ensure_schema
from tests.readme.markdown import block
from tests.unit.ledger_support import entry

from .gateway import PYTHONPATH, clean_environment, free_port, until

# As the documentation has it.
COMMAND = block("sh", "The dashboard", "docs/dashboard.md").text.split()[1:]
PICO = 1_000_000
# Alias: upstream model, share of the requests, prices per million tokens in dollars, milliseconds at the median.
MODELS: Mapping[str, tuple[str, float, tuple[float, float] | None, int]] = {
    "gpt-5": ("openai/gpt-5", 0.34, (1.25, 10), 2400),
    "deepseek-v3.2": ("openai/deepseek-v3.2", 0.27, (0.28, 0.42), 1500),
    "grok-code-fast-1": ("xai/grok-code-fast-1", 0.22, (0.2, 1.5), 900),
    "claude-sonnet-4.5": ("anthropic/claude-sonnet-4.5", 0.12, (3, 15), 2900),
    "llama3-local": ("openai/llama3.3:70b", 0.05, None, 4200),
}
TEAM = ("alice", "bob", "carol", "dave", "erin", "ci-review", "nightly-evals")
ERRORS = (("rate_limit", 429), ("timeout", 504), ("upstream_error", 502), ("context_window", 400))


def requests(now: float, days: int, per_day: int, chance: random.Random) -> Iterator[dict[str, Any]]:
    """Yield the requests of some days, oldest first: more of them by day than by night and at weekends."""
    for hour in range(int(now) // HOUR - 24 * days, int(now) // HOUR + 1):
        at, weekday = hour * HOUR, time.gmtime(hour * HOUR).tm_wday
        busy = 0.15 + 0.85 * max(0.0, math.sin((time.gmtime(at).tm_hour - 6) / 14 * math.pi))
        count = per_day / 12 * busy * (0.3 if weekday > 4 else 1) * chance.uniform(0.7, 1.3)
        moments = sorted(at + chance.random() * HOUR for _ in range(round(count)))
        yield from (one(moment, chance) for moment in moments if moment < now)


def one(at: float, chance: random.Random) -> dict[str, Any]:
    """Return one request of a made-up team."""
    alias = chance.choices(list(MODELS), [share for _, share, _, _ in MODELS.values()])[0]
    model, _, price, usual = MODELS[alias]
    error, status = chance.choice(ERRORS) if chance.random() < 0.025 else (None, 200)
    tokens = (int(chance.lognormvariate(7.2, 0.9)), int(chance.lognormvariate(5.6, 0.8)))
    took = int(usual * chance.lognormvariate(0, 0.5))
    stream = chance.random() < 0.7
    user = chance.choices(TEAM, (9, 7, 6, 3, 2, 8, 4))[0]
    counted = error is None and price is not None
    pico = int(sum(number * rate * PICO for number, rate in zip(tokens, price))) if counted and price else None
    chain = "smart" if alias == "gpt-5" and chance.random() < 0.4 else None
    return entry(
        at=at, request_id=f"{chance.getrandbits(128):032x}", ended_us=int(at * 1e6) + took * 1000, alias=alias,
        asked=chain or alias, model=model, provider=model.partition("/")[0],
        deployment=re.sub(r"\W", "", alias), status=status, error_type=error,
        error="the upstream did not answer in time" if error == "timeout" else None, stream=stream,
        attempt_count=1, ttft_ms=took // 5 if stream and not error else None, duration_ms=took,
        prompt_tokens=None if error else tokens[0], completion_tokens=None if error else tokens[1],
        cost_pico=pico, cost_state="unknown" if pico is None else "priced",
        price=["litellm", *(f"{rate * 1e6:.0f}" for rate in price), None, None] if counted and price else None,
        client_key=user if "-" in user else "team", user_label=user, chain=chain,
        chain_position=0 if chain else None, endpoint="summary" if chance.random() < 0.1 else None,
        client_gone=chance.random() < 0.01, config="b8fd359b102b")


def special(now: float) -> dict[str, Any]:
    """Return a request with something in every field."""
    return entry(
        at=now - 20, request_id="5f3a" + "0" * 28, client_request_id="req-from-the-editor", alias="gpt-5",
        asked="summary", endpoint="summary", template="summary", template_version=3, chain="smart", chain_position=1,
        attempt_count=2, attempts='[{"deployment": "gpt5", "model": "openai/gpt-5", "status": 429, "error_type": '
        '"rate_limit", "duration_ms": 210}, {"deployment": "deepseek", "model": "openai/deepseek-v3.2", "status": 200, '
        '"error_type": null, "duration_ms": 1190}]', model="openai/deepseek-v3.2", deployment="deepseek", stream=True,
        dropped='["logit_bias", "seed"]', translated='{"reasoning": "reasoning_effort"}', session="editor-7",
        user_label="alice", client_key="team", config="b8fd359b102b", duration_ms=1420, ttft_ms=380,
        prompt_tokens=1840, cached_tokens=1024, completion_tokens=412, reasoning_tokens=96, request_hash="9c" * 32)


def fill(store: Store, now: float, days: int = 30, per_day: int = 400) -> None:
    """Write a team's ledger through the real writer."""
    chance = random.Random(11)
    writer, batch = LedgerWriter(store), [*requests(now, days, per_day, chance), special(now)]
    for first in range(0, len(batch), 5_000):
        writer.write(batch[first:first + 5_000], fresh=True)


@contextmanager
def filled(folder: Path, **how: int) -> Iterator[str]:
    """Yield the URL of a SQLite database with a team's ledger."""
    url = f"sqlite:///{folder / 'gateway.db'}"
    with made(url) as store:
        fill(store, time.time(), **how)
        yield url


@contextmanager
def made(url: str) -> Iterator[Store]:
    """Yield the open store of a database that is brought to the newest schema."""
    database = parse_database_url(url, Path())
    assert database is not None
    store = open_store(database)
    try:
        ensure_schema(store)
        yield store
    finally:
        store.close()


class Dashboard:
    """`litellm-gateway dashboard` in a folder; a context manager. ``url`` is what it prints, with its token."""

    def __init__(self, folder: Path, *flags: str, **environ: str) -> None:
        self.folder, self.flags, self.port = folder, flags, free_port()
        self.environ = {**clean_environment(), "PYTHONPATH": PYTHONPATH, "XDG_STATE_HOME": str(folder / "state"),
                        "GATEWAY_RUNTIME_DIR": str(folder / "run"), **environ}
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "Dashboard":
        with open(self.folder / "dashboard.out", "wb") as out, open(self.folder / "dashboard.err", "wb") as err:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "src.main", *COMMAND, "--port", str(self.port), *self.flags],
                cwd=self.folder, env=self.environ, stdin=subprocess.DEVNULL, stdout=out, stderr=err)
        until(lambda: "\n" in self.stdout or self.process and self.process.poll() is not None, "the address", 60)
        assert self.process.poll() is None, self.stderr
        return self

    def __exit__(self, *exc: object) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def stop(self, signum: int = signal.SIGTERM) -> int:
        """End it with a signal and return its exit code."""
        assert self.process is not None
        self.process.send_signal(signum)
        return self.process.wait(30)

    @property
    def stdout(self) -> str:
        """Return what stands on standard output so far."""
        return (self.folder / "dashboard.out").read_text(encoding="utf-8")

    @property
    def stderr(self) -> str:
        """Return what stands on standard error so far."""
        return (self.folder / "dashboard.err").read_text(encoding="utf-8")

    @property
    def url(self) -> str:
        """Return the printed address, with the token."""
        found = re.search(r"^dashboard: (\S+)$", self.stdout, re.MULTILINE)
        assert found, self.stdout
        return found[1]

    @property
    def base(self) -> str:
        """Return the address without the token."""
        return self.url.partition("/?")[0]

    @contextmanager
    def client(self) -> Iterator[httpx.Client]:
        """Yield a visitor who opened the printed address."""
        with httpx.Client(base_url=self.base, follow_redirects=True, trust_env=False, timeout=60) as client:
            assert client.get(self.url).status_code == 200
            yield client
