"""The demo scripts answer through any OpenAI-compatible gateway, and end with one repairable line where they cannot."""

import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from demo import client
from src.mock.server import Fault, MockUpstream

DEMO = Path(__file__).resolve().parents[2] / "demo"
# Model, and a part of the prompt that the mock repeats.
SCRIPTS = [("gpt5", "gpt-5", "gateway"), ("deepseek", "deepseek-v3.2", "9.11"), ("grok", "grok-code-fast-1", "Python")]


@pytest.fixture(scope="module")
def running() -> Iterator[MockUpstream]:
    with MockUpstream() as upstream:
        yield upstream


@pytest.fixture
def gateway(running: MockUpstream) -> MockUpstream:
    """The mock stands for the gateway: the scripts cannot tell the difference."""
    running.reset()
    return running


def run(script: str, *arguments: str, **environ: str) -> tuple[int, str, str]:
    """Run a demo script with nothing but ``environ`` and what Python itself needs; return exit code and outputs."""
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "SYSTEMROOT") or "COV" in name}
    done = subprocess.run([sys.executable, DEMO / script / "chat.py", *arguments], env={**kept, **environ}, text=True,
                          capture_output=True, timeout=60, cwd=DEMO.parent)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize(("script", "model", "word"), SCRIPTS)
def test_each_family_has_a_plain_and_a_streamed_answer(
        gateway: MockUpstream, script: str, model: str, word: str) -> None:
    key = uuid4().hex
    code, out, err = run(script, GATEWAY_URL=gateway.url, LITELLM_MASTER_KEY=key)
    assert (code, err) == (0, "")
    answers = [line.partition(":")[2].strip() for line in out.splitlines() if line.startswith(("plain:", "streamed:"))]
    assert len(answers) == 2 and answers[0] == answers[1] and model in answers[0] and word in answers[0]
    assert [(r.model, r.stream, r.key) for r in gateway.requests] == [(model, False, key), (model, True, key)]
    assert key not in out
    efforts = {r.body.get("reasoning_effort") for r in gateway.requests}
    assert efforts == ({"high"} if script == "deepseek" else {None})


def ask(*arguments: str, **environ: str) -> int:
    """Run a script's body in this process; return its exit code."""
    return client.main("gpt-5", "Say hello", {}, arguments, environ)


def test_prompt_model_and_key_file_are_the_callers(
        gateway: MockUpstream, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    key, path = uuid4().hex, tmp_path / "master.key"
    path.write_text(f"{key}\n")
    address = gateway.url.removesuffix("/v1") + "/"
    assert ask("Why?", "--model", "mine", GATEWAY_URL=address, LITELLM_MASTER_KEY_FILE=str(path)) == 0
    assert capsys.readouterr().out.count('answering as mine. You said: "Why?"') == 2
    assert {(r.model, r.key) for r in gateway.requests} == {("mine", key)}


def test_a_model_that_reports_no_usage_answers_too(
        gateway: MockUpstream, capsys: pytest.CaptureFixture[str]) -> None:
    assert ask("--model", "mock-no-usage", GATEWAY_URL=gateway.url, LITELLM_MASTER_KEY="any") == 0
    assert "tokens" not in capsys.readouterr().out


@pytest.fixture
def failure(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str]]:
    """Run a script that fails; return the exit code and its only line."""
    def failed(*arguments: str, **environ: str) -> tuple[int, str]:
        code, err = ask(*arguments, **environ), capsys.readouterr().err
        assert err.count("\n") == 1 and err.startswith("demo: ") and "; repair: " in err, err
        return code, err

    return failed


Failure = Callable[..., tuple[int, str]]


