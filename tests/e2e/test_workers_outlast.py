"""A gateway outlasts what happens around it: a log that nobody reads any more, a runtime folder that is swept away."""

import os
import shutil
import signal
from collections.abc import Iterator

import pytest

from src.control import NotReached
from src.mock.server import MockUpstream

from .serving_support import Gateway, document, until


@pytest.fixture(scope="module")
def gateway(upstream: MockUpstream) -> Iterator[Gateway]:
    """One worker, a watched file, and a pipe as its log, which loses its reader once it serves."""
    with Gateway(document(upstream.url)).watching().unstarted() as starting:
        os.mkfifo(starting.log_path)
        reader = os.open(starting.log_path, os.O_RDONLY | os.O_NONBLOCK)
        starting.start()
        until((starting.runtime_dir / "control.sock").exists, "it imports LiteLLM")
        starting.declare(document(upstream.url, ("gpt-5", "meanwhile")))
        until(lambda: starting.ask("status")["state"] == "serving", "it serves")
        os.close(reader)
        yield starting


def kill(gateway: Gateway, worker: int) -> None:
    """Kill the worker; return when its replacement has answered."""
    os.kill(worker, signal.SIGKILL)
    until(lambda: found_again(gateway, worker), "a replacement serves, and `status` says so")
    assert gateway.chat().status_code == 200


def found_again(gateway: Gateway, killed: int) -> bool:
    try:
        return gateway.workers() not in ([], [killed])
    except NotReached:
        return False


def test_a_file_that_changes_while_the_gateway_starts_is_taken_up(gateway: Gateway) -> None:
    until(lambda: gateway.aliases() == ["gpt-5", "meanwhile"], "the alias is listed")
    until(lambda: len(gateway.workers(None)) == 1, "the older worker has left")


def test_workers_are_replaced_although_nobody_reads_the_log(gateway: Gateway) -> None:
    worker, = gateway.workers()
    kill(gateway, worker)


def test_a_reload_is_taken_up_although_nobody_reads_the_log(gateway: Gateway, upstream: MockUpstream) -> None:
    assert gateway.reload(document(upstream.url, ("gpt-5", "unheard")))["result"] == "accepted"
    assert gateway.aliases() == ["gpt-5", "unheard"]
    until(lambda: len(gateway.workers(None)) == 1, "the older worker has left")


def test_workers_are_replaced_although_the_runtime_folder_was_swept_away(gateway: Gateway) -> None:
    worker, = gateway.workers()
    shutil.rmtree(gateway.runtime_dir.parent)
    kill(gateway, worker)


def test_a_reload_is_taken_up_although_the_runtime_folder_was_swept_away(
    gateway: Gateway, upstream: MockUpstream
) -> None:
    shutil.rmtree(gateway.runtime_dir)
    gateway.declare(document(upstream.url, ("gpt-5", "swept")))
    until(lambda: gateway.aliases() == ["gpt-5", "swept"], "the alias is listed")


def test_it_ends_with_0_and_leaves_nothing(gateway: Gateway) -> None:
    """The last test of this file: it ends the gateway."""
    gateway.signal(signal.SIGTERM)
    assert gateway.wait() == 0
    assert not gateway.runtime_dir.exists() and list(gateway.tmp.iterdir()) == []
