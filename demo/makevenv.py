"""Makes a virtual environment with pip in it, also with a Python from which the distribution took venv's helpers away.

Standard library only, and readable for an old Python, like `bootstrap.py`, which uses it.
"""
import os
import shutil
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Callable, NamedTuple, Optional, Sequence

UNFINISHED = "gateway-unfinished"
LOCK = "gateway-setup.lock"

Say = Callable[[str], None]
Run = Callable[[Sequence[str]], None]


class SetupFailed(Exception):
    """The environment could not be made; the text says why and what to do."""


def venv_python(venv: Path) -> Path:
    """Return the interpreter inside the environment ``venv``."""
    return venv / "Scripts" / "python.exe" if os.name == "nt" else venv / "bin" / "python"


class Supplies(NamedTuple):
    """What this machine offers for putting pip into an environment; Debian's bare Python lacks the first."""

    ensurepip: bool
    pip: bool
    wheels: Path
    apt: bool


def supplies() -> Supplies:
    """Look at this machine."""
    return Supplies(
        ensurepip=find_spec("ensurepip") is not None,
        pip=find_spec("pip") is not None,
        wheels=Path("/usr/share/python-wheels"),
        apt=bool(shutil.which("apt-get") and shutil.which("dpkg-deb")),
    )


def debian_pip_wheel(folder: Path, have: Supplies, run: Run) -> Optional[Path]:
    """Return Debian's own pip wheel: the installed one, or one fetched with apt into ``folder``, without root."""
    installed = sorted(have.wheels.glob("pip-*.whl"))
    if installed or not have.apt:
        return installed[-1] if installed else None
    places = {"Dir::State::lists": folder / "lists", "Dir::Cache": folder / "cache"}
    for place in (*places.values(), folder / "cache" / "archives"):
        (place / "partial").mkdir(parents=True, exist_ok=True)
    apt = ["env", "-C", str(folder), "apt-get", "-q"] + ["-o{}={}".format(*place) for place in places.items()]
    try:
        run(apt + ["update"])
        run(apt + ["download", "python3-pip-whl"])
        for package in folder.glob("python3-pip-whl_*.deb"):
            run(["dpkg-deb", "-x", str(package), str(folder)])
    except SetupFailed:
        return None  # the caller names the package to install, which is the better message
    return next(iter(folder.glob("usr/share/python-wheels/pip-*.whl")), None)


def add_pip(venv: Path, have: Supplies, run: Run, report: Say) -> None:
    """Put pip into an environment that this Python could only make without it."""
    python = str(venv_python(venv))
    if have.pip:
        run([sys.executable, "-m", "pip", "--python", python, "install", "pip"])
        return
    report("This Python came without pip; asking the system's package source for it ...")
    folder = venv / "debian-pip"
    wheel = debian_pip_wheel(folder, have, run)
    if wheel is None:
        raise SetupFailed("This Python ({}) can make no virtual environments: its module ensurepip is missing.\n"
                          "On Debian and Ubuntu:  sudo apt-get install -y python3-venv\n"
                          "Then run the same command again.".format(sys.executable))
    run([python, "-I", str(wheel / "pip"), "install", "--no-index", str(wheel)])
    shutil.rmtree(str(folder), ignore_errors=True)


def clear(venv: Path) -> None:
    """Empty the environment, save for the lock that we hold and the mark that it is unfinished."""
    for entry in venv.iterdir():
        if entry.name in (LOCK, UNFINISHED):
            continue
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(str(entry))
        else:
            entry.unlink()


def same_python(venv: Path) -> bool:
    """Return whether ``venv`` is an environment of this Python's version that still has its interpreter."""
    library = venv / "Lib" if os.name == "nt" else venv / "lib" / "python{}.{}".format(*sys.version_info[:2])
    return venv_python(venv).exists() and (library / "site-packages").is_dir() and (venv / "pyvenv.cfg").is_file()


def create(venv: Path, run: Run, report: Say, have: Optional[Supplies] = None) -> None:
    """Make ``venv`` a fresh environment with pip in it."""
    report("Making the virtual environment .venv ...")
    clear(venv)
    have = have or supplies()
    if have.ensurepip:
        run([sys.executable, "-m", "venv", str(venv)])
        return
    run([sys.executable, "-m", "venv", "--without-pip", str(venv)])
    add_pip(venv, have, run, report)
