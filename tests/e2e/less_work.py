"""`python -m tests.e2e.less_work stock|less YAML`: what LiteLLM serves, with everything that it does and with less.

Prints one JSON object; run as a process of its own, because what is left out is left out for good.
"""

import asyncio
import gc
import hashlib
import json
import sys
from typing import Any

import httpx

KEY = "canary-less-work"
CHAT = {"messages": [{"role": "user", "content": "hi"}]}
ROUTES = ("/v1/chat/completions", "/key/generate", "/v1/models", "/user/info", "/team/abc/callback", "/nothing", "",
          "/v1/responses/resp_1", "/scim/v2/Users/1", "/key/generate/")


def routes(app: Any) -> dict[str, str]:
    """Return a digest of the documentation of every path, all parameters and answers of its routes in it."""
    from fastapi.openapi.utils import get_openapi

    document = get_openapi(title="t", version="1", routes=app.routes)
    shapes = json.dumps(document["components"]["schemas"], sort_keys=True, default=str)
    digests = {path: json.dumps(entry, sort_keys=True, default=str) for path, entry in document["paths"].items()}
    return {name: hashlib.sha256(text.encode()).hexdigest()[:12] for name, text in {**digests, "": shapes}.items()}


async def served(proxy: Any, less: bool, foreign: bool) -> dict[str, Any]:
    """Return what clients get and what LiteLLM has counted."""
    from litellm.proxy.auth.route_checks import RouteChecks

    from src.hooks import inert

    async with proxy.app.router.lifespan_context(proxy.app):
        before = [type(callback).__name__ for callback in proxy.litellm.callbacks]
        if less:
            inert.leave_out(proxy, foreign)
        answers = [await asked(proxy.app, model) for model in ("free", "limited", "known", "wild/x", "free", "limited")]
        await settled(proxy.llm_router.cache.in_memory_cache.cache_dict)
        return {
            "answers": answers, "counted": counted(proxy.llm_router.cache.in_memory_cache.cache_dict),
            "management": {route: [RouteChecks.is_management_route(route) for _ in range(2)] for route in ROUTES},
            "before": before, "callbacks": [type(callback).__name__ for callback in proxy.litellm.callbacks],
            "limiter": type(proxy.proxy_logging_obj.get_proxy_hook("parallel_request_limiter")).__name__,
        }


async def asked(app: Any, model: str) -> list[Any]:
    """Return status, answer and names of headers of one request."""
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://gateway") as client:
        answer = await client.post("/v1/chat/completions", json={"model": model, **CHAT},
                                   headers={"authorization": f"Bearer {KEY}"})
    body = answer.json()
    return [answer.status_code, body.get("choices"), body.get("usage"), body.get("error"), sorted(answer.headers)]


async def settled(cache: dict[str, Any]) -> None:
    """Wait until LiteLLM has counted requests and tokens of two deployments; a part of it is done in the background."""
    async with asyncio.timeout(30):
        while len(counted(cache)) < 4:
            await asyncio.sleep(0)


def counted(cache: dict[str, Any]) -> dict[str, float]:
    """Return the counters of requests and tokens by deployment, without the minute in their names."""
    found: dict[str, float] = {}
    for name, value in cache.items():
        parts = name.split(":")
        if {"tpm", "rpm"} & set(parts) and isinstance(value, int | float):
            deployment = ":".join(part for part in parts if not (len(part) == 5 and part[2] == "-"))
            found[deployment] = found.get(deployment, 0) + value
    return found


def main(variant: str, foreign: bool) -> None:
    """Load LiteLLM as a worker would, ask it, and say what it did."""
    from src.serving import quick_routes

    gc.disable()  # as the gateway does: it finds nothing in an import, and takes half of its time
    less = variant == "less"
    if less:
        quick_routes.prepare()
        quick_routes.prepare()  # a second time changes nothing
    from litellm.proxy import proxy_server

    found = asyncio.run(served(proxy_server, less, foreign))
    print(json.dumps({**found, "routes": None if foreign else routes(proxy_server.app)}))


if __name__ == "__main__":
    main(sys.argv[1], len(sys.argv) > 2)
