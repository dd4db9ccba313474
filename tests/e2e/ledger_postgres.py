"""A PostgreSQL of one's own, to be stopped and started; the machine's stays as it is."""

import os
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path

import pytest

from .gateway import free_port, until


def binaries() -> Path:
    """Return the folder of `initdb` and `pg_ctl`; without it the test is skipped, in CI it fails."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    path = Path(found[-1]) if found else shutil.which("initdb")
    if path is None:
        reason = "no initdb on this machine: install PostgreSQL's server"
        assert os.environ.get("CI", "").lower() not in ("1", "true"), reason
        pytest.skip(reason)
    return Path(path).parent


class Cluster:
    """A context manager; ``url`` is its database."""

    def __init__(self) -> None:
        self._bin = binaries()
        self._folder = Path(tempfile.mkdtemp(prefix="lg-pg-"))
        self._port = free_port()
        # PostgreSQL refuses to run as root.
        self._as = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []

    @property
    def url(self) -> str:
        """Return the URL of the database `postgres`."""
        return f"postgresql://postgres@127.0.0.1:{self._port}/postgres"

    def __enter__(self) -> "Cluster":
        if self._as:
            shutil.chown(self._folder, "postgres")
        self._run("initdb", "-D", str(self._folder / "data"), "-U", "postgres", "-A", "trust", "--no-sync")
        self.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    def start(self) -> None:
        """Start the server and wait until it answers."""
        options = f"-p {self._port} -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c fsync=off"
        log = str(self._folder / "log")
        self._run("pg_ctl", "-D", str(self._folder / "data"), "-o", options, "-l", log, "-w", "start")
        until(self._answers, "PostgreSQL")

    def stop(self) -> None:
        """Stop the server at once, cutting its connections."""
        self._run("pg_ctl", "-D", str(self._folder / "data"), "-m", "immediate", "-w", "stop")

    def _answers(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self._port)) == 0

    def _run(self, name: str, *arguments: str) -> None:
        done = subprocess.run([*self._as, str(self._bin / name), *arguments], cwd="/", stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE if name == "initdb" else subprocess.DEVNULL,
                              stderr=subprocess.STDOUT, timeout=120, text=True)
        assert done.returncode == 0, f"{name}: {done.stdout}"
