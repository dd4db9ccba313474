"""GPT-5, DeepSeek and Grok answer through the real gateway, each with its own key at its own upstream; no key leaks."""

import re
import subprocess
from collections.abc import Iterator
from typing import Any

import openai
import pytest

from src.mock.server import Fault, MockUpstream

from .gateway import Gateway, canary, until

ALIASES = ["gpt-5", "deepseek", "grok-code-fast-1", "broken"]
KEYS = {"OPENAI_API_KEY": canary("openai"), "DEEPSEEK_KEY": canary("deepseek"), "MODEL_GROK_API_KEY": canary("grok"),
        "GROK_API_SECRET": canary("reserved")}
MASTER = canary("master")


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[MockUpstream]:
    """The upstream of one model alone."""
    with MockUpstream() as mock:
        yield mock


@pytest.fixture(scope="module")
def gateway(upstream: MockUpstream, elsewhere: MockUpstream) -> Iterator[Gateway]:
    """Two workers; everything is declared in `.env`, keys included."""
    lines = [
        "PROXY_MODEL_KEYS=gpt5,deepseek,grok,broken", f"OPENAI_API_BASE={upstream.url}",
        f"LITELLM_MASTER_KEY='{MASTER}'",
        "MODEL_GPT5_UPSTREAM_MODEL=gpt-5", "MODEL_GPT5_REASONING_EFFORT=high",
        "MODEL_DEEPSEEK_UPSTREAM_MODEL=deepseek-v3.2", "MODEL_DEEPSEEK_ALIAS=deepseek",
        f"MODEL_DEEPSEEK_API_BASE={elsewhere.url}", "MODEL_DEEPSEEK_API_KEY_ENV=DEEPSEEK_KEY",
        "MODEL_GROK_UPSTREAM_MODEL=grok-code-fast-1", "MODEL_GROK_HEADERS=X-Title=gateway",
        "MODEL_BROKEN_UPSTREAM_MODEL=mock-echo-key", "MODEL_BROKEN_ALIAS=broken",
        *(f"{name}={value}" for name, value in KEYS.items())]
    with Gateway({}, "--log-format", "text", dotenv="\n".join(lines), workers=2, key=MASTER) as running:
        yield running


@pytest.fixture(autouse=True)
def forget(upstream: MockUpstream, elsewhere: MockUpstream) -> None:
    """Start every test with empty upstreams."""
    upstream.reset()
    elsewhere.reset()


def test_aliases_are_listed_in_the_order_of_declaration(gateway: Gateway) -> None:
    assert gateway.aliases() == ALIASES
    assert [model.id for model in gateway.client().models.list()] == ALIASES


@pytest.mark.parametrize("alias", ALIASES[:3])
def test_a_model_answers_plain_and_streamed(gateway: Gateway, alias: str) -> None:
    client = gateway.client()
    asked: Any = {"model": alias, "messages": [{"role": "user", "content": "Tell me about gateways."}]}
    plain = client.chat.completions.create(**asked)
    chunks = list(client.chat.completions.create(stream=True, stream_options={"include_usage": True}, **asked))
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text and text == plain.choices[0].message.content
    assert (plain.model, plain.choices[0].finish_reason) == (alias, "stop")
    streamed = chunks[-1].usage
    assert (streamed.prompt_tokens, streamed.completion_tokens) == (plain.usage.prompt_tokens,
                                                                    plain.usage.completion_tokens)
    assert plain.usage.total_tokens > 0


@pytest.mark.parametrize(("alias", "own", "model", "key"), [
    ("gpt-5", False, "gpt-5", "OPENAI_API_KEY"), ("deepseek", True, "deepseek-v3.2", "DEEPSEEK_KEY"),
    ("grok-code-fast-1", False, "grok-code-fast-1", "MODEL_GROK_API_KEY"),
])
def test_the_right_key_reaches_the_right_upstream(gateway: Gateway, upstream: MockUpstream, elsewhere: MockUpstream,
                                                  alias: str, own: bool, model: str, key: str) -> None:
    assert gateway.chat(alias).status_code == 200
    asked, other = (elsewhere, upstream) if own else (upstream, elsewhere)
    recorded, = asked.requests
    assert (recorded.model, recorded.key, other.requests) == (model, KEYS[key], [])
    assert MASTER not in str(recorded.headers)


@pytest.mark.parametrize(("alias", "sent", "arrives"), [
    ("gpt-5", {}, "high"), ("gpt-5", {"reasoning_effort": "minimal"}, "minimal"),
    ("deepseek", {}, None), ("deepseek", {"reasoning_effort": "low"}, "low"),
])
def test_the_effort_arrives_and_a_clients_own_wins(gateway: Gateway, upstream: MockUpstream, elsewhere: MockUpstream,
                                                   alias: str, sent: dict[str, str], arrives: str | None) -> None:
    assert gateway.chat(alias, **sent).status_code == 200
    recorded, = upstream.requests + elsewhere.requests
    assert recorded.body.get("reasoning_effort") == arrives


