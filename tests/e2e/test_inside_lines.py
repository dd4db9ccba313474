"""Exactly one request line per request, which agrees with what the upstream saw; broken answers are clean errors."""

import asyncio
import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from src.mock.server import Fault, MockUpstream
from tests.e2e.gateway import Gateway, canary, until
from tests.e2e.inside_support import Inside, chain, declared

REQUESTS, CONNECTIONS = 200, 16
MESSAGES = {"messages": [{"role": "user", "content": "hi"}]}
CHAT, COMPLETIONS, EMBEDDINGS, ANTHROPIC, RESPONSES = (
    "/v1/chat/completions", "/v1/completions", "/v1/embeddings", "/v1/messages", "/v1/responses")
# What is asked, in turn: path, body, and the upstream calls that it causes by model.
MIX: list[tuple[str, dict[str, Any], dict[str, int]]] = [
    (CHAT, {"model": "good", **MESSAGES}, {"good": 1}),
    (CHAT, {"model": "good", "stream": True, **MESSAGES}, {"good": 1}),
    (CHAT, {"model": "mock-500", **MESSAGES}, {"mock-500": 1}),
    (CHAT, {"model": "any", **MESSAGES}, {"mock-500": 1, "good": 1}),
    (CHAT, {"model": "any", "stream": True, **MESSAGES}, {"mock-500": 1, "good": 1}),
    (CHAT, {"model": "nobody", **MESSAGES}, {}),
    (CHAT, {"model": "mock-break", "stream": True, **MESSAGES}, {"mock-break": 1}),
    (CHAT, {"model": "mock-reset", **MESSAGES}, {"mock-reset": 2}),
    (EMBEDDINGS, {"model": "good", "input": "hi"}, {"good": 1}),
    (COMPLETIONS, {"model": "good", "prompt": "hi"}, {"good": 1}),
    (COMPLETIONS, {"model": "good", "prompt": "hi", "stream": True}, {"good": 1}),
    (ANTHROPIC, {"model": "good", "max_tokens": 9, **MESSAGES}, {"good": 1}),
    (ANTHROPIC, {"model": "any", "max_tokens": 9, "stream": True, **MESSAGES}, {"mock-500": 1, "good": 1}),
    (RESPONSES, {"model": "good", "input": "hi"}, {"good": 1}),
    (RESPONSES, {"model": "mock-429", "input": "hi"}, {"mock-429": 1}),
    (CHAT, {"model": "good"}, {}),
]
# What a model says that has lost its way: LiteLLM ends such a stream with an error that holds it.
LOOPED = canary("said") + " "
BROKEN = ["mock-html", "mock-html-502", "mock-cut", "mock-empty", "mock-reset", "mock-reset-later", "mock-stall"]


@pytest.fixture(scope="module", params=[1, 2], ids=["1-worker", "2-workers"])
def inside(upstream: MockUpstream, request: pytest.FixtureRequest) -> Iterator[Inside]:
    upstream.faults["loops"] = Fault(reply=LOOPED * 150, chunks=150)
    names = ["mock-500", "mock-429", "mock-break", "mock-no-usage", "loops", *BROKEN]
    models = {name.replace("-", ""): {"UPSTREAM_MODEL": name} for name in names}
    models["mockstall"] |= {"STREAM_TIMEOUT": "1", "TIMEOUT": "1"}
    models["good"] = {"UPSTREAM_MODEL": "good", "INPUT_COST": "2", "OUTPUT_COST": "10"}
    variables = declared(upstream.url, models, PROXY_CHAIN_KEYS="any", **chain("any", "mock500", "good"))
    with Gateway(variables, workers=request.param, measured=request.param == 1) as gateway:
        yield Inside(gateway)


async def fire(inside: Inside) -> list[httpx.Response]:
    """Send the mix over so many connections at once; return the answers in the order of the requests."""
    limits = httpx.Limits(max_connections=CONNECTIONS)
    async with httpx.AsyncClient(base_url=inside.gateway.url, headers=inside.gateway.headers, timeout=120,
                                 limits=limits, trust_env=False) as client:
        work = [MIX[number % len(MIX)] for number in range(REQUESTS)]
        return await asyncio.gather(*(client.post(path, json=body) for path, body, _ in work))


