"""No field, header or query reaches a second upstream, a second key, or a request without a line: each is tried."""

import json

import httpx
import pytest

from src.mock.server import MockUpstream
from src.policy.steering import OWN_PREFIXES, Steering
from tests.e2e.gateway import Gateway, until
from tests.e2e.hooks_support import KEY, OTHER_KEY, installed, lines_of, two_upstreams

STOLEN = "a key that is not the gateway's"
# LiteLLM's names, but the gateway's own feature: prompt templates, see test_registry_served.
TEMPLATE_FIELDS = {"prompt_id", "prompt_variables"}
QUESTION = [{"role": "user", "content": "hi"}]


@pytest.fixture(scope="module")
def second():
    """Another upstream: where a client would like to send the gateway, and its keys."""
    with MockUpstream() as mock:
        yield mock


@pytest.fixture(scope="module")
def gateway(upstream, second):
    with Gateway(two_upstreams(upstream.url, second.url, GATEWAY_LOG_FORMAT="json")) as running:
        yield running


@pytest.fixture(scope="module")
def client(gateway):
    with httpx.Client(base_url=gateway.url, headers=gateway.headers, trust_env=False, timeout=60) as kept:
        yield kept


def values(second: MockUpstream) -> dict[str, object]:
    """Return what a client would send in the fields that want more than a text."""
    elsewhere = {"model": "openai/x", "api_base": second.url, "api_key": STOLEN, "mock_response": "free"}
    deployment = {"model_name": "main", "litellm_params": elsewhere}
    headers = {"authorization": f"Bearer {STOLEN}", "host": "elsewhere.example"}
    return {
        "fallbacks": ["other", elsewhere], "context_window_fallbacks": ["other"], "content_policy_fallbacks": ["other"],
        "router_settings_override": {"fallbacks": [{"main": ["other"]}], "num_retries": 3}, "model_list": [deployment],
        "user_config": {"model_list": [deployment]}, "headers": headers, "extra_headers": headers,
        "default_headers": headers, "no-log": True, "no_log": True, "azure": True, "num_retries": 3, "max_retries": 3,
        "provider_specific_header": {"custom_llm_provider": "openai", "extra_headers": headers},
        "custom_llm_provider": "anthropic", "api_key": STOLEN, "organization": "org-1",
        "litellm_params": elsewhere, "model_info": {"id": "other"},
        "specific_deployment": True, "deployment_id": "other", "mock_response": "free", "mock_tool_calls": [],
        "mock_timeout": True, "timeout": 0.0001, "request_timeout": 0.0001, "stream_timeout": 0.0001,
        "litellm_metadata": {"model_group": "other", "user_api_key": STOLEN}, "callbacks": ["langfuse"],
        "success_callback": ["langfuse"], "tags": ["other"], "guardrails": ["x"], "cache": {"no-store": True},
        "retry_policy": {"BadRequestErrorRetries": 3}, "drop_params": False, "additional_drop_params": ["messages"],
        "extra_query": {"x": "y"}, "allowed_openai_params": ["x"], "litellm_call_id": "mine",
        "proxy_server_request": {"url": second.url}, "metadata": {"model_group": "other", "tags": ["x"]},
    }


def own_fields() -> list[str]:
    """Return every field that LiteLLM or we call LiteLLM's, and an invented one for every prefix."""
    fields = Steering.of(installed()["fields"]).fields | {f"{prefix}x" for prefix in OWN_PREFIXES}
    return sorted((fields | {"metadata"}) - TEMPLATE_FIELDS)


def test_no_field_of_litellms_own_has_any_effect(client, gateway, upstream, second):
    upstream.reset()
    known = values(second)
    answers = {}
    for name in own_fields():
        body = {"model": "main", "messages": QUESTION, name: known.get(name, second.url)}
        answers[name] = client.post("/v1/chat/completions", json=body)
    assert {answer.status_code for answer in answers.values()} == {200}
    assert len(upstream.requests) == len(answers) and second.requests == []
    assert {request.key for request in upstream.requests} == {KEY}
    for name, request in zip(answers, upstream.requests):
        assert set(request.body) == {"model", "messages"}, name
        assert request.headers["host"].startswith("127.0.0.1") and "openai-organization" not in request.headers
    for name, answer in answers.items():
        assert answer.headers["x-gateway-dropped-params"] == name[:64] and "free" not in answer.text
    ids = {answer.headers["x-gateway-request-id"] for answer in answers.values()}
    until(lambda: ids <= {line["request_id"] for line in lines_of(gateway.stdout)}, "a line for every request", 20)
    dropped = {line["request_id"]: line["dropped"] for line in lines_of(gateway.stdout)}
    assert all(dropped[answer.headers["x-gateway-request-id"]] == [name[:64]] for name, answer in answers.items())


