"""The table of routes, providers and features in docs/routes.md, measured; GATEWAY_REGENERATE_DOCS=1 writes it anew."""

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from src.mock.server import Fault, MockUpstream
from tests.e2e.gateway import ROOT, Gateway
from tests.e2e.inside_support import Inside, chain, declared

DOCUMENT = Path("docs/routes.md")
MESSAGES = {"messages": [{"role": "user", "content": "hi"}]}
ROUTES: dict[str, tuple[str, dict[str, Any]]] = {
    "chat completions": ("/v1/chat/completions", MESSAGES),
    "messages": ("/v1/messages", MESSAGES | {"max_tokens": 64}),
    "embeddings": ("/v1/embeddings", {"input": "hi"}),
    "completions": ("/v1/completions", {"prompt": "hi"}),
    "responses": ("/v1/responses", {"input": "hi"}),
    "images": ("/v1/images/generations", {"prompt": "hi"}),
    "speech": ("/v1/audio/speech", {"input": "hi", "voice": "alloy"}),
    "transcriptions": ("/v1/audio/transcriptions", {}),
}
STREAMED = {"chat completions", "messages", "completions", "responses"}
# Which routes a provider has in LiteLLM and is measured on.
PROVIDERS = {
    "openai": list(ROUTES),
    "groq": ["chat completions", "messages", "responses"],
    "mistral": ["chat completions", "messages", "embeddings", "responses"],
    "gemini": ["chat completions", "messages", "responses"],
}
NAMES = {"good": "good", "down": "mock-500", "breaking": "mock-break-first"}
# Mistral's API counts its streams unasked, in the last chunk; LiteLLM does not ask it (1.106).
MISTRAL_STREAM = "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in (
    {"id": "m", "object": "chat.completion.chunk", "created": 1, "model": "sse", "choices": [
        {"index": 0, "delta": {"role": "assistant", "content": "hello"}, "finish_reason": None}]},
    {"id": "m", "object": "chat.completion.chunk", "created": 1, "model": "sse", "choices": [
        {"index": 0, "delta": {"content": ""}, "finish_reason": "stop"}],
     "usage": {"prompt_tokens": 1, "completion_tokens": 3, "total_tokens": 4}})) + "data: [DONE]\n\n"
MUST_SAY_YES = {"chat completions", "messages", "embeddings"}
NOTES = """# Routes, providers, features

Measured by `tests/e2e/test_inside_routes.py` with LiteLLM's real code and a mock of each provider; the test fails when
this page is stale, and `GATEWAY_REGENERATE_DOCS=1` writes it anew. `openai` stands for every OpenAI-compatible
upstream. A dash: the combination does not exist (a route that does not stream, a provider without the route).

| column | yes means |
|---|---|
| plain, stream | a request is answered, and has one request line without an error |
| tokens, streamed | the line has the upstream's count of tokens |
| cost, streamed | the line has the cost by the declared prices |
| chain | the next model of a chain answers where the first one answers 500 |
| chain, streamed | the same where the first one breaks before its first chunk |
| drops told | each parameter reaches the upstream or is named in `x-gateway-dropped-params` |

"""
AFTER = """
A streamed text completion is asked for only when the answer has begun to be sent (LiteLLM 1.106), so nothing can move
on there; its error is the first one's. On /v1/responses with a native provider LiteLLM goes through chat completions.
"""


@pytest.fixture(scope="module")
def inside(upstream: MockUpstream) -> Iterator[Inside]:
    models: dict[str, dict[str, str]] = {}
    chains: dict[str, str] = {}
    for provider in PROVIDERS:
        base = upstream.url.removesuffix("/v1") + "/v1beta" if provider == "gemini" else upstream.url
        for name, model in NAMES.items():
            models[provider + name] = {"UPSTREAM_MODEL": f"{provider}/{model}", "API_BASE": base, "INPUT_COST": "1",
                                       "OUTPUT_COST": "2", "ALIAS": f"{provider}-{name}", "RETRIES": "0"}
        for name in ("down", "breaking"):
            chains |= chain(f"{provider}chain{name}", provider + name, provider + "good")
    upstream.faults["sse"] = Fault(body=MISTRAL_STREAM, content_type="text/event-stream")
    models["mistralsse"] = models["mistralgood"] | {"UPSTREAM_MODEL": "mistral/sse", "ALIAS": "mistral-sse"}
    keys = ",".join(f"{provider}chain{name}" for provider in PROVIDERS for name in ("down", "breaking"))
    with Gateway(declared(upstream.url, models, PROXY_CHAIN_KEYS=keys, **chains)) as gateway:
        yield Inside(gateway)


