"""When rows of the registry that workers saw change are worth a reload."""

# The same change is tried again after so long: what refused it may have been a database that was away.
_AGAIN_S = 300.0


class RowChanges:
    """Remembers for which digest of rows a reload was asked, so that many workers ask for one."""

    def __init__(self) -> None:
        self._digest: str | None = None
        self._asked_at = 0.0

    def due(self, digest: str | None, now: float) -> bool:
        """Return whether a reload is to be asked for because a worker saw ``digest``; None: nobody saw anything."""
        if digest is None or (digest == self._digest and now - self._asked_at < _AGAIN_S):
            return False
        self._digest, self._asked_at = digest, now
        return True
