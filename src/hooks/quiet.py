"""Keeps LiteLLM from saying again, over a hundred lines in an upstream's words, what the request line says in one."""

import logging
from collections.abc import Callable
from typing import Any

_LOGGERS = ("LiteLLM", "LiteLLM Proxy", "LiteLLM Router")
# How LiteLLM 1.106 begins what it says of a request that failed, and of a cost and an owner that it does not keep here.
_TOLD = (
    "litellm.proxy.proxy_server._handle_llm_api_exception(): Exception occured",
    "litellm.proxy.proxy_server.async_data_generator(): Exception occured",
    "litellm.router.py::async_function_with_fallbacks() - ",
    "Fallback also failed: ",
    "Responses streaming fallback also failed: ",
    "Anthropic messages streaming fallback also failed: ",
    "Anthropic Adapter - mid-stream error: ",
    "Billable request priced at $0 ",
    "register_model: model=%s has custom pricing ",
    "Container ownership recording skipped ",
)
_MARK = "told_by_the_request_line"


def install() -> None:
    """Drop such records from now on, unless LiteLLM's debug log is on."""
    if logging.getLogger(_LOGGERS[0]).isEnabledFor(logging.DEBUG):
        return
    logging.setLogRecordFactory(record_factory(logging.getLogRecordFactory()))
    for name in _LOGGERS:
        logging.getLogger(name).addFilter(_is_news)


def record_factory(make: Callable[..., logging.LogRecord]) -> Callable[..., logging.LogRecord]:
    """Return a log record factory that marks what is told elsewhere, and spares it the formatting of a traceback."""
    def marked(*args: Any, **kwargs: Any) -> logging.LogRecord:
        record = make(*args, **kwargs)
        if record.name in _LOGGERS and str(record.msg).startswith(_TOLD) and not _fault(record):
            record.exc_info = None
            setattr(record, _MARK, True)
        return record

    return marked


def _is_news(record: logging.LogRecord) -> bool:
    return not hasattr(record, _MARK)


def _fault(record: logging.LogRecord) -> bool:
    """Tell whether a program failed, ours or LiteLLM's, rather than an upstream: that is worth its traceback."""
    given = record.args if isinstance(record.args, tuple) else ()
    errors = [record.exc_info[1] if record.exc_info else None, *given]
    return any(isinstance(error, Exception) and type(error).__module__ == "builtins" for error in errors)
