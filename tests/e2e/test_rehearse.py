"""`rehearse` and `ping` with the real LiteLLM: a good configuration passes, one that cannot boot or answer is named."""

import json
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from src.mock.server import Fault, MockUpstream
from src.rehearse.upstreams import PLAYED

from .gateway import PYTHONPATH, canary, clean_environment, running, until

ROWS = """version: 1
providers:
- {name: gemini, provider: gemini}
models:
- {alias: flash, provider: gemini, model_id: gemini-2.5-flash}
endpoints:
- {slug: summary, model: gpt-5, path: /chat/completions}
prompts:
- {slug: summary, version: 1, endpoint: summary, system_prompt: You sum up., user_template: "Text: {{text}}",
   active: true}
"""


class Folder:
    """A working folder of an operator's, with its own state and temporary folder."""

    def __init__(self, dotenv: str, measured: bool) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="lg-"))
        self.tmp = self.path / "tmp"
        self.tmp.mkdir()
        (self.path / ".env").write_text(dotenv, encoding="utf-8")
        self.environ = {**clean_environment(measured), "PYTHONPATH": PYTHONPATH, "TMPDIR": str(self.tmp),
                        "XDG_STATE_HOME": str(self.path / "state"), "GATEWAY_RUNTIME_DIR": str(self.path / "run")}

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        return subprocess.Popen([sys.executable, "-m", "src.main", *arguments], cwd=self.path, env=self.environ,
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def run(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        with self.start(*arguments) as process:
            out, err = process.communicate(timeout=240)
        return subprocess.CompletedProcess(arguments, process.returncode, out, err)


@pytest.fixture
def folder() -> Iterator[Any]:
    """A maker of folders; they are removed at the end."""
    made = []

    def make(dotenv: str, measured: bool = False) -> Folder:
        made.append(Folder(dotenv, measured))
        return made[-1]
    yield make
    for one in made:
        shutil.rmtree(one.path, ignore_errors=True)


def lines(values: Mapping[str, str]) -> str:
    return "".join(f"{name}={value}\n" for name, value in values.items())


def test_a_whole_configuration_is_rehearsed_without_any_key(folder: Any) -> None:
    real = canary("real")
    at = folder(lines({
        "PROXY_MODEL_KEYS": "gpt5,deepseek,claude,command",
        "MODEL_GPT5_UPSTREAM_MODEL": "gpt-5", "MODEL_GPT5_RPM": "60",
        "MODEL_DEEPSEEK_UPSTREAM_MODEL": "deepseek-v3.2", "MODEL_DEEPSEEK_API_BASE": "https://api.example.com/v1",
        "MODEL_DEEPSEEK_API_KEY": real, "MODEL_CLAUDE_UPSTREAM_MODEL": "anthropic/claude-sonnet-4-5",
        "MODEL_COMMAND_UPSTREAM_MODEL": "cohere/command-a-03-2025",
        "PROXY_CHAIN_KEYS": "default", "CHAIN_DEFAULT_MODELS": "gpt5,deepseek", "WORKERS": "2"}), measured=True)
    (at.path / "rows.yaml").write_text(ROWS)
    assert at.run("registry", "import", "rows.yaml").returncode == 0
    ran = at.run("rehearse", "--json", "--junit", "r.xml")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    report = json.loads(ran.stdout)
    outcomes = {(check["name"], check["subject"]): check["outcome"] for check in report["checks"]}
    aliases = ("gpt-5", "deepseek-v3.2", "anthropic/claude-sonnet-4-5", "flash", "default")
    assert outcomes == {
        ("upstream", "cohere/command-a-03-2025"): "skipped", ("template", "summary"): "passed",
        **{(name, ""): "passed" for name in ("boots", "auth", "reload", "shutdown", "secrets", "ledger", "network")},
        **{(name, alias): "passed" for name in ("answers", "streams", "chain") for alias in aliases},
        **{("limits", alias): "passed" for alias in ("gpt-5", "default")}}
    assert ElementTree.parse(at.path / "r.xml").getroot().get("tests") == str(len(outcomes))
    assert real not in ran.stdout + ran.stderr
    assert list(at.tmp.iterdir()) == [], "nothing is left behind"


def test_a_file_that_boots_but_does_something_else_fails_by_name(folder: Any) -> None:
    at = folder("")
    (at.path / "config.yaml").write_text(
        "model_list:\n- {model_name: left-over, litellm_params: {model: openai/a, mock_response: canned}}\n"
        "litellm_settings: {disable_hf_tokenizer_download: true}\n")
    ran = at.run("rehearse", "--config", "config.yaml")
    assert ran.returncode == 1, ran.stdout + ran.stderr
    assert "asked nobody, declared left-over" in ran.stdout
    assert ran.stdout.splitlines()[-1].partition("failed: ")[2].startswith("answers left-over, streams left-over")


def test_what_litellm_refuses_ends_with_3_and_its_words(folder: Any) -> None:
    at = folder("")
    (at.path / "config.yaml").write_text(
        "model_list:\n- {model_name: a, litellm_params: {model: openai/a}}\n"
        "router_settings: {routing_strategy: no-such-strategy}\n")
    ran = at.run("rehearse", "--config", "config.yaml")
    assert ran.returncode == 3 and "the gateway did not start" in ran.stderr and "no-such-strategy" in ran.stderr
    assert "Traceback" not in ran.stderr
    assert list(at.tmp.iterdir()) == []


def test_ctrl_c_leaves_no_process_and_no_file(folder: Any) -> None:
    at = folder("PROXY_MODEL_KEYS=a\nMODEL_A_UPSTREAM_MODEL=gpt-5\n")
    with at.start("rehearse") as process:
        until(lambda: list(at.tmp.glob("*/output")), "the gateway is on its way")
        started = until(lambda: children(process.pid), "it has a process")
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, ""), err
    until(lambda: not any(running(pid) for pid in started), "its processes are gone")
    assert list(at.tmp.iterdir()) == []


def children(pid: int) -> list[int]:
    return [int(word) for task in Path(f"/proc/{pid}/task").iterdir()
            for word in (task / "children").read_text().split()]


def test_ping_asks_the_real_upstreams_and_says_what_to_repair(folder: Any, upstream: MockUpstream) -> None:
    names = {"good": "gpt-5", "wrong": "denied", "typo": "grok-code-fast-2", "busy": "busy", "slow": "slow",
             "gone": "gone", "words": "text-embedding-3-small", "flash": "gemini/gemini-2.5-flash"}
    upstream.faults["denied"] = Fault(status=401, echo_key=True)
    upstream.faults["grok-code-fast-2"] = Fault(status=404, message="The model does not exist")
    upstream.faults["busy"], upstream.faults["slow"] = Fault(status=429, retry_after=7), Fault(hang=True)
    keys = {name: canary(name) for name in names}
    with MockUpstream() as closed:
        nowhere = closed.url
    at = folder(lines({
        "PROXY_MODEL_KEYS": ",".join(names), "OPENAI_API_BASE": upstream.url, "MODEL_GONE_API_BASE": nowhere,
        "MODEL_FLASH_API_BASE": upstream.url, "MODEL_SLOW_TIMEOUT": "1", "MODEL_WORDS_MODE": "embedding",
        **{f"MODEL_{key.upper()}_UPSTREAM_MODEL": name for key, name in names.items()},
        **{f"MODEL_{key.upper()}_API_KEY": value for key, value in keys.items()}}))
    ran = at.run("ping", "--yes", "--json")
    assert ran.returncode == 1, ran.stderr
    rows = {row["deployment"]: row for row in json.loads(ran.stdout)["models"]}
    assert {key: row["status"] for key, row in rows.items()} == {
        "good": "ok", "wrong": 401, "typo": 404, "busy": 429, "slow": "timeout", "gone": "refused", "words": "ok",
        "flash": "ok"}
    repairs = {"wrong": "MODEL_WRONG_API_KEY (.env line", "typo": "did you mean grok-code-fast-1?", "busy": "for 7 s",
               "slow": "MODEL_SLOW_TIMEOUT", "gone": "nobody listens at 127.0.0.1:"}
    assert [key for key, words in repairs.items() if words not in rows[key]["repair"]] == [], rows
    assert rows["good"]["ttft_ms"] is not None and rows["good"]["latency_ms"] >= rows["good"]["ttft_ms"]
    assert [key for key, value in keys.items() if value in ran.stdout + ran.stderr] == []
    assert {request.key for request in upstream.requests if request.model == "gpt-5"} == {keys["good"]}


TRIAL = """
import asyncio, json, os, sys
import litellm
litellm.suppress_debug_info = litellm.drop_params = True

async def one(provider, url):
    said = dict(model=f"{provider}/some-model", api_base=f"{url}/{provider}/v1", api_key="key", timeout=20,
                max_retries=0, api_version="2024-10-21", messages=[{"role": "user", "content": "hi"}])
    try:
        plain = await litellm.acompletion(**said)
        text = plain.choices[0].message.content
        async for chunk in await litellm.acompletion(**said, stream=True):
            text += chunk.choices[0].delta.content or "" if chunk.choices else ""
        return text.count("mock upstream")
    except Exception as error:
        return f"{type(error).__name__}: {error}"[:300]

async def all_of(url, providers):
    return {provider: await one(provider, url) for provider in providers}

print(json.dumps(asyncio.run(all_of(sys.argv[1], sys.argv[2].split(",")))))
"""


def test_every_provider_that_is_rehearsed_really_asks_the_given_base(upstream: MockUpstream, tmp_path: Path) -> None:
    upstream.reset()
    dead = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"), "http://127.0.0.1:1")
    environ = {**clean_environment(measured=False), **dead, "NO_PROXY": "127.0.0.1",
               "LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_MODE": "PRODUCTION"}
    done = subprocess.run([sys.executable, "-c", TRIAL, upstream.url.removesuffix("/v1"), ",".join(sorted(PLAYED))],
                          env=environ, cwd=tmp_path, capture_output=True, text=True, timeout=240)
    found = json.loads(done.stdout.splitlines()[-1])
    assert {provider: result for provider, result in found.items() if result != 2} == {}
    asked = {request.path.split("/")[1] for request in upstream.requests}
    assert asked == PLAYED
