"""The guard as a client meets it: closed routes, keys, what LiteLLM is told, and one request line each."""

import asyncio
import json

import pytest

from src.hooks.errors_out import NOT_FOUND
from tests.unit.guard_support import CHAT, MASTER, UPSTREAM_KEY, Answered, World, answering, client, collect, streaming

NO_KEY: dict[str, str] = {}
WRONG = {"x-api-key": "guess"}


@pytest.mark.parametrize(("method", "path"), [
    ("GET", "/"), ("POST", "/v1/files"), ("POST", "/openai/v1/chat/completions"), ("GET", "/health"),
    ("POST", "//v1/chat/completions"), ("POST", "/v1/chat%2fcompletions"), ("OPTIONS", "/v1/chat/completions"),
])
@pytest.mark.parametrize("headers", [None, NO_KEY, WRONG])
def test_a_closed_path_is_a_404_that_tells_nothing(method, path, headers):
    world = World()
    answered = world.ask(method, path, CHAT, headers)
    assert answered.status == 404
    assert answered.json() == {"error": {"message": NOT_FOUND.message, "type": "invalid_request_error", "param": None,
                                         "code": "not_found"}}
    assert set(answered.headers) == {"content-type", "content-length", "x-gateway-request-id"}
    assert world.seen == [] and world.records == []


def test_a_path_without_its_raw_form_is_judged_as_it_is():
    world = World()
    answered = Answered()
    scope = {"type": "http", "method": "GET", "path": "/v1//models", "query_string": b"", "headers": []}
    asyncio.run(world.guard(scope, client([]), collect(answered)))
    assert answered.status == 404


def test_websockets_are_closed():
    world, sent = World(), []

    async def send(message):
        sent.append(message)

    asyncio.run(world.guard({"type": "websocket", "path": "/v1/responses"}, client([]), send))
    assert sent == [{"type": "websocket.close", "code": 1008}] and world.seen == []


def test_open_lines_are_written_when_the_worker_ends():
    async def lifespan(scope, receive, send):
        assert scope["type"] == "lifespan"

    world = World(lifespan)

    async def story():
        world.runtime.book.end(world.runtime.book.open(_record("left over")))
        await world.guard({"type": "lifespan"}, client([]), collect(Answered()))

    asyncio.run(story())
    assert world.record.request_id == "left over"


def _record(name):
    from src.hooks.record import RequestRecord

    return RequestRecord(name)


@pytest.mark.parametrize(("path", "headers", "code"), [
    ("/v1/chat/completions", NO_KEY, "missing_api_key"), ("/v1/chat/completions", WRONG, "invalid_api_key"),
    ("/chat/completions", WRONG, "invalid_api_key"), ("/v1/embeddings", NO_KEY, "missing_api_key"),
    ("/v1/audio/transcriptions", NO_KEY, "missing_api_key"),
])
def test_without_the_right_key_a_model_route_is_a_401_in_openais_shape(path, headers, code):
    world = World()
    answered = world.ask("POST", path, b"not even JSON", headers)
    assert answered.status == 401 and answered.headers["www-authenticate"] == "Bearer"
    error = answered.json()["error"]
    assert (error["type"], error["code"]) == ("authentication_error", code)
    line = world.record.to_line()
    assert (line["status"], line["error_type"], line["client_key"]) == (401, code, None)
    assert line["error"] == error["message"]
    assert world.seen == []


def test_without_the_right_key_messages_are_a_401_in_anthropics_shape():
    world = World()
    answered = world.ask("POST", "/v1/messages", CHAT, WRONG)
    assert answered.json() == {
        "type": "error", "error": {"type": "authentication_error", "message": "Incorrect API key provided."},
        "request_id": answered.headers["x-gateway-request-id"]}


@pytest.mark.parametrize("headers", [NO_KEY, WRONG])
@pytest.mark.parametrize("path", ["/v1/models", "/v1/models/gpt-5", "/metrics"])
def test_lists_and_metrics_need_a_key_and_write_no_line(path, headers):
    world = World()
    assert world.ask("GET", path, headers=headers).status == 401
    assert world.seen == [] and world.records == []


