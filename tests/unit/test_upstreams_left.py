"""When a client leaves, every upstream answer that its request was reading is closed, and nothing else breaks."""

import asyncio

from src.hooks.record import RequestRecord
from src.hooks.upstreams import leave, note


class Stream:
    """An upstream's answer that counts how often it was closed; ``broken`` ones cannot be."""

    def __init__(self, broken: bool = False) -> None:
        self.closed, self._broken = 0, broken

    async def aclose(self) -> None:
        """Close, or fail as a lost connection does."""
        self.closed += 1
        if self._broken:
            raise OSError("gone already")


def test_every_answer_of_the_request_is_closed_once() -> None:
    record, streams = RequestRecord("r"), [Stream(), Stream(broken=True), Stream()]
    for stream in streams:
        note(record, stream)
    asyncio.run(leave(record))
    asyncio.run(leave(record))
    assert [stream.closed for stream in streams] == [1, 1, 1]


def test_a_request_without_upstream_has_nothing_to_close() -> None:
    asyncio.run(leave(RequestRecord("r")))
