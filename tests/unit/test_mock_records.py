"""The mock upstream's record is exact: what arrived, how it ended, and who left."""

import asyncio
import json
import socket
import stat
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import httpx
import pytest

from src.mock.server import Fault, MockUpstream

QUESTION: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "Say hello"}]}
# One client for all tests: making one costs more than the requests do.
HTTP = httpx.Client(timeout=10)


@pytest.fixture(scope="module")
def running() -> Iterator[MockUpstream]:
    with MockUpstream() as upstream:
        yield upstream


@pytest.fixture
def upstream(running: MockUpstream) -> MockUpstream:
    running.reset()
    return running


def control(upstream: MockUpstream, method: str, path: str, **more: Any) -> httpx.Response:
    return HTTP.request(method, f"http://{upstream.host}:{upstream.port}/_mock/{path}", **more)


def ask(upstream: MockUpstream, **fields: object) -> httpx.Response:
    return HTTP.post(f"{upstream.url}/chat/completions", json={**QUESTION, **fields})


def test_a_request_is_recorded_as_it_arrived(upstream: MockUpstream) -> None:
    before = datetime.now(timezone.utc)
    HTTP.post(f"{upstream.url}/chat/completions?a=b", json={**QUESTION, "stream": True}, headers={"X-Label": "a b"})
    upstream.wait(lambda seen: seen[0].ended)
    (record,) = upstream.requests
    assert (record.method, record.path, record.query) == ("POST", "/v1/chat/completions", "a=b")
    assert (record.operation, record.model, record.stream) == ("chat/completions", "m", True)
    assert record.body == {**QUESTION, "stream": True} and record.headers["x-label"] == "a b"
    assert (record.status, record.ended, record.client_gone) == (200, True, False)
    assert before <= record.time <= datetime.now(timezone.utc) and record.time.utcoffset() == timedelta(0)


@pytest.mark.parametrize(("headers", "key"), [
    ({"Authorization": "Bearer k1"}, "k1"), ({"authorization": "bearer k2"}, "k2"), ({"x-api-key": "k3"}, "k3"),
    ({"api-key": "k4"}, "k4"), ({"x-goog-api-key": "k5"}, "k5"), ({}, None), ({"Authorization": "Basic eA=="}, None)])
def test_the_key_is_found_wherever_clients_send_it(
        upstream: MockUpstream, headers: dict[str, str], key: str | None) -> None:
    HTTP.get(f"{upstream.url}/models", headers=headers)
    assert upstream.requests[0].key == key


@pytest.mark.parametrize(("sent", "recorded"), [
    (b"", None), (b"no json", "no json"), (b"\xff", "\ufffd"), (b"[1]", [1])])
def test_bodies_that_are_no_object_are_recorded_too(upstream: MockUpstream, sent: bytes, recorded: object) -> None:
    HTTP.post(f"{upstream.url}/chat/completions", content=sent)
    assert [(r.body, r.model, r.status) for r in upstream.requests] == [(recorded, "", 400)]


def test_the_count_is_exact_under_concurrency_in_every_view(upstream: MockUpstream) -> None:
    async def load() -> None:
        async with httpx.AsyncClient() as client:
            calls = [client.post(f"{upstream.url}/chat/completions", json={**QUESTION, "model": f"m{n % 3}"})
                     for n in range(60)]
            await asyncio.gather(*calls)

    asyncio.run(load())
    assert len(upstream.requests) == 60 and len({r.number for r in upstream.requests}) == 60
    assert control(upstream, "GET", "counts").json() == {"total": 60, "models": {"m0": 20, "m1": 20, "m2": 20}}
    assert len(control(upstream, "GET", "requests").json()) == 60
    assert len(control(upstream, "GET", "requests?model=m1").json()) == 20


def test_control_requests_are_not_recorded(upstream: MockUpstream) -> None:
    for path in ("requests", "counts", "faults", "models", "nothing"):
        control(upstream, "GET", path)
    assert upstream.requests == []


