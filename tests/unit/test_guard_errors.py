"""What clients see of LiteLLM's errors and headers: the route's shape, no key, no address, no insides."""

import asyncio
import json

import pytest

from src.hooks.errors_out import UPSTREAM_CODE, Refusal
from src.hooks.limits import REFUSED
from tests.unit.guard_support import CHAT, MASTER, UPSTREAM_KEY, World, answering, chunks, client, streaming


def litellm_error(message, code="429", kind="throttling_error", **more):
    return json.dumps({"error": {"message": message, "type": kind, "param": "None", "code": code, **more}}).encode()


SLOW = ("litellm.RateLimitError: RateLimitError: OpenAIException - Slow down. Received Model Group=gpt-5\n"
        "Available Model Group Fallbacks=None")


@pytest.mark.parametrize(("status", "body", "shown"), [
    (429, litellm_error(SLOW), {"message": "Slow down", "type": "rate_limit_error", "param": None, "code": "429"}),
    (401, litellm_error(f"Incorrect API key provided: {UPSTREAM_KEY}.", "invalid_api_key", "auth"),
     {"message": "Incorrect API key provided: ***.", "type": "authentication_error", "param": None,
      "code": "invalid_api_key"}),
    (401, litellm_error("litellm.AuthenticationError: Text-completion-openaiException - Error code: 401 - {'error': "
                        "{'message': \"It's wrong\", 'type': 'auth', 'param': None, 'code': 'wrong'}}"),
     {"message": "It's wrong", "type": "auth", "param": None, "code": "wrong"}),
    (404, litellm_error('litellm.NotFoundError: OpenAIException - {"error":{"message":"gone","code":"x","param":"p"}}'),
     {"message": "gone", "type": "invalid_request_error", "param": "p", "code": "x"}),
    (404, litellm_error('OpenAIException - {"error":{"message":"It\'s gone","code":"' + "x" * 70 + '","param":null}}'),
     {"message": "It's gone", "type": "invalid_request_error", "param": None, "code": "x" * 64}),
    (418, litellm_error("OpenAIException - tea", ""),
     {"message": "tea", "type": "invalid_request_error", "param": None, "code": "418"}),
    (400, litellm_error("litellm.BadRequestError: litellm.ContextWindowExceededError: OpenAIException - too long"),
     {"message": "too long", "type": "invalid_request_error", "param": None, "code": "context_length_exceeded"}),
    (500, litellm_error("litellm.APIError: OpenAIException - Expecting value: line 1 column 1 (char 0)", "500"),
     {"message": "The request failed with status 500.", "type": "server_error", "param": None, "code": "500"}),
    (500, litellm_error('OpenAIException - {"id":"resp_1","output":[{"text":"half an ans', "500"),
     {"message": "The request failed with status 500.", "type": "server_error", "param": None, "code": "500"}),
    (500, litellm_error('OpenAIException - {"choices":[]}', "500"),
     {"message": "The request failed with status 500.", "type": "server_error", "param": None, "code": "500"}),
    (502, litellm_error("OpenAIException - <html><body>502 at 10.0.0.1</body></html>", "502"),
     {"message": "The upstream's answer could not be understood.", "type": "server_error", "param": None,
      "code": "502"}),
    (500, litellm_error("Cannot connect to host upstream.example:8080 ssl:default", None, None),
     {"message": "Cannot connect to [upstream]", "type": "server_error", "param": None, "code": "500"}),
    (400, b'{"error":{"message":"bad","param":"temperature","code":400}}',
     {"message": "bad", "type": "invalid_request_error", "param": "temperature", "code": "400"}),
    (403, b'{"detail":"no"}', {"message": "no", "type": "permission_error", "param": None, "code": "403"}),
    (400, b'{"detail":{"error":"inner"}}',
     {"message": "inner", "type": "invalid_request_error", "param": None, "code": "400"}),
    (422, b'{"detail":[{"loc":["body"]}]}',
     {"message": "The request failed with status 422.", "type": "invalid_request_error", "param": None, "code": "422"}),
    (502, b"<html>Bad gateway at 10.0.0.1</html>", {"message": "The upstream's answer could not be understood.",
                                                    "type": "server_error", "param": None, "code": "502"}),
    (500, b"Internal Server Error", {"message": "The request failed with status 500.", "type": "server_error",
                                     "param": None, "code": "500"}),
    (503, b"", {"message": "The service is overloaded.", "type": "server_error", "param": None, "code": "503"}),
    (500, b"[1]",
     {"message": "The request failed with status 500.", "type": "server_error", "param": None, "code": "500"}),
    (400, b'{"error":"text"}', {"message": "text", "type": "invalid_request_error", "param": None, "code": "400"}),
    (500, b'{"error":{"message":"x"}' + b" " * 70_000,
     {"message": "The request failed with status 500.", "type": "server_error", "param": None, "code": "500"}),
])
def test_an_error_is_shown_in_openais_shape_without_what_nobody_must_see(status, body, shown):
    world = World(answering(status, body, {"content-encoding": "identity", "x-litellm-model-api-base": "http://x"}))
    answered = world.ask(body=CHAT)
    assert answered.status == status and answered.json() == {"error": shown}
    assert int(answered.headers["content-length"]) == len(answered.body)
    assert answered.headers["content-type"] == "application/json"
    assert "content-encoding" not in answered.headers and "www-authenticate" not in answered.headers


