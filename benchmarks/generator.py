"""`python -m benchmarks.generator URL CONNECTIONS SECONDS`: a closed-loop load generator; prints one JSON object.

Reads the request (headers and body, as JSON) from standard input. Every connection is kept and asks again as soon as
it is answered.
"""

import asyncio
import json
import sys
import time
from dataclasses import dataclass, field
from typing import cast
from urllib.parse import urlsplit

import httptools
import uvloop


@dataclass
class Tally:
    """What happened; latencies in seconds."""

    latencies: list[float] = field(default_factory=list)
    failed: int = 0

    def summary(self, seconds: float) -> dict[str, float]:
        """Return requests per second and percentiles in milliseconds."""
        ordered = sorted(self.latencies)
        return {
            "requests": len(ordered),
            "failed": self.failed,
            "rps": len(ordered) / seconds,
            "p50_ms": percentile(ordered, 0.50) * 1000,
            "p99_ms": percentile(ordered, 0.99) * 1000,
        }


def percentile(ordered: list[float], share: float) -> float:
    """Return the value below which ``share`` of ``ordered`` lies; NaN of nothing."""
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else float("nan")


class Client(asyncio.Protocol):
    """One kept connection that asks ``request`` again and again until ``deadline``."""

    def __init__(self, request: bytes, deadline: float, tally: Tally) -> None:
        self._request, self._deadline, self._tally = request, deadline, tally
        self.done = asyncio.get_running_loop().create_future()
        self._parser = httptools.HttpResponseParser(self)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the first time."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's transports are no subclasses
        self._ask()

    def _ask(self) -> None:
        self._asked = time.perf_counter()
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        """Feed the parser."""
        self._parser.feed_data(data)

    def on_message_complete(self) -> None:
        """Count the answer and ask again (called by the parser)."""
        now = time.perf_counter()
        self._tally.latencies.append(now - self._asked)
        self._tally.failed += self._parser.get_status_code() != 200
        self._parser = httptools.HttpResponseParser(self)
        if now < self._deadline:
            self._ask()
        else:
            self._transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        """Count a connection that ended too early."""
        self._tally.failed += time.perf_counter() < self._deadline
        if not self.done.done():
            self.done.set_result(None)


def request_bytes(url: str, headers: dict[str, str], body: object) -> bytes:
    """Return the request as it goes over the wire."""
    parts, data = urlsplit(url), json.dumps(body).encode()
    named = {"host": parts.netloc, "content-type": "application/json", "content-length": str(len(data)), **headers}
    lines = [f"POST {parts.path} HTTP/1.1", *(f"{name}: {value}" for name, value in named.items()), "", ""]
    return "\r\n".join(lines).encode() + data


async def load(url: str, connections: int, seconds: float, request: bytes) -> dict[str, float]:
    """Return what ``connections`` clients got in ``seconds``."""
    parts, loop, tally = urlsplit(url), asyncio.get_running_loop(), Tally()
    began = time.perf_counter()
    clients = []
    for _ in range(connections):
        _, client = await loop.create_connection(
            lambda: Client(request, began + seconds, tally), parts.hostname or "127.0.0.1", parts.port or 80
        )
        clients.append(client.done)
    await asyncio.gather(*clients)
    return tally.summary(time.perf_counter() - began)


def main(url: str, connections: str, seconds: str) -> None:
    """Run the load and print the summary."""
    asked = json.load(sys.stdin)
    request = request_bytes(url, asked["headers"], asked["body"])
    print(json.dumps(uvloop.run(load(url, int(connections), float(seconds), request))))


if __name__ == "__main__":
    main(*sys.argv[1:])
