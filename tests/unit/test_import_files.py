"""LiteLLM files in the style of its documentation become exactly these variables, rows and reports.

`UPDATE_GOLDEN=1 pytest tests/unit/test_import_files.py` writes tests/golden/import anew.
"""

import os
import re
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml

from src.begin.as_env import env_plan, env_text
from src.begin.as_registry import registry_text
from src.begin.deployment import Reading
from src.begin.importing import finish, read_file
from src.begin.yaml_tree import read_tree
from src.config.models import MODES

from .declaring import ROOT, run_here

FIXTURES, GOLDEN = ROOT / "tests" / "fixtures" / "litellm", ROOT / "tests" / "golden" / "import"
FILES = sorted(FIXTURES.glob("*.yaml"))
IDS = [path.stem for path in FILES]
SET = {"REDIS_HOST": "redis.example.com"}


def read(path: Path, rows: bool = False, env: Mapping[str, str] | None = None) -> Reading:
    return read_file(path.read_bytes(), path.name, (SET if env is None else env).get, rows=rows)


def golden(name: str, text: str) -> None:
    path = GOLDEN / name
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(text, encoding="utf-8")
    assert path.read_text(encoding="utf-8") == text


@pytest.mark.parametrize("path", FILES, ids=IDS)
def test_a_file_becomes_these_variables_and_this_report(path: Path) -> None:
    reading = read(path)
    text = env_text(reading, path.name)
    golden(f"{path.stem}.env", text)
    golden(f"{path.stem}.txt", finish(reading).text() + "\n")
    assert env_plan(text).problems == ()


@pytest.mark.parametrize("path", FILES, ids=IDS)
def test_a_file_becomes_these_rows(path: Path) -> None:
    reading = read(path, rows=True)
    text = registry_text(reading, path.name)
    golden(f"{path.stem}.registry.yaml", text)
    golden(f"{path.stem}.registry.txt", finish(reading).text() + "\n")


def test_no_golden_file_is_left_over() -> None:
    kinds = (".env", ".txt", ".registry.yaml", ".registry.txt")
    assert sorted(path.name for path in GOLDEN.iterdir()) == sorted(f"{name}{kind}" for name in IDS for kind in kinds)


@pytest.mark.parametrize("rows", [False, True], ids=["variables", "rows"])
@pytest.mark.parametrize("path", FILES, ids=IDS)
def test_every_key_of_a_file_is_carried_or_explained(path: Path, rows: bool) -> None:
    reading = read(path, rows)
    (registry_text if rows else env_text)(reading, path.name)
    report = finish(reading)
    told = {item.path for item in report.of("carried", "unneeded", "lost")}
    root = read_tree(path.read_bytes(), path.name)
    leaves = [node.path for node in root.walk() if not node.children]
    parents = {leaf: {leaf[:end.start()] for end in re.finditer(r"[.\[]", leaf)} | {leaf} for leaf in leaves}
    assert leaves and [leaf for leaf in leaves if not parents[leaf] & told] == []


@pytest.mark.parametrize("path", FILES, ids=IDS)
def test_every_line_of_a_report_is_the_line_of_its_key(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    reading = read(path)
    env_text(reading, path.name)
    for item in finish(reading).of("carried", "unneeded", "lost", "warning"):
        key = re.sub(r"\[\d+\]$", "", item.path).rpartition(".")[2]
        entry = item.path.endswith("]")
        assert 1 <= item.line <= len(lines) and (entry or key in lines[item.line - 1]), item


def test_no_secret_of_a_file_is_in_a_report_or_a_row() -> None:
    path = FIXTURES / "secrets-in-clear.yaml"
    canaries = set(re.findall(r"canary[-'\w]*", path.read_text(encoding="utf-8")))
    for rows in (False, True):
        reading = read(path, rows)
        text = (registry_text if rows else env_text)(reading, path.name)
        shown = finish(reading).text() + (text if rows else "")
        assert len(canaries) == 10 and [canary for canary in canaries if canary in shown] == []
        assert len(reading.report.of("warning")) >= 9


@pytest.mark.parametrize("path", FILES, ids=IDS)
def test_no_imported_model_goes_elsewhere_or_with_another_key(path: Path) -> None:
    """Base and key variable of each model are those of its entry, or ones that cannot work."""
    plan = env_plan(env_text(read(path), path.name))
    entries = yaml.safe_load(path.read_text(encoding="utf-8"))["model_list"]
    for model in plan.models:
        params = [entry["litellm_params"] for entry in entries if entry.get("model_name") == model.alias]
        bases = [str(one["api_base"]).rstrip("/") for one in params if "api_base" in one]
        names = [str(one["api_key"]).removeprefix("os.environ/") for one in params if "api_key" in one]
        if params and len(bases) == len(params) and "invalid" not in str(model.base):
            assert model.base in bases
        if names and model.key_env is not None:
            fresh = "UPSTREAM_KEY" in model.key_env or model.key_env.startswith("MODEL_")
            assert model.key_env in names or fresh or model.spec.provider == "groq"


def test_every_mode_of_litellm_that_we_have_is_carried() -> None:
    for ours, theirs in MODES.items():
        text = f"model_list: [{{model_name: m, litellm_params: {{model: openai/m}}, model_info: {{mode: {theirs}}}}}]"
        plan = env_plan(env_text(read_file(text.encode(), "f", SET.get), "f"))
        assert plan.models[0].mode == ours


@pytest.mark.parametrize("path", FILES, ids=IDS)
def test_the_rows_are_what_registry_import_takes(path: Path, tmp_path: Path,
                                                 capfd: pytest.CaptureFixture[str]) -> None:
    env = {**SET, "GATEWAY_DATABASE_URL": f"sqlite:///{tmp_path}/x.db"}
    done = run_here("import", str(path), "--registry", "rows.yaml", env=env, cwd=tmp_path, capfd=capfd)
    assert done.code == 0, done.err
    permitted = dict(re.findall(r"^  (GATEWAY_\w+)=(.*)$", done.err, re.MULTILINE))
    taken = run_here("registry", "import", "rows.yaml", "--dry-run", env={**env, **permitted}, cwd=tmp_path,
                     capfd=capfd)
    assert taken.code == 0, taken.err
    assert "+ model " in taken.text
