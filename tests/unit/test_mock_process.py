"""The mock as a process: it tells where it listens, stops when asked to, and needs nothing of the gateway."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from src.mock.__main__ import main

REPOSITORY = Path(__file__).resolve().parents[2]
COMMAND = [sys.executable, "-m", "src.mock"]


@contextmanager
def mock_process(*arguments: str | Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Start the mock; yield its process and the URL that it prints once it is ready."""
    process = subprocess.Popen([*COMMAND, *map(str, arguments)], cwd=REPOSITORY, text=True,
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout
    try:
        yield process, process.stdout.readline().strip()
    finally:
        process.kill()
        process.wait(10)
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe:
                pipe.close()


def test_the_process_serves_records_and_stops_cleanly_when_told_to(tmp_path: Path) -> None:
    port_file, record = tmp_path / "port", tmp_path / "seen.jsonl"
    with mock_process("--port-file", port_file, "--record", record, "--models", "a,b", "--gap", "60") as (process, url):
        assert url == f"http://127.0.0.1:{port_file.read_text().strip()}/v1"
        assert [model["id"] for model in httpx.get(f"{url}/models").json()["data"]] == ["a", "b"]
        assert [json.loads(line)["operation"] for line in record.read_text().splitlines()] == ["models"]
        body = {"model": "a", "stream": True, "messages": [{"role": "user", "content": "hi"}]}
        with httpx.stream("POST", f"{url}/chat/completions", json=body) as stream:
            arriving = stream.iter_raw()
            next(arriving)
            process.send_signal(signal.SIGTERM)
            assert process.wait(10) == 0
    last = json.loads(record.read_text().splitlines()[-1])
    assert (last["model"], last["chunks_sent"], last["client_gone"]) == ("a", 1, False)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["port", "seen.jsonl"]


def test_the_process_can_be_tied_to_the_one_that_started_it() -> None:
    with mock_process("--until-eof") as (process, url):
        # Ctrl-C reaches the starter too, which may still need its upstream.
        process.send_signal(signal.SIGINT)
        assert httpx.get(f"{url}/models").status_code == 200 and process.stdin
        process.stdin.write("only the end counts")
        process.stdin.close()
        assert process.wait(10) == 0


@pytest.mark.parametrize(("flags", "number"), [
    ([], signal.SIGINT), ([], signal.SIGTERM), (["--until-eof"], signal.SIGTERM)])
def test_signals_end_the_process_without_complaint(flags: list[str], number: signal.Signals, tmp_path: Path) -> None:
    made = tmp_path / "made"
    made.mkdir()
    with mock_process(*flags, "--remove", made) as (process, _):
        process.send_signal(number)
        assert process.communicate(timeout=10) == ("", "") and process.returncode == 0
    assert not made.exists()


def test_counting_only_keeps_no_requests_but_the_count_is_exact() -> None:
    with mock_process("--count-only") as (_, url):
        for _ in range(3):
            httpx.get(f"{url}/models")
        control = url.removesuffix("/v1") + "/_mock"
        assert httpx.get(f"{control}/requests").json() == []
        assert httpx.get(f"{control}/counts").json()["total"] == 3


def test_a_taken_port_is_exit_code_3_and_one_line() -> None:
    with mock_process() as (_, url):
        port = url.rpartition(":")[2].removesuffix("/v1")
        second = subprocess.run([*COMMAND, "--port", port], cwd=REPOSITORY, text=True, capture_output=True, timeout=30)
    assert second.returncode == 3 and second.stdout == ""
    assert second.stderr.startswith(f"mock: cannot listen on 127.0.0.1:{port}:") and second.stderr.count("\n") == 1


@pytest.mark.parametrize("flag", ["--port=abc", "--nothing", "--gap=slow"])
def test_a_wrong_flag_is_exit_code_2(flag: str) -> None:
    with pytest.raises(SystemExit, match="2"):
        main([flag])


def test_the_mock_imports_nothing_of_the_gateway_and_nothing_heavy() -> None:
    code = "import sys, src.mock.__main__; print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, text=True, capture_output=True, timeout=30)
    loaded = set(run.stdout.split())
    assert "src.mock.server" in loaded
    assert not loaded & {"litellm", "openai", "click", "sqlalchemy", "pydantic", "yaml", "httpx"}
    assert [name for name in loaded if name.startswith("src.") and not name.startswith("src.mock")] == []
