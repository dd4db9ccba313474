"""A gateway that says what a test wants, behind the real SDK; and the service in front of it, without a network."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Any

import httpx
import openai

from src.discovery.access import Access, KeyRing
from src.discovery.gateway import Listed
from src.discovery.service import create_app
from src.policy.client_keys import ClientKey, digest_of

from .declaring import canary

TOKEN = canary("token")
GATEWAY_KEY = canary("gateway-key")


class FakeGateway:
    """Answers like LiteLLM. ``answer``: ids, an HTTP status, an error to raise, or a whole response."""

    def __init__(self, *ids: str) -> None:
        self.answer: list[str] | int | Exception | httpx.Response = list(ids)
        self.keys: list[str] = []
        self.open = asyncio.Event()
        self.open.set()

    @property
    def asked(self) -> int:
        """Return how often the gateway was asked."""
        return len(self.keys)

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        assert (request.method, request.url.path) == ("GET", "/v1/models")
        self.keys.append(request.headers["authorization"].removeprefix("Bearer "))
        await self.open.wait()
        if isinstance(self.answer, Exception):
            raise self.answer
        if isinstance(self.answer, httpx.Response):
            return self.answer
        if isinstance(self.answer, int):
            return httpx.Response(self.answer, json={"error": {"message": f"wrong: {GATEWAY_KEY}"}})
        data = [{"id": name, "object": "model", "created": 1_677_610_602, "owned_by": "openai", "mode": "chat",
                 "max_input_tokens": 1_000} for name in self.answer]
        return httpx.Response(200, json={"data": data, "object": "list"})

    def client(self, key: Any = GATEWAY_KEY) -> openai.AsyncOpenAI:
        """Return the SDK's client of this gateway."""
        http = httpx.AsyncClient(transport=httpx.MockTransport(self))
        return openai.AsyncOpenAI(base_url="http://gateway/v1", api_key=key, max_retries=0, http_client=http)


class Said:
    """What was told to the log."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str]] = []

    def __call__(self, event: str, text: str) -> None:
        self.lines.append((event, text))

    def of(self, event: str) -> list[str]:
        """Return the lines of one kind."""
        return [text for kind, text in self.lines if kind == event]


class Clock:
    """A clock that goes only when told to."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def ring(keys: Callable[[], Iterable[ClientKey]], ttl: float = 60.0, **more: Any) -> KeyRing:
    """Return the keys as they are read first."""
    found = KeyRing(keys, ttl, **{"tell": Said(), "rest": 0.01, **more})
    found.load()
    return found


def holder(text: str, *models: str, **more: Any) -> ClientKey:
    """Return the client key whose text is ``text``."""
    return ClientKey("alice", digest_of(text), models=models, **more)


@asynccontextmanager
async def serving(gateway: FakeGateway, *, keys: KeyRing | None = None, ttl: float = 60.0,
                  configured: Iterable[str] = (), said: Said | None = None) -> AsyncIterator[httpx.AsyncClient]:
    """Yield a client of the running service, which sends the service's own token."""
    app = create_app(gateway.client(), map(Listed, configured), Access([TOKEN], keys), ttl, said or Said())
    async with app.router.lifespan_context(app), httpx.AsyncClient(
            transport=httpx.ASGITransport(app), base_url="http://discovery", headers=bearer(TOKEN)) as client:
        yield client


def bearer(token: str) -> dict[str, str]:
    """Return the header that carries a token."""
    return {"authorization": f"Bearer {token}"}


def names(answer: httpx.Response) -> list[str]:
    """Return the ids of a list."""
    return [entry["id"] for entry in answer.raise_for_status().json()["data"]]


async def until(condition: Callable[[], Any], what: str, seconds: float = 20.0) -> None:
    """Wait for ``condition``; fail where it does not hold in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, what
        await asyncio.sleep(0.005)
