"""Keys on the wire: clean 401s in the route's shape, also inside LiteLLM should a request come past the edge."""

import asyncio
import io
import json
import logging
import sys

import httpx
import pytest

from src.hooks import auth, install, runtime
from tests.e2e.gateway import Gateway, canary, until
from tests.e2e.hooks_support import KEY, lines_of, two_upstreams

MASTER = canary("master")
METRICS = canary("metrics")
ROUTES = ["/v1/chat/completions", "/v1/completions", "/v1/responses", "/v1/messages", "/v1/messages/count_tokens",
          "/v1/embeddings", "/v1/images/generations", "/v1/images/edits", "/v1/audio/speech",
          "/v1/audio/transcriptions", "/chat/completions"]
BODY = {"model": "main", "messages": [{"role": "user", "content": "hi"}], "max_tokens": 9}


@pytest.fixture(scope="module")
def gateway(upstream):
    with Gateway(two_upstreams(upstream.url, upstream.url, GATEWAY_METRICS_KEY=METRICS), key=MASTER) as running:
        yield running


@pytest.mark.parametrize("headers", [
    {}, {"authorization": "Bearer wrong"}, {"x-api-key": "wrong"}, {"authorization": "Basic " + MASTER},
    {"authorization": MASTER}, {"x-litellm-api-key": MASTER}, {"cookie": f"key={MASTER}"}, {"x-api-key": METRICS},
])
@pytest.mark.parametrize("path", ROUTES)
def test_without_the_key_every_model_route_is_a_clean_401(gateway, upstream, path, headers):
    upstream.reset()
    query = f"key={MASTER}&api_key={MASTER}"
    answer = gateway.request("POST", f"{path}?{query}", headers=headers, json={**BODY, "api_base": "x"})
    assert answer.status_code == 401 and answer.headers["www-authenticate"] == "Bearer"
    document = answer.json()
    shape = {"type", "error", "request_id"} if "messages" in path else {"error"}
    assert set(document) == shape and document["error"]["type"] == "authentication_error"
    assert upstream.requests == [] and "Traceback" not in gateway.stderr


@pytest.mark.parametrize("headers", [
    {"authorization": f"Bearer {MASTER}"}, {"authorization": f"bearer {MASTER}"}, {"x-api-key": MASTER},
    {"api-key": MASTER},
])
@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages"])
def test_the_key_opens_in_each_header_and_goes_no_further(gateway, upstream, path, headers):
    upstream.reset()
    assert gateway.request("POST", path, headers=headers, json=BODY).status_code == 200
    assert [request.key for request in upstream.requests] == [KEY]
    assert MASTER not in json.dumps(upstream.requests[0].to_json())


@pytest.mark.parametrize(("headers", "status"), [
    ({}, 401), ({"x-api-key": "wrong"}, 401), ({"x-api-key": METRICS}, 401), ({"x-api-key": MASTER}, 200),
])
@pytest.mark.parametrize("path", ["/v1/models", "/models", "/v1/models/main"])
def test_model_lists_need_the_key(gateway, path, headers, status):
    assert gateway.request("GET", path, headers=headers).status_code == status


def test_openais_client_raises_what_it_raises_at_openai(gateway):
    import openai

    client = openai.OpenAI(base_url=f"{gateway.url}/v1", api_key="wrong", max_retries=0,
                           http_client=httpx.Client(trust_env=False))
    with pytest.raises(openai.AuthenticationError) as refused:
        client.chat.completions.create(model="main", messages=[{"role": "user", "content": "hi"}])
    assert refused.value.code == "invalid_api_key"


def test_a_refused_client_has_its_line(gateway):
    answer = gateway.request("POST", "/v1/embeddings", headers={"x-request-id": "mine"}, content=b"{")
    wanted = answer.headers["x-gateway-request-id"]
    line = until(lambda: [row for row in lines_of(gateway.stdout) if row["request_id"] == wanted], "its line", 10)[0]
    assert (line["status"], line["error_type"], line["client_request_id"]) == (401, "missing_api_key", "mine")


@pytest.fixture(scope="module")
def inside(tmp_path_factory):
    """LiteLLM's own types in this process, and a runtime that knows the master key."""
    plan = tmp_path_factory.mktemp("plan") / "plan.json"
    plan.write_text(json.dumps({"hash": "x"}))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LITELLM_LOCAL_MODEL_COST_MAP", "True")
        import litellm.proxy._types as types
    runtime.load({"GATEWAY_PLAN_FILE": str(plan), "LITELLM_MASTER_KEY": MASTER})
    return types


def asked(**scope):
    """Return the request as LiteLLM hands it to ``custom_auth``."""
    from starlette.requests import Request

    return Request({"type": "http", **scope})


def test_inside_litellm_the_same_key_decides_again(inside):
    known = asyncio.run(auth.check(asked(), MASTER))
    assert (known.user_id, known.key_alias, known.user_role) == ("gateway-master", "master", None)
    assert MASTER not in repr(known)


@pytest.mark.parametrize("key", ["", "wrong", MASTER + "x", None])
def test_inside_litellm_another_key_is_a_401(inside, key):
    with pytest.raises(inside.ProxyException) as refused:
        asyncio.run(auth.check(asked(), key))
    assert refused.value.code == "401"


@pytest.fixture
def factory():
    """Logging as it was before, once the test is over."""
    before = logging.getLogRecordFactory()
    yield
    logging.setLogRecordFactory(before)


def test_a_wrapped_worker_prints_no_secret_and_lets_no_stranger_in(inside, factory, tmp_path, monkeypatch):
    out = io.StringIO()
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    plan = tmp_path / "plan.json"
    plan.write_text(json.dumps({"hash": "x", "secret_names": ["UPSTREAM_KEY"]}))
    environ = {"GATEWAY_PLAN_FILE": str(plan), "LITELLM_MASTER_KEY": MASTER, "UPSTREAM_KEY": KEY}
    guard = install.wrap(refuse_all, environ)
    print(f"a library prints {KEY} and {MASTER}")
    assert out.getvalue() == "a library prints *** and ***\n"
    transport = httpx.ASGITransport(guard)

    async def story():
        async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as client:
            return [(await client.post("/v1/chat/completions", headers=headers, json=BODY)).status_code
                    for headers in ({}, {"x-api-key": MASTER})]

    assert asyncio.run(story()) == [401, 404]  # no model is declared here, so the right key finds none


async def refuse_all(scope, receive, send):
    """Stand where LiteLLM's application stands; nothing may come here."""
    raise AssertionError(scope["path"])


def test_the_operators_role_is_given_on_routes_that_the_operator_opened(inside):
    known = asyncio.run(auth.check(asked(**{auth.SCOPE_KEY: "extra"}), MASTER))
    assert known.user_role == inside.LitellmUserRoles.PROXY_ADMIN
