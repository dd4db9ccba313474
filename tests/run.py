"""The second command: `python3 tests/run.py` checks everything, on a fresh machine too.

    python3 tests/run.py              flake8, mypy, unit and end-to-end tests, coverage of at least 95 %
    python3 tests/run.py --quick      flake8, mypy and unit tests: what to run before a commit
    python3 tests/run.py --unit       unit tests only
    python3 tests/run.py --lint       flake8 and mypy only
    python3 tests/run.py -k stream    anything else goes to pytest: just these tests, no coverage

Makes `.venv` when needed. Every step runs, also after one that failed; the exit code is 1 when any did.
"""
import contextlib
import os
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Dict, List, NamedTuple, Optional, Sequence

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from demo.bootstrap import ensure_or_exit, say  # noqa: E402  (found through the line above)
from tests.postgres import VARIABLE, postgres  # noqa: E402

OWN_FLAGS = ("--quick", "--unit", "--lint")
CHECKED_FOLDERS = ("src", "tests", "demo", "benchmarks")
# mypy and the tests look at everything that the project can do.
EXTRAS = ["dev", "metrics", "otel", "postgres"]
# In order, which is end-to-end tests first: they are few and long, and would otherwise run alone at the end.
PARALLEL = ["-n", "2", "--dist", "loadfile", "--no-loadscope-reorder"]


class Step(NamedTuple):
    """One command of the run, as its name and the arguments after the interpreter."""

    name: str
    arguments: List[str]


def lint() -> List[Step]:
    """Return the style and type checks; `_flake8.ps1` and `.ci/run` come here too."""
    folders = [name for name in CHECKED_FOLDERS if (ROOT / name).is_dir()]
    return [Step("flake8", ["-m", "flake8"] + folders), Step("mypy", ["-m", "mypy"] + folders)]


def coverage_arguments() -> List[str]:
    """Return what measures coverage; not on Windows, which has neither the fork nor the exec that is measured."""
    return [] if os.name == "nt" else ["--cov", "--cov-report=term"]


def steps(arguments: Sequence[str]) -> List[Step]:
    """Return what to run for this command line."""
    flags = [argument for argument in arguments if argument in OWN_FLAGS]
    for_pytest = [argument for argument in arguments if argument not in OWN_FLAGS]
    unit = ["-m", "pytest"] + PARALLEL + ["tests/unit"]
    if for_pytest:
        return [Step("pytest", (unit if flags else ["-m", "pytest"]) + for_pytest)]
    if "--lint" in flags:
        return lint()
    if "--unit" in flags:
        return [Step("unit tests", unit)]
    if "--quick" in flags:
        return lint() + [Step("unit tests", unit)]
    return lint() + [Step("all tests", ["-m", "pytest", "--durations=25"] + PARALLEL + coverage_arguments())]


def environment(database: Optional[str]) -> Dict[str, str]:
    """Return the environment of every step; ``database`` is the URL of a PostgreSQL for the tests, if any."""
    environ = dict(os.environ)
    environ.pop("PYTHONPATH", None)
    # Processes that tests start in other folders must write their coverage where this run collects it.
    environ["COVERAGE_FILE"] = str(ROOT / ".coverage")
    if database:
        environ[VARIABLE] = database
    return environ


def passes(step: Step, python: str, environ: Dict[str, str], aside: bool = False) -> bool:
    """Run one step and report how it went; ``aside``: with what others leave of the machine, and told at its end."""
    say("== {}: python {}".format(step.name, " ".join(step.arguments)))
    started = time.monotonic()
    nice = shutil.which("nice") if aside else None
    done = subprocess.run(([nice] if nice else []) + [python] + step.arguments, cwd=str(ROOT), env=environ,
                          stdout=subprocess.PIPE if aside else None, stderr=subprocess.STDOUT if aside else None)
    outcome = "passed" if done.returncode == 0 else "FAILED (exit code {})".format(done.returncode)
    said = (done.stdout or b"").decode("utf-8", "replace")
    say("{}== {}: {} after {:.0f} s".format(said and "\n" + said, step.name, outcome, time.monotonic() - started))
    return done.returncode == 0


def failures(planned: Sequence[Step], python: str, environ: Dict[str, str]) -> List[str]:
    """Run every step, also after a failing one, and return the names of those that failed.

    Style and types are checked beside the tests, which wait for much.
    """
    tests = [step for step in planned if "pytest" in step.arguments]
    checks = [step for step in planned if step not in tests]
    with ThreadPoolExecutor(1) as pool:
        checked = [pool.submit(passes, step, python, environ, bool(tests)) for step in checks]
        tested = [passes(step, python, environ) for step in tests]
        passed = [one.result() for one in checked] + tested
    return [step.name for step, ok in zip(checks + tests, passed) if not ok]


def main(arguments: Sequence[str]) -> int:
    """Run every step, also after a failing one, and say at the end which did not pass."""
    if "--help" in arguments or "-h" in arguments:
        print(__doc__)
        return 0
    python = str(ensure_or_exit(EXTRAS))
    planned = steps(arguments)
    with contextlib.ExitStack() as stack:
        tested = any("pytest" in step.arguments for step in planned)
        database = stack.enter_context(postgres(say)) if tested else None
        failed = failures(planned, python, environment(database))
    if failed:
        say("Not passed: " + ", ".join(failed))
    return 1 if failed else 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
