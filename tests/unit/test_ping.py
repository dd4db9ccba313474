"""`ping` asks what it should, asks first where it costs, shows no key, and says what to repair."""

import asyncio
import json
import os
import socket
import ssl
import sys
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from src.config.environment import Environment
from src.config.plan import LaunchPlan
from src.errors import NotStarted
from src.launch.document import Generation, generate
from src.mock.server import Fault, MockUpstream
from src.policy.costs import Price
from src.rehearse.advice import advice, listed_models
from src.rehearse.ping import Ping, Pong, ask_all, cost_micros, pings
from src.serving import ping_tool

from .declaring import canary, declared, refused, run_here, two


def planned(**more: str) -> tuple[LaunchPlan, Generation, dict[str, str]]:
    env = two(None, **more)
    plan = declared(env).checked()
    return plan, generate(plan, Environment(env)), env


def ping(**more: Any) -> Ping:
    values: dict[str, Any] = {
        "deployment": "gpt5", "alias": "gpt-5", "provider": "openai", "model": "gpt-5", "mode": "chat",
        "base": "http://up.example/v1", "key_env": "MY_KEY", "key_where": ".env line 3", "params": {"max_tokens": 1},
        "seconds": 30.0}
    return Ping(**{**values, **more})


# --- what is asked ----------------------------------------------------------------------------------------------------

def test_each_deployment_is_asked_once_with_its_own_key_and_few_tokens() -> None:
    key = canary()
    plan, generation, env = planned(
        MODEL_GPT5_API_KEY=key, MODEL_GPT5_TIMEOUT="7", MODEL_GPT5_RPM="9", REASONING_EFFORT="high",
        MODEL_DEEPSEEK_API_KEY_ENV="none", PROXY_CHAIN_KEYS="default", CHAIN_DEFAULT_MODELS="gpt5,deepseek")
    first, second = pings(generation, plan.secrets, env)
    assert (first.alias, first.params["api_key"], first.params["max_tokens"], first.seconds) == ("gpt-5", key, 16, 7.0)
    assert (second.key_env, second.unset, second.seconds) == (None, "", 30.0)
    assert key not in repr(first) and not {"rpm", "stream_timeout", "reasoning_effort"} & set(first.params)


def test_a_key_that_is_not_set_is_told_and_nothing_is_asked() -> None:
    plan, generation, env = planned(MODEL_GPT5_API_KEY_ENV="NO_SUCH_KEY", MODEL_GPT5_MODE="embedding")
    first = pings(generation, plan.secrets, env)[0]
    assert first.unset == "NO_SUCH_KEY" and "max_tokens" not in first.params
    assert advice(first, Pong(None), lambda *_: None) == "NO_SUCH_KEY is not set"


PRICE = Price(Decimal(1_250_000), Decimal(10_000_000))


@pytest.mark.parametrize(("more", "price", "micros"), [
    ({}, PRICE, Decimal(30)),
    ({"params": {}, "mode": "embedding"}, Price(Decimal(20_000), None), Decimal("0.32")),
    ({"mode": "image"}, PRICE, None),
    ({}, None, None), ({}, Price(None, Decimal(1)), None), ({}, Price(Decimal(1), None), None),
    ({"key_env": None, "params": {"api_key": "keyless"}}, None, Decimal(0)),
])
def test_costs_are_estimated_from_prices(more: dict[str, Any], price: Price | None, micros: Decimal | None) -> None:
    assert cost_micros(ping(**more), price) == micros


# --- what to repair ---------------------------------------------------------------------------------------------------

@pytest.mark.parametrize(("more", "pong", "said"), [
    ({}, Pong(200, 1.0), ""),
    ({}, Pong(400, message="max_tokens or model output limit was reached"), ""),
    ({}, Pong(401), "the upstream refuses the key in MY_KEY (.env line 3): replace it, or allow it gpt-5"),
    ({"key_env": None}, Pong(403), "the upstream wants a key: name its variable in MODEL_GPT5_API_KEY_ENV"),
    ({}, Pong(429, retry_after="7"), "rate limit is reached: wait for 7 s, or lower MODEL_GPT5_RPM"),
    ({}, Pong(429, message="insufficient_quota"), "the account behind MY_KEY has no quota left"),
    ({}, Pong(503, message="busy\nnow"), "the upstream failed by itself; try again later: busy now"),
    ({}, Pong(400, message="bad"), "bad"), ({}, Pong(None), "no reason given"),
    ({}, Pong(None, cause="dns"), "the host up.example is not known: correct the base http://up.example/v1"),
    ({}, Pong(None, cause="tls"), "the certificate of up.example is not trusted"),
    ({}, Pong(None, cause="tls", message="[SSL] record layer failure"), "does not speak TLS there: write http://"),
    ({}, Pong(None, cause="refused"), "nobody listens at up.example: start that server"),
    ({"seconds": 2.0}, Pong(None, cause="timeout"), "no answer from up.example in 2 s"),
    ({"base": None, "provider": "groq"}, Pong(None, cause="refused"), "groq's own base"),
])
def test_every_failure_says_what_to_repair(more: dict[str, Any], pong: Pong, said: str) -> None:
    told = advice(ping(**more), pong, lambda *_: None)
    assert said in told and bool(told) == bool(said)
    assert pong.answered == (not said)


