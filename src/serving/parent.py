"""The parent: holds the listening socket, imports LiteLLM once, forks workers, and never serves a request itself."""

import os
import signal
import socket
import time
from collections.abc import Mapping
from pathlib import Path

from .. import __version__
from ..errors import EXIT_INTERRUPTED, EXIT_NOT_STARTED, EXIT_OK, NotStarted
from . import app, folder
from .capture import Capture
from .child import forker
from .control import Connection, Handler
from .fleet import Fleet
from .generation import Generation, overlay
from .home import Home
from .log import Log
from .loop import Loop, Stopped
from .order import Document, Order
from .preview import Previews
from .reload import Reloads
from .rows import RowChanges
from .shares import Shares
from .watch import Watch
from .worker import Job

TICK_S = 0.2


class Parent:
    """One running gateway."""

    def __init__(
        self, order: Order, start: Mapping[str, str], loop: Loop, proxy: app.Proxy, log: Log, began: float,
        watch: Watch, home: Home
    ) -> None:
        assert order.listener_fd is not None
        self._order, self._loop, self._log = order, loop, log
        self._listener = socket.socket(fileno=order.listener_fd)
        self._listener.setblocking(False)
        self._began = began
        job = Job(order, proxy, self._listener, os.getpid())
        self._reloads = Reloads(order, start, proxy, lambda: self._fleet, loop, log)
        self._fleet = Fleet(order, forker(job, loop, Shares()), loop, log, self._verdict)
        self._previews = Previews(order, start, proxy.read_names, lambda: self._fleet.current, loop)
        self._watch, self._home = watch, home
        self._rows = RowChanges()
        self._exit: int | None = None
        self._ending: int | None = None  # the exit code, once nothing may be started any more
        self._announced = False

    def run(self) -> int:
        """Serve until told to stop; return the exit code."""
        try:
            self._reloads.first()
        except OSError as error:
            self._give_up("the private files or the certificate cannot be used", [str(error)])
        while self._exit is None:
            signals = self._loop.turn(TICK_S)
            for signum in signals:
                self._signal(signum)
            self._step(time.monotonic())
        return self._exit

    def handle(self, command: str, connection: Connection) -> None:
        """Answer one command from the control socket."""
        if command == "status":
            connection.answer(self._status())
        elif command == "reload":
            self._reloads.ask("the control socket", connection)
        elif command == "configuration":
            connection.answer(self._previews.configuration())
        elif command == "difference":
            self._previews.ask(connection)
        elif command == "stop":
            connection.answer({"ok": True, "pid": os.getpid()}, last=False)  # ends when this process does
            self._stop(signal.SIGTERM)
        else:
            connection.answer({"ok": False, "message": "unknown command"})

    def _status(self) -> dict[str, object]:
        now, current, counts = time.monotonic(), self._fleet.current, self._reloads.counts
        return {
            "ok": True,
            "pid": os.getpid(),
            "state": self._state(),
            "uptime_s": round(now - self._began, 1),
            "version": __version__,
            "url": self._order.url,
            "config": current.document.hash if current else None,
            "generation": current.number if current else None,
            "draining": self._fleet.draining,
            "reloads": {"accepted": counts.accepted, "refused": counts.refused, "unchanged": counts.unchanged},
            "workers": self._fleet.status(now),
        }

    def _state(self) -> str:
        if self._ending is not None:
            return "stopping"
        return "serving" if self._announced else "starting"

    def _signal(self, signum: int) -> None:
        if signum == signal.SIGHUP and self._ending is None:
            self._reloads.ask("SIGHUP")
        elif signum in (signal.SIGTERM, signal.SIGINT):
            if self._ending is None:
                self._stop(signum)
            else:
                self._log("killing", "a second signal: everything ends at once")
                self._fleet.kill()

    def _stop(self, signum: int) -> None:
        if self._ending is not None:
            return
        self._ending = EXIT_INTERRUPTED if signum == signal.SIGINT else EXIT_OK
        self._log("stopping", f"stopping: streams may finish within {self._order.grace:g} s")
        self._listener.close()
        self._reloads.cancel()
        self._previews.cancel()
        self._fleet.stop(time.monotonic())

    def _step(self, now: float) -> None:
        self._home.step(now)
        self._fleet.step(now)
        if self._ending is not None:
            if not self._fleet.children:
                self._exit = self._ending
            return
        if self._watch.changed(now):
            self._reloads.ask("a changed file")
        if self._rows.due(self._fleet.changed_rows(), now):
            self._reloads.ask("changed rows of the registry")
        self._reloads.step(now)
        self._previews.step(now)
        self._announce()
        if self._fleet.hopeless:
            self._give_up("no worker stays up", self._fleet.last_words)

    def _announce(self) -> None:
        if not self._announced and self._fleet.complete:
            self._announced = True
            if self._order.ready_line:
                self._log.prepared(self._order.ready_line)

    def _verdict(self, generation: Generation, reasons: list[str] | None) -> None:
        if reasons is not None and self._fleet.current is None and self._ending is None:
            self._give_up("LiteLLM did not boot", reasons)
        self._reloads.verdict(generation, reasons)

    def _give_up(self, what: str, reasons: list[str]) -> None:
        self._log.block("not_started", f"{what}: the gateway ends", reasons)
        self._ending = EXIT_NOT_STARTED
        self._fleet.kill()


def serve(order: Order, start: Mapping[str, str]) -> int:
    """Run the gateway of ``order`` and return the exit code; raise ``NotStarted`` where its folder is not ours."""
    log, loop, path, began = Log(order.log_json), Loop(), Path(order.runtime_dir), time.monotonic()
    made_root = folder.claim(path)
    try:
        watch = Watch(order.watch)  # before the import: what changes meanwhile is a change
        home = _home(path, loop, log, lambda command, who: parent.handle(command, who))
        with loop.interruptible():
            proxy = _import(order.generation, start, log)
        parent = Parent(order, start, loop, proxy, log, began, watch, home)
        code = parent.run()
        home.close()
        return code
    except Stopped as stopped:
        return EXIT_INTERRUPTED if stopped.args == (signal.SIGINT,) else EXIT_OK
    finally:
        folder.release(path, made_root)


def _home(path: Path, loop: Loop, log: Log, handle: Handler) -> Home:
    try:
        return Home(path, loop, log, handle)
    except OSError as error:
        raise NotStarted(f"the control socket cannot be made: {error}", str(path), "make room there") from error


def _import(document: Document, start: Mapping[str, str], log: Log) -> app.Proxy:
    """Import LiteLLM in the environment of the first configuration, but for the secrets that come from files."""
    secret = {name for name in document.secret_names if name not in start}
    environ = {name: value for name, value in overlay(start, document).items() if name not in secret}
    capture = Capture.make()
    capture.begin()
    try:
        proxy = app.load(environ)
    except Exception as error:
        repair = "install the gateway's own requirements again"
        raise NotStarted(f"LiteLLM cannot be imported: {error!r}", repair=repair) from error
    finally:
        capture.end()
        capture.close()
    if (count := app.threads()) > 1:
        log("threads", f"{count} threads run after the import of LiteLLM: forking is not safe", threads=count)
    return proxy