class Cell:
    """One provider on one route."""

    def __init__(self, inside: Inside, upstream: MockUpstream, provider: str, route: str) -> None:
        self.inside, self.upstream, self.provider, self.route = inside, upstream, provider, route

    def ask(self, model: str, **more: Any) -> tuple[httpx.Response, dict[str, Any]]:
        path, body = ROUTES[self.route]
        if self.route == "transcriptions":
            response = self.inside.client.post(path, data={"model": model, **more}, files={"file": ("a.wav", b"RIFF")})
        else:
            response = self.inside.post(path, model=model, **body, **more)
        return response, self.inside.line(response)

    def answered(self, model: str, **more: Any) -> dict[str, Any] | None:
        """Return the line of a good answer, None of any other."""
        response, line = self.ask(model, **more)
        complete = '"error"' not in response.text if more.get("stream") else True
        return line if response.status_code == 200 and line["error_type"] is None and complete else None

    def good(self, **more: Any) -> dict[str, Any] | None:
        """Return the line of a good answer of the provider's model."""
        name = "sse" if self.provider == "mistral" and more.get("stream") else "good"
        return self.answered(f"{self.provider}-{name}", **more)

    def plain(self, **more: Any) -> bool:
        return self.good(**more) is not None

    def tokens(self, **more: Any) -> bool:
        line = self.good(**more)
        return line is not None and line["prompt_tokens"] == 1

    def cost(self, **more: Any) -> bool:
        line = self.good(**more)
        if line is None or line["cost_state"] != "priced":
            return False
        return bool(line["cost_micros"] == line["prompt_tokens"] + 2 * (line["completion_tokens"] or 0))

    def chain(self, first: str, **more: Any) -> bool:
        line = self.answered(f"{self.provider}chain{first}", **more)
        return line is not None and line["chain_position"] == 2 and len(line["attempts"]) == 2

    def drops(self) -> bool:
        sent = {"user": "somebody", "verbosity": "low"} if self.route != "transcriptions" else {"user": "somebody"}
        response, _ = self.ask(f"{self.provider}-good", **sent)
        told = response.headers.get("x-gateway-dropped-params", "").split(", ")
        body = self.upstream.requests[-1].body
        arrived = body if isinstance(body, dict) else {}
        return response.status_code == 200 and all((name in told) != (name in arrived) for name in sent)


COLUMNS: dict[str, Callable[[Cell], bool]] = {
    "plain": Cell.plain,
    "stream": lambda cell: cell.plain(stream=True),
    "tokens": Cell.tokens,
    "tokens, streamed": lambda cell: cell.tokens(stream=True),
    "cost": Cell.cost,
    "cost, streamed": lambda cell: cell.cost(stream=True),
    "chain": lambda cell: cell.chain("down"),
    "chain, streamed": lambda cell: cell.chain("breaking", stream=True),
    "drops told": Cell.drops,
}


def measured(inside: Inside, upstream: MockUpstream) -> list[list[str]]:
    """Return the rows of the table."""
    rows = []
    for route in ROUTES:
        for provider, routes in PROVIDERS.items():
            cell = Cell(inside, upstream, provider, route)
            if route in routes:
                rows.append([route, provider, *(_word(name, check, cell) for name, check in COLUMNS.items())])
    return rows


def _word(name: str, check: Callable[[Cell], bool], cell: Cell) -> str:
    if "stream" in name and cell.route not in STREAMED:
        return "-"
    return "yes" if check(cell) else "no"


def page(rows: list[list[str]]) -> str:
    """Return docs/routes.md."""
    lines = [["route", "provider", *COLUMNS], ["---"] * (len(COLUMNS) + 2), *rows]
    return NOTES + "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n" + AFTER


def test_the_page_tells_what_holds_and_the_main_routes_say_yes_everywhere(inside: Inside,
                                                                          upstream: MockUpstream) -> None:
    rows = measured(inside, upstream)
    if os.environ.get("GATEWAY_REGENERATE_DOCS") == "1":
        (ROOT / DOCUMENT).write_text(page(rows), encoding="utf-8")
    assert [row for row in rows if row[0] in MUST_SAY_YES and "no" in row] == []
    assert (ROOT / DOCUMENT).read_text(encoding="utf-8") == page(rows), "GATEWAY_REGENERATE_DOCS=1 writes it anew"
