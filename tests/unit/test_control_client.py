"""Finding running gateways by their control sockets, asking them, and the commands that do so."""

import json
import socket
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from src.cli.context import Invocation
from src.cli.operate import reload, status, stop
from src.control import Gateway, NotReached, find, running
from src.errors import GatewayError, UsageProblem

STATUS = {
    "ok": True, "pid": 41, "state": "serving", "uptime_s": 3725.2, "version": "0.1.0", "url": "http://127.0.0.1:4000",
    "config": "0123456789ab", "generation": 2, "draining": [1],
    "reloads": {"accepted": 1, "refused": 0, "unchanged": 2},
    "workers": [
        {"pid": 42, "state": "serving", "generation": 2, "age_s": 65.0, "requests": 7, "rss_bytes": 300 * 2**20},
        {"pid": 43, "state": "draining", "generation": 1, "age_s": 5.9, "requests": 1200, "rss_bytes": None},
    ],
}


class Fake:
    """Answers on a control socket as a gateway does: with the given lines, then the connection ends."""

    def __init__(self, folder: Path, *lines: dict[str, Any]) -> None:
        folder.mkdir(parents=True)
        self.lines, self.heard = lines, list[bytes]()
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.bind(str(folder / "control.sock"))
        self.socket.listen()
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            with connection:
                if data := connection.recv(4096):
                    self.heard.append(data)
                    connection.sendall(b"".join(json.dumps(line).encode() + b"\n" for line in self.lines))


@pytest.fixture
def root() -> Iterator[Path]:
    """A folder with a short path: sockets allow about a hundred bytes."""
    with tempfile.TemporaryDirectory(prefix="lg-") as name:
        yield Path(name)


@pytest.fixture
def environ(root: Path) -> dict[str, str]:
    return {"GATEWAY_RUNTIME_DIR": str(root)}


def dead(folder: Path) -> None:
    """Leave what a killed gateway leaves."""
    folder.mkdir()
    (folder / "gen-1").mkdir()
    with socket.socket(socket.AF_UNIX) as gone:
        gone.bind(str(folder / "control.sock"))


def test_the_only_gateway_needs_no_port(root: Path, environ: dict[str, str]) -> None:
    Fake(root / "4000", STATUS)
    assert find(environ).port == "4000"
    assert find(environ).ask("status") == STATUS


def test_of_several_one_is_chosen_by_port(root: Path, environ: dict[str, str]) -> None:
    for port in ("4000", "500", "4001"):
        Fake(root / port, STATUS)
    assert [gateway.port for gateway in running(environ)] == ["500", "4000", "4001"]
    assert find(environ, 4001).port == "4001"
    with pytest.raises(UsageProblem, match="on the ports 500, 4000, 4001") as caught:
        find(environ)
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(("port", "said"), [(None, "runs here"), (4002, "runs on port 4002")])
def test_none_is_exit_code_3(environ: dict[str, str], port: int | None, said: str) -> None:
    with pytest.raises(NotReached, match=said) as caught:
        find(environ, port)
    assert caught.value.exit_code == 3


def test_no_folder_at_all_is_no_gateway(root: Path) -> None:
    assert running({"GATEWAY_RUNTIME_DIR": str(root / "missing")}) == []


def test_dead_ones_are_removed_and_strange_ones_are_not(root: Path, environ: dict[str, str]) -> None:
    dead(root / "4000")
    (root / "4001").mkdir()  # one that is just starting has no socket yet
    (root / "notes").mkdir()
    (root / "4002").symlink_to(root / "notes")
    assert running(environ) == []
    assert sorted(path.name for path in root.iterdir()) == ["4001", "4002", "notes"]


def test_a_gateway_that_ends_without_an_answer_is_said(root: Path) -> None:
    Fake(root / "4000")
    with pytest.raises(NotReached, match="ended before it answered `reload`"):
        Gateway(root / "4000").ask("reload")


def test_a_gateway_that_does_not_answer_in_time_is_said(root: Path) -> None:
    """Its process is stopped: the kernel still connects whoever asks."""
    with socket.socket(socket.AF_UNIX) as stopped:
        (root / "4000").mkdir()
        stopped.bind(str(root / "4000" / "control.sock"))
        stopped.listen()
        with pytest.raises(NotReached, match="port 4000 does not answer `status`") as caught:
            Gateway(root / "4000").ask("status", timeout=0.05)
    assert caught.value.exit_code == 3


