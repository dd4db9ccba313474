"""One attempt as LiteLLM makes it: its time limits, what is noted of it, and which words its end leaves behind."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from litellm.exceptions import BadRequestError, InternalServerError

from src.hooks import metrics, runtime
from src.hooks.callback import GatewayLogger
from src.hooks.callback_deadline import LONGEST_READ, TimedTransport
from src.hooks.record import RequestRecord
from src.hooks.upstreams import leave

SOON = 0.01
OWN: dict[str, Any] = {"provider": "openai", "retries": 0, "input_cost_micros": 1_000_000, "output_cost_micros": 0}
MODELS = [{"key": "a", "alias": "a", "deployment": "dep-a", "model": "openai/a", "timeout": SOON,
           "stream_timeout": SOON, **OWN},
          {"key": "o", "alias": "open/*", "deployment": "dep-o", "model": "openai/*", "provider": "openai",
           "key_env": "KEY", "retries": 0},
          {"key": "w", "alias": "local/*", "deployment": "dep-w", "model": "openai/*", "timeout": SOON, **OWN}]
PLAN = {"version": 1, "hash": "abc", "models": MODELS, "settings": {}, "secret_names": [], "chains": []}
REQUEST = httpx.Request("POST", "http://upstream/v1")
LOGGED = {"model_id": "dep-a", "prompt_tokens": 3, "completion_tokens": 4, "metadata": {}}
ID = {"litellm_call_id": "call-1"}


@pytest.fixture
def now(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[runtime.Runtime]:
    (tmp_path / "plan.json").write_text(json.dumps(PLAN))
    monkeypatch.setenv("GATEWAY_PLAN_FILE", str(tmp_path / "plan.json"))
    loaded = runtime.load({"GATEWAY_PLAN_FILE": str(tmp_path / "plan.json")})
    loaded.sinks.clear()
    yield loaded


class Upstream(httpx.AsyncBaseTransport):
    """Answers with what it is told, or raises it, or never answers (None)."""

    def __init__(self, answer: httpx.Response | Exception | None) -> None:
        self.answer = answer

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer as one upstream does."""
        if self.answer is None:
            await asyncio.Event().wait()
        if isinstance(self.answer, Exception):
            raise self.answer
        assert self.answer is not None
        return self.answer


class Body(httpx.AsyncByteStream):
    """An answer's body that knows whether it was closed."""

    closed = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield b"data: 1\n\n"

    async def aclose(self) -> None:
        """Note that nobody reads on."""
        self.closed = True


class Asked:
    """One request of a client, its record, and its way to the upstream."""

    def __init__(self, now: runtime.Runtime, alias: str = "a", route: str = "chat", **data: Any) -> None:
        self.record = now.book.open(RequestRecord("call-1", route=route, alias=alias))
        self.logger, self.kwargs = GatewayLogger(), dict[str, Any]()
        self.data: dict[str, Any] = {**ID, "model": alias, "proxy_server_request": {"body": data}, **data}

    async def chosen(self, deployment: str = "dep-a", call_id: str = "call-1") -> None:
        """Go as far as LiteLLM's choice of a deployment."""
        self.data = await self.logger.async_pre_call_hook(None, None, self.data, "acompletion")
        self.kwargs = {"litellm_call_id": "call-1", "model_info": {"id": deployment}, "timeout": 5}
        await self.logger.async_filter_deployments("a", ["it"], None, self.kwargs)
        self.kwargs = await self.logger.async_pre_call_deployment_hook(
            {**self.kwargs, "litellm_call_id": call_id}, "acompletion")

    def called(self, body: Any = None) -> None:
        """Say as LiteLLM does that the upstream is being asked with ``body``."""
        self.logger.log_pre_api_call("a", [], {**ID, "additional_args": body})


def answer_of(asked: Asked, upstream: httpx.Response | Exception | None, **more: Any) -> httpx.Response:
    """Return the upstream's answer as LiteLLM gets it."""
    async def run() -> httpx.Response:
        await asked.chosen(**more)
        asked.called()
        response = await TimedTransport(Upstream(upstream)).handle_async_request(REQUEST)
        await response.aread()
        return response

    return asyncio.run(run())


def test_an_attempt_has_its_models_time_and_its_failure_is_told_as_that(now: runtime.Runtime) -> None:
    asked = Asked(now)
    with pytest.raises(httpx.ReadTimeout):
        answer_of(asked, None)
    assert asked.kwargs["timeout"] == LONGEST_READ, "LiteLLM's own clock must not end it before"
    error = InternalServerError("it broke", "openai", "m")
    asyncio.run(asked.logger.async_post_call_failure_deployment_hook(ID, error, "acompletion"))
    assert [attempt.error_type for attempt in asked.record.attempts] == ["timeout"]
    asyncio.run(asked.logger.async_post_call_failure_hook(dict(ID), error, None))
    assert (asked.record.error_type, error.message) == ("timeout", "the upstream did not answer in time")


