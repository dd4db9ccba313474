"""Lifecycle lines of the serving process, on stderr; request lines are others' and go to stdout."""

import contextlib
import os
from collections.abc import Sequence
from dataclasses import dataclass

from ..config.lines import event_line, restamped


_STDERR = 2


@dataclass(frozen=True)
class Log:
    """Writes one line per event, as text or JSON."""

    as_json: bool = False

    def __call__(self, event: str, text: str, **fields: object) -> None:
        """Write ``text`` under the stable name ``event``; ``fields`` are shown in JSON only."""
        self.raw(event_line(event, text, fields, self.as_json))

    def block(self, event: str, text: str, lines: Sequence[str]) -> None:
        """Write ``text`` with ``lines`` below it; in JSON they are a field of the one object."""
        self(event, text, lines=list(lines))
        if not self.as_json:
            for line in lines:
                self(event, "  " + line)

    def prepared(self, line: str) -> None:
        """Write a line that the launcher made, with the time of now."""
        self.raw(restamped(line) if self.as_json else line)

    def raw(self, line: str) -> None:
        """Write a line that already has its form."""
        # Whoever read it is gone, or the disk is full: serving goes on. Not through sys.stderr, which would keep the
        # line and fail again at every flush.
        with contextlib.suppress(OSError):
            os.write(_STDERR, f"{line}\n".encode(errors="backslashreplace"))
