"""The tab key: what is offered where, quickly and quietly, in real shells where they are installed."""

import os
import pty
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from src import main
from src.cli.completion_scripts import LINE_VARIABLE, PLACES, SCRIPTS, SHELL_VARIABLE

from .declaring import KEPT, ROOT, canary, refused, run, run_here
from .test_help import ALL
from .test_house import PROBE

SECRET = canary()
DOTENV = f"""\
PROXY_MODEL_KEYS=gpt5,wild,local
OPENAI_API_KEY={SECRET}
MODEL_GPT5_UPSTREAM_MODEL=gpt-5
MODEL_WILD_UPSTREAM_MODEL=xai/*
MODEL_LOCAL_UPSTREAM_MODEL=llama3
MODEL_LOCAL_ALIAS=llama3:8b
PROXY_CHAIN_KEYS=smart
CHAIN_SMART_MODELS=gpt5,local
"""
ROWS = (("providers", "add", "xai", "--provider", "xai"), ("models", "add", "grok-4", "--provider", "xai"),
        ("endpoints", "add", "summary", "--model", "grok-4"), ("tiers", "add", "gold"), ("keys", "add", "alice"),
        ("limits", "add", "house", "--scope", "model", "--target", "gpt-5", "--rpm", "6"))


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tab")
    (folder / ".env").write_text(DOTENV)
    (folder / "other.env").write_text("PROXY_MODEL_KEYS=a\nMODEL_A_UPSTREAM_MODEL=elsewhere\n")
    environ = environment(folder)
    assert [main.run(arguments, environ, folder) for arguments in ROWS] == [0] * len(ROWS)
    for port in ("4000", "4711"):
        (folder / "run" / port).mkdir(parents=True)
    return folder


def environment(folder: Path) -> dict[str, str]:
    return {"GATEWAY_DATABASE_URL": f"sqlite:///{folder}/x.db", "GATEWAY_RUNTIME_DIR": str(folder / "run"),
            "HOME": str(folder)}


def offered(line: str, folder: Path, capfd: pytest.CaptureFixture[str], shell: str = "fish", **more: str) -> list[str]:
    """Return what is offered at the end of ``line``; fail where anything else is printed."""
    capfd.readouterr()
    code = main.run([], {**environment(folder), SHELL_VARIABLE: shell, LINE_VARIABLE: line, **more}, folder)
    out, err = capfd.readouterr()
    assert (code, err) == (0, "") and SECRET not in out
    entries = [entry.split("\t") for entry in out.splitlines()]
    assert all(len(entry) == 3 and entry[0] in ("plain", "open", "file") for entry in entries), out
    return ["<file>" if kind == "file" else value for kind, value, _ in entries]


NAMES = ["gpt-5", "xai/*", "llama3:8b", "smart"]


