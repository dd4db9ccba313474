"""Errors as clients expect them: OpenAI's shape, and Anthropic's on its own routes."""

import ast
import re
import warnings
from dataclasses import dataclass
from typing import Any

import orjson

from .scrub import Scrubber, unwrapped

_OPENAI_TYPES = {
    400: "invalid_request_error", 401: "authentication_error", 403: "permission_error", 404: "invalid_request_error",
    408: "timeout_error", 413: "invalid_request_error", 422: "invalid_request_error", 429: "rate_limit_error",
}
_ANTHROPIC_TYPES = {
    400: "invalid_request_error", 401: "authentication_error", 403: "permission_error", 404: "not_found_error",
    408: "timeout_error", 413: "request_too_large", 422: "invalid_request_error", 429: "rate_limit_error",
    503: "overloaded_error", 504: "timeout_error", 529: "overloaded_error",
}
_SENTENCES = {
    400: "The request was refused.", 401: "The upstream refused the gateway's credentials.",
    403: "The upstream refused the request.", 404: "The upstream does not know this model or path.",
    408: "The upstream took too long.", 429: "Too many requests.", 499: "The client closed the request.",
    502: "The upstream's answer could not be understood.", 503: "The service is overloaded.",
    504: "The upstream took too long.",
}

_ERROR_CODE = re.compile(r"^Error code: \d+ - ")
WRONG_KEY = "invalid_api_key"
# Where the callback notes an upstream's code in a record's ``extra``.
UPSTREAM_CODE = "upstream_code"
_FINDINGS = 5
_PARSERS_COMPLAINT = re.compile(r"(?:Expecting|Unterminated|Extra data|Invalid|unexpected)\b.*\bline \d+ column", re.S)


@dataclass(eq=False)
class Refusal(Exception):
    """An error answer: HTTP status, message, and what OpenAI's shape says beside them; ``retry_after`` is a header.

    ``ours`` tells our own wording from an upstream's, which may repeat the conversation and stays out of logs.
    """

    status: int
    message: str
    code: str | None = None
    param: str | None = None
    type: str | None = None
    retry_after: str | None = None
    ours: bool = True

    def body(self, style: str, request_id: str) -> bytes:
        """Return the JSON body in ``style``."""
        return orjson.dumps(self.document(style, request_id))

    def document(self, style: str, request_id: str) -> dict[str, Any]:
        """Return the error document in ``style``."""
        if style == "anthropic":
            error = {"type": _ANTHROPIC_TYPES.get(self.status) or "api_error", "message": self.message}
            return {"type": "error", "error": error, "request_id": request_id}
        return {"error": {"message": self.message, "type": self.type or type_of(self.status), "param": self.param,
                          "code": self.code}}


def type_of(status: int) -> str:
    """Return OpenAI's error type for an HTTP status."""
    return _OPENAI_TYPES.get(status) or ("server_error" if status >= 500 else "invalid_request_error")


def missing_key() -> Refusal:
    """The request carries no key."""
    return Refusal(401, "Missing API key: send it as 'Authorization: Bearer KEY' or 'x-api-key: KEY'.",
                   "missing_api_key")


def wrong_key() -> Refusal:
    """The request carries a key that is not known."""
    return Refusal(401, "Incorrect API key provided.", WRONG_KEY)


def unknown_model(name: str) -> Refusal:
    """The request asks for a name that is not declared."""
    return Refusal(404, f"The model '{name[:64]}' does not exist.", "model_not_found", "model")


NOT_FOUND = Refusal(404, "Not found. The base of an OpenAI client ends with /v1; other routes are closed unless "
                    "GATEWAY_EXTRA_ROUTES opens them.", "not_found")


def from_litellm(status: int, body: bytes, scrubber: Scrubber, retry_after: str | None,
                 code: object = None) -> Refusal:
    """Return the error that LiteLLM's ``body`` tells, without what clients must not see; any body will do.

    ``code`` is the upstream's own, as the callback noted it.
    """
    error = _error_in(body)
    text = error.get("message") or error.get("detail") or ""
    text = text.get("error", "") if isinstance(text, dict) else text
    told = _told_in(text) if isinstance(text, str) else {}
    # Tools look for this code to shorten the conversation; on chat LiteLLM 1.106 keeps it in its exception's name only.
    too_long = "context_length_exceeded" if "ContextWindowExceededError" in str(text) else None
    message = scrubber.message(str(told.get("message") or ""))
    words = (_word(told.get("code"), scrubber), too_long, _word(code, scrubber), _word(error.get("code"), scrubber),
             str(status))
    return Refusal(
        status=status,
        message=message or _SENTENCES.get(status) or f"The request failed with status {status}.",
        code=next(word for word in words if word),
        param=_word(told.get("param"), scrubber) or _word(error.get("param"), scrubber),
        type=_word(told.get("type"), scrubber),
        retry_after=retry_after,
        ours=False,
    )


def _error_in(body: bytes) -> dict[str, Any]:
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    error = document.get("error", document) if isinstance(document, dict) else {}
    return error if isinstance(error, dict) else {"message": error}


def _told_in(text: str) -> dict[str, Any]:
    """Return the upstream's own error in LiteLLM's text: {"message": ...} and what else the upstream told.

    Some routes of LiteLLM 1.106 quote its whole JSON, some as Python writes a dict. What is no message at all (a page,
    half an answer, a parser's complaint) is left out.
    """
    plain = _ERROR_CODE.sub("", unwrapped(text))
    if not plain.startswith(("{", "<", "[{")):
        return {} if _PARSERS_COMPLAINT.match(plain) else {"message": plain}
    try:
        document = _quoted(plain) if "'" in plain[:3] else orjson.loads(plain)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return {}
    return _error_of(document[0] if isinstance(document, list) else document)


def _error_of(document: object) -> dict[str, Any]:
    """Return the error in an upstream's document: nested as OpenAI does it, or flat as vLLM, Mistral, FastAPI do."""
    if not isinstance(document, dict):
        return {}
    error = document.get("error")
    if isinstance(error, dict):
        return error
    said = next(filter(None, (_sentence(document.get(name)) for name in ("error", "message", "detail"))), None)
    return {} if said is None else {**document, "message": said}


def _sentence(value: object) -> str | None:
    """Return what an upstream says there; of FastAPI's findings each one's place and words, never its input."""
    if isinstance(value, dict):
        value = value.get("detail")
    if not isinstance(value, list):
        return value if isinstance(value, str) and value else None
    found = [one for one in value[:_FINDINGS] if isinstance(one, dict) and isinstance(one.get("msg"), str)]
    return "; ".join(f"{_place(one.get('loc'))}{one['msg']}" for one in found) or None


def _place(loc: object) -> str:
    return ".".join(map(str, loc)) + ": " if isinstance(loc, list | tuple) and loc else ""


def _quoted(text: str) -> object:
    with warnings.catch_warnings():  # what the compiler says of an upstream's text would be printed past logging
        warnings.simplefilter("ignore")
        return ast.literal_eval(text)


def _word(value: object, scrubber: Scrubber) -> str | None:
    """Return a short machine-readable value; LiteLLM writes the text "None" where it knows none."""
    if not isinstance(value, str | int) or value in ("", "None"):
        return None
    return scrubber.text(str(value))[:64]