@pytest.mark.parametrize("sent", [
    {"authorization": f"Bearer {MASTER}"}, {"x-api-key": MASTER}, {"api-key": MASTER},
    {"authorization": "Bearer guess", "x-api-key": MASTER},
])
def test_litellm_sees_our_path_our_id_one_credential_and_no_query(sent):
    world = World()
    noise = {"x-litellm-call-id": "mine", "x-litellm-timeout": "1", "cookie": "a=b", "user-agent": "claude-cli/1",
             "openai-organization": "org", "x-forwarded-for": "1.2.3.4", "accept-encoding": "gzip",
             "x-request-id": "mine", "anthropic-beta": "tools-2024", "anthropic-version": "2023-06-01",
             "content-type": "text/plain"}
    answered = world.ask("POST", "/chat/completions", CHAT, {**sent, **noise}, query=b"model=other&api_base=http://x")
    seen = world.seen[0]
    assert answered.status == 200 and (seen.path, seen.query) == ("/v1/chat/completions", b"")
    assert seen.headers == {
        "host": "gateway", "authorization": f"Bearer {MASTER}", "content-type": "application/json",
        "x-litellm-call-id": answered.headers["x-gateway-request-id"], "content-length": str(len(seen.body)),
        "anthropic-beta": "tools-2024", "anthropic-version": "2023-06-01"}
    line = world.record.to_line()
    assert line["client_request_id"] == "mine" and line["client_key"] == "master"
    assert line["dropped"] == ["x-litellm-call-id", "x-litellm-timeout", "openai-organization", "?model", "?api_base"]


def test_claude_codes_own_query_is_not_reported_as_a_loss():
    world = World()
    world.ask("POST", "/v1/messages", CHAT, query=b"beta=true&x=1&y=&z")
    assert world.record.dropped_names() == ["?x", "?y", "?z"]


@pytest.mark.parametrize("value", ["a\x01b", "\xfc", "x" * 5000])
def test_a_header_that_is_not_plain_text_does_not_reach_litellm(value):
    world = World()
    world.ask(body=CHAT, headers={"x-api-key": MASTER, "anthropic-beta": value})
    assert "anthropic-beta" not in world.seen[0].headers


def test_steering_fields_are_removed_and_reported():
    world = World(derived=["new_switch"])
    answered = world.ask(body={**CHAT, "api_base": "http://x", "no-log": True, "new_switch": 1, "top_k": 3,
                               "extra_body": {"model": "other", "min_p": 0.5}})
    assert answered.headers["x-gateway-dropped-params"] == "api_base, no-log, new_switch, extra_body.model"
    assert world.record.to_line()["dropped"] == ["api_base", "no-log", "new_switch", "extra_body.model"]
    assert b"api_base" not in world.seen[0].body and b"other" not in world.seen[0].body
    assert b'"top_k":3' in world.seen[0].body and b'"min_p":0.5' in world.seen[0].body
    assert "sent" in world.record.extra and "api_base" not in world.record.extra["sent"]


def test_the_sdks_extra_fields_reach_litellm_as_fields_of_the_body():
    world = World()
    assert world.ask(body={**CHAT, "extra_body": {"min_p": 0.5}}).status == 200
    assert json.loads(world.seen[0].body) == {**CHAT, "min_p": 0.5} and world.record.dropped_names() == []


def test_a_body_without_anything_to_remove_arrives_byte_by_byte():
    world = World()
    body = b'{ "messages" : [ {"role":"user","content":"\\u00fc"} ],\n"model":"gpt-5"}'
    world.ask(body=[body[:7], body[7:30], b"", body[30:]])
    assert world.seen[0].body == body


@pytest.mark.parametrize(("model", "status", "code"), [
    ("unknown", 404, "model_not_found"), ("gpt-5,default", 404, "model_not_found"),
    ("openai/gpt-5", 404, "model_not_found"),
    ("gpt5", 404, "model_not_found"), (["gpt-5"], 404, "model_not_found"), ({"a": 1}, 404, "model_not_found"),
    (5, 404, "model_not_found"), ("*", 404, "model_not_found"), ("http://x", 404, "model_not_found"),
    ("a\r\nx: y", 404, "model_not_found"), ("", 400, "missing_required_parameter"),
    (None, 400, "missing_required_parameter"),
])
@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/responses", "/v1/embeddings", "/v1/audio/speech"])
def test_only_a_declared_name_is_a_model(path, model, status, code):
    world = World()
    answered = world.ask("POST", path, {**CHAT, "model": model})
    assert (answered.status, answered.json()["error"]["code"]) == (status, code)
    assert answered.json()["error"]["param"] == "model" and world.seen == []
    assert world.record.to_line()["status"] == status and world.record.to_line()["alias"] is None


