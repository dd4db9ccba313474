"""The server: few pages, for reading alone, and nothing on them that would be fetched from elsewhere."""

import hashlib
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from ..errors import PROGRAM, GatewayError
from ..policy.limits import Limit
from ..store import ledger_pages, ledger_read
from ..store.engine import Store
from ..store.limits_usage import usage
from . import page_limits, page_overview, page_plain, page_request, page_requests, page_unpriced
from .door import Door
from .html import Html, path, without_nul
from .layout import Frame
from .reading import PERIODS, overview, span_of

_FOLDER = Path(__file__).parent
# Everything comes from here, and nobody may frame it or send its forms elsewhere.
HEADERS = {
    "content-security-policy": "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
                               "frame-ancestors 'none'; base-uri 'none'",
    "x-frame-options": "DENY", "x-content-type-options": "nosniff", "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin", "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store"}
_FOR_EVER = "private, max-age=31536000, immutable"
Handler = Callable[[Request], Response]


@dataclass(frozen=True)
class Sight:
    """What can be seen: a store that cannot write, and what is declared now; the last two may raise GatewayError."""

    store: Store
    limits: Callable[[], Iterable[Limit]]
    repair: page_unpriced.Repair
    now: Callable[[], datetime] = lambda: datetime.now(timezone.utc)


def create_app(sight: Sight, door: Door) -> Any:
    """Return the application, behind its door."""
    pages = Pages(sight)
    routes = [Route("/", pages.overview), Route("/requests", pages.requests),
              Route("/requests/{request_id:path}", pages.request), Route("/limits", pages.limits),
              Route("/unpriced", pages.unpriced)]
    app = Starlette(routes=routes, exception_handlers={
        HTTPException: pages.refused, GatewayError: pages.away, Exception: pages.broken})
    return Guard(app, door, pages)


class Pages:
    """Answers for each path; every one may block and is called in a thread."""

    def __init__(self, sight: Sight) -> None:
        self._sight = sight
        self.files = {name: (_FOLDER / name).read_bytes() for name in ("style.css", "icon.svg")}
        self._version = hashlib.sha256(self.files["style.css"]).hexdigest()[:12]

    def frame(self, masked: bool = False) -> Frame:
        """Return what is around a page; ``masked`` for visitors who may know nothing."""
        return Frame("" if masked else self._sight.store.database.masked, self._sight.now(), self._version)

    def overview(self, request: Request) -> Response:
        """Answer `/`."""
        name = _choice(request.query_params, "period", PERIODS, "7d")
        by = _choice(request.query_params, "by", page_overview.DIMENSIONS, "model")
        sort = _choice(request.query_params, "sort", page_overview.SORTS, "requests")
        found = overview(self._sight.store, span_of(name, self._sight.now().timestamp()), by)
        ever = bool(found.whole["requests"]) or bool(ledger_read.latest(self._sight.store, 1))
        return _answer(page_overview.render(self.frame(), found, sort, ever))

    def requests(self, request: Request) -> Response:
        """Answer `/requests`; `?id=` leads to one of them."""
        if wanted := request.query_params.get("id", "").strip():
            return RedirectResponse(path("requests", wanted[:64]), 303, HEADERS)
        asked = page_requests.read_asked(request.query_params)
        found = ledger_pages.page(self._sight.store, asked.wanted, asked.before)
        return _answer(page_requests.render(self.frame(), asked, found))

    def request(self, request: Request) -> Response:
        """Answer `/requests/<id>`, or how it begins."""
        wanted = without_nul(request.path_params["request_id"])[:64]
        row = ledger_read.one(self._sight.store, wanted) if wanted else None
        if row is None:
            return _answer(page_request.missing(self.frame(), wanted), 404)
        return _answer(page_request.render(self.frame(), row))

    def limits(self, _request: Request) -> Response:
        """Answer `/limits`."""
        known, frame = self._sight.limits(), self.frame()
        with self._sight.store.reading() as connection:
            used = usage(connection, known, frame.now.timestamp())
        return _answer(page_limits.render(frame, used))

    def unpriced(self, _request: Request) -> Response:
        """Answer `/unpriced`."""
        rows = ledger_read.unpriced(self._sight.store)
        return _answer(page_unpriced.render(self.frame(), rows, self._sight.repair))

    async def refused(self, _request: Request, refusal: Exception) -> Response:
        """Answer for paths that are none."""
        assert isinstance(refusal, HTTPException)
        return _answer(page_plain.not_found(self.frame()), refusal.status_code)

    async def away(self, _request: Request, error: Exception) -> Response:
        """Answer while the database is away or locked."""
        assert isinstance(error, GatewayError)
        first = error.problems[0]
        repair = first.repair.replace(PROGRAM, "litellm-gateway")
        return _answer(page_plain.database_away(self.frame(), first.what, repair), 503)

    async def broken(self, _request: Request, _error: Exception) -> Response:
        """Answer for a fault of our own."""
        return _answer(page_plain.broken(self.frame()), 500)

    def file(self, name: str) -> Response:
        """Answer with the style or the icon; they are the same for everybody, and their address changes with them."""
        kind = "text/css; charset=utf-8" if name.endswith(".css") else "image/svg+xml"
        return Response(self.files[name], headers={**HEADERS, "cache-control": _FOR_EVER, "content-type": kind})

    def unknown_visitor(self) -> Response:
        """Answer to whoever has no token."""
        return _answer(page_plain.unknown_visitor(self.frame(masked=True)), 401)


