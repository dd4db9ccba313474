"""Clients that keep their connections, as real ones do, and count what they lose."""

import asyncio
import itertools
import json
import sys
import threading
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from types import TracebackType

import aiohttp
import httpx

LAST_EVENT = b"data: [DONE]"


@dataclass
class Load:
    """Clients in a thread of their own, each with one kept connection; a context manager.

    ``clients`` maps a kind (constant, pausing, short, long) to how many there are; ``models`` to what each asks for.
    """

    url: str
    headers: dict[str, str]
    clients: dict[str, int]
    models: dict[str, str] = field(default_factory=dict)
    done: Counter[str] = field(default_factory=Counter)
    lost: list[str] = field(default_factory=list)

    def __enter__(self) -> "Load":
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run_unmeasured, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self._stop.set()
        self._thread.join(120)
        assert not self._thread.is_alive(), "the clients do not end"

    def _run_unmeasured(self) -> None:
        sys.settrace(None)  # nothing of `src` is here, and what coverage takes is taken from the gateway
        asyncio.run(self._run())

    async def _run(self) -> None:
        kinds = [kind for kind, count in self.clients.items() for _ in range(count)]
        await asyncio.gather(*(self._client(kind, number) for number, kind in enumerate(kinds)))

    async def _client(self, kind: str, number: int) -> None:
        connector = aiohttp.TCPConnector(limit=1, ssl=False)
        timeout = aiohttp.ClientTimeout(total=120)
        async with aiohttp.ClientSession(connector=connector, headers=self.headers, timeout=timeout) as session:
            for turn in itertools.count():
                if self._stop.is_set():
                    return
                await self._count(kind, lambda: self._ask(session, kind))
                if kind == "pausing":
                    await asyncio.sleep((number * 7 + turn * 13) % 30 / 100)

    async def _count(self, kind: str, ask: Callable[[], Awaitable[str]]) -> None:
        began = time.monotonic()
        try:
            problem = await ask()
        except (aiohttp.ClientError, asyncio.TimeoutError, OSError) as error:
            problem = repr(error)
        if problem:
            self.lost.append(f"{kind} after {time.monotonic() - began:.1f} s: {problem}")
            await asyncio.sleep(0.05)
        else:
            self.done[kind] += 1

    async def _ask(self, session: aiohttp.ClientSession, kind: str) -> str:
        stream = kind in ("short", "long")
        body = {"model": self.models.get(kind, "gpt-5"), "stream": stream,
                "messages": [{"role": "user", "content": "hi"}]}
        async with session.post(f"{self.url}/v1/chat/completions", json=body) as answer:
            data = await answer.read()
        if answer.status != 200:
            return f"status {answer.status}: {data[:200]!r}"
        if stream:
            return "" if LAST_EVENT in data else f"cut stream: {data[-200:]!r}"
        return "" if json.loads(data)["choices"] else "no answer in it"


class Stream:
    """One stream, read in a thread of its own."""

    def __init__(self, url: str, headers: dict[str, str], model: str) -> None:
        self.data, self.error = b"", ""
        self._url, self._headers, self._model = url, headers, model
        self._begun = threading.Event()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()
        assert self._begun.wait(60)

    def _read(self) -> None:
        body = {"model": self._model, "stream": True, "messages": [{"role": "user", "content": "hi"}]}
        url = f"{self._url}/v1/chat/completions"
        try:
            with httpx.stream("POST", url, json=body, headers=self._headers, timeout=120,
                              verify=False) as answer:
                for data in answer.iter_bytes():
                    self.data += data
                    self._begun.set()
        except httpx.HTTPError as error:
            self.error = repr(error)
        self._begun.set()

    def complete(self) -> bool:
        """Wait for the end; return whether the stream came to its own."""
        self._thread.join(120)
        return LAST_EVENT in self.data and not self.error