def test_an_unknown_model_on_messages_is_a_404_in_anthropics_shape():
    answered = World().ask("POST", "/v1/messages", {**CHAT, "model": "unknown"})
    assert answered.json()["error"] == {"type": "not_found_error", "message": "The model 'unknown' does not exist."}


@pytest.mark.parametrize("model", ["gpt-5", "groq/llama-3.3", "default"])
def test_models_and_chains_are_asked_by_their_aliases(model):
    world = World()
    answered = world.ask(body={**CHAT, "model": model, "user": "u\n1", "stream": False}, headers={
        "x-api-key": MASTER, "x-session-id": "s-1"})
    line = world.record.to_line()
    assert answered.headers["x-gateway-model"] == model == line["alias"]
    assert answered.headers["x-gateway-config"] == "0123456789ab" == line["config"]
    assert (line["user"], line["session"], line["stream"]) == ("u_1", "s-1", False)


def test_the_alias_that_answered_is_in_the_header():
    async def fallen_back(scope, receive, send):
        record = world.runtime.open_requests[dict(scope["headers"])[b"x-litellm-call-id"].decode()]
        record.answered = "groq/llama-3.3"
        await answering(200, b"{}")(scope, receive, send)

    world = World(fallen_back)
    assert world.ask(body={**CHAT, "model": "default"}).headers["x-gateway-model"] == "groq/llama-3.3"


def test_one_model_is_told_also_with_a_slash_in_its_name():
    world = World()
    assert world.ask("GET", "/v1/models/groq/llama-3.3").json() == {
        "id": "groq/llama-3.3", "object": "model", "created": 1677610602, "owned_by": "openai"}
    assert world.ask("GET", "/v1/models/unknown").json()["error"]["code"] == "model_not_found"
    assert world.seen == []


@pytest.mark.parametrize("path", ["/health/liveliness", "/health/liveness", "/health/readiness"])
@pytest.mark.parametrize(("status", "shown", "word"),
                         [(200, 200, b"healthy"), (503, 503, b"not ready"), (500, 503, b"not")])
def test_health_needs_no_key_and_tells_no_details(path, status, shown, word):
    world = World(answering(status, b'{"litellm_version":"1.106.2","db":"Not connected"}'))
    answered = world.ask("GET", path, headers=NO_KEY)
    assert answered.status == shown and word in answered.body and b"litellm" not in answered.body
    assert world.ask("HEAD", path, headers=NO_KEY).status == shown
    assert world.records == []


def test_metrics_are_answered_to_the_master_key_and_the_metrics_key():
    world = World()
    assert world.ask("GET", "/metrics").body == b"# metrics"
    assert world.ask("GET", "/metrics", headers={"authorization": "Bearer metrics-reader"}).body == b"# metrics"
    assert World(metrics_public=True).ask("GET", "/metrics", headers=NO_KEY).status == 200


def test_an_extra_route_exists_for_the_master_key_only():
    world = World(extra_routes=["/v1/rerank", "/v1/files/*"])
    for headers in (NO_KEY, WRONG):
        assert world.ask("POST", "/v1/rerank", b"{}", headers).json()["error"]["code"] == "not_found"
    answered = world.ask("GET", "/v1/files/f1/content", b"x",
                         {"x-api-key": MASTER, "content-type": "text/plain"}, query=b"a=1")
    assert answered.status == 200 and world.seen[0].path == "/v1/files/f1/content" and world.seen[0].query == b"a=1"
    assert world.seen[0].headers["content-type"] == "text/plain" and world.records == []


def test_an_extra_route_is_bounded_too():
    world = World(extra_routes=["/v1/rerank"])
    world.ask("POST", "/v1/rerank", [b"x" * (1 << 20), b"y" * 10])
    assert len(world.seen[0].body) == 1 << 20


