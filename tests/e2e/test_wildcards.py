"""Wildcards through the real gateway: `xai/*` and `local/*` answer by concrete names, and list what can be called."""

import json
import os
import signal
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from src.mock.server import Fault, MockUpstream, Recorded

from .gateway import Gateway, canary, until
from .limits_support import run, within_one_minute

KEYS = {"XAI_API_KEY": canary("xai"), "MODEL_LOCAL_API_KEY": canary("local"), "DEEPSEEK_API_KEY": canary("deep"),
        "OPENAI_API_KEY": canary("openai")}
CLIENT: dict[str, str] = {}
ROUTES: dict[str, dict[str, Any]] = {
    "/v1/chat/completions": {}, "/v1/messages": {"max_tokens": 10}, "/v1/responses": {"input": "hi"},
    "/v1/images/generations": {"prompt": "a cat"}, "/v1/audio/speech": {"input": "hi", "voice": "alloy"},
}
LISTED = ["xai/pinned", "xai/grok-4", "xai/grok-code-fast-1", "xai/org/next", "local/qwen3:8b", "local/llama-3.1",
          "deepseek/grok-4", "deepseek/grok-code-fast-1", "deepseek/org/next", "deepseek/pinned"]


@pytest.fixture(scope="module")
def local() -> Iterator[MockUpstream]:
    """An OpenAI-compatible server of the operator's own."""
    with MockUpstream() as mock:
        mock.models[:] = ["qwen3:8b", "llama-3.1"]
        yield mock


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[MockUpstream]:
    """Where a name that looks like another provider's must never lead."""
    with MockUpstream() as mock:
        yield mock


@pytest.fixture(scope="module")
def gateway(upstream: MockUpstream, local: MockUpstream, elsewhere: MockUpstream) -> Iterator[Gateway]:
    upstream.models[:] = ["grok-4", "grok-code-fast-1", "org/next", "odd name", "a,b", "pinned"]
    environ = {
        "PROXY_MODEL_KEYS": "xai,local,pinned,deep", "GATEWAY_MODELS_TTL": "0.2", "REASONING_EFFORT": "high",
        "MODEL_XAI_UPSTREAM_MODEL": "xai/*", "MODEL_XAI_API_BASE": upstream.url, "MODEL_XAI_FALLBACKS": "pinned",
        "MODEL_LOCAL_UPSTREAM_MODEL": "*", "MODEL_LOCAL_ALIAS": "local/*", "MODEL_LOCAL_API_BASE": local.url,
        "MODEL_LOCAL_INPUT_COST": "1", "MODEL_LOCAL_OUTPUT_COST": "1",
        "MODEL_PINNED_UPSTREAM_MODEL": "pinned-upstream", "MODEL_PINNED_ALIAS": "xai/pinned",
        "MODEL_PINNED_API_BASE": local.url, "MODEL_PINNED_API_KEY_ENV": "none",
        # No base declared: LiteLLM takes those of its own variables, for each provider that it believes to see.
        "MODEL_DEEP_UPSTREAM_MODEL": "deepseek/*", "DEEPSEEK_API_BASE": upstream.url,
        "GROQ_API_BASE": elsewhere.url, "OPENAI_API_BASE": elsewhere.url, **KEYS,
    }
    running = Gateway(environ)
    run(running, "limits", "add", "next-only", "--scope", "model", "--target", "xai/org/next", "--rpd", "1",
        "--action", "reject")
    CLIENT["key"] = run(running, "keys", "add", "web", "--models", "xai/*").strip()
    with running:
        yield running


@pytest.fixture(autouse=True)
def forget(upstream: MockUpstream, local: MockUpstream, elsewhere: MockUpstream) -> None:
    """Start every test with empty upstreams."""
    for mock in (upstream, local, elsewhere):
        mock.reset()


def asked(mock: MockUpstream) -> list[Recorded]:
    """Return what was asked of a model; lists are asked for all the time."""
    return [request for request in mock.requests if request.operation != "models"]


def ask(gateway: Gateway, path: str, model: str, **more: Any) -> httpx.Response:
    messages = {"messages": [{"role": "user", "content": "hi"}]}
    return gateway.request("POST", path, json={"model": model, **messages, **ROUTES[path], **more})


