"""Which LiteLLM this gateway runs: the tested range, a warning outside of it, and never a malicious release."""

import tomllib
from importlib.metadata import Distribution, PackageNotFoundError
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from src.config import versions
from src.config.versions import LOWEST, MALICIOUS, PTH, RANGE, TESTED, Found, installed, note, refuse
from src.errors import UsageProblem
from tests.unit.declaring import ROOT, run, run_here

RELEASES = ("1.82.7", "1.82.8")


@pytest.mark.parametrize(("version", "remark"), [
    ("1.106.2", ""), ("1.106.9", ""), ("1.106.2.post1", ""), ("1.106.1", "not tested"), ("1.107.0", "not tested"),
    ("1.107.0rc1", "not tested"), ("2.0", "not tested"), ("unheard-of", "not tested"), ("1.82.6", "not tested"),
    ("1.82.7", "MALICIOUS"), ("1.82.8", "MALICIOUS"), ("v1.82.8", "MALICIOUS"), ("1.82.8.post1", "MALICIOUS"),
    ("1.82.80", "not tested"), (None, ""),
])
def test_a_release_is_tested_untested_or_malicious(version: str | None, remark: str) -> None:
    found = Found(version)
    assert found.remark.startswith(remark) and bool(found.remark) == bool(remark)
    assert found.shown == (version or "not installed")
    told = note(found)
    assert bool(told) == bool(remark) and all(version in text and RANGE in text for text in told if version)


@pytest.mark.parametrize(("found", "what", "repair"), [
    (Found("1.82.7"), "LiteLLM 1.82.7 is not started: its proxy_server.py steals", "revoke them"),
    (Found("1.82.8"), "LiteLLM 1.82.8 is not started: it steals credentials at every start", "revoke them"),
    (Found("1.106.2", infected=True), f"a malicious release has left {PTH}", "a new environment"),
    (Found(None), "LiteLLM is not installed", f"pip install 'litellm[proxy]{RANGE}'"),
])
def test_what_must_not_run_is_refused_with_what_to_do(found: Found, what: str, repair: str) -> None:
    with pytest.raises(UsageProblem) as refused:
        refuse(found)
    problem, = refused.value.problems
    assert what in problem.what and repair in problem.repair and refused.value.exit_code == 2


def test_others_are_started() -> None:
    refuse(Found("1.106.2"))
    refuse(Found("1.107.0"))


def package(folder: Path, version: str, *files: str) -> Path:
    """Install a LiteLLM that is a name and a version, and says so loudly when it is imported."""
    info = folder / f"litellm-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: litellm\nVersion: {version}\n", encoding="utf-8")
    (folder / "litellm").mkdir()
    (folder / "litellm" / "__init__.py").write_text("print('IMPORTED')\n", encoding="utf-8")
    for name in files:
        (folder / name).write_text("# what was left\n", encoding="utf-8")
    return folder


def test_the_version_is_read_without_importing(tmp_path: Path) -> None:
    found = Distribution.at(package(tmp_path, "1.82.8", PTH) / "litellm-1.82.8.dist-info")
    assert installed(lambda name: found) == Found("1.82.8", infected=True)

    def missing(name: str) -> Distribution:
        raise PackageNotFoundError(name)
    assert installed(missing) == Found(None)
    assert installed().remark == "", "the tests run with a tested release"


@pytest.mark.parametrize("version", RELEASES)
@pytest.mark.parametrize("command", [
    ("-m", "src.main"), ("-m", "src.serving", "--order-fd", "0"), ("-m", "src.serving.params_tool", "openai/gpt-5"),
], ids=["launch", "serving", "tool"])
def test_a_malicious_release_is_never_imported(tmp_path: Path, version: str, command: tuple[str, ...]) -> None:
    folder = package(tmp_path / "packages", version)
    env = {"OPENAI_API_KEY": "k", "LITELLM_MASTER_KEY": "m" + tmp_path.name * 3, "GATEWAY_DATABASE_URL": "off",
           "PYTHONPATH": f"{folder}:{ROOT}"}
    ran = run(*command[2:], env=env, cwd=tmp_path, command=command[:2])
    assert (ran.code, ran.text) == (2, ""), ran
    assert f"LiteLLM {version} is not started" in ran.err and "Traceback" not in ran.err


def test_the_version_flag_and_the_startup_notes_say_what_is_untested(tmp_path: Path) -> None:
    env = {"PYTHONPATH": f"{package(tmp_path, '1.107.0')}:{ROOT}"}
    ran = run("--version", env=env, cwd=tmp_path)
    assert ran.text.rstrip().endswith(f"(LiteLLM 1.107.0, not tested; {RANGE} is)") and ran.code == 0
    env |= {"OPENAI_API_KEY": "k", "LITELLM_MASTER_KEY": "m" + tmp_path.name * 3, "GATEWAY_DATABASE_URL": "off"}
    document = run("--launch-document", env=env, cwd=tmp_path)
    assert "LiteLLM 1.107.0 was not tested with this gateway" in document.text


def test_the_version_flag_is_short_where_all_is_well(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run_here("--version", cwd=tmp_path, capfd=capfd).text.rstrip().endswith(f"(LiteLLM {installed().shown})")


def test_the_package_asks_for_the_tested_range_and_excludes_the_malicious_releases() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    asked, = (Requirement(text) for text in project["dependencies"] if text.startswith("litellm["))
    assert asked.specifier == SpecifierSet(RANGE) & SpecifierSet(",".join(f"!={text}" for text in RELEASES))
    assert {".".join(map(str, found)) for found in MALICIOUS} == set(RELEASES)
    assert all(text in SpecifierSet(RANGE) for text in (".".join(map(str, LOWEST)), *(one.litellm for one in TESTED)))


def test_the_constraints_pin_a_tested_combination() -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = dict(line.split("==") for line in lines if not line.startswith("#"))
    assert (pins["litellm"], pins["uvicorn"]) in {(one.litellm, one.uvicorn) for one in TESTED}


def test_the_newest_row_is_of_this_version() -> None:
    from src import __version__
    assert versions.TESTED[0].gateway == __version__
