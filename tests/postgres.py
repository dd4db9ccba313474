"""A throw-away PostgreSQL for one test run, where its programs are installed; the machine's own server is left alone.

Standard library only, like `run.py`, which uses it.
"""
import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path
from typing import Callable, Iterator, Optional

VARIABLE = "GATEWAY_TEST_POSTGRES_URL"


def programs() -> Optional[Path]:
    """Return the folder of `initdb` and `pg_ctl`: Debian keeps them off the PATH."""
    found = [str(path) for path in sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))]
    initdb = found[-1] if found else shutil.which("initdb")
    return Path(initdb).parent if initdb else None


def free_port() -> int:
    """Return a port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Server:
    """One cluster in a temporary folder, for this machine only and without durability."""

    def __init__(self, folder: Path, binaries: Path) -> None:
        self.folder, self.binaries, self.port = folder, binaries, free_port()
        # PostgreSQL refuses to run as root.
        root = hasattr(os, "geteuid") and os.geteuid() == 0
        self.as_user = ["runuser", "-u", "postgres", "--"] if root else []
        if root:
            shutil.chown(str(folder), "postgres")

    def start(self) -> str:
        """Make the cluster, start it, and return the URL of its first database."""
        self._run("initdb", "-D", str(self.folder / "data"), "-U", "postgres", "-A", "trust", "--no-sync")
        options = "-p {} -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c fsync=off"
        self._run("pg_ctl", "-D", str(self.folder / "data"), "-l", str(self.folder / "log"), "-w",
                  "-o", options.format(self.port), "start")
        return "postgresql://postgres@127.0.0.1:{}/postgres".format(self.port)

    def stop(self) -> None:
        """Stop it and whoever still uses it."""
        self._run("pg_ctl", "-D", str(self.folder / "data"), "-m", "immediate", "-w", "stop")

    def _run(self, name: str, *arguments: str) -> None:
        log = self.folder / (name + ".output")
        with log.open("ab") as output:
            subprocess.run(self.as_user + [str(self.binaries / name)] + list(arguments), cwd="/", check=True,
                           stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, timeout=120)


@contextlib.contextmanager
def postgres(report: Callable[[str], None]) -> Iterator[Optional[str]]:
    """Yield the URL of a server for tests, None where there is none.

    It is the one that GATEWAY_TEST_POSTGRES_URL names, else one of our own; ``report`` is told why there is none.
    """
    if os.environ.get(VARIABLE):
        yield os.environ[VARIABLE]
        return
    binaries = programs()
    if binaries is None:
        report("No PostgreSQL server is installed here: the tests that need one are skipped.")
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="gateway-postgres-", ignore_cleanup_errors=True) as name:
        try:
            server = Server(Path(name), binaries)
            url = server.start()
        except (OSError, LookupError, subprocess.SubprocessError) as error:
            report("PostgreSQL did not start, the tests that need it are skipped: {}".format(error))
            yield None
            return
        try:
            yield url
        finally:
            server.stop()
