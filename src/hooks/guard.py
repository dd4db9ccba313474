"""The outermost layer of a worker: which requests reach LiteLLM, as what, and what their clients get to see.

Request lines are written for the model routes alone, whatever becomes of the request; probes of closed paths, health,
model lists and metrics write none, so that a scanner cannot fill the log.
"""

import logging
import os
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Any

import orjson

from ..policy.client_keys import ClientKey
from ..policy.routes import Route, classify, known_path
from .auth import SCOPE_KEY, Identity, identify, may_read_metrics
from .client_keys import covered, note
from .errors_out import NOT_FOUND, WRONG_KEY, Refusal, missing_key, unknown_model
from .guard_admit import Edge, Sent, admit
from .guard_answer import CLIENT_CLOSED, Answer, Headers
from .guard_body import ClientGone, Replay, read_body
from .guard_cors import Cors
from .limits import Gate
from .listing import Change, Listing, entry
from .record import RequestRecord
from .upstream_models import Catalog
from .upstreams import leave

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
Before = Callable[[RequestRecord, bytes], Awaitable[None]]

_log = logging.getLogger("gateway.hooks")
_CLOSED = Route("closed", "")


class Guard:
    """ASGI application around LiteLLM's; ``metrics`` answers /metrics once the key is checked.

    ``before`` is told of each request and its body before it goes to LiteLLM, and may refuse it;
    ``gate`` lets in what limits and client keys permit; ``catalog`` knows what wildcards stand for.
    """

    def __init__(self, app: App, edge: Edge, metrics: App,
                 background: AbstractAsyncContextManager[None] | None = None, before: Before | None = None,
                 gate: Gate | None = None, catalog: Catalog | None = None) -> None:
        self._app, self._edge, self._metrics = app, edge, metrics
        self._background, self._before, self.gate = background or nullcontext(), before, gate
        self._catalog = catalog
        self._cors = Cors.of(edge.now.plan.settings.cors_origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection event."""
        if scope["type"] == "http":
            await self._http(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._lifespan(scope, receive, send)
        else:
            await send({"type": "websocket.close", "code": 1008})

    async def _lifespan(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            async with self._background:
                await self._app(scope, receive, send)
        finally:
            self._edge.now.book.flush()

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = (scope.get("raw_path") or scope["path"].encode()).partition(b"?")[0].decode("latin-1")
        route = classify(scope["method"], path, self._edge.extra)
        fixed = self._cors.headers(scope["headers"])
        record = RequestRecord(os.urandom(16).hex())
        if route is None:
            return await self._closed(scope, path, record, send, fixed)
        record.route, record.config = route.kind, self._edge.now.config
        answer = Answer(send, self._edge, route, record, fixed)
        if route.asks_a_model:
            return await self._ask(route, scope, receive, answer, record)
        try:
            await self._other(route, scope, receive, answer, record)
        except Refusal as refusal:
            await answer.refuse(refusal)

    async def _closed(self, scope: Scope, path: str, record: RequestRecord, send: Send, fixed: Headers) -> None:
        if scope["method"] == "OPTIONS" and known_path(path):
            if allowed := self._cors.preflight(scope["headers"]):
                await send({"type": "http.response.start", "status": 204, "headers": allowed})
                return await send({"type": "http.response.body", "body": b""})
        await Answer(send, self._edge, _CLOSED, record, fixed).refuse(NOT_FOUND)

    async def _ask(self, route: Route, scope: Scope, receive: Receive, answer: Answer, record: RequestRecord) -> None:
        """A request for a model: from here on there is a request line, whatever happens."""
        book = self._edge.now.book
        book.open(record)
        # Until LiteLLM has it, and for token counts (it logs none, 1.106), nobody else has anything to add.
        record.settled = True
        try:
            inner, body = await self._admitted(route, scope, receive, record)
            record.settled = route.kind == "count_tokens"
            replay = Replay(body, receive)
            await self._pass_on(inner, replay, answer)
            record.client_gone |= replay.gone and not answer.complete
        except Refusal as refusal:
            await answer.refuse(refusal)
        except ClientGone:
            record.client_gone = True
        except Exception:
            _log.exception("the edge failed on %s", route.path)
            await answer.refuse(Refusal(500, "The gateway failed on this request.", "internal_error"))
        finally:
            self._finish(answer, record)
            book.end(record)
            if record.client_gone:
                await leave(record)

    async def _admitted(self, route: Route, scope: Scope, receive: Receive,
                        record: RequestRecord) -> tuple[Scope, bytes]:
        sent = Sent.of(dict(scope), route, record)
        identity, key = await self._identified(scope)
        record.client_key = identity.name
        note(record, identity.grant)
        seconds = self._edge.now.plan.settings.body_timeout
        told = await read_body(receive, sent.content_length, self._edge.body_limit, seconds)
        content_type, body = admit(self._edge, route, sent, told, record)
        if self.gate is not None:
            await self.gate.enter(record, body, route.body == "multipart", receive)
        if self._before is not None:
            await self._before(record, told)
        return _inner(scope, route, record, key, [
            (b"content-type", content_type), (b"content-length", str(len(body)).encode()), *sent.passed]), body

    async def _identified(self, scope: Scope) -> tuple[Identity, bytes]:
        """Return who asks; a key that nobody knows may be newer than what was read last."""
        try:
            return identify(scope["headers"], self._edge.now)
        except Refusal as refusal:
            if refusal.code != WRONG_KEY or self.gate is None or not await self.gate.looked_again():
                raise
        return identify(scope["headers"], self._edge.now)

    async def _pass_on(self, scope: Scope, receive: Receive, answer: Answer, send: Send | None = None) -> None:
        try:
            await self._app(scope, receive, send or answer)
        except Exception:
            _log.exception("LiteLLM failed on %s", scope["path"])
            await answer.refuse(Refusal(500, "The gateway failed on this request.", "internal_error"))
            return
        if not answer.complete and not answer.started:
            await answer.refuse(Refusal(502, "The gateway has no answer to this request.", "no_answer"))

    def _finish(self, answer: Answer, record: RequestRecord) -> None:
        if record.client_gone:
            record.status = CLIENT_CLOSED
            record.fail("client_gone", "the client left before the answer ended")
        elif not answer.complete:
            record.fail("broken_answer", "the answer broke off")

    async def _other(self, route: Route, scope: Scope, receive: Receive, answer: Answer, record: RequestRecord) -> None:
        """Everything open that asks no model."""
        if route.kind in ("live", "ready"):
            return await self._health(route, scope, receive, answer)
        if route.kind == "metrics":
            if not may_read_metrics(scope["headers"], self._edge.now):
                raise missing_key()
            return await self._metrics(scope, receive, answer)
        if route.kind == "extra":
            return await self._extra(route, scope, receive, answer, record)
        identity, key = await self._identified(scope)
        grant = identity.grant
        if route.kind == "model":
            return await self._one_model(route.model or "", answer, grant)
        changes = self._changes(grant)
        await self._pass_on(_inner(scope, route, record, key), receive, answer,
                            Listing(answer, changes) if changes else None)

    def _changes(self, grant: ClientKey | None) -> list[Change]:
        """Return what becomes of LiteLLM's list of models."""
        changes: list[Change] = [self._catalog.listed] if self._catalog else []
        if self._edge.registry.slugs:
            changes.append(self._edge.registry.listed)
        return [*changes, covered(grant)] if grant is not None and grant.models else changes

    async def _health(self, route: Route, scope: Scope, receive: Receive, answer: Answer) -> None:
        """LiteLLM's status alone: its body tells versions and settings."""
        statuses: list[int] = []

        async def status_only(message: Message) -> None:
            if message["type"] == "http.response.start":
                statuses.append(message["status"])

        await self._app({**_inner(scope, route, RequestRecord(""), b""), "method": "GET"}, receive, status_only)
        healthy = statuses == [200]
        await _json(answer, 200 if healthy else 503, {"status": "healthy" if healthy else "unhealthy"})

    async def _one_model(self, name: str, answer: Answer, grant: ClientKey | None) -> None:
        """Answered here: LiteLLM 1.106 does not find names with a slash."""
        known = name in self._edge.names or name in self._edge.registry
        if not known or (grant is not None and not grant.may(name)):
            raise unknown_model(name)
        await _json(answer, 200, entry(name))

    async def _extra(self, route: Route, scope: Scope, receive: Receive, answer: Answer, record: RequestRecord) -> None:
        """A route that the operator opened: for the master key; to every other request it does not exist."""
        try:
            identity, key = identify(scope["headers"], self._edge.now)
        except Refusal:
            raise NOT_FOUND from None
        if not identity.is_master:
            raise NOT_FOUND
        kept = [(name, value) for name, value in scope["headers"] if name in (b"content-type", b"content-length")]
        inner = {**_inner(scope, route, record, key, kept), "query_string": scope["query_string"], SCOPE_KEY: "extra"}
        await self._pass_on(inner, _Bounded(receive, self._edge.body_limit), answer)


class _Bounded:
    """A ``receive`` that ends the request once more than ``limit`` bytes came."""

    def __init__(self, receive: Receive, limit: int) -> None:
        self._receive, self._left = receive, limit

    async def __call__(self) -> Message:
        message = await self._receive()
        self._left -= len(message.get("body", b""))
        return message if self._left >= 0 else {"type": "http.disconnect"}


def _inner(scope: Scope, route: Route, record: RequestRecord, key: bytes, headers: Headers | None = None) -> Scope:
    """Return the scope that LiteLLM sees: our path, no query, our headers, one credential, our request id."""
    own = [(b"host", b"gateway"), (b"x-litellm-call-id", record.request_id.encode())]
    if key:
        own.append((b"authorization", b"Bearer " + key))
    return {**scope, "path": route.path, "raw_path": route.path.encode(), "root_path": "", "query_string": b"",
            "headers": own + (headers or [])}


async def _json(answer: Answer, status: int, document: object) -> None:
    body = orjson.dumps(document)
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    if status >= 400:
        raise Refusal(status, "The gateway is not ready.", "unhealthy")
    await answer({"type": "http.response.start", "status": status, "headers": headers})
    await answer({"type": "http.response.body", "body": body, "more_body": False})
