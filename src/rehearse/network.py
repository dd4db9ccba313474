"""The proof that nothing left: a proxy for whatever does not go to the mock, which refuses and remembers it."""

import contextlib
import socket
import threading
from collections.abc import Mapping
from types import TracebackType

_NAMES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
_LOCAL = "127.0.0.1,localhost,::1"


class DeadEnd:
    """A proxy on a port of its own that answers 502 to everything; ``asked`` holds what was asked for."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve, name="dead-end", daemon=True)

    @property
    def environment(self) -> Mapping[str, str]:
        """Return the variables that send HTTP clients here, save for this machine's own addresses."""
        url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        proxies = {spelt: url for name in _NAMES for spelt in (name, name.lower())}
        return {**proxies, "NO_PROXY": _LOCAL, "no_proxy": _LOCAL, "AIOHTTP_TRUST_ENV": "True",
                "OTEL_SDK_DISABLED": "true"}

    def __enter__(self) -> "DeadEnd":
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        # A close alone would leave the thread in accept().
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join(5)

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            with connection, contextlib.suppress(OSError):
                connection.settimeout(2)
                words = connection.recv(4096).split(b"\r\n", 1)[0].decode(errors="replace").split()
                # Only where to: a path may hold more than the report should.
                self.asked.append(words[1].partition("?")[0][:100] if len(words) > 1 else "something")
                connection.sendall(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