def test_an_answer_in_pieces_is_put_together(root: Path) -> None:
    long = {"ok": True, "lines": ["x" * 200_000]}
    Fake(root / "4000", {"progress": "one"}, {"progress": "two"}, long)
    said: list[str] = []
    assert Gateway(root / "4000").ask("reload", said.append) == long
    assert said == ["one", "two"]


def run(command: Any, environ: dict[str, str], *arguments: str, cwd: Path = Path()) -> Result:
    invocation = Invocation(environ=environ, package="src", cwd=cwd)
    return CliRunner().invoke(command, list(arguments), obj=invocation)


def test_status_for_people(root: Path, environ: dict[str, str]) -> None:
    Fake(root / "4000", STATUS)
    result = run(status, environ)
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "http://127.0.0.1:4000  serving",
        "  version   0.1.0",
        "  pid       41",
        "  uptime    1 h 2 min",
        "  config    0123456789ab (generation 2)",
        "  draining  1",
        "  reloads   1 accepted, 0 refused, 2 unchanged",
        "WORKER  STATE     GENERATION  AGE        REQUESTS  RSS",
        "42      serving   2           1 min 5 s  7         300 MiB",
        "43      draining  1           5 s        1200      ?",
    ]


@pytest.mark.parametrize(("dotenv", "code"), [
    ("GATEWAY_RUNTIME_DIR={root}\n", 0), ("PORT=4000\n", 3), ("a folder", 3), (None, 3),
])
def test_the_runtime_folder_that_the_dotenv_file_declares_is_looked_at(
    root: Path, tmp_path: Path, dotenv: str | None, code: int
) -> None:
    Fake(root / "4000", STATUS)
    if dotenv == "a folder":
        (tmp_path / ".env").mkdir()
    elif dotenv is not None:
        (tmp_path / ".env").write_text(dotenv.format(root=root))
    elsewhere = {"XDG_RUNTIME_DIR": str(tmp_path / "run"), "GATEWAY_RUNTIME_DIR": ""}
    result = run(status, elsewhere, cwd=tmp_path)
    found = 0 if result.exception is None else getattr(result.exception, "exit_code", 1)
    assert found == code
    in_the_environment = run(status, {**elsewhere, "GATEWAY_RUNTIME_DIR": str(tmp_path / "other")}, cwd=tmp_path)
    assert isinstance(in_the_environment.exception, NotReached), "the environment wins"


def test_status_for_scripts(root: Path, environ: dict[str, str]) -> None:
    Fake(root / "4000", STATUS)
    assert json.loads(run(status, environ, "--json", "--port", "4000").stdout) == STATUS


def test_status_of_a_gateway_that_starts(root: Path, environ: dict[str, str]) -> None:
    Fake(root / "4000", STATUS | {"state": "starting", "config": None, "generation": None, "draining": []})
    lines = run(status, environ).stdout.splitlines()
    assert "  config    none yet (generation none yet)" in lines and "  draining  none" in lines


def test_stop_waits_for_the_end(root: Path, environ: dict[str, str]) -> None:
    fake = Fake(root / "4000", {"ok": True, "pid": 41})
    result = run(stop, environ)
    assert (result.exit_code, result.stdout) == (0, "the gateway on port 4000 (pid 41) has stopped\n")
    assert fake.heard == [b'{"command": "stop"}\n']


@pytest.mark.parametrize(("answer", "code", "stdout", "stderr"), [
    ({"ok": True, "message": "accepted", "lines": ["model a: added"]}, 0, "accepted\n  model a: added\n", "waiting\n"),
    ({"ok": False, "message": "refused", "lines": ["why"]}, 1, "", "waiting\nrefused\n  why\n"),
])
def test_reload_tells_the_outcome(
    root: Path, environ: dict[str, str], answer: dict[str, Any], code: int, stdout: str, stderr: str
) -> None:
    Fake(root / "4000", {"progress": "waiting"}, answer)
    result = run(reload, environ)
    assert (result.exit_code, result.stdout, result.stderr) == (code, stdout, stderr)


@pytest.mark.parametrize("command", [status, stop, reload])
def test_where_processes_cannot_be_forked_the_commands_say_so(
    environ: dict[str, str], command: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr("os.fork")
    error = run(command, environ).exception
    assert isinstance(error, GatewayError)
    assert error.exit_code == 2 and "not available on Windows" in error.text()
