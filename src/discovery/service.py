"""The HTTP side: three routes in OpenAI's shape, answered from memory."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING

from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException

from .access import Access, Everyone, Holder
from .answers import encode, error
from .catalogue import Catalogue, Tell
from .gateway import Listed, list_models

if TYPE_CHECKING:
    from openai import AsyncOpenAI

# Seconds that the first clients may have to wait for the gateway's first answer.
FIRST_S = 2.0
_JSON = "application/json"
_REFUSALS = {404: "There is no such path here.", 405: "This path is only for GET."}


def create_app(client: "AsyncOpenAI", configured: Iterable[Listed], access: Access, ttl: float, tell: Tell) -> FastAPI:
    """Return the service: it asks the gateway behind ``client`` every ``ttl`` seconds and tells of troubles."""
    catalogue = Catalogue(partial(list_models, client), configured, ttl, tell)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        async with client, _running(catalogue, access):
            yield

    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False, lifespan=lifespan)
    app.state.catalogue = catalogue
    app.add_exception_handler(HTTPException, _refused)
    _add_routes(app, catalogue, access)
    return app


@asynccontextmanager
async def _running(catalogue: Catalogue, access: Access) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(catalogue.run())]
    if access.keys is not None:
        tasks.append(asyncio.create_task(access.keys.run()))
    with suppress(TimeoutError):
        await asyncio.wait_for(catalogue.refresh(), FIRST_S)
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _add_routes(app: FastAPI, catalogue: Catalogue, access: Access) -> None:
    @app.get("/v1/models")
    async def models(request: Request) -> Response:
        holder = await _holder(request, access)
        may: Callable[[str], bool] | None = holder.may if holder.models else None
        return Response(catalogue.listing(holder.models, may), media_type=_JSON, headers=catalogue.headers())

    @app.get("/v1/models/{name:path}")
    async def model(request: Request, name: str) -> Response:
        holder = await _holder(request, access)
        found = catalogue.model(name) if holder.may(name) else None
        if found is None:
            said = f"The model '{name[:64]}' does not exist."
            body = error(said, "invalid_request_error", "model_not_found", "model")
            return Response(body, 404, catalogue.headers(), _JSON)
        return Response(found, media_type=_JSON, headers=catalogue.headers())

    @app.api_route("/health", methods=["GET", "HEAD"])
    async def health() -> Response:
        age = catalogue.age
        return Response(encode({"status": "ok", "gateway": catalogue.state, "models": catalogue.size,
                                "age_s": None if age is None else round(age, 1)}), media_type=_JSON)


async def _holder(request: Request, access: Access) -> Holder | Everyone:
    sent = [value for name, value in request.scope["headers"] if name == b"authorization"]
    holder = await access.holder(sent[0]) if len(sent) == 1 else None
    if holder is None:
        raise HTTPException(401, "missing" if not sent else "wrong")
    return holder


async def _refused(_request: Request, refusal: Exception) -> Response:
    """Return any refusal in OpenAI's shape."""
    assert isinstance(refusal, HTTPException)
    if refusal.status_code == 401:
        said = ("Missing token: send it as 'Authorization: Bearer TOKEN'.", "missing_api_key") \
            if refusal.detail == "missing" else ("Incorrect token provided.", "invalid_api_key")
        return Response(error(said[0], "authentication_error", said[1]), 401, {"www-authenticate": "Bearer"}, _JSON)
    message = _REFUSALS.get(refusal.status_code, "The request was refused.")
    return Response(error(message, "invalid_request_error"), refusal.status_code, refusal.headers, _JSON)
