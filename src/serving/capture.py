"""LiteLLM's boot output: kept aside while a worker boots, shown where the boot fails.

The parent opens the file before it forks, so that the last words of a worker that is killed are not lost with it.
"""

import os
import re
import sys
import tempfile
from dataclasses import dataclass
from typing import IO

from .scrub import Scrubber

_FRAME = re.compile(r'  File "(.+)", line \d+')
_INSTALLED = re.compile(r"[/\\](site-packages|dist-packages|lib[/\\]python3\.\d+)[/\\]|^<frozen ")
_TAIL_BYTES = 64 * 1024


@dataclass
class Capture:
    """Two unlinked files that take the place of stdout and stderr during a boot."""

    out: IO[bytes]
    err: IO[bytes]
    _kept: tuple[int, int] | None = None

    @classmethod
    def make(cls) -> "Capture":
        """Open the two files."""
        return cls(_unnamed(), _unnamed())

    def begin(self) -> None:
        """Redirect this process's stdout and stderr into the files."""
        self._kept = (os.dup(1), os.dup(2))
        os.dup2(self.out.fileno(), 1)
        os.dup2(self.err.fileno(), 2)

    def end(self) -> None:
        """Give stdout and stderr back; does nothing where they were not taken."""
        if self._kept is None:
            return
        sys.stdout.flush()
        sys.stderr.flush()
        for kept, fd in zip(self._kept, (1, 2)):
            os.dup2(kept, fd)
            os.close(kept)
        self._kept = None

    def restart(self) -> None:
        """Forget what was said so far: something better is about to be said."""
        sys.stdout.flush()
        sys.stderr.flush()
        for file in (self.out, self.err):
            os.ftruncate(file.fileno(), 0)
            os.lseek(file.fileno(), 0, os.SEEK_SET)

    def errors(self, scrub: Scrubber) -> list[str]:
        """Return the non-empty lines said on stderr, without secrets; what was printed where nothing was said there."""
        return _lines(self.err, scrub) or _lines(self.out, scrub)

    def said(self, scrub: Scrubber, everything: bool) -> list[str]:
        """Return what a good boot said: warnings on stderr, and what was printed too where ``everything`` is wanted."""
        return (_lines(self.out, scrub) if everything else []) + _lines(self.err, scrub)

    def close(self) -> None:
        """Forget the files."""
        self.out.close()
        self.err.close()


def _unnamed() -> IO[bytes]:
    """Return a file in memory where there is such a thing: on a full disk a worker could not boot."""
    if hasattr(os, "memfd_create"):
        return os.fdopen(os.memfd_create("boot"), "w+b")
    return tempfile.TemporaryFile()


def concise(lines: list[str]) -> list[str]:
    """Return ``lines`` without the traceback frames of installed code; the operator's own modules stay."""
    kept, foreign = [], False
    for line in lines:
        if frame := _FRAME.match(line):
            foreign = bool(_INSTALLED.search(frame[1]))
        elif not line.startswith("    "):
            foreign = False
        if not foreign:
            kept.append(line)
    return kept


def _lines(file: IO[bytes], scrub: Scrubber) -> list[str]:
    size = os.fstat(file.fileno()).st_size
    data = os.pread(file.fileno(), _TAIL_BYTES, max(0, size - _TAIL_BYTES))
    return [line for line in scrub(data.decode("utf-8", "replace")).splitlines() if line.strip()]
