"""LiteLLM's routes are closed by default: each one that the installed version has is known, and each was tried."""

import re

import httpx
import pytest

from src.hooks.errors_out import NOT_FOUND
from src.policy.routes import MODEL_ROUTES, ExtraRoutes, classify
from src.policy.steering import Steering
from tests.e2e.gateway import Gateway
from tests.e2e.hooks_support import LISTED, installed, lines_of, two_upstreams

NONE = ExtraRoutes.of(())
OPEN = {
    *(f"POST {route.path}" for route in MODEL_ROUTES),
    *(f"POST {route.path.removeprefix('/v1')}" for route in MODEL_ROUTES if not route.path.startswith("/v1/messages")),
    "GET /v1/models", "GET /models", "GET /v1/models/{model_id}", "GET /models/{model_id}", "GET /health/liveliness",
    "GET /health/liveness", "GET /health/readiness",
}
# Parameters of LiteLLM's functions that belong to the model, beside those that every specification names.
THE_MODELS_OWN = """audio background best_of dimensions echo encoding_format extra_body file frequency_penalty
    function_call functions image include include_server_side_tool_invocations input
    instructions language logit_bias logprobs mask max_completion_tokens max_output_tokens
    max_tokens messages metadata modalities model n parallel_tool_calls prediction
    presence_penalty previous_response_id prompt prompt_cache_key quality reasoning
    reasoning_effort response_format safety_identifier seed service_tier size speed stop store
    stream stream_options style suffix temperature text text_format thinking
    timestamp_granularities tool_choice tools top_logprobs top_p truncation user verbosity
    voice web_search_options""".split()


def concrete(template: str) -> str:
    """Fill the parameters of a route's path."""
    return re.sub(r"\{[^}]*\}", "x", template)


def test_every_route_of_the_installed_litellm_has_been_looked_at():
    known = set(LISTED.read_text(encoding="utf-8").split("\n")) - {""}
    new = set(installed()["routes"]) - known
    assert new == set(), f"decide about these, then add them to {LISTED.name}"


def test_of_litellms_routes_exactly_the_models_are_open():
    opened = {line for line in installed()["routes"]
              if classify(line.split()[0], concrete(line.split()[1]), NONE) is not None}
    assert opened == OPEN


def test_whatever_litellm_calls_its_own_is_removed_and_what_is_the_models_passes():
    found = installed()
    steering = Steering.of(found["fields"])
    passing = {name for name in found["parameters"] if not steering.steers(name)}
    assert passing - {"self"} == set(THE_MODELS_OWN)
    assert {"api_base", "no-log", "model_list", "litellm_credential_name", "aws_role_name"} <= set(found["fields"])


@pytest.fixture(scope="module")
def gateway(upstream):
    variables = two_upstreams(upstream.url, upstream.url, GATEWAY_EXTRA_ROUTES="/v1/rerank,/model/*")
    with Gateway(variables) as running:
        yield running


def test_every_closed_route_is_a_404_to_the_master_key_and_reaches_no_upstream(gateway, upstream):
    upstream.reset()
    closed = [line.split() for line in installed()["routes"] if line not in OPEN]
    told = set()
    with httpx.Client(base_url=gateway.url, headers=gateway.headers, trust_env=False, timeout=30) as client:
        for method, template in closed:
            path = concrete(template)
            if method == "APIWebSocketRoute" or path.startswith(("/model/", "/v1/rerank")):
                continue
            answer = client.request("GET" if method in ("Mount", "Route") else method, path)
            told.add((answer.status_code, answer.text if method != "HEAD" else ""))
    body = NOT_FOUND.body("openai", "").decode()
    assert told <= {(404, body), (404, "")} and (404, body) in told
    assert upstream.requests == [] and lines_of(gateway.stdout) == []


@pytest.mark.parametrize("path", [
    "/v1/chat/completions/", "/v1//chat/completions", "/v1/chat%2fcompletions", "/v1/x/../chat/completions",
    "/V1/chat/completions", "/v1/chat/completions;a", "/openai/../v1/chat/completions", "/v1/./chat/completions",
])
def test_no_other_spelling_opens_a_route_on_the_wire(gateway, path):
    import http.client

    connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=30)
    connection.request("POST", path, body="{}", headers=gateway.headers)  # sent as it is, not normalised
    assert connection.getresponse().status == 404
    connection.close()


@pytest.mark.parametrize("path", ["/v1/realtime?model=main", "/v1/responses", "/vertex_ai/live"])
def test_websockets_are_refused(gateway, path):
    answer = gateway.request("GET", path, headers={
        **gateway.headers, "connection": "Upgrade", "upgrade": "websocket", "sec-websocket-version": "13",
        "sec-websocket-key": "eHh4eHh4eHh4eHh4eHh4eA=="})
    assert answer.status_code in (400, 403, 404)


def test_extra_routes_are_for_the_master_key_alone(gateway):
    assert gateway.request("GET", "/model/info").json()["data"]
    assert gateway.request("GET", "/model/info", headers={"x-api-key": "guess"}).status_code == 404
    assert gateway.request("GET", "/model/info", headers={}).status_code == 404
    assert "authorization" not in gateway.request("GET", "/model/info").text


def test_health_is_open_and_tells_nothing(gateway):
    for path in ("/health/liveliness", "/health/liveness", "/health/readiness"):
        answer = gateway.request("GET", path, headers={})
        assert (answer.status_code, answer.json()) == (200, {"status": "healthy"})
        assert gateway.request("HEAD", path, headers={}).status_code == 200


def test_models_are_listed_and_found_by_name(gateway):
    assert set(gateway.aliases()) == {"main", "other", "embed", "image"} == set(
        gateway.request("GET", "/models").json()["data"][n]["id"] for n in range(4))
    assert gateway.request("GET", "/v1/models/main").json()["object"] == "model"
    assert gateway.request("GET", "/v1/models/nobody").status_code == 404


def test_metrics_are_for_the_master_key(gateway):
    assert gateway.request("GET", "/metrics", headers={}).status_code == 401
    assert gateway.request("GET", "/metrics").status_code in (200, 404)  # 404 without the extra
