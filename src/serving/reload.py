"""Reloading: read the sources again, say what differs, let a canary try it, and tell whoever asked.

Requests that arrive while one reload is under way are answered together by the next one, because the sources may have
changed after they were read.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ..errors import NotStarted
from .app import Proxy
from .certificate import Certificate
from .control import Connection
from .difference import differences
from .fleet import Fleet
from .folder import make
from .generation import Generation, prepare
from .log import Log
from .loop import Loop
from .order import Document, Order
from .renderer import Renderer

MOST_DRAINING = 2
_STOPPING = "the gateway stops: nothing is read again"


@dataclass
class Counts:
    """How the reloads since the start ended."""

    accepted: int = 0
    refused: int = 0
    unchanged: int = 0


class Reloads:
    """Takes requests to reload and carries them out, one at a time."""

    def __init__(
        self, order: Order, start: Mapping[str, str], proxy: Proxy, fleet: Callable[[], Fleet], loop: Loop, log: Log
    ) -> None:
        self._order, self._start, self._proxy, self._fleet = order, start, proxy, fleet
        self._loop, self._log = loop, log
        self.counts = Counts()
        self.number = 0
        self._asked = self._waiting_said = self._stopped = False
        self._switching = ""
        self._queued: list[Connection] = []
        self._answered: list[Connection] = []
        self._renderer: Renderer | None = None
        self._lines: list[str] = []
        self._certificate = Certificate(order)
        self._certified = self._proposed = self._certificate.signature()

    def first(self) -> None:
        """Propose the configuration that came with the order. Raises OSError where its files cannot be used."""
        self._fleet().propose(self._prepare(self._order.generation))

    def ask(self, why: str, connection: Connection | None = None) -> None:
        """Ask for a reload; ``connection`` hears the outcome."""
        if self._stopped:
            if connection is not None:
                self._queued.append(connection)
                self.cancel()
            return
        self._log("reload_asked", f"reload asked for by {why}")
        self._asked, self._waiting_said = True, False
        if connection is not None:
            self._queued.append(connection)

    def step(self, now: float) -> None:
        """Do what can be done now."""
        if self._renderer is not None:
            self._look_at_renderer(self._renderer, now)
        elif self._switching:
            self._finish_switch()
        elif self._asked and self._fleet().current is not None and self._fleet().candidate is None:
            if len(self._fleet().draining) < MOST_DRAINING:
                self._begin(now)
            elif not self._waiting_said:
                self._wait()

    def verdict(self, generation: Generation, reasons: list[str] | None) -> None:
        """Take the canary's verdict on what was proposed last."""
        if reasons is not None:
            generation.discard()
            if not self._stopped:
                self._refuse(reasons)
        elif generation.number > 1:
            self.counts.accepted += 1
            self._certified = self._proposed
            text = f"configuration {generation.number} ({generation.document.hash}) is accepted"
            self._log.block("reload_accepted", text, self._lines)
            self._switching = text

    def cancel(self) -> None:
        """Give up what is under way: the gateway stops."""
        if self._switching:
            self._answer("accepted", self._switching, self._lines)
        self._asked, self._switching, self._stopped = False, "", True
        if self._renderer is not None:
            self._renderer.cancel()
            self._renderer = None
        self._answered, self._queued = self._answered + self._queued, []
        self._answer("refused", _STOPPING, [])

    def _finish_switch(self) -> None:
        """Answer once new connections can only meet the new configuration, so that the next command finds it."""
        if self._fleet().switched:
            text, self._switching = self._switching, ""
            self._answer("accepted", text, self._lines)

    def _wait(self) -> None:
        self._waiting_said = True
        text = f"configurations {self._fleet().draining} still finish their streams; the reload waits for one of them"
        self._log("reload_waits", text)
        for connection in self._queued:
            connection.answer({"progress": text}, last=False)

    def _begin(self, now: float) -> None:
        self._asked, self._answered, self._queued = False, self._queued, []
        try:
            self._renderer = Renderer(self._order.renderer, self._start, self._loop, now)
        except (OSError, ValueError, IndexError) as error:
            self._refuse([f"the configuration cannot be read again: {error}"])

    def _look_at_renderer(self, renderer: Renderer, now: float) -> None:
        rendered = renderer.result(now)
        if rendered is None:
            return
        self._renderer = None
        if rendered.document is None:
            self._refuse(rendered.reasons)
        else:
            self._consider(rendered.document)

    def _consider(self, document: Document) -> None:
        current = self._fleet().current
        assert current is not None
        self._lines = differences(current.document, document, self._start, self._proxy.read_names)
        if self._certificate.signature() != self._certified:
            self._lines.append("certificate: the files changed")
        if not self._lines:
            self.counts.unchanged += 1
            text = "nothing changed, the configuration stays"
            self._log.block("reload_unchanged", text, [])
            self._answer("unchanged", text, [])
            return
        for note in document.notes:
            self._log("note", note)
        self._propose(document)

    def _propose(self, document: Document) -> None:
        try:
            generation = self._prepare(document)
        except (OSError, NotStarted) as error:
            self._refuse([f"its private files or the certificate cannot be used: {error}"])
            return
        self._fleet().propose(generation)

    def _prepare(self, document: Document) -> Generation:
        self.number += 1
        self._proposed = self._certificate.signature()
        tls, folder = self._certificate.load(), Path(self._order.runtime_dir)
        make(folder)
        return prepare(self.number, document, self._start, folder, tls)

    def _refuse(self, reasons: Iterable[str]) -> None:
        current = self._fleet().current
        if current is None:
            return  # the first start: the parent says it
        self.counts.refused += 1
        scrubbed = [current.scrubber(reason) for reason in reasons]
        text = f"the new configuration is refused, configuration {current.number} keeps serving"
        self._log.block("reload_refused", text, scrubbed)
        self._answer("refused", text, scrubbed)

    def _answer(self, result: str, text: str, lines: list[str]) -> None:
        current = self._fleet().current
        message: dict[str, object] = {
            "ok": result != "refused",
            "result": result,
            "message": text,
            "lines": lines,
            "generation": current.number if current else None,
            "config": current.document.hash if current else None,
        }
        for connection in self._answered:
            connection.answer(message)
        self._answered = []