@pytest.mark.parametrize("line, expected", [
    ("expl", ["explain"]), ("re", ["reload", "registry", "report", "rehearse", "render"]), ("nothing-like-it", []),
    ("explain ", [*NAMES, "grok-4", "summary"]), ("explain s", ["smart", "summary"]),
    ("explain g", ["gpt-5", "grok-4"]),
    ("explain MODEL_GPT5_TI", ["MODEL_GPT5_TIMEOUT"]), ("explain GATEWAY_MAX", ["GATEWAY_MAX_BODY_MB"]),
    ("limits explain gp", ["gpt-5"]), ("params ll", ["llama3:8b"]), ("ping gpt-5 sm", ["smart"]),
    ("--env-file other.env explain ", ["elsewhere", "grok-4", "summary"]), ("--no-env-file explain s", ["summary"]),
    ("--model-spec upstream=mine explain m", ["mine"]), ("--env-file none.env explain ", []),
    ("models show ", ["grok-4"]), ("models remove g", ["grok-4"]), ("models add ", []), ("tiers set ", ["gold"]),
    ("endpoints show s", ["summary"]), ("keys revoke ", ["alice"]), ("keys add ", []), ("limits set ", ["house"]),
    ("limits remove h", ["house"]), ("models add x --provider ", ["xai"]), ("flags set x --tier ", ["gold"]),
    ("endpoints add x --model g", ["gpt-5", "grok-4"]), ("chains add x --models gpt-5,g", ["gpt-5,grok-4"]),
    ("chains add x --models smart,", [f"smart,{name}" for name in (*NAMES[:3], "grok-4", "summary")]),
    ("check --explain GW101", ["GW101"]), ("check ", ["<file>"]),
    ("check --format s", ["sarif"]), ("diff ", ["running", "declared", "<file>"]),
    ("diff running d", ["declared", "<file>"]), ("status --port 47", ["4711"]),
    ("diff running --port ", ["4000", "4711"]), ("completion ", list(SCRIPTS)),
    ("registry import ", ["<file>"]), ("--env-file ", ["<file>"]), ("--config x", ["<file>"]),
    ("--model-spec rea", ["reasoning="]), ("--model-spec upstream=gpt-5,up", []),
    ("--model-spec alias=a,ups", ["alias=a,upstream="]), ("dashboard --port ", []), ("explain gateway_max", []),
    ("--model-spec stream_timeout=5,ti", ["stream_timeout=5,timeout="]), ("providers set x --key-env n", ["none"]),
    ("check --ignore GW101", ["GW101"]), ("limits add x --scope ", ["provider", "model", "key", "tier", "user"]),
    ("providers add x --provider xa", ["xai"]), ("models add x --mode im", ["image"]),
    ("endpoints set summary --unset te", ["temperature"]), ("keys add x --models gpt-5,ll", ["gpt-5,llama3:8b"]),
    ("keys set alice --tier ", ["gold"]), ("--reasoning-effort m", ["minimal", "medium"]), ("--log-format j", ["json"]),
    ("providers add x --key-env OPENAI", ["OPENAI_API_KEY"]), ("providers set x --key-env XAI_", ["XAI_API_KEY"]),
    ("report costs --by a", ["alias"]), ("--print-c", ["--print-config"]), ("explain 'gp", ["gpt-5"]),
    ("explain \"gp", ["gpt-5"]), ("keys add x --ex", ["--expires"]),
])
def test_what_may_stand_at_the_cursor(line: str, expected: list[str], home: Path,
                                      capfd: pytest.CaptureFixture[str]) -> None:
    assert offered(f"litellm-gateway {line}", home, capfd) == expected


@pytest.mark.parametrize("path", ALL, ids=lambda path: path or "root")
def test_every_command_offers_its_options(path: str, home: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert "--help" in offered(f"litellm-gateway {path} --", home, capfd)


def test_bash_gets_what_follows_the_last_colon_and_no_pattern(home: Path, capfd: pytest.CaptureFixture[str]) -> None:
    breaks = {"_LITELLM_GATEWAY_BREAKS": " \t\n\"'><=;|&(:"}
    assert offered("litellm-gateway explain llama3:", home, capfd, "bash", **breaks) == ["8b"]
    assert offered("litellm-gateway explain llama", home, capfd, "bash", **breaks) == ["llama3:8b"]
    assert offered("litellm-gateway explain llama3:", home, capfd, "bash") == ["llama3:8b"]
    assert offered("litellm-gateway explain xai", home, capfd, "bash") == ["xai/\\*"]
    assert offered("litellm-gateway explain xai", home, capfd, "zsh") == ["xai/*"]
    assert offered("litellm-gateway explain xai", home, capfd, "powershell") == ["'xai/*'"]


# --- quickly and quietly ------------------------------------------------------------------------------------------

lines = st.text(st.characters(exclude_characters="\0"), max_size=30) | st.lists(
    st.sampled_from(["explain", "models", "--env-file", "--model-spec", "--port", "check", "'", '"', "\\", ",", "=",
                     "--", "-", "x", "limits", "show", "\n", "$(id)"]), max_size=6).map(" ".join)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture,
                                                                 HealthCheck.too_slow])
@given(lines, st.sampled_from([*SCRIPTS, "tcsh", ""]))
def test_any_line_gives_possibilities_or_nothing(home: Path, capfd: pytest.CaptureFixture[str], line: str,
                                                 shell: str) -> None:
    offered(f"litellm-gateway {line}", home, capfd, shell)