@pytest.mark.parametrize(("document", "message", "code"), [
    ({"error": 'model "x" not found'}, 'model "x" not found', "400"),
    ({"object": "error", "message": "too long", "type": "t", "param": None, "code": 40}, "too long", "40"),
    ({"detail": "Not Found"}, "Not Found", "400"),
    ({"detail": [{"loc": ["body", "n"], "msg": "field required", "input": "my diary"}, {"msg": "x"}, {"loc": []}, 1]},
     "body.n: field required; x", "400"),
    ({"object": "error", "message": {"detail": [{"loc": ["body"], "msg": "no"}]}, "code": None}, "body: no", "400"),
    ([{"error": {"message": "as Gemini writes it", "code": "c"}}], "as Gemini writes it", "c"),
    ({"error": "", "message": 5, "detail": []}, "The request was refused.", "400"),
    ({"detail": [{"loc": "body", "msg": str(n)} for n in range(9)]}, "0; 1; 2; 3; 4", "400"),
])
@pytest.mark.parametrize("written", [json.dumps, repr])
def test_what_an_upstream_says_is_told_however_it_wraps_it(document, message, code, written):
    answered = World(answering(400, litellm_error(f"OpenAIException - {written(document)}", ""))).ask(body=CHAT)
    assert (answered.json()["error"]["message"], answered.json()["error"]["code"]) == (message, code)


@pytest.mark.parametrize(("noted", "shown"), [
    (None, "400"), ("content_policy_violation", "content_policy_violation"), ("x" * 70, "x" * 64),
    (UPSTREAM_KEY, "***"),
])
def test_a_code_that_the_callback_noted_is_told_where_litellm_tells_none(noted, shown):
    async def failing(scope, receive, send):
        call_id = dict(scope["headers"])[b"x-litellm-call-id"].decode()
        world.runtime.open_requests[call_id].extra[UPSTREAM_CODE] = noted
        await answering(400, litellm_error("OpenAIException - no", "400"))(scope, receive, send)

    world = World(failing)
    assert world.ask(body=CHAT).json()["error"]["code"] == shown


@pytest.mark.parametrize("text", [
    "{'a'}", "{'error': {'message': 'half an ans", "{'a': " + "[" * 300, "{'a': " + "-" * 3000 + "1}",
    "{'a': " + "-" * 30_000 + "1}", '{"a":' * 3000, "{'a': '\x00'}", "{'a': " + "9" * 5000 + "}", "{'a': 1if 1 else 2}",
    r"{'error': {'message': '\d', 'code': 1if}",
], ids=range(10))
def test_whatever_an_upstream_quotes_it_is_an_error_and_nothing_is_printed(text, recwarn):
    answered = World(answering(500, litellm_error(f"OpenAIException - {text}", "500"))).ask(body=CHAT)
    assert answered.json()["error"]["message"] == "The request failed with status 500."
    assert [str(warning.message) for warning in recwarn] == []


@pytest.mark.parametrize(("status", "kind"), [
    (400, "invalid_request_error"), (401, "authentication_error"), (404, "not_found_error"), (429, "rate_limit_error"),
    (500, "api_error"), (529, "overloaded_error"), (418, "api_error"),
])
def test_an_error_on_messages_is_shown_in_anthropics_shape(status, kind):
    answered = World(answering(status, litellm_error(SLOW))).ask("POST", "/v1/messages", CHAT)
    assert answered.json() == {"type": "error", "error": {"type": kind, "message": "Slow down"},
                               "request_id": answered.headers["x-gateway-request-id"]}


