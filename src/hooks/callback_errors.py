"""LiteLLM's exceptions as the failures that policy knows, and the words that the request line uses for them."""

import asyncio
from collections.abc import Iterator

import aiohttp
import httpx
import openai
from litellm.exceptions import ContextWindowExceededError, MidStreamFallbackError
from litellm.exceptions import Timeout as LiteLLMTimeout

from ..policy.chains import Failure, Kind

# An exception of ours that carries this attribute says itself what it is: "limit" or "budget".
KIND_ATTRIBUTE = "gateway_kind"
_TIMEOUTS = (TimeoutError, asyncio.TimeoutError, httpx.TimeoutException, openai.APITimeoutError, LiteLLMTimeout)
_TRANSPORT = (openai.APIConnectionError, httpx.TransportError, aiohttp.ClientConnectionError, ConnectionError)
_ANSWERED = (openai.APIStatusError, httpx.HTTPStatusError)
_CHAIN_DEPTH = 6
_TOLD = ("message", "status_code", "type", "param", "code", "body", "litellm_response_headers", "response", "headers")

_TYPES: dict[Kind, str] = {
    "connection": "connection", "timeout": "timeout", "context_window": "context_window",
    "limit": "rate_limited", "budget": "budget",
}
_STATUS_TYPES = {400: "invalid_request", 401: "upstream_auth", 403: "upstream_auth", 404: "upstream_not_found",
                 408: "timeout", 429: "upstream_rate_limit"}
_TEXTS: dict[Kind, str] = {
    "connection": "the connection to the upstream failed", "timeout": "the upstream did not answer in time",
    "context_window": "the request does not fit the model's context window",
    "limit": "a limit of this gateway was reached", "budget": "a budget of this gateway is spent",
}


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield what lies below ``error``; another LiteLLM exception there belongs to an earlier attempt."""
    inner: BaseException | None = error
    for _ in range(_CHAIN_DEPTH):
        inner = inner and (inner.__cause__ or inner.__context__)
        if inner is None or type(inner).__module__ == "litellm.exceptions":
            return
        yield inner


def failure_of(error: BaseException) -> Failure:
    """Return what kind of failure ``error`` is; a stream's wrapper (MidStreamFallbackError) is looked into."""
    kind = getattr(error, KIND_ATTRIBUTE, None)
    if kind in ("limit", "budget"):
        return Failure(kind, status_of(error))
    if isinstance(error, MidStreamFallbackError) and error.original_exception is not None:
        return failure_of(error.original_exception)
    if isinstance(error, ContextWindowExceededError):
        return Failure("context_window", 400)
    if isinstance(error, _TIMEOUTS):
        return Failure("timeout", 408)
    # LiteLLM 1.106 maps the SDK's APIConnectionError to InternalServerError with the SDK's text.
    below: Kind | None = "connection" if str(error).rstrip().endswith("Connection error.") else _below(error)
    status = status_of(error) or 500
    # An answer of 200 that cannot be read carries its own status (llms/openai/responses, 1.106).
    return Failure(below) if below else Failure("status", status if status >= 400 else 502)


def _below(error: BaseException) -> Kind | None:
    for cause in _causes(error):
        if isinstance(cause, _TIMEOUTS):
            return "timeout"
        if isinstance(cause, _ANSWERED):
            return None
        if isinstance(cause, _TRANSPORT):
            return "connection"
    return None


def status_of(error: BaseException) -> int | None:
    """Return the HTTP status that ``error`` stands for, None when it has none."""
    status = getattr(error, "status_code", None) or getattr(error, "code", None)
    return int(status) if isinstance(status, int) or (isinstance(status, str) and status.isdigit()) else None


def upstream_code(error: BaseException) -> str | None:
    """Return the word that the upstream's own error has as ``code``: on most routes LiteLLM 1.106 loses it."""
    for cause in (error, *_causes(error)):
        code = getattr(cause, "code", None) if isinstance(cause, openai.APIStatusError) else None
        if isinstance(code, str) and code and not code.isdigit():
            return code
    return None


def error_type(failure: Failure) -> str:
    """Return the request line's ``error_type`` for a failure."""
    if failure.kind in _TYPES:
        return _TYPES[failure.kind]
    status = failure.status or 500
    return _STATUS_TYPES.get(status) or ("upstream_error" if status >= 500 else "invalid_request")


def error_text(failure: Failure) -> str:
    """Return the request line's ``error``: our own words, never an upstream's, which may repeat message content."""
    return _TEXTS.get(failure.kind) or f"the upstream answered {failure.status}"


def become(shown: BaseException, error: BaseException | None = None, message: str | None = None) -> None:
    """Make ``shown``, from which LiteLLM builds the client's answer, tell what ``error`` tells, or ``message``.

    An HTTPException returned from the failure hook would do on some routes only (not on messages, 1.106).
    """
    told = {name: getattr(error, name) for name in _TOLD if error is not None and hasattr(error, name)}
    told |= {"message": message} if message is not None else {}
    for name, value in told.items():
        setattr(shown, name, value)
