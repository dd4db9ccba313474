"""The callback called as LiteLLM calls it: what it knows nothing of it leaves alone, what it knows it fills in."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from litellm.exceptions import BadRequestError, InternalServerError

from src.hooks import runtime
from src.hooks.callback import GatewayLogger
from src.hooks.record import RequestRecord

MODELS = [
    {"key": "a", "alias": "a", "deployment": "dep-a", "provider": "openai", "model": "openai/a", "timeout": 3.0,
     "stream_timeout": 60.0, "retries": 0, "input_cost_micros": 1_000_000, "output_cost_micros": 2_000_000,
     "accepts_reasoning": True, "levels": ["low", "high"]},
    {"key": "b", "alias": "b", "deployment": "dep-b", "provider": "openai", "model": "openai/b", "retries": 0},
]
PLAN = {"version": 1, "hash": "abc", "models": MODELS, "settings": {}, "secret_names": [],
        "chains": [{"key": "any", "alias": "any", "models": ["a", "b"], "on": ["error"]}]}
LOGGED = {"model_id": "dep-a", "prompt_tokens": 3, "completion_tokens": 4, "metadata": {}}


@pytest.fixture
def now(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[runtime.Runtime]:
    (tmp_path / "plan.json").write_text(json.dumps(PLAN))
    monkeypatch.setenv("GATEWAY_PLAN_FILE", str(tmp_path / "plan.json"))
    loaded = runtime.load({"GATEWAY_PLAN_FILE": str(tmp_path / "plan.json")})
    loaded.sinks.clear()
    yield loaded


def opened(now: runtime.Runtime, alias: str = "any", route: str = "chat", stream: bool = False) -> RequestRecord:
    return now.book.open(RequestRecord("call-1", route=route, alias=alias, stream=stream))


def hook(coroutine: Any) -> Any:
    return asyncio.run(coroutine)


def pre_call(logger: GatewayLogger, **data: Any) -> dict[str, Any]:
    data.setdefault("litellm_call_id", "call-1")
    found: dict[str, Any] = hook(logger.async_pre_call_hook(None, None, data, "acompletion"))
    return found


def attempt(logger: GatewayLogger, deployment: str = "dep-a", **step: Any) -> dict[str, Any]:
    """Go through one attempt as far as the HTTP call; return the call's arguments."""
    kwargs = {"litellm_call_id": "call-1", "model_info": {"id": deployment}, **step}

    async def run() -> dict[str, Any]:
        assert await logger.async_filter_deployments("a", ["it"], None, kwargs) == ["it"]
        return await logger.async_pre_call_deployment_hook(kwargs, "acompletion")

    found: dict[str, Any] = hook(run())
    logger.log_pre_api_call("a", [], {"litellm_call_id": "call-1", "additional_args": {"complete_input_dict": {}}})
    return found


def test_requests_of_nobody_are_left_alone(now: runtime.Runtime) -> None:
    logger, data = GatewayLogger(), {"model": "x", "litellm_call_id": "unknown"}
    assert hook(logger.async_pre_call_hook(None, None, dict(data), "acompletion")) == data
    assert hook(logger.async_filter_deployments("x", ["it"], None, data)) == ["it"]
    assert hook(logger.async_pre_call_deployment_hook(dict(data), "acompletion")) == data
    logger.log_pre_api_call("x", [], data)
    error = InternalServerError("x", "openai", "m")
    hook(logger.async_post_call_failure_deployment_hook(data, error, "acompletion"))
    hook(logger.async_post_call_failure_hook(data, error, None))
    hook(logger.async_log_success_event(data, None, None, None))
    hook(logger.async_log_failure_event(data, None, None, None))
    untouched: Any = stream()
    assert logger.async_post_call_streaming_iterator_hook(None, untouched, data) is untouched


def test_an_answered_request_is_filled_and_settled(now: runtime.Runtime) -> None:
    record, logger = opened(now), GatewayLogger()
    data = pre_call(logger, model="any")
    assert (data["model"], [step["model"] for step in data["fallbacks"]]) == ("a", ["b"])
    kwargs = attempt(logger, stream_timeout=60, reasoning={"effort": "high"})
    assert (kwargs["reasoning_effort"], "stream_timeout" in kwargs) == ("high", False)
    hook(logger.async_log_success_event({"litellm_call_id": "call-1", "standard_logging_object": LOGGED}, None, 0, 0))
    assert (record.settled, record.answered, record.deployment, record.provider, record.model) == (
        True, "a", "dep-a", "openai", "openai/a")
    assert (record.chain, record.chain_position, record.cost_micros) == ("any", 1, 11)
    assert [(found.deployment, found.status) for found in record.attempts] == [("dep-a", 200)]


