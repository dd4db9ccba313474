"""Each fault of the mock upstream is what a client of a real upstream would live through."""

import json
import threading
from collections.abc import Iterator
from dataclasses import fields
from typing import Any
from uuid import uuid4

import httpx
import openai
import pytest

import src.mock as documentation
from src.mock.faults import NAMED, FaultBook, named
from src.mock.server import Fault, MockUpstream

QUESTION: list[Any] = [{"role": "user", "content": "Say hello, and say it with several words"}]
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


def ask(upstream: MockUpstream, model: str = "m", key: str = "any", **fields: object) -> httpx.Response:
    return HTTP.post(f"{upstream.url}/chat/completions", json={"model": model, "messages": QUESTION, **fields},
                     headers={"authorization": f"Bearer {key}"})


# A client that would wait for ever is told apart by its patience, which is long compared with what it waits for.
PATIENCE = httpx.Timeout(10, read=0.6)


def read_until_broken(upstream: MockUpstream, model: str = "m", path: str = "chat/completions",
                      **fields: object) -> tuple[str, type[Exception] | None]:
    """Return what a streaming client received, and the error that ended it."""
    body = {"model": model, "messages": QUESTION, "stream": True, **fields}
    text = ""
    try:
        with HTTP.stream("POST", f"{upstream.url}/{path}", json=body, timeout=PATIENCE) as response:
            for part in response.iter_text():
                text += part
    except httpx.HTTPError as error:
        return text, type(error)
    return text, None


def contents(text: str) -> int:
    """Return how many pieces of the answer a streamed text holds."""
    chunks = [json.loads(line[6:]) for line in text.splitlines() if line.startswith("data: {")]
    return sum(1 for chunk in chunks if chunk.get("choices") and chunk["choices"][0]["delta"].get("content"))


@pytest.mark.parametrize(("status", "error", "kind"), [
    (400, openai.BadRequestError, "invalid_request_error"), (401, openai.AuthenticationError, "authentication_error"),
    (403, openai.PermissionDeniedError, "permission_error"), (404, openai.NotFoundError, "invalid_request_error"),
    (408, openai.APIStatusError, "invalid_request_error"), (429, openai.RateLimitError, "rate_limit_error"),
    (500, openai.InternalServerError, "server_error"), (503, openai.InternalServerError, "server_error")])
@pytest.mark.parametrize("stream", [False, True])
def test_an_error_status_is_the_sdks_own_error(
        client: openai.OpenAI, upstream: MockUpstream, status: int, error: type[openai.APIStatusError], kind: str,
        stream: bool) -> None:
    upstream.faults["m"] = Fault(status=status, message="as ordered", code="word", headers={"x-extra": "1"})
    with pytest.raises(error) as caught:
        client.chat.completions.create(model="m", messages=QUESTION, stream=stream)
    assert (caught.value.status_code, caught.value.code, caught.value.type) == (status, "word", kind)
    assert "as ordered" in str(caught.value) and caught.value.response.headers["x-extra"] == "1"
    assert upstream.requests[0].status == status


@pytest.mark.parametrize(("wait", "header"), [(30, "30"), (0.5, "0.5"), ("Wed, 21 Oct 2026 07:28:00 GMT",) * 2])
def test_retry_after_is_sent(upstream: MockUpstream, wait: float | str, header: str) -> None:
    upstream.faults["m"] = Fault(status=429, retry_after=wait)
    assert ask(upstream).headers["retry-after"] == header


BODIES = [
    (Fault(body="<html>", content_type="text/html"), 200, "text/html", "<html>"),
    (Fault(status=502, body="<html>", content_type="text/html"), 502, "text/html", "<html>"),
    (Fault(body=""), 200, "application/json", ""),
    (Fault(status=400, body={"detail": "no"}), 400, "application/json", '{"detail":"no"}'),
]


@pytest.mark.parametrize(("fault", "status", "kind", "text"), BODIES)
@pytest.mark.parametrize("stream", [False, True])
def test_any_body_can_be_sent(
        upstream: MockUpstream, fault: Fault, status: int, kind: str, text: str, stream: bool) -> None:
    upstream.faults["m"] = fault
    reply = ask(upstream, stream=stream)
    assert (reply.status_code, reply.headers["content-type"], reply.text) == (status, kind, text)


@pytest.mark.parametrize("stream", [False, True])
def test_the_right_answer_can_have_the_wrong_label_and_status(upstream: MockUpstream, stream: bool) -> None:
    upstream.faults["m"] = Fault(status=203, content_type="text/plain")
    reply = ask(upstream, stream=stream)
    assert (reply.status_code, reply.headers["content-type"]) == (203, "text/plain") and "choices" in reply.text


