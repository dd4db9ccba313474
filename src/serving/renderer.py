"""Running the launcher again to read the sources anew, without blocking the parent's loop."""

import os
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import IO

from .loop import Loop
from .order import Document, Malformed, parse_document

TIMEOUT_S = 60.0


@dataclass(frozen=True)
class Rendered:
    """What came out: a document, or the reasons why there is none."""

    document: Document | None
    reasons: tuple[str, ...] = ()


class Renderer:
    """One run of ``command`` in the environment this process was started with."""

    def __init__(self, command: Sequence[str], environ: Mapping[str, str], loop: Loop, now: float) -> None:
        self._loop, self._began, self._said = loop, now, {"out": b"", "err": b""}
        self._process = subprocess.Popen(
            list(command), env=dict(environ), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        assert self._process.stdout and self._process.stderr
        self._open: list[IO[bytes]] = [self._process.stdout, self._process.stderr]
        loop.add(self._process.stdout, self._reader(self._process.stdout, "out"))
        loop.add(self._process.stderr, self._reader(self._process.stderr, "err"))

    def _reader(self, pipe: IO[bytes], name: str) -> Callable[[], None]:
        def read() -> None:
            data = os.read(pipe.fileno(), 65536)  # poll said that this does not block
            self._said[name] += data
            if not data:
                self._close(pipe)

        return read

    def result(self, now: float) -> Rendered | None:
        """Return what came out, None while it runs."""
        if now - self._began > TIMEOUT_S:
            self.cancel()
            return Rendered(None, (f"the configuration was not read within {TIMEOUT_S:g} s",))
        if self._open or (code := self._process.poll()) is None:
            return None
        reasons = tuple(self._said["err"].decode("utf-8", "replace").splitlines())
        if code:
            return Rendered(None, reasons or (f"reading the configuration ended with exit code {code}",))
        try:
            return Rendered(parse_document(self._said["out"].decode("utf-8")), reasons)
        except (Malformed, UnicodeDecodeError) as error:
            return Rendered(None, (f"the launch document cannot be read: {error.__class__.__name__}",))

    def cancel(self) -> None:
        """End the run; nobody wants its result any more."""
        self._process.kill()
        self._process.wait()
        for pipe in list(self._open):
            self._close(pipe)

    def _close(self, pipe: IO[bytes]) -> None:
        self._open.remove(pipe)
        self._loop.remove(pipe)
        pipe.close()