@pytest.mark.parametrize("content", [b"\xff\xfe", b"PROXY_MODEL_KEYS=a\n", b"='x\n", b"GATEWAY_DATABASE_URL=x://y\n"])
def test_a_broken_env_file_is_silent(content: bytes, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / ".env").write_bytes(content)
    (tmp_path / "x.db").write_bytes(b"no database")
    assert offered("litellm-gateway explain ", tmp_path, capfd) == []
    assert offered("litellm-gateway exp", tmp_path, capfd) == ["explain"]


def test_a_folder_that_is_gone_and_a_missing_runtime_folder_are_silent(tmp_path: Path,
                                                                       capfd: pytest.CaptureFixture[str]) -> None:
    assert offered("litellm-gateway status --port ", tmp_path, capfd) == []
    assert offered("litellm-gateway explain ", tmp_path / "gone", capfd) == []


def test_nothing_heavy_is_imported(home: Path) -> None:
    environ = {name: value for name, value in os.environ.items() if name in KEPT}
    done = subprocess.run([sys.executable, "-c", PROBE], cwd=home, capture_output=True, text=True, timeout=120, env={
        **environ, **environment(home), "PYTHONPATH": str(ROOT), SHELL_VARIABLE: "fish",
        LINE_VARIABLE: "litellm-gateway explain "})
    assert done.stderr.splitlines()[-1:] == ["heavy: [] code: 0"], done.stderr
    assert "plain\tgrok-4\t\n" in done.stdout