@pytest.mark.parametrize(("breaks", "error", "after"), [
    ("stall", httpx.ReadTimeout, 2), *(("reset", httpx.ReadError, after) for after in (1, 2, 5)),
    *((breaks, None, after) for breaks in ("cut", "error") for after in (1, 2, 5))])
def test_a_stream_breaks_off_after_so_many_chunks(
        upstream: MockUpstream, breaks: str, error: type[Exception] | None, after: int) -> None:
    upstream.faults["m"] = Fault(breaks=breaks, after=after)
    text, ended = read_until_broken(upstream)
    assert (contents(text), ended, "[DONE]" in text) == (after, error, False)
    assert ("server_error" in text) == (breaks == "error")
    assert upstream.requests[0].chunks_sent == after


@pytest.mark.parametrize(("breaks", "error", "expected"), [
    ("reset", httpx.ReadError, ""), ("stall", httpx.ReadTimeout, ""), ("cut", None, ""),
    ("error", None, "The mock broke off.")])
def test_a_stream_can_break_before_its_first_chunk(
        upstream: MockUpstream, breaks: str, error: type[Exception] | None, expected: str) -> None:
    upstream.faults["m"] = Fault(breaks=breaks)
    text, ended = read_until_broken(upstream)
    assert (contents(text), ended) == (0, error) and expected in text
    assert "role" not in text


@pytest.mark.parametrize(("path", "shape"), [("responses", '"type":"error"'), ("completions", '"error":{'),
                                             ("models/m:streamGenerateContent", '"status":"INTERNAL"')])
def test_every_api_tells_of_a_broken_stream_in_its_own_shape(upstream: MockUpstream, path: str, shape: str) -> None:
    upstream.faults["m"] = Fault(breaks="error", after=1, message="gone wrong")
    text, _ = read_until_broken(upstream, path=path, input="Hi", prompt="Hi", contents=[{"parts": [{"text": "Hi"}]}])
    assert shape in text and "gone wrong" in text


def test_the_sdk_raises_for_an_error_within_a_stream(client: openai.OpenAI) -> None:
    for model in ("mock-break", "mock-break-first"):
        with pytest.raises(openai.APIError, match="broke off"):
            list(client.chat.completions.create(model=model, messages=QUESTION, stream=True))


def test_a_break_after_more_chunks_than_there_are_comes_before_the_end(upstream: MockUpstream) -> None:
    upstream.faults["m"] = Fault(breaks="cut", after=99, chunks=3)
    assert contents(read_until_broken(upstream)[0]) == 3
    upstream.faults["m"] = Fault(breaks="cut", after=99, chunks=0)
    assert read_until_broken(upstream) == ("", None)


@pytest.mark.parametrize(("fault", "error"), [
    (Fault(breaks="reset"), httpx.ReadError), (Fault(breaks="reset", after=1), httpx.ReadError),
    (Fault(breaks="stall"), httpx.ReadTimeout), (Fault(hang=True), httpx.ReadTimeout)])
@pytest.mark.parametrize("path", ["chat/completions", "embeddings"])
def test_a_plain_answer_can_fail_to_arrive(
        upstream: MockUpstream, fault: Fault, error: type[Exception], path: str) -> None:
    upstream.faults["m"] = fault
    with pytest.raises(error):
        HTTP.post(f"{upstream.url}/{path}", json={"model": "m", "messages": QUESTION, "input": "Hi"},
                  timeout=PATIENCE)


@pytest.mark.parametrize("path", ["chat/completions", "embeddings"])
def test_a_plain_answer_can_be_cut_or_an_error(upstream: MockUpstream, path: str) -> None:
    body = {"model": "m", "messages": QUESTION, "input": "Hi"}
    upstream.faults["m"] = Fault(breaks="cut", after=1)
    with pytest.raises(json.JSONDecodeError):
        HTTP.post(f"{upstream.url}/{path}", json=body).json()
    upstream.faults["m"] = Fault(breaks="error", after=1)
    reply = HTTP.post(f"{upstream.url}/{path}", json=body)
    assert reply.status_code == 500 and reply.json()["error"]["message"] == "The mock broke off."


def test_a_fault_for_the_first_requests_ends_by_itself(upstream: MockUpstream) -> None:
    upstream.faults["m"] = Fault(status=500, times=2)
    assert [ask(upstream).status_code for _ in range(4)] == [500, 500, 200, 200]
    upstream.faults["m"] = Fault(status=500, times=1, then=Fault(status=429, times=1, then=Fault(reply="at last")))
    replies = [ask(upstream) for _ in range(4)]
    assert [reply.status_code for reply in replies] == [500, 429, 200, 200] and "at last" in replies[3].text


