"""What LiteLLM's application is handed, how it is asked for its health, and what of a request waits for its answer."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from src.hooks.auth import SCOPE_KEY
from src.hooks.guard import Guard
from src.hooks.guard_admit import Edge
from src.hooks.upstreams import note
from tests.unit.guard_support import CHAT, MASTER, Answered, World, answering, client, collect, reply


class Handed(World):
    """A guard whose inner application keeps the scopes that it gets and the messages that it reads."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(self._keep, **settings)
        self.scopes: list[Any] = []
        self.read: list[Any] = []

    async def _keep(self, scope: Any, receive: Any, send: Any) -> None:
        self.scopes.append(scope)
        if scope["method"] == "POST":
            self.read += [await receive(), await receive()]
        await reply(send, 200, b"{}")


def test_litellm_is_handed_our_path_in_every_form_and_the_rest_as_it_came() -> None:
    world, answered = Handed(), Answered()
    scope = {"type": "http", "method": "POST", "path": "/mounted/chat/completions", "raw_path": b"/chat/completions",
             "root_path": "/mounted", "query_string": b"a=b", "headers": [(b"x-api-key", MASTER.encode())],
             "client": ("10.9.8.7", 5), "state": {"kept": True}}
    body = b'{"model":"gpt-5"}'
    asyncio.run(world.guard(scope, client([body], leaves=True), collect(answered)))
    inner, = world.scopes
    assert (inner["path"], inner["raw_path"]) == ("/v1/chat/completions", b"/v1/chat/completions")
    assert (inner["root_path"], inner["query_string"]) == ("", b"")
    assert {name: inner[name] for name in ("type", "method", "client", "state")} == {
        name: scope[name] for name in ("type", "method", "client", "state")}
    assert SCOPE_KEY not in inner
    assert world.read == [{"type": "http.request", "body": body, "more_body": False}, {"type": "http.disconnect"}]


def test_only_an_opened_route_is_marked_as_the_operators_and_hears_what_its_body_is() -> None:
    world = Handed(extra_routes=["/v1/rerank"])
    world.ask("POST", "/v1/rerank", [b"x" * (1 << 20), b"y"], {
        "x-api-key": MASTER, "content-type": "text/plain", "content-length": "5", "cookie": "a=b", "user-agent": "me"})
    inner, = world.scopes
    assert inner[SCOPE_KEY] == "extra"
    assert {name for name, _ in inner["headers"]} == {
        b"host", b"x-litellm-call-id", b"authorization", b"content-type", b"content-length"}
    assert world.read[1] == {"type": "http.disconnect"}, "a body beyond the limit breaks off"


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_health_is_asked_of_litellm_by_get_and_without_a_key(method: str) -> None:
    world = Handed()
    answered = world.ask(method, "/health/readiness", headers={"x-api-key": MASTER})
    assert (world.scopes[0]["method"], answered.json()) == ("GET", {"status": "healthy"})
    assert not [name for name, _ in world.scopes[0]["headers"] if name == b"authorization"]
    assert answered.headers["content-type"] == "application/json"
    assert int(answered.headers["content-length"]) == len(answered.body)


def test_a_gateway_that_is_not_ready_says_so() -> None:
    error = World(answering(503, b"{}")).ask("GET", "/health/readiness").json()["error"]
    assert (error["message"], error["code"]) == ("The gateway is not ready.", "unhealthy")


def test_our_own_work_runs_as_long_as_litellms_application() -> None:
    heard: list[str] = []

    @asynccontextmanager
    async def background() -> AsyncIterator[None]:
        heard.append("ours begins")
        yield
        heard.append("ours ends")

    async def lifespan(scope: Any, receive: Any, send: Any) -> None:
        heard.append("theirs")

    world = World()
    guard = Guard(lifespan, Edge.of(world.runtime), world._metrics, background())
    asyncio.run(guard({"type": "lifespan"}, client([]), collect(Answered())))
    assert heard == ["ours begins", "theirs", "ours ends"]


@pytest.mark.parametrize("method", ["DELETE", "PUT", "OPTION"])
def test_only_a_preflight_is_answered_like_one(method: str) -> None:
    sent = {"origin": "https://app.example", "access-control-request-method": "POST"}
    assert World(cors_origins=["*"]).ask(method, headers=sent).status == 404


class Upstream:
    """An upstream's answer that is being read."""

    closed = 0

    async def aclose(self) -> None:
        """Count how often it is closed."""
        self.closed += 1


@pytest.mark.parametrize("leaves", [True, False])
def test_an_upstream_is_let_go_when_its_client_has_left(leaves: bool) -> None:
    upstream = Upstream()

    async def asking(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        note(next(iter(world.runtime.open_requests.values())), upstream)
        if leaves:
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await receive()
        else:
            await reply(send, 200, b"{}")

    world = World(asking)
    asyncio.run(world.asked("POST", "/v1/chat/completions", CHAT, leaves=leaves))
    assert upstream.closed == (1 if leaves else 0)
    assert world.record.error == ("the client left before the answer ended" if leaves else None)


@pytest.mark.parametrize(("path", "tokens"), [("/v1/chat/completions", 7), ("/v1/messages/count_tokens", None)])
def test_a_line_waits_for_the_tokens_of_its_answer(path: str, tokens: int | None) -> None:
    async def counted_later(scope: Any, receive: Any, send: Any) -> None:
        await reply(send, 200, b"{}")
        asyncio.get_running_loop().call_soon(count, next(iter(world.runtime.open_requests.values())))

    def count(record: Any) -> None:
        record.prompt_tokens = 7
        world.runtime.book.settle(record)

    world, lines = World(counted_later), []
    world.runtime.sinks.append(lambda record: lines.append(record.to_line()["prompt_tokens"]))

    async def story() -> None:
        await world.asked("POST", path, CHAT)
        await asyncio.sleep(0)

    asyncio.run(story())
    assert lines == [tokens]
