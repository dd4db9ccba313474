"""Gives this checkout its own virtual environment, `.venv`, with nothing but a bare Python 3.11.

Standard library only, and written so that an old Python can still read it and say what is missing. Nothing outside the
checkout is touched. A finished set-up leaves a stamp, so that later runs only compare two hashes; an interrupted one
leaves a mark, so that the next run starts the environment afresh; a lock keeps two runs apart.
"""
import contextlib
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Dict, Iterable, Iterator, List, Optional, Sequence, Tuple

from demo.makevenv import LOCK, UNFINISHED, Run, Say, SetupFailed, create, same_python, venv_python

ROOT = Path(__file__).resolve().parent.parent
MINIMUM = (3, 11)
STAMP = "gateway-ready.json"
LOG = "gateway-setup.log"
INPUTS = ("pyproject.toml", "constraints.txt")


def say(text: str) -> None:
    """Print one progress line for the person at the keyboard."""
    print(text, file=sys.stderr, flush=True)


def version_problem(version: Tuple[int, int] = sys.version_info[:2], executable: str = sys.executable) -> str:
    """Return why this Python cannot run the project, with the command that can; empty when it can."""
    if version >= MINIMUM:
        return ""
    found = [name for name in ("python3.11", "python3.12", "python3.13") if shutil.which(name)]
    repair = "Run this command with {} instead.".format(found[0]) if found else "Install Python 3.11 or newer first."
    return "This needs Python 3.11 or newer; {} is Python {}.{}.\n{}".format(executable, version[0], version[1], repair)


def fingerprint(root: Path) -> str:
    """Return a hash over everything that decides what gets installed, except the extras."""
    digest = hashlib.sha256("{}.{} {}".format(sys.version_info[0], sys.version_info[1], sys.platform).encode())
    for name in INPUTS:
        digest.update(b"\0" + (root / name).read_bytes())
    return digest.hexdigest()