@pytest.mark.parametrize(("route", "status"), [("images_generations", 503), ("images_edits", 503), ("chat", None)])
def test_images_get_a_failure_as_an_answer_because_their_client_would_try_again(
        route: str, status: int | None, now: runtime.Runtime) -> None:
    asked = Asked(now, route=route)
    if status is None:
        with pytest.raises(httpx.ReadError):
            answer_of(asked, httpx.ConnectError("refused"))
    else:
        assert answer_of(asked, httpx.ConnectError("refused")).status_code == status


@pytest.mark.parametrize(("stream", "broken"), [(True, True), (False, False), (None, False)])
def test_only_what_was_asked_as_a_stream_must_end_like_one(stream: bool | None, broken: bool,
                                                           now: runtime.Runtime) -> None:
    asked = Asked(now, stream=stream)
    if broken:
        with pytest.raises(httpx.ReadError):
            answer_of(asked, httpx.Response(200, stream=Body()))
    else:
        assert answer_of(asked, httpx.Response(200, stream=Body())).content == b"data: 1\n\n"
    assert asked.record.stream is bool(stream)


def test_an_answer_that_has_begun_is_let_go_with_its_client(now: runtime.Runtime) -> None:
    asked, body = Asked(now), Body()

    async def run() -> None:
        await asked.chosen()
        await TimedTransport(Upstream(httpx.Response(200, stream=body))).handle_async_request(REQUEST)
        await leave(asked.record)

    asyncio.run(run())
    assert body.closed


def test_a_call_that_nobody_asked_for_has_no_limits_of_another(now: runtime.Runtime) -> None:
    async def run() -> httpx.Response:
        asked = Asked(now)
        await asked.chosen()
        await asked.logger.async_pre_call_deployment_hook({"litellm_call_id": "unknown"}, "acompletion")
        return await TimedTransport(Upstream(httpx.Response(422))).handle_async_request(REQUEST)

    assert asyncio.run(run()).status_code == 422


@pytest.mark.parametrize(("additional", "dropped"), [
    ({"complete_input_dict": {"model": "a", "temperature": 1}}, ["top_p"]),
    ({"complete_input_dict": {"model": "a", "temperature": 1, "top_p": 1}}, []),
    ({"complete_input_dict": b"a form"}, []), ({}, []), (None, []),
])
def test_what_did_not_go_upstream_is_noted(additional: Any, dropped: list[str], now: runtime.Runtime) -> None:
    asked = Asked(now, temperature=1, top_p=1)
    asyncio.run(asked.chosen())
    asked.called(additional)
    assert list(asked.record.dropped) == dropped


def test_before_a_deployment_is_chosen_there_is_no_attempt(now: runtime.Runtime) -> None:
    asked = Asked(now)
    asyncio.run(asked.logger.async_pre_call_hook(None, None, asked.data, "acompletion"))
    asked.called()
    assert asked.record.attempts == []


def test_a_model_alone_has_no_place_in_a_chain(now: runtime.Runtime) -> None:
    asked = Asked(now)
    asyncio.run(asked.chosen())
    assert (asked.record.answered, asked.record.chain, asked.record.chain_position) == ("a", None, None)


def test_a_name_under_a_wildcard_is_told_as_itself(now: runtime.Runtime) -> None:
    asked = Asked(now, alias="local/x")
    asyncio.run(asked.chosen("dep-w"))
    assert (asked.record.answered, asked.record.model, asked.record.deployment) == ("local/x", "openai/x", "dep-w")


@pytest.mark.parametrize("logged", [LOGGED, {**LOGGED, "model_id": "unheard-of"}, {**LOGGED, "model_id": None}])
def test_an_answer_costs_what_its_deployment_costs(logged: dict[str, Any], now: runtime.Runtime) -> None:
    asked = Asked(now)
    asyncio.run(asked.chosen())
    asked.called()
    asyncio.run(asked.logger.async_log_success_event({**ID, "standard_logging_object": logged}, None, 0, 0))
    assert (asked.record.cost_micros, asked.record.prompt_tokens, asked.record.settled) == (3, 3, True)


def test_a_name_under_a_wildcard_costs_what_that_model_costs(now: runtime.Runtime) -> None:
    asked = Asked(now, alias="open/gpt-4o")
    asyncio.run(asked.chosen("dep-o"))
    asked.called()
    asyncio.run(asked.logger.async_log_success_event(
        {**ID, "standard_logging_object": {**LOGGED, "model_id": "dep-o"}}, None, 0, 0))
    assert (asked.record.cost_state, asked.record.settled) == ("priced", True)


