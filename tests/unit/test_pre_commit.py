"""The hook for pre-commit: which files it takes, and what its command says of them, with no key anywhere near."""

import re
import shlex
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from src.cli.root import root

from .declaring import ROOT, Ran, refused, run_here

HOOKS: list[dict[str, Any]] = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
GOOD = """model_list:
- model_name: gpt-5
  litellm_params: {model: openai/gpt-5, api_key: os.environ/OPENAI_API_KEY, api_base: os.environ/SOME_BASE}
general_settings: {master_key: os.environ/LITELLM_MASTER_KEY}
"""


def taken(name: str) -> bool:
    """Tell whether pre-commit gives this file to the hook: both patterns are searched for in the path."""
    hook = HOOKS[0]
    return bool(re.search(hook["files"], name)) and not re.search(hook["exclude"], name)


@pytest.mark.parametrize("name, expected", [
    ("litellm.yaml", True), ("deploy/litellm_config.yml", True), ("my-litellm.yaml", True),
    ("proxy_server_config.yaml", True), (".env.example", True), ("deploy/.env.prod.template", True),
    ("config.yaml", False), (".env", False), (".env.production", False), ("litellm.py", False),
    (".github/workflows/litellm.yml", False), ("docker-compose.litellm.yml", False),
    ("charts/litellm.yaml", False),
])
def test_the_hook_takes_litellm_files_and_env_templates_and_never_the_env_file(name: str, expected: bool) -> None:
    assert taken(name) is expected


def test_the_manifest_has_what_pre_commit_asks_for() -> None:
    known = {"id", "name", "description", "entry", "language", "files", "exclude", "pass_filenames", "require_serial",
             "minimum_pre_commit_version"}
    assert [hook["id"] for hook in HOOKS] == ["litellm-gateway-check"]
    assert all(set(hook) == known and hook["language"] == "python" and hook["pass_filenames"] is True for hook in HOOKS)


def test_the_entry_is_a_command_of_the_installed_program_that_takes_any_number_of_files() -> None:
    program, command = shlex.split(HOOKS[0]["entry"])
    assert f'{program} = "litellm_gateway.main:main"' in (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    found = root.get_command(root.make_context("x", [], resilient_parsing=True), command)
    assert found is not None and [parameter.nargs for parameter in found.params][0] == -1


def hooked(capfd: pytest.CaptureFixture[str], folder: Path, *files: str, **env: str) -> Ran:
    """Run what pre-commit runs: the entry with the files behind it."""
    return run_here(*shlex.split(HOOKS[0]["entry"])[1:], *files, env=env, cwd=folder, capfd=capfd)


def test_good_files_pass_without_a_word_and_without_any_key(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "litellm.yaml").write_text(GOOD, encoding="utf-8")
    for name in (".env.example", ".env.multi-model.example"):
        shutil.copy(ROOT / name, tmp_path)
    done = hooked(capfd, tmp_path, "litellm.yaml", ".env.example", ".env.multi-model.example")
    assert done == Ran(0, b"", "")
    assert not (tmp_path / "state").exists(), "no database is made"


@pytest.mark.parametrize("name, text, code", [
    ("litellm.yaml", GOOD.replace("model_list", "modellist"), "GW"),
    ("litellm.yaml", GOOD.replace("os.environ/OPENAI_API_KEY", "sk" + "-" + "a1b2" * 8), "GW415"),
    ("litellm.yaml", GOOD + "router_settings: {fallbacks: [{gpt-5: [gone]}]}\n", "GW303"),
    (".env.example", "PROXY_MODEL_KEYS=a\nMODEL_A_UPSTREM_MODEL=gpt-5\n", "MODEL_A_UPSTREAM_MODEL"),
    (".env.example", "PROXY_MODEL_KEYS=a\nMODEL_A_UPSTREAM_MODEL=gpt-5\nLITELLM_MASTER_KEY=sk-1234\n", "GW402"),
])
def test_a_faulty_file_is_told_among_good_ones(name: str, text: str, code: str, tmp_path: Path,
                                               capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    (tmp_path / "good.yaml").write_text(GOOD, encoding="utf-8")
    done = hooked(capfd, tmp_path, "good.yaml", name)
    assert done.code == 1 and code in done.text and name in done.text and "good.yaml" not in done.text


def test_a_file_that_is_not_there_could_not_be_checked(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert hooked(capfd, tmp_path, "gone.yaml").code == 2
    refused(hooked(capfd, tmp_path), "Missing argument 'FILE...'")


def test_warnings_count_where_strict_is_among_the_hooks_args(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    text = GOOD.replace("openai/gpt-5", "openai/a-model-without-a-price")
    (tmp_path / "litellm.yaml").write_text(text, encoding="utf-8")
    assert hooked(capfd, tmp_path, "litellm.yaml").code == 0
    assert hooked(capfd, tmp_path, "--strict", "litellm.yaml").code == 1
