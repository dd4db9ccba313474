"""`litellm-gateway init`: in scripts by flags, on a terminal by questions; nothing is overwritten or left behind."""

import os
import pty
import re
import select
import signal
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from src.mock.server import MockUpstream

from .declaring import ROOT, Ran, canary, declared, refused, run_here

OPENAI = ("--non-interactive", "--provider", "openai", "--model", "gpt-5")
Line = Callable[..., Ran]


@pytest.fixture
def line(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Line:
    def command(*arguments: str, **env: str) -> Ran:
        return run_here("init", *arguments, env={"PATH": os.environ["PATH"], **env}, cwd=tmp_path, capfd=capfd)
    return command


def values(path: Path) -> dict[str, str]:
    return dict(re.findall(r"^(\w+)=(.*)$", path.read_text(encoding="utf-8"), re.MULTILINE))


# --- flags ----------------------------------------------------------------------------------------------------------

def test_flags_and_the_environments_key_give_a_file_that_starts(line: Line, tmp_path: Path) -> None:
    key = canary()
    done = line(*OPENAI, "--model", "deepseek-v3.2", "--chain", "best", OPENAI_API_KEY=key)
    path = tmp_path / ".env"
    assert done.code == 0 and stat.S_IMODE(path.stat().st_mode) == 0o600
    assert sorted(entry.name for entry in tmp_path.iterdir()) == [".env"]
    master = values(path)["LITELLM_MASTER_KEY"]
    assert values(path)["OPENAI_API_KEY"] == key and key not in done.text + done.err and master not in done.text
    plan = declared(dotenv=path.read_bytes()).checked(launch=True)
    assert [model.alias for model in plan.models] == ["gpt-5", "deepseek-v3.2"]
    assert [chain.alias for chain in plan.chains] == ["best"]
    assert done.text.splitlines()[-1] == "next: python -m src.main"


def test_a_key_file_is_named_and_not_copied(line: Line, tmp_path: Path) -> None:
    key = canary()
    (tmp_path / "the-key").write_text(key, encoding="utf-8")
    done = line("--non-interactive", "--provider", "groq", "--model", "groq/llama-3.3-70b-versatile",
                "--key-file", "the-key")
    text = (tmp_path / ".env").read_text(encoding="utf-8")
    assert done.code == 0 and f"GROQ_API_KEY_FILE={tmp_path / 'the-key'}\n" in text and key not in text
    assert "MODEL_LLAMA_3_3_70B_VERSATILE_UPSTREAM_MODEL=groq/llama-3.3-70b-versatile\n" in text


@pytest.mark.parametrize("flags, expected", [
    (["--provider", "vllm", "--model", "qwen3"], {"API_BASE": "http://127.0.0.1:8000/v1", "API_KEY_ENV": "none"}),
    (["--provider", "ollama", "--model", "x", "--base", "http://10.0.0.1:1/v1"],
     {"API_BASE": "http://10.0.0.1:1/v1", "API_KEY_ENV": "none"}),
    (["--provider", "compatible", "--model", "x", "--base", "https://llm.example.com/v1"],
     {"API_BASE": "https://llm.example.com/v1", "API_KEY_ENV": "EXAMPLE_API_KEY"}),
    (["--provider", "openai", "--model", "x", "--base", "https://llm.example.com/v1"],
     {"API_BASE": "https://llm.example.com/v1", "API_KEY_ENV": "EXAMPLE_API_KEY"}),
    (["--provider", "compatible", "--model", "x", "--base", "https://a.example.com", "--key-env", "OPENAI_API_KEY"],
     {"API_BASE": "https://a.example.com"}),
])
def test_a_base_of_ones_own_never_gets_openais_key_unasked(flags: list[str], expected: dict[str, str], line: Line,
                                                           tmp_path: Path) -> None:
    line("--non-interactive", *flags, OPENAI_API_KEY="k", EXAMPLE_API_KEY="k")
    found = {name.partition("_")[2].partition("_")[2]: value for name, value in values(tmp_path / ".env").items()
             if name.startswith("MODEL_") and "UPSTREAM" not in name}
    assert found == expected


def test_a_key_that_is_not_there_is_told_and_the_rest_is_written(line: Line, tmp_path: Path) -> None:
    done = line(*OPENAI)
    assert done.code == 1 and "missing: OPENAI_API_KEY is not set" in done.err
    assert done.text.splitlines()[-1] == "next: when that is done: python -m src.main"
    assert values(tmp_path / ".env")["MODEL_GPT_5_UPSTREAM_MODEL"] == "gpt-5"


@pytest.mark.parametrize("flags, texts", [
    (["--non-interactive"], ["2 problems", "--provider is needed", "--model is needed"]),
    (["--non-interactive", "--provider", "grok", "--model", "x"], ["no provider 'grok'; did you mean groq?"]),
    (["--non-interactive", "--provider", "compatible", "--model", "x"], ["--base is needed"]),
    (["--non-interactive", "--provider", "openai", "--model", "x", "--base", "x"], ["must be a URL"]),
    (["--non-interactive", "--provider", "openai", "--model", "two words"], ["must not contain spaces"]),
    ([*OPENAI, "--key-env", "not-a-name"], ["must be the name of a variable"]),
    ([*OPENAI, "--chain", "gpt-5"], ["has the alias gpt-5 of a model"]),
    ([*OPENAI, "--chain", "${HOME}"], ["CHAIN_HOME_ALIAS holds `${`"]),
    ([*OPENAI, "--output", "gone/.env"], ["cannot be written"]),
    ([*OPENAI, "--output", "."], [". cannot be read"]),
    ([*OPENAI[1:]], ["--provider, --model without --non-interactive"]),
    ([], ["there is no terminal", "init --non-interactive --provider openai"]),
])
def test_what_cannot_be_done_is_refused_and_leaves_nothing(flags: list[str], texts: list[str], line: Line,
                                                           tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", open(os.devnull, encoding="utf-8"))
    done = line(*flags, OPENAI_API_KEY="k")
    refused(done, *texts)
    assert list(tmp_path.iterdir()) == []


def test_no_flag_takes_a_key(line: Line) -> None:
    flags = set(re.findall(r"--[a-z-]+", line("--help").text))
    assert {flag for flag in flags if "key" in flag} == {"--key-env", "--key-file"}


def test_an_existing_file_is_changed_only_when_told_to_and_shown_without_secrets(line: Line, tmp_path: Path) -> None:
    path, key = tmp_path / ".env", canary()
    line(*OPENAI, OPENAI_API_KEY=key)
    before = path.read_bytes()
    changed = ("--non-interactive", "--provider", "vllm", "--model", "qwen3")
    done = line(*changed)
    refused(done, ".env exists already", "-MODEL_GPT_5_UPSTREAM_MODEL=gpt-5", "+PROXY_MODEL_KEYS=qwen3", "--force")
    assert path.read_bytes() == before and key not in done.err
    done = line(*changed, "--force")
    assert done.code == 0 and key not in done.text + done.err
    assert values(path)["OPENAI_API_KEY"] == key and values(path)["PROXY_MODEL_KEYS"] == "qwen3"
    assert values(path)["LITELLM_MASTER_KEY"].encode() in before


def test_a_key_and_a_file_of_it_never_stand_beside_each_other(line: Line, tmp_path: Path) -> None:
    path = tmp_path / ".env"
    (tmp_path / "key").write_text(canary(), encoding="utf-8")
    assert line(*OPENAI, OPENAI_API_KEY="k").code == 0
    assert line(*OPENAI, "--key-file", "key", "--force").code == 0
    assert "OPENAI_API_KEY" not in values(path) and "OPENAI_API_KEY_FILE" in values(path)
    assert line(*OPENAI, "--force", OPENAI_API_KEY="").code == 0, "the file that is named stays"
    assert "OPENAI_API_KEY_FILE" in values(path)


def test_a_file_that_cannot_be_read_is_left_alone(line: Line, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("A='open\n", encoding="utf-8")
    refused(line(*OPENAI, "--force", OPENAI_API_KEY="k"), "this line cannot be read", ".env line 1")
    assert (tmp_path / ".env").read_text(encoding="utf-8") == "A='open\n"


def test_the_same_answers_again_change_nothing_and_say_so(line: Line, tmp_path: Path) -> None:
    for _ in range(2):  # what is declared moves behind what is kept, once
        line(*OPENAI, "--force", OPENAI_API_KEY="k")
    before = (tmp_path / ".env").read_bytes()
    done = line(*OPENAI, "--force", OPENAI_API_KEY="k")
    assert done.code == 0 and ".env stays as it is" in done.err.splitlines()
    assert (tmp_path / ".env").read_bytes() == before


@pytest.mark.parametrize("flags, told", [
    (["--provider", "openai", "--model", "gpt-5"], "gpt-5 -> https://api.openai.com/v1, key: OPENAI_API_KEY"),
    (["--provider", "groq", "--model", "groq/x"], "groq/x -> groq, key: GROQ_API_KEY"),
    (["--provider", "vllm", "--model", "qwen3"], "qwen3 -> http://127.0.0.1:8000/v1, key: none")])
def test_each_model_is_told_with_where_it_is_asked_and_whose_key_goes_there(flags: list[str], told: str,
                                                                            line: Line) -> None:
    done = line("--non-interactive", *flags, OPENAI_API_KEY="k", GROQ_API_KEY="k")
    assert done.code == 0 and f"  {told}" in done.text.splitlines()


def test_what_would_change_is_shown_line_by_line(line: Line) -> None:
    line(*OPENAI, OPENAI_API_KEY="k")
    said, *shown = line(*OPENAI, "--model", "gpt-4.1").err.partition("error: ")[0].splitlines()
    assert said == "LITELLM_MASTER_KEY is set already (.env line 4); it stays."
    assert shown[:2] == ["--- .env", "+++ .env (new)"] and shown[2].startswith("@@")
    assert all(text.startswith(("+", "-", " ", "@@")) for text in shown), shown


def test_scripts_are_warned_where_git_would_take_the_keys_along(line: Line, tmp_path: Path) -> None:
    def git(*arguments: str) -> None:
        subprocess.run(["git", *arguments], cwd=tmp_path, check=True, capture_output=True, timeout=30)
    git("init", "-q")
    assert "warning: git does not ignore .env: echo .env >> .gitignore" in line(*OPENAI, OPENAI_API_KEY="k").err
    git("add", "-f", ".env")
    assert "git tracks .env" in line(*OPENAI, "--force", OPENAI_API_KEY="k").err
    assert not (tmp_path / ".gitignore").exists()


def test_an_interrupt_while_the_file_is_written_leaves_nothing(line: Line, tmp_path: Path,
                                                               monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(_: int) -> None:
        raise KeyboardInterrupt
    monkeypatch.setattr(os, "fsync", interrupted)
    assert line(*OPENAI, OPENAI_API_KEY="k").code == 130 and list(tmp_path.iterdir()) == []


# --- a terminal -----------------------------------------------------------------------------------------------------

class Terminal:
    """The command on a pseudo-terminal: what it shows, and somebody who types."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        environ = {"PATH": os.environ["PATH"], "HOME": str(folder), "PYTHONPATH": str(ROOT), "TERM": "dumb",
                   **{name: value for name, value in os.environ.items() if name.startswith(("COV_", "COVERAGE_"))}}
        self.pid, self.screen_fd = pty.fork()
        if self.pid == 0:  # pragma: no cover - replaced by the command at once
            os.chdir(folder)
            os.execve(sys.executable, [sys.executable, "-m", "src.main", "init", *arguments], environ)
        self.screen, self._read = "", 0

    def expect(self, text: str) -> None:
        """Wait until ``text`` is shown, behind what was expected before."""
        while (found := self.screen.find(text, self._read)) < 0:
            assert self._more(), f"{text!r} was never shown:\n{self.screen}"
        self._read = found + len(text)

    def answer(self, question: str, text: str) -> None:
        self.expect(question)
        self.type(text + "\r")

    def type(self, text: str) -> None:
        os.write(self.screen_fd, text.encode())

    def interrupt(self) -> int:
        """Press Ctrl-C until it is noticed: Python misses one that comes between its check and its wait for a key."""
        for _ in range(100):
            self.type("\x03")
            while select.select([self.screen_fd], [], [], 0.3)[0]:
                if not self._more():
                    return self.end()
        raise AssertionError(f"Ctrl-C was never noticed:\n{self.screen}")

    def end(self) -> int:
        """Read to the end and return the exit code."""
        while self._more():
            continue
        code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        os.close(self.screen_fd)
        return code

    def _more(self) -> bool:
        """Read what is shown; False at the end. A command that says nothing for a minute is ended."""
        if not select.select([self.screen_fd], [], [], 60)[0]:
            os.kill(self.pid, signal.SIGKILL)
        try:
            data = os.read(self.screen_fd, 4096)
        except OSError:
            data = b""  # Linux says EIO when the other side has gone
        self.screen += data.decode(errors="replace")
        return bool(data)


def test_a_person_is_guided_and_the_key_is_never_on_the_screen(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True, timeout=30)
    key = canary()
    with MockUpstream() as mock:
        terminal = Terminal(tmp_path)
        terminal.answer("Which?", "compatible")
        terminal.answer("Base URL", mock.url)
        terminal.answer("Does it need a key?", "y")
        terminal.answer("UPSTREAM_API_KEY (hidden", key)
        terminal.expect("Models:")
        terminal.answer("Models (numbers or ids", "1,2")
        terminal.answer("tries these models one after another?", "y")
        terminal.answer("Its name", "")
        terminal.answer("Add it to .gitignore?", "")
        assert terminal.end() == 0, terminal.screen
        assert [one.headers["authorization"] for one in mock.requests] == [f"Bearer {key}"]
    written = values(tmp_path / ".env")
    assert written["UPSTREAM_API_KEY"] == key and written["CHAIN_DEFAULT_MODELS"] == written["PROXY_MODEL_KEYS"]
    assert key not in terminal.screen and written["LITELLM_MASTER_KEY"] not in terminal.screen
    assert (tmp_path / ".gitignore").read_text(encoding="utf-8") == ".env\n"
    assert stat.S_IMODE((tmp_path / ".env").stat().st_mode) == 0o600
    declared(dotenv=(tmp_path / ".env").read_bytes()).checked(launch=True)


@pytest.mark.parametrize("where", ["Which?", "Base URL", "(hidden"])
def test_ctrl_c_leaves_nothing_behind(where: str, tmp_path: Path) -> None:
    terminal = Terminal(tmp_path)
    for question, text in (("Which?", "compatible"), ("Base URL", "http://127.0.0.1:9/v1"), ("need a key?", "y")):
        if question == where:
            break
        terminal.answer(question, text)
    terminal.expect(where)
    assert terminal.interrupt() == 130
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("answer, code", [("n", 1), ("y", 0)])
def test_a_person_sees_what_would_change_and_decides(answer: str, code: int, tmp_path: Path) -> None:
    old = canary()
    (tmp_path / ".env").write_text(f"LITELLM_MASTER_KEY={old}\nPROXY_MODEL_KEYS=a\nMODEL_A_UPSTREAM_MODEL=x\n",
                                   encoding="utf-8")
    terminal = Terminal(tmp_path)
    terminal.answer("Which?", "vllm")
    terminal.answer("Base URL", "http://127.0.0.1:9/v1")
    terminal.expect("Its models cannot be listed")
    terminal.answer("Models (numbers or ids", "qwen3")
    terminal.expect("-MODEL_A_UPSTREAM_MODEL=x")
    terminal.answer("Change .env like this?", answer)
    assert terminal.end() == code
    assert old not in terminal.screen and values(tmp_path / ".env")["LITELLM_MASTER_KEY"] == old
    assert ("qwen3" in values(tmp_path / ".env")["PROXY_MODEL_KEYS"]) is (answer == "y")
