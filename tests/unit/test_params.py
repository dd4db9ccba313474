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
    (["max_completion_tokens"], {"max_tokens": 5}, (), {"max_completion_tokens": "max_tokens"}),
    (["max_completion_tokens"], {"maxOutputTokens": 5}, (), {"max_completion_tokens": "maxOutputTokens"}),
    (["max_output_tokens"], {"max_tokens": 5}, (), {"max_output_tokens": "max_tokens"}),
    (["max_output_tokens"], {"max_completion_tokens": 5}, (), {"max_output_tokens": "max_completion_tokens"}),
    (["stop"], {"stop_sequences": ["a"]}, (), {"stop": "stop_sequences"}),
    (["response_format"], {"responseMimeType": "x", "text": {}}, (), {"response_format": "responseMimeType"}),
    (["response_format"], {"responseSchema": {}}, (), {"response_format": "responseSchema"}),
    (["response_format"], {"response_json_schema": {}}, (), {"response_format": "response_json_schema"}),
    (["response_format"], {"text": {}}, (), {"response_format": "text"}),
    (["text"], {"response_format": {}, "verbosity": "low"}, (), {"text": "response_format"}),
    (["text"], {"verbosity": "low"}, (), {"text": "verbosity"}),
    (["tool_choice"], {"toolConfig": {}}, (), {"tool_choice": "toolConfig"}),
    (["functions"], {"tools": []}, (), {"functions": "tools"}),
    (["function_call"], {"tool_choice": "auto"}, (), {"function_call": "tool_choice"}),
    (["function_call"], {"toolConfig": {}}, (), {"function_call": "toolConfig"}),
    (["reasoning"], {"reasoning_effort": "low"}, (), {"reasoning": "reasoning_effort"}),
    (["reasoning"], {"thinkingConfig": {}}, (), {"reasoning": "thinkingConfig"}),
    (["reasoning"], {"thinking": {}}, (), {"reasoning": "thinking"}),
    (["reasoning_effort"], {"generation_config": {"thinkingConfig": {}}}, (), {"reasoning_effort": "thinkingConfig"}),
    (["reasoning_effort"], {"thinking": {}}, (), {"reasoning_effort": "thinking"}),
    (["reasoning_effort"], {"reasoning": {}}, (), {"reasoning_effort": "reasoning"}),
    (["thinking"], {"thinkingConfig": {}}, (), {"thinking": "thinkingConfig"}),
    (["thinking"], {"reasoning": {}}, (), {"thinking": "reasoning"}),
    (["logprobs"], {"responseLogprobs": True}, (), {"logprobs": "responseLogprobs"}),
    (["top_logprobs"], {"logprobs": 2}, (), {"top_logprobs": "logprobs"}),
    (["modalities"], {"responseModalities": []}, (), {"modalities": "responseModalities"}),
    (["audio"], {"speechConfig": {}}, (), {"audio": "speechConfig"}),
    (["random_seed"], {"seed": 1}, (), {"random_seed": "seed"}),
    (["seed"], {"random_seed": 1}, (), {"seed": "random_seed"}),
    (["temperature"], {"generationConfig": "text", "extra_body": None}, ("temperature",), {}),
])
def test_what_was_sent_is_compared_with_what_goes_upstream(
        sent: list[str], body: dict[str, Any], dropped: tuple[str, ...], translated: dict[str, str]) -> None:
    found = compare(sent, body)
    assert (found.dropped, dict(found.translated)) == (dropped, translated)


def test_content_nulls_and_litellms_own_additions_are_no_parameters() -> None:
    content = """model messages input prompt file stream stream_options contents extra_body instructions
        system""".split()
    own = """litellm_call_id litellm_metadata litellm_logging_obj proxy_server_request secret_fields litellm_trace_id
        shared_session""".split()
    body: dict[str, Any] = {**dict.fromkeys(content + own, "x"), "temperature": 0, "top_p": None, "tools": []}
    assert client_names(body) == ("temperature", "tools")


def test_a_pair_is_new_once_until_a_thousand_others_came() -> None:
    seen = FirstSeen(limit=3)
    assert [seen.is_new("a", name) for name in "xxyz"] == [True, False, True, True]
    assert seen.is_new("b", "x"), "another alias is another pair"
    assert seen.is_new("a", "x"), "the oldest pair is forgotten"
    assert not seen.is_new("b", "x")
    assert [seen.is_new("a", name) for name in "zxz"] == [False, False, False], "as many as the limit are remembered"


@given(st.lists(st.text(min_size=1, max_size=20), unique=True), st.lists(st.text(min_size=1, max_size=20)))
def test_every_name_is_either_there_dropped_or_translated(sent: list[str], arrived: list[str]) -> None:
    body = dict.fromkeys(arrived, 1)
    found = compare(sent, body)
    there = {name for name in sent if name.replace("_", "").lower() in {n.replace("_", "").lower() for n in arrived}}
    assert set(sent) == there | set(found.dropped) | set(found.translated) or set(arrived) & {"extra_body"}
