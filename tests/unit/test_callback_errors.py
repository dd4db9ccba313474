"""Which failure LiteLLM's exceptions stand for, and what the request line says of it."""

import httpx
import openai
import pytest
from litellm.exceptions import (
    APIConnectionError, APIError, AuthenticationError, BadRequestError, ContextWindowExceededError, InternalServerError,
    MidStreamFallbackError, NotFoundError, RateLimitError, Timeout,
)

from src.hooks.callback_errors import become, error_text, error_type, failure_of, status_of, upstream_code
from src.policy.chains import Failure

REQUEST = httpx.Request("POST", "http://upstream/v1")


class OwnLimit(Exception):
    gateway_kind = "limit"
    status_code = 429


class OwnBudget(Exception):
    gateway_kind = "budget"
    status_code = 429


def caused(error: Exception, *causes: Exception) -> Exception:
    """Return ``error`` with a chain of causes below it."""
    upper: BaseException = error
    for cause in causes:
        upper.__cause__ = cause
        upper = cause
    return error


def met(error: Exception, while_handling: Exception) -> Exception:
    """Return ``error`` as it is when it was raised while another one was handled."""
    error.__context__ = while_handling
    return error


def server_error(text: str = "it broke") -> Exception:
    return InternalServerError(text, "openai", "m")


def stream_error(inner: Exception) -> Exception:
    return MidStreamFallbackError("x", model="m", llm_provider="openai", original_exception=inner)


ANSWER_500 = openai.InternalServerError("x", response=httpx.Response(500, request=REQUEST), body=None)


@pytest.mark.parametrize(("error", "failure", "name"), [
    (OwnLimit(), Failure("limit", 429), "rate_limited"),
    (OwnBudget(), Failure("budget", 429), "budget"),
    (ContextWindowExceededError("x", "m", "openai"), Failure("context_window", 400), "context_window"),
    (Timeout("x", "m", "openai"), Failure("timeout", 408), "timeout"),
    (TimeoutError(), Failure("timeout", 408), "timeout"),
    (caused(server_error(), openai.APITimeoutError(REQUEST)), Failure("timeout"), "timeout"),
    (caused(server_error(), openai.APIConnectionError(request=REQUEST)), Failure("connection"), "connection"),
    (caused(server_error(), ValueError(), httpx.ReadError("gone")), Failure("connection"), "connection"),
    (caused(server_error(), ConnectionResetError()), Failure("connection"), "connection"),
    (server_error("OpenAIException - Connection error."), Failure("connection"), "connection"),
    (met(ValueError("odd"), httpx.ReadError("gone")), Failure("connection"), "connection"),
    (server_error("OpenAIException - Connection error.\n"), Failure("connection"), "connection"),
    (caused(server_error(), ANSWER_500, httpx.ReadError("older")), Failure("status", 500), "upstream_error"),
    (server_error(), Failure("status", 500), "upstream_error"),
    (RateLimitError("x", "openai", "m"), Failure("status", 429), "upstream_rate_limit"),
    (AuthenticationError("x", "openai", "m"), Failure("status", 401), "upstream_auth"),
    (BadRequestError("x", "m", "openai"), Failure("status", 400), "invalid_request"),
    (stream_error(RateLimitError("x", "openai", "m")), Failure("status", 429), "upstream_rate_limit"),
    (stream_error(Timeout("x", "m", "openai")), Failure("timeout", 408), "timeout"),
    (ValueError("odd"), Failure("status", 500), "upstream_error"),
    (APIError(200, "unreadable", "openai", "m"), Failure("status", 502), "upstream_error"),
    (APIError(418, "tea", "openai", "m"), Failure("status", 418), "invalid_request"),
    (NotFoundError("x", "m", "openai"), Failure("status", 404), "upstream_not_found"),
])
def test_an_exception_is_this_failure(error: Exception, failure: Failure, name: str) -> None:
    assert failure_of(error) == failure
    assert error_type(failure) == name


@pytest.mark.parametrize("earlier", [
    caused(server_error(), openai.APIConnectionError(request=REQUEST)), APIConnectionError("x", "openai", "m"),
    Timeout("x", "m", "openai"),
])
def test_an_earlier_attempts_failure_is_not_this_ones(earlier: Exception) -> None:
    assert failure_of(caused(BadRequestError("x", "m", "openai"), earlier)) == Failure("status", 400)


def test_a_failure_without_a_status_is_the_upstreams() -> None:
    assert error_type(Failure("status")) == "upstream_error"


def test_the_line_never_repeats_an_upstreams_words() -> None:
    assert error_text(failure_of(server_error("you said: my secret diary"))) == "the upstream answered 500"
    assert "time" in error_text(Failure("timeout"))


@pytest.mark.parametrize(("value", "status"), [(429, 429), ("404", 404), ("context_length", None), (None, None)])
def test_a_status_is_a_number_or_unknown(value: object, status: int | None) -> None:
    error = ValueError()
    error.code = value  # type: ignore[attr-defined]
    assert status_of(error) == status


def test_the_error_that_ended_the_walk_is_what_the_client_gets() -> None:
    shown = server_error("first")
    become(shown, BadRequestError("too long a story", "m", "openai"))
    assert (status_of(shown), "too long a story" in str(getattr(shown, "message"))) == (400, True)
    become(shown, message="our words")
    assert getattr(shown, "message") == "our words"


def refused(code: object) -> Exception:
    return openai.BadRequestError("x", response=httpx.Response(400, request=REQUEST), body={"code": code})


@pytest.mark.parametrize(("error", "code"), [
    (refused("content_policy_violation"), "content_policy_violation"),
    (caused(BadRequestError("x", "m", "openai"), refused("content_policy_violation")), "content_policy_violation"),
    (met(BadRequestError("x", "m", "openai"), refused("unsupported_value")), "unsupported_value"),
    (refused("400"), None), (refused(400), None), (refused(None), None), (refused(""), None),
    (BadRequestError("x", "m", "openai"), None), (OwnLimit(), None), (TimeoutError(), None),
    (caused(server_error(), openai.APIConnectionError(request=REQUEST)), None),
    (caused(server_error(), server_error(), refused("of_an_earlier_attempt")), None),
])
def test_the_upstreams_own_code_is_kept(error: Exception, code: str | None) -> None:
    assert upstream_code(error) == code
