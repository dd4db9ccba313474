"""The set-up behind the two first commands: made once, quick afterwards, whole or not at all."""

import ast
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from demo import bootstrap, makevenv

REPOSITORY = bootstrap.ROOT


class FakeCommands:
    """Stands for venv and pip: notes each command and leaves what venv would leave."""

    def __init__(self, root: Path, before_pip: Callable[[], None] = lambda: None) -> None:
        self.venv = root / ".venv"
        self.before_pip = before_pip
        self.commands: list[list[str]] = []

    def __call__(self, command: Sequence[str]) -> None:
        self.commands.append(list(command))
        if "venv" in command:
            python = makevenv.venv_python(self.venv)
            python.parent.mkdir(parents=True)
            python.symlink_to(sys.executable)
            version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
            (self.venv / "lib" / version / "site-packages").mkdir(parents=True)
            (self.venv / "pyvenv.cfg").touch()
        else:
            self.before_pip()

    def kinds(self) -> list[str]:
        """Return the commands as words: `venv`, or what pip was asked to install."""
        return ["venv" if "venv" in command else command[-1] for command in self.commands]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    root = tmp_path / "a checkout with spaces"
    root.mkdir()
    for name in bootstrap.INPUTS:
        (root / name).write_text("first")
    return root


def setup(root: Path, extras: Sequence[str] = (), before_pip: Callable[[], None] = lambda: None) -> list[str]:
    """Run one set-up and return what it did."""
    commands = FakeCommands(root, before_pip)
    python = bootstrap.ensure(extras, root=root, report=lambda text: None, run=commands)
    assert python.exists()
    return commands.kinds()


def test_the_first_run_sets_up_and_the_second_does_nothing(checkout: Path) -> None:
    assert setup(checkout) == ["venv", "."]
    assert setup(checkout) == []


def test_the_pinned_versions_are_installed(checkout: Path) -> None:
    commands = FakeCommands(checkout)
    bootstrap.ensure([], root=checkout, report=lambda text: None, run=commands)
    install = commands.commands[-1]
    assert install[install.index("-c") + 1] == "constraints.txt"


def test_tests_add_to_what_the_demo_installed_and_the_demo_keeps_it(checkout: Path) -> None:
    setup(checkout)
    assert setup(checkout, ["dev"]) == [".[dev]"]
    assert setup(checkout) == []
    (checkout / "pyproject.toml").write_text("changed")
    assert setup(checkout) == [".[dev]"]


@pytest.mark.parametrize("name", bootstrap.INPUTS)
def test_a_changed_input_is_installed_into_the_same_environment(checkout: Path, name: str) -> None:
    setup(checkout)
    (checkout / name).write_text("second")
    assert setup(checkout) == ["."]


def killed() -> None:
    raise KeyboardInterrupt


def test_an_interrupted_set_up_starts_afresh(checkout: Path) -> None:
    setup(checkout)
    (checkout / "constraints.txt").write_text("second")
    with pytest.raises(KeyboardInterrupt):
        setup(checkout, before_pip=killed)
    half_written = checkout / ".venv" / "lib" / "half-written.py"
    half_written.touch()
    assert setup(checkout) == ["venv", "."]
    assert not half_written.exists()


def test_going_back_after_an_interrupted_change_does_not_trust_the_old_stamp(checkout: Path) -> None:
    setup(checkout)
    (checkout / "constraints.txt").write_text("second")
    with pytest.raises(KeyboardInterrupt):
        setup(checkout, before_pip=killed)
    (checkout / "constraints.txt").write_text("first")
    assert setup(checkout) == ["venv", "."]


def test_an_environment_whose_python_is_gone_is_made_again(checkout: Path) -> None:
    setup(checkout)
    makevenv.venv_python(checkout / ".venv").unlink()
    assert setup(checkout) == ["venv", "."]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"fingerprint": 1, "extras": 2}'])
def test_a_damaged_stamp_only_costs_an_install(checkout: Path, text: str) -> None:
    setup(checkout)
    (checkout / ".venv" / bootstrap.STAMP).write_text(text)
    assert setup(checkout) == ["."]


def test_of_two_runs_at_the_same_time_the_second_waits_and_finds_it_done(checkout: Path) -> None:
    installing, waiting, done = threading.Event(), threading.Event(), []

    def hold() -> None:
        installing.set()
        waiting.wait(30)

    def first() -> None:
        setup(checkout, before_pip=hold)

    def second() -> None:
        commands = FakeCommands(checkout)
        bootstrap.ensure([], root=checkout, report=lambda text: waiting.set(), run=commands)
        done.append(commands.kinds())

    threads = [threading.Thread(target=first), threading.Thread(target=second)]
    threads[0].start()
    assert installing.wait(30)
    threads[1].start()
    for thread in threads:
        thread.join(30)
    assert done == [[]]


