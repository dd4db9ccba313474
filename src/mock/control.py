"""The control path: faults, records and listed models over HTTP."""

import json
from collections.abc import Sequence

from aiohttp import web

from .faults import Fault
from .state import STATE


def _json(value: object, status: int = 200) -> web.Response:
    return web.json_response(value, status=status)


async def _requests(request: web.Request) -> web.Response:
    recorder = request.app[STATE].recorder
    if request.method == "DELETE":
        recorder.clear()
        return web.Response(status=204)
    model = request.query.get("model")
    return _json([r.to_json() for r in list(recorder.requests) if model in (None, r.model)])


async def _counts(request: web.Request) -> web.Response:
    counts = dict(request.app[STATE].recorder.counts)
    return _json({"total": sum(counts.values()), "models": counts})


async def _faults(request: web.Request) -> web.Response:
    faults = request.app[STATE].faults
    if request.method == "DELETE":
        faults.clear()
        return web.Response(status=204)
    return _json({name: fault.to_json() for name, fault in list(faults.items())})


async def _fault(request: web.Request) -> web.Response:
    faults, model = request.app[STATE].faults, request.match_info["model"]
    if request.method == "DELETE":
        return web.Response(status=204 if faults.pop(model, None) else 404)
    try:
        faults[model] = Fault.from_json(await request.json())
    except ValueError as error:
        return _json({"error": str(error)}, 400)
    return _json(faults[model].to_json())


async def _models(request: web.Request) -> web.Response:
    state = request.app[STATE]
    if request.method == "PUT":
        try:
            given = await request.json()
        except json.JSONDecodeError as error:
            return _json({"error": str(error)}, 400)
        if not isinstance(given, list) or not all(isinstance(name, str) for name in given):
            return _json({"error": "expected a JSON list of names"}, 400)
        state.models[:] = given
    return _json(state.models)


async def _unknown(request: web.Request) -> web.Response:
    return _json({"error": f"no control operation {request.method} {request.path}"}, 404)


def control_routes() -> Sequence[web.RouteDef]:
    """Return the routes below ``/_mock``."""
    return [
        web.get("/_mock/requests", _requests), web.delete("/_mock/requests", _requests),
        web.get("/_mock/counts", _counts), web.get("/_mock/models", _models), web.put("/_mock/models", _models),
        web.get("/_mock/faults", _faults), web.delete("/_mock/faults", _faults),
        web.put("/_mock/faults/{model:.+}", _fault), web.delete("/_mock/faults/{model:.+}", _fault),
        web.route("*", "/_mock{rest:(?:/.*)?}", _unknown),
    ]
