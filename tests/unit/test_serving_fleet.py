"""The fleet over real processes that only sleep: what is left behind, and what is not held against a worker."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from src.serving import worker
from src.serving.app import Proxy
from src.serving.capture import Capture
from src.serving.child import Child, forker
from src.serving.fleet import Fleet
from src.serving.generation import Generation, prepare
from src.serving.log import Log
from src.serving.loop import SIGNALS, Loop
from src.serving.order import Document, Order
from src.serving.pipe import Listener
from src.serving.shares import Shares


class Yard:
    """A fleet of one worker whose workers are processes that sleep; ``fork`` replaces what forks them."""

    def __init__(self, folder: Path, **order: Any) -> None:
        self.folder, self.verdicts = folder, list[tuple[int, list[str] | None]]()
        self.loop, self.pipes = Loop(), dict[int, int]()
        self.order = Order(self.document(), str(folder), **order)
        self.fleet = Fleet(self.order, self.fork, self.loop, Log(), lambda generation, reasons: self.verdicts.append(
            (generation.number, reasons)))

    def document(self) -> Document:
        return Document("0123456789ab", "model_list: []\n", {}, {})

    def generation(self, number: int) -> Generation:
        return prepare(number, self.document(), {}, self.folder)

    def fork(self, generation: Generation, first: bool) -> Child:
        read, write = os.pipe()
        if not (pid := os.fork()):
            os.execv(sys.executable, [sys.executable, "-S", "-c", "import time; time.sleep(600)"])
        self.pipes[pid] = write
        return Child(pid, generation, Listener(read), Capture.make(), Shares().take())

    def says(self, pid: int, line: bytes) -> None:
        os.write(self.pipes[pid], line + b"\n")
        self.loop.turn(5.0)

    def ends(self, pid: int) -> None:
        """Kill a worker and let the fleet find it dead."""
        os.kill(pid, signal.SIGKILL)
        while os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT) is None:
            continue
        self.fleet._reap(time.monotonic())

    def close(self) -> None:
        for pid in self.fleet.children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
        for fd in self.pipes.values():
            os.close(fd)


@pytest.fixture
def yard(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Yard]:
    handlers = {signum: signal.getsignal(signum) for signum in SIGNALS}
    folder = tmp_path / "run"
    folder.mkdir(mode=0o700)
    made = Yard(folder, **getattr(request, "param", {}))
    yield made
    made.close()
    signal.set_wakeup_fd(-1)
    for signum, handler in handlers.items():
        signal.signal(signum, handler)


def test_a_configuration_whose_workers_all_died_before_the_next_one_served_leaves_no_files(yard: Yard) -> None:
    yard.fleet.propose(yard.generation(1))
    only, = yard.fleet.children
    yard.says(only, b"ready")
    yard.fleet.propose(yard.generation(2))
    yard.ends(only)
    assert sorted(path.name for path in yard.folder.iterdir()) == ["gen-1", "gen-2"], "it is still the current one"
    canary, = yard.fleet.children
    yard.says(canary, b"ready")
    assert yard.verdicts == [(1, None), (2, None)]
    assert [path.name for path in yard.folder.iterdir()] == ["gen-2"]


def test_a_replacement_boots_although_somebody_swept_the_files_away(yard: Yard) -> None:
    yard.fleet.propose(yard.generation(1))
    only, = yard.fleet.children
    yard.says(only, b"ready")
    for path in yard.folder.rglob("gen-1/*"):
        path.unlink()
    (yard.folder / "gen-1").rmdir()
    yard.folder.rmdir()
    yard.ends(only)
    yard.fleet.step(time.monotonic() + 1.0)  # it had served for less than five seconds
    assert len(yard.fleet.children) == 1
    assert (yard.folder / "gen-1" / "config.yaml").read_text() == "model_list: []\n"
    assert yard.folder.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("yard", [{"boot_timeout": 5.0}], indirect=True)
def test_time_for_which_the_whole_gateway_stood_still_is_no_time_to_boot(yard: Yard) -> None:
    yard.fleet.propose(yard.generation(1))
    only, = yard.fleet.children
    now = time.monotonic()
    yard.fleet.step(now + 3600.0)
    assert not yard.fleet.children[only].killed_for, "nobody ran meanwhile"
    yard.fleet.step(now + 3604.0)
    yard.fleet.step(now + 3606.0)
    assert yard.fleet.children[only].killed_for == "it did not boot within 5 s"


def test_a_worker_that_cannot_be_forked_leaves_nothing_open(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    shares = Shares(slots=1)
    job = worker.Job(yard.order, Proxy(None), None, os.getpid())  # type: ignore[arg-type]  # no worker comes to look
    fork, generation = forker(job, yard.loop, shares), yard.generation(1)
    before = os.listdir("/proc/self/fd")

    def refuse() -> int:
        raise BlockingIOError("Resource temporarily unavailable")

    monkeypatch.setattr("os.fork", refuse)
    for _ in range(3):
        with pytest.raises(BlockingIOError):
            fork(generation, True)
    assert os.listdir("/proc/self/fd") == before
    assert shares.take().slot == 0, "nobody holds the only place"


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no full disk at hand")
def test_a_line_that_cannot_be_written_is_not_kept_for_the_next_flush() -> None:
    """Before each fork standard error is flushed, where a kept line would fail for ever."""
    code = ("import sys\nfrom src.serving.log import Log\n"
            "Log()('worker_serving', 'worker 1 serves')\nsys.stderr.flush()\nprint('alive')\n")
    with open("/dev/full", "w", encoding="ascii") as full:
        done = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=full, check=False)
    assert (done.returncode, done.stdout) == (0, b"alive\n")


def test_what_a_boot_says_needs_no_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "missing"))
    if not hasattr(os, "memfd_create"):
        pytest.skip("this system has no files in memory")
    capture = Capture.make()
    os.write(capture.err.fileno(), b"why it failed\n")
    assert capture.errors(lambda text: text) == ["why it failed"]  # type: ignore[arg-type]
    capture.close()