def test_an_error_on_an_extra_route_has_openais_shape():
    world = World(answering(500, b"Traceback"), extra_routes=["/v1/rerank"])
    assert world.ask("POST", "/v1/rerank", {}).json()["error"]["type"] == "server_error"


def test_a_token_count_has_a_line_of_its_own():
    world = World()
    assert world.ask("POST", "/v1/messages/count_tokens", CHAT).status == 200
    assert world.record.settled and world.record.to_line()["status"] == 200


def test_a_stream_passes_piece_by_piece_and_is_not_held_by_proxies():
    events = [b'data: {"n":%d}\n\n' % number for number in range(5)]
    world = World(streaming(*events))
    answered = world.ask(body={**CHAT, "stream": True})
    assert answered.chunks == [*events, b""] and answered.headers["x-accel-buffering"] == "no"
    line = world.record.to_line()
    assert (line["stream"], line["status"], line["error_type"]) == (True, 200, None) and line["ttft_ms"] is not None


def test_a_client_that_leaves_a_stream_is_a_499():
    async def noticed(scope, receive, send):
        await receive()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/event-stream")]})
        await send({"type": "http.response.body", "body": b"data: 1\n\n", "more_body": True})
        assert (await receive())["type"] == "http.disconnect"

    world = World(noticed)
    asyncio.run(world.asked("POST", "/v1/chat/completions", CHAT, leaves=True))
    line = world.record.to_line()
    assert (line["status"], line["client_gone"], line["error_type"]) == (499, True, "client_gone")


@pytest.mark.parametrize("status", [200, 429])
def test_a_client_that_leaves_after_the_answer_is_not_gone(status):
    async def polled(scope, receive, send):
        await receive()
        await answering(status, b"{}")(scope, client([b""]), send)
        assert (await receive())["type"] == "http.disconnect"

    world = World(polled)
    asyncio.run(world.asked("POST", "/v1/chat/completions", CHAT, leaves=True))
    assert world.record.to_line()["status"] == status and not world.record.client_gone


def test_litellms_own_499_is_a_client_that_left():
    world = World(answering(499, b"{}"))
    world.ask(body=CHAT)
    assert world.record.client_gone and world.record.to_line()["status"] == 499


@pytest.mark.parametrize(
    ("inner", "status"), [
        (streaming(
            then=RuntimeError(f"key {UPSTREAM_KEY}")), 200), (streaming(
                b"data: 1\n\n", then=RuntimeError("x")), 200), ])
def test_a_crash_within_an_answer_breaks_it_and_is_told(inner, status, caplog):
    world = World(inner)
    assert world.ask(body=CHAT).status == status
    assert world.record.error_type == "broken_answer" and "LiteLLM failed on /v1/chat/completions" in caplog.text


def test_a_crash_before_the_answer_is_a_clean_500():
    async def crash(scope, receive, send):
        raise RuntimeError("secret detail")

    world = World(crash)
    answered = world.ask("POST", "/v1/messages", CHAT)
    assert answered.status == 500 and answered.json()["error"]["type"] == "api_error"
    assert b"secret detail" not in answered.body and world.record.error_type == "internal_error"


def test_a_fault_of_our_own_is_a_clean_500_with_a_line(caplog):
    world = World()
    scope = {"type": "http", "method": "POST", "path": "/v1/messages", "headers": []}  # no server leaves the query out
    answered = Answered()
    asyncio.run(world.guard(scope, client([]), collect(answered)))
    assert answered.status == 500 and answered.json()["error"]["type"] == "api_error"
    assert world.record.error_type == "internal_error" and "the edge failed on /v1/messages" in caplog.text


def test_no_answer_at_all_is_a_502():
    async def silent(scope, receive, send):
        return None

    world = World(silent)
    assert world.ask(body=CHAT).status == 502 and world.record.error_type == "no_answer"


def test_every_model_request_has_exactly_one_line_also_when_its_worker_is_stopped():
    started = asyncio.Event()

    async def hanging(scope, receive, send):
        started.set()
        await asyncio.get_running_loop().create_future()

    async def story(world):
        task = asyncio.ensure_future(world.asked("POST", "/v1/chat/completions", CHAT))
        await started.wait()
        task.cancel()
        await asyncio.wait([task])
        world.runtime.book.flush()

    world = World(hanging)
    asyncio.run(story(world))
    assert world.record.error_type == "broken_answer"
