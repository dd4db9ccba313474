"""The mock upstream speaks OpenAI's and Gemini's own shapes, and the same request has the same answer."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import openai
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openai.types import Completion, CreateEmbeddingResponse, ImagesResponse, Model, ModerationCreateResponse
from openai.types.audio import Transcription, TranscriptionVerbose
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from openai.types.responses import Response, ResponseStreamEvent
from openai.types.responses.input_token_count_response import InputTokenCountResponse
from pydantic import TypeAdapter

from src.mock.server import Fault, MockUpstream

HELLO: list[Any] = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Say hello"}]
WEATHER = {"type": "object", "properties": {
    "city": {"type": "string"}, "days": {"type": "integer"}, "unit": {"enum": ["C", "F"]}, "share": {"type": "number"},
    "now": {"type": "boolean"}, "tags": {"type": "array"}, "more": {"type": "object"}}}
ARGUMENTS = {"city": "mock", "days": 1, "unit": "C", "share": 1.5, "now": True, "tags": [], "more": {}}
TOOLS: list[Any] = [{"type": "function", "function": {"name": "clock"}},
                    {"type": "function", "function": {"name": "weather", "parameters": WEATHER}}]
WANTS_WEATHER: Any = {"type": "function", "function": {"name": "weather"}}
# One client for all tests: making one costs more than the requests do.
HTTP = httpx.Client(timeout=10)


@pytest.fixture(scope="module")
def running() -> Iterator[MockUpstream]:
    with MockUpstream() as upstream:
        yield upstream


@pytest.fixture
def upstream(running: MockUpstream) -> MockUpstream:
    running.reset()
    return running


@pytest.fixture
def client(upstream: MockUpstream) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=upstream.url, api_key="any", max_retries=0) as client:
        yield client


def post(upstream: MockUpstream, path: str, body: object) -> httpx.Response:
    return HTTP.post(f"{upstream.url}/{path}", json=body, timeout=10)


def chat(upstream: MockUpstream, **fields: object) -> ChatCompletion:
    """Ask for a chat completion and hold it to the SDK's own model."""
    reply = post(upstream, "chat/completions", {"model": "gpt-5", "messages": HELLO, **fields})
    return ChatCompletion.model_validate_json(reply.text)


def events(text: str) -> list[Any]:
    """Return the data of server-sent events, ``[DONE]`` as text."""
    data = [line.removeprefix("data: ") for line in text.splitlines() if line.startswith("data: ")]
    return [json.loads(item) if item != "[DONE]" else item for item in data]


def chat_chunks(upstream: MockUpstream, **fields: object) -> list[ChatCompletionChunk]:
    sent = events(post(upstream, "chat/completions", {"model": "m", "messages": HELLO, "stream": True, **fields}).text)
    assert sent.pop() == "[DONE]"
    return [ChatCompletionChunk.model_validate(chunk) for chunk in sent]


def test_a_chat_answer_says_that_it_is_the_mock_and_names_model_and_question(upstream: MockUpstream) -> None:
    text = chat(upstream, model="grok-code-fast-1").choices[0].message.content
    assert text == 'This is the mock upstream answering as grok-code-fast-1. You said: "Say hello"'


@pytest.mark.parametrize(("content", "echoed"), [
    ([{"type": "text", "text": "Look:"}, {"type": "image_url", "image_url": {"url": "data:"}}], '"Look:"'),
    ("two\n  lines", '"two lines"'),
    ("x" * 200, '"' + "x" * 79 + '…"'),
    (None, '""'),
    ("half a pair \ud83d", '"half a pair ?"'),
])
def test_the_last_user_message_is_echoed_on_one_short_line(upstream: MockUpstream, content: Any, echoed: str) -> None:
    raw = json.dumps({"model": "m", "messages": [{"role": "user", "content": content}]})
    answer = ChatCompletion.model_validate_json(HTTP.post(f"{upstream.url}/chat/completions", content=raw).text)
    assert str(answer.choices[0].message.content).endswith(echoed)


