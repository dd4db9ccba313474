"""The parent's loop: signals, the renderer's run, the control socket; with real processes and sockets."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from src.control import Gateway
from src.serving.control import Connection, ControlServer
from src.serving.loop import SIGNALS, Loop, Stopped, forking
from src.serving.peer import peer_uid, trusted
from src.serving.renderer import Rendered, Renderer

DOCUMENT = {"version": 1, "hash": "a", "yaml": "", "plan": {}, "env": {}, "unset": []}


@pytest.fixture
def loop() -> Iterator[Loop]:
    """A loop; the handlers of the test process are put back afterwards."""
    handlers = {signum: signal.getsignal(signum) for signum in SIGNALS}
    yield Loop()
    signal.set_wakeup_fd(-1)
    for signum, handler in handlers.items():
        signal.signal(signum, handler)


def turn_until(loop: Loop, done: Callable[[], Any], seconds: float = 30.0) -> Any:
    """Run the loop until ``done`` returns something true."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        loop.turn(0.05)
        if result := done():
            return result
    raise AssertionError("not in time")


def test_signals_are_returned_in_the_order_of_arrival(loop: Loop) -> None:
    for signum in (signal.SIGHUP, signal.SIGTERM):
        os.kill(os.getpid(), signum)
    assert loop.turn(5.0) == [signal.SIGHUP, signal.SIGTERM]
    assert loop.turn(0.0) == []


def test_a_storm_of_signals_swallows_no_other(loop: Loop) -> None:
    for _ in range(2_000):  # more than a wakeup descriptor takes
        os.kill(os.getpid(), signal.SIGHUP)
    os.kill(os.getpid(), signal.SIGTERM)
    assert set(loop.turn(5.0)) == {signal.SIGHUP, signal.SIGTERM}
    assert loop.turn(0.0) == []


def test_a_signal_ends_the_wait(loop: Loop) -> None:
    timer = threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGHUP))
    timer.start()
    assert loop.turn(60.0) == [signal.SIGHUP]
    timer.join()


def test_stopping_interrupts_what_cannot_be_waited_for_and_is_not_forgotten(loop: Loop) -> None:
    with pytest.raises(Stopped), loop.interruptible():
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(30)
    assert loop.turn(0.0) == [signal.SIGTERM]
    os.kill(os.getpid(), signal.SIGTERM)
    assert loop.turn(5.0) == [signal.SIGTERM]


def test_a_signal_during_a_fork_waits_for_its_end(loop: Loop) -> None:
    with forking():
        signal.raise_signal(signal.SIGHUP)  # to this thread: a test process has others, which block nothing
        assert loop.turn(0.0) == []
    assert loop.turn(5.0) == [signal.SIGHUP]


def test_a_callback_may_remove_another_that_is_due(loop: Loop) -> None:
    called = []
    pairs = [socket.socketpair() for _ in range(2)]

    def callback(number: int) -> Callable[[], None]:
        def call() -> None:
            called.append(number)
            for near, _ in pairs:
                loop.remove(near)
        return call

    for number, (near, far) in enumerate(pairs):
        loop.add(near, callback(number))
        far.send(b"x")
    loop.turn(5.0)
    assert len(called) == 1


def test_a_forked_child_closes_what_is_its_parents(loop: Loop) -> None:
    near, far = socket.socketpair()
    read, write = os.pipe()
    loop.add(near, lambda: None)
    loop.add(read, lambda: None)
    pid = os.fork()
    if pid == 0:
        loop.abandon()
        os._exit(0 if near.fileno() == -1 and closed(read) and not closed(write) else 1)
    assert os.waitpid(pid, 0)[1] == 0
    assert near.fileno() != -1 and not closed(read)
    for fd in (read, write):
        os.close(fd)
    near.close()
    far.close()


def closed(fd: int) -> bool:
    try:
        os.fstat(fd)
    except OSError:
        return True
    return False


def rendered(loop: Loop, code: str, **environ: str) -> Rendered:
    renderer = Renderer([sys.executable, "-c", code], environ, loop, time.monotonic())
    result = turn_until(loop, lambda: renderer.result(time.monotonic()))
    assert isinstance(result, Rendered)
    return result


def test_a_rendered_document_is_read(loop: Loop) -> None:
    size = 300_000  # more than a pipe holds
    result = rendered(loop, f"import json; print(json.dumps({DOCUMENT!r} | {{'yaml': 'x' * {size}}}))")
    assert result.document is not None and len(result.document.yaml) == size


def test_the_renderer_sees_the_start_environment_only(loop: Loop) -> None:
    code = f"import json, os; print(json.dumps({DOCUMENT!r} | {{'env': dict(os.environ)}}))"
    result = rendered(loop, code, ONLY="this")
    assert result.document is not None
    assert set(result.document.environ) - {"LC_CTYPE", "__CF_USER_TEXT_ENCODING"} == {"ONLY"}


@pytest.mark.parametrize(("code", "reasons"), [
    ("import sys; print('one\\ntwo', file=sys.stderr); sys.exit(2)", ("one", "two")),
    ("import sys; sys.exit(2)", ("reading the configuration ended with exit code 2",)),
    ("print('no json')", ("the launch document cannot be read: Malformed",)),
    ("import sys; sys.stdout.buffer.write(bytes([255]))", ("the launch document cannot be read: UnicodeDecodeError",)),
])
def test_reasons_why_there_is_no_document(loop: Loop, code: str, reasons: tuple[str, ...]) -> None:
    assert rendered(loop, code) == Rendered(None, reasons)


