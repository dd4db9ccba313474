"""Limits and budgets at work in the real LiteLLM with two workers: refusals on every route, chains, tokens, money."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from src.mock.server import Fault, MockUpstream
from tests.e2e.gateway import Gateway
from tests.e2e.inside_support import Inside, chain, declared
from tests.e2e.limits_support import arrived, eventually, rows, run

ROUTES: dict[str, tuple[str, dict[str, Any]]] = {
    "chat": ("/v1/chat/completions", {"messages": [{"role": "user", "content": "hi"}]}),
    "stream": ("/v1/chat/completions", {"messages": [{"role": "user", "content": "hi"}], "stream": True}),
    "completions": ("/v1/completions", {"prompt": "hi"}),
    "responses": ("/v1/responses", {"input": "hi"}),
    "messages": ("/v1/messages", {"messages": [{"role": "user", "content": "hi"}], "max_tokens": 64}),
    "embeddings": ("/v1/embeddings", {"input": "hi"}),
    "images": ("/v1/images/generations", {"prompt": "hi"}),
    "speech": ("/v1/audio/speech", {"input": "hi", "voice": "alloy"}),
}
FORMS = {"transcriptions": "/v1/audio/transcriptions"}
PLAIN = ("good", "first", "strict", "held", "patient", "failing", "counted", "cheap", "named")


@pytest.fixture(scope="module")
def inside(upstream: MockUpstream) -> Iterator[Inside]:
    busy = Fault(status=429, times=1)
    upstream.faults.update({"held": Fault(status=429), "patient": busy, "failing": Fault(status=500),
                            "counted": Fault(prompt_tokens=7, completion_tokens=5)})
    fields: dict[str, dict[str, str]] = {name: {"UPSTREAM_MODEL": name} for name in PLAIN}
    fields |= {f"r{name}": {"UPSTREAM_MODEL": f"r{name}", "RPD": "1"} for name in (*ROUTES, *FORMS)}
    fields["cheap"] |= {"INPUT_COST": "1000", "OUTPUT_COST": "1000"}
    fields["failing"] |= {"TPD": "100000", "RETRIES": "0"}
    fields["counted"] |= {"TPD": "100000"}
    environ = declared(upstream.url, fields, PROXY_CHAIN_KEYS="cmoves,cstays,ccost", GATEWAY_CONFIG_TTL="0.5")
    environ |= chain("cmoves", "first", "good") | chain("cstays", "strict", "good")
    environ |= chain("ccost", "cheap", "good", on="cost")
    gateway = Gateway(environ, workers=2, measured=True)
    for name, *more in (("first", "--rpd", "1", "--action", "fallback"), ("strict", "--rpd", "1", "--action", "reject"),
                        ("held", "--backoff", "fixed", "--backoff-s", "60", "--action", "reject"),
                        ("patient", "--backoff", "fixed", "--backoff-s", "2"), ("cheap", "--budget", "0.001")):
        run(gateway, "limits", "add", f"of-{name}", "--scope", "model", "--target", name, *more)
    run(gateway, "limits", "add", "per-user", "--scope", "user", "--target", "*", "--rpd", "2", "--action", "reject")
    with gateway:
        yield Inside(gateway)


@pytest.mark.parametrize("route", [*ROUTES, *FORMS])
def test_every_route_refuses_in_its_own_shape_and_says_when_to_come_back(inside: Inside, route: str) -> None:
    def ask() -> Any:
        if route in FORMS:
            return inside.client.post(FORMS[route], data={"model": f"r{route}"}, files={"file": ("a.wav", b"x" * 64)})
        path, body = ROUTES[route]
        return inside.post(path, model=f"r{route}", **body)

    first, second = ask(), ask()
    assert first.status_code == 200, first.text
    assert first.headers["x-ratelimit-limit-requests"] == "1"
    assert first.headers["x-ratelimit-remaining-requests"] == "0"
    assert second.status_code == 429, second.text
    left = 86_400 - int(time.time()) % 86_400
    assert abs(int(second.headers["retry-after"]) - left) <= 5
    assert second.headers["x-ratelimit-reset-requests"].endswith("s")
    document = second.json()
    assert document["error"]["type"] == "rate_limit_error"
    assert document.get("type") == ("error" if route == "messages" else None)
    assert f"(limit MODEL_R{route.upper()})" in document["error"]["message"]
    assert "MODEL_R" not in inside.gateway.stderr, "a refusal has its request line and no other"
    line = inside.line(second)
    assert (line["error_type"], line["status"], line["attempts"]) == ("rate_limited", 429, [])


def test_a_chain_moves_on_from_a_limit_that_says_fallback(inside: Inside) -> None:
    answers = [inside.chat("cmoves") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert [inside.line(answer)["chain_position"] for answer in answers] == [1, 2, 2]


def test_a_chain_stays_where_the_limit_says_reject(inside: Inside, upstream: MockUpstream) -> None:
    before = arrived(upstream, "good")
    assert [inside.chat("cstays").status_code for _ in range(2)] == [200, 429]
    assert arrived(upstream, "good") == before


def test_a_budget_ends_a_model_and_moves_a_cost_chain_on(inside: Inside) -> None:
    first = inside.chat("cheap", max_tokens=1)
    assert first.status_code == 200
    eventually(lambda: rows(inside.gateway, limit="of-cheap")[0]["left"], 0)
    refused = inside.chat("cheap", max_tokens=1)
    assert refused.status_code == 429 and "$0.001 per month" in refused.json()["error"]["message"]
    assert inside.line(refused)["error_type"] == "budget"
    assert "of-cheap" not in inside.gateway.stderr
    moved = inside.chat("ccost", max_tokens=1)
    assert moved.status_code == 200 and moved.headers["x-gateway-model"] == "good"


def test_an_upstreams_429_holds_back_the_model_in_every_worker(inside: Inside, upstream: MockUpstream) -> None:
    assert inside.gateway.chat("held").status_code == 429
    eventually(lambda: inside.gateway.chat("held").json()["error"]["message"].find("(limit of-held)") > 0, True)
    before = arrived(upstream, "held")
    answers = [inside.gateway.chat("held") for _ in range(8)]
    assert {answer.status_code for answer in answers} == {429} and arrived(upstream, "held") == before
    assert all(0 < int(answer.headers["retry-after"]) <= 60 for answer in answers)


def test_who_waits_is_answered_once_there_is_room(inside: Inside, upstream: MockUpstream) -> None:
    assert inside.gateway.chat("patient").status_code == 429
    begun = time.monotonic()
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: inside.gateway.chat("patient"), range(4)))
    assert [answer.status_code for answer in answers] == [200] * 4
    assert time.monotonic() - begun > 0.5, "they were held back for a while"
    assert arrived(upstream, "patient") == 5


def test_tokens_are_settled_by_usage_and_given_back_by_failures(inside: Inside) -> None:
    assert inside.chat("counted", max_tokens=5000).status_code == 200
    assert inside.chat("failing", max_tokens=5000).status_code == 500
    eventually(lambda: [row["used"] for row in rows(inside.gateway, scope="model", subject="counted")], [12])
    eventually(lambda: [row["used"] for row in rows(inside.gateway, scope="model", subject="failing")], [0])


def test_users_are_counted_each_on_its_own(inside: Inside) -> None:
    def ask(user: str) -> int:
        headers = {**inside.gateway.headers, "x-gateway-user": user}
        return inside.gateway.chat("named", headers=headers).status_code

    assert [ask("ann"), ask("ann"), ask("ann"), ask("bob")] == [200, 200, 429, 200]


def test_limits_explain_tells_what_a_chain_meets(inside: Inside) -> None:
    shown = run(inside.gateway, "limits", "explain", "cmoves")
    assert "of-first" in shown and "per-user" in shown and "fallback" in shown
