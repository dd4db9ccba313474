"""Asking an upstream for its models: ids, or one sentence why not; never a wait without end, never an exception."""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from src.begin import discover
from src.begin.discover import Found, list_models
from src.begin.offers import OFFERS, Style, key_variable, known_models, nearest, offer_of
from src.config.models import MODEL_CAPS
from src.config.providers import PROVIDERS
from src.mock.server import MockUpstream

from .declaring import canary


class Upstream(ThreadingHTTPServer):
    """Answers every GET alike and remembers what it was asked."""

    def __init__(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.status, self.body, self.headers = status, body, headers
        self.asked: list[tuple[str, dict[str, str]]] = []

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        server = self.server
        assert isinstance(server, Upstream)
        server.asked.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
        self.send_response(server.status)
        for name, value in server.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(server.body)))
        self.end_headers()
        try:
            self.wfile.write(server.body)
        except ConnectionError:
            return  # the client had seen enough

    def log_message(self, format: str, *args: object) -> None:
        """Stay quiet."""


@contextmanager
def upstream(body: object = None, status: int = 200, **headers: str) -> Iterator[Upstream]:
    server = Upstream(status, body if isinstance(body, bytes) else json.dumps(body).encode(), headers)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_the_models_of_an_openai_compatible_upstream_are_listed_with_the_typed_key() -> None:
    key = canary()
    with MockUpstream() as mock:
        found = list_models(mock.url, key)
        assert found.models and not found.why
        assert [(one.method, one.headers["authorization"]) for one in mock.requests] == [("GET", f"Bearer {key}")]


@pytest.mark.parametrize("style, body, path, header, models", [
    ("openai", {"data": [{"id": "a"}, {"id": "a"}, {"id": "b/c"}]}, "/v1/models", "authorization", ("a", "b/c")),
    ("anthropic", {"data": [{"id": "claude"}]}, "/v1/models?limit=1000", "x-api-key", ("claude",)),
    ("gemini", {"models": [{"name": "models/g", "supportedGenerationMethods": ["generateContent"]},
                           {"name": "models/e", "supportedGenerationMethods": ["embedContent"]}, {"name": "models/h"}]},
     "/v1/models?pageSize=1000", "x-goog-api-key", ("g", "h")),
])
def test_each_kind_of_list_is_read_its_own_way(style: Style, body: object, path: str, header: str,
                                               models: tuple[str, ...]) -> None:
    with upstream(body) as server:
        assert list_models(server.base + "/", "the-key", style) == Found(models)
    asked, headers = server.asked[0]
    assert asked == path and headers[header].endswith("the-key")


@pytest.mark.parametrize("body, status, why, refused", [
    ({}, 401, "does not accept the key (401)", True), ({}, 403, "does not accept the key (403)", True),
    ({}, 404, "it answers 404", False), ({}, 302, "it answers 302", False), ({}, 200, "cannot be read", False),
    (b"<html>", 200, "cannot be read", False), ([1], 200, "cannot be read", False),
    ({"data": []}, 200, "lists no models", False), ({"data": [{"id": "two words"}]}, 200, "lists no models", False),
    (b"[" * 100_000, 200, "cannot be read", False),
])
def test_an_upstream_without_a_list_is_one_sentence(body: object, status: int, why: str, refused: bool) -> None:
    with upstream(body, status, Location="http://elsewhere.example.com/") as server:
        found = list_models(server.base, "the-key")
    assert why in found.why and found.refused is refused and found.models == () and len(server.asked) == 1


def test_an_endless_list_is_not_read_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(discover, "MOST_BYTES", 1000)
    with upstream({"data": [{"id": f"model-{number}"} for number in range(100)]}) as server:
        assert list_models(server.base, None) == Found(why="its list of models cannot be read")
        assert "authorization" not in server.asked[0][1]


@pytest.mark.parametrize("base", ["http://127.0.0.1:1/v1", "http://[", "http://nobody.invalid/v1"])
def test_an_upstream_that_is_not_there_is_one_sentence(base: str) -> None:
    assert "it cannot be reached" in list_models(base, None).why


def test_an_upstream_that_says_nothing_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:

    monkeypatch.setattr(discover, "TIMEOUT_S", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        found = list_models(f"http://127.0.0.1:{silent.getsockname()[1]}", None)
    assert found == Found(why="no answer within 0.1 s")


# --- what is offered ------------------------------------------------------------------------------------------------

def test_every_offer_is_a_provider_that_the_gateway_knows() -> None:
    assert {offer.provider for offer in OFFERS} <= set(PROVIDERS)
    assert len({offer.word for offer in OFFERS}) == len(OFFERS)


def test_any_provider_of_litellm_may_be_named() -> None:
    assert all(offer_of(name) for name in PROVIDERS)
    assert offer_of("nobody") is None and nearest("grok") == "; did you mean groq?"
    azure = offer_of(" Azure ")
    assert azure is not None and (azure.declared, azure.key_env) == (True, "AZURE_API_KEY")


@pytest.mark.parametrize("base, name", [
    ("https://llm.example.com/v1", "EXAMPLE_API_KEY"), ("http://127.0.0.1:8000/v1", "UPSTREAM_API_KEY"),
    ("http://localhost:1/v1", "UPSTREAM_API_KEY"), ("https://api.openai.com/v1", "UPSTREAM_API_KEY"),
    ("https://my-host/v1", "MY_HOST_API_KEY"), ("https://9router.net/v1", "UPSTREAM_API_KEY"), ("", "UPSTREAM_API_KEY"),
])
def test_a_bases_key_is_named_after_its_host_and_never_openais(base: str, name: str) -> None:
    assert key_variable(base) == name


def test_known_models_are_suggested_for_their_own_provider_and_retired_ones_for_none() -> None:
    suggested = {offer.word: known_models(offer) for offer in OFFERS}
    assert suggested["openai"] == ["gpt-5"] and "grok-3-mini" in suggested["xai"]
    assert suggested["groq"] == ["llama-3.3-70b-versatile", "openai/gpt-oss-120b"]
    assert suggested["gemini"] == ["gemini-2.5-flash"]
    assert {"gpt-5", "glm-4.6"} <= set(suggested["compatible"])
    retired = {name for name, caps in MODEL_CAPS.items() if caps.deprecated_on}
    assert retired and not retired & {name for names in suggested.values() for name in names}
