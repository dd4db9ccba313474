"""Starting and stopping as operators do: where keys stand, what the log says, exit codes, TLS, and the demo."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from src.mock.server import Fault, MockUpstream

from .gateway import ROOT, Gateway, canary, clean_environment, models, until


def events(gateway: Gateway) -> list[dict[str, Any]]:
    """Return the JSON lines of standard error."""
    return [json.loads(line) for line in gateway.stderr.splitlines() if line.startswith("{")]


def pasted(gateway: Gateway, command: str, environ: dict[str, str]) -> str:
    """Return what a shell prints for a command from the ready line."""
    return subprocess.run(["/bin/sh", "-c", command], cwd=gateway.home, env={"PATH": "/usr/bin:/bin", **environ},
                          capture_output=True, text=True, timeout=60, check=True).stdout


def gone(gateway: Gateway) -> bool:
    """Return whether nothing of the gateway is left beside its logs."""
    return not gateway.runtime.exists() and list(gateway.tmp.iterdir()) == []


def test_proxy_py_starts_from_another_folder_with_a_key_file_and_json_logs(upstream: MockUpstream) -> None:
    key = canary("master")
    command = (sys.executable, str(ROOT / "src" / "proxy.py"))
    gateway = Gateway({**models(upstream.url), "LITELLM_MASTER_KEY_FILE": "the key", "GATEWAY_LOG_FORMAT": "json"},
                      command=command, key=key)
    (gateway.home / "the key").write_text(f"{key}\n")
    del gateway.environ["PYTHONPATH"]
    with gateway:
        start, ready = events(gateway)[0], events(gateway)[-1]
        assert (start["event"], ready["event"]) == ("start", "ready") and start["time"] < ready["time"]
        assert [row["alias"] for row in start["rows"]] == gateway.aliases()
        assert '"content"' in pasted(gateway, ready["command"], {})
        assert gateway.stop(signal.SIGINT) == 130
        told = [data.decode(errors="replace") for path, data in gateway.files().items() if path.name != "the key"]
        assert not any(key in text for text in told) and gone(gateway)


@pytest.fixture(scope="module")
def plain(upstream: MockUpstream) -> Iterator[Gateway]:
    """One worker, the key in a variable, nothing else said."""
    with Gateway(models(upstream.url), measured=True) as gateway:
        yield gateway


def test_the_command_to_paste_uses_the_variable_where_the_key_is_one(plain: Gateway) -> None:
    command = next(line for line in plain.stderr.splitlines() if line.startswith("  curl "))
    assert '"content"' in pasted(plain, command, {"LITELLM_MASTER_KEY": plain.key})


def test_browsers_are_told_nothing_unless_an_origin_is_declared(plain: Gateway) -> None:
    answer = plain.chat(headers={**plain.headers, "origin": "https://app.example.com"})
    preflight = plain.request("OPTIONS", "/v1/chat/completions", headers={
        "origin": "https://app.example.com", "access-control-request-method": "POST"})
    assert answer.status_code == 200 and preflight.status_code >= 400
    assert not [name for name in (*answer.headers, *preflight.headers) if name.startswith("access-control-")]


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_taken_port_ends_with_3_and_the_holder_serves_on(plain: Gateway, workers: str) -> None:
    done = subprocess.run([*plain.command, "--workers", workers], env={**plain.environ, "PORT": str(plain.port)},
                          cwd=plain.home, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 3 and f"port {plain.port} on 127.0.0.1 is taken" in done.stderr
    assert plain.chat().status_code == 200 and plain.runtime.exists()


def test_stopped_it_ends_with_0_and_leaves_nothing(plain: Gateway) -> None:
    assert (plain.stop(signal.SIGTERM), gone(plain)) == (0, True)


@pytest.mark.parametrize("workers", [1, 2])
def test_streams_end_within_the_grace_and_are_cut_after_it(upstream: MockUpstream, workers: int) -> None:
    upstream.faults["gpt-5"] = Fault(chunks=5, gap=0.2)
    upstream.faults["deepseek-v3.2"] = Fault(chunks=10_000, gap=0.05)
    answers: dict[str, str] = {}

    def ask(alias: str) -> None:
        try:
            with httpx.stream("POST", f"{gateway.url}/v1/chat/completions", headers=gateway.headers, timeout=60, json={
                    "model": alias, "stream": True, "messages": [{"role": "user", "content": "hi"}]}) as answer:
                for line in answer.iter_lines():
                    answers[alias] = answers.get(alias, "") + line
        except httpx.TransportError:
            answers[alias] = answers.get(alias, "") + "[CUT]"

    with Gateway(models(upstream.url), "--grace", "3", workers=workers) as gateway:
        threads = [threading.Thread(target=ask, args=(alias,)) for alias in ("gpt-5", "deepseek-v3.2")]
        for thread in threads:
            thread.start()
        until(lambda: len(answers) == 2, "both streams have begun")
        assert gateway.stop() == 0
        for thread in threads:
            thread.join(30)
        assert "[DONE]" in answers["gpt-5"] and "[CUT]" not in answers["gpt-5"]
        assert "[DONE]" not in answers["deepseek-v3.2"]
        assert gone(gateway)
    upstream.reset()


@pytest.mark.parametrize("workers", [1, 2])
def test_interrupted_before_it_serves_it_ends_with_130(workers: int) -> None:
    gateway = Gateway(models("http://127.0.0.1:9/v1"), workers=workers)
    try:
        gateway.start()
        until(lambda: "starting at" in gateway.stderr, "the startup log")
        assert gateway.stop(signal.SIGINT) == 130
        assert "Traceback" not in gateway.stderr and gone(gateway)
    finally:
        gateway.__exit__()


BROKEN = """
model_list:
- {model_name: a, litellm_params: {model: openai/a, api_key: none-needed}}
litellm_settings: {callbacks: [no_such_module.instance]}
"""


@pytest.mark.parametrize("workers", [1, 2])
def test_a_configuration_that_litellm_refuses_ends_with_3_and_its_reason(workers: int) -> None:
    gateway = Gateway({}, "--config", "broken.yaml", workers=workers)
    (gateway.home / "broken.yaml").write_text(BROKEN)
    try:
        gateway.start()
        assert gateway.wait() == 3
        assert "no_such_module" in gateway.stderr and not gateway.ready and gone(gateway)
    finally:
        gateway.__exit__()


# --- a file of the operator's own ---------------------------------------------------------------------------------


def test_a_litellm_yaml_of_ones_own_is_served_guarded(upstream: MockUpstream) -> None:
    literal, referenced, master = canary("literal"), canary("referenced"), canary("master")
    text = f"""
