"""What `python3 tests/run.py` runs for which arguments, and that one list of checks serves everybody."""

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


def test_only_the_whole_run_measures_coverage() -> None:
    assert any("--cov" in step.arguments for step in run.steps([]))
    assert not any("--cov" in step.arguments for step in run.steps(["--quick"]) + run.steps(["tests/unit"]))


def test_arguments_reach_pytest_as_they_are() -> None:
    (step,) = run.steps(["-k", "a stream", "tests/e2e"])
    assert step.arguments[-3:] == ["-k", "a stream", "tests/e2e"]


def test_windows_users_and_ci_run_the_same_checks() -> None:
    for name in ("_flake8.ps1", ".ci/run"):
        assert "tests/run.py" in (ROOT / name).read_text(encoding="utf-8"), name