def line_of(gateway: Gateway, answer: httpx.Response) -> dict[str, Any]:
    """Return the request line of an answer."""
    wanted = answer.headers["x-gateway-request-id"]
    found = until(lambda: [one for one in gateway.stdout.splitlines() if wanted in one], "the request line", 20)
    line: dict[str, Any] = json.loads(found[0])
    return line


def test_the_list_shows_what_can_be_called_and_never_a_star(gateway: Gateway) -> None:
    until(lambda: gateway.aliases() == LISTED, f"the lists of all upstreams, not {gateway.aliases()}", 20)
    entries = gateway.request("GET", "/v1/models").json()["data"]
    assert {entry["object"] for entry in entries} == {"model"} and "*" not in json.dumps(entries)
    assert [model.id for model in gateway.client().models.list()] == LISTED


@pytest.mark.parametrize("name", ["xai/grok-4", "xai/org/next:beta", "local/any-model"])
def test_a_name_under_a_wildcard_is_a_model(gateway: Gateway, name: str) -> None:
    assert gateway.client().models.retrieve(name).id == name


@pytest.mark.parametrize("path", ["/v1/models/xai/%2A", "/v1/models/other/x", "/v1/models/xai/a//b", "/v1/model/info"])
def test_no_other_name_or_page_is_open(gateway: Gateway, path: str) -> None:
    assert gateway.request("GET", path).status_code == 404


@pytest.mark.parametrize("path", ROUTES)
@pytest.mark.parametrize(("name", "model", "key"), [
    ("xai/grok-4", "grok-4", "XAI_API_KEY"), ("local/qwen3:8b", "qwen3:8b", "MODEL_LOCAL_API_KEY"),
    ("xai/groq/llama", "groq/llama", "XAI_API_KEY"), ("deepseek/openai/gpt-4o", "openai/gpt-4o", "DEEPSEEK_API_KEY"),
])
def test_a_concrete_name_reaches_its_own_upstream_with_its_key(
        gateway: Gateway, upstream: MockUpstream, local: MockUpstream, elsewhere: MockUpstream,
        path: str, name: str, model: str, key: str) -> None:
    answer = ask(gateway, path, name)
    own, other = (local, upstream) if name.startswith("local") else (upstream, local)
    request, = asked(own)
    assert (request.model, request.key) == (model, KEYS[key]) and not asked(other) and not elsewhere.requests
    assert answer.status_code == 200


def test_streams_work_and_the_global_effort_stays_away(gateway: Gateway, upstream: MockUpstream) -> None:
    answer = gateway.chat("xai/grok-4", stream=True)
    assert answer.status_code == 200 and answer.text.rstrip().endswith("data: [DONE]")
    request, = asked(upstream)
    assert "reasoning_effort" not in request.body


def test_an_exact_alias_wins_over_a_wildcard(gateway: Gateway, upstream: MockUpstream, local: MockUpstream) -> None:
    assert gateway.chat("xai/pinned").headers["x-gateway-model"] == "xai/pinned"
    assert [request.model for request in asked(local)] == ["pinned-upstream"] and not asked(upstream)


@pytest.mark.parametrize("name", [
    "xai/*", "xai/", "xai//grok-4", "xai/../grok-4", "xai/./x", "xai/a/", "xai/responses/grok-4", "xai/a b", "xai/a,b",
    "xai/a\n", "xai/\x00", "xai/" + "a" * 300, "XAI/grok-4", "grok-4", "*", "xai", "pinned",
])
def test_names_that_steer_or_are_none_reach_nobody(gateway: Gateway, upstream: MockUpstream, local: MockUpstream,
                                                   name: str) -> None:
    answer = gateway.chat(name)
    assert answer.status_code == 404 and answer.json()["error"]["code"] == "model_not_found"
    assert not asked(upstream) and not asked(local)


