"""The log keeps what is news: faults of programs, and all of it under --debug; not what a request line says already."""

import io
import logging
from collections.abc import Iterator

import openai
import pytest

from src.hooks import quiet

HANDLED = "litellm.proxy.proxy_server._handle_llm_api_exception(): Exception occured - litellm_call_id=%s - %s"
REFUSED = openai.APIError("the upstream's words", request=None, body=None)  # type: ignore[arg-type]


@pytest.fixture
def said() -> Iterator[io.StringIO]:
    """What LiteLLM's loggers write, with everything as it was afterwards."""
    stream, factory = io.StringIO(), logging.getLogRecordFactory()
    handler = logging.StreamHandler(stream)
    loggers = [logging.getLogger(name) for name in ("LiteLLM", "LiteLLM Proxy", "LiteLLM Router")]
    before = [(logger.level, logger.propagate, list(logger.filters)) for logger in loggers]
    for logger in loggers:
        logger.addHandler(handler)
        logger.setLevel(logging.WARNING)
        logger.propagate = False
    yield stream
    logging.setLogRecordFactory(factory)
    for logger, (level, propagate, filters) in zip(loggers, before):
        logger.removeHandler(handler)
        logger.setLevel(level)
        logger.propagate, logger.filters = propagate, filters


def log(name: str, message: str, *args: object, error: Exception | None = None) -> None:
    """Log an error as LiteLLM does, with the traceback of ``error``."""
    try:
        if error:
            raise error
    except Exception:
        logging.getLogger(name).exception(message, *args)
    else:
        logging.getLogger(name).error(message, *args)


@pytest.mark.parametrize(("name", "message", "args", "error"), [
    ("LiteLLM Proxy", HANDLED, ("1", REFUSED), REFUSED),
    ("LiteLLM Proxy", HANDLED, ("1", REFUSED), None),
    ("LiteLLM Proxy", "litellm.proxy.proxy_server.async_data_generator(): Exception occured - %s", (REFUSED,), REFUSED),
    ("LiteLLM Router", "litellm.router.py::async_function_with_fallbacks() - Error %s\n%s", ("words", []), None),
    ("LiteLLM", "register_model: model=%s has custom pricing but not in built-in cost map", ("gpt-5",), None),
    ("LiteLLM", "Billable request priced at $0 and logged as such (%s)", ("gpt-5",), None),
])
def test_what_the_request_line_says_is_not_said_again(said: io.StringIO, name: str, message: str,
                                                      args: tuple[object, ...], error: Exception | None) -> None:
    quiet.install()
    log(name, message, *args, error=error)
    assert said.getvalue() == ""


@pytest.mark.parametrize(("name", "message", "args", "error"), [
    ("LiteLLM Proxy", HANDLED, ("1", KeyError("choices")), KeyError("choices")),
    ("LiteLLM Proxy", "Error in deferred streaming success logging: %s", (REFUSED,), REFUSED),
    ("LiteLLM", "Exception in callback: %s", ("words",), None),
])
def test_a_fault_of_a_program_keeps_its_traceback(said: io.StringIO, name: str, message: str,
                                                  args: tuple[object, ...], error: Exception | None) -> None:
    quiet.install()
    log(name, message, *args, error=error)
    assert message.partition("%")[0] in said.getvalue()
    assert ("Traceback" in said.getvalue()) == bool(error)


def test_debugging_shows_all_of_it(said: io.StringIO) -> None:
    logging.getLogger("LiteLLM").setLevel(logging.DEBUG)
    quiet.install()
    log("LiteLLM Proxy", HANDLED, "1", REFUSED, error=REFUSED)
    assert "Traceback" in said.getvalue()


def test_others_may_begin_alike(said: io.StringIO) -> None:
    quiet.install()
    record = logging.getLogRecordFactory()("mine", logging.ERROR, "x.py", 1, "Fallback also failed: no", (), None)
    assert all(check(record) for check in logging.getLogger("LiteLLM").filters if callable(check))
