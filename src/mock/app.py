"""The aiohttp application of the mock upstream: records, applies faults, answers."""

import asyncio
import time
from collections.abc import Callable
from typing import Any, TypeVar

from aiohttp import web

from .answers import answer
from .control import control_routes
from .faults import Fault
from .media import WHOLE
from .recording import Recorded
from .routes import TEXT, Target, read_body, target
from .sending import forever, plain_headers, reset, send_stream, send_whole, was_cut
from .state import STATE, State
from .wire import Call, Refused, Reply, anthropic_error, encode, gemini_error, openai_error

# Larger than any limit under test.
_MAX_BODY = 256 * 1024 * 1024
_T = TypeVar("_T")


def build(state: State) -> web.Application:
    """Return the application that answers from ``state``."""
    app = web.Application(client_max_size=_MAX_BODY)
    app[STATE] = state
    app.add_routes(control_routes())
    app.router.add_route("*", "/{path:.*}", _handle)
    return app


async def _handle(request: web.Request) -> web.StreamResponse:
    """Answer one request, and record it however it ends."""
    state = request.app[STATE]
    goal = target(request.method, request.path)
    record: Recorded | None = None
    gone = False
    try:
        record = _begin(state, request, goal, await read_body(request))
        return await _respond(state, request, goal, record)
    except asyncio.CancelledError:
        # aiohttp cancels the handler when the client leaves, when we reset, and when the server stops.
        gone = not state.stopping and not was_cut(request)
        raise
    except ConnectionError:
        gone = True
        return web.Response()
    finally:
        state.recorder.end(record or _begin(state, request, goal, None), gone)


def _begin(state: State, request: web.Request, goal: Target, body: Any) -> Recorded:
    fields = body if isinstance(body, dict) else {}
    return state.recorder.begin(
        method=request.method, path=request.path, query=request.query_string, operation=goal.operation,
        model=goal.model or str(fields.get("model") or ""), headers=plain_headers(request.headers),
        body=body, stream=goal.stream or fields.get("stream") is True)


async def _respond(state: State, request: web.Request, goal: Target, record: Recorded) -> web.StreamResponse:
    fault = state.faults.take(record.model or goal.operation, record.path)
    if fault.delay:
        await asyncio.sleep(fault.delay)
    if fault.hang:
        await forever()
    if fault.breaks == "reset" and not fault.after:
        return await reset(request)
    try:
        _refuse(request, record, fault)
        return await _answer(state, request, record, fault)
    except Refused as refusal:
        record.status = refusal.status
        failed = Fault(status=refusal.status, headers=fault.headers, retry_after=fault.retry_after,
                       content_type=fault.content_type)
        return await send_whole(request, _error(record, refusal), failed, record)


def _refuse(request: web.Request, record: Recorded, fault: Fault) -> None:
    """Raise `Refused` for what an upstream checks before it asks the model, and for errors that the fault orders."""
    key = record.key or ""
    if not record.operation:
        raise Refused(404, f"Invalid URL ({request.method} {request.path})", "unknown_url")
    if fault.require_key not in (None, key):
        raise Refused(401, f"Incorrect API key provided{': ' + key if fault.echo_key else ''}.")
    if fault.body is None and fault.status is not None and fault.status >= 400:
        message = fault.message or f"The mock answers {fault.status} for this model."
        raise Refused(fault.status, f"{message} API key: {key}" if fault.echo_key else message, fault.code)
    if record.method == "POST" and not isinstance(record.body, dict):
        raise Refused(400, "We could not parse the JSON body of your request.")
    if record.method == "POST" and not record.model:
        raise Refused(400, "you must provide a model parameter", "missing_required_parameter", "model")
    for name in fault.refuses:
        if name in record.body:
            raise Refused(400, f"Unknown parameter: '{name}'.", "unknown_parameter", name)


def _error(record: Recorded, refusal: Refused) -> Reply:
    if record.operation == "gemini":
        return Reply(encode(gemini_error(refusal.status, refusal.message)))
    if record.operation == "messages":
        return Reply(encode(anthropic_error(refusal.status, refusal.message)))
    return Reply(encode(openai_error(refusal.status, refusal.message, refusal.code, refusal.param)))


async def _answer(state: State, request: web.Request, record: Recorded, fault: Fault) -> web.StreamResponse:
    """Answer as the operation does, with the body of the fault where it has one."""
    if fault.body is not None:
        data = fault.body.encode() if isinstance(fault.body, str) else encode(fault.body)
        return await send_whole(request, Reply(data), fault, record)
    call = Call(operation=record.operation, model=record.model, body=record.body or {}, stream=record.stream,
                number=record.number, created=int(time.time()), fault=fault)
    if record.operation in TEXT:
        return await _say(state, request, record, call)
    if fault.breaks == "error":
        raise Refused(500, fault.message or "The mock broke off.", fault.code)
    return await send_whole(request, _whole(state, call), fault, record)


def _read(make: Callable[..., _T], *request: Any) -> _T:
    """Return ``make(*request)``; fields of the wrong type are the client's mistake, as upstream."""
    try:
        return make(*request)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise Refused(400, f"Invalid value in the request: {error}", "invalid_value") from error


async def _say(state: State, request: web.Request, record: Recorded, call: Call) -> web.StreamResponse:
    dialect, fault = TEXT[call.operation], call.fault
    said = answer(_read(dialect.question, call), fault)
    message = fault.message or "The mock broke off."
    if call.stream:
        gap = state.gap if fault.gap is None else fault.gap
        events, error = _read(dialect.events, call, said), dialect.broken(500, message, fault.code)
        return await send_stream(request, events, fault, record, gap, error)
    if fault.breaks == "error":
        raise Refused(500, message, fault.code)
    return await send_whole(request, Reply(encode(_read(dialect.reply, call, said))), fault, record)


def _whole(state: State, call: Call) -> Reply:
    if call.operation == "models":
        listed = [{"id": name, "object": "model", "created": 0, "owned_by": "mock"} for name in state.models]
        return Reply(encode({"object": "list", "data": listed}))
    return _read(WHOLE[call.operation], call)
