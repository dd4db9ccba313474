"""What the callback notes of a client's parameters, and how it changes them for one deployment."""

import logging
from typing import Any

import pytest

from src.hooks import callback_params
from src.hooks.callback_params import apply_reasoning, note_upstream, remember_sent
from src.hooks.planview import ModelView
from src.hooks.record import RequestRecord

MODEL = ModelView("a", "a", "a", provider="openai", model="openai/a", accepts_reasoning=True, levels=("low", "high"))
REFUSING = ModelView("b", "b", "b", provider="openai", model="openai/b", accepts_reasoning=False)
GEMINI = ModelView("g", "g", "g", provider="gemini", model="gemini/g", accepts_reasoning=True, levels=("low",))
ROUTER = ModelView("o", "o", "o", provider="openrouter", model="openrouter/o", accepts_reasoning=True)


def asked(route: str = "chat", **body: Any) -> RequestRecord:
    record = RequestRecord("r", route=route, alias="a")
    remember_sent(record, {"proxy_server_request": {"body": body}})
    return record


def changed(record: RequestRecord, model: ModelView | None, **kwargs: Any) -> dict[str, Any]:
    apply_reasoning(record, kwargs, model)
    return kwargs


HIGH = {"effort": "high"}
BUDGET = {"type": "enabled", "budget_tokens": 20_000}


@pytest.mark.parametrize(("route", "model", "sent", "kwargs"), [
    ("chat", MODEL, {"reasoning": HIGH}, {"reasoning_effort": "high"}),
    ("completions", MODEL, {"reasoning": HIGH}, {"reasoning_effort": "high"}),
    ("messages", MODEL, {"reasoning": HIGH}, {"reasoning_effort": "high"}),
    ("messages", MODEL, {"thinking": BUDGET}, {"reasoning_effort": "high"}),
    ("messages", GEMINI, {"thinking": BUDGET}, {"thinking": BUDGET}),
    ("messages", MODEL, {"thinking": {"type": "disabled"}}, {}),
    ("chat", REFUSING, {"reasoning": HIGH}, {}),
    ("chat", MODEL, {"reasoning": HIGH, "reasoning_effort": "low"}, {"reasoning_effort": "low"}),
    ("chat", ROUTER, {"reasoning": HIGH}, {"reasoning": HIGH}),
    ("chat", None, {"reasoning": HIGH}, {"reasoning": HIGH}),
    ("responses", MODEL, {"reasoning": HIGH}, {"reasoning": HIGH, "extra_body": {"reasoning": HIGH}}),
    ("responses", REFUSING, {"reasoning": HIGH}, {"reasoning": HIGH}),
    ("responses", MODEL, {"reasoning": HIGH, "extra_body": {"min_p": 1}},
     {"reasoning": HIGH, "extra_body": {"min_p": 1, "reasoning": HIGH}}),
    ("responses", GEMINI, {"reasoning": HIGH}, {"reasoning": HIGH}), ("responses", MODEL, {"top_p": 1}, {"top_p": 1}),
    ("chat", MODEL, {"thinking": BUDGET}, {"thinking": BUDGET}),
    ("messages", MODEL, {"thinking": {"type": "adaptive"}, "output_config": {"effort": "low"}},
     {"reasoning_effort": "low", "output_config": {"effort": "low"}}),
])
def test_reasoning_becomes_what_the_deployment_takes(route: str, model: ModelView | None, sent: dict[str, Any],
                                                     kwargs: dict[str, Any]) -> None:
    assert changed(asked(route, **sent), model, **sent) == kwargs


def test_a_deployments_default_effort_gives_way_to_the_clients() -> None:
    assert changed(asked(reasoning=HIGH), MODEL, reasoning=HIGH, reasoning_effort="low") == {"reasoning_effort": "high"}


def test_what_was_translated_or_removed_is_noted() -> None:
    record = asked(reasoning=HIGH)
    changed(record, MODEL, reasoning=HIGH)
    note_upstream(record, {"reasoning_effort": "high"})
    assert (list(record.dropped), record.translated) == ([], {"reasoning": "reasoning_effort"})
    changed(record, REFUSING, reasoning=HIGH)
    note_upstream(record, {})
    assert (list(record.dropped), record.translated) == (["reasoning"], {}), "the deployment that answers counts"


