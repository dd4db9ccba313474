"""Which of a client's parameters count as dropped, and which as translated."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.policy.params import FirstSeen, client_names, compare


@pytest.mark.parametrize(("sent", "body", "dropped", "translated"), [
    (["temperature"], {"temperature": 0.1}, (), {}),
    (["temperature"], {}, ("temperature",), {}),
    (["temperature"], {"temperature": None}, ("temperature",), {}),
    (["max_tokens"], {"max_completion_tokens": 5}, (), {"max_tokens": "max_completion_tokens"}),
    (["max_tokens"], {"max_output_tokens": 16}, (), {"max_tokens": "max_output_tokens"}),
    (["max_tokens"], {"generationConfig": {"maxOutputTokens": 5}}, (), {"max_tokens": "maxOutputTokens"}),
    (["top_p", "top_k"], {"generationConfig": {"topP": 1, "top_k": 3}}, (), {}),
    (["stop_sequences"], {"stop": ["a"]}, (), {"stop_sequences": "stop"}),
    (["n"], {"generationConfig": {"candidate_count": 2}}, (), {"n": "candidate_count"}),
    (["thinking"], {"reasoning_effort": "low"}, (), {"thinking": "reasoning_effort"}),
    (["chat_template_kwargs"], {"extra_body": {"chat_template_kwargs": {}}}, (), {}),
    (["user", "foo"], {"model": "x", "foo": 1}, ("user",), {}),
])
def test_what_was_sent_is_compared_with_what_goes_upstream(
        sent: list[str], body: dict[str, Any], dropped: tuple[str, ...], translated: dict[str, str]) -> None:
    found = compare(sent, body)
    assert (found.dropped, dict(found.translated)) == (dropped, translated)


def test_content_nulls_and_litellms_own_additions_are_no_parameters() -> None:
    body = {"model": "m", "messages": [], "stream": True, "temperature": 0, "top_p": None, "litellm_call_id": "x",
            "proxy_server_request": {}, "stream_options": {}}
    assert client_names(body) == ("temperature",)


def test_a_pair_is_new_once_until_a_thousand_others_came() -> None:
    seen = FirstSeen(limit=3)
    assert [seen.is_new("a", name) for name in "xxyz"] == [True, False, True, True]
    assert seen.is_new("b", "x"), "another alias is another pair"
    assert seen.is_new("a", "x"), "the oldest pair is forgotten"
    assert not seen.is_new("b", "x")


@given(st.lists(st.text(min_size=1, max_size=20), unique=True), st.lists(st.text(min_size=1, max_size=20)))
def test_every_name_is_either_there_dropped_or_translated(sent: list[str], arrived: list[str]) -> None:
    body = dict.fromkeys(arrived, 1)
    found = compare(sent, body)
    there = {name for name in sent if name.replace("_", "").lower() in {n.replace("_", "").lower() for n in arrived}}
    assert set(sent) == there | set(found.dropped) | set(found.translated) or set(arrived) & {"extra_body"}
