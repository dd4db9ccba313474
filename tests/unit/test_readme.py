"""The README tells the truth: its tables come from the code, its commands are known to the tests, its links lead on."""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from src import errors
from src.cli.root import root
from src.config.settings import VARIABLES
from src.hooks.record import RequestRecord
from src.launch.startup import table
from tests.readme import tables
from tests.readme.markdown import DOCUMENTS, ROOT, Block, anchors, block, blocks, links, prose, read
from tests.readme.registry import NOT_PASTED, PASTED, REGISTRY, entries, pasted
from tests.readme.terminal import script

OPERATING = "docs/operating.md"
PLANNED = [entry.block for entry in entries("plan", "recipe")]


def where(value: object) -> str:
    """Return a test's id for a block."""
    return f"{value.section}-{value.language}" if isinstance(value, Block) else str(value)


# --- tables and samples ---------------------------------------------------------------------------------------------

def test_the_tables_are_those_of_the_code() -> None:
    if os.environ.get("UPDATE_README"):
        tables.update()
    text = read("README.md")
    assert sorted(tables.names(text)) == sorted(tables.TABLES)
    assert text == tables.filled(text), "run: UPDATE_README=1 python -m pytest tests/unit/test_readme.py"


@pytest.mark.parametrize("document", tables.ELSEWHERE)
def test_the_tables_of_the_docs_are_those_of_the_code(document: str) -> None:
    made = tables.ELSEWHERE[document]
    if os.environ.get("UPDATE_README"):
        tables.update(ROOT / document, made)
    text = read(document)
    assert sorted(tables.names(text)) == sorted(made)
    assert text == tables.filled(text, made), "run: UPDATE_README=1 python -m pytest tests/unit/test_readme.py"


def test_every_flag_is_mentioned() -> None:
    text = read("README.md") + read("docs/variables.md")
    flags = {name for parameter in root.params if not getattr(parameter, "hidden", False)
             for name in parameter.opts if name.startswith("--")}
    assert {flag for flag in flags if f"`{flag}" not in text} == set()


def test_every_command_is_mentioned() -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")])
    assert isinstance(root, click.Group)
    commands = root.list_commands(click.Context(root))
    assert [name for name in commands if f"litellm-gateway {name}" not in text] == [], "document it in docs/"


def test_every_name_that_looks_like_a_variable_of_ours_is_one() -> None:
    known = {variable.name for variable in VARIABLES}
    for document in DOCUMENTS:
        named = set(re.findall(r"\b(?:GATEWAY|LITELLM|PROXY)_[A-Z_]+\b", read(document)))
        known_here = known | {"LITELLM_MODEL", "LITELLM_MODEL_ALIAS", "GATEWAY_URL", "GATEWAY_REGENERATE_DOCS"}
        assert {name for name in named if name.removesuffix("_FILE") not in known_here} == set()


def test_the_request_line_has_the_fields_that_the_sample_shows() -> None:
    shown = json.loads(next(one for one in blocks(OPERATING) if one.sample == "request").text)
    real = RequestRecord("0").to_line()
    assert list(shown) == list(real)
    described = re.findall(r"^\| `(\w+)`", read("docs/request-line.md"), re.MULTILINE)
    assert [name for name in real if name not in described] == []


def test_the_error_types_are_those_of_the_code() -> None:
    refusals = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "src" / "hooks").glob("*.py"))
    ours = set(re.findall(r'Refusal\(\s*\d+, f?"[^"]*",\s*"(\w+)"', refusals)) - {"not_found", "unhealthy"}
    ours |= set(re.findall(r'\.fail\("(\w+)"', refusals))
    described = read("docs/request-line.md").partition("## Error types")[2].partition("## ")[0]
    assert ours <= set(re.findall(r"`(\w+)`", described))


def test_the_metrics_are_those_of_the_code() -> None:
    made = set(re.findall(r'\("(gateway_\w+)", "', read("src/hooks/metrics.py")))
    section = read(OPERATING).partition("## Metrics and traces")[2].partition("## ")[0]
    assert made and made == set(re.findall(r"`(gateway_\w+)`", section))


def test_the_startup_sample_has_the_columns_of_the_real_log() -> None:
    sample = next(one for one in blocks(OPERATING) if one.sample == "startup").text
    assert re.split(r"\s{2,}", table([])[0].strip()) in [re.split(r"\s{2,}", line.strip()) for line in
                                                         sample.splitlines()]


def test_the_exit_codes_are_those_of_the_code() -> None:
    shown = {int(code) for code in re.findall(r"^\| (\d+) \|", read(OPERATING), re.MULTILINE)}
    assert shown == {value for name, value in vars(errors).items() if name.startswith("EXIT_")}


# --- what readers paste ---------------------------------------------------------------------------------------------

@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_block_that_can_be_pasted_is_run_by_a_test(document: str) -> None:
    found: dict[tuple[str, str], int] = {}
    for one in pasted(document):
        place = (one.language, one.section)
        found[place] = found.get(place, 0) + 1
    registered = {place: len(hows) for place, hows in REGISTRY[document].items()}
    assert found == registered, "list new blocks in tests/readme/registry.py, with how they are run"


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_block_has_a_language_that_is_known(document: str) -> None:
    assert [one.where for one in blocks(document) if one.language not in PASTED + NOT_PASTED] == []


