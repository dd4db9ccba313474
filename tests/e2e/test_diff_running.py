"""The running gateway compared with what a reload would give, and explain's worst case with what really happens."""

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from src.mock.faults import Fault
from src.mock.server import MockUpstream

from .gateway import PYTHONPATH, Gateway, canary, models

KEY, OTHER = canary("upstream"), canary("rotated")


class Running(NamedTuple):
    upstream: MockUpstream
    gateway: Gateway

    def ask(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command beside the gateway, in its folder and environment."""
        return subprocess.run([sys.executable, "-m", "src.main", *arguments], cwd=self.gateway.home, text=True,
                              capture_output=True, timeout=120, env={**self.gateway.environ, "PYTHONPATH": PYTHONPATH})

    def declare(self, **changed: str) -> None:
        lines = {"MODEL_GPT5_TIMEOUT": "20", "MY_KEY": KEY, **changed}
        text = "".join(f"{name}={value}\n" for name, value in lines.items())
        (self.gateway.home / ".env").write_text(text)


@pytest.fixture(scope="module")
def running() -> Iterator[Running]:
    more = {"MODEL_GPT5_FALLBACKS": "deepseekv32", "MODEL_GPT5_RETRIES": "2", "MODEL_GPT5_API_KEY_ENV": "MY_KEY",
            "MODEL_DEEPSEEKV32_TIMEOUT": "30", "PROXY_CHAIN_KEYS": "smart", "CHAIN_SMART_MODELS": "gpt5,deepseekv32"}
    with MockUpstream() as upstream:
        environ = models(upstream.url, "gpt-5", "deepseek-v3.2", **more)
        with Gateway(environ, dotenv=f"MODEL_GPT5_TIMEOUT=20\nMY_KEY={KEY}\n") as gateway:
            yield Running(upstream, gateway)


def test_a_difference_is_what_the_reload_then_makes(running: Running) -> None:
    running.declare()
    same = running.ask("diff", "running")
    assert (same.returncode, "say the same" in same.stdout) == (0, True), same
    running.declare(MODEL_GPT5_TIMEOUT="21", MODEL_GPT5_RPM="1000", MY_KEY=OTHER, GATEWAY_MAX_BODY_MB="9")
    told = running.ask("diff", "running")
    assert told.returncode == 1 and told.stdout.splitlines() == [
        "~ model gpt5: timeout 20 -> 21", "~ model gpt5: rpm unset -> 1000",
        "~ setting GATEWAY_MAX_BODY_MB: 32 -> 9", "~ secret MY_KEY: changed"], told
    document = json.loads(running.ask("diff", "running", "--json", "--port", str(running.gateway.port)).stdout)
    assert json.loads(running.ask("status", "--json").stdout)["config"] == document["old"]["hash"], "nothing reloaded"
    reloaded = running.ask("reload")
    assert reloaded.returncode == 0, reloaded
    assert json.loads(running.ask("status", "--json").stdout)["config"] == document["new"]["hash"]
    assert running.ask("diff", "running").returncode == 0
    everything = "".join(one.stdout + one.stderr for one in (same, told, reloaded)) + running.gateway.stderr
    assert KEY not in everything and OTHER not in everything and running.gateway.key not in everything


def test_the_running_gateway_is_compared_with_files_too(running: Running) -> None:
    running.declare()
    assert running.ask("reload").returncode == 0
    rendered = running.ask("--print-config")
    (running.gateway.home / "mine.yaml").write_text(rendered.stdout)
    assert running.ask("diff", "mine.yaml", "running").returncode == 0
    assert running.ask("diff", "running", "declared").returncode == 0
    running.declare(MODEL_GPT5_TIMEOUT="22")
    told = running.ask("diff", "running", "declared")
    assert (told.returncode, told.stdout) == (1, "~ model gpt5: timeout 20 -> 22\n"), told


def test_what_a_reload_would_refuse_is_trouble(running: Running) -> None:
    running.declare(MODEL_GPT5_TIMEOUT=f"soon{canary()}", MY_KEY=OTHER)
    told = running.ask("diff", "running")
    assert (told.returncode, told.stdout) == (2, "")
    assert "a reload would refuse what is declared now" in told.stderr and "MODEL_GPT5_TIMEOUT" in told.stderr
    assert OTHER not in told.stderr
    running.declare()
    assert running.ask("diff", "running").returncode == 0


@pytest.mark.parametrize("alias", ["gpt-5", "deepseek-v3.2", "smart"])
def test_no_request_makes_more_calls_than_the_worst_case(alias: str, running: Running) -> None:
    explained: dict[str, Any] = json.loads(running.ask("explain", alias, "--json").stdout)
    for fault in (Fault(breaks="reset"), Fault(status=500)):
        running.upstream.reset()
        running.upstream.faults.update({"gpt-5": fault, "deepseek-v3.2": fault})
        assert running.gateway.chat(alias).status_code >= 500
        calls = [request.model for request in running.upstream.requests]
        # Only a connection that fails is tried again.
        planned = [call["alias"] for call in explained["calls"] if fault.breaks or not call["when"].startswith("retry")]
        assert calls == planned
        assert len(calls) <= explained["worst_case"]["calls"]
