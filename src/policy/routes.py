"""Which requests the gateway answers at all: closed by default, decided by the exact bytes of method and path.

Nothing is normalised: a path with `//`, `..`, `%2f`, `;`, other letter case or a slash at the end is another path, and
other paths are closed. The paths hold for LiteLLM 1.106 (`proxy_server.app`); a test compares them with the installed.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal
from urllib.parse import unquote

Style = Literal["openai", "anthropic"]
Body = Literal["none", "json", "multipart"]


@dataclass(frozen=True, slots=True)
class Route:
    """One open route: ``path`` is what LiteLLM is asked for, ``style`` the shape of its errors."""

    kind: str
    path: str
    style: Style = "openai"
    body: Body = "none"
    model: str | None = None

    @property
    def asks_a_model(self) -> bool:
        """Tell whether a request here becomes a request line."""
        return self.body != "none"


MODEL_ROUTES = (
    Route("chat", "/v1/chat/completions", body="json"),
    Route("completions", "/v1/completions", body="json"),
    Route("responses", "/v1/responses", body="json"),
    Route("messages", "/v1/messages", "anthropic", "json"),
    Route("count_tokens", "/v1/messages/count_tokens", "anthropic", "json"),
    Route("embeddings", "/v1/embeddings", body="json"),
    Route("images_generations", "/v1/images/generations", body="json"),
    Route("images_edits", "/v1/images/edits", body="multipart"),
    Route("speech", "/v1/audio/speech", body="json"),
    Route("transcriptions", "/v1/audio/transcriptions", body="multipart"),
)
MODELS = Route("models", "/v1/models")
LIVE = Route("live", "/health/liveliness")
READY = Route("ready", "/health/readiness")
METRICS = Route("metrics", "/metrics")

_LITERAL: dict[tuple[str, str], Route] = {
    **{("POST", path): route for route in MODEL_ROUTES for path in (route.path, route.path.removeprefix("/v1"))},
    **{("GET", path): MODELS for path in ("/v1/models", "/models")},
    **{(method, path): LIVE for method in ("GET", "HEAD") for path in ("/health/liveliness", "/health/liveness")},
    **{(method, "/health/readiness"): READY for method in ("GET", "HEAD")},
    ("GET", "/metrics"): METRICS,
}
_ONE_MODEL = re.compile(r"(?:/v1)?/models/([A-Za-z0-9._:@%+~/=-]{1,400})")
# The characters of a path segment that mean themselves (RFC 3986); no percent, no semicolon, no empty or dot segment.
_PLAIN = re.compile(r"(?:/(?!\.{1,2}(?:/|$))[A-Za-z0-9._~:@!$&'()*+,=-]+)+")


@dataclass(frozen=True, slots=True)
class ExtraRoutes:
    """What ``GATEWAY_EXTRA_ROUTES`` opens: exact paths, and with ``/*`` at the end everything below a path."""

    exact: frozenset[str]
    below: tuple[str, ...]

    @classmethod
    def of(cls, declared: Iterable[str]) -> "ExtraRoutes":
        """Return the routes in ``declared``; ``/v1/files/*`` opens what is below ``/v1/files/``, ``/rerank`` itself."""
        listed = frozenset(declared)
        return cls(listed, tuple(path[:-1] for path in listed if path.endswith("/*")))

    def opens(self, path: str) -> bool:
        """Tell whether ``path``, which must be plain, is declared."""
        return bool(_PLAIN.fullmatch(path)) and (path in self.exact or path.startswith(self.below))


def classify(method: str, path: str, extra: ExtraRoutes) -> Route | None:
    """Return the open route that this method and undecoded path ask for, None for everything that is closed."""
    if found := _LITERAL.get((method, path)):
        return found
    if method == "GET" and (one := _ONE_MODEL.fullmatch(path)):
        return Route("model", MODELS.path, model=unquote(one[1]))
    if extra.opens(path):
        return Route("extra", path)
    return None


def known_path(path: str) -> bool:
    """Tell whether some method is open on this path; a browser's preflight asks for the path alone."""
    return any((method, path) in _LITERAL for method in ("POST", "GET")) or bool(_ONE_MODEL.fullmatch(path))