@pytest.mark.skipif(os.name == "nt", reason="Windows drops the lock with the process that took it")
def test_a_killed_set_up_keeps_the_lock_until_its_pip_has_ended(checkout: Path) -> None:
    with bootstrap.locked(checkout / ".venv", print) as lock:
        pip = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, pass_fds=(lock,))
    other = os.open(checkout / ".venv" / makevenv.LOCK, os.O_RDWR)
    try:
        assert not bootstrap.try_lock(other)
        pip.communicate(b"\n")
        assert bootstrap.try_lock(other)
    finally:
        os.close(other)


def test_a_failing_command_shows_its_last_lines_and_leaves_no_stamp(checkout: Path) -> None:
    (checkout / ".venv").mkdir()
    run = bootstrap.runner(checkout, checkout / "log", lambda text: None)
    with pytest.raises(makevenv.SetupFailed, match=r"(?s)exit code 7.*\| no such index"):
        run([sys.executable, "-c", "print('no such index'); raise SystemExit(7)"])
    assert "no such index" in (checkout / "log").read_text()
    assert not bootstrap.is_ready(checkout, [])


def test_an_install_reports_how_far_it_is() -> None:
    lines: list[str] = []
    follower = bootstrap.Follower(lines.append)
    for number in range(60):
        follower.line(f"Collecting package-{number}\n")
    follower.line("Installing collected packages: a, b\n")
    assert lines == ["  25 packages found so far", "  50 packages found so far", "  all found; unpacking them ..."]


def test_the_users_index_is_kept_and_other_targets_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PIP_INDEX_URL", "PIP_TARGET", "PYTHONPATH", "PIP_USER"):
        monkeypatch.setenv(name, "value")
    environ = bootstrap.clean_environ()
    assert environ["PIP_INDEX_URL"] == "value"
    assert environ["PIP_USER"] == "0"
    assert not {"PIP_TARGET", "PYTHONPATH"} & set(environ)


@pytest.mark.parametrize(("version", "works"), [((3, 6), False), ((3, 10), False), ((3, 11), True), ((3, 12), True)])
def test_an_old_python_is_told_what_it_is_and_what_is_needed(version: tuple[int, int], works: bool) -> None:
    problem = bootstrap.version_problem(version, "/usr/bin/python3")
    assert (problem == "") is works
    if not works:
        assert f"needs Python 3.11 or newer; /usr/bin/python3 is Python 3.{version[1]}" in problem


@pytest.mark.parametrize("name", ["demo/bootstrap.py", "demo/makevenv.py", "demo/start.py", "tests/run.py",
                                  "tests/postgres.py"])
def test_an_old_python_can_read_the_first_commands(name: str) -> None:
    ast.parse((REPOSITORY / name).read_text(encoding="utf-8"), feature_version=(3, 6))


@pytest.fixture
def bare(tmp_path: Path) -> makevenv.Supplies:
    """What Debian's python3 offers without any further package."""
    return makevenv.Supplies(ensurepip=False, pip=False, wheels=tmp_path / "wheels", apt=False)


def create(root: Path, have: makevenv.Supplies) -> list[list[str]]:
    commands = FakeCommands(root)
    (root / ".venv").mkdir()
    makevenv.create(root / ".venv", commands, lambda text: None, have)
    return commands.commands


def test_a_python_that_lacks_everything_names_the_package_to_install(
    checkout: Path, bare: makevenv.Supplies
) -> None:
    with pytest.raises(makevenv.SetupFailed, match="sudo apt-get install -y python3-venv"):
        create(checkout, bare)


def test_a_failing_apt_names_the_package_to_install(checkout: Path, bare: makevenv.Supplies) -> None:
    def no_network() -> None:
        raise makevenv.SetupFailed("no network")

    (checkout / ".venv").mkdir()
    with pytest.raises(makevenv.SetupFailed, match="sudo apt-get install -y python3-venv"):
        makevenv.create(checkout / ".venv", FakeCommands(checkout, no_network), print, bare._replace(apt=True))


def test_a_python_with_pip_alone_lends_it_to_the_environment(checkout: Path, bare: makevenv.Supplies) -> None:
    last = create(checkout, bare._replace(pip=True))[-1]
    assert last[1:] == ["-m", "pip", "--python", str(makevenv.venv_python(checkout / ".venv")), "install", "pip"]


def test_debians_own_pip_wheel_is_used_where_it_lies(checkout: Path, bare: makevenv.Supplies) -> None:
    bare.wheels.mkdir()
    wheel = bare.wheels / "pip-23.0.1-py3-none-any.whl"
    wheel.touch()
    assert create(checkout, bare)[-1][2:] == [str(wheel / "pip"), "install", "--no-index", str(wheel)]