@pytest.mark.parametrize(("fault", "stream"), [
    (Fault(hang=True), False), (Fault(delay=60), True), (Fault(breaks="stall", after=1), True), (Fault(gap=60), True),
    (Fault(breaks="stall", after=1), False)])
def test_a_client_that_leaves_is_recorded(upstream: MockUpstream, fault: Fault, stream: bool) -> None:
    upstream.faults["m"] = fault
    with pytest.raises(httpx.ReadTimeout):
        HTTP.post(f"{upstream.url}/chat/completions", json={**QUESTION, "stream": stream},
                  timeout=httpx.Timeout(10, read=0.2))
    upstream.wait(lambda seen: len(seen) == 1 and seen[0].client_gone and seen[0].ended)


def test_a_client_that_leaves_while_a_large_stream_is_written_is_recorded(upstream: MockUpstream) -> None:
    upstream.faults["m"] = Fault(reply="x" * 40_000_000, chunks=400)
    with HTTP.stream("POST", f"{upstream.url}/chat/completions", json={**QUESTION, "stream": True}) as response:
        next(response.iter_raw())
    upstream.wait(lambda seen: seen[0].client_gone and seen[0].chunks_sent < 400)


def test_a_client_that_leaves_at_once_is_recorded_every_time(upstream: MockUpstream) -> None:
    body = json.dumps(QUESTION).encode()
    head = b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body)
    for _ in range(100):
        with socket.create_connection((upstream.host, upstream.port)) as client:
            client.sendall(head + body)
    upstream.wait(lambda seen: len(seen) == 100 and all(r.ended and r.body == QUESTION for r in seen))