def test_two_hundred_mixed_requests_agree_with_the_upstreams_own_record(inside: Inside, upstream: MockUpstream) -> None:
    before = len(inside.lines())
    upstream.state.recorder.clear()
    answers = asyncio.run(fire(inside))
    lines = until(lambda: len(inside.lines()) >= before + REQUESTS and inside.lines()[before:], "all lines", 20)
    ids = [answer.headers["x-gateway-request-id"] for answer in answers]
    assert Counter(line["request_id"] for line in lines) == Counter(ids), "one line for each, none twice"
    asked: Counter[str] = Counter()
    by_id = {line["request_id"]: line for line in lines}
    for number, answer in enumerate(answers):
        _, body, calls = MIX[number % len(MIX)]
        line = by_id[answer.headers["x-gateway-request-id"]]
        assert line["status"] == answer.status_code
        assert len(line["attempts"]) == sum(calls.values()), (body, line)
        asked.update(calls)
    assert Counter(request.model for request in upstream.requests) == asked
    priced = [line for line in lines if line["model"] == "openai/good" and line["error_type"] is None]
    assert {line["cost_state"] for line in priced} == {"priced"}
    for line in priced:
        cost = 2 * line["prompt_tokens"] + 10 * line["completion_tokens"]
        assert line["cost_micros"] == cost, line


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
@pytest.mark.parametrize("path", [CHAT, ANTHROPIC])
@pytest.mark.parametrize("model", BROKEN)
def test_a_broken_answer_is_a_clean_error_and_one_line(inside: Inside, model: str, path: str, stream: bool) -> None:
    response = inside.post(path, model=model, stream=stream, max_tokens=64, **MESSAGES)
    text = response.text
    if response.status_code == 200:
        assert stream
        text = text.strip().split("\n\n")[-1].split("data: ")[-1]
    document = json.loads(text)
    assert document["error"]["message"] and "litellm" not in document["error"]["message"].lower()
    assert (document.get("type") == "error") == (path == ANTHROPIC)
    line = inside.line(response)
    assert line["error_type"] in ("connection", "timeout", "upstream_error")
    assert (line["status"], line["cost_micros"]) == (response.status_code, None)


def test_tokens_that_nobody_counted_are_null(inside: Inside) -> None:
    line = inside.line(inside.chat("mock-no-usage"))
    assert (line["prompt_tokens"], line["completion_tokens"], line["cost_micros"], line["cost_state"]) == (
        None, None, None, "unknown")


@pytest.mark.parametrize("path", [CHAT, COMPLETIONS, ANTHROPIC])
def test_a_client_that_leaves_a_stream_has_one_line(inside: Inside, upstream: MockUpstream, path: str) -> None:
    body = {"model": "mock-stall", "stream": True, "max_tokens": 64, **MESSAGES, "prompt": "hi"}
    body.pop("messages" if path == COMPLETIONS else "prompt")
    with inside.client.stream("POST", path, json=body) as response:
        next(response.iter_bytes())
        wanted = response.headers["x-gateway-request-id"]
    found = until(lambda: [line for line in inside.lines() if line["request_id"] == wanted], "its line", 10)
    assert len(found) == 1
    assert (found[0]["status"], found[0]["client_gone"]) == (499, True)
    upstream.wait(lambda seen: seen[-1].ended, 10)


def test_what_a_model_repeats_reaches_the_client_and_no_log(inside: Inside) -> None:
    response = inside.chat("loops", stream=True)
    assert response.text.count(LOOPED.strip()) > 50
    line = inside.line(response)
    assert (line["error_type"], line["client_gone"]) == ("upstream_error", False)
    assert LOOPED.strip() not in inside.gateway.stderr + inside.gateway.stdout
