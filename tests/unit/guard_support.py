"""A guard around an inner application of the test's own, and a client that speaks ASGI to it."""

import asyncio
import json
import uuid
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from src.hooks.guard import Guard
from src.hooks.guard_admit import Edge
from src.hooks.planview import read_plan
from src.hooks.record import RequestBook, RequestRecord
from src.hooks.runtime import Runtime

MASTER = f"master-{uuid.uuid4().hex}"
UPSTREAM_KEY = f"canary-{uuid.uuid4().hex}"
BASE = "http://upstream.example:8080/v1"
Inner = Callable[[Any, Any, Any], Awaitable[None]]


def runtime(**settings: Any) -> Runtime:
    """Return the runtime of a plan with two models; its lines are collected in ``runtime.lines``."""
    plan = {"hash": "0123456789ab", "settings": {"max_body_mb": 1, "body_timeout": 5.0, **settings},
            "models": [{"key": "gpt5", "alias": "gpt-5", "deployment": "gpt5", "base": BASE},
                       {"key": "llama", "alias": "groq/llama-3.3", "deployment": "llama"}],
            "chains": [{"key": "default", "alias": "default", "models": ["gpt5", "llama"]}]}
    sinks: list[Callable[[RequestRecord], None]] = []
    return Runtime(plan=read_plan(json.dumps(plan)), master_key=MASTER, metrics_key="metrics-reader",
                   secrets=(MASTER, UPSTREAM_KEY), book=RequestBook(sinks, settle_seconds=0.01), sinks=sinks)


@dataclass
class Answered:
    """What a client got."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    chunks: list[bytes] = field(default_factory=list)

    @property
    def body(self) -> bytes:
        """Return the whole body."""
        return b"".join(self.chunks)

    def json(self) -> Any:
        """Return the body's JSON."""
        return json.loads(self.body)


@dataclass
class Seen:
    """What the inner application saw of one request."""

    path: str
    query: bytes
    headers: dict[str, str]
    body: bytes


class World:
    """A guard, its request lines, and what reached the inner application."""

    def __init__(self, inner: Inner | None = None, derived: Iterable[str] = (), **settings: Any) -> None:
        self.runtime = runtime(**settings)
        self.records: list[RequestRecord] = []
        self.runtime.sinks.append(self.records.append)
        self.seen: list[Seen] = []
        self.guard = Guard(inner or self._inner, Edge.of(self.runtime, derived), self._metrics)

    async def _inner(self, scope: Any, receive: Any, send: Any) -> None:
        self.seen.append(await seen(scope, receive))
        await reply(send, 200, b'{"ok":true}')

    async def _metrics(self, scope: Any, receive: Any, send: Any) -> None:
        await reply(send, 200, b"# metrics", {"content-type": "text/plain"})

    def ask(self, method: str = "POST", path: str = "/v1/chat/completions", body: Any = None,
            headers: Mapping[str, str] | None = None, **more: Any) -> Answered:
        """Ask as an authorized client unless ``headers`` say otherwise; ``body`` is JSON, bytes, or chunks of them."""
        return asyncio.run(self.asked(method, path, body, headers, **more))

    async def asked(self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None,
                    query: bytes = b"", leaves: bool = False) -> Answered:
        """The same inside a running loop; with ``leaves`` the client is gone after its body."""
        sent = {"authorization": f"Bearer {MASTER}"} if headers is None else headers
        scope = {"type": "http", "method": method, "path": path, "raw_path": path.encode(), "query_string": query,
                 "root_path": "", "headers": [(n.lower().encode(), v.encode("latin-1")) for n, v in sent.items()]}
        answered = Answered()
        await self.guard(scope, client(chunks(body), leaves), collect(answered))
        for record in list(self.runtime.open_requests.values()):
            if record.timer is not None:
                await asyncio.sleep(0.02)  # the book's own patience, ten milliseconds here
        return answered

    @property
    def record(self) -> RequestRecord:
        """Return the only request line."""
        assert len(self.records) == 1
        return self.records[0]


def chunks(body: Any) -> list[bytes]:
    """Return a body as the pieces that arrive."""
    if isinstance(body, list):
        return body
    return [body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()]


def client(pieces: list[bytes], leaves: bool = False) -> Callable[[], Awaitable[dict[str, Any]]]:
    """Return the ``receive`` of a client that sends ``pieces`` and then waits, or leaves."""
    left = list(pieces)

    async def receive() -> dict[str, Any]:
        if left:
            piece = left.pop(0)
            return {"type": "http.request", "body": piece, "more_body": bool(left)}
        if leaves:
            return {"type": "http.disconnect"}
        return await asyncio.get_running_loop().create_future()

    return receive


def collect(answered: Answered) -> Callable[[Any], Awaitable[None]]:
    """Return the ``send`` that fills ``answered``."""
    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            assert not answered.status, "two answers to one request"
            answered.status = message["status"]
            answered.headers = {name.decode(): value.decode() for name, value in message["headers"]}
        elif message["type"] == "http.response.body":
            answered.chunks.append(message["body"])

    return send


async def seen(scope: Any, receive: Any) -> Seen:
    """Read a request as an application does."""
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    headers = {name.decode(): value.decode() for name, value in scope["headers"]}
    return Seen(scope["path"], scope["query_string"], headers, body)


async def reply(send: Any, status: int, body: bytes, headers: Mapping[str, str] | None = None) -> None:
    """Send a whole answer."""
    listed = {"content-type": "application/json", "content-length": str(len(body)), **(headers or {})}
    await send({"type": "http.response.start", "status": status,
                "headers": [(name.encode(), value.encode()) for name, value in listed.items()]})
    await send({"type": "http.response.body", "body": body, "more_body": False})


def answering(status: int, body: bytes, headers: Mapping[str, str] | None = None) -> Inner:
    """Return an inner application that always answers the same."""
    async def inner(scope: Any, receive: Any, send: Any) -> None:
        await seen(scope, receive)
        await reply(send, status, body, headers)

    return inner


def streaming(*events: bytes, then: BaseException | None = None) -> Inner:
    """Return an inner application that streams ``events``, and raises ``then`` instead of ending."""
    async def inner(scope: Any, receive: Any, send: Any) -> None:
        await seen(scope, receive)
        await send({"type": "http.response.start", "status": 200,
                    "headers": [(b"content-type", b"text/event-stream; charset=utf-8")]})
        for event in events:
            await send({"type": "http.response.body", "body": event, "more_body": True})
        if then is not None:
            raise then
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    return inner


CHAT = {"model": "gpt-5", "messages": [{"role": "user", "content": "hi"}]}