@pytest.mark.parametrize(("ids", "said"), [
    (None, "knows no model gpt-5 and lists none: is the path of the base right"),
    (["gpt-5-mini", "gpt-4", "other"], "has no model gpt-5; did you mean gpt-4 or gpt-5-mini?"),
    (["zzz", "yyy", "xxx", "www"], "it lists 4 others, such as zzz, yyy, xxx"),
    (["gpt-5"], "lists gpt-5, but not for this kind of request: see MODE"),
])
def test_an_unknown_model_is_compared_with_what_the_upstream_lists(ids: list[str] | None, said: str) -> None:
    for pong in (Pong(404), Pong(400, message="The model does not exist")):
        assert said in advice(ping(), pong, lambda *_: ids)


def test_the_upstreams_list_is_read_with_the_models_key() -> None:
    key = canary()
    with MockUpstream() as mock:
        mock.models[:] = ["gpt-5"]
        own = ping(params={"api_key": key}, base=mock.url)
        assert listed_models(own, mock.url) == ["gpt-5"]
        assert listed_models(ping(provider="gemini", params={"api_key": key}), mock.url) == ["gpt-5"]
        assert listed_models(ping(provider="anthropic", params={"api_key": key}), mock.url) == ["gpt-5"]
        assert [request.key for request in mock.requests] == [key, key, key]
        assert listed_models(ping(provider="cohere"), mock.url) is None, "another protocol"
        for broken in (Fault(status=404), Fault(body="<html>"), Fault(body=[1])):
            mock.faults["models"] = broken
            assert listed_models(ping(key_env=None), mock.url) is None
    assert listed_models(own, "not a url") is None


# --- the process that asks --------------------------------------------------------------------------------------------

class Fake:
    """LiteLLM as far as the tool uses it; ``error`` is raised by every call."""

    exceptions = SimpleNamespace(BadRequestError=ValueError)

    def __init__(self, error: Exception | None = None) -> None:
        self.error, self.calls = error, list[dict[str, Any]]()

    def get_llm_provider(self, model: str) -> tuple[str, str, None, str]:
        if model == "odd":
            raise ValueError
        return model, "groq", None, "https://groq.example"

    def __getattr__(self, name: str) -> Any:
        async def call(**params: Any) -> Any:
            self.calls.append({"function": name, **params})
            if self.error:
                raise self.error
            return chunks() if params.get("stream") else None
        return call


async def chunks() -> Any:
    yield "one"
    yield "two"


def asked(fake: Fake, kind: str = "chat", model: str = "groq/x", **params: Any) -> dict[str, Any]:
    request = {"id": "a", "kind": kind, "params": {"model": model, **params}, "seconds": 5.0}
    return asyncio.run(ping_tool.ask(fake, request))


@pytest.mark.parametrize(("kind", "function", "words"), [
    ("chat", "acompletion", "messages"), ("completion", "atext_completion", "prompt"),
    ("embedding", "aembedding", "input"), ("image", "aimage_generation", "prompt"), ("speech", "aspeech", "voice"),
    ("transcription", "atranscription", "file"),
])
def test_every_kind_of_model_is_asked_in_its_own_way(kind: str, function: str, words: str) -> None:
    fake = Fake()
    found = asked(fake, kind)
    assert (found["status"], found["base"]) == (200, "https://groq.example")
    assert (found["first_s"] is not None) == (kind in ("chat", "completion"))
    call = fake.calls[0]
    assert call["function"] == function and words in call and (call["timeout"], call["max_retries"]) == (5.0, 0)


def error(name: str, cause: BaseException | None = None, text: str = "said", **more: Any) -> Exception:
    made: Exception = type(name, (Exception,), more)(text)
    made.__cause__ = cause
    return made


