"""What leaves: one line per request however it ends, headers of our own only, no key and no address anywhere."""

import base64
import json
import re
import socket

import httpx
import pytest

from src.mock.server import Fault
from tests.e2e.gateway import Gateway, canary, until
from tests.e2e.hooks_support import foreign_lines, lines_of

KEY, MASTER = canary("canary"), canary("master")
FAULTY = ["mock-echo-key", "mock-429", "mock-500", "mock-html", "mock-html-502", "mock-empty", "mock-cut",
          "mock-break", "mock-break-first", "mock-reset", "mock-reset-later", "mock-stall", "mock-hang", "mock-context",
          "mock-spaced"]
NAMES = ["deepseek-v3.2", *FAULTY]
QUESTION = [{"role": "user", "content": "what my diary says"}]
CHAT = "/v1/chat/completions"
HEADERS = {"date", "content-type", "content-length", "cache-control", "transfer-encoding", "x-accel-buffering",
           "connection", "retry-after", "x-gateway-request-id", "x-gateway-model",
           "x-gateway-config", "x-gateway-dropped-params"}


@pytest.fixture(scope="module")
def gateway(upstream):
    keys = {f"m{number}": name for number, name in enumerate(NAMES)}
    environ = {"PROXY_MODEL_KEYS": ",".join(keys), "CANARY_KEY": KEY, "OPENAI_API_BASE": upstream.url}
    for key, name in keys.items():
        environ |= {f"MODEL_{key.upper()}_UPSTREAM_MODEL": name, f"MODEL_{key.upper()}_API_KEY_ENV": "CANARY_KEY",
                    f"MODEL_{key.upper()}_TIMEOUT": "1", f"MODEL_{key.upper()}_STREAM_TIMEOUT": "1",
                    f"MODEL_{key.upper()}_RETRIES": "0"}
    with Gateway(environ, key=MASTER, workers=2, measured=True) as running:
        yield running


def ask(gateway: Gateway, path: str, model: str, stream: bool) -> httpx.Response:
    """Ask on a text route."""
    return gateway.request("POST", path, json=body(path, model, stream))


def body(path: str, model: str, stream: bool) -> dict:
    """Return what a client sends to a text route."""
    what = {"prompt": "hi"} if path == "/v1/completions" else {"input": "hi"} if path == "/v1/responses" else {
        "messages": QUESTION, "max_tokens": 50}
    return {"model": model, "stream": stream, **what}


def lines(gateway: Gateway, wanted: set[str]) -> dict[str, dict]:
    """Return the lines of these requests by id, each of which must be there once."""
    until(lambda: wanted <= {line["request_id"] for line in lines_of(gateway.stdout)}, "a line for each request", 20)
    found = [line for line in lines_of(gateway.stdout) if line["request_id"] in wanted]
    assert len(found) == len(wanted)
    return {line["request_id"]: line for line in found}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/completions", "/v1/responses", "/v1/messages"])
def test_whatever_the_upstream_does_the_answer_is_clean_and_has_one_line(gateway, upstream, path, stream):
    answers = {}
    for name in NAMES:
        try:
            answers[name] = ask(gateway, path, name, stream)
        except httpx.RemoteProtocolError:
            assert stream  # an answer that had begun cannot end well
    for name, answer in answers.items():
        assert set(answer.headers) <= HEADERS, name
        host = upstream.url.split("/")[2]
        for secret in (KEY, MASTER, host, "litellm", "Traceback", "Exception"):
            assert secret not in re.sub(r'"id":"[^"]*"', "", answer.text), name
        if answer.status_code >= 400:
            shape = {"type", "error", "request_id"} if path == "/v1/messages" else {"error"}
            assert set(answer.json()) == shape, name
    told = lines(gateway, {answer.headers["x-gateway-request-id"] for answer in answers.values()})
    for name, answer in answers.items():
        line = told[answer.headers["x-gateway-request-id"]]
        assert (line["status"], line["alias"]) == (answer.status_code, name)
        assert (line["error_type"] is None) or answer.status_code >= 400 or stream
        assert line["error_type"] or answer.status_code < 400


def test_when_to_come_back_is_told_as_the_upstream_said(gateway):
    answer = ask(gateway, "/v1/chat/completions", "mock-429", False)
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "1")


def test_the_first_chunks_arrive_while_the_upstream_still_sends(gateway, upstream):
    upstream.reset()
    with httpx.Client(base_url=gateway.url, headers=gateway.headers, trust_env=False, timeout=30) as client:
        with client.stream("POST", CHAT, json=body(CHAT, "mock-stall", True)) as answer:
            first = next(answer.iter_lines())
            assert first.startswith("data: ") and answer.headers["x-accel-buffering"] == "no"
            assert not upstream.requests[-1].ended  # a buffer would have waited for the end that never comes


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/completions", "/v1/messages"])
@pytest.mark.parametrize(("model", "stream"), [("mock-spaced", True), ("mock-hang", False)])
def test_a_client_that_leaves_has_a_line_with_499_and_the_upstream_is_let_go(gateway, upstream, path, model, stream):
    upstream.reset()
    label = canary("leaver")
    sent = json.dumps(body(path, model, stream)).encode()
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=30) as raw:
        raw.sendall(f"POST {path} HTTP/1.1\r\nHost: x\r\nx-api-key: {MASTER}\r\nx-request-id: {label}\r\n"
                    f"Content-Type: application/json\r\nContent-Length: {len(sent)}\r\n\r\n".encode() + sent)
        until(lambda: upstream.requests, "the upstream has the request", 20)
        if stream:
            assert raw.recv(65536)
    rows = until(lambda: [row for row in lines_of(gateway.stdout) if row["client_request_id"] == label], "its line", 20)
    assert [(row["status"], row["client_gone"]) for row in rows] == [(499, True)]
    upstream.wait(lambda seen: seen[-1].ended)


@pytest.mark.parametrize("reply", ["Your key is {key}.", "x {key} y {key}"])
def test_an_answer_that_repeats_a_key_is_masked(gateway, upstream, reply):
    upstream.faults["deepseek-v3.2"] = Fault(reply=reply.format(key=KEY))
    answer = ask(gateway, "/v1/chat/completions", "deepseek-v3.2", False)
    del upstream.faults["deepseek-v3.2"]
    assert answer.status_code == 200 and KEY not in answer.text and "*" * len(KEY) in answer.text


def test_no_key_stands_anywhere_the_gateway_writes(gateway):
    # Last in this module: every error above, and what LiteLLM logged of it, is in these files by now.
    for secret in (KEY, MASTER):
        forms = [secret.encode(), base64.b64encode(secret.encode())]
        found = [path for path, content in gateway.files().items() if any(form in content for form in forms)]
        assert found == []


def test_no_line_holds_what_was_said(gateway):
    assert "diary" not in gateway.stdout and "mock upstream answering" not in gateway.stdout


def test_all_these_failures_leave_no_more_in_the_log_than_their_lines(gateway):
    assert foreign_lines(gateway.stderr) == []