def test_declared_headers_reach_the_upstream(gateway: Gateway, upstream: MockUpstream) -> None:
    gateway.chat("grok-code-fast-1")
    gateway.chat("gpt-5")
    assert [request.headers.get("x-title") for request in upstream.requests] == ["gateway", None]


def test_an_unknown_model_is_a_clean_refusal(gateway: Gateway, upstream: MockUpstream) -> None:
    answer = gateway.chat("nobody-declared-me")
    assert answer.status_code in (400, 404) and answer.json()["error"]["message"]
    assert not [alias for alias in ALIASES if alias in answer.text] and upstream.requests == []
    with pytest.raises((openai.NotFoundError, openai.BadRequestError)):
        gateway.client().chat.completions.create(model="nobody", messages=[{"role": "user", "content": "hi"}])


@pytest.mark.parametrize("headers", [{}, {"authorization": "Bearer wrong"}])
def test_without_the_key_nothing_is_told(gateway: Gateway, upstream: MockUpstream, headers: dict[str, str]) -> None:
    for answer in (gateway.request("GET", "/v1/models", headers=headers), gateway.chat("gpt-5", headers=headers)):
        assert answer.status_code == 401 and "gpt-5" not in answer.text
    assert upstream.requests == []


def test_every_alias_is_in_the_startup_log_with_its_key_by_name(gateway: Gateway, upstream: MockUpstream) -> None:
    lines = gateway.stderr.splitlines()
    rows = [line.split() for line in lines if line.startswith("  ")]
    assert [row[0] for row in rows[1:5]] == ALIASES
    assert [" ".join(row[3:5]) for row in rows[1:4]] == [
        "OPENAI_API_KEY (set)", "DEEPSEEK_KEY (set)", "MODEL_GROK_API_KEY (set)"]
    assert rows[1][1:3] == ["openai/gpt-5", upstream.url] and rows[1][-2:] == ["high", ".env"]
    assert re.match(r"litellm-gateway \S+ \(LiteLLM 1\.106\.\S+\), configuration [0-9a-f]{12}$", lines[0])
    assert lines[1].startswith(f"starting at {gateway.url}, 2 workers")


def test_the_command_of_the_ready_line_works_when_pasted(gateway: Gateway) -> None:
    lines = gateway.stderr.splitlines()
    command = lines[lines.index(f"ready: {gateway.url} answers; try it:") + 1]
    done = subprocess.run(["/bin/sh", "-c", command], cwd=gateway.home, env={"PATH": "/usr/bin:/bin"},
                          capture_output=True, text=True, timeout=60, check=True)
    assert '"content"' in done.stdout and MASTER not in command


def test_no_key_leaves_through_answers_headers_logs_or_files(gateway: Gateway, upstream: MockUpstream) -> None:
    upstream.faults["gpt-5"] = Fault(status=401, echo_key=True)
    answers = [gateway.chat("gpt-5"), gateway.chat("gpt-5", stream=True), gateway.chat("broken"),
               gateway.chat("deepseek")]
    assert [answer.status_code >= 400 for answer in answers] == [True, True, True, False]
    until(lambda: gateway.stdout.count("\n") >= 4, "request lines")
    told = [f"{answer.headers} {answer.text}" for answer in answers] + [gateway.stdout, gateway.stderr]
    told += [data.decode(errors="replace") for path, data in gateway.files().items() if path.name != ".env"]
    secrets = {**KEYS, "LITELLM_MASTER_KEY": MASTER}
    assert [name for name, value in secrets.items() if any(value in text for text in told)] == []
    assert any("plan.json" in str(path) for path in gateway.files())


def test_private_files_are_their_owners_only(gateway: Gateway) -> None:
    folders = [gateway.runtime, *(path for path in gateway.runtime.rglob("*") if path.is_dir())]
    files = [path for suffix in ("yaml", "json", "sock") for path in gateway.runtime.rglob(f"*.{suffix}")]
    assert len(folders) > 2 and len(files) > 2
    assert {str(path): oct(path.stat().st_mode) for path in folders + files if path.stat().st_mode & 0o077} == {}


def test_two_workers_serve(gateway: Gateway) -> None:
    until(lambda: len(gateway.workers) == 2, "two workers")


def test_stopping_ends_with_0_and_leaves_nothing(gateway: Gateway) -> None:
    workers = gateway.workers
    assert gateway.stop() == 0
    assert not gateway.runtime.exists() and list(gateway.tmp.iterdir()) == [] and workers
