"""LiteLLM's list of models on its way to a client: what the gateway adds to it, and what this client does not get."""

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

import orjson

Message = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]
Entry = dict[str, Any]
# Takes the entries of a list and returns those of the next one.
Change = Callable[[list[Entry]], list[Entry]]
# OpenAI's field `created`; the same constant that LiteLLM lists (DEFAULT_MODEL_CREATED_AT_TIME, 1.106).
CREATED = 1677610602


def entry(name: str) -> Entry:
    """Return a model as OpenAI's API describes one."""
    return {"id": name, "object": "model", "created": CREATED, "owned_by": "openai"}


def added(entries: list[Entry], names: Iterable[str]) -> list[Entry]:
    """Return ``entries`` with those of ``names`` that are not in it yet."""
    known = {one["id"] for one in entries}
    return entries + [entry(name) for name in dict.fromkeys(names) if name not in known]


class Listing:
    """A ``send`` that applies ``changes``, in order, to a list of models; errors pass as they are."""

    def __init__(self, send: Send, changes: Iterable[Change]) -> None:
        self._send, self._changes = send, tuple(changes)
        self._start: Message = {}
        self._body = b""

    async def __call__(self, message: Message) -> None:
        """Take what LiteLLM sends; it goes on when it is complete."""
        if message["type"] == "http.response.start":
            self._start = message
            return
        self._body += message.get("body", b"")
        if message.get("more_body", False):
            return
        if self._start["status"] == 200:
            self._body = self._changed(self._body)
        headers = [(name, value) for name, value in self._start["headers"] if name.lower() != b"content-length"]
        headers.append((b"content-length", str(len(self._body)).encode()))
        await self._send({**self._start, "headers": headers})
        await self._send({"type": "http.response.body", "body": self._body, "more_body": False})

    def _changed(self, body: bytes) -> bytes:
        document = orjson.loads(body)
        for change in self._changes:
            document["data"] = change(document["data"])
        return orjson.dumps(document)