def test_an_upstreams_words_never_stand_in_the_line():
    world = World(answering(400, litellm_error("You said: my secret diary", "400", "bad_request")))
    assert "diary" in world.ask(body=CHAT).json()["error"]["message"]
    line = world.record.to_line()
    assert (line["error_type"], line["error"]) == ("invalid_request_error", "LiteLLM answered 400")
    assert "diary" not in json.dumps(line)


@pytest.mark.parametrize(("headers", "shown"), [
    ({"retry-after": "7"}, "7"), ({"llm_provider-retry-after": "9"}, "9"),
    ({"retry-after": "7", "llm_provider-retry-after": "9"}, "7"), ({}, None),
    ({"llm_provider-retry-after": "a\tb"}, "a_b"), ({"Retry-After": "8"}, "8"),
])
def test_when_to_come_back_is_told(headers, shown):
    answered = World(answering(429, litellm_error(SLOW), headers)).ask(body=CHAT)
    assert answered.headers.get("retry-after") == shown


def test_headers_that_expose_the_upstream_never_leave():
    exposing = {"x-litellm-model-api-base": "http://x", "llm_provider-server": "nginx", "server": "x",
                "set-cookie": "a=b", "x-ratelimit-remaining-requests": "1", "access-control-allow-origin": "*",
                "content-disposition": "inline", "Cache-Control": "no-cache", "x-litellm-call-id": "1",
                "Content-Language": "en"}
    answered = World(answering(200, b"{}", exposing)).ask(body=CHAT)
    assert set(answered.headers) == {
        "content-type", "content-length", "content-disposition", "cache-control", "x-gateway-request-id",
        "x-gateway-model", "x-gateway-config"}


def test_a_secret_in_an_answer_is_masked_and_its_length_kept():
    body = json.dumps({"text": f"my key is {UPSTREAM_KEY}"}).encode()
    answered = World(answering(200, body)).ask(body=CHAT)
    assert UPSTREAM_KEY.encode() not in answered.body
    assert int(answered.headers["content-length"]) == len(answered.body) == len(body)


OPENAI_EVENT = b"data: " + \
    litellm_error(f"litellm.X: {UPSTREAM_KEY} at upstream.example:8080", "500", "server_error") + b"\n\n"
ANTHROPIC_EVENT = (b'event: error\ndata: {"type": "error", "error": '
                   b'{"type": "api_error", "message": "OpenAIException - x"}}\n\n')


@pytest.mark.parametrize("event", [OPENAI_EVENT, OPENAI_EVENT + b"data: [DONE]\n\n"])
def test_a_stream_that_breaks_ends_with_a_clean_error_event(event):
    world = World(streaming(b"data: {}\n\n", event))
    chunk = world.ask(body={**CHAT, "stream": True}).chunks[1]
    assert UPSTREAM_KEY.encode() not in chunk and b"upstream.example" not in chunk and b'"code":"500"' in chunk
    assert chunk.startswith(b'data: {"error"') and b"event:" not in chunk
    assert chunk.endswith(b"data: [DONE]\n\n") is event.endswith(b"data: [DONE]\n\n")
    line = world.record.to_line()
    assert (line["status"], line["error_type"], line["error"]) == (200, "stream_error", "the stream broke")


@pytest.mark.parametrize("event", [OPENAI_EVENT, ANTHROPIC_EVENT])
def test_a_stream_of_messages_breaks_in_anthropics_shape(event):
    chunk = World(streaming(b"data: {}\n\n", event)).ask("POST", "/v1/messages", CHAT).chunks[1]
    name, data = chunk.decode().strip().split("\n")
    assert name == "event: error" and json.loads(data.removeprefix("data: "))["type"] == "error"
    assert UPSTREAM_KEY not in data and "OpenAIException" not in data


FAILED = (b'event: response.failed\ndata: {"type":"response.failed","response":{"id":"resp_1","error":{"code":"x",'
          b'"message":"litellm.APIConnectionError: APIConnectionError: openai closed it at 10.1.2.3:80"}}}\n\n')


def test_a_failed_response_keeps_its_shape_without_litellms_insides():
    chunk = World(streaming(FAILED)).ask("POST", "/v1/responses", {"model": "gpt-5", "input": "x"}).chunks[0]
    name, data = chunk.decode().strip().split("\n")
    assert name == "event: response.failed"
    assert json.loads(data.removeprefix("data: "))["response"] == {
        "id": "resp_1", "error": {"code": "x", "message": "openai closed it at [upstream]"}}


