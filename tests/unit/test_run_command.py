"""What `python3 tests/run.py` runs for which arguments, and that one list of checks serves everybody."""

import os
import sys
from pathlib import Path

import pytest

from tests import run

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(("arguments", "names"), [
    ([], ["flake8", "mypy", "all tests"]),
    (["--quick"], ["flake8", "mypy", "unit tests"]),
    (["--lint"], ["flake8", "mypy"]),
    (["--unit"], ["unit tests"]),
    (["-k", "stream"], ["pytest"]),
    (["--unit", "-x"], ["pytest"]),
])
def test_each_flag_runs_what_the_help_says(arguments: list[str], names: list[str]) -> None:
    assert [step.name for step in run.steps(arguments)] == names


def test_style_and_types_are_checked_beside_the_tests_and_every_failure_is_named(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """The check waits for a file that the tests write."""
    waits = "import os, sys, time\nwhile not os.path.exists(sys.argv[1]): time.sleep(0.01)\nsys.exit('E501 a.py')"
    writes = "import sys; open(sys.argv[2], 'w').close(); sys.exit(1)"
    path = str(tmp_path / "written")
    planned = [run.Step("lint", ["-c", waits, path]), run.Step("types", ["-c", "print('Success')"]),
               run.Step("tests", ["-c", writes, "pytest", path])]
    assert run.failures(planned, sys.executable, dict(os.environ)) == ["lint", "tests"]
    said = capfd.readouterr().err
    assert "E501 a.py" in said and "== lint: FAILED (exit code 1)" in said and "== types: passed" in said


def test_only_the_whole_run_measures_coverage() -> None:
    assert any("--cov" in step.arguments for step in run.steps([]))
    assert not any("--cov" in step.arguments for step in run.steps(["--quick"]) + run.steps(["tests/unit"]))


def test_arguments_reach_pytest_as_they_are() -> None:
    (step,) = run.steps(["-k", "a stream", "tests/e2e"])
    assert step.arguments[-3:] == ["-k", "a stream", "tests/e2e"]


def test_windows_users_and_ci_run_the_same_checks() -> None:
    for name in ("_flake8.ps1", ".ci/run"):
        assert "tests/run.py" in (ROOT / name).read_text(encoding="utf-8"), name
