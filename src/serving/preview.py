"""What a reload would change, without one: the sources are read again and compared, and nothing is proposed."""

from collections.abc import Callable, Mapping

from .control import Connection
from .difference import environment_differences
from .generation import Generation
from .loop import Loop
from .order import Document, Order
from .renderer import Rendered, Renderer

_NOTHING = "no configuration is served yet"


class Previews:
    """Answers who asks for the configuration, or for what a reload would change; one reading at a time."""

    def __init__(self, order: Order, start: Mapping[str, str], read_names: frozenset[str],
                 current: Callable[[], Generation | None], loop: Loop) -> None:
        self._order, self._start, self._read_names = order, start, read_names
        self._current, self._loop = current, loop
        self._queued: list[Connection] = []
        self._answered: list[Connection] = []
        self._renderer: Renderer | None = None

    def configuration(self) -> dict[str, object]:
        """Return the configuration that is served: no secret is in it, only their names."""
        current = self._current()
        return {"ok": False, "message": _NOTHING} if current is None else {"ok": True, **_shown(current.document)}

    def ask(self, connection: Connection) -> None:
        """Ask what a reload would change."""
        self._queued.append(connection)

    def step(self, now: float) -> None:
        """Do what can be done now."""
        if self._renderer is not None:
            rendered = self._renderer.result(now)
            if rendered is not None:
                self._renderer = None
                self._answer(self._compared(rendered))
        elif self._queued:
            self._begin(now)

    def cancel(self) -> None:
        """Give up what is under way: the gateway stops."""
        if self._renderer is not None:
            self._renderer.cancel()
            self._renderer = None

    def _begin(self, now: float) -> None:
        self._answered, self._queued = self._queued, []
        try:
            self._renderer = Renderer(self._order.renderer, self._start, self._loop, now)
        except (OSError, ValueError, IndexError) as error:
            self._answer(self._refused((f"the configuration cannot be read again: {error}",)))

    def _compared(self, rendered: Rendered) -> dict[str, object]:
        current = self._current()
        if current is None:
            return {"ok": False, "message": _NOTHING}
        if rendered.document is None:
            return self._refused(rendered.reasons)
        old, new = current.document, rendered.document
        return {"ok": True, "old": _shown(old), "new": _shown(new),
                "environment": environment_differences(old, new, self._start, self._read_names)}

    def _refused(self, reasons: tuple[str, ...]) -> dict[str, object]:
        current = self._current()
        lines = [current.scrubber(reason) for reason in reasons] if current is not None else []
        return {"ok": False, "message": "a reload would refuse what is declared now", "lines": lines}

    def _answer(self, message: dict[str, object]) -> None:
        for connection in self._answered:
            connection.answer(message)
        self._answered = []


def _shown(document: Document) -> dict[str, object]:
    return {"hash": document.hash, "plan": dict(document.plan), "yaml": document.yaml}
