"""Chains move on from the failures that are named, at once, and from no other; parallel models from none."""

import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from src.mock.server import Fault, MockUpstream
from tests.e2e.gateway import Gateway, dead_port
from tests.e2e.inside_support import Inside, chain, declared

FAILURES = {
    "f500": Fault(status=500), "f503": Fault(status=503), "f429": Fault(status=429, retry_after=30),
    "f401": Fault(status=401), "f403": Fault(status=403), "f404": Fault(status=404), "f408": Fault(status=408),
    "freset": Fault(breaks="reset"), "fhtml": Fault(body="<html></html>", content_type="text/html"),
    "fempty": Fault(body="", content_type="application/json"),
    "fcut": Fault(body='{"id": "x", "choi', content_type="application/json"),
    "fquota": Fault(body='{"error": {"message": "quota", "code": "quota"}}', content_type="application/json"),
    "fdone": Fault(body="data: [DONE]\n\n", content_type="text/event-stream"),
}
REFUSALS = {"r400": Fault(status=400, code="unsupported_value", message="not here"),
            "r402": Fault(status=402), "r413": Fault(status=413), "r422": Fault(status=422)}
FIRST_S = 1.0
# Deadlines, not speed: far above what moving on takes, far below the 30 s that an upstream here asks to be left alone.
NEXT_WITHIN_S = 8.0
TIMEOUT_WITHIN_S = FIRST_S + NEXT_WITHIN_S
ROUTES: dict[str, tuple[str, dict[str, Any]]] = {
    "chat": ("/v1/chat/completions", {"messages": [{"role": "user", "content": "hi"}]}),
    "messages": ("/v1/messages", {"messages": [{"role": "user", "content": "hi"}], "max_tokens": 64}),
    "embeddings": ("/v1/embeddings", {"input": "hi"}),
    "completions": ("/v1/completions", {"prompt": "hi"}),
    "responses": ("/v1/responses", {"input": "hi"}),
    "images": ("/v1/images/generations", {"prompt": "hi"}),
    "speech": ("/v1/audio/speech", {"input": "hi", "voice": "alloy"}),
}


@pytest.fixture(scope="module")
def inside(upstream: MockUpstream) -> Iterator[Inside]:
    upstream.faults.update(FAILURES | REFUSALS | {
        "slow": Fault(hang=True), "context": Fault(status=400, code="context_length_exceeded",
                                                   message="This model's maximum context length is 8 tokens")})
    models: dict[str, dict[str, str]] = {name: {"UPSTREAM_MODEL": name} for name in (*FAILURES, *REFUSALS)}
    models |= {"good": {"UPSTREAM_MODEL": "good"}, "other": {"UPSTREAM_MODEL": "other"},
               "context": {"UPSTREAM_MODEL": "context"}, "slow": {"UPSTREAM_MODEL": "slow", "TIMEOUT": f"{FIRST_S:g}"},
               "refused": {"UPSTREAM_MODEL": "refused", "API_BASE": f"http://127.0.0.1:{dead_port()}/v1"},
               "withown": {"UPSTREAM_MODEL": "withown", "FALLBACKS": "other", "RETRIES": "0"},
               "broken": {"UPSTREAM_MODEL": "broken"}, "flaky": {"UPSTREAM_MODEL": "flaky"},
               "breakfirst": {"UPSTREAM_MODEL": "mock-break-first"}, "breaklater": {"UPSTREAM_MODEL": "mock-break"}}
    firsts = [*FAILURES, *REFUSALS, "context", "slow", "refused", "breakfirst", "breaklater", "withown"]
    variables = declared(upstream.url, models, PROXY_CHAIN_KEYS=",".join(f"c{name}" for name in firsts) +
                         ",call,cmixed,climit,ccost")
    for name in firsts:
        variables |= chain(f"c{name}", name, "good")
    variables |= chain("call", "f500", "f503", "f401") | chain("cmixed", "f500", "r400", "good")
    variables |= chain("climit", "f429", "good", on="rate_limit") | chain("ccost", "f500", "good", on="cost")
    with Gateway(variables) as gateway:
        view = Inside(gateway)
        for path, body in ROUTES.values():
            view.post(path, model="good", **body)  # LiteLLM imports a route's code at its first request
        yield view


@pytest.fixture
def seen(upstream: MockUpstream) -> list[Any]:
    upstream.state.recorder.clear()
    return upstream.requests


def asked(seen: list[Any]) -> list[str]:
    return [request.model for request in seen]


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
@pytest.mark.parametrize("first", [*FAILURES, "refused"])
def test_the_next_model_has_the_request_at_once(inside: Inside, seen: list[Any], first: str,
                                                stream: bool) -> None:
    start = time.monotonic()
    response = inside.chat(f"c{first}", stream=stream)
    assert time.monotonic() - start < NEXT_WITHIN_S
    assert (response.status_code, response.headers["x-gateway-model"]) == (200, "good")
    assert asked(seen) == (["good"] if first == "refused" else [first, "good"])
    line = inside.line(response)
    assert (line["alias"], line["deployment"], line["chain"], line["chain_position"]) == (
        f"c{first}", "good", f"c{first}", 2)
    assert [attempt["deployment"] for attempt in line["attempts"]] == [first, "good"]
    assert (line["status"], line["error_type"], line["prompt_tokens"]) == (200, None, 1)


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
def test_after_a_timeout_the_next_model_has_it(inside: Inside, seen: list[Any], stream: bool) -> None:
    start = time.monotonic()
    response = inside.chat("cslow", stream=stream)
    assert FIRST_S <= time.monotonic() - start < TIMEOUT_WITHIN_S
    assert (response.status_code, asked(seen)) == (200, ["slow", "good"])
    assert inside.line(response)["attempts"][0]["error_type"] == "timeout"


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
@pytest.mark.parametrize("first", REFUSALS)
def test_a_request_that_the_upstream_refuses_never_moves_on(inside: Inside, seen: list[Any], first: str,
                                                            stream: bool) -> None:
    response = inside.chat(f"c{first}", stream=stream)
    assert 400 <= response.status_code < 500
    assert asked(seen) == [first]
    assert inside.line(response)["error_type"] == "invalid_request"


