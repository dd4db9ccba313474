"""Bodies on the wire: too large, too slow, malformed; each a clean answer, a line, and a server that goes on."""

import json
import socket

import httpx
import pytest

from tests.e2e.gateway import Gateway, until
from tests.e2e.hooks_support import lines_of, two_upstreams

MIB = 1 << 20


@pytest.fixture(scope="module")
def gateway(upstream):
    with Gateway(two_upstreams(upstream.url, upstream.url, GATEWAY_MAX_BODY_MB="1", GATEWAY_BODY_TIMEOUT="0.5",
                               GATEWAY_CORS_ORIGINS="https://app.example")) as running:
        yield running


def question(size: int = 0) -> bytes:
    """Return a chat request of about ``size`` bytes."""
    return json.dumps({"model": "main", "messages": [{"role": "user", "content": "x" * size}]}).encode()


def pieces(data: bytes, size: int = 65536):
    """Send ``data`` chunked."""
    for start in range(0, len(data), size):
        yield data[start:start + size]


def line_of(gateway: Gateway, answer: httpx.Response) -> dict:
    """Return the request line of an answer."""
    wanted = answer.headers["x-gateway-request-id"]
    return until(lambda: [row for row in lines_of(gateway.stdout) if row["request_id"] == wanted], "its line", 10)[0]


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize(("size", "status"), [(MIB - 200, 200), (MIB + 1, 413), (8 * MIB, 413)])
def test_a_body_over_the_limit_is_a_413_that_the_client_can_read(gateway, upstream, size, status, chunked):
    body = question(size)
    answer = gateway.request("POST", "/v1/chat/completions", content=pieces(body) if chunked else body)
    assert answer.status_code == status
    assert line_of(gateway, answer)["status"] == status
    if status == 413:
        assert answer.json()["error"]["code"] == "request_too_large"


def test_a_body_that_stalls_is_a_408(gateway):
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=30) as raw:
        head = f"POST /v1/messages HTTP/1.1\r\nHost: x\r\nx-api-key: {gateway.key}\r\nContent-Length: 100\r\n\r\n"
        raw.sendall(head.encode() + b"{")
        answer = b""
        while data := raw.recv(65536):  # until the server closes the connection
            answer += data
    status, _, rest = answer.partition(b"\r\n")
    document = json.loads(rest.partition(b"\r\n\r\n")[2])
    assert status.startswith(b"HTTP/1.1 408") and document["error"]["type"] == "timeout_error"


@pytest.mark.parametrize("body", [
    b"", b"{", b"[1]", b"null", b"[" * 50_000, b'{"a":' * 3000, b"\xff\xfe", b'{"model":"main","messages":"\\ud800"}',
    b"model=main&api_base=http://x", b'{"model":"main","messages":' + b"[" * 500 + b"]" * 500 + b"}",
])
@pytest.mark.parametrize(("path", "shape"), [
    ("/v1/chat/completions", {"error"}), ("/v1/messages", {"type", "error", "request_id"}),
    ("/v1/embeddings", {"error"}),
])
def test_a_malformed_body_is_a_400_in_the_routes_shape_and_no_traceback(gateway, upstream, path, shape, body):
    upstream.reset()
    headers = {**gateway.headers, "content-type": "application/json"}
    answer = gateway.request("POST", path, headers=headers, content=body)
    assert answer.status_code == 400 and set(answer.json()) == shape
    assert line_of(gateway, answer)["error_type"] == "invalid_json"
    assert upstream.requests == [] and "Traceback" not in gateway.stderr


@pytest.mark.parametrize("content_type", [
    "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/protobuf", "",
])
def test_json_is_json_whatever_it_is_called(gateway, content_type):
    headers = {**gateway.headers, "content-type": content_type}
    assert gateway.request("POST", "/v1/chat/completions", headers=headers, content=question()).status_code == 200


def test_a_connection_goes_on_after_a_refusal_with_the_body_unread(gateway):
    with httpx.Client(base_url=gateway.url, trust_env=False, timeout=30) as client:
        for _ in range(3):
            refused = client.post("/v1/chat/completions", content=question(500_000), headers={"x-api-key": "wrong"})
            assert refused.status_code == 401
            assert client.post("/v1/chat/completions", content=question(), headers=gateway.headers).status_code == 200


@pytest.mark.parametrize(("path", "model"), [("/v1/audio/transcriptions", "main"), ("/audio/transcriptions", "main")])
def test_an_upload_reaches_the_upstream_whole(gateway, upstream, path, model):
    upstream.reset()
    sound = bytes(range(256)) * 1000
    answer = gateway.request("POST", path, data={"model": model, "language": "de"},
                             files={"file": ("sound.mp3", sound, "audio/mpeg")})
    assert answer.status_code == 200, answer.text
    assert upstream.requests[0].operation == "audio/transcriptions" and line_of(gateway, answer)["alias"] == "main"


@pytest.mark.parametrize("content_type", ["multipart/form-data", "application/json", "multipart/form-data; boundary=y"])
def test_an_upload_that_is_none_is_a_400(gateway, content_type):
    answer = gateway.request("POST", "/v1/audio/transcriptions", content=b"--x\r\n", headers={
        **gateway.headers, "content-type": content_type})
    assert answer.status_code == 400 and "Traceback" not in gateway.stderr


def test_browsers_of_declared_origins_may_ask_and_litellms_star_never_leaves(gateway):
    ask = {"origin": "https://app.example", "access-control-request-method": "POST",
           "access-control-request-headers": "authorization"}
    assert gateway.request("OPTIONS", "/v1/chat/completions", headers=ask).status_code == 204
    stranger = {**ask, "origin": "https://stranger.example"}
    assert gateway.request("OPTIONS", "/v1/chat/completions", headers=stranger).status_code == 404
    for origin, allowed in (("https://app.example", "https://app.example"), ("https://stranger.example", None)):
        answer = gateway.request("GET", "/v1/models", headers={**gateway.headers, "origin": origin})
        assert answer.status_code == 200 and answer.headers.get("access-control-allow-origin") == allowed
