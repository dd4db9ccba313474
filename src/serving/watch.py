"""Noticing that a watched file changed: by its identity, size and time, every half second."""

import os
from collections.abc import Iterable

POLL_S = 0.5
Signature = tuple[int, int, int] | None


class Watch:
    """Says once that files have changed, when they have been still for one poll."""

    def __init__(self, paths: Iterable[str]) -> None:
        self._paths = tuple(paths)
        self._known = self._seen = self._look()
        self._next = 0.0

    def changed(self, now: float) -> bool:
        """Return whether something changed since the last True, and has been still since the last poll."""
        if not self._paths or now < self._next:
            return False
        self._next = now + POLL_S
        seen, self._seen = self._seen, self._look()
        if self._seen != seen or self._seen == self._known:
            return False
        self._known = self._seen
        return True

    def _look(self) -> tuple[Signature, ...]:
        return signatures(self._paths)


def signatures(paths: Iterable[str]) -> tuple[Signature, ...]:
    """Return what tells whether the files are still the same; None for one that is not there."""
    return tuple(_signature(path) for path in paths)


def _signature(path: str) -> Signature:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns
