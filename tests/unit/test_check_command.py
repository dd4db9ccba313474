"""The command `check`: exit codes, places of real files, the registry, LiteLLM files, and how little it imports."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from src.checker.codes import CODES
from src.cli.check_files import would_be_committed
from tests.unit.checking import good
from tests.unit.declaring import ROOT, Ran, canary, refused, run_here

GOOD_FILE = """\
model_list:
- model_name: gpt-5
  litellm_params:
    model: openai/gpt-5
    api_key: os.environ/OPENAI_API_KEY
general_settings:
  master_key: os.environ/LITELLM_MASTER_KEY
"""
BAD_FILE = GOOD_FILE.replace("litellm_params:", "litellm_parms:")
NO_STORE = {"GATEWAY_DATABASE_URL": "off"}
Check = Callable[..., Ran]


@pytest.fixture
def check(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Check:
    def run(*arguments: str, before: tuple[str, ...] = (), **env: str) -> Ran:
        return run_here(*before, "check", *arguments, env=env, cwd=tmp_path, capfd=capfd)
    return run


def findings(ran: Ran) -> list[tuple[str, Any, Any, str]]:
    """Return code, file, line and name of everything that `--format json` found."""
    return [(said["code"], said["file"], said["line"], said["name"]) for said in json.loads(ran.text)["findings"]]


# --- exit codes

def test_what_will_start_ends_with_0_and_says_under_which_conditions(check: Check) -> None:
    ran = check(**good(NO_STORE))
    assert (ran.code, ran.err) == (0, "")
    assert ran.text.startswith("OK: 2 models; 0 errors, 0 warnings. It will start if\n")
    assert "  - port 4000 is free on 127.0.0.1\n" in ran.text


def test_warnings_fail_only_where_strict(check: Check) -> None:
    env = good(NO_STORE, NUM_WORKERS="3")
    assert (check(**env).code, check("--strict", **env).code) == (0, 1)


def test_errors_end_with_1(check: Check) -> None:
    ran = check(**good(NO_STORE, PORT="x"))
    assert (ran.code, ran.err) == (1, "") and "PORT: error GW102: PORT 'x' must be" in ran.text


@pytest.mark.parametrize("form", ["text", "json", "sarif", "github"])
def test_repairs_name_the_program_as_it_was_called(check: Check, form: str) -> None:
    ran = check("--format", form)
    assert ran.code == 1 and "{program}" not in ran.text
    assert re.search("(python -m src.main|litellm-gateway) --model-spec key=gpt5", ran.text)


def test_what_cannot_be_read_ends_with_2_in_every_format(check: Check, tmp_path: Path) -> None:
    (tmp_path / ".env").mkdir()
    assert check(**good()).code == 2
    said = json.loads(check("--format", "json", **good()).text)
    assert said["not_checked"] == [".env cannot be read: Is a directory"] and not said["ok"]
    ran = check("missing.yaml", before=("--no-env-file",))
    assert ran.code == 2
    assert ran.text.splitlines()[0] == "not checked: missing.yaml cannot be read: No such file or directory"


def test_a_database_that_cannot_be_reached_ends_with_2_and_the_rest_is_checked(check: Check) -> None:
    password = canary("password")
    url = f"postgresql://me:{password}@127.0.0.1:1/gateway"
    ran = check("--format", "json", **good(GATEWAY_DATABASE_URL=url, NUM_WORKERS="3", WORKERS="4", MODEL_A_RPM="6"))
    said = json.loads(ran.text)
    assert ran.code == 2 and len(said["not_checked"]) == 1 and password not in ran.text + ran.err
    assert [finding["code"] for finding in said["findings"]] == ["GW503"]


def test_codes_can_be_left_out_and_the_rest_decides(check: Check) -> None:
    env = good(NO_STORE, NUM_WORKERS="3", OPENAI_ORG_ID="x", PORT="x")
    said = json.loads(check("--ignore", "GW503,gw102", "--format", "json", **env).text)
    assert [finding["code"] for finding in said["findings"]] == ["GW502"] and said["ignored"] == 2
    ran = check("--ignore", "GW503", "--ignore", "GW502", "--ignore", "GW102", "--strict", **env)
    assert ran.code == 0 and ran.text.startswith("OK: 2 models; 0 errors, 0 warnings, 3 ignored. It will start if\n")
    refused(check("--ignore", "GW999"), "'GW999' is no code")


def test_colours_are_for_terminals_and_no_color_wins(check: Check) -> None:
    env = good(NO_STORE, PORT="x")
    plain = check(**env).text
    assert "\x1b" not in plain + check(**env, NO_COLOR="1", FORCE_COLOR="1").text
    coloured = check(**env, FORCE_COLOR="1").text
    assert "\x1b[" in coloured and re.sub(r"\x1b\[\d+m", "", coloured) == plain
    assert "\x1b" not in check("--format", "github", **env, FORCE_COLOR="1").text


# --- our own inputs

def test_places_are_those_of_the_file(check: Check, tmp_path: Path) -> None:
    (tmp_path / "prod.env").write_text("# keys\r\nWORKERS=0\r\nexport MODEL_A_TYPO=1\r\n")
    (tmp_path / "prod.env").chmod(0o600)
    ran = check("--format", "json", before=("--env-file", "prod.env", "--port", "0"), **good(NO_STORE))
    assert findings(ran) == [("GW102", "prod.env", 2, "WORKERS"), ("GW101", "prod.env", 3, "MODEL_A_TYPO"),
                             ("GW102", None, None, "flag --port")]


def test_options_of_the_launch_are_options_of_the_check(check: Check) -> None:
    spec = ("--model-spec", "upstream=gpt-5,rpm=many")
    ran = check("--format", "json", before=spec, **good(NO_STORE))
    assert findings(ran) == [("GW102", None, None, "flag --model-spec"), ("GW115", None, None, "flag --model-spec")]
    ran = check("--format", "json", before=("--alias", ""), **good(NO_STORE))
    assert ("GW105", None, None, "flag --alias") in findings(ran)


def test_a_missing_package_is_an_error_where_something_needs_it(check: Check, monkeypatch: pytest.MonkeyPatch) -> None:
    env = good(NO_STORE, OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:4318")
    assert check(**env).code == 0
    monkeypatch.setattr("src.launch.telemetry.installed", lambda: False)
    assert findings(check("--format", "json", **env)) == [("GW510", None, None, "OTEL_EXPORTER_OTLP_ENDPOINT")]


def test_a_model_without_a_price_is_named_where_costs_are_recorded(check: Check) -> None:
    env = good(MODEL_B_UPSTREAM_MODEL="my-own-model")
    assert findings(check("--format", "json", **env)) == [("GW601", None, None, "MODEL_B_UPSTREAM_MODEL")]
    env |= {"MODEL_B_INPUT_COST": "0", "MODEL_B_OUTPUT_COST": "0"}
    assert findings(check("--format", "json", **env)) == []


def test_the_registry_s_rows_are_checked_too(check: Check, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    env = good(GATEWAY_DATABASE_URL=f"sqlite:///{tmp_path}/x.db")
    for words in ("providers add lab --provider xai", "models add gpt-5 --provider lab",
                  "models add spare --provider lab", "limits add house --scope model --target gpt-5 --budget 5"):
        assert run_here(*words.split(), env=env, cwd=tmp_path, capfd=capfd).code == 0
    assert findings(check("--format", "json", **env)) == [
        ("GW509", None, None, "registry ai_models"), ("GW604", None, None, "GATEWAY_STORE_DOWN")]
    shadowed = check("--format", "json", **env, XAI_API_KEY=canary())
    assert ("GW115", None, None, "registry ai_models row 1") in findings(shadowed)
    own = {**env, "MODEL_A_UPSTREAM_MODEL": "unheard-of", "MODEL_A_ALIAS": "gpt-5"}
    assert "GW602" in [code for code, *_ in findings(check("--format", "json", **own))]


def test_names_that_are_no_text_can_be_told(check: Check) -> None:
    ran = check(**good({**NO_STORE, "MODEL_A_\udcff\u00e4": "1"}))
    assert (ran.code, ran.err) == (1, "") and "MODEL_A_\\udcff\u00e4 is read by nothing" in ran.text


# --- the `.env` file itself

def test_a_file_of_keys_that_others_may_read_is_a_warning(check: Check, tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_text(f"EXTRA_API_KEY={canary()}\n")
    path.chmod(0o640)
    assert findings(check("--format", "json", **good(NO_STORE))) == [("GW416", ".env", None, "")]
    path.chmod(0o600)
    assert findings(check("--format", "json", **good(NO_STORE))) == []
    path.write_text("PORT=4001\n")
    path.chmod(0o644)
    assert findings(check("--format", "json", **good(NO_STORE))) == [], "it holds no key"


def test_a_file_of_keys_that_git_would_commit_is_a_warning(check: Check, tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / ".env").write_text(f"EXTRA_API_KEY={canary()}\n")
    (tmp_path / ".env").chmod(0o600)
    assert findings(check("--format", "json", **good(NO_STORE))) == [("GW417", ".env", None, "")]
    (tmp_path / ".gitignore").write_text(".env\n")
    assert findings(check("--format", "json", **good(NO_STORE))) == []


@pytest.mark.parametrize(("patterns", "path", "ignored"), [
    (".env", "a/.env", True), ("/.env", "a/.env", False), ("/.env", ".env", True), (".env*", ".env.prod", True),
    ("*.env\n!keep.env", "keep.env", False), ("# .env", ".env", False), ("a/", "a/b/.env", True), ("a/", "a", False),
    ("**/.env", "a/b/.env", True), ("a/.env", "a/.env", True), ("b/.env", "a/b/.env", False), ("", ".env", False),
    (".env \n", ".env", True), ("!.env\n.env", ".env", True),
])
def test_gitignore_is_read_as_git_reads_it(patterns: str, path: str, ignored: bool, tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / ".gitignore").write_text(patterns)
    file = tmp_path / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch()
    assert would_be_committed(file) is not ignored


def test_the_nearest_gitignore_has_the_last_word_and_no_repository_commits_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "a"
    folder.mkdir()
    assert not would_be_committed(folder / ".env")
    (tmp_path / ".git" / "info").mkdir(parents=True)
    (tmp_path / ".git" / "info" / "exclude").write_text(".env")
    assert not would_be_committed(folder / ".env")
    (folder / ".gitignore").write_text("!.env")
    assert would_be_committed(folder / ".env")


# --- LiteLLM files

def test_a_good_file_needs_only_its_variables(check: Check, tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(GOOD_FILE)
    ran = check("config.yaml", **good())
    assert ran.code == 0 and ran.text.startswith("OK: config.yaml; 0 errors"), ran


def test_files_are_checked_together_and_named(check: Check, tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(GOOD_FILE)
    (tmp_path / "b.yaml").write_text(BAD_FILE)
    ran = check("a.yaml", "b.yaml", "--format", "json", **good())
    assert ran.code == 1 and {file for _, file, *_ in findings(ran)} == {"b.yaml"}


def test_the_file_of_the_launch_is_checked_where_none_is_named(check: Check, tmp_path: Path) -> None:
    (tmp_path / "b.yaml").write_text(BAD_FILE)
    assert check(before=("--config", "b.yaml"), **good()).code == 1


def test_what_litellm_would_pick_up_beside_the_file_is_named(check: Check, tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(GOOD_FILE)
    ran = check("config.yaml", "--format", "json", **good(CONFIG_FILE_PATH="/etc/other.yaml", DETAILED_DEBUG="1"))
    assert findings(ran) == [("GW502", None, None, "CONFIG_FILE_PATH"), ("GW502", None, None, "DETAILED_DEBUG")]


@pytest.mark.parametrize("form", ["text", "json", "sarif", "github"])
def test_no_format_shows_a_key_of_the_file_or_of_the_environment(form: str, check: Check, tmp_path: Path) -> None:
    inside, outside = "s" + "k-" + canary("inside"), canary("outside")
    (tmp_path / "config.yaml").write_text(GOOD_FILE.replace("os.environ/OPENAI_API_KEY", inside)
                                          .replace("model_name: gpt-5", f"model_name: {outside}"))
    (tmp_path / ".env").write_text(f"MODEL_A_RPM={inside}\nOPENAI_API_KEY={outside}\nMODEL_B_ALIAS={outside}\n")
    for files in ((), ("config.yaml",)):
        ran = check(*files, "--format", form, **{**good(NO_STORE), "OPENAI_API_KEY": ""})
        assert inside not in ran.text + ran.err and outside not in ran.text + ran.err and ran.code == 1


def test_a_file_that_is_no_text_cannot_be_checked(check: Check, tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_bytes(b"\xff\xfe\x00")
    ran = check("config.yaml")
    assert ran.code == 2 and "config.yaml is not UTF-8 text" in ran.text


# --- --explain

@pytest.mark.parametrize("code", ["GW101", "gw101", " GW707 "])
def test_a_code_is_explained(code: str, check: Check) -> None:
    ran = check("--explain", code)
    name = code.strip().upper()
    assert ran.code == 0 and ran.text.startswith(f"{name} (error): {CODES[name].title}") and "\nright:\n" in ran.text


def test_an_unknown_code_is_refused_with_the_nearest(check: Check) -> None:
    refused(check("--explain", "GW1O1"), "is no code; did you mean GW", "check --explain GW101")
    refused(check("--format", "xml"), "xml")


# --- what it costs

PROBE = """
import sys
from pathlib import Path
from src.main import run
environ = {"PROXY_MODEL_KEYS": "one", "MODEL_ONE_UPSTREAM_MODEL": "gpt-5", "XDG_STATE_HOME": "."}
code = run(sys.argv[1:], environ, Path())
heavy = {"litellm", "fastapi", "sqlalchemy", "alembic", "aiohttp", "uvicorn", "openai", "httpx", "pydantic"}
print(code, sorted(heavy & set(sys.modules)), file=sys.stderr)
"""


@pytest.mark.parametrize("arguments", [["check"], ["check", "config.yaml"], ["check", "--explain", "GW101"]])
def test_a_check_imports_nothing_heavy(arguments: list[str], tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(GOOD_FILE)
    done = subprocess.run([sys.executable, "-c", PROBE, *arguments], cwd=tmp_path, capture_output=True, text=True,
                          env={**os.environ, "PYTHONPATH": str(ROOT)}, timeout=120)
    assert re.fullmatch(r"[01] \[\]", done.stderr.splitlines()[-1]), done.stderr
