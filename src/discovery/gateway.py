"""Asking a gateway for its list of models, with OpenAI's SDK."""

import asyncio
import json
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .reasons import Away, away_of, not_a_gateway

if TYPE_CHECKING:
    from openai import AsyncOpenAI

# Seconds for the connection, and for the whole answer.
CONNECT_S, ANSWER_S = 5.0, 15.0
UNKNOWN_OWNER = "unknown"
Key = str | Callable[[], Awaitable[str]]


@dataclass(frozen=True)
class Listed:
    """One model as OpenAI lists it; ``created`` in Unix seconds, 0 where nobody says; the window in tokens."""

    id: str
    created: int = 0
    owned_by: str = UNKNOWN_OWNER
    context_window: int | None = None

    def document(self) -> dict[str, Any]:
        """Return the model in OpenAI's shape: these four fields and no other."""
        return {"id": self.id, "object": "model", "created": self.created, "owned_by": self.owned_by}


def make_client(url: str, key: Key, certificate: str | None = None) -> "AsyncOpenAI":
    """Return a client of the API at ``url`` that asks once and follows no redirect.

    ``certificate`` is a PEM file to trust beside the system's authorities; raises OSError (ssl.SSLError is one) where
    it cannot be used, ValueError where the URL's host is none.
    """
    import httpx
    from openai import AsyncOpenAI
    # Without authorities it trusts nobody; loading them costs time that plain HTTP need not wait for.
    verify = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if url.lower().startswith("https:"):
        verify.load_default_certs()
        if certificate:
            verify.load_verify_locations(certificate)
    timeout = httpx.Timeout(ANSWER_S, connect=CONNECT_S)
    # Proxy variables are meant for the way to the internet; the gateway is nearer.
    http = httpx.AsyncClient(verify=verify, timeout=timeout, trust_env=False, follow_redirects=False)
    try:
        return AsyncOpenAI(base_url=url, api_key=key, max_retries=0, timeout=timeout, http_client=http)
    except (httpx.InvalidURL, UnicodeError) as error:
        raise ValueError(str(error)) from None


async def list_models(client: "AsyncOpenAI") -> tuple[Listed, ...]:
    """Return the gateway's models in its order; raises Away with the reason where there is no such list."""
    import httpx
    from openai import OpenAIError
    try:
        async with asyncio.timeout(ANSWER_S):
            raw = await client.models.with_raw_response.list()
            content = raw.http_response.content
    except (OpenAIError, httpx.HTTPError, OSError, UnicodeError) as error:
        raise away_of(error, str(client.base_url)) from error
    try:
        entries = json.loads(content)["data"]
        if not isinstance(entries, list):
            raise TypeError
        return tuple(map(_listed, entries))
    except (ValueError, TypeError, KeyError, RecursionError):
        raise not_a_gateway() from None


async def ask_once(client: "AsyncOpenAI") -> tuple[Listed, ...]:
    """Return the gateway's models and close the client; raises Away."""
    async with client:
        return await list_models(client)


def _listed(entry: dict[str, Any]) -> Listed:
    """Return one entry; raises KeyError or TypeError where it is no model. LiteLLM adds `max_input_tokens` (1.106)."""
    if not isinstance(entry["id"], str):
        raise TypeError
    created, owner, window = entry.get("created"), entry.get("owned_by"), entry.get("max_input_tokens")
    return Listed(entry["id"], created if isinstance(created, int) else 0,
                  owner if isinstance(owner, str) else UNKNOWN_OWNER, window if isinstance(window, int) else None)


__all__ = ["Away", "Listed", "ask_once", "list_models", "make_client"]