@pytest.mark.parametrize(("raised", "status", "cause"), [
    (error("AuthenticationError", status_code=401), 401, ""),
    (error("RateLimitError", status_code=429, litellm_response_headers={"retry-after": "7"}), 429, ""),
    (error("APIConnectionError", socket.gaierror(-2, "unknown"), status_code=500), None, "dns"),
    (error("InternalServerError", ssl.SSLError(1, "x"), status_code=500), None, "tls"),
    (error("InternalServerError", ConnectionRefusedError(), status_code=500), None, "refused"),
    (error("APIConnectionError", text="getaddrinfo failed", status_code=500), None, "dns"),
    (error("InternalServerError", text="CERTIFICATE_VERIFY_FAILED", status_code=500), None, "tls"),
    (error("InternalServerError", text="own fault", status_code=500), 500, ""),
    (error("Timeout", status_code=408), None, "timeout"), (TimeoutError(), None, "timeout"),
    (error("BadRequestError", text="Connection refused by policy", status_code=400), 400, ""),
    (ValueError("odd"), None, ""),
])
def test_causes_are_told_apart(raised: Exception, status: int | None, cause: str) -> None:
    found = asked(Fake(raised))
    assert (found["status"], found["cause"]) == (status, cause)
    assert found["retry_after"] == ("7" if status == 429 else None)


def test_a_cause_that_goes_in_circles_ends() -> None:
    first, second = error("APIError", text="a"), error("APIError", text="timed out")
    first.__cause__, second.__cause__ = second, first
    assert asked(Fake(first), model="odd")["cause"] == "timeout"
    assert asked(Fake(), api_base="http://own")["base"] == "http://own"