@pytest.mark.parametrize("event", [
    b'event: response.failed\ndata: {}\n\n', b'data: {"type":"response.failed"}\n\n',
    b'data: {"type":"response.failed","response":null}\n\n', b'data: {"type":"response.failed","response":[1]}\n\n',
    b'data: {"type":"response.failed","response":{"error":null}}\n\n', b"event: response.failed\ndata: {oops}\n\n",
    b"event: response.failed\ndata: [1]\n\n", b"event: response.failed\n\n",
])
def test_a_failed_response_is_an_error_on_its_line(event):
    world = World(streaming(b"data: {}\n\n", event))
    assert world.ask("POST", "/v1/responses", {"model": "gpt-5", "input": "x"}).chunks[1] == event
    assert (world.record.error_type, world.record.error) == ("stream_error", "the stream broke")


def test_the_callbacks_cause_stays_when_the_answer_is_an_error():
    async def failing(scope, receive, send):
        record = next(iter(world.runtime.open_requests.values()))
        record.fail("upstream_timeout", "the upstream took too long")
        await answering(408, litellm_error("x"))(scope, receive, send)

    world = World(failing)
    world.ask(body=CHAT)
    assert (world.record.error_type, world.record.status) == ("upstream_timeout", 408)


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages", "/v1/embeddings"])
def test_what_a_limit_refused_inside_is_told_in_our_words_on_every_route(path):
    async def refused(scope, receive, send):
        record = next(iter(world.runtime.open_requests.values()))
        record.extra[REFUSED] = Refusal(429, "Too many requests for gpt-5.", "limit_reached", retry_after="3")
        await answering(400, litellm_error("litellm.BadRequestError: x", "400"))(scope, receive, send)

    world = World(refused)
    answered = world.ask("POST", path, CHAT)
    assert (answered.status, answered.headers["retry-after"]) == (429, "3")
    assert answered.json()["error"]["message"] == "Too many requests for gpt-5."
    line = world.record.to_line()
    assert (line["status"], line["error_type"], line["error"]) == (429, "limit_reached", "Too many requests for gpt-5.")


def test_an_error_that_comes_in_pieces_is_shown_whole():
    async def pieces(scope, receive, send):
        await send({"type": "http.response.start", "status": 429, "headers": []})
        body = litellm_error(SLOW)
        for piece in (body[:20], body[20:40], body[40:]):
            await send({"type": "http.response.body", "body": piece, "more_body": piece != body[40:]})

    assert World(pieces).ask(body=CHAT).json()["error"]["message"] == "Slow down"


def test_an_answer_that_is_no_stream_is_never_taken_for_a_broken_one():
    song = b'data: {"error": "is what they sang"}'
    world = World(answering(200, song, {"content-type": "text/plain"}))
    assert world.ask(body=CHAT).body == song and world.record.error_type is None


@pytest.mark.parametrize(("inner", "key", "more"), [
    (answering(200, b"{}"), MASTER, [False]), (answering(500, b"{}"), MASTER, [False]),
    (answering(200, b"{}"), "", [False]), (streaming(b"data: 1\n\n", b"data: 2\n\n"), MASTER, [True, True, False]),
], ids=["answer", "error", "refusal", "stream"])
def test_an_answer_ends_with_its_last_piece_and_only_there(inner, key, more):
    sent = []

    async def send(message):
        sent.append(message)

    world = World(inner)
    scope = {"type": "http", "method": "POST", "path": "/v1/chat/completions", "query_string": b"",
             "headers": [(b"x-api-key", key.encode())]}
    asyncio.run(world.guard(scope, client(chunks(CHAT)), send))
    assert [message["type"] for message in sent] == ["http.response.start", *["http.response.body"] * len(more)]
    assert [message["more_body"] for message in sent[1:]] == more


def test_the_first_byte_is_noted_once():
    async def twice(scope, receive, send):
        record = next(iter(world.runtime.open_requests.values()))
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for body, more in ((b"", True), (b"a", True), (b"b", True), (b"", False)):
            await send({"type": "http.response.body", "body": body, "more_body": more})
            noted.append(record.first_byte_ns)

    noted: list[int | None] = []
    world = World(twice)
    world.ask(body=CHAT)
    assert noted[0] is None and noted[1] is not None and noted[1:] == [noted[1]] * 3