def test_a_request_that_goes_no_known_way_is_left_to_itself(now: runtime.Runtime) -> None:
    asked, error = Asked(now, alias="undeclared"), InternalServerError("it broke", "openai", "m")
    asyncio.run(asked.chosen("dep-unheard-of"))
    assert asked.data["fallbacks"] == []
    asked.record.deployment, asked.record.stream, asked.record.first_byte_ns = "dep-a", True, 1
    asked.called()
    asyncio.run(asked.logger.async_post_call_failure_deployment_hook(ID, error, "acompletion"))
    for event in (asked.logger.async_log_success_event, asked.logger.async_log_failure_event):
        asyncio.run(event({**ID, "standard_logging_object": LOGGED}, None, 0, 0))
    assert (asked.record.attempts, asked.record.prompt_tokens, asked.record.settled) == ([], None, False)


def test_an_answer_of_which_nothing_is_logged_has_unknown_tokens(now: runtime.Runtime) -> None:
    asked = Asked(now)
    asyncio.run(asked.chosen())
    asyncio.run(asked.logger.async_log_success_event(dict(ID), None, 0, 0))
    assert (asked.record.prompt_tokens, asked.record.cost_state, asked.record.settled) == (None, "unknown", True)


@pytest.mark.parametrize(("stream", "begun", "tokens"), [(True, 1, 3), (True, None, None), (False, 1, None)])
def test_a_failure_has_tokens_only_where_a_stream_had_begun(stream: bool, begun: int | None, tokens: int | None,
                                                            now: runtime.Runtime) -> None:
    asked = Asked(now, stream=stream)
    asyncio.run(asked.chosen())
    asked.record.first_byte_ns = begun
    asyncio.run(asked.logger.async_log_failure_event({**ID, "standard_logging_object": LOGGED}, None, 0, 0))
    assert asked.record.prompt_tokens == tokens


def test_an_upstreams_own_words_reach_the_client(now: runtime.Runtime) -> None:
    asked, error = Asked(now), BadRequestError("max_tokens is too large", "m", "openai")
    asyncio.run(asked.chosen())
    asyncio.run(asked.logger.async_post_call_failure_hook(dict(ID), error, None))
    assert "max_tokens is too large" in error.message and asked.record.error == "the upstream answered 400"


def test_every_request_is_counted_in_the_metrics_once(now: runtime.Runtime) -> None:
    for _ in range(2):
        asyncio.run(Asked(now).chosen())
    assert now.sinks.count(metrics.observe) == 1


def test_a_stream_that_is_no_text_completion_passes_as_it_is(now: runtime.Runtime) -> None:
    response: Any = object()
    logger = Asked(now, stream=True).logger
    assert logger.async_post_call_streaming_iterator_hook(None, response, dict(ID)) is response


# --- text completions ------------------------------------------------------------------------------------------------

@pytest.mark.parametrize(("route", "sent", "options"), [
    ("completions", {"stream": True}, {"include_usage": True}),
    ("completions", {"stream": True, "stream_options": {"x": 1}}, {"x": 1, "include_usage": True}),
    ("completions", {"stream": True, "stream_options": {"include_usage": False}}, {"include_usage": False}),
    ("completions", {}, None), ("chat", {"stream": True}, None),
])
def test_usage_is_asked_of_text_streams_that_leave_it_open(route: str, sent: dict[str, Any], options: Any,
                                                           now: runtime.Runtime) -> None:
    asked = Asked(now, route=route, **sent)
    asyncio.run(asked.chosen())
    assert asked.data.get("stream_options") == options


def piece(words: str | None = None, finish: str | None = None, **more: Any) -> SimpleNamespace:
    return SimpleNamespace(choices=[SimpleNamespace(text=words, finish_reason=finish)], **more)


@pytest.mark.parametrize(("chunk", "shown"), [
    (piece("a"), True), (piece("a", usage=1), True), (piece("", "stop", usage=1), True), (piece("", usage=1), False),
    (SimpleNamespace(choices=None, usage=1), False), (SimpleNamespace(usage=1), False), (piece(""), True),
    (SimpleNamespace(), True),
])
def test_a_client_sees_all_of_a_text_stream_but_usage_that_it_did_not_ask_for(
        chunk: Any, shown: bool, now: runtime.Runtime) -> None:
    asked = Asked(now, route="completions", stream=True)

    async def chunks() -> AsyncIterator[Any]:
        yield chunk

    async def read() -> list[Any]:
        await asked.chosen()
        response = asked.logger.async_post_call_streaming_iterator_hook(None, chunks(), dict(ID))
        return [one async for one in response]

    assert asyncio.run(read()) == ([chunk] if shown else [])
    assert not asked.record.client_gone
