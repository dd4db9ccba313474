"""What the commands share that serve something by themselves: their end, their port, their address."""

import ipaddress
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, NoReturn

from ..errors import EXIT_OK, NotStarted

if TYPE_CHECKING:
    import socket


@contextmanager
def ending() -> Iterator[None]:
    """Let SIGTERM end this process cleanly before the server has its own handlers too."""
    before = signal.signal(signal.SIGTERM, _ended)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _ended(_signum: int, _frame: object) -> NoReturn:
    sys.exit(EXIT_OK)


def listening(host: str, port: int, names: Mapping[str, str]) -> "socket.socket":
    """Return the listening socket; raises NotStarted in the words of the command: ``names`` replaces the launch's."""
    from ..launch.ports import take_port
    try:
        return take_port(host, port)
    except NotStarted as error:
        first = error.problems[0]
        raise NotStarted(first.what, _renamed(first.where, names), _renamed(first.repair, names)) from None


def _renamed(text: str, names: Mapping[str, str]) -> str:
    name = next((name for name in names if name in text), "")
    return text.replace(name, names.get(name, ""))


def address(host: str, port: int) -> str:
    """Return the address of a server on this machine."""
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def is_loopback(host: str) -> bool:
    """Tell whether only this machine reaches ``host``, an address or a name."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