def test_any_alias_is_offered_whatever_the_locale(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("PROXY_MODEL_KEYS=a\nMODEL_A_UPSTREAM_MODEL=gpt-5\nMODEL_A_ALIAS=caf\u00e9\n")
    for more in ({"PYTHONIOENCODING": "ascii"}, {"LC_ALL": "C"}):
        ran = run(env={SHELL_VARIABLE: "fish", LINE_VARIABLE: "litellm-gateway explain c", **more}, cwd=tmp_path)
        assert (ran.code, ran.out, ran.err) == (0, "plain\tcaf\u00e9\t\n".encode(), "")


# --- the scripts --------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("shell", SCRIPTS)
def test_the_script_is_printed_by_both_names(shell: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    printed = run_here("completion", shell, cwd=tmp_path, capfd=capfd)
    asked = run_here(env={SHELL_VARIABLE: f"{shell}_source"}, cwd=tmp_path, capfd=capfd)
    assert printed.text == asked.text == SCRIPTS[shell]
    assert PLACES[shell] in run_here("completion", "--help", cwd=tmp_path, capfd=capfd).text
    for name in (SHELL_VARIABLE, LINE_VARIABLE):
        assert name in SCRIPTS[shell]


def test_an_unknown_shell_is_refused(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    refused(run_here("completion", "tcsh", cwd=tmp_path, capfd=capfd), "'bash', 'zsh', 'fish', 'powershell'")


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a `litellm-gateway` of this checkout in it."""
    folder = tmp_path_factory.mktemp("bin")
    program = folder / "litellm-gateway"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m src.main "$@"\n')
    program.chmod(0o755)
    for shell, script in SCRIPTS.items():
        (folder / f"script.{shell}").write_text(script)
    return folder


def shell_environment(home: Path, programs: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name in KEPT}
    return {**kept, **environment(home), "PATH": f"{programs}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT),
            "TERM": "dumb", "XDG_CONFIG_HOME": str(home / "config"), "XDG_DATA_HOME": str(home / "data")}


def installed(shell: str) -> str:
    found = shutil.which(shell)
    if found is None:
        pytest.skip(f"{shell} is not installed here: its script is not run")
    return found


class Terminal:
    """An interactive shell on a pseudo-terminal, typed at as people do."""

    def __init__(self, command: list[str], folder: Path, environ: dict[str, str]) -> None:
        self._own, other = pty.openpty()
        self._process = subprocess.Popen(command, cwd=folder, env=environ, stdin=other, stdout=other, stderr=other,
                                         start_new_session=True)
        os.close(other)
        self.shown = ""

    def type(self, text: str) -> None:
        os.write(self._own, text.encode())

    def wait_for(self, text: str, seconds: float = 30.0) -> None:
        """Read until ``text`` has been shown since the last time; fail where it never is."""
        deadline = time.monotonic() + seconds
        while text not in self.shown:
            ready, _, _ = select.select([self._own], [], [], max(0.0, deadline - time.monotonic()))
            assert ready, f"{text!r} was never shown: {self.shown!r}"
            self.shown += os.read(self._own, 65536).decode(errors="replace")
        self.shown = self.shown.partition(text)[2]

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._own)


@pytest.fixture
def terminal(home: Path, programs: Path, request: pytest.FixtureRequest) -> Iterator[Terminal]:
    shell, *options = request.param
    opened = Terminal([installed(shell), *options], home, shell_environment(home, programs))
    try:
        opened.type(f"PS1='ready> '; SCRIPT={programs}/script.{shell}\n")
        opened.wait_for("ready> ")
        yield opened
    finally:
        opened.close()


@pytest.mark.parametrize("terminal", [("bash", "--norc", "--noprofile", "-i")], indirect=True, ids=["bash"])
def test_bash_completes_what_is_typed(terminal: Terminal) -> None:
    terminal.type("source $SCRIPT; echo sour''ced\n")
    terminal.wait_for("sourced")
    terminal.type("echo; litellm-gateway expl\tsm\t")
    terminal.wait_for("litellm-gateway explain smart ")
    terminal.type("\x15litellm-gateway explain llama3:\t")
    terminal.wait_for("explain llama3:8b ")
    terminal.type("\x15litellm-gateway --env-file oth\t")
    terminal.wait_for("--env-file other.env ")
    terminal.type("\x15litellm-gateway --model-spec reas\tlow")
    terminal.wait_for("--model-spec reasoning=low")


@pytest.mark.parametrize("terminal", [("zsh", "-f", "-i")], indirect=True, ids=["zsh"])
def test_zsh_completes_what_is_typed(terminal: Terminal, home: Path) -> None:
    terminal.type(f"autoload -Uz compinit; compinit -u -d {home}/dump; source $SCRIPT; echo sour''ced\n")
    terminal.wait_for("sourced")
    terminal.type("litellm-gateway expl\tsm\t")
    terminal.wait_for("smart")
    terminal.type("\x15litellm-gateway explain llama\t")
    terminal.wait_for("llama3:8b")
    terminal.type("\x15litellm-gateway models sho\tgr\t")
    terminal.wait_for("grok-4")


def test_fish_offers_with_descriptions(home: Path, programs: Path) -> None:
    fish = installed("fish")

    def ask(line: str) -> list[str]:
        done = subprocess.run([fish, "--no-config", "-c", f"source {programs}/script.fish; complete -C '{line}'"],
                              cwd=home, env=shell_environment(home, programs), capture_output=True, text=True,
                              timeout=60)
        assert (done.returncode, done.stderr) == (0, ""), done
        return done.stdout.splitlines()

    assert ask("litellm-gateway expl") == [
        "explain\tWhat a request to an alias will do, and where every value comes from."]
    assert ask("litellm-gateway explain sm") == ["smart"]
    assert ask("litellm-gateway explain llama3:") == ["llama3:8b"]
    assert ask("litellm-gateway --env-file oth") == ["other.env"]


def test_the_powershell_script_is_well_formed() -> None:
    """PowerShell is rarely installed beside Python on Linux: here only its form is held."""
    script = SCRIPTS["powershell"]
    assert script.startswith("Register-ArgumentCompleter -Native -CommandName litellm-gateway -ScriptBlock {")
    for opening, closing in ("{}", "()", "[]"):
        assert script.count(opening) == script.count(closing)
    assert script.count("'") % 2 == script.count('"') % 2 == 0
    pwsh = shutil.which("pwsh")
    if pwsh is not None:
        parse = "$e = $null; [void][Management.Automation.Language.Parser]::ParseInput($input, [ref]$null, [ref]$e); $e"
        done = subprocess.run([pwsh, "-NoProfile", "-Command", parse], input=script, capture_output=True, text=True,
                              timeout=60)
        assert done.stdout.strip() == ""
