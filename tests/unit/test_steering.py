"""A client cannot steer LiteLLM: what is removed, what is left to the model, and which names are models."""

import copy

import pytest

from src.policy.names import DeclaredNames
from src.policy.steering import Steering, steering_headers

STEERING = Steering.of(["brand_new_litellm_switch"])
ISSUE = """api_base api_key base_url headers extra_headers custom_llm_provider azure deployment_id organization
    router_settings_override fallbacks num_retries max_retries mock_response mock_tool_calls mock_timeout no-log
    drop_params user_config callbacks""".split()
ALSO = """litellm_params litellm_metadata litellm_call_id litellm_session_id model_list model_info tags timeout
    request_timeout stream_timeout guardrails cache caching specific_deployment additional_drop_params
    api_version allowed_openai_params context_window_fallbacks content_policy_fallbacks disable_fallbacks
    aws_region_name aws_bedrock_runtime_endpoint vertex_project vertex_credentials azure_ad_token langfuse_host
    langsmith_base_url s3_endpoint_url user_api_key_auth _private success_callback failure_callback priority
    weights trace_id session_id ssl_verify extra_query api_type brand_new_litellm_switch""".split()
# What OpenAI, Anthropic, OpenRouter, vLLM and Gemini's compatible API call parameters of a model.
THE_MODELS_OWN = """model messages max_tokens max_completion_tokens temperature top_p top_k min_p n stream
    stream_options stop presence_penalty frequency_penalty repetition_penalty logit_bias logprobs top_logprobs seed
    tools tool_choice parallel_tool_calls functions function_call response_format user safety_identifier service_tier
    store reasoning_effort reasoning verbosity modalities audio prediction web_search_options prompt_cache_key
    prompt_cache_retention input instructions previous_response_id include background truncation text
    max_output_tokens max_tool_calls prompt conversation system stop_sequences thinking container
    context_management mcp_servers output_config cache_control dimensions encoding_format size quality style
    background output_format output_compression moderation partial_images voice speed language file suffix
    best_of echo chat_template_kwargs guided_json guided_regex include_reasoning provider models transforms
    plugins route usage structured_outputs google top_a length_penalty ignore_eos skip_special_tokens
    metadata""".split()


@pytest.mark.parametrize("name", ISSUE + ALSO)
def test_what_steers_litellm_is_removed_and_named(name):
    body = {"model": "gpt-5", name: "x", "temperature": 1}
    assert STEERING.clean("chat", body) == [name]
    assert body == {"model": "gpt-5", "temperature": 1}


@pytest.mark.parametrize("name", THE_MODELS_OWN)
def test_a_models_own_parameters_pass(name):
    assert not STEERING.steers(name)


def test_an_innocent_body_is_left_alone():
    body = {name: "x" for name in THE_MODELS_OWN if name not in ("metadata", "tools")}
    before = copy.deepcopy(body)
    assert STEERING.clean("chat", body) == []
    assert body == before


@pytest.mark.parametrize(("extra", "left", "dropped"), [
    ({"top_k": 5}, {"top_k": 5}, []),
    ({"model": "other"}, {}, ["extra_body.model"]),
    ({"messages": [], "stream": True}, {}, ["extra_body.messages", "extra_body.stream"]),
    ({"api_base": "http://x", "min_p": 0.1}, {"min_p": 0.1}, ["extra_body.api_base"]),
    ({"extra_body": {"model": "x"}}, {}, ["extra_body.extra_body"]),
    ({"metadata": {"tags": []}}, {}, ["extra_body.metadata"]),
    ({"temperature": 2}, {}, ["extra_body.temperature"]),
    ("text", {}, ["extra_body"]), ([1], {}, ["extra_body"]), (None, {}, []), ({}, {}, []),
])
def test_extra_body_cannot_replace_what_was_checked(extra, left, dropped):
    body = {"model": "gpt-5", "temperature": 1, "extra_body": extra}
    assert STEERING.clean("responses", body) == dropped
    assert body == {"model": "gpt-5", "temperature": 1, **left}


