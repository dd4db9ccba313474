"""The TLS certificate: read once for all workers of a configuration, so that a replacement never meets half a file."""

import ssl

from uvicorn.config import SSL_PROTOCOL_VERSION, create_ssl_context

from .order import Order
from .watch import Signature, signatures

# uvicorn's default (0.54).
_CIPHERS = "TLSv1"
# Without one OpenSSL would ask at the terminal for that of a locked key, and nothing would go on.
_NO_PASSWORD = "-"


class Certificate:
    """The files that the order names, if any."""

    def __init__(self, order: Order) -> None:
        self._certfile, self._keyfile = order.ssl_certfile, order.ssl_keyfile

    def signature(self) -> tuple[Signature, ...]:
        """Return what tells whether the files are still the same."""
        return signatures(path for path in (self._certfile, self._keyfile) if path)

    def load(self) -> ssl.SSLContext | None:
        """Return what workers serve with, None without TLS. Raises OSError where the files cannot be used."""
        if not self._certfile:
            return None
        return create_ssl_context(self._certfile, self._keyfile, _NO_PASSWORD, SSL_PROTOCOL_VERSION, ssl.CERT_NONE,
                                  None, _CIPHERS)