def test_a_fault_that_is_set_again_counts_from_zero(upstream: MockUpstream) -> None:
    def statuses() -> list[int]:
        upstream.faults["m"] = Fault(status=500, times=1)
        return [ask(upstream).status_code for _ in range(2)]

    assert statuses() == statuses() == [500, 200]
    del upstream.faults["m"]
    assert ask(upstream).status_code == 200


def test_faults_are_per_model_with_a_star_for_the_rest(upstream: MockUpstream) -> None:
    upstream.faults.update({"a": Fault(status=500), "*": Fault(status=429), "models": Fault(status=403)})
    assert [ask(upstream, model).status_code for model in ("a", "b", "mock-404")] == [500, 429, 404]
    assert HTTP.get(f"{upstream.url}/models").status_code == 403


def test_a_star_counts_its_requests_whatever_the_model(upstream: MockUpstream) -> None:
    upstream.faults["*"] = Fault(status=500, times=2)
    assert [ask(upstream, model).status_code for model in "abc"] == [500, 500, 200]


def test_an_upstream_may_demand_its_key_and_repeat_a_wrong_one(upstream: MockUpstream) -> None:
    right, wrong = uuid4().hex, uuid4().hex
    upstream.faults["m"] = Fault(require_key=right)
    assert ask(upstream, key=right).status_code == 200
    refused = ask(upstream, key=wrong)
    assert refused.status_code == 401 and wrong not in refused.text
    upstream.faults["m"] = Fault(require_key=right, echo_key=True)
    assert wrong in ask(upstream, key=wrong).json()["error"]["message"]
    assert wrong in ask(upstream, "mock-echo-key", key=wrong).json()["error"]["message"]


def test_fields_can_be_refused(upstream: MockUpstream) -> None:
    upstream.faults["m"] = Fault(refuses=("reasoning", "top_k"))
    refused = ask(upstream, reasoning={"effort": "low"})
    assert refused.status_code == 400 and refused.json()["error"]["param"] == "reasoning"
    assert ask(upstream, reasoning_effort="low").status_code == 200


def test_a_delayed_answer_arrives_after_an_impatient_client_left(upstream: MockUpstream) -> None:
    upstream.faults["m"] = Fault(delay=0.3, times=1)
    with pytest.raises(httpx.ReadTimeout):
        HTTP.post(f"{upstream.url}/chat/completions", json={"model": "m", "messages": QUESTION},
                  timeout=httpx.Timeout(10, read=0.05))
    assert ask(upstream).status_code == 200
    upstream.faults["m"] = Fault(delay=0.01)
    assert ask(upstream).status_code == 200


def test_chunks_are_sent_one_by_one_with_a_gap(upstream: MockUpstream) -> None:
    upstream.faults["m"] = Fault(chunks=3, gap=60)
    body = {"model": "m", "messages": QUESTION, "stream": True}
    with HTTP.stream("POST", f"{upstream.url}/chat/completions", json=body) as response:
        assert any(contents(line) for line in response.iter_lines())
        assert upstream.requests[0].chunks_sent == 1
    upstream.wait(lambda seen: seen[0].client_gone)


def test_a_gap_can_be_set_for_all_models_and_taken_back_for_one() -> None:
    with MockUpstream(gap=60) as upstream:
        upstream.faults["m"] = Fault(gap=0)
        assert read_until_broken(upstream, "other")[1] is httpx.ReadTimeout
        assert read_until_broken(upstream)[1] is None


NAMES: dict[str, int | type[Exception]] = {
    "mock-400": 400, "mock-429": 429, "mock-500": 500, "mock-599": 599, "mock-context": 400, "mock-quota": 429,
    "mock-echo-key": 401, "mock-flaky": 500, "mock-no-usage": 200, "mock-break": 500, "mock-break-first": 500,
    "mock-cut": 200, "mock-html": 200, "mock-html-502": 502, "mock-empty": 200, "mock-text": 200, "mock-spaced": 200,
    "some/where/mock-503": 503, "mock": 200, "mock-": 200, "mock-600": 200, "mock-large": 200,
    "mock-reset": httpx.ReadError, "mock-reset-later": httpx.ReadError, "mock-slow": httpx.ReadTimeout,
    "mock-hang": httpx.ReadTimeout, "mock-stall": httpx.ReadTimeout}


