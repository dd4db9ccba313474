"""The README's recipes, pasted as they stand, with the mock upstream in place of every provider."""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

import pytest

from src.mock.server import MockUpstream, Recorded
from tests.e2e.gateway import Gateway, dead_port, until
from tests.readme.markdown import block
from tests.readme.registry import entries
from tests.readme.terminal import ADDRESS, at_mock, environment, paste

OWN, OPERATING = "Your own models", "docs/operating.md"
MASTER_KEY = block("sh", OWN, number=1).text
ASK = block("sh", OWN, number=3).text


class Asked(NamedTuple):
    """What must reach the upstream: model, key (None: any), effort."""

    model: str
    key: str | None
    effort: str | None


RECIPES = {
    "GPT-5": {"gpt-5": Asked("gpt-5", "your-openai-key", "medium")},
    "DeepSeek v3.2": {"deepseek-v3.2": Asked("deepseek-v3.2", "your-provider-key", "high")},
    "Grok Code Fast-1": {"grok-code-fast-1": Asked("grok-code-fast-1", "your-xai-key", None)},
    "Two models at once": {"gpt-5": Asked("gpt-5", "your-openai-key", "medium"),
                           "deepseek-v3.2": Asked("deepseek-v3.2", "your-provider-key", None)},
}
PARALLEL_SECTION, CHAIN_SECTION = "Groq, Gemini and Mistral in parallel", "A fallback chain"
PARALLEL = {"gpt-5": "your-openai-key", "groq/openai/gpt-oss-120b": "your-groq-key",
            "gemini/gemini-2.5-flash": "your-gemini-key", "mistral/mistral-small-latest": "your-mistral-key"}


@contextmanager
def reader(command: str, upstream: MockUpstream, dotenv: str = "", more: Mapping[str, str] | None = None
           ) -> Iterator[Gateway]:
    """Make a master key, then paste ``command``, which starts a gateway, below ``dotenv`` in the `.env` file."""
    gateway = Gateway({}, command=["bash", "-euc", at_mock(command, upstream.url)])
    gateway.environ |= environment(gateway.home, gateway.port, {"OPENAI_API_BASE": upstream.url, **(more or {})})
    del gateway.environ["LITELLM_MASTER_KEY"]
    paste(MASTER_KEY, gateway.home, gateway.environ)
    file = gateway.home / ".env"
    assert file.stat().st_mode & 0o777 == 0o600
    gateway.key = file.read_text(encoding="utf-8").strip().partition("=")[2]
    with file.open("a", encoding="utf-8") as dotenv_file:
        dotenv_file.write(at_mock(dotenv, upstream.url))
    upstream.reset()
    with gateway:
        yield gateway


def line_of(gateway: Gateway, request_id: str) -> dict[str, Any]:
    """Return the request line of a request."""
    def found() -> list[dict[str, Any]]:
        rows = [json.loads(line) for line in gateway.stdout.splitlines()]
        return [row for row in rows if row["request_id"] == request_id]

    row: dict[str, Any] = until(found, "the request line", 10)[0]
    return row


def last(upstream: MockUpstream) -> Recorded:
    """Return the upstream's newest request."""
    return upstream.requests[-1]


def test_every_recipe_and_question_is_run_here() -> None:
    assert {entry.block.section for entry in entries("recipe")} == {*RECIPES, PARALLEL_SECTION, CHAIN_SECTION}
    asked = [(entry.block.language, entry.block.section) for entry in entries("ask", "setup")
             if entry.block.document in ("README.md", OPERATING)]
    assert asked == [("sh", OWN), ("sh", OWN), ("python", OWN), ("sh", "Parameters"), ("sh", "Status, reload, stop")]


@pytest.mark.parametrize("section", [name for name in RECIPES if name != "Two models at once"])
def test_a_recipe_answers_through_the_curl_line_that_it_prints(section: str, upstream: MockUpstream) -> None:
    with reader(block("sh", section).text, upstream) as gateway:
        command = gateway.stderr.rstrip().splitlines()[-1].strip()
        alias, asked = next(iter(RECIPES[section].items()))
        assert f"answering as {asked.model}" in paste(command, gateway.home, gateway.environ)
        assert gateway.aliases() == [alias]
        seen = last(upstream)
        assert Asked(seen.model or "", seen.key, seen.body.get("reasoning_effort")) == asked


@pytest.fixture(scope="class")
def gateway(upstream: MockUpstream) -> Iterator[Gateway]:
    with reader(block("sh", "Two models at once").text, upstream) as running:
        yield running


