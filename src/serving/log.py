"""Lifecycle lines of the serving process, on stderr; request lines are others' and go to stdout."""

import sys
from dataclasses import dataclass

from ..config.lines import event_line


@dataclass(frozen=True)
class Log:
    """Writes one line per event, as text or JSON."""

    as_json: bool = False

    def __call__(self, event: str, text: str, **fields: object) -> None:
        """Write ``text`` under the stable name ``event``; ``fields`` are shown in JSON only."""
        self.raw(event_line(event, text, fields, self.as_json))

    def raw(self, line: str) -> None:
        """Write a line that already has its form."""
        print(line, file=sys.stderr, flush=True)
