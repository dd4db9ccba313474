"""Who is asking: the one place where a key becomes an identity, for the edge and again inside LiteLLM."""

import hashlib
import hmac
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..policy.client_keys import ClientKey, digest_of
from . import runtime
from .errors_out import missing_key, wrong_key

if TYPE_CHECKING:
    from fastapi import Request

Headers = Iterable[tuple[bytes, bytes]]
# More than three ways to send a key, or one of them repeated, is guessing.
_CANDIDATES = 4
SCOPE_KEY = "gateway.identity"


@dataclass(frozen=True, slots=True)
class Identity:
    """A known key: its ``name`` in logs, the ``user_id`` that LiteLLM binds response ids to, and its ``kind``.

    ``grant`` is what a client's key permits; the master key has none.
    """

    name: str
    user_id: str
    kind: str = "client"
    grant: ClientKey | None = None

    @property
    def is_master(self) -> bool:
        """Tell whether this is the operator's own key."""
        return self.kind == "master"


MASTER = Identity("master", "gateway-master", "master")


def same(one: str | bytes, other: str | bytes | None) -> bool:
    """Compare two keys in a time that tells nothing about them, not even their lengths."""
    return other is not None and hmac.compare_digest(_digest(one), _digest(other))


def _digest(key: str | bytes) -> bytes:
    return hashlib.sha256(key if isinstance(key, bytes) else key.encode()).digest()


def candidates(headers: Headers) -> list[bytes]:
    """Return the keys in lower-case ``headers``: from `Authorization: Bearer`, `x-api-key`, `api-key`."""
    found = []
    for name, value in headers:
        if name == b"authorization" and value[:7].lower() == b"bearer ":
            found.append(value[7:].strip())
        elif name in (b"x-api-key", b"api-key"):
            found.append(value.strip())
    return [key for key in found if key][:_CANDIDATES]


def authenticate(key: str | bytes, now: runtime.Runtime) -> Identity | None:
    """Return who ``key`` belongs to, None when nobody knows it."""
    if same(key, now.master_key):
        return MASTER
    found = now.keys.find(digest_of(key), time.time())
    return None if found is None else Identity(found.name, f"gateway-{found.digest[:16]}", grant=found)


def identify(headers: Headers, now: runtime.Runtime) -> tuple[Identity, bytes]:
    """Return the identity and the key that proved it; raises `Refusal` (401) without a known one."""
    keys = candidates(headers)
    for key in keys:
        if identity := authenticate(key, now):
            return identity, key
    raise wrong_key() if keys else missing_key()


def may_read_metrics(headers: Headers, now: runtime.Runtime) -> bool:
    """Tell whether a request may read the metrics: with the master key, the metrics key, or where they are public."""
    if now.plan.settings.metrics_public:
        return True
    return any(same(key, now.master_key) or same(key, now.metrics_key) for key in candidates(headers))


async def check(request: "Request", api_key: str) -> Any:
    """LiteLLM's ``custom_auth``: the same decision once more, should a request ever come past the edge.

    Returns LiteLLM's ``UserAPIKeyAuth``; raises its ``ProxyException`` (401), see `user_api_key_auth.py` (1.106).
    """
    from litellm.proxy._types import LitellmUserRoles, ProxyException, UserAPIKeyAuth

    identity = authenticate(api_key or "", runtime.current())
    if identity is None:
        refusal = wrong_key()
        raise ProxyException(message=refusal.message, type="authentication_error", param=None, code=401)
    # The operator's role only where the operator opened the route: on model routes it would lift LiteLLM's own checks.
    extra = request.scope.get(SCOPE_KEY) == "extra"
    role = LitellmUserRoles.PROXY_ADMIN if extra and identity.is_master else None
    # Without the span that LiteLLM opened for this request its traces are lost: they go to an ended one (1.106).
    return UserAPIKeyAuth(api_key=_digest(api_key).hex(), user_id=identity.user_id, key_alias=identity.name,
                          user_role=role, parent_otel_span=getattr(request.state, "parent_otel_span", None))