def test_images_are_found_by_the_header_that_the_edge_sets(now: runtime.Runtime) -> None:
    opened(now, route="images_generations")
    request = {"headers": {"x-litellm-call-id": "call-1"}, "body": {}}
    data = hook(GatewayLogger().async_pre_call_hook(None, None, {"model": "any", "proxy_server_request": request}, ""))
    assert data["model"] == "a"


def test_a_failed_request_says_why_and_shows_no_insides(now: runtime.Runtime) -> None:
    record, logger = opened(now, "b"), GatewayLogger()
    pre_call(logger, model="b")
    attempt(logger, "dep-b")
    error = InternalServerError("OpenAIException - Connection error.", "openai", "m")
    request = {"litellm_call_id": "call-1"}
    hook(logger.async_post_call_failure_deployment_hook(request, error, "acompletion"))
    hook(logger.async_post_call_failure_hook(request, error, None))
    assert (record.settled, record.error_type, record.answered) == (True, "connection", None)
    assert error.message == "the connection to the upstream failed"
    assert record.attempts[0].error_type == "connection"


def test_the_error_that_stopped_the_walk_replaces_the_first(now: runtime.Runtime) -> None:
    record, logger = opened(now), GatewayLogger()
    data = pre_call(logger, model="any")
    attempt(logger)
    first, second = InternalServerError("first", "openai", "m"), BadRequestError("second", "m", "openai")
    with pytest.raises(BadRequestError):
        try:
            raise second
        except BadRequestError:
            attempt(logger, "dep-b", **data["fallbacks"][0])
    hook(logger.async_post_call_failure_hook({"litellm_call_id": "call-1"}, first, None))
    assert (record.error_type, first.status_code) == ("invalid_request", 400)


def test_a_request_that_never_got_to_a_model_still_has_its_error(now: runtime.Runtime) -> None:
    record = opened(now)
    error = BadRequestError("x", "m", "openai")
    hook(GatewayLogger().async_post_call_failure_hook({"litellm_call_id": "call-1"}, error, None))
    assert (record.error_type, record.attempts) == ("invalid_request", [])


def test_an_alias_without_a_walk_falls_back_to_nothing(now: runtime.Runtime) -> None:
    opened(now, "wild/one")
    assert pre_call(GatewayLogger(), model="wild/one")["fallbacks"] == []


def test_a_broken_stream_keeps_the_tokens_that_came(now: runtime.Runtime) -> None:
    record, logger = opened(now, stream=True), GatewayLogger()
    pre_call(logger, model="any", stream=True)
    attempt(logger)
    record.first_byte_ns = 1
    hook(logger.async_log_failure_event({"litellm_call_id": "call-1", "standard_logging_object": LOGGED}, None, 0, 0))
    assert (record.prompt_tokens, record.completion_tokens, record.settled) == (3, 4, False)


def text(words: str | None, finish: str | None = None, usage: object = None) -> SimpleNamespace:
    return SimpleNamespace(choices=[SimpleNamespace(text=words, finish_reason=finish)], usage=usage)


CHUNKS = [text("a"), text("", "stop"), text(None, usage={"total_tokens": 1})]


async def stream(*chunks: Any) -> AsyncIterator[Any]:
    for chunk in chunks:
        if isinstance(chunk, Exception):
            raise chunk
        yield chunk


@pytest.mark.parametrize(("options", "chunks"), [(None, 2), ({"include_usage": True}, 3)])
def test_text_streams_are_counted_and_show_usage_only_to_who_asked(now: runtime.Runtime, options: Any,
                                                                   chunks: int) -> None:
    opened(now, route="completions", stream=True)
    logger, extra = GatewayLogger(), {"stream_options": options} if options else {}
    data = pre_call(logger, model="any", stream=True, **extra)
    assert data["stream_options"] == (options or {"include_usage": True})

    async def read() -> int:
        response = logger.async_post_call_streaming_iterator_hook(None, stream(*CHUNKS), {"litellm_call_id": "call-1"})
        return len([chunk async for chunk in response])

    assert hook(read()) == chunks


def test_a_client_that_leaves_a_text_stream_settles_it(now: runtime.Runtime) -> None:
    record, logger = opened(now, route="completions", stream=True), GatewayLogger()

    async def leave() -> None:
        response: Any = logger.async_post_call_streaming_iterator_hook(
            None, stream(*CHUNKS), {"litellm_call_id": "call-1"})
        await anext(response)
        await response.aclose()

    hook(leave())
    assert (record.client_gone, record.settled) == (True, True)


def test_a_text_stream_that_breaks_is_not_a_client_that_left(now: runtime.Runtime) -> None:
    record, logger = opened(now, route="completions", stream=True), GatewayLogger()

    async def read() -> None:
        response = logger.async_post_call_streaming_iterator_hook(
            None, stream(text("a"), ValueError("broken")), {"litellm_call_id": "call-1"})
        async for _ in response:
            pass

    with pytest.raises(ValueError, match="broken"):
        hook(read())
    assert not record.client_gone
