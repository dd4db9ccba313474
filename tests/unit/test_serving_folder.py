"""The runtime folder: ours alone, cleaned of what a killed predecessor left, refused where it is not safe."""

import os
import resource
import signal
import socket
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from src.errors import NotStarted
from src.serving import folder


@pytest.fixture
def root() -> Iterator[Path]:
    """A folder with a short path: sockets allow about a hundred bytes."""
    with tempfile.TemporaryDirectory(prefix="lg-") as name:
        yield Path(name)


def test_a_new_folder_is_private_and_goes_with_its_root(root: Path) -> None:
    home = root / "litellm-gateway" / "4000"
    made_root = folder.claim(home)
    assert made_root
    assert {stat.S_IMODE(path.stat().st_mode) for path in (home, home.parent)} == {0o700}
    assert (home / "pid").read_text() == f"{os.getpid()}\n"
    folder.release(home, made_root)
    assert list(root.iterdir()) == []


def test_a_root_that_was_there_or_is_in_use_stays(root: Path) -> None:
    first, second = root / "run" / "1", root / "run" / "2"
    made = folder.claim(first)
    assert not folder.claim(second)
    folder.release(first, made)
    assert not first.exists() and second.exists()
    folder.release(second, False)
    assert list((root / "run").iterdir()) == []


def test_what_a_killed_predecessor_left_is_removed(root: Path) -> None:
    home = root / "4000"
    folder.claim(home)
    (home / "gen-7").mkdir()
    (home / "gen-7" / "config.yaml").write_text("old")
    (home / "notes").write_text("somebody's")
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(home / "control.sock"))
    folder.claim(home)
    assert sorted(path.name for path in home.iterdir()) == ["notes", "pid"]
    folder.release(home, False)
    assert [path.name for path in home.iterdir()] == ["notes"], "what is not ours stays"


def test_a_gateway_that_answers_is_left_alone(root: Path) -> None:
    home = root / "4000"
    folder.claim(home)
    with socket.socket(socket.AF_UNIX) as alive:
        alive.bind(str(home / "control.sock"))
        alive.listen()
        with pytest.raises(NotStarted, match="another gateway of yours already serves this port"):
            folder.claim(home)
        assert (home / "control.sock").exists()


def link(home: Path) -> None:
    target = home.parent / "target"
    target.mkdir(mode=0o700)
    home.symlink_to(target)


def wide(home: Path) -> None:
    home.mkdir()
    home.chmod(0o755)


def shared_root(home: Path) -> None:
    home.parent.chmod(0o777)


def a_file(home: Path) -> None:
    home.write_text("")


@pytest.mark.parametrize(("trap", "said"), [
    (link, "another user's, or a link"), (wide, "open to others"), (shared_root, "others may write to it"),
    (a_file, "cannot be made"),
])
def test_a_folder_that_is_not_safe_is_refused(root: Path, trap: object, said: str) -> None:
    home = root / "run" / "4000"
    home.parent.mkdir(mode=0o700)
    assert callable(trap)
    trap(home)
    with pytest.raises(NotStarted, match=said) as caught:
        folder.claim(home)
    assert caught.value.exit_code == 3
    assert "repair: " in caught.value.text()


def test_a_path_that_is_too_long_for_a_socket_is_refused_by_name(root: Path) -> None:
    with pytest.raises(NotStarted, match="too long") as caught:
        folder.claim(root / ("x" * 100) / "4000")
    assert "GATEWAY_RUNTIME_DIR" in caught.value.text()
    assert list(root.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_refused(root: Path) -> None:
    """A full disk, here by a limit on the size of files."""
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, limit[1]))
    try:
        with pytest.raises(NotStarted, match="cannot be written") as caught:
            folder.claim(root / "run" / "4000")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
        signal.signal(signal.SIGXFSZ, handler)
    assert caught.value.exit_code == 3