def test_the_request_line_has_the_name_that_was_asked_for(gateway: Gateway) -> None:
    line = line_of(gateway, gateway.chat("xai/grok-4"))
    assert [line[name] for name in ("alias", "model", "provider", "deployment", "status")] == [
        "xai/grok-4", "xai/grok-4", "xai", "xai", 200]
    line = line_of(gateway, gateway.chat("local/qwen3:8b"))
    tokens = line["prompt_tokens"] + line["completion_tokens"]
    assert (line["model"], line["cost_state"], line["cost_micros"]) == ("openai/qwen3:8b", "priced", tokens)


def test_a_wildcard_falls_back_to_the_model_that_it_names(gateway: Gateway, upstream: MockUpstream) -> None:
    upstream.faults["grok-4"] = Fault(status=500)
    answer = gateway.chat("xai/grok-4")
    assert (answer.status_code, answer.headers["x-gateway-model"]) == (200, "xai/pinned")
    line = line_of(gateway, answer)
    assert (line["alias"], line["deployment"], line["chain_position"]) == ("xai/grok-4", "pinned", 2)
    assert [attempt["model"] for attempt in line["attempts"]] == ["xai/grok-4", "openai/pinned-upstream"]


def test_a_limit_may_be_for_one_name_alone(gateway: Gateway, local: MockUpstream) -> None:
    within_one_minute(10)
    answers = [gateway.chat("xai/org/next") for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 429] and "next-only" in answers[1].text
    assert gateway.chat("xai/grok-code-fast-1").headers["x-gateway-model"] == "xai/grok-code-fast-1"
    explained = run(gateway, "limits", "explain", "xai/org/next")
    assert "next-only" in explained and "next-only" not in run(gateway, "limits", "explain", "xai/grok-4")


def test_a_client_key_may_hold_a_wildcard(gateway: Gateway) -> None:
    headers = {"authorization": f"Bearer {CLIENT['key']}"}
    assert gateway.chat("xai/grok-4", headers=headers).status_code == 200
    assert gateway.chat("local/qwen3:8b", headers=headers).status_code == 403
    listed = gateway.request("GET", "/v1/models", headers=headers).json()["data"]
    assert [entry["id"] for entry in listed] == LISTED[:4]


def test_metrics_know_the_wildcard_and_not_the_names_that_clients_make_up(gateway: Gateway) -> None:
    names = [f"xai/made-up-{number}" for number in range(3)]
    assert {gateway.chat(name).status_code for name in names} == {200}

    def scrape() -> str:
        return gateway.request("GET", "/metrics").text
    until(lambda: 'gateway_requests_total{alias="xai/*",model="xai/*",status="200"}' in scrape(), "the series", 20)
    assert "made-up" not in scrape() and 'alias="local/*",model="openai/*"' in scrape()


def test_the_last_good_list_stays_while_a_provider_is_away(gateway: Gateway, upstream: MockUpstream) -> None:
    upstream.faults["models"] = Fault(status=401, echo_key=True)
    warning = "the models of xai/* cannot be listed: the provider answered 401; /v1/models shows the 4 known before"
    until(lambda: warning in gateway.stderr, "a word in the log", 20)
    assert gateway.aliases() == LISTED
    upstream.models.append("grok-5")
    upstream.faults.clear()
    until(lambda: "xai/grok-5" in gateway.aliases(), "the next good list", 60)


def test_a_new_worker_starts_with_the_last_good_list(gateway: Gateway, upstream: MockUpstream) -> None:
    upstream.faults["models"] = Fault(status=500)
    known = gateway.aliases()
    old, = gateway.workers
    os.kill(old, signal.SIGKILL)
    until(lambda: gateway.workers and old not in gateway.workers, "another worker", 60)
    assert gateway.aliases() == known


def test_neither_keys_nor_bases_are_told(gateway: Gateway, upstream: MockUpstream) -> None:
    told = [gateway.stdout, gateway.stderr] + [
        data.decode(errors="replace") for path, data in gateway.files().items()]
    assert [name for name, value in KEYS.items() if any(value in text for text in told)] == []
    lines = [line for line in gateway.stderr.splitlines() if upstream.url in line]
    assert all("declared in" in line or line.startswith("  ") for line in lines), "only the startup table names bases"


def test_nothing_stays_behind(gateway: Gateway) -> None:
    assert gateway.stop() == 0 and not gateway.runtime.exists()