def test_a_request_too_long_for_one_model_moves_on(inside: Inside, seen: list[Any]) -> None:
    assert inside.chat("ccontext").status_code == 200
    assert asked(seen) == ["context", "good"]


@pytest.mark.parametrize("route", [name for name in ROUTES if name != "messages"])
def test_the_upstreams_own_words_and_code_reach_the_client(inside: Inside, route: str) -> None:
    path, body = ROUTES[route]
    error = inside.post(path, model="r400", **body).json()["error"]
    assert (error["message"], error["code"]) == ("not here", "unsupported_value")


def test_the_refusal_that_ends_the_walk_goes_to_the_client(inside: Inside, seen: list[Any]) -> None:
    response = inside.chat("cmixed")
    assert (response.status_code, asked(seen)) == (400, ["f500", "r400"])
    line = inside.line(response)
    assert (line["status"], line["error_type"]) == (400, "invalid_request")


def test_where_every_model_fails_each_is_asked_once(inside: Inside, seen: list[Any]) -> None:
    response = inside.chat("call")
    assert (response.status_code, asked(seen)) == (500, ["f500", "f503", "f401"])
    outcome = [(attempt["deployment"], attempt["status"]) for attempt in inside.line(response)["attempts"]]
    assert outcome == [("f500", 500), ("f503", 503), ("f401", 401)]


@pytest.mark.parametrize(("name", "status", "models"), [
    ("climit", 200, ["f429", "good"]), ("ccost", 500, ["f500"]),
])
def test_a_chain_moves_on_only_for_what_its_on_says(inside: Inside, seen: list[Any], name: str, status: int,
                                                    models: list[str]) -> None:
    assert inside.chat(name).status_code == status
    assert asked(seen) == models


def test_an_error_before_the_first_chunk_moves_on(inside: Inside, seen: list[Any]) -> None:
    response = inside.chat("cbreakfirst", stream=True)
    assert (response.status_code, asked(seen)) == (200, ["mock-break-first", "good"])
    assert response.text.rstrip().endswith("data: [DONE]")
    assert "error" not in response.text


@pytest.mark.parametrize("route", ["chat", "messages"])
def test_an_error_after_the_first_chunk_ends_the_stream_with_an_error_event(inside: Inside, seen: list[Any],
                                                                            route: str) -> None:
    path, body = ROUTES[route]
    response = inside.post(path, model="cbreaklater", stream=True, **body)
    assert (response.status_code, asked(seen)) == (200, ["mock-break"])
    event = response.text.strip().split("\n\n")[-1]
    assert "error" in event and "[DONE]" not in event
    line = inside.line(response)
    assert (line["error_type"], len(line["attempts"])) == ("upstream_error", 1)


@pytest.mark.parametrize(("model", "models"), [("withown", ["withown", "other"]), ("cwithown", ["withown", "good"])])
def test_own_fallbacks_count_for_a_model_asked_by_name_only(inside: Inside, seen: list[Any], upstream: MockUpstream,
                                                            model: str, models: list[str]) -> None:
    upstream.faults["withown"] = Fault(status=500)
    response = inside.chat(model)
    assert (response.status_code, asked(seen)) == (200, models)


@pytest.mark.parametrize("name", ["f500", "f429", "f401", "f404"])
def test_a_failing_parallel_model_falls_back_to_nothing(inside: Inside, seen: list[Any], name: str) -> None:
    start = time.monotonic()
    response = inside.chat(name)
    assert time.monotonic() - start < NEXT_WITHIN_S, "nobody waits for Retry-After"
    assert (response.status_code, asked(seen)) == (FAILURES[name].status, [name])
    assert response.headers.get("retry-after") == ("30" if name == "f429" else None)


def test_a_parallel_model_is_tried_again_after_a_broken_connection_only(inside: Inside, seen: list[Any],
                                                                        upstream: MockUpstream) -> None:
    upstream.faults["flaky"] = Fault(breaks="reset", times=1)
    response = inside.chat("flaky")
    assert (response.status_code, asked(seen)) == (200, ["flaky", "flaky"])
    assert [attempt["error_type"] for attempt in inside.line(response)["attempts"]] == ["connection", None]


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("first", ["f500", "f429", "refused", "slow"])
def test_chains_work_on_every_route(inside: Inside, seen: list[Any], route: str, first: str) -> None:
    path, body = ROUTES[route]
    start = time.monotonic()
    response = inside.post(path, model=f"c{first}", **body)
    assert time.monotonic() - start < (TIMEOUT_WITHIN_S if first == "slow" else NEXT_WITHIN_S)
    assert (response.status_code, asked(seen)) == (200, ["good"] if first == "refused" else [first, "good"])
    line = inside.line(response)
    assert [attempt["deployment"] for attempt in line["attempts"]] == [first, "good"]


def test_nothing_of_ours_goes_upstream(inside: Inside, seen: list[Any]) -> None:
    for path, body in ROUTES.values():
        inside.post(path, model="cf500", **body)
    known = {"model", "messages", "max_tokens", "input", "prompt", "voice", "encoding_format", "response_format"}
    assert {name for request in seen for name in request.body} <= known


def test_the_error_of_a_dead_upstream_names_no_address(inside: Inside) -> None:
    response: httpx.Response = inside.chat("refused")
    assert response.status_code >= 500
    assert "127.0.0.1" not in response.text
