"""Why a gateway could not be asked, in our own words: what a server or a library says may repeat a key."""

import socket
import ssl
from collections.abc import Iterator

AWAY, UNAUTHORIZED = "away", "unauthorized"
_CERTIFICATE = "give the host that its certificate names; its own or an authority's file goes into GATEWAY_SSL_CERTFILE"
_ADDRESS = "see that it runs and that LITELLM_BASE_URL or --url names it"


class Away(Exception):
    """The gateway gave no list. ``kind`` is `away` or `unauthorized`; ``reason`` and ``repair`` are for operators."""

    def __init__(self, reason: str, repair: str = _ADDRESS, kind: str = AWAY) -> None:
        super().__init__(reason)
        self.reason, self.repair, self.kind = reason, repair, kind


def away_of(error: BaseException, url: str) -> Away:
    """Return what an operator needs to know of an error of OpenAI's SDK or of httpx."""
    status = getattr(error, "status_code", None)
    if isinstance(status, int):
        return _of_status(status)
    found = list(_causes(error))
    for reason in (_tls, _name, _time, _refused):
        if said := reason(found, url):
            return said
    return Away("the connection failed: " + type(found[-1]).__name__)


def not_a_gateway() -> Away:
    """Return that something answers which is no gateway."""
    return Away("what answers there is not a gateway: it sent no list of models")


def _of_status(status: int) -> Away:
    if status in (401, 403):
        return Away(f"it refuses the key ({status})", "set LITELLM_API_KEY to a client key of that gateway, or "
                    "LITELLM_MASTER_KEY to its master key", UNAUTHORIZED)
    if status >= 500 or status in (408, 429):
        return Away(f"it answers {status}", "look into its log")
    return Away(f"what answers there is not a gateway: it answers {status} to /v1/models")


def _tls(found: list[BaseException], url: str) -> Away | None:
    for error in found:
        if isinstance(error, ssl.SSLCertVerificationError):
            return Away(f"its certificate is not trusted: {error.verify_message}", _CERTIFICATE)
    if not any(isinstance(error, ssl.SSLError) for error in found) and not _ended(found):
        return None
    if url.lower().startswith("https:"):
        return Away("no TLS connection comes about", "if the gateway has no certificate, say http://")
    return Away("it closed the connection without an answer", "if the gateway has a certificate, say https://")


def _ended(found: list[BaseException]) -> bool:
    return any(type(error).__name__ in ("EndOfStream", "RemoteProtocolError", "ReadError") for error in found)


def _name(found: list[BaseException], _url: str) -> Away | None:
    # Names that IDNA does not permit are plain UnicodeErrors.
    unknown = any(isinstance(error, socket.gaierror) or isinstance(error, UnicodeError)
                  and not isinstance(error, UnicodeEncodeError) for error in found)
    return Away("the host's name is not known here") if unknown else None


def _time(found: list[BaseException], _url: str) -> Away | None:
    late = any(isinstance(error, TimeoutError) or "Timeout" in type(error).__name__ for error in found)
    return Away("it did not answer in time") if late else None


def _refused(found: list[BaseException], _url: str) -> Away | None:
    for error in found:
        if isinstance(error, ConnectionRefusedError):
            return Away("connection refused: nothing listens there")
    said = [error.strerror for error in found if isinstance(error, OSError) and error.strerror]
    return Away(f"the connection failed: {said[0]}") if said else None


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and everything that led to it; anyio and httpcore wrap the system's own errors several times."""
    waiting, seen = [error], set[int]()
    while waiting:
        now = waiting.pop(0)
        if id(now) in seen:
            continue
        seen.add(id(now))
        yield now
        waiting += [cause for cause in (now.__cause__, now.__context__, *now.args) if isinstance(cause, BaseException)]
        if isinstance(now, BaseExceptionGroup):
            waiting += now.exceptions