def test_a_renderer_that_hangs_is_ended(loop: Loop) -> None:
    began = time.monotonic()
    renderer = Renderer([sys.executable, "-c", "import time; time.sleep(600)"], {}, loop, began)
    assert renderer.result(began + 1) is None
    assert renderer.result(began + 61) == Rendered(None, ("the configuration was not read within 60 s",))
    assert loop.turn(0.1) in ([], [signal.SIGCHLD])


class Served:
    """A control server in this thread and a client in another."""

    def __init__(self, loop: Loop, folder: Path, handle: Callable[[str, Connection], None]) -> None:
        self.loop, self.gateway = loop, Gateway(folder)
        self.server = ControlServer(folder / "control.sock", loop, handle)

    def ask(self, command: str, *more: Any) -> dict[str, Any]:
        answers: list[dict[str, Any]] = []
        client = threading.Thread(target=lambda: answers.append(self.gateway.ask(command, *more)))
        client.start()
        turn_until(self.loop, lambda: not client.is_alive())
        return answers[0]


def test_the_control_socket_answers_with_one_object(loop: Loop, tmp_path: Path) -> None:
    served = Served(loop, tmp_path, lambda command, connection: connection.answer({"asked": command}))
    assert served.ask("status") == {"asked": "status"}
    assert served.ask("stop") == {"asked": "stop"}
    assert (tmp_path / "control.sock").stat().st_mode & 0o777 == 0o600
    served.server.close()
    assert not served.gateway.alive()


def test_progress_is_told_before_the_answer(loop: Loop, tmp_path: Path) -> None:
    def handle(command: str, connection: Connection) -> None:
        connection.answer({"progress": "waiting"}, last=False)
        connection.answer({"ok": True})
        connection.answer({"ok": "too late, and nobody minds"})

    said: list[str] = []
    assert Served(loop, tmp_path, handle).ask("reload", said.append) == {"ok": True}
    assert said == ["waiting"]


@pytest.mark.parametrize(("sent", "command"), [
    (b"nonsense\n", ""), (b"[]\n", ""), (b"{}\n", ""), (b'{"command": "status"}\n{"command"', "status"),
])
def test_what_is_no_command_does_no_harm(loop: Loop, tmp_path: Path, sent: bytes, command: str) -> None:
    heard: list[str] = []
    ControlServer(tmp_path / "control.sock", loop, lambda word, connection: heard.append(word))
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(tmp_path / "control.sock"))
        client.sendall(sent)
        turn_until(loop, lambda: heard)
    assert heard == [command]


@pytest.mark.parametrize("sent", [b"x" * 5000, b""], ids=["endless line", "gone at once"])
def test_a_client_that_says_too_much_or_nothing_is_dropped(loop: Loop, tmp_path: Path, sent: bytes) -> None:
    ControlServer(tmp_path / "control.sock", loop, lambda word, connection: connection.answer({"heard": word}))
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(tmp_path / "control.sock"))
        client.sendall(sent)
        client.shutdown(socket.SHUT_WR)
        client.settimeout(0.05)

        def dropped() -> bool:
            try:
                return client.recv(1) == b""
            except TimeoutError:
                return False

        turn_until(loop, dropped)


def test_an_answer_to_a_client_that_has_gone_is_nobodys_problem(loop: Loop, tmp_path: Path) -> None:
    heard: list[Connection] = []
    ControlServer(tmp_path / "control.sock", loop, lambda word, connection: heard.append(connection))
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(tmp_path / "control.sock"))
        client.sendall(b'{"command": "reload"}\n')
        turn_until(loop, lambda: heard)
    heard[0].answer({"ok": True})
    loop.turn(0.1)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become somebody else")
def test_another_users_process_is_not_answered(loop: Loop) -> None:
    heard: list[str] = []
    with tempfile.TemporaryDirectory(prefix="lg-") as name:
        Path(name).chmod(0o711)
        path = Path(name, "control.sock")
        ControlServer(path, loop, lambda word, connection: heard.append(word))
        path.chmod(0o666)  # what keeps others out before they are asked for their uid
        code = ("import os, socket, sys\nos.setuid(65534)\nclient = socket.socket(socket.AF_UNIX)\n"
                "client.connect(sys.argv[1])\ntry:\n    client.sendall(b'{\"command\": \"stop\"}\\n')\n"
                "    sys.exit(client.recv(1) != b'')\nexcept (BrokenPipeError, ConnectionResetError):\n    pass\n")
        stranger = subprocess.Popen([sys.executable, "-c", code, str(path)])
        turn_until(loop, lambda: stranger.poll() is not None)
    assert (stranger.returncode, heard) == (0, [])


def test_the_peer_of_a_local_socket_is_known_by_its_uid() -> None:
    near, far = socket.socketpair()
    assert peer_uid(near) == os.getuid()
    assert trusted(near)
    near.close()
    far.close()


def test_a_signal_from_before_the_loop_is_not_lost() -> None:
    code = ("import os, signal\n"
            "signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGTERM,))\n"
            "os.kill(os.getpid(), signal.SIGTERM)\n"
            "from src.serving.loop import Loop\n"
            "print(Loop().turn(10))\n")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, f"[{int(signal.SIGTERM)}]"), done.stderr