def test_without_a_user_message_the_last_message_is_echoed(upstream: MockUpstream) -> None:
    answer = chat(upstream, messages=[{"role": "system", "content": "only me"}])
    assert str(answer.choices[0].message.content).endswith('"only me"')


def test_the_same_request_has_the_same_answer_and_counts(upstream: MockUpstream) -> None:
    first, second = (chat(upstream, reasoning_effort="low") for _ in range(2))
    assert (first.choices, first.usage) == (second.choices, second.usage)
    assert first.id != second.id


@pytest.mark.parametrize(("effort", "reasoning"), [
    (None, 0), ("none", 0), ("minimal", 0), ("low", 16), ("medium", 64), ("high", 256), ("xhigh", 512), ("other", 64)])
def test_reasoning_tokens_follow_the_effort_and_are_part_of_the_completion(
        upstream: MockUpstream, effort: str | None, reasoning: int) -> None:
    answer = chat(upstream, **({"reasoning_effort": effort} if effort else {}))
    assert answer.usage and answer.usage.completion_tokens_details
    assert answer.usage.completion_tokens_details.reasoning_tokens == reasoning
    assert answer.usage.completion_tokens == reasoning + -(-len(str(answer.choices[0].message.content)) // 4)


def test_one_token_is_four_characters_begun(upstream: MockUpstream) -> None:
    usage = chat(upstream).usage
    assert usage and usage.prompt_tokens == -(-len("Be brief. Say hello") // 4)
    assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens


@pytest.mark.parametrize(("prompt_tokens", "cached"), [(1000, 0), (1024, 1024), (1200, 1152)])
def test_long_prompts_count_as_cached_in_steps_of_128(upstream: MockUpstream, prompt_tokens: int, cached: int) -> None:
    usage = chat(upstream, messages=[{"role": "user", "content": "x" * 4 * prompt_tokens}]).usage
    assert usage and usage.prompt_tokens == prompt_tokens and usage.prompt_tokens_details
    assert usage.prompt_tokens_details.cached_tokens == cached


@pytest.mark.parametrize("field", ["max_tokens", "max_completion_tokens"])
def test_a_token_limit_cuts_the_answer_and_says_so(upstream: MockUpstream, field: str) -> None:
    answer = chat(upstream, **{field: 5})
    assert answer.choices[0].finish_reason == "length"
    assert answer.usage and answer.usage.completion_tokens == 5
    assert len(str(answer.choices[0].message.content)) == 20


def test_a_token_limit_leaves_half_of_itself_to_the_text(upstream: MockUpstream) -> None:
    answer = chat(upstream, max_tokens=10, reasoning_effort="high")
    assert answer.choices[0].message.content == "This is the mock ups"
    assert answer.usage and answer.usage.completion_tokens == 10


def test_a_limit_that_only_reasoning_exceeds_shortens_the_reasoning(upstream: MockUpstream) -> None:
    answer = chat(upstream, max_tokens=200, reasoning_effort="high")
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage and answer.usage.completion_tokens <= 200


@pytest.mark.parametrize(("form", "expected"), [
    ({"type": "json_object"}, {"mock": "gpt-5", "said": "Say hello"}),
    ({"type": "json_schema", "json_schema": {"name": "w", "schema": WEATHER}}, ARGUMENTS),
])
def test_a_json_answer_is_json_and_fits_the_schema(upstream: MockUpstream, form: object, expected: object) -> None:
    assert json.loads(str(chat(upstream, response_format=form).choices[0].message.content)) == expected


def test_every_chat_reply_has_a_service_tier_because_groq_replies_need_one(upstream: MockUpstream) -> None:
    assert chat(upstream).service_tier == "default"
    assert {chunk.service_tier for chunk in chat_chunks(upstream)} == {"default"}


@pytest.mark.parametrize(("choice", "name", "arguments"), [
    ("required", "clock", {}), ("any", "clock", {}), (WANTS_WEATHER, "weather", ARGUMENTS)])
def test_a_required_tool_is_called_with_arguments_that_fit(
        client: openai.OpenAI, choice: Any, name: str, arguments: object) -> None:
    answer = client.chat.completions.create(model="m", messages=HELLO, tools=TOOLS, tool_choice=choice)
    assert answer.choices[0].finish_reason == "tool_calls" and answer.choices[0].message.content is None
    called: Any = (answer.choices[0].message.tool_calls or [])[0]
    assert (called.function.name, json.loads(called.function.arguments)) == (name, arguments)


def test_a_tool_that_need_not_be_called_is_not(upstream: MockUpstream) -> None:
    answer = chat(upstream, tools=TOOLS, tool_choice="auto")
    assert answer.choices[0].finish_reason == "stop" and not answer.choices[0].message.tool_calls


@pytest.mark.parametrize("tools", [None, TOOLS])
def test_a_tool_choice_that_nobody_offers_is_refused(upstream: MockUpstream, tools: object) -> None:
    choice = {"type": "function", "function": {"name": "nobody"}}
    reply = post(upstream, "chat/completions", {"model": "m", "messages": HELLO, "tools": tools, "tool_choice": choice})
    assert reply.status_code == 400 and reply.json()["error"]["param"] == "tool_choice"


def test_streamed_chunks_add_up_to_the_plain_answer(upstream: MockUpstream) -> None:
    chunks = chat_chunks(upstream)
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    assert text == chat(upstream, model="m").choices[0].message.content
    assert chunks[0].choices[0].delta.role == "assistant"
    assert [c.choices[0].finish_reason for c in chunks if c.choices[0].finish_reason] == ["stop"]
    assert {chunk.usage for chunk in chunks} == {None}


def test_a_stream_reports_usage_only_where_it_was_asked_to(upstream: MockUpstream) -> None:
    last = chat_chunks(upstream, stream_options={"include_usage": True})[-1]
    assert last.choices == [] and last.usage == chat(upstream, model="m").usage


def test_a_streamed_tool_call_arrives_in_pieces(upstream: MockUpstream) -> None:
    chunks = chat_chunks(upstream, tools=TOOLS, tool_choice=WANTS_WEATHER)
    calls = [(chunk.choices[0].delta.tool_calls or [])[0] for chunk in chunks[:-1]]
    functions = [call.function for call in calls if call.function]
    assert [f.name for f in functions if f.name] == ["weather"]
    assert json.loads("".join(f.arguments or "" for f in functions)) == ARGUMENTS
    assert chunks[-1].choices[0].finish_reason == "tool_calls"


@pytest.mark.parametrize("count", [0, 1, 3, 50, 500])
def test_the_number_of_chunks_can_be_set(upstream: MockUpstream, count: int) -> None:
    upstream.faults["m"] = Fault(chunks=count)
    chunks = chat_chunks(upstream)
    assert len([c for c in chunks if c.choices[0].delta.content]) == count
    assert upstream.requests[0].chunks_sent == count


@pytest.mark.parametrize(("fault", "expected"), [
    (Fault(reply="Four."), "Four."), (Fault(reply=""), ""), (Fault(reply="", chunks=3), "..."),
    (Fault(reply="ab", chunks=5), "ababa")])
def test_the_answer_can_be_set(upstream: MockUpstream, fault: Fault, expected: str) -> None:
    upstream.faults["m"] = fault
    assert chat(upstream, model="m").choices[0].message.content == expected
    assert "".join(c.choices[0].delta.content or "" for c in chat_chunks(upstream)) == expected


def test_token_counts_can_be_set(upstream: MockUpstream) -> None:
    upstream.faults["gpt-5"] = Fault(prompt_tokens=10, completion_tokens=5, reasoning_tokens=2, cached_tokens=8)
    usage = chat(upstream).usage
    assert usage and (usage.prompt_tokens, usage.completion_tokens, usage.total_tokens) == (10, 5, 15)
    assert usage.completion_tokens_details and usage.completion_tokens_details.reasoning_tokens == 2
    assert usage.prompt_tokens_details and usage.prompt_tokens_details.cached_tokens == 8


BODIES: list[tuple[str, dict[str, Any]]] = [
    ("chat/completions", {"messages": HELLO}), ("completions", {"prompt": "Hi"}), ("responses", {"input": "Hi"}),
    ("embeddings", {"input": "Hi"}), ("images/generations", {"prompt": "a cat"})]


@pytest.mark.parametrize(("path", "body"), BODIES)
def test_usage_can_be_left_out(upstream: MockUpstream, path: str, body: dict[str, Any]) -> None:
    upstream.faults["m"] = Fault(usage=False)
    assert not post(upstream, path, {"model": "m", **body}).json().get("usage")


def test_text_completions_answer_plain_and_streamed(upstream: MockUpstream, client: openai.OpenAI) -> None:
    body: dict[str, Any] = {"model": "m", "prompt": ["Once", "upon"], "max_tokens": 100}
    plain = Completion.model_validate_json(post(upstream, "completions", body).text)
    assert plain.choices[0].text.endswith('"Once upon"') and plain.usage
    chunks = list(client.completions.create(stream=True, stream_options={"include_usage": True}, **body))
    assert "".join(chunk.choices[0].text for chunk in chunks[:-1]) == plain.choices[0].text
    assert chunks[-2].choices[0].finish_reason == "stop" and chunks[-1].usage == plain.usage


RESPONSES: list[tuple[dict[str, Any], str]] = [
    ({"input": "Say hello"}, "completed"),
    ({"input": HELLO, "instructions": "Be kind.", "reasoning": {"effort": "high"}}, "completed"),
    ({"input": [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hi"}]}],
      "max_output_tokens": 3}, "incomplete"),
    ({"input": "Hi", "text": {"format": {"type": "json_object"}}}, "completed"),
    ({"input": "Hi", "tools": [{"type": "function", "name": "clock", "parameters": {}, "strict": True}],
      "tool_choice": "required"}, "completed"),
]


@pytest.mark.parametrize(("body", "status"), RESPONSES)
def test_responses_answer_in_the_shape_of_the_sdk(upstream: MockUpstream, body: dict[str, Any], status: str) -> None:
    answer = Response.model_validate_json(post(upstream, "responses", {"model": "m", **body}).text)
    assert answer.status == status and answer.usage
    effort = body.get("reasoning", {}).get("effort")
    assert answer.usage.output_tokens_details.reasoning_tokens == (256 if effort else 0)
    assert answer.output_text or answer.output[0].type == "function_call"


@pytest.mark.parametrize(("body", "status"), RESPONSES)
def test_streamed_responses_end_with_the_plain_one(upstream: MockUpstream, body: dict[str, Any], status: str) -> None:
    plain = Response.model_validate_json(post(upstream, "responses", {"model": "m", **body}).text)
    sent = events(post(upstream, "responses", {"model": "m", "stream": True, **body}).text)
    typed: list[Any] = [TypeAdapter(ResponseStreamEvent).validate_python(event) for event in sent]
    assert [event.sequence_number for event in typed] == list(range(len(typed)))
    assert typed[0].type == "response.created" and typed[-1].type == f"response.{status}"
    assert typed[-1].response.output_text == plain.output_text and typed[-1].response.usage == plain.usage
    deltas = "".join(event.delta for event in typed if event.type.endswith(".delta"))
    item: Any = plain.output[0]
    assert deltas == (item.arguments if item.type == "function_call" else plain.output_text)


def test_the_sdk_reads_streamed_responses(client: openai.OpenAI) -> None:
    with client.responses.stream(model="m", input="Say hello") as stream:
        assert stream.get_final_response().output_text.endswith('"Say hello"')


@pytest.mark.parametrize(("fault", "expected"), [(Fault(), 3), (Fault(prompt_tokens=77), 77)])
def test_input_tokens_are_counted_without_an_answer(upstream: MockUpstream, fault: Fault, expected: int) -> None:
    upstream.faults["m"] = fault
    counted = post(upstream, "responses/input_tokens", {"model": "m", "input": "Say hello"})
    assert InputTokenCountResponse.model_validate_json(counted.text).input_tokens == expected


def test_equal_texts_have_equal_embeddings_in_both_encodings(client: openai.OpenAI) -> None:
    def vectors(**fields: Any) -> list[list[float]]:
        answer = client.embeddings.create(model="e", input=["a", "b", "a"], **fields)
        return [item.embedding for item in answer.data]

    floats, packed = vectors(encoding_format="float"), vectors()
    assert floats == packed and floats[0] == floats[2] != floats[1]
    assert {len(vector) for vector in vectors(dimensions=40)} == {40}


@pytest.mark.parametrize(("given_input", "count"), [("Hi", 1), (["a", "b"], 2), ([1, 2, 3], 1), ([[1, 2], [3]], 2)])
def test_every_form_of_embedding_input_has_its_vectors(upstream: MockUpstream, given_input: object, count: int) -> None:
    answer = post(upstream, "embeddings", {"model": "e", "input": given_input})
    parsed = CreateEmbeddingResponse.model_validate_json(answer.text)
    assert len(parsed.data) == count and parsed.usage.prompt_tokens > 0


def test_embedding_tokens_can_be_set(upstream: MockUpstream) -> None:
    upstream.faults["e"] = Fault(prompt_tokens=9)
    assert post(upstream, "embeddings", {"model": "e", "input": "Hi"}).json()["usage"]["total_tokens"] == 9


@pytest.mark.parametrize(("form", "field", "start"), [
    ("b64_json", "b64_json", "iVBORw0KGgo"), ("url", "url", "data:image/png;base64,iVBORw0KGgo")])
def test_images_are_pictures(upstream: MockUpstream, form: str, field: str, start: str) -> None:
    body = {"model": "i", "prompt": "a cat", "n": 2, "response_format": form}
    answer = ImagesResponse.model_validate_json(post(upstream, "images/generations", body).text)
    assert [str(getattr(image, field))[:len(start)] for image in answer.data or []] == [start, start]
    assert answer.usage and answer.usage.total_tokens == answer.usage.input_tokens + answer.usage.output_tokens


@pytest.mark.parametrize(("form", "kind", "start"), [("mp3", "audio/mpeg", b"\xff\xfb"), ("wav", "audio/wav", b"RIFF")])
def test_speech_is_sound(upstream: MockUpstream, form: str, kind: str, start: bytes) -> None:
    reply = post(upstream, "audio/speech", {"model": "s", "input": "Hi", "voice": "x", "response_format": form})
    assert reply.headers["content-type"] == kind and reply.content.startswith(start)


@pytest.mark.parametrize("path", ["audio/transcriptions", "audio/translations"])
def test_transcriptions_tell_which_file_arrived(upstream: MockUpstream, path: str) -> None:
    def transcribed(form: str) -> str:
        files = {"file": ("a.mp3", b"12345")}
        return HTTP.post(f"{upstream.url}/{path}", data={"model": "w", "response_format": form}, files=files).text

    expected = "Mock transcription of a.mp3 (5 bytes)."
    assert Transcription.model_validate_json(transcribed("json")).text == expected
    assert TranscriptionVerbose.model_validate_json(transcribed("verbose_json")).text == expected
    assert transcribed("text") == expected + "\n"
    assert [r.model for r in upstream.requests] == ["w"] * 3


def test_moderations_object_to_nothing(upstream: MockUpstream) -> None:
    reply = post(upstream, "moderations", {"model": "o", "input": ["a", "b"]})
    answer = ModerationCreateResponse.model_validate_json(reply.text)
    assert [result.flagged for result in answer.results] == [False, False]


def test_rerank_puts_the_document_that_shares_most_words_first(upstream: MockUpstream) -> None:
    documents = ["a red car", {"text": "the blue sky above"}, "nothing"]
    reply = post(upstream, "rerank", {"model": "r", "query": "the blue sky", "documents": documents, "top_n": 2}).json()
    assert [result["index"] for result in reply["results"]] == [1, 0]
    assert reply["results"][0]["relevance_score"] == 1.0


def test_models_lists_what_it_was_told(client: openai.OpenAI) -> None:
    listed = list(client.models.list())
    assert [Model.model_validate(m.to_dict()).id for m in listed][:2] == ["gpt-5", "deepseek-v3.2"]


@pytest.mark.parametrize("url", ["/", "/v1/", "/any/where/v1/", "/api/paas/v4/", "/v1beta/openai/"])
def test_any_prefix_that_ends_in_a_version_serves(upstream: MockUpstream, url: str) -> None:
    address = f"http://{upstream.host}:{upstream.port}{url}chat/completions"
    reply = HTTP.post(address, json={"model": "m", "messages": HELLO})
    assert reply.status_code == 200


@pytest.mark.parametrize(("method", "path"), [
    ("GET", "v1/chat/completions"), ("POST", "v1/models"), ("POST", "v1/files"), ("GET", ""), ("POST", "x/embeddings"),
    ("GET", "v1beta/models/g:generateContent")])
def test_other_paths_are_a_recorded_404(upstream: MockUpstream, method: str, path: str) -> None:
    reply = HTTP.request(method, f"http://{upstream.host}:{upstream.port}/{path}", headers={"x-api-key": "k"})
    assert reply.status_code == 404 and reply.json()["error"]["code"] == "unknown_url"
    assert [(r.method, r.path, r.key, r.status) for r in upstream.requests] == [(method, f"/{path}", "k", 404)]


@pytest.mark.parametrize(("body", "message"), [
    ("{broken", "could not parse"), ("[]", "could not parse"), ("", "could not parse"), ("{}", "model"),
    ('{"model": "m"}', "messages"), ('{"model": "m", "messages": [1]}', "messages"),
    ('{"model": "m", "messages": [{}], "tools": [{"function": {}}], "tool_choice": "required"}', "Invalid value")])
def test_a_bad_body_is_a_400_in_openais_shape(upstream: MockUpstream, body: str, message: str) -> None:
    reply = HTTP.post(f"{upstream.url}/chat/completions", content=body, headers={"content-type": "application/json"})
    assert reply.status_code == 400 and message in reply.json()["error"]["message"]
    assert reply.json()["error"]["type"] == "invalid_request_error"


JSON = st.recursive(st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=4),
                    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner, max_size=2),
                    max_leaves=4)
FIELDS = st.sampled_from(["messages", "input", "prompt", "tools", "tool_choice", "response_format", "text", "reasoning",
                          "stream_options", "max_tokens", "n", "dimensions", "documents", "instructions", "contents"])


PATHS = [*dict(BODIES), "rerank", "moderations", "responses/input_tokens", "models/m:generateContent"]


@given(path=st.sampled_from(PATHS),
       fields=st.dictionaries(FIELDS, JSON, max_size=3), stream=st.booleans())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_json_object_has_an_answer_or_an_error_in_openais_shape(
        upstream: MockUpstream, path: str, fields: dict[str, Any], stream: bool) -> None:
    reply = post(upstream, path, {**dict(BODIES).get(path, {}), "model": "m", "stream": stream, **fields})
    assert reply.status_code == 200 or reply.status_code == 400 and reply.json()["error"]["message"]


class TestGemini:
    """Gemini's native API, as LiteLLM calls it."""

    ASK: dict[str, Any] = {"contents": [{"role": "user", "parts": [{"text": "Say hello"}]}],
                           "system_instruction": {"parts": [{"text": "Be brief."}]}}

    def ask(self, upstream: MockUpstream, verb: str = "generateContent", prefix: str = "gem/v1beta/",
            **fields: object) -> httpx.Response:
        url = f"http://{upstream.host}:{upstream.port}/{prefix}models/gemini-1.5-pro:{verb}"
        return HTTP.post(url, json={**self.ASK, **fields}, headers={"x-goog-api-key": "gk"})

    @pytest.mark.parametrize("prefix", ["", "gem/", "gem/v1beta/"])
    def test_the_model_and_key_are_read_where_gemini_puts_them(self, upstream: MockUpstream, prefix: str) -> None:
        answer = self.ask(upstream, prefix=prefix).json()
        assert answer["candidates"][0]["content"]["parts"][0]["text"].endswith('"Say hello"')
        assert [(r.model, r.key, r.stream) for r in upstream.requests] == [("gemini-1.5-pro", "gk", False)]

    def test_usage_counts_thoughts_beside_the_candidates(self, upstream: MockUpstream) -> None:
        used = self.ask(upstream, generationConfig={"thinkingConfig": {"thinkingBudget": 1024}}).json()["usageMetadata"]
        assert (used["promptTokenCount"], used["thoughtsTokenCount"]) == (5, 64)
        assert used["totalTokenCount"] == 5 + 64 + used["candidatesTokenCount"]

    def test_a_stream_adds_up_and_ends_with_its_usage(self, upstream: MockUpstream) -> None:
        chunks = events(self.ask(upstream, "streamGenerateContent?alt=sse").text)
        text = "".join(chunk["candidates"][0]["content"]["parts"][0]["text"] for chunk in chunks)
        assert text == self.ask(upstream).json()["candidates"][0]["content"]["parts"][0]["text"]
        assert ["usageMetadata" in chunk for chunk in chunks] == [False] * (len(chunks) - 1) + [True]
        assert upstream.requests[0].stream and upstream.requests[0].chunks_sent == len(chunks)

    @pytest.mark.parametrize("verb", ["generateContent", "streamGenerateContent"])
    @pytest.mark.parametrize("spelling", ["functionDeclarations", "function_declarations"])
    def test_a_function_is_called_where_any_must_be(self, upstream: MockUpstream, spelling: str, verb: str) -> None:
        schema = {"type": "OBJECT", "properties": {"city": {"type": "STRING"}}}
        tools = [{spelling: [{"name": "clock"}, {"name": "weather", "parameters": schema}]}]
        config = {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["weather"]}}
        reply = self.ask(upstream, verb, tools=tools, toolConfig=config)
        body = events(reply.text)[0] if verb.startswith("stream") else reply.json()
        called = body["candidates"][0]["content"]["parts"][0]["functionCall"]
        assert called == {"name": "weather", "args": {"city": "mock"}}

    def test_json_and_limits_are_honoured(self, upstream: MockUpstream) -> None:
        options = {"responseMimeType": "application/json", "responseSchema": {"properties": {"a": {"type": "INTEGER"}}}}
        answer = self.ask(upstream, generationConfig=options).json()
        assert json.loads(answer["candidates"][0]["content"]["parts"][0]["text"]) == {"a": 1}
        short = self.ask(upstream, generationConfig={"maxOutputTokens": 2}).json()
        assert short["candidates"][0]["finishReason"] == "MAX_TOKENS"

    def test_errors_have_geminis_shape(self, upstream: MockUpstream) -> None:
        upstream.faults["gemini-1.5-pro"] = Fault(status=429, message="slow down")
        reply = self.ask(upstream)
        assert (reply.status_code, reply.json()) == (
            429, {"error": {"code": 429, "message": "slow down", "status": "RESOURCE_EXHAUSTED"}})

    def test_a_broken_stream_tells_so_in_geminis_shape(self, upstream: MockUpstream) -> None:
        upstream.faults["gemini-1.5-pro"] = Fault(breaks="error", after=1)
        *chunks, last = events(self.ask(upstream, "streamGenerateContent").text)
        assert len(chunks) == 1 and last["error"]["status"] == "INTERNAL"
