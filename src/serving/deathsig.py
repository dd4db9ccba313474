"""What happens to a worker when its parent dies without a word."""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def die_with_parent(signum: signal.Signals) -> None:
    """Ask the kernel for ``signum`` when the parent dies; elsewhere than on Linux the server's tick notices it."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signum))


def orphaned(parent: int) -> bool:
    """Return whether ``parent`` is gone; to be asked after ``die_with_parent`` too, which cannot see the past."""
    return os.getppid() != parent
