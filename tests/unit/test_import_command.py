"""`litellm-gateway import`: where the text goes, what standard error says, and what is never overwritten."""

import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from src.config.rendering import render_config

from .declaring import ROOT, Ran, canary, declared, refused, run_here

SIMPLE = "model_list:\n- model_name: gpt-5\n  litellm_params: {model: openai/gpt-5, api_key: os.environ/MY_KEY}\n"


Line = Callable[..., Ran]


@pytest.fixture
def line(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Line:
    def command(*arguments: str, **env: str) -> Ran:
        return run_here("import", *arguments, env=env, cwd=tmp_path, capfd=capfd)
    (tmp_path / "config.yaml").write_text(SIMPLE, encoding="utf-8")
    return command


def test_the_variables_are_printed_and_the_report_stands_beside_them(line: Line, tmp_path: Path) -> None:
    done = line("config.yaml")
    assert done.code == 0
    assert [model.alias for model in declared(dotenv=done.text).checked().models] == ["gpt-5"]
    assert "config.yaml: 3 keys carried" in done.err
    assert "still to be set: LITELLM_MASTER_KEY, MY_KEY" in done.err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["config.yaml"]


def test_a_file_is_private_and_is_not_replaced_without_being_told_to(line: Line, tmp_path: Path) -> None:
    target = tmp_path / "gateway.env"
    assert line("config.yaml", "--output", "gateway.env").code == 0
    first = target.read_text(encoding="utf-8")
    assert stat.S_IMODE(target.stat().st_mode) == 0o600 and "MODEL_GPT_5_API_KEY_ENV=MY_KEY" in first
    target.write_text("MINE=1\n", encoding="utf-8")
    refused(line("config.yaml", "--output", "gateway.env"), "gateway.env exists already", "--force")
    assert target.read_text(encoding="utf-8") == "MINE=1\n"
    again = line("config.yaml", "--output", "gateway.env", "--force")
    assert (again.code, target.read_text(encoding="utf-8")) == (0, first)
    assert "next: python -m src.main --env-file gateway.env --print-config" in again.err


def test_a_file_that_is_not_written_for_a_fault_leaves_nothing(line: Line, tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("model_list: []\n", encoding="utf-8")
    refused(line("config.yaml", "--output", "gateway.env"), "model_list is missing or empty")
    assert not (tmp_path / "gateway.env").exists()


def test_rows_hold_the_names_of_keys_and_say_what_must_permit_them(line: Line, tmp_path: Path) -> None:
    key = canary()
    (tmp_path / "config.yaml").write_text(SIMPLE.replace("os.environ/MY_KEY", key), encoding="utf-8")
    done = line("config.yaml", "--registry", "-")
    assert yaml.safe_load(done.text)["providers"] == [
        {"name": "openai-1", "provider": "openai", "key_env": "MODEL_GPT_5_API_KEY"}]
    assert "GATEWAY_REGISTRY_KEYS=MODEL_GPT_5_API_KEY" in done.err
    assert "keys to be set: LITELLM_MASTER_KEY, MODEL_GPT_5_API_KEY" in done.err
    assert key not in done.text + done.err


def test_rows_without_keys_of_their_own_need_nothing_and_say_the_next_step(line: Line, tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(SIMPLE.replace("MY_KEY", "OPENAI_API_KEY"), encoding="utf-8")
    done = line("config.yaml", "--registry", "rows.yaml")
    assert done.code == 0 and "these must be set" not in done.err and "keys to be set: LITELLM_MASTER_KEY" in done.err
    assert done.err.splitlines()[-1] == "next: python -m src.main registry import rows.yaml --dry-run"


def test_a_key_in_clear_is_in_the_variables_alone(line: Line, tmp_path: Path) -> None:
    key = canary()
    (tmp_path / "config.yaml").write_text(SIMPLE.replace("os.environ/MY_KEY", key), encoding="utf-8")
    done = line("config.yaml")
    assert f"MODEL_GPT_5_API_KEY={key}\n" in done.text and key not in done.err
    assert "the key stands in clear" in done.err


@pytest.mark.parametrize("arguments, texts", [
    (["gone.yaml"], ["gone.yaml cannot be read: No such file"]),
    (["."], [". cannot be read: Is a directory"]),
    (["config.yaml", "--output", "a", "--registry", "b"], ["exclude each other"]),
    (["config.yaml", "--output", "gone/a"], ["cannot be written"]),
    ([], ["Missing argument 'CONFIG.yaml'"]),
])
def test_what_cannot_be_done_is_refused(arguments: list[str], texts: list[str], line: Line) -> None:
    refused(line(*arguments), *texts)


def test_strict_tells_by_its_exit_code_whether_all_was_carried(line: Line, tmp_path: Path) -> None:
    assert line("config.yaml", "--strict").code == 0
    (tmp_path / "config.yaml").write_text(SIMPLE + "litellm_settings: {cache: true}\n", encoding="utf-8")
    done = line("config.yaml", "--strict")
    assert (done.code, line("config.yaml").code) == (1, 0) and "PROXY_MODEL_KEYS" in done.text


def test_references_take_the_values_of_the_environment_and_of_the_env_file(line: Line, tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(SIMPLE.replace("api_key:", "api_base: os.environ/A, timeout: os.environ/B, "
                                                         "api_key:"), encoding="utf-8")
    (tmp_path / ".env").write_text("A=https://from.example.com/v1\n", encoding="utf-8")
    done = line("config.yaml", B="5")
    assert "_API_BASE=https://from.example.com/v1\n" in done.text and "_TIMEOUT=5\n" in done.text
    assert "holds the value that A has now" in done.err


def test_what_print_config_prints_comes_back_through_a_pipe(tmp_path: Path) -> None:
    plan = declared({"PROXY_MODEL_KEYS": "a", "MODEL_A_UPSTREAM_MODEL": "gpt-5", "MODEL_A_ALIAS": "caf\u00e9"})
    done = subprocess.run([sys.executable, "-m", "src.main", "import", "-"], input=render_config(plan).encode(),
                          cwd=tmp_path, env={"PYTHONPATH": str(ROOT)}, capture_output=True, timeout=60, check=True)
    assert b"keys carried, " in done.stderr
    assert render_config(declared(dotenv=done.stdout)) == render_config(plan)
