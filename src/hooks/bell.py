"""How a thread of ours is woken, or rather not: while there is something to do it looks by itself now and then.

To wake a thread for each request would cost more than what it does with it; to look while nothing happens would keep
an idle machine awake.
"""

from collections.abc import Sized
from threading import Lock

# So many times a thread finds nothing before it sleeps until it is woken.
_PATIENCE = 20


class Bell:
    """Between those that put something into ``queue`` and the one thread that waits here."""

    def __init__(self, queue: Sized, seconds: float) -> None:
        self._queue, self._seconds = queue, seconds
        self._lock = Lock()
        self._lock.acquire()
        self._asleep, self._in_vain = False, _PATIENCE

    @property
    def asleep(self) -> bool:
        """Tell whether the thread waits until something is put."""
        return self._asleep

    def put(self) -> None:
        """Say that something was put into the queue; it is seen within ``seconds``."""
        if self._asleep:
            self.ring()

    def ring(self) -> None:
        """Wake the thread at once, or let it not wait the next time."""
        try:
            self._lock.release()
        except RuntimeError:  # it was rung for already
            pass

    def wait(self) -> None:
        """Wait for ``seconds`` or a ring; once nothing came for long, until something is put."""
        if self._in_vain < _PATIENCE:
            self._lock.acquire(timeout=self._seconds)
            self._in_vain = 0 if self._queue else self._in_vain + 1
            return
        self._asleep = True
        if not self._queue:  # put before anybody could see that nobody looks
            self._lock.acquire()
        self._asleep, self._in_vain = False, 0