@pytest.mark.parametrize(("kind", "metadata", "left", "dropped"), [
    ("chat", {"a": "b"}, None, ["metadata"]),
    ("embeddings", {"a": "b"}, None, ["metadata"]),
    ("chat", None, None, []),
    ("responses", {"a": "b"}, {"a": "b"}, []),
    ("responses", {"a": "b", "tags": "x", "n": 1, "d": {}, "_x": "y"}, {"a": "b"},
     ["metadata.tags", "metadata.n", "metadata.d", "metadata._x"]),
    ("responses", {"api_base": "x"}, None, ["metadata.api_base"]),
    ("responses", {"k" * 65: "x"}, None, ["metadata." + "k" * 65]),
    ("responses", {"k": "x" * 513}, None, ["metadata.k"]),
    ("responses", {"k" * 64: "x" * 512}, {"k" * 64: "x" * 512}, []),
    ("responses", {"user_id": "u"}, {"user_id": "u"}, []),
    ("messages", {"user_id": 5}, None, ["metadata.user_id"]),
    ("responses", "text", None, ["metadata"]),
    ("messages", {"user_id": "u", "session_id": "s"}, {"user_id": "u"}, ["metadata.session_id"]),
    ("count_tokens", {"user_id": "u"}, {"user_id": "u"}, []),
])
def test_metadata_passes_only_where_it_travels_upstream(kind, metadata, left, dropped):
    body = {"model": "gpt-5", "metadata": metadata}
    assert STEERING.clean(kind, body) == dropped
    assert body.get("metadata") == left


def test_metadata_has_sixteen_pairs_at_most():
    body = {"metadata": {f"k{i}": "v" for i in range(20)}}
    assert STEERING.clean("responses", body) == [f"metadata.k{i}" for i in range(16, 20)]
    assert len(body["metadata"]) == 16


FOREIGN = {"type": "mcp", "server_url": "https://mcp.example"}


@pytest.mark.parametrize(("tools", "left", "dropped"), [
    ([{"type": "function"}], [{"type": "function"}], []), ([FOREIGN], [FOREIGN], []),
    ([{"type": "mcp", "server_url": "litellm_proxy"}, {"type": "x"}], [{"type": "x"}], ["tools.mcp"]),
    ([{"type": "mcp", "server_url": "litellm_proxy/mcp/name"}], [], ["tools.mcp"]),
    ("text", "text", []), (["text"], ["text"], []),
])
def test_tools_that_litellm_would_answer_itself_are_removed(tools, left, dropped):
    body = {"tools": tools}
    assert STEERING.clean("chat", body) == dropped
    assert body["tools"] == left


def test_headers_that_steer_are_found_by_their_beginning():
    steering = ["x-litellm-timeout", "x-litellm-call-id", "openai-organization", "openai-project", "x-pass-anything"]
    assert steering_headers([b"accept", *map(str.encode, steering), b"cookie", b"x-api-key"]) == steering
    assert steering_headers([b"litellm-" + b"x" * 300, b"x-litellm", b"openai-beta"]) == ["litellm-" + "x" * 248]


@pytest.mark.parametrize(("name", "known"), [
    ("gpt-5", True), ("default", True), ("GPT-5", False), ("gpt-5 ", False), ("gpt-5,default", False), ("gpt", False),
    ("openai/gpt-5", False), ("gpt5", False), ("*", False), ("disc/*", False), ("", False), (None, False), (5, False),
    (["gpt-5"], False), ({"model": "gpt-5"}, False),
    ("disc/llama-3.1:70b", True), ("disc/a/b", True), ("disc/", False), ("disc/a,b", False), ("disc/a b", False),
    ("disc/a\n", False), ("xdisc/a", False), ("disc/" + "a" * 251, True), ("disc/" + "a" * 252, False),
    ("disc/..", False), ("disc/./a", False), ("disc//a", False), ("disc/responses/a", False),
    ("disc/responses-2", True),
    ("pre-x-end", True), ("pre--end", False),
])
def test_only_declared_names_are_models(name, known):
    assert (name in DeclaredNames.of(["gpt-5", "default", "disc/*", "pre-*-end"])) is known