TEXT = [
    ("/v1/chat/completions", "main", {"messages": QUESTION}), ("/v1/completions", "main", {"prompt": "hi"}),
    ("/v1/responses", "main", {"input": "hi"}), ("/v1/messages", "main", {"messages": QUESTION, "max_tokens": 9}),
]
ROUTES = [(*route, stream) for route in TEXT for stream in (False, True)] + [(*route, False) for route in [
    ("/v1/embeddings", "embed", {"input": "hi"}), ("/v1/images/generations", "image", {"prompt": "hi"}),
    ("/v1/audio/speech", "main", {"input": "hi", "voice": "alloy"}),
    ("/v1/messages/count_tokens", "main", {"messages": QUESTION}),
]]


@pytest.mark.parametrize(("path", "model", "body", "stream"), ROUTES)
def test_a_body_full_of_them_is_an_ordinary_request(client, upstream, second, path, model, body, stream):
    upstream.reset()
    inner = {**values(second), "model": "grok-code-fast-1", "api_base": second.url}
    steering = {**values(second), "extra_body": inner}
    answer = client.post(path, json={"model": model, **body, **steering, **({"stream": True} if stream else {})})
    assert answer.status_code == 200, answer.text
    assert second.requests == [] and len(upstream.requests) == 1
    sent = upstream.requests[0]
    assert sent.key == KEY and sent.model in ("deepseek-v3.2", "text-embedding-3-small", "gpt-image-1")
    assert not set(values(second)) & set(sent.body or {})
    assert STOLEN not in json.dumps(sent.to_json())


def test_an_upload_full_of_them_is_an_ordinary_request(client, upstream, second):
    upstream.reset()
    fields = {name: value if isinstance(value, str) else json.dumps(value) for name, value in values(second).items()}
    answer = client.post("/v1/audio/transcriptions", data={"model": "main", **fields, "api_base": second.url},
                         files={"file": ("a.mp3", b"sound", "audio/mpeg")})
    assert answer.status_code == 200, answer.text
    assert second.requests == [] and [request.key for request in upstream.requests] == [KEY]


@pytest.mark.parametrize("name", [
    "x-litellm-api-base", "x-litellm-model", "x-litellm-timeout", "x-litellm-stream-timeout", "x-litellm-num-retries",
    "x-litellm-call-id", "x-litellm-trace-id", "x-litellm-tags", "x-litellm-api-key", "x-litellm-disable-callbacks",
    "x-litellm-enable-message-redaction", "litellm-disable-message-redaction", "openai-organization", "openai-project",
    "x-pass-authorization",
])
def test_no_header_steers(client, gateway, upstream, second, name):
    upstream.reset()
    answer = client.post("/v1/chat/completions", json={"model": "main", "messages": QUESTION}, headers={name: "0.0001"})
    assert answer.status_code == 200 and answer.headers["x-gateway-dropped-params"] == name
    assert answer.headers["x-gateway-request-id"] != "0.0001"
    assert name not in upstream.requests[0].headers and upstream.requests[0].key == KEY


@pytest.mark.parametrize("query", ["model=other", "api_base=http://x", "api-version=2024", "key=x&timeout=0"])
def test_no_query_steers(client, upstream, second, query):
    upstream.reset()
    answer = client.post(f"/v1/chat/completions?{query}", json={"model": "main", "messages": QUESTION})
    assert answer.status_code == 200 and second.requests == []
    assert answer.headers["x-gateway-dropped-params"].split(", ")[0] == "?" + query.split("=")[0]


@pytest.mark.parametrize("model", [
    "deepseek-v3.2", "openai/deepseek-v3.2", "main,other", "embed,main", "MAIN", "main ", "*", "openai/*",
    "openai/anything", "http://127.0.0.1:1/v1", "", "embed\x00", "../main",
])
@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages"])
def test_upstream_names_lists_and_ids_are_no_models(client, upstream, model, path):
    upstream.reset()
    answer = client.post(path, json={"model": model, "messages": QUESTION, "max_tokens": 5})
    assert answer.status_code == (404 if model else 400) and upstream.requests == []


def test_the_second_upstream_and_its_key_are_reached_by_its_own_name_only(client, second):
    answer = client.post("/v1/chat/completions", json={"model": "other", "messages": QUESTION})
    assert answer.status_code == 200 and [request.key for request in second.requests] == [OTHER_KEY]