def printed(command: list[str], folder: Path, **environ: str) -> dict[str, Any]:
    """Return the configuration that a command prints, run with nothing of the developer's environment."""
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "SYSTEMROOT") or "COV" in name}
    done = subprocess.run(command, cwd=folder, text=True, capture_output=True, timeout=60,
                          env={**kept, "PYTHONPATH": str(ROOT), "GATEWAY_DATABASE_URL": "off", **environ})
    assert done.returncode == 0, done.stderr
    document: dict[str, Any] = yaml.safe_load(done.stdout)
    return document


def plan(one: Block, folder: Path) -> list[dict[str, Any]]:
    """Return the model list that a block declares: a `.env` file's content, or commands of the gateway."""
    if one.language == "env":
        (folder / "some.env").write_text(one.text, encoding="utf-8")
        command = [sys.executable, "-m", "src.main", "--print-config", "--env-file", "some.env"]
        return list(printed(command, folder)["model_list"])
    script(folder / "bin" / "litellm-gateway", f'exec "{sys.executable}" -m src.main "$@" --no-env-file --print-config')
    path = f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}"
    return list(printed(["bash", "-eu", "-c", one.text], folder, PATH=path)["model_list"])


@pytest.mark.parametrize("one", PLANNED, ids=where)
def test_every_declaration_gives_a_configuration(one: Block, tmp_path: Path) -> None:
    assert plan(one, tmp_path)


def described(entry: dict[str, Any]) -> dict[str, Any]:
    """Return what clients and upstreams notice of a model; flags and `.env` name keys differently."""
    params = {name: value for name, value in entry["litellm_params"].items() if name != "api_key"}
    return {"alias": entry["model_name"], **params}


@pytest.mark.parametrize("section", ["GPT-5", "DeepSeek v3.2", "Grok Code Fast-1", "Two models at once"])
def test_flags_and_env_file_of_a_recipe_declare_the_same(section: str, tmp_path: Path) -> None:
    by_flags = plan(block("sh", section), tmp_path)
    by_file = plan(block("env", section), tmp_path)
    assert [described(entry) for entry in by_flags] == [described(entry) for entry in by_file]


def test_the_migration_block_is_what_the_launcher_prints(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(block("text", "Migration from the single-model variables").text, encoding="utf-8")
    kept = {name: value for name, value in os.environ.items() if name == "PATH" or "COV" in name}
    done = subprocess.run([sys.executable, "-m", "src.main"], cwd=tmp_path, text=True, capture_output=True, timeout=60,
                          env={**kept, "PYTHONPATH": str(ROOT), "GATEWAY_DATABASE_URL": "off"})
    replacement = block("env", "Migration from the single-model variables").text.splitlines()
    assert done.returncode == errors.EXIT_USAGE
    assert [line for line in replacement if line not in [said.strip() for said in done.stderr.splitlines()]] == []


# --- what is only checked -------------------------------------------------------------------------------------------

def paths(text: str) -> list[str]:
    """Return the words of a block that name files of the checkout."""
    words = shlex.split(text.replace("\\", "/"), comments=True)
    return [word for word in words if "/" in word and "=" not in word and not word.startswith((".venv", "/", "$"))]


@pytest.mark.parametrize("one", [entry.block for entry in entries("checked")], ids=where)
def test_every_file_that_a_command_names_exists(one: Block) -> None:
    assert [path for path in paths(one.text) if not (ROOT / path).exists()] == []


COMPOSE = [entry.block for entry in entries("compose")]


@pytest.mark.parametrize("one", COMPOSE, ids=[str(one.line) for one in COMPOSE])
def test_compose_commands_name_what_there_is(one: Block) -> None:
    """They are run by tests/containers/run_compose.py; here, only whether their services exist."""
    services = yaml.safe_load(read("docker-compose.yml"))["services"]
    for line in one.text.splitlines():
        words = shlex.split(line)
        assert words[0] == "docker-compose" and words[1] in ("up", "logs", "down")
        assert [word for word in words[2:] if not word.startswith("-") and word not in services] == []


# --- links ----------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_link_leads_somewhere(document: str) -> None:
    broken = []
    for target in links(document):
        path, _, anchor = target.partition("#")
        file = (ROOT / document).parent / path if path else ROOT / document
        if "://" in target:
            continue
        if not file.exists() or (anchor and anchor not in anchors(file.resolve().relative_to(ROOT).as_posix())):
            broken.append(target)
    assert broken == []


def test_the_first_screen_holds_both_commands_and_the_marker_of_the_benchmarks_stands_once() -> None:
    screen = "\n".join(read("README.md").splitlines()[:30])
    assert "python3 demo/start.py" in screen and "python3 tests/run.py" in screen
    assert prose("README.md").count("## Benchmarks") == 1