def test_the_tool_reads_an_order_and_answers_in_lines(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    fake = Fake()
    monkeypatch.setitem(sys.modules, "litellm", fake)
    order = {"requests": [{"id": name, "kind": "chat", "params": {"model": "m"}, "seconds": 1.0} for name in "ab"]}
    monkeypatch.setattr(sys, "stdin", (tmp_path / "order").open("w+"))
    sys.stdin.write(json.dumps(order))
    sys.stdin.seek(0)
    out = (tmp_path / "out").open("w+b")
    monkeypatch.setattr(os, "dup", lambda _: out.fileno())
    monkeypatch.setattr(os, "dup2", lambda *_: None)
    assert ping_tool.main() == 0
    out.seek(0)
    assert sorted(json.loads(line)["id"] for line in out) == ["a", "b"]
    assert len(fake.calls) == 2 + 2, "two more warm LiteLLM up"


def test_a_process_that_cannot_ask_is_reported() -> None:
    with pytest.raises(NotStarted, match="LiteLLM could not ask: .*no_such_package"):
        ask_all([ping()], "no_such_package", {}, lambda: None)


# --- the command ------------------------------------------------------------------------------------------------------

@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> dict[str, Pong]:
    """What the upstreams answer, by deployment, instead of asking them; 200 unless a test says otherwise."""
    told: dict[str, Pong] = {}

    def ask(listed: list[Ping], package: str, environ: Any, heard: Any) -> dict[str, Pong]:
        for _ in listed:
            heard()
        return {one.deployment: told.get(one.deployment, Pong(200, 0.0123, 0.0045)) for one in listed}
    monkeypatch.setattr("src.rehearse.ping.ask_all", ask)
    return told


KEYS = {"OPENAI_API_KEY": canary("openai"), "GATEWAY_DATABASE_URL": "off"}


def test_all_models_or_the_named_ones_are_asked(tmp_path: Path, capfd: pytest.CaptureFixture[str],
                                                answers: dict[str, Pong]) -> None:
    env = two(KEYS, PROXY_CHAIN_KEYS="default", CHAIN_DEFAULT_MODELS="deepseek", MODEL_DEEPSEEK_API_KEY_ENV="none")
    ran = run_here("ping", env=env, cwd=tmp_path, capfd=capfd)
    assert ran.code == 0
    assert [line.split() for line in ran.text.splitlines()] == [
        ["alias", "status", "latency", "first", "token", "what", "to", "repair"],
        ["gpt-5", "ok", "12", "ms", "4", "ms"], ["deepseek-v3.2", "ok", "12", "ms", "4", "ms"]]
    ran = run_here("ping", "--json", "default", env=env, cwd=tmp_path, capfd=capfd)
    assert [model["alias"] for model in json.loads(ran.out)["models"]] == ["deepseek-v3.2"]
    refused(run_here("ping", "gpt5", env=env, cwd=tmp_path, capfd=capfd), "there is no model 'gpt5'", "gpt-5")


def test_a_failure_ends_with_1_and_shows_no_key(tmp_path: Path, capfd: pytest.CaptureFixture[str],
                                                answers: dict[str, Pong]) -> None:
    answers["gpt5"] = Pong(500, 0.1, message=f"wrong key {KEYS['OPENAI_API_KEY']}")
    ran = run_here("ping", "--yes", env=two(KEYS), cwd=tmp_path, capfd=capfd)
    assert ran.code == 1 and KEYS["OPENAI_API_KEY"] not in ran.text + ran.err and "wrong key ***" in ran.text
    unset = run_here("ping", env=two({"GATEWAY_DATABASE_URL": "off"}), cwd=tmp_path, capfd=capfd)
    assert unset.code == 1 and unset.text.count("no key") == 2, "nothing can be asked, so nothing can cost"


@pytest.mark.parametrize(("key", "message", "shown"), [
    ("wrong", "wrong key", "wrong key"), ("secret", "key secret", "key ***"),
    ("  long-secret ", "key long-secret", "key ***"), ("secret-a", "secret-a-b secret-a", "***-b ***"),
])
def test_keys_are_hidden_and_short_words_stay_readable(key: str, message: str, shown: str, tmp_path: Path,
                                                       capfd: pytest.CaptureFixture[str],
                                                       answers: dict[str, Pong]) -> None:
    answers["gpt5"] = Pong(400, 0.1, message=message)
    ran = run_here("ping", "--yes", env=two(KEYS | {"OPENAI_API_KEY": key}), cwd=tmp_path, capfd=capfd)
    assert ran.code == 1 and ran.text.splitlines()[1].endswith(shown)


def test_what_costs_is_not_asked_unless_all_is_wanted(tmp_path: Path, capfd: pytest.CaptureFixture[str],
                                                      answers: dict[str, Pong]) -> None:
    env = two(KEYS, MODEL_GPT5_MODE="image", MODEL_DEEPSEEK_API_KEY_ENV="none")
    ran = run_here("ping", env=env, cwd=tmp_path, capfd=capfd)
    assert ran.code == 0 and "not asked: image costs more" in ran.text
    assert json.loads(run_here("ping", "--json", env=env, cwd=tmp_path, capfd=capfd).out)["not_asked"] == [
        {"alias": "gpt-5", "mode": "image"}]
    refused(run_here("ping", "--all", env=env, cwd=tmp_path, capfd=capfd), "no price is known for gpt-5", "--yes")


@pytest.mark.parametrize(("env", "words"), [
    ({}, "no price is known for deepseek-v3.2"),
    ({"MODEL_GPT5_INPUT_COST": "1000", "MODEL_GPT5_OUTPUT_COST": "1000", "MODEL_DEEPSEEK_API_KEY_ENV": "none"},
     "about $0.03"),
])
def test_without_a_terminal_more_than_a_cent_needs_yes(env: dict[str, str], words: str, tmp_path: Path,
                                                       capfd: pytest.CaptureFixture[str],
                                                       answers: dict[str, Pong]) -> None:
    ran = run_here("ping", env=two(KEYS | env), cwd=tmp_path, capfd=capfd)
    refused(ran, f"may cost more than a cent: {words}\n", "add --yes")
    assert run_here("ping", "--yes", env=two(KEYS | env), cwd=tmp_path, capfd=capfd).code == 0


@pytest.mark.parametrize(("typed", "code"), [("y\n", 0), ("n\n", 130)])
def test_on_a_terminal_the_operator_decides(typed: str, code: int, tmp_path: Path, answers: dict[str, Pong],
                                            capfd: pytest.CaptureFixture[str],
                                            monkeypatch: pytest.MonkeyPatch) -> None:
    import io
    terminal = io.StringIO(typed)
    monkeypatch.setattr(terminal, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stdin", terminal)
    ran = run_here("ping", env=two(KEYS), cwd=tmp_path, capfd=capfd)
    assert ran.code == code and "may cost more than a cent" in ran.err


def test_a_terminal_shows_a_bar(tmp_path: Path, answers: dict[str, Pong], capfd: pytest.CaptureFixture[str],
                                monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    ran = run_here("ping", "--yes", env=two(KEYS), cwd=tmp_path, capfd=capfd)
    assert ran.code == 0 and "asking" in ran.err


def test_a_litellm_file_is_asked_as_it_stands(tmp_path: Path, capfd: pytest.CaptureFixture[str],
                                              answers: dict[str, Pong]) -> None:
    literal = canary("literal")
    (tmp_path / "c.yaml").write_text(
        "model_list:\n- model_name: a\n  litellm_params: {model: openai/gpt-5, api_key: " + literal + "}\n"
        "- model_name: b/*\n  litellm_params: {model: openai/*}\n")
    answers["a_1"] = Pong(401, message=literal)
    ran = run_here("--config", "c.yaml", "ping", env={"LITELLM_MASTER_KEY": canary(), **KEYS}, cwd=tmp_path,
                   capfd=capfd)
    assert ran.code == 1 and "the upstream refuses the key" in ran.text and literal not in ran.text
