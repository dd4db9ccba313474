"""How discovery and the dashboard end: whichever signal comes, and whenever it comes."""

import os
import signal
import socket
from collections.abc import Callable
from typing import Any

import pytest

from src.webserver import serve


class App:
    """An ASGI application that kills its own process at one moment of its life."""

    def __init__(self, moment: str, *signums: int) -> None:
        self.moment, self.signums = moment, signums
        self.ended = False

    async def __call__(self, scope: Any, receive: Callable[[], Any], send: Callable[[Any], Any]) -> None:
        assert scope["type"] == "lifespan"
        await receive()
        self.at("startup")
        await send({"type": "lifespan.startup.complete"})
        await receive()
        self.ended = True
        await send({"type": "lifespan.shutdown.complete"})

    def at(self, moment: str) -> None:
        """Send the signals if it is time."""
        for signum in self.signums if moment == self.moment else ():
            os.kill(os.getpid(), signum)


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("moment", ["startup", "ready"])
def test_a_signal_ends_it_and_is_told_and_the_former_handlers_are_back(moment: str, signum: signal.Signals) -> None:
    before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)]
    app, ready = App(moment, signum), []

    def tell() -> None:
        ready.append(True)
        app.at("ready")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        assert serve(app, listener, 20.0, tell) == signum
    assert ready == ([True] if moment == "ready" else []) and app.ended
    assert [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)] == before


def test_the_first_of_several_signals_counts() -> None:
    app = App("ready", signal.SIGTERM, signal.SIGINT)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        assert serve(app, listener, 0.1, lambda: app.at("ready")) == signal.SIGTERM
