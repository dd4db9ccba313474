"""Who may come in: whoever has the token, by a name that is ours, to read."""

import hmac
import secrets
from collections.abc import Callable, Iterable
from urllib.parse import urlsplit

Same = Callable[[bytes, bytes], bool]
LOOPBACK = ("127.0.0.1", "localhost", "::1")


class Door:
    """The token of the printed address, one that opens once, and the cookie that either is exchanged for.

    ``hosts`` are the names under which the dashboard is reached: a page of another site may make its own name lead
    here (DNS rebinding), but not send one of ours.
    """

    def __init__(self, port: int, hosts: Iterable[str] = LOOPBACK, same: Same = hmac.compare_digest) -> None:
        self.token, self._once, self._session = (secrets.token_urlsafe(32) for _ in range(3))
        # Cookies are not kept apart by port: two dashboards must not take each other's.
        self.cookie = f"litellm_gateway_dashboard_{port}"
        self._hosts = frozenset(host.lower() for host in hosts)
        self._same = same
        self._spent = False

    @property
    def once(self) -> str:
        """Return a token that opens the door one time: the command line of a browser can be read by others."""
        return self._once

    def admit(self, token: str) -> str | None:
        """Return the value of the cookie for a token, None for a wrong one."""
        known = self._is(token, self.token)
        if self._is(token, self._once) and not self._spent:
            known = self._spent = True
        return self._session if known else None

    def knows(self, cookie: str | None) -> bool:
        """Tell whether this is the cookie that was given for a token."""
        return cookie is not None and self._is(cookie, self._session)

    def is_ours(self, host: str | None) -> bool:
        """Tell whether the Host header names us; the port may be that of a tunnel."""
        try:
            name = urlsplit(f"//{host}").hostname if host else None
        except ValueError:
            return False
        return name is not None and name.rstrip(".") in self._hosts

    def _is(self, given: str, known: str) -> bool:
        return self._same(given.encode("utf-8", "replace"), known.encode())