def _choice(query: Mapping[str, str], name: str, known: Iterable[str], usual: str) -> str:
    said = query.get(name, usual)
    return said if said in known else usual


def _answer(html: Html, status: int = 200) -> Response:
    return Response(html.encode("utf-8", "backslashreplace"), status, HEADERS, "text/html; charset=utf-8")


class Guard:
    """Stands before every path: host, method, token. Only the style and the icon are for everybody."""

    def __init__(self, app: Starlette, door: Door, pages: Pages) -> None:
        self._app, self._door, self._pages = app, door, pages

    async def __call__(self, scope: Any, receive: Callable[[], Awaitable[Any]],
                       send: Callable[[Any], Awaitable[None]]) -> None:
        """Answer, or let the request pass."""
        if scope["type"] == "http":
            refusal = self._refusal(Request(scope))
            await (refusal or self._app)(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._app(scope, receive, send)

    def _refusal(self, request: Request) -> Response | None:
        hosts = request.headers.getlist("host")
        if len(hosts) != 1 or not self._door.is_ours(hosts[0]):
            return PlainTextResponse("This is not the host that was asked for. For other names than localhost, start "
                                     "the dashboard with --allow-host NAME.\n", 421, HEADERS)
        if request.method not in ("GET", "HEAD"):
            return PlainTextResponse("The dashboard is for reading: GET and HEAD.\n", 405,
                                     {**HEADERS, "allow": "GET, HEAD"})
        if (name := request.url.path.removeprefix("/")) in self._pages.files:
            return self._pages.file(name)
        if "token" in request.query_params:
            return self._exchange(request)
        return None if self._door.knows(request.cookies.get(self._door.cookie)) else self._pages.unknown_visitor()

    def _exchange(self, request: Request) -> Response:
        """Take a token out of the address and give a cookie for it."""
        cookie = self._door.admit(request.query_params["token"])
        if cookie is None:
            return self._pages.unknown_visitor()
        rest = [(name, value) for name, value in request.query_params.multi_items() if name != "token"]
        # Slashes at the beginning would make another host of it.
        target = path(*request.url.path.strip("/").split("/"), **dict(rest))
        answer = RedirectResponse(target, 303, HEADERS)
        answer.set_cookie(self._door.cookie, cookie, path="/", httponly=True, samesite="strict")
        return answer