def read_stamp(venv: Path) -> Dict[str, object]:
    """Return what the last finished set-up installed, or an empty mapping."""
    try:
        stamp = json.loads((venv / STAMP).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return stamp if isinstance(stamp, dict) else {}


def stamped_extras(stamp: Dict[str, object]) -> List[str]:
    """Return the extras that a stamp names."""
    extras = stamp.get("extras")
    return [str(extra) for extra in extras] if isinstance(extras, list) else []


def is_ready(root: Path, extras: Iterable[str]) -> bool:
    """Return whether `.venv` holds what the checkout asks for today, ``extras`` included."""
    venv = root / ".venv"
    stamp = read_stamp(venv)
    return (
        venv_python(venv).exists()
        and not (venv / UNFINISHED).exists()
        and stamp.get("fingerprint") == fingerprint(root)
        and set(extras) <= set(stamped_extras(stamp))
    )


def try_lock(descriptor: int) -> bool:
    """Take the set-up lock if it is free; the operating system drops it when its holders are gone."""
    try:
        if sys.platform == "win32":
            import msvcrt
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


@contextlib.contextmanager
def locked(venv: Path, report: Say) -> Iterator[int]:
    """Hold the set-up lock of ``venv``; gives its descriptor, for children that must keep it when we are killed."""
    venv.mkdir(exist_ok=True)
    descriptor = os.open(str(venv / LOCK), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        if not try_lock(descriptor):
            report("Another set-up of this checkout is under way; waiting for it to finish ...")
            while not try_lock(descriptor):
                time.sleep(0.2)
        yield descriptor
    finally:
        os.close(descriptor)


def clean_environ() -> Dict[str, str]:
    """Return the environment for pip: the user's index and proxies stay, what would install elsewhere goes."""
    redirecting = {"PYTHONPATH", "PYTHONHOME", "PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "__PYVENV_LAUNCHER__"}
    environ = {name: value for name, value in os.environ.items() if name not in redirecting}
    environ.update(PIP_USER="0", PIP_NO_INPUT="1", PIP_DISABLE_PIP_VERSION_CHECK="1")
    return environ


class Follower:
    """Turns pip's many lines into a few that tell a newcomer how far it is."""

    def __init__(self, report: Say) -> None:
        self.report = report
        self.seen = 0
        self.tail = []  # type: List[str]

    def line(self, text: str) -> None:
        """Take one line of output; keep the last ones for the error message."""
        self.tail = self.tail[-11:] + [text.rstrip()]
        if text.startswith("Collecting "):
            self.seen += 1
            if self.seen % 25 == 0:
                self.report("  {} packages found so far".format(self.seen))
        elif text.startswith("Installing collected packages"):
            self.report("  all found; unpacking them ...")


def runner(root: Path, log: Path, report: Say, lock: Optional[int] = None) -> Run:
    """Return a function that runs one command in ``root``, keeps its output in ``log`` and raises SetupFailed."""
    keep = () if lock is None or os.name == "nt" else (lock,)  # type: Tuple[int, ...]

    def run(command: Sequence[str]) -> None:
        follower = Follower(report)
        with log.open("a", encoding="utf-8") as file, subprocess.Popen(
            list(command), cwd=str(root), env=clean_environ(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, encoding="utf-8", errors="replace", pass_fds=keep
        ) as child:
            for text in child.stdout or ():
                file.write(text)
                follower.line(text)
        if child.returncode != 0:
            raise SetupFailed("{}\nfailed with exit code {}; all of its output is in {}\n{}".format(
                " ".join(command), child.returncode, log, "\n".join("  | " + text for text in follower.tail)))

    return run


def install(root: Path, extras: Iterable[str], run: Run) -> None:
    """Install the project, editable, with ``extras`` at the pinned versions."""
    target = ".[{}]".format(",".join(sorted(extras))) if extras else "."
    run([str(venv_python(root / ".venv")), "-I", "-m", "pip", "install", "--progress-bar", "off",
         "-c", "constraints.txt", "-e", target])


def write_stamp(venv: Path, content: Dict[str, object]) -> None:
    """Record a finished set-up in one step."""
    draft = venv / (STAMP + ".new")
    draft.write_text(json.dumps(content), encoding="utf-8")
    os.replace(str(draft), str(venv / STAMP))


def ensure(extras: Iterable[str] = (), root: Path = ROOT, report: Say = say, run: Optional[Run] = None) -> Path:
    """Make `.venv` hold the project with ``extras`` and return its interpreter; quick when it does already."""
    venv, wanted = root / ".venv", set(extras)
    if is_ready(root, wanted):
        return venv_python(venv)
    with locked(venv, report) as lock:
        if not is_ready(root, wanted):
            started, log = time.monotonic(), venv / LOG
            run = run or runner(root, log, report, lock)
            wanted |= set(stamped_extras(read_stamp(venv)))
            if (venv / UNFINISHED).exists() or not same_python(venv):
                create(venv, _marking(venv, run), report)
                report("Installing LiteLLM and what it needs: 750 MB on disk, one to three minutes, once ...")
            else:
                report("Bringing the installed packages up to date ...")
            install(root, wanted, _marking(venv, run))
            write_stamp(venv, {"fingerprint": fingerprint(root), "extras": sorted(wanted)})
            (venv / UNFINISHED).unlink()
            report("Ready after {:.0f} seconds.".format(time.monotonic() - started))
    return venv_python(venv)


def _marking(venv: Path, run: Run) -> Run:
    """Return ``run`` that first marks the environment unfinished, so that a killed set-up is never taken for whole."""
    def marked(command: Sequence[str]) -> None:
        (venv / UNFINISHED).touch()
        run(command)
    return marked


def ensure_or_exit(extras: Iterable[str] = ()) -> Path:
    """Do what `ensure` does for a command: every failure is a message and an exit code, never a traceback."""
    problem = version_problem()
    if problem:
        sys.exit(problem)
    try:
        return ensure(extras)
    except SetupFailed as failure:
        sys.exit("The set-up did not work:\n{}".format(failure))
    except KeyboardInterrupt:
        say("\nInterrupted. Run the same command again to finish the set-up.")
        sys.exit(130)