model_list:
- {{model_name: one, litellm_params: {{model: openai/gpt-5, api_base: "{upstream.url}", api_key: {literal}}}}}
- model_name: two
  litellm_params: {{model: openai/mock-echo-key, api_base: "{upstream.url}", api_key: os.environ/MINE}}
general_settings: {{master_key: {master}}}
"""
    upstream.reset()
    gateway = Gateway({"MINE": referenced}, "--config", "mine.yaml", key=master)
    (gateway.home / "mine.yaml").write_text(text)
    del gateway.environ["LITELLM_MASTER_KEY"]
    with gateway:
        assert gateway.aliases() == ["one", "two"]
        answers = [gateway.chat("one"), gateway.chat("two"), gateway.chat("one", headers={})]
        assert (answers[0].status_code, answers[1].status_code >= 400, answers[2].status_code) == (200, True, 401)
        assert [request.key for request in upstream.requests[:2]] == [literal, referenced]
        command = next(line for line in gateway.stderr.splitlines() if line.startswith("  curl "))
        assert '"content"' in pasted(gateway, command, {})
        told = [answer.text for answer in answers] + [gateway.stdout, gateway.stderr] + [
            data.decode(errors="replace") for path, data in gateway.files().items() if path.name != "mine.yaml"]
        assert not any(key in text for key in (literal, referenced, master) for text in told)


# --- TLS, bodies, browsers ----------------------------------------------------------------------------------------


def test_tls_body_limit_and_origins(upstream: MockUpstream, tmp_path: Path) -> None:
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
                    "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost", "-keyout", str(key),
                    "-out", str(certificate)], check=True, capture_output=True)
    environ = {**models(upstream.url), "GATEWAY_MAX_BODY_MB": "1", "GATEWAY_CORS_ORIGINS": "https://app.example.com"}
    with Gateway(environ, "--ssl-certfile", str(certificate), "--ssl-keyfile", str(key)) as gateway:
        answer = gateway.chat(verify=str(certificate), headers={**gateway.headers, "origin": "https://app.example.com"})
        assert answer.status_code == 200
        assert answer.headers["access-control-allow-origin"] == "https://app.example.com"
        other = gateway.chat(verify=str(certificate), headers={**gateway.headers, "origin": "https://evil.example.com"})
        assert "access-control-allow-origin" not in other.headers
        asked = len(upstream.requests)
        large = gateway.chat(verify=str(certificate), padding="x" * (1 << 20))
        assert (large.status_code, len(upstream.requests)) == (413, asked)
        command = next(line for line in gateway.stderr.splitlines() if line.startswith("  curl https://"))
        assert '"content"' in pasted(gateway, command, {"LITELLM_MASTER_KEY": gateway.key})


# --- the demo -----------------------------------------------------------------------------------------------------


def test_the_demo_answers_without_any_key_and_leaves_nothing() -> None:
    with Gateway({"OPENAI_API_KEY": canary()}, "--demo") as gateway:
        found = re.search(r"< (\S+/master\.key)", gateway.stderr)
        assert found and gateway.environ["OPENAI_API_KEY"] not in gateway.stderr
        key_file = Path(found[1])
        assert key_file.stat().st_mode & 0o777 == 0o600 and key_file.parent.stat().st_mode & 0o777 == 0o700
        gateway.key = key_file.read_text().strip()
        assert gateway.aliases() == ["gpt-5", "deepseek-v3.2", "grok-code-fast-1"]
        for script in ("gpt5", "deepseek", "grok"):
            done = subprocess.run([sys.executable, str(ROOT / "demo" / script / "chat.py")], cwd=ROOT, timeout=60,
                                  env={**clean_environment(), "GATEWAY_URL": gateway.url,
                                       "LITELLM_MASTER_KEY_FILE": str(key_file), "PYTHONPATH": str(ROOT)},
                                  capture_output=True, text=True, check=False)
            assert done.returncode == 0 and "streamed: " in done.stdout, done.stderr
        assert gateway.stop() == 0
        until(lambda: not key_file.parent.exists(), "the demo's folder is gone")
        until(lambda: not mocks_in(gateway), "the demo's mock has ended")


def mocks_in(gateway: Gateway) -> list[int]:
    """Return the processes of the gateway's session that still run."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rsplit(")", 1)[1].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if fields[3] == str(gateway.pid) and fields[0] != "Z" and stat.parent.name != str(os.getpid()):
            found.append(int(stat.parent.name))
    return found
