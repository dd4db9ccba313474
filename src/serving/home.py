"""The runtime folder while the gateway runs: its control socket, made again where somebody swept the folder away.

Those who clean /tmp, or /run/user when the last session ends, ask nobody.
"""

import os
from pathlib import Path

from ..config.runtime import SOCKET
from ..errors import NotStarted
from . import folder
from .control import ControlServer, Handler
from .log import Log
from .loop import Loop

POLL_S = 2.0


class Home:
    """Listens in ``path``, which is claimed already."""

    def __init__(self, path: Path, loop: Loop, log: Log, handle: Handler) -> None:
        self._path, self._loop, self._log, self._handle = path, loop, log, handle
        self._control: ControlServer | None = ControlServer(path / SOCKET, loop, handle)
        self._look_at = 0.0
        self._complained = False

    def step(self, now: float) -> None:
        """Look now and then whether the socket is still there."""
        if now >= self._look_at:
            self._look_at = now + POLL_S
            if not os.path.lexists(self._path / SOCKET):
                self._make_again()

    def close(self) -> None:
        """Stop listening; open connections end with the process."""
        if self._control is not None:
            self._control.close()
            self._control = None

    def _make_again(self) -> None:
        self.close()
        try:
            folder.make(self._path)
            folder.write_pid(self._path)
            self._control = ControlServer(self._path / SOCKET, self._loop, self._handle)
        except (OSError, NotStarted) as error:
            if not self._complained:
                self._log("folder_lost", f"the runtime folder {self._path} is gone and cannot be made again: {error}")
            self._complained = True
            return
        self._complained = False
        self._log("folder_made", f"the runtime folder {self._path} was gone and is made again")
