"""What the edge adds to a request: CPU of the guard against a bare ASGI pass-through, interleaved in one process.

    python -m benchmarks.edge [--requests N] [--rounds R]

Prints the median of the rounds in microseconds per request, for a plain answer and for one of 200 chunks; the request
line is written (to /dev/null) and counted in.
"""

import argparse
import asyncio
import json
import os
import statistics
import tempfile
import time
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

from src.hooks import linelog, runtime
from src.hooks.guard import Guard
from src.hooks.guard_admit import Edge

App = Callable[[Any, Any, Any], Awaitable[None]]
MASTER = f"master-{uuid.uuid4().hex}"
SECRETS = {f"KEY_{number}": f"canary-{uuid.uuid4().hex}" for number in range(10)}
BODY = json.dumps({"model": "gpt-5", "stream": True, "temperature": 0.2, "messages": [
    {"role": "user", "content": "How many people live on the islands? " * 8}] * 4}).encode()
ANSWER = json.dumps({"choices": [{"message": {"content": "About twelve hundred. " * 40}}]}).encode()
CHUNK = b'data: {"id":"chatcmpl-1","choices":[{"index":0,"delta":{"content":"twelve "}}]}\n\n'
HEADERS = [(b"host", b"gateway"), (b"authorization", b"Bearer " + MASTER.encode()), (b"accept", b"application/json"),
           (b"content-type", b"application/json"), (b"user-agent", b"OpenAI/Python"), (b"accept-encoding", b"gzip"),
           (b"content-length", str(len(BODY)).encode()), (b"x-stainless-lang", b"python")]


def answering(chunks: int) -> App:
    """Return an application that answers whole, or in ``chunks`` pieces."""
    kind = b"text/event-stream" if chunks else b"application/json"

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        record = runtime.current().book.find(dict(scope["headers"]).get(b"x-litellm-call-id", b"").decode())
        if record is not None:
            record.settled = True
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", kind)]})
        for _ in range(chunks):
            await send({"type": "http.response.body", "body": CHUNK, "more_body": True})
        await send({"type": "http.response.body", "body": b"" if chunks else ANSWER, "more_body": False})

    return app


async def through(app: App) -> Any:
    """Ask once."""
    scope = {"type": "http", "method": "POST", "path": "/v1/chat/completions", "raw_path": b"/v1/chat/completions",
             "query_string": b"", "headers": HEADERS, "root_path": ""}

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": BODY, "more_body": False}

    async def send(message: Any) -> None:
        return None

    await app(scope, receive, send)


def passing(app: App) -> App:
    """Return the smallest wrapper there is."""
    async def bare(scope: Any, receive: Any, send: Any) -> None:
        await app(scope, receive, send)

    return bare


async def cost(app: App, requests: int) -> float:
    """Return the CPU of one request in microseconds, the writing thread's included."""
    before = time.process_time_ns()
    for _ in range(requests):
        await through(app)
    return (time.process_time_ns() - before) / requests / 1000


def edge() -> Edge:
    """Return the edge of a small configuration with ten secrets."""
    plan = {"hash": "0" * 12, "secret_names": list(SECRETS), "models": [
        {"key": f"m{number}", "alias": f"model-{number}", "deployment": f"m{number}", "base": "https://api.example/v1"}
        for number in range(10)] + [{"key": "gpt5", "alias": "gpt-5", "deployment": "gpt5"}]}
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(plan, file)
        file.flush()
        linelog._lines = linelog.Lines(os.open(os.devnull, os.O_WRONLY))
        made = Edge.of(runtime.load({runtime.PLAN_VARIABLE: file.name, runtime.MASTER_VARIABLE: MASTER, **SECRETS}))
    linelog._lines.mask = made.scrubber.answer
    return made


async def measure(requests: int, rounds: int) -> None:
    """Print one row per kind of answer."""
    now = edge()
    print(f"{'answer':<12}{'bare us':>10}{'edge us':>10}{'added us':>10}{'per chunk':>11}")
    for name, chunks in (("plain", 0), ("200 chunks", 200)):
        app = answering(chunks)
        count = max(10, requests // (chunks or 1) * (4 if chunks else 1))
        pairs = [(await cost(passing(app), count), await cost(Guard(app, now, app), count)) for _ in range(rounds)]
        bare, guarded = (statistics.median(column) for column in zip(*pairs))
        each = f"{(guarded - bare) / chunks:.2f}" if chunks else "-"
        print(f"{name:<12}{bare:>10.1f}{guarded:>10.1f}{guarded - bare:>10.1f}{each:>11}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=9)
    chosen = parser.parse_args()
    asyncio.run(measure(chosen.requests, chosen.rounds))
