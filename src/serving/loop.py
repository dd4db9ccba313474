"""The parent's event loop: one thread, signals and descriptors in one ``poll``, the same on Linux and macOS.

A handler notes each signal, and a wakeup descriptor ends the wait for it; what the descriptor cannot take, in a storm
of signals, is noted all the same. Signals are blocked around every fork (``forking``), so that a child can never write
into its parent's descriptor.
"""

import contextlib
import os
import selectors
import signal
import socket
from collections.abc import Callable, Iterator
from types import FrameType
from typing import IO

SIGNALS = (signal.SIGHUP, signal.SIGTERM, signal.SIGINT, signal.SIGCHLD)
FileLike = int | socket.socket | IO[bytes]


class Stopped(BaseException):
    """TERM or INT while nothing can be waited for; not an ``Exception``, which an import might swallow."""


class Loop:
    """Callbacks for readable descriptors, and the signals that arrived."""

    def __init__(self) -> None:
        self._selector = selectors.PollSelector()  # no descriptor of its own that a fork would share
        self._woken, self._waker = socket.socketpair()
        for end in (self._woken, self._waker):
            end.setblocking(False)
        self.add(self._woken, lambda: None)
        self._arrived: list[int] = []
        for signum in SIGNALS:
            signal.signal(signum, self._note)
        signal.set_wakeup_fd(self._waker.fileno(), warn_on_full_buffer=False)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)  # the launcher blocked them, so that none is lost

    def add(self, file: FileLike, callback: Callable[[], None]) -> None:
        """Call ``callback`` whenever ``file`` is readable."""
        self._selector.register(file, selectors.EVENT_READ, callback)

    def remove(self, file: FileLike) -> None:
        """Forget ``file``; the caller closes it."""
        self._selector.unregister(file)

    def turn(self, timeout: float) -> list[int]:
        """Wait up to ``timeout`` seconds, run the callbacks, return the signals that arrived meanwhile."""
        for key, _ in self._selector.select(timeout):
            if self._selector.get_map().get(key.fd) is key:  # not removed by another callback
                key.data()
        return self._signals()

    def _signals(self) -> list[int]:
        with contextlib.suppress(BlockingIOError):
            while self._woken.recv(4096):
                continue
        arrived, self._arrived = self._arrived, []
        return arrived

    def _note(self, signum: int, frame: FrameType | None) -> None:
        self._arrived.append(signum)

    def _raise(self, signum: int, frame: FrameType | None) -> None:
        self._note(signum, frame)
        raise Stopped(signum)

    @contextlib.contextmanager
    def interruptible(self) -> Iterator[None]:
        """Let TERM and INT raise ``Stopped`` meanwhile; they are returned by the next ``turn`` as well."""
        for signum in (signal.SIGTERM, signal.SIGINT):
            signal.signal(signum, self._raise)
        try:
            yield
        finally:
            for signum in (signal.SIGTERM, signal.SIGINT):
                signal.signal(signum, self._note)

    def abandon(self) -> None:
        """In a forked child: close everything that belongs to the parent."""
        self._waker.close()
        for key in list(self._selector.get_map().values()):
            if isinstance(key.fileobj, int):
                os.close(key.fileobj)
            else:
                key.fileobj.close()  # type: ignore[attr-defined]  # a socket or a file
        self._selector.close()


@contextlib.contextmanager
def forking() -> Iterator[None]:
    """Block the parent's signals meanwhile; a child leaves by unblocking them itself."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