@pytest.mark.parametrize(("environ", "message"), [
    ({}, "no key for the gateway; repair: set LITELLM_MASTER_KEY"),
    ({"LITELLM_MASTER_KEY": " "}, "no key for the gateway"),
    ({"OPENAI_API_KEY": "of an upstream"}, "no key for the gateway"),
    ({"LITELLM_MASTER_KEY": "a", "LITELLM_MASTER_KEY_FILE": "b"}, "are both set"),
    ({"LITELLM_MASTER_KEY_FILE": "/nowhere/at/all"}, "cannot be read: No such file"),
    ({"LITELLM_MASTER_KEY": "schlüssel"}, "no HTTP header can carry"),
    ({"LITELLM_MASTER_KEY": "a", "GATEWAY_URL": "localhost:4000"}, "is no HTTP address; repair: set GATEWAY_URL"),
])
def test_what_the_caller_got_wrong_is_exit_code_2(failure: Failure, environ: dict[str, str], message: str) -> None:
    code, line = failure(**environ)
    assert code == 2 and message in line


def test_a_key_file_that_holds_no_text_is_exit_code_2(failure: Failure, tmp_path: Path) -> None:
    path = tmp_path / "master.key"
    path.write_bytes(b"\xff\xfe")
    code, line = failure(LITELLM_MASTER_KEY_FILE=str(path))
    assert code == 2 and f"{str(path)!r} cannot be read: not UTF-8 text" in line


def test_no_gateway_is_exit_code_3_and_tells_how_to_start_one(failure: Failure) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    code, line = failure(GATEWAY_URL=f"http://127.0.0.1:{port}/v1", LITELLM_MASTER_KEY="any")
    assert code == 3 and "Connection refused" in line and "demo/start.py" in line


@pytest.mark.parametrize(("model", "fault", "code", "message"), [
    ("m", Fault(status=401), 1, "refuses this key (401); repair: set LITELLM_MASTER_KEY"),
    ("m", Fault(status=404), 2, "no model 'm'; repair: --model with one of: gpt-5, deepseek-v3.2"),
    ("m", Fault(status=400), 2, "no model 'm'; repair: --model with one of: gpt-5, deepseek-v3.2"),
    ("gpt-5", Fault(status=400, message="too\nlong"), 1, "the gateway answered 400: too long; repair"),
    ("m", Fault(status=503, message="busy"), 1, "the gateway answered 503: busy"),
    ("m", Fault(body="<html>", content_type="text/html"), 1, "the reply is no chat completion"),
    ("m", Fault(breaks="cut"), 1, "the answer is broken: "),
    ("m", Fault(breaks="reset"), 3, "no answer from"),
    ("m", Fault(times=1, then=Fault(breaks="error", after=1)), 1, "the answer is broken: The mock broke off."),
    ("m", Fault(times=1, then=Fault(breaks="reset", after=1)), 1, "the answer is broken: "),
])
def test_what_the_gateway_answers_is_explained(
        gateway: MockUpstream, failure: Failure, model: str, fault: Fault, code: int, message: str) -> None:
    gateway.faults[model] = fault
    exit_code, line = failure("--model", model, GATEWAY_URL=gateway.url, LITELLM_MASTER_KEY="any")
    assert exit_code == code and message in line


def test_a_script_that_fails_prints_no_traceback() -> None:
    code, out, err = run("grok")
    assert (code, out) == (2, "") and err.startswith("demo: no key") and err.count("\n") == 1


def test_an_unknown_model_is_still_explained_where_the_models_are_not_listed(
        gateway: MockUpstream, capsys: pytest.CaptureFixture[str]) -> None:
    gateway.faults.update({"m": Fault(status=404, message="gone"), "models": Fault(status=500)})
    code = ask("--model", "m", GATEWAY_URL=gateway.url, LITELLM_MASTER_KEY="any")
    err = capsys.readouterr().err
    assert code == 1 and "does not list its models" in err and "the gateway answered 404: gone" in err


def test_without_the_sdk_the_script_tells_how_to_install_it() -> None:
    without = subprocess.run([sys.executable, "-S", DEMO / "gpt5" / "chat.py"], text=True, capture_output=True,
                             timeout=60, env={"PATH": os.environ["PATH"]})
    assert without.returncode == 1 and "-m pip install openai" in without.stderr
    assert without.stderr.count("\n") == 1
