"""When rows of the registry that workers saw change are worth a reload."""

# The same change is tried again, less and less often: what refused it may have been a database that was away.
_FIRST_WAIT_S, _LONGEST_WAIT_S = 10.0, 300.0


class RowChanges:
    """Remembers for which digest of rows a reload was asked, so that many workers ask for one."""

    def __init__(self) -> None:
        self._digest: str | None = None
        self._again_at = 0.0
        self._wait_s = _FIRST_WAIT_S

    def due(self, digest: str | None, now: float) -> bool:
        """Return whether a reload is to be asked for because a worker saw ``digest``; None: nobody saw anything."""
        if digest is None or (digest == self._digest and now < self._again_at):
            return False
        self._wait_s = min(2 * self._wait_s, _LONGEST_WAIT_S) if digest == self._digest else _FIRST_WAIT_S
        self._digest, self._again_at = digest, now + self._wait_s
        return True
