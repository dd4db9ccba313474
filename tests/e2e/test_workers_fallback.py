"""Where nothing can be forked, LiteLLM's own single process serves the same configuration, hooks included."""

import signal
import sys
from collections.abc import Iterator

import pytest

from src.mock.server import MockUpstream

from .serving_support import Gateway, document, until

# What Windows would run; --order-file, because descriptors are not inherited there.
COMMAND = """
import os, sys
del os.fork
from src.serving.__main__ import main
sys.exit(main(["--order-file", sys.argv[1]]))
"""


@pytest.fixture(scope="module")
def gateway(upstream: MockUpstream) -> Iterator[Gateway]:
    first = document(upstream.url, env={"FROM_THE_OVERLAY": "yes"})
    with Gateway(first, measured=True).unstarted() as running_gateway:
        running_gateway.start_by(sys.executable, "-c", COMMAND)
        running_gateway.wait_ready()
        yield running_gateway


def test_it_says_what_is_missing(gateway: Gateway) -> None:
    assert "this system cannot fork: one process of LiteLLM's own serves" in gateway.log


def test_the_order_is_gone_once_it_is_read(gateway: Gateway) -> None:
    assert not (gateway.home / "order.json").exists()


def test_it_serves_the_aliases_through_the_gateways_own_wrapper(gateway: Gateway) -> None:
    answer = gateway.chat()
    assert answer.status_code == 200
    assert answer.headers["x-gateway-model"] == "gpt-5"
    assert gateway.aliases() == ["gpt-5"]


def test_it_ends_with_a_signal_and_leaves_no_file(gateway: Gateway) -> None:
    """The last test of this file: it ends the gateway."""
    gateway.signal(signal.SIGINT)
    gateway.wait()
    until(lambda: list(gateway.tmp.iterdir()) == [], "the private folder is removed")
