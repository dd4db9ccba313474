"""Client keys in a worker: those that were read last, and what the holder of one may ask for."""

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from dataclasses import replace
from typing import Any

import orjson

from ..policy.chains import Walk
from ..policy.client_keys import ClientKey
from .errors_out import Refusal
from .record import RequestRecord
from .registry import ENDPOINT, TIER

Message = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]
# Where the record's ``extra`` holds the client key of the request; the master key has none.
GRANT = "grant"


class KeyRing:
    """The keys of one worker by digest; replaced as a whole, so that they outlive a store that is away."""

    def __init__(self, keys: Iterable[ClientKey] = ()) -> None:
        self._keys: dict[str, ClientKey] = {}
        self.take(keys)

    def take(self, keys: Iterable[ClientKey]) -> None:
        """Know exactly these keys from now on."""
        self._keys = {key.digest: key for key in keys}

    def find(self, digest: str, at: float) -> ClientKey | None:
        """Return the key with this digest if it may be used at ``at``."""
        key = self._keys.get(digest)
        return key if key is not None and key.usable(at) else None


def note(record: RequestRecord, grant: ClientKey | None) -> None:
    """Remember whose request this is, for flags, limits and models."""
    if grant is not None:
        record.extra[GRANT] = grant
        if grant.tier is not None:
            record.extra[TIER] = grant.tier


def check_names(record: RequestRecord, members: Iterable[str]) -> None:
    """Raise Refusal (403) where the key does not cover what was asked for: endpoint, alias and some model of it."""
    grant = record.extra.get(GRANT)
    if isinstance(grant, ClientKey) and grant.models:
        if not grant.may(record.extra.get(ENDPOINT), record.alias) or not grant.allowed(members):
            raise Refusal(403, f"This key may not use the model '{record.asked}'.", "model_not_allowed", "model")


def reduced(walk: Walk, record: RequestRecord) -> Walk:
    """Return ``walk`` without the models that the key does not cover."""
    grant = record.extra.get(GRANT)
    if not isinstance(grant, ClientKey) or not grant.models:
        return walk
    steps = tuple(step for step in walk.steps if grant.may(step.alias))
    return replace(walk, steps=steps) if steps else walk


class Covered:
    """A ``send`` that keeps from a list of models what the key does not cover."""

    def __init__(self, send: Send, grant: ClientKey) -> None:
        self._send, self._grant = send, grant
        self._start: Message = {}
        self._body = b""

    async def __call__(self, message: Message) -> None:
        """Take what comes; it goes on when it is complete."""
        if message["type"] == "http.response.start":
            self._start = message
            return
        self._body += message.get("body", b"")
        if message.get("more_body", False):
            return
        if self._start["status"] == 200:
            document = orjson.loads(self._body)
            document["data"] = [entry for entry in document["data"] if self._grant.may(entry["id"])]
            self._body = orjson.dumps(document)
        headers = [(name, value) for name, value in self._start["headers"] if name.lower() != b"content-length"]
        headers.append((b"content-length", str(len(self._body)).encode()))
        await self._send({**self._start, "headers": headers})
        await self._send({"type": "http.response.body", "body": self._body, "more_body": False})
