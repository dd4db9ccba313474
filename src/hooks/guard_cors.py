"""Browsers of other origins: refused unless declared. LiteLLM's own answer, `*` for everybody, never leaves."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

Headers = list[tuple[bytes, bytes]]
_TOKENS = re.compile(rb"[A-Za-z0-9!#$&'*+.^_`|~, -]{0,2000}")
_EXPOSED = b"x-gateway-request-id, x-gateway-model, x-gateway-config, x-gateway-dropped-params, retry-after"


@dataclass(frozen=True, slots=True)
class Cors:
    """The origins that browsers may call from; ``*`` is every origin."""

    origins: frozenset[bytes]

    @classmethod
    def of(cls, origins: Iterable[str]) -> "Cors":
        """Return the rule for these declared origins."""
        return cls(frozenset(origin.rstrip("/").encode() for origin in origins))

    def headers(self, sent: Iterable[tuple[bytes, bytes]]) -> Headers:
        """Return what an answer to a request with these headers must say; nothing where the origin is not declared."""
        if not self.origins:
            return []
        origin = next((value for name, value in sent if name == b"origin"), b"")
        if not origin or not ({origin, b"*"} & self.origins):
            return [(b"vary", b"origin")]
        return [(b"access-control-allow-origin", origin), (b"access-control-expose-headers", _EXPOSED),
                (b"vary", b"origin")]

    def preflight(self, sent: Iterable[tuple[bytes, bytes]]) -> Headers | None:
        """Return the headers of a preflight's 204, None when the browser's origin may not ask."""
        headers = dict(sent)
        allowed = self.headers(headers.items())
        if len(allowed) < 2 or b"access-control-request-method" not in headers:
            return None
        asked = headers.get(b"access-control-request-headers", b"")
        return [*allowed, (b"access-control-allow-methods", b"GET, POST"), (b"access-control-max-age", b"600"),
                (b"access-control-allow-headers", asked if _TOKENS.fullmatch(asked) else b"")]