def test_a_client_that_leaves_before_its_body_is_recorded(upstream: MockUpstream) -> None:
    with socket.create_connection((upstream.host, upstream.port)) as client:
        client.sendall(b"POST /v1/embeddings HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
    upstream.wait(lambda seen: len(seen) == 1 and seen[0].client_gone and seen[0].operation == "embeddings")


@pytest.mark.parametrize("after", [0, 1])
def test_a_reset_by_the_mock_is_no_client_that_left(upstream: MockUpstream, after: int) -> None:
    upstream.faults["m"] = Fault(breaks="reset", after=after)
    with pytest.raises(httpx.HTTPError):
        ask(upstream)
    upstream.wait(lambda seen: seen[0].ended)
    assert not upstream.requests[0].client_gone


def test_stopping_the_mock_is_no_client_that_left() -> None:
    with MockUpstream() as upstream, socket.create_connection((upstream.host, upstream.port)) as client:
        client.sendall(b"GET /v1/models HTTP/1.1\r\nHost: x\r\n\r\n")
        upstream.wait(lambda seen: seen and seen[0].ended)
        upstream.faults["*"] = Fault(hang=True)
        client.sendall(b"GET /v1/models HTTP/1.1\r\nHost: x\r\n\r\n")
        upstream.wait(lambda seen: len(seen) == 2)
    assert [(r.ended, r.client_gone) for r in upstream.requests] == [(True, False)] * 2


def test_requests_in_flight_are_counted(upstream: MockUpstream) -> None:
    upstream.faults["m"] = Fault(hang=True)

    async def load() -> None:
        async with httpx.AsyncClient(timeout=0.3) as client:
            calls = [client.post(f"{upstream.url}/chat/completions", json=QUESTION) for _ in range(4)]
            await asyncio.gather(*calls, return_exceptions=True)

    asyncio.run(load())
    upstream.wait(lambda seen: all(r.ended for r in seen))
    assert [r.in_flight for r in upstream.requests] == [1, 2, 3, 4]
    HTTP.get(f"{upstream.url}/models")
    assert upstream.requests[-1].in_flight == 1


def test_waiting_for_what_does_not_happen_fails_and_tells_what_did(upstream: MockUpstream) -> None:
    ask(upstream)
    with pytest.raises(TimeoutError, match=r"\('m', 200, False\)"):
        upstream.wait(lambda seen: len(seen) == 2, seconds=0.05)


def test_reset_forgets_requests_and_faults(upstream: MockUpstream) -> None:
    upstream.faults["m"] = Fault(status=500)
    ask(upstream)
    upstream.reset()
    assert (upstream.requests, dict(upstream.faults)) == ([], {})


def test_faults_can_be_set_over_http(upstream: MockUpstream) -> None:
    assert control(upstream, "PUT", "faults/org/m", json={"status": 429, "retry_after": 3}).status_code == 200
    assert upstream.faults["org/m"] == Fault(status=429, retry_after=3)
    assert control(upstream, "GET", "faults").json() == {"org/m": {"status": 429, "retry_after": 3}}
    assert ask(upstream, model="org/m").status_code == 429
    assert control(upstream, "DELETE", "faults/org/m").status_code == 204
    assert control(upstream, "DELETE", "faults/org/m").status_code == 404
    upstream.faults["a"] = Fault(hang=True)
    assert control(upstream, "DELETE", "faults").status_code == 204
    assert ask(upstream, model="a").status_code == 200


@pytest.mark.parametrize(("path", "content", "message"), [
    ("faults/m", '{"sttus": 1}', "unknown field 'sttus'"), ("faults/m", '{"chunks": -1}', "expected 0 or more"),
    ("faults/m", "{", "Expecting"),
    ("models", "{", "Expecting"), ("models", '{"a": 1}', "list of names"), ("models", "[1]", "list of names")])
def test_what_the_control_path_cannot_use_is_a_400(
        upstream: MockUpstream, path: str, content: str, message: str) -> None:
    reply = control(upstream, "PUT", path, content=content)
    assert reply.status_code == 400 and message in reply.json()["error"]


def test_an_unknown_control_operation_is_a_404(upstream: MockUpstream) -> None:
    assert control(upstream, "POST", "requests").status_code == control(upstream, "GET", "").status_code == 404


def test_records_can_be_cleared_over_http(upstream: MockUpstream) -> None:
    ask(upstream)
    assert control(upstream, "DELETE", "requests").status_code == 204
    assert upstream.requests == [] and control(upstream, "GET", "counts").json() == {"total": 0, "models": {}}


def test_listed_models_can_be_changed_in_process_and_over_http() -> None:
    def listed() -> list[str]:
        return [model["id"] for model in HTTP.get(f"{own.url}/models").json()["data"]]

    with MockUpstream() as own:
        own.models[:] = ["a"]
        assert listed() == ["a"]
        assert control(own, "PUT", "models", json=["b", "c"]).json() == ["b", "c"]
        assert listed() == own.models == control(own, "GET", "models").json()


def test_the_record_file_has_a_private_line_per_ended_request(tmp_path: Path) -> None:
    path = tmp_path / "seen.jsonl"
    with MockUpstream(record=path) as upstream:
        ask(upstream)
        upstream.faults["m"] = Fault(status=500)
        HTTP.post(f"{upstream.url}/chat/completions", content=json.dumps({**QUESTION, "user": "half a pair \ud83d"}))
        lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [(line["number"], line["model"], line["status"]) for line in lines] == [(1, "m", 200), (2, "m", 500)]
    assert lines[0]["body"] == QUESTION and datetime.fromisoformat(lines[0]["time"]).tzinfo
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_two_mocks_share_nothing_and_a_taken_port_is_an_error() -> None:
    with MockUpstream() as one, MockUpstream(host="localhost") as other:
        ask(one)
        assert (len(one.requests), len(other.requests)) == (1, 0)
        with pytest.raises(OSError, match="in use"):
            MockUpstream(port=one.port).__enter__()


def test_an_ipv6_address_is_bracketed_in_the_url() -> None:
    try:
        with MockUpstream(host="::1") as upstream:
            assert HTTP.get(f"{upstream.url}/models").status_code == 200
    except OSError as error:
        pytest.skip(f"this machine has no IPv6: {error}")
