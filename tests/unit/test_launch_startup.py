"""What an operator reads at the start: one aligned row per alias, and a command to paste that finds the key itself."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from src.config.environment import Secret
from src.launch.startup import Start, ready_line, rows_of, startup_lines, table
from src.serving.log import Log

from .declaring import canary, declared, two


def started(plan: Any, as_json: bool = False, workers: int = 1) -> list[str]:
    url = "http://127.0.0.1:4000"
    start = Start("0.1.0", "1.106.2", "abcdef123456", url, workers, "none", rows_of(plan), plan.notes)
    return startup_lines(start, as_json)


def test_every_alias_is_one_aligned_row() -> None:
    plan = declared(two(OPENAI_API_KEY="k", MODEL_GPT5_REASONING_EFFORT="low", MODEL_DEEPSEEK_API_KEY_ENV="none",
                        MODEL_DEEPSEEK_PROVIDER="groq", PROXY_CHAIN_KEYS="c", CHAIN_C_MODELS="gpt5,deepseek"))
    assert started(plan, workers=2)[:6] == [
        "litellm-gateway 0.1.0 (LiteLLM 1.106.2), configuration abcdef123456",
        "starting at http://127.0.0.1:4000, 2 workers, database: none",
        "  alias               upstream                            base                       key                   "
        "effort  declared in",
        "  gpt-5               openai/gpt-5                        https://api.openai.com/v1  OPENAI_API_KEY (set)  "
        "low     environment",
        "  groq/deepseek-v3.2  groq/deepseek-v3.2                  groq's own                 none needed           "
        "-       environment",
        "  c                   chain: gpt-5 -> groq/deepseek-v3.2  -                          -                     "
        "-       environment"]


def test_a_key_that_is_missing_is_said() -> None:
    assert "OPENAI_API_KEY (not set)" in "\n".join(started(declared(two())))


def test_json_says_the_same_as_text() -> None:
    plan = declared(two(REASONING_EFFORT="minimal"))
    line, = started(plan, as_json=True)
    told = json.loads(line)
    assert (told["event"], told["hash"], told["workers"]) == ("start", "abcdef123456", 1)
    assert [row["alias"] for row in told["rows"]] == ["gpt-5", "deepseek-v3.2"]
    assert told["notes"] == list(plan.notes) and told["notes"]


@pytest.mark.parametrize("as_json", [False, True])
def test_no_character_of_a_key_is_logged(as_json: bool) -> None:
    names = ("OPENAI_API_KEY", "LITELLM_MASTER_KEY", "MODEL_GPT5_API_KEY", "GROK_API_SECRET")
    keys = {name: canary() for name in names}
    text = "\n".join(started(declared(two(keys)), as_json))
    assert "MODEL_GPT5_API_KEY" in text
    assert [name for name, value in keys.items() if value in text or value.rpartition("-")[2][:6] in text] == []


def test_control_characters_are_escaped() -> None:
    plan = declared(two())
    start = Start("1", "2", "h", "u", 1, "none", rows_of(plan), ["a\nready: forged\x1b[31m\u2028"])
    assert startup_lines(start, False)[-1] == r"note: a\x0aready: forged\x1b[31m\u2028"
    assert table(rows_of(plan))[0].split()[:2] == ["alias", "upstream"]


# --- the command to paste ---------------------------------------------------------------------------------------


def in_variable(folder: Path, key: str) -> tuple[Secret, dict[str, str]]:
    return Secret("LITELLM_MASTER_KEY", key, "environment"), {"LITELLM_MASTER_KEY": key}


def in_another_variable(folder: Path, key: str) -> tuple[Secret, dict[str, str]]:
    return Secret("LITELLM_MASTER_KEY", key, "environment", variable="MINE"), {"MINE": key}


def in_file(folder: Path, key: str) -> tuple[Secret, dict[str, str]]:
    path = folder / "the key's file"
    path.write_bytes(f"{key}\r\n".encode())
    return Secret("LITELLM_MASTER_KEY", key, "LITELLM_MASTER_KEY_FILE, .env line 3", file=str(path)), {}


def in_yaml(folder: Path, key: str) -> tuple[Secret, dict[str, str]]:
    path = folder / "config.yaml"
    path.write_text(f"general_settings:\n  master_key: '{key}'  # ours\n")
    return Secret("LITELLM_MASTER_KEY", key, f"{path} general_settings.master_key"), {}


def in_flow_yaml(folder: Path, key: str) -> tuple[Secret, dict[str, str]]:
    path = folder / "config.yaml"
    path.write_text(f"# general_settings: {{master_key: old}}\ngeneral_settings: {{a: 1, master_key: {key}, b: 2}}\n")
    return Secret("LITELLM_MASTER_KEY", key, f"{path} general_settings.master_key"), {}


def in_dotenv(line: str) -> Any:
    def make(folder: Path, key: str) -> tuple[Secret, dict[str, str]]:
        path = folder / "my.env"
        lines = ["OTHER=1", "# LITELLM_MASTER_KEY=old", line.format(key=key), "X_LITELLM_MASTER_KEY=no", ""]
        path.write_text("\n".join(lines), newline="")
        return Secret("LITELLM_MASTER_KEY", key, f"{path} line 3"), {}
    return make


@pytest.mark.parametrize("where", [
    in_variable, in_another_variable, in_file, in_yaml, in_flow_yaml, in_dotenv("LITELLM_MASTER_KEY={key}"),
    in_dotenv("export LITELLM_MASTER_KEY = '{key}'"), in_dotenv('  LITELLM_MASTER_KEY="{key}"\r'),
    in_dotenv("LITELLM_MASTER_KEY={key} # ours"), in_dotenv("\ufeffLITELLM_MASTER_KEY={key}"),
], ids=["variable", "another variable", "key file", "yaml", "flow", ".env", "export", "quotes", "comment", "mark"])
@pytest.mark.parametrize("alias", ["gpt-5", "it's", None])
def test_the_command_to_paste_finds_the_key_wherever_it_is(where: Any, alias: str | None, tmp_path: Path) -> None:
    key = canary()
    secret, environ = where(tmp_path, key)
    text, command = ready_line("http://[::1]:4000", alias, secret, False, "my cert.pem").splitlines()
    assert text == "ready: http://[::1]:4000 answers; try it:" and key not in command
    fake = 'curl() { printf "%s\\n" "$@"; }\n'
    done = subprocess.run(["/bin/sh", "-c", fake + command], env={"PATH": "/usr/bin:/bin", **environ},
                          capture_output=True, text=True, check=True)
    arguments = done.stdout.splitlines()
    assert f"Authorization: Bearer {key}" in arguments and "my cert.pem" in arguments and done.stderr == ""
    if alias:
        assert arguments[0] == "http://[::1]:4000/v1/chat/completions"
        assert json.loads(arguments[arguments.index("-d") + 1])["model"] == alias
    else:
        assert arguments[0] == "http://[::1]:4000/v1/models"


def test_the_ready_line_as_json_holds_the_command() -> None:
    told = json.loads(ready_line("http://h:1", "a", Secret("LITELLM_MASTER_KEY", "k", "environment"), True))
    assert (told["event"], told["url"]) == ("ready", "http://h:1")
    assert told["command"].startswith("curl http://h:1/v1/chat/completions")
    assert "$LITELLM_MASTER_KEY" in told["command"]


def test_a_prepared_json_line_has_the_time_at_which_it_is_written(capfd: pytest.CaptureFixture[str]) -> None:
    line = '{"time": "2000-01-01T00:00:00+00:00", "event": "ready", "message": "ready"}'
    Log(as_json=True).prepared(line)
    Log().prepared("ready")
    written = capfd.readouterr().err.splitlines()
    assert json.loads(written[0])["time"] > "2026" and json.loads(written[0])["event"] == "ready"
    assert written[1] == "ready"
