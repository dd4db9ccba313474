"""The runtime folder of a running gateway comes back where somebody swept it away, and only where that is safe."""

import shutil
import signal
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from src.control import Gateway
from src.serving import folder
from src.serving.certificate import Certificate
from src.serving.home import POLL_S, Home
from src.serving.log import Log
from src.serving.loop import SIGNALS, Loop
from src.serving.order import Document, Order


@pytest.fixture
def path() -> Iterator[Path]:
    """A claimed folder with a short path; handlers of the test process are put back afterwards."""
    handlers = {signum: signal.getsignal(signum) for signum in SIGNALS}
    with tempfile.TemporaryDirectory(prefix="lg-") as name:
        path = Path(name, "run", "4000")
        folder.claim(path)
        yield path
    signal.set_wakeup_fd(-1)
    for signum, handler in handlers.items():
        signal.signal(signum, handler)


def at_home(path: Path) -> Home:
    return Home(path, Loop(), Log(), lambda command, connection: None)


def test_a_folder_that_was_swept_away_is_made_again_with_socket_and_pid(
    path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    home = at_home(path)
    shutil.rmtree(path.parent)
    assert not Gateway(path).alive()
    home.step(1.0)
    assert Gateway(path).alive()
    assert {stat.S_IMODE(one.stat().st_mode) for one in (path, path.parent)} == {0o700}
    assert sorted(one.name for one in path.iterdir()) == ["control.sock", "pid"]
    assert "was gone and is made again" in capfd.readouterr().err
    home.close()
    assert not Gateway(path).alive()


def test_only_the_socket_is_made_again_where_the_rest_is_there(path: Path) -> None:
    home = at_home(path)
    (path / "gen-1").mkdir()
    (path / "control.sock").unlink()
    home.step(1.0)
    assert Gateway(path).alive() and (path / "gen-1").is_dir()
    home.close()


def test_a_folder_that_somebody_else_put_there_is_not_used_and_that_is_said_once(
    path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    home = at_home(path)
    shutil.rmtree(path)
    path.mkdir(mode=0o777)
    path.chmod(0o777)
    for number in range(3):
        home.step(1.0 + number * POLL_S)
    assert list(path.iterdir()) == []
    assert capfd.readouterr().err.count("cannot be made again: the runtime folder is open to others") == 1
    path.rmdir()
    home.step(1.0 + 3 * POLL_S)
    assert Gateway(path).alive()
    home.close()
    home.close()


def test_it_is_looked_for_now_and_then_only(path: Path) -> None:
    home = at_home(path)
    home.step(10.0)
    (path / "control.sock").unlink()
    home.step(10.0 + POLL_S / 2)
    assert not (path / "control.sock").exists()
    home.step(10.0 + POLL_S)
    assert Gateway(path).alive()
    home.close()


def test_a_key_with_a_password_is_refused_instead_of_asking_at_the_terminal(tmp_path: Path) -> None:
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-passout", "pass:secret", "-days", "2",
                    "-subj", "/CN=x", "-keyout", str(key), "-out", str(certificate)], check=True, capture_output=True)
    order = Order(Document("a", "", {}, {}), str(tmp_path), ssl_certfile=str(certificate), ssl_keyfile=str(key))
    with pytest.raises(OSError):
        Certificate(order).load()
    assert Certificate(Order(order.generation, str(tmp_path))).load() is None