@pytest.mark.parametrize(("route", "name", "value", "later"), [
    ("chat", "reasoning", HIGH, ROUTER), ("chat", "reasoning", HIGH, None), ("messages", "thinking", BUDGET, GEMINI),
])
@pytest.mark.parametrize("first", [MODEL, REFUSING])
def test_what_a_later_deployment_takes_as_it_is_was_not_translated(
        first: ModelView, route: str, name: str, value: dict[str, Any], later: ModelView | None) -> None:
    record = asked(route, **{name: value})
    changed(record, first, **{name: value})
    note_upstream(record, {})
    assert changed(record, later, **{name: value}) == {name: value}
    note_upstream(record, {name: value})
    assert (list(record.dropped), record.translated) == ([], {})


def test_thinking_that_became_an_effort_is_not_told_as_lost() -> None:
    record = asked("messages", thinking=BUDGET)
    changed(record, MODEL, thinking=BUDGET)
    note_upstream(record, {"reasoning_effort": "high"})
    assert (list(record.dropped), record.translated) == ([], {"thinking": "reasoning_effort"})


def test_a_later_attempt_keeps_what_the_edge_and_litellm_renamed() -> None:
    record = RequestRecord("r", alias="a")
    record.translate("old", "new")
    remember_sent(record, {"proxy_server_request": {"body": {"max_tokens": 5}}})
    note_upstream(record, {"max_completion_tokens": 5})
    assert record.translated == {"old": "new", "max_tokens": "max_completion_tokens"}


def test_what_the_edge_read_of_the_body_counts() -> None:
    record = RequestRecord("r")
    record.extra[callback_params.SENT] = ("top_p",)
    remember_sent(record, {"proxy_server_request": {"body": {"temperature": 1}}})
    assert record.extra[callback_params.SENT] == ("top_p",)


def test_a_bridged_call_does_not_forget_what_was_translated() -> None:
    record = asked(reasoning=HIGH, reasoning_effort="low")
    changed(record, MODEL, reasoning=HIGH, reasoning_effort="low")
    changed(record, MODEL, reasoning_effort="low")
    note_upstream(record, {"reasoning_effort": "low"})
    assert (list(record.dropped), record.translated) == (["reasoning"], {})


def test_a_later_attempt_replaces_an_earlier_one_and_keeps_what_the_edge_removed() -> None:
    record = RequestRecord("r", alias="a")
    record.drop("api_base")
    remember_sent(record, {"proxy_server_request": {"body": {"temperature": 1, "user": "u"}}})
    note_upstream(record, {"temperature": 1})
    assert list(record.dropped) == ["api_base", "user"]
    note_upstream(record, {"user": "u"})
    assert list(record.dropped) == ["api_base", "temperature"]


@pytest.mark.parametrize(("data", "names"), [
    ({"proxy_server_request": {"body": {"metadata": {"x": 1}, "top_p": 1}}, "metadata": {}}, ("top_p",)),
    ({"proxy_server_request": {"body": {"metadata": {}}}, "metadata": {"requester_metadata": {"x": 1}}}, ("metadata",)),
    ({"proxy_server_request": {"body": {"metadata": {"user_id": "u"}}}, "litellm_metadata": {}}, ("metadata",)),
    ({"proxy_server_request": None}, ()),
])
def test_litellms_own_metadata_is_not_the_clients(data: dict[str, Any], names: tuple[str, ...]) -> None:
    record = RequestRecord("r")
    remember_sent(record, data)
    assert record.extra[callback_params.SENT] == names


def test_a_drop_is_warned_of_once_for_each_alias(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "gateway"):
        for alias in ("warned-a", "warned-a", "warned-b"):
            record = asked(user="u")
            record.alias = alias
            note_upstream(record, {})
    assert [message for message in caplog.messages if "user" in message] == [
        "parameter user is dropped for warned-a; further cases are only counted",
        "parameter user is dropped for warned-b; further cases are only counted"]
