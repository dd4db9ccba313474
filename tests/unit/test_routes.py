"""Routes are closed by default: the open ones, and every way to write one of them that stays closed."""

import pytest

from src.policy.routes import MODEL_ROUTES, ExtraRoutes, classify, known_path

NONE = ExtraRoutes.of(())
OPEN = {
    ("POST", "/v1/chat/completions"): "chat", ("POST", "/chat/completions"): "chat",
    ("POST", "/v1/completions"): "completions", ("POST", "/completions"): "completions",
    ("POST", "/v1/responses"): "responses", ("POST", "/responses"): "responses",
    ("POST", "/v1/messages"): "messages", ("POST", "/messages"): "messages",
    ("POST", "/v1/messages/count_tokens"): "count_tokens", ("POST", "/messages/count_tokens"): "count_tokens",
    ("POST", "/v1/embeddings"): "embeddings", ("POST", "/embeddings"): "embeddings",
    ("POST", "/v1/images/generations"): "images_generations", ("POST", "/v1/images/edits"): "images_edits",
    ("POST", "/v1/audio/speech"): "speech", ("POST", "/v1/audio/transcriptions"): "transcriptions",
    ("GET", "/v1/models"): "models", ("GET", "/models"): "models", ("GET", "/v1/models/gpt-5"): "model",
    ("GET", "/health/liveliness"): "live", ("GET", "/health/liveness"): "live", ("HEAD", "/health/liveness"): "live",
    ("HEAD", "/health/liveliness"): "live", ("GET", "/health/readiness"): "ready",
    ("HEAD", "/health/readiness"): "ready", ("GET", "/metrics"): "metrics",
}
CLOSED = [
    ("GET", "/v1/models/" + "m" * 401), ("HEAD", "/v1/models"), ("POST", "/v1/models/gpt-5"), ("POST", "/metrics"),
    ("GET", "/"), ("GET", "/v1/chat/completions"), ("OPTIONS", "/v1/chat/completions"), ("POST", "/v1/models"),
    ("PUT", "/v1/chat/completions"), ("DELETE", "/v1/models/gpt-5"), ("GET", "/health"), ("GET", "/ui/"),
    ("GET", "/health/readiness/details"), ("GET", "/model/info"), ("GET", "/v1/model/info"), ("GET", "/openapi.json"),
    ("POST", "/openai/v1/chat/completions"), ("GET", "/v1/files"), ("POST", "/v1/batches"), ("POST", "/v1/rerank"),
    ("POST", "/engines/gpt-5/chat/completions"), ("POST", "/openai/deployments/gpt-5/chat/completions"),
    ("GET", "/v1/responses/resp_1"), ("DELETE", "/v1/responses/resp_1"), ("POST", "/v1/responses/compact"),
    ("POST", "/vllm/chat/completions"), ("POST", "/key/generate"), ("GET", "/settings"), ("POST", "/config/update"),
]
TRICKS = [
    "//v1/chat/completions", "/v1//chat/completions", "/v1/chat/completions/", "/v1/../v1/chat/completions",
    "/./v1/chat/completions", "/v1/chat/completions/.", "/V1/chat/completions", "/v1/Chat/Completions",
    "/v1/chat%2fcompletions", "/v1/chat%2Fcompletions", "/%761/chat/completions", "/v1/chat/completions%00",
    "/v1/chat/completions;x=1", "/v1;/chat/completions", "/v1/chat/completions%20", "/v1/chat/completions\t",
    "/v1\\chat\\completions", "v1/chat/completions", "http://gateway/v1/chat/completions", "", "*",
    "/v1/models/..%2f..%2fhealth/../../key", "/openai_passthrough/../v1/chat/completions",
]


@pytest.mark.parametrize(("method", "path"), OPEN)
def test_open_routes_are_what_they_are_called(method, path):
    route = classify(method, path, NONE)
    assert route is not None and route.kind == OPEN[method, path]


@pytest.mark.parametrize(("method", "path"), CLOSED)
def test_everything_else_is_closed(method, path):
    assert classify(method, path, NONE) is None