@pytest.mark.parametrize(("model", "outcome"), NAMES.items())
def test_models_by_name_do_what_the_table_says(
        upstream: MockUpstream, model: str, outcome: int | type[Exception]) -> None:
    if isinstance(outcome, int):
        assert ask(upstream, model).status_code == outcome
    else:
        with pytest.raises(outcome):
            HTTP.post(f"{upstream.url}/chat/completions", json={"model": model, "messages": QUESTION}, timeout=PATIENCE)


def test_named_errors_are_openais(upstream: MockUpstream) -> None:
    assert [ask(upstream, "mock-flaky").status_code for _ in range(3)] == [500, 200, 200]
    assert ask(upstream, "mock-context").json()["error"]["code"] == "context_length_exceeded"
    assert ask(upstream, "mock-quota").json()["error"]["code"] == "insufficient_quota"
    assert ask(upstream, "mock-429").headers["retry-after"] == "1"


@pytest.mark.parametrize(("model", "status"), [
    ("mock-429", 429), ("mock-400", 400), ("mock-599", 599), ("openai/mock-503", 503), ("mock-399", None),
    ("mock-600", None), ("mock-4290", None), ("mock", None), ("mock-", None), ("mock-nothing", None),
    ("gpt-429", None), ("x-mock-429", None), ("mock_429", None),
])
def test_only_names_of_the_mock_ask_for_a_status(model: str, status: int | None) -> None:
    fault = named(model)
    assert (fault and fault.status) == status


@pytest.mark.parametrize(("fault", "earlier", "status"), [
    (Fault(status=500), 99, 500), (Fault(status=500, times=2), 1, 500), (Fault(status=500, times=2), 2, None),
    (Fault(status=500, times=2, then=Fault(status=429)), 99, 429),
    (Fault(status=500, times=2, then=Fault(status=429, times=1)), 2, 429),
    (Fault(status=500, times=2, then=Fault(status=429, times=1)), 3, None),
])
def test_a_fault_lasts_as_often_as_it_says(fault: Fault, earlier: int, status: int | None) -> None:
    assert fault.at(earlier).status == status


def test_a_list_in_json_is_kept_as_texts() -> None:
    assert Fault.from_json({"refuses": ["a", 1]}).refuses == ("a", "1")


def test_the_documentation_names_every_fault_and_field() -> None:
    text = str(documentation.__doc__)
    missing = [name for name in NAMED if f"``mock-{name}``" not in text]
    assert [*missing, *(f.name for f in fields(Fault) if f.name not in text)] == []


@pytest.mark.parametrize("wrong", [
    {"breaks": "loose"}, {"status": 100}, {"status": 600}, {"delay": -1}, {"gap": -0.1}, {"after": -1}, {"chunks": -1},
    {"times": -1}, {"then": Fault()}])
def test_an_impossible_fault_is_refused_where_it_is_made(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Fault(**wrong)


@pytest.mark.parametrize("value", [
    {}, {"status": 429, "retry_after": 30}, {"retry_after": "tomorrow"}, {"delay": 1}, {"gap": 0.5, "chunks": 3},
    {"headers": {"a": "b"}}, {"refuses": ["a", "b"]}, {"times": 1, "status": 500, "then": {"status": 429}},
    {"body": {"any": [1, None]}}, {"body": "text"}, {"hang": True}])
def test_a_fault_survives_json(value: dict[str, Any]) -> None:
    assert Fault.from_json(json.loads(json.dumps(Fault.from_json(value).to_json()))) == Fault.from_json(value)
    assert set(Fault.from_json(value).to_json()) == set(value)


@pytest.mark.parametrize("value", [
    [], "text", {"sttus": 500}, {"status": "500"}, {"status": True}, {"status": 1.5}, {"hang": 1}, {"headers": []},
    {"headers": {"a": 1}}, {"refuses": "a"}, {"then": 5}, {"retry_after": []}, {"message": 5}, {"breaks": None}])
def test_json_that_is_no_fault_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="expected|unknown"):
        Fault.from_json(value)


def test_a_counted_fault_is_exact_between_threads() -> None:
    book = FaultBook()
    book["m"] = Fault(status=500, times=1000)
    taken: list[int | None] = []

    def take() -> None:
        taken.extend([book.take("m").status for _ in range(500)])

    threads = [threading.Thread(target=take) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (taken.count(500), taken.count(None)) == (1000, 1000)


def test_a_fault_may_be_for_a_part_of_the_paths() -> None:
    book = FaultBook()
    book["/one/"], book["gpt-5"] = Fault(status=500, times=1), Fault(status=429)
    assert [book.take("gpt-5", path).status for path in ("/one/v1/chat/completions", "/one/v1/x", "/two/v1/x")] \
        == [500, None, 429]