class TestTwoModels:
    """Two models, and everything that the README says to a running gateway, in the order of the README."""

    def test_each_model_gets_its_own_key_and_effort(self, gateway: Gateway, upstream: MockUpstream) -> None:
        assert gateway.aliases() == list(RECIPES["Two models at once"])
        for alias, asked in RECIPES["Two models at once"].items():
            answer = gateway.chat(alias)
            assert answer.status_code == 200 and answer.headers["x-gateway-model"] == alias
            seen = last(upstream)
            assert Asked(seen.model or "", seen.key, seen.body.get("reasoning_effort")) == asked
            assert line_of(gateway, answer.headers["x-gateway-request-id"])["status"] == 200

    def test_the_curl_command_gets_an_answer(self, gateway: Gateway) -> None:
        assert "answering as gpt-5" in paste(ASK, gateway.home, gateway.environ)

    def test_the_sdk_lists_and_streams(self, gateway: Gateway) -> None:
        program = block("python", OWN).text.replace(ADDRESS, f"127.0.0.1:{gateway.port}")
        (gateway.home / "ask.py").write_text(program, encoding="utf-8")
        said = paste("python ask.py", gateway.home, {**gateway.environ, "LITELLM_MASTER_KEY": gateway.key})
        assert "['gpt-5', 'deepseek-v3.2']" in said and "answering as gpt-5" in said

    def test_dropped_parameters_are_told_in_header_and_line(self, gateway: Gateway) -> None:
        answer = gateway.chat("gpt-5", top_p=0.5, api_base="http://127.0.0.1:9")
        assert answer.headers["x-gateway-dropped-params"] == "api_base, top_p"
        assert line_of(gateway, answer.headers["x-gateway-request-id"])["dropped"] == ["api_base", "top_p"]

    def test_metrics_count_what_was_asked(self, gateway: Gateway) -> None:
        wanted = 'gateway_requests_total{alias="gpt-5",model="openai/gpt-5",status="200"}'
        until(lambda: wanted in gateway.request("GET", "/metrics").text, "the requests are counted", 10)
        assert gateway.request("GET", "/metrics", headers={}).status_code == 401

    def test_closed_routes_and_missing_keys_are_refused(self, gateway: Gateway) -> None:
        assert gateway.request("GET", "/key/list").status_code == 404
        assert gateway.request("GET", "/v1/models", headers={}).status_code == 401
        assert gateway.request("GET", "/health/liveliness", headers={}).status_code == 200

    def test_status_reload_and_stop_answer(self, gateway: Gateway) -> None:
        said = paste(block("sh", "Status, reload, stop", OPERATING).text, gateway.home, gateway.environ)
        assert "serving" in said and "nothing changed" in said and "has stopped" in said
        assert gateway.wait() == 0


def test_native_providers_answer_in_parallel_each_with_its_own_key(upstream: MockUpstream) -> None:
    bases = {f"MODEL_{key}_API_BASE": upstream.url for key in ("OSS", "FLASH", "MISTRAL")}
    dotenv = block("env", PARALLEL_SECTION).text
    with reader("litellm-gateway", upstream, dotenv, bases) as gateway:
        assert gateway.aliases() == list(PARALLEL)
        for alias, key in PARALLEL.items():
            assert gateway.chat(alias).status_code == 200
            seen = last(upstream)
            assert (seen.model, seen.key) == (alias.split("/", 1)[-1], key)


def test_the_chain_moves_on_to_the_model_that_answers(upstream: MockUpstream) -> None:
    # Nobody listens where the README's local servers would be.
    bases = {f"MODEL_{key}_API_BASE": f"http://127.0.0.1:{dead_port()}/v1" for key in ("VLLM", "OLLAMA")}
    with reader("litellm-gateway", upstream, block("env", CHAIN_SECTION).text, bases) as gateway:
        answer = gateway.chat("default")
        assert answer.status_code == 200 and answer.headers["x-gateway-model"] == "gpt-5"
        row = line_of(gateway, answer.headers["x-gateway-request-id"])
        assert (row["chain"], row["chain_position"]) == ("default", 3)
        assert [attempt["error_type"] for attempt in row["attempts"]] == ["connection", "connection", None]
        alone = gateway.chat("qwen3-32b")
        assert alone.status_code >= 500, "a member asked by its own name falls back to nothing"


def test_params_tells_what_a_model_takes(upstream: MockUpstream) -> None:
    text = block("sh", "Parameters").text
    gateway = Gateway({})
    said = paste(text, gateway.home, environment(gateway.home, gateway.port))
    gateway.__exit__()
    assert re.search(r"accepts .*reasoning_effort", said) and re.search(r"renames .*max_tokens", said)