@pytest.mark.parametrize("path", TRICKS)
def test_another_spelling_of_an_open_path_is_closed(path):
    assert classify("POST", path, ExtraRoutes.of(["/v1/files/*", "/v1/rerank"])) is None


def test_without_v1_litellm_is_asked_for_the_same_path_as_with_it():
    for route in MODEL_ROUTES:
        assert classify("POST", route.path, NONE) == classify("POST", route.path.removeprefix("/v1"), NONE) == route


@pytest.mark.parametrize(("method", "path", "asked"), [
    ("POST", "/chat/completions", "/v1/chat/completions"), ("GET", "/models", "/v1/models"),
    ("GET", "/health/liveness", "/health/liveliness"), ("HEAD", "/health/readiness", "/health/readiness"),
    ("GET", "/metrics", "/metrics"), ("GET", "/v1/rerank", "/v1/rerank"),
])
def test_litellm_is_asked_for_a_path_that_it_has(method, path, asked):
    route = classify(method, path, ExtraRoutes.of(["/v1/rerank"]))
    assert route is not None and route.path == asked


@pytest.mark.parametrize(("path", "body"), [
    ("/v1/chat/completions", "json"), ("/v1/completions", "json"), ("/v1/responses", "json"), ("/v1/messages", "json"),
    ("/v1/messages/count_tokens", "json"), ("/v1/embeddings", "json"), ("/v1/images/generations", "json"),
    ("/v1/images/edits", "multipart"), ("/v1/audio/speech", "json"), ("/v1/audio/transcriptions", "multipart"),
])
def test_a_route_with_a_body_asks_a_model_and_is_read_as_what_it_is(path, body):
    route = classify("POST", path, NONE)
    assert route is not None and (route.body, route.asks_a_model) == (body, True)


@pytest.mark.parametrize(("method", "path"), [key for key in OPEN if key[0] != "POST"])
def test_a_route_without_a_body_asks_no_model(method, path):
    route = classify(method, path, NONE)
    assert route is not None and (route.body, route.asks_a_model) == ("none", False)


@pytest.mark.parametrize(("path", "known"), [
    ("/v1/chat/completions", True), ("/v1/models", True), ("/v1/models/gpt-5", True), ("/metrics", True),
    ("/v1/rerank", False), ("/health", False), ("/v1/models/", False), ("/v1/chat/completions/", False), ("", False),
])
def test_a_browser_may_ask_beforehand_on_open_paths_only(path, known):
    assert known_path(path) is known


def test_errors_on_anthropics_routes_are_in_anthropics_shape():
    assert {route.kind for route in MODEL_ROUTES if route.style == "anthropic"} == {"messages", "count_tokens"}


@pytest.mark.parametrize(("path", "name"), [
    ("/v1/models/gpt-5", "gpt-5"), ("/models/gpt-5", "gpt-5"), ("/v1/models/groq/llama-3.3", "groq/llama-3.3"),
    ("/v1/models/groq%2Fllama-3.3", "groq/llama-3.3"), ("/v1/models/%67pt-5", "gpt-5"),
    ("/v1/models/" + "m" * 400, "m" * 400), ("/v1/models/a:b@c+d=e~f_g", "a:b@c+d=e~f_g"),
])
def test_one_model_is_found_by_its_name_also_with_a_slash(path, name):
    route = classify("GET", path, NONE)
    assert route is not None and route.model == name and route.path == "/v1/models"


@pytest.mark.parametrize(("path", "opened"), [
    ("/v1/rerank", True), ("/v1/rerank/x", False), ("/v1/rerank/", False), ("/v1/files", False), ("/v1/files/a", True),
    ("/v1/files/a/content", True), ("/v1/files/../key/generate", False), ("/v1/files/./a", False),
    ("/v1/files//a", False), ("/v1/files/a%2f..", False), ("/v1/files/a;b", False), ("/v1/filesystem", False),
    ("/v1/files/...", True), ("/v1/files/..a", True), ("/v1/files/..", False), ("/V1/rerank", False),
])
def test_extra_routes_open_exactly_what_they_say(path, opened):
    route = classify("GET", path, ExtraRoutes.of(["/v1/rerank", "/v1/files/*"]))
    assert (route is not None and route.kind == "extra") is opened
