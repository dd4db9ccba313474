"""What the SDK gets from a gateway, or the reason why it gets nothing, in words that hold no key."""

import asyncio
import socket
import ssl
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from src.discovery.gateway import Listed, ask_once, make_client
from src.discovery.reasons import Away, away_of

from .discovery_support import GATEWAY_KEY, FakeGateway


def ask(answer: Any) -> tuple[Listed, ...]:
    gateway = FakeGateway()
    gateway.answer = answer
    return asyncio.run(ask_once(gateway.client()))


def failing(answer: Any) -> Away:
    with pytest.raises(Away) as raised:
        ask(answer)
    assert GATEWAY_KEY not in raised.value.reason + raised.value.repair
    return raised.value


def json_of(document: Any) -> httpx.Response:
    return httpx.Response(200, json=document)


def test_models_come_in_the_gateways_order_with_what_it_says_of_them() -> None:
    assert ask(["b", "a"]) == (Listed("b", 1_677_610_602, "openai", 1_000), Listed("a", 1_677_610_602, "openai", 1_000))


@pytest.mark.parametrize(("entry", "expected"), [
    ({"id": "x"}, Listed("x", 0, "unknown")),
    ({"id": "x", "created": None, "owned_by": 3, "max_input_tokens": "9"}, Listed("x", 0, "unknown")),
    ({"id": "x", "created": 5, "owned_by": "me", "max_input_tokens": 9, "more": {}}, Listed("x", 5, "me", 9)),
])
def test_what_a_gateway_leaves_out_is_unknown(entry: dict[str, Any], expected: Listed) -> None:
    assert ask(json_of({"object": "list", "data": [entry]})) == (expected,)


@pytest.mark.parametrize("answer", [
    httpx.Response(200, text="<html>Welcome</html>", headers={"content-type": "text/html"}),
    httpx.Response(200, text="{", headers={"content-type": "application/json"}), httpx.Response(204),
    httpx.Response(200, content=b"\xff\xfe\x00"), httpx.Response(200, text="[" * 100_000),
    *map(json_of, ([], "x", None, {}, {"data": None}, {"data": 3}, {"data": ["x"]}, {"data": [{"id": 3}]}, {"data": {}},
                   {"data": [{"name": "x"}]}, {"models": []}))], ids=str)
def test_what_is_no_list_of_models_is_no_gateway(answer: httpx.Response) -> None:
    assert failing(answer).reason == "what answers there is not a gateway: it sent no list of models"


@pytest.mark.parametrize(("status", "kind", "reason"), [
    (401, "unauthorized", "it refuses the key (401)"), (403, "unauthorized", "it refuses the key (403)"),
    (500, "away", "it answers 500"), (503, "away", "it answers 503"),
    (404, "away", "what answers there is not a gateway: it answers 404 to /v1/models"),
    (302, "away", "what answers there is not a gateway: it answers 302 to /v1/models"),
    (429, "away", "it answers 429"),
])
def test_an_error_answer_is_told_by_its_status(status: int, kind: str, reason: str) -> None:
    away = failing(status)
    assert (away.kind, away.reason) == (kind, reason)


def wrapped(error: BaseException, outer: type[Exception] = httpx.ConnectError) -> Exception:
    """Return an error as anyio, httpcore and httpx hand it on."""
    middle = OSError("All connection attempts failed")
    middle.__cause__ = ExceptionGroup("several", [OSError("x"), error]) if isinstance(error, Exception) else error
    found = outer("All connection attempts failed")
    found.__context__ = middle
    return found


def refused() -> Exception:
    return wrapped(ConnectionRefusedError(111, "Connection refused"))


def untrusted() -> Exception:
    error = ssl.SSLCertVerificationError()
    error.verify_message = "self-signed certificate"
    return wrapped(error)


@pytest.mark.parametrize(("make", "url", "reason"), [
    (refused, "http://h/v1", "connection refused: nothing listens there"),
    (untrusted, "https://h/v1", "its certificate is not trusted: self-signed certificate"),
    (lambda: wrapped(ssl.SSLError(1, "wrong version number")), "https://h/v1", "no TLS connection comes about"),
    (lambda: httpx.RemoteProtocolError("Server disconnected"), "http://h/v1",
     "it closed the connection without an answer"),
    (lambda: httpx.ReadError(""), "HTTPS://h/v1", "no TLS connection comes about"),
    (lambda: wrapped(socket.gaierror(-2, "Name or service not known")), "http://h/v1",
     "the host's name is not known here"),
    (lambda: httpx.ReadTimeout("slow"), "http://h/v1", "it did not answer in time"),
    (lambda: TimeoutError(), "http://h/v1", "it did not answer in time"),
    (lambda: wrapped(OSError(113, "No route to host")), "http://h/v1", "the connection failed: No route to host"),
    (lambda: httpx.UnsupportedProtocol("x"), "http://h/v1", "the connection failed: UnsupportedProtocol"),
])
def test_a_failed_connection_is_told_by_its_cause(make: Callable[[], Exception], url: str, reason: str) -> None:
    assert away_of(make(), url).reason == reason
    if not isinstance(make(), TimeoutError) and url.startswith("http:"):
        assert failing(make()).reason == reason, "the SDK wraps it once more"


def test_causes_that_lead_in_a_circle_are_followed_once() -> None:
    first, second = ValueError("a"), ValueError("b")
    first.__cause__, second.__cause__ = second, first
    assert away_of(first, "http://h/v1").reason == "the connection failed: ValueError"


@pytest.mark.parametrize(("content", "error"), [(None, FileNotFoundError), ("no certificate", ssl.SSLError)])
def test_a_certificate_that_cannot_be_used_is_an_error_for_https_alone(
        content: str | None, error: type[Exception], tmp_path: Any) -> None:
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_text(content)
    with pytest.raises(error):
        make_client("https://h/v1", "key", str(path))
    assert str(make_client("http://h/v1", "key", str(path)).base_url) == "http://h/v1/"


def test_a_rotated_key_is_taken_up() -> None:
    gateway, keys = FakeGateway("a"), iter(["old", "new"])

    async def key() -> str:
        return next(keys)

    async def run() -> None:
        from src.discovery.gateway import list_models
        client = gateway.client(key)
        await list_models(client)
        await list_models(client)
    asyncio.run(run())
    assert gateway.keys == ["old", "new"]
