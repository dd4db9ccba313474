"""Parameters on their way: what is translated, what is dropped and who is told; costs; metrics; spacing of chunks."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from src.mock.server import Fault, MockUpstream
from tests.e2e.gateway import PYTHONPATH, Gateway, canary, clean_environment, until
from tests.e2e.inside_support import Inside, chain, declared

MESSAGES = {"messages": [{"role": "user", "content": "hi"}]}
CHAT, ANTHROPIC, RESPONSES, COMPLETIONS = ("/v1/chat/completions", "/v1/messages", "/v1/responses", "/v1/completions")
HIGH = {"effort": "high"}
GAP_S = 0.2
NATIVE = {
    "groq/llama-3.3-70b-versatile": "GROQ_API_KEY", "groq/mixtral-8x7b-32768": "GROQ_API_KEY",
    "gemini/gemini-1.5-flash": "GEMINI_API_KEY", "gemini/gemini-1.5-pro": "GEMINI_API_KEY",
    "mistral/mistral-small-latest": "MISTRAL_API_KEY",
}
KEYS = {name: canary(name.lower()) for name in set(NATIVE.values())}


@pytest.fixture(scope="module")
def inside(upstream: MockUpstream) -> Iterator[Inside]:
    models: dict[str, dict[str, str]] = {
        "gpt5": {"UPSTREAM_MODEL": "gpt-5"}, "plain": {"UPSTREAM_MODEL": "unheard-of"},
        "refusing": {"UPSTREAM_MODEL": "grok-3"}, "spaced": {"UPSTREAM_MODEL": "mock-spaced"},
        "cheap": {"UPSTREAM_MODEL": "cheap", "INPUT_COST": "0.15", "OUTPUT_COST": "0.60", "FALLBACKS": "plain"},
        "free": {"UPSTREAM_MODEL": "free", "INPUT_COST": "0", "OUTPUT_COST": "0"},
        "efforted": {"UPSTREAM_MODEL": "deepseek-v3.2", "REASONING_EFFORT": "low"},
    }
    for name, variable in NATIVE.items():
        base = upstream.url.removesuffix("/v1") + "/v1beta" if name.startswith("gemini") else upstream.url
        models[f"n{len(models)}"] = {"UPSTREAM_MODEL": name, "API_BASE": base, "API_KEY_ENV": variable}
    variables = declared(upstream.url, models, PROXY_CHAIN_KEYS="mixed", **chain("mixed", "refusing", "gpt5"), **KEYS)
    with Gateway(variables, workers=2, measured=True) as gateway:
        yield Inside(gateway)


def sent(upstream: MockUpstream) -> dict[str, Any]:
    """Return the parameters that reached the upstream last."""
    return {name: value for name, value in upstream.requests[-1].body.items()
            if name not in ("model", "messages", "input", "prompt")}


@pytest.mark.parametrize(("path", "model", "body", "arrives", "dropped", "translated"), [
    (CHAT, "gpt-5", {"reasoning": HIGH}, {"reasoning_effort": "high"}, [], {"reasoning": "reasoning_effort"}),
    (CHAT, "grok-3", {"reasoning": HIGH}, {}, ["reasoning"], {}),
    (CHAT, "gpt-5", {"reasoning": HIGH, "reasoning_effort": "low"}, {"reasoning_effort": "low"}, ["reasoning"], {}),
    (CHAT, "gpt-5", {"reasoning": {"effort": "none"}}, {}, ["reasoning"], {}),
    (CHAT, "deepseek-v3.2", {"reasoning": HIGH}, {"reasoning_effort": "high"}, [], {"reasoning": "reasoning_effort"}),
    (CHAT, "deepseek-v3.2", {}, {"reasoning_effort": "low"}, [], {}),
    (CHAT, "gpt-5", {"temperature": 0.2, "max_tokens": 9}, {"max_completion_tokens": 9}, ["temperature"],
     {"max_tokens": "max_completion_tokens"}),
    (CHAT, "unheard-of", {"user": "u", "verbosity": "low", "top_k": 3, "metadata": {"a": "b"}}, {"top_k": 3},
     ["user", "verbosity", "metadata"], {}),
    (CHAT, "unheard-of", {"temperature": None, "seed": 7}, {"seed": 7}, [], {}),
    (ANTHROPIC, "gpt-5", {"max_tokens": 9000, "thinking": {"type": "enabled", "budget_tokens": 6000}},
     {"max_completion_tokens": 9000, "reasoning_effort": "medium"}, [],
     {"max_tokens": "max_completion_tokens", "thinking": "reasoning_effort"}),
    (ANTHROPIC, "unheard-of", {"max_tokens": 9, "stop_sequences": ["a"], "top_k": 3},
     {"max_tokens": 9, "stop": ["a"], "top_k": 3}, [], {"stop_sequences": "stop"}),
    (RESPONSES, "gpt-5", {"reasoning": {"effort": "low"}}, {"reasoning": {"effort": "low"}}, [], {}),
    (RESPONSES, "unheard-of", {"reasoning": {"effort": "low"}}, {"reasoning": {"effort": "low"}}, [], {}),
    (COMPLETIONS, "unheard-of", {"verbosity": "low", "temperature": 0.1}, {"temperature": 0.1}, ["verbosity"], {}),
])
def test_a_parameter_arrives_is_translated_or_told_of(
        inside: Inside, upstream: MockUpstream, path: str, model: str, body: dict[str, Any], arrives: dict[str, Any],
        dropped: list[str], translated: dict[str, str]) -> None:
    content: dict[str, Any] = {RESPONSES: {"input": "hi"}, COMPLETIONS: {"prompt": "hi"}}.get(path, MESSAGES)
    response = inside.post(path, model=model, **content, **body)
    assert response.status_code == 200, response.text
    assert sent(upstream) == arrives
    line = inside.line(response)
    assert (sorted(line["dropped"]), line["translated"]) == (sorted(dropped), translated)
    header = response.headers.get("x-gateway-dropped-params", "")
    assert sorted(filter(None, header.split(", "))) == sorted(dropped)


def test_in_a_chain_each_member_gets_what_it_takes(inside: Inside, upstream: MockUpstream) -> None:
    upstream.faults["grok-3"] = Fault(status=500, times=1)
    upstream.state.recorder.clear()
    response = inside.chat("mixed", reasoning=HIGH)
    bodies = [request.body for request in upstream.requests]
    assert [(body["model"], body.get("reasoning_effort")) for body in bodies] == [("grok-3", None), ("gpt-5", "high")]
    assert (inside.line(response)["dropped"], inside.line(response)["translated"]) == (
        [], {"reasoning": "reasoning_effort"})


def test_messages_go_to_chat_completions_with_and_without_thinking(inside: Inside, upstream: MockUpstream) -> None:
    upstream.state.recorder.clear()
    for extra in ({}, {"thinking": {"type": "enabled", "budget_tokens": 1024}}, {"stream": True}):
        assert inside.post(ANTHROPIC, model="unheard-of", max_tokens=2000, **MESSAGES, **extra).status_code == 200
    assert {request.path for request in upstream.requests} == {"/v1/chat/completions"}


def test_each_drop_is_warned_of_once_per_worker(inside: Inside) -> None:
    for _ in range(20):
        inside.chat("unheard-of", safety_identifier_x=None, verbosity="low")
    said = [line for line in inside.gateway.stderr.splitlines() if "verbosity is dropped for unheard-of" in line]
    assert 1 <= len(said) <= 2, "two workers, at most one warning each"


@pytest.mark.parametrize(("model", "prompt", "completion", "state"), [
    ("cheap", 150_000, 600_000, "priced"), ("gpt-5", 1_250_000, 10_000_000, "priced"),
    ("free", 0, 0, "free"), ("unheard-of", None, None, "unknown"),
])
@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
def test_costs_are_exact_or_unknown(inside: Inside, model: str, prompt: int | None, completion: int | None, state: str,
                                    stream: bool) -> None:
    line = inside.line(inside.chat(model, stream=stream))
    assert line["cost_state"] == state
    if prompt is None or completion is None:
        assert line["cost_micros"] is None
    else:
        pico = line["prompt_tokens"] * prompt + line["completion_tokens"] * completion
        assert line["cost_micros"] == (pico + 500_000) // 1_000_000


@pytest.mark.parametrize("model", NATIVE)
def test_native_providers_are_listed_and_reached_directly_with_their_own_key(
        inside: Inside, upstream: MockUpstream, model: str) -> None:
    assert model in inside.gateway.aliases()
    inside.chat(model)
    upstream.state.recorder.clear()
    response = inside.chat(model, max_tokens=9)
    assert (response.status_code, len(upstream.requests)) == (200, 1)
    request = upstream.requests[0]
    assert request.key == KEYS[NATIVE[model]]
    assert inside.line(response)["chain"] is None


@pytest.mark.parametrize(("path", "body"), [
    (CHAT, MESSAGES), (ANTHROPIC, MESSAGES | {"max_tokens": 500}), (COMPLETIONS, {"prompt": "hi"}),
    (RESPONSES, {"input": "hi"}),
])
def test_chunks_sent_apart_arrive_apart(inside: Inside, path: str, body: dict[str, Any]) -> None:
    arrivals = []
    with inside.client.stream("POST", path, json={"model": "mock-spaced", "stream": True, **body}) as response:
        for line in response.iter_lines():
            if line.startswith("data:") and ("delta" in line or '"text":' in line) and "stop" not in line:
                arrivals.append(time.monotonic())
    gaps = sorted(after - before for before, after in zip(arrivals, arrivals[1:]) if after - before > GAP_S / 4)
    assert len(gaps) >= 7, gaps
    assert gaps[len(gaps) // 2] == pytest.approx(GAP_S, rel=0.5)


def test_metrics_add_up_over_both_workers(inside: Inside) -> None:
    pytest.importorskip("prometheus_client")

    def value(name: str) -> float:
        lines = inside.client.get("/metrics").raise_for_status().text.splitlines()
        return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(name))

    series = 'gateway_requests_total{alias="free",model="openai/free",status="200"}'
    before = value(series)
    for _ in range(20):
        Inside(inside.gateway).chat("free")  # a connection each, so that both workers have some
    until(lambda: value(series) == before + 20, "twenty more requests in the metrics", 10)
    assert value('gateway_dropped_params_total{alias="unheard-of"') > 0
    assert value("gateway_config_info{") == 1


@pytest.mark.parametrize("flags", [[], ["--json"]], ids=["text", "json"])
def test_params_tells_offline_what_a_model_takes(tmp_path: Path, flags: list[str]) -> None:
    environ = clean_environment() | {"PYTHONPATH": PYTHONPATH, "PATH": os.environ["PATH"]}
    command = [sys.executable, "-m", "src.main", "--model-spec", "upstream=gpt-5,alias=big", "params", "big", *flags]
    done = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    if flags:
        found = json.loads(done.stdout)
        assert found["model"] == "openai/gpt-5"
        assert "reasoning_effort" in found["accepts"] and "temperature" in found["drops"]
        assert found["renames"] == {"max_tokens": "max_completion_tokens"}
    else:
        assert "max_tokens -> max_completion_tokens" in done.stdout


def test_params_of_an_unknown_provider_says_so(tmp_path: Path) -> None:
    environ = clean_environment() | {"PYTHONPATH": PYTHONPATH}
    done = subprocess.run([sys.executable, "-m", "src.serving.params_tool", "nobody/x"], cwd=tmp_path, env=environ,
                          capture_output=True, text=True, timeout=120)
    assert (done.returncode, "nobody" in done.stderr) == (2, True)
