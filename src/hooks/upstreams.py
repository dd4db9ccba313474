"""The upstream answers that a request is reading, so that none goes on when its client has left.

LiteLLM 1.106 leaves the stream of a bridged route (/v1/messages over chat completions) to the garbage collector, which
a gateway runs seldom: the upstream would go on, and bill, for minutes.
"""

import logging
from typing import Protocol

from .record import RequestRecord

_KEY = "upstreams"
_log = logging.getLogger("gateway.hooks")


class Closable(Protocol):
    """An upstream's answer."""

    async def aclose(self) -> None:
        """Close the connection that it comes from."""


def note(record: RequestRecord, stream: Closable) -> None:
    """Remember an answer that has begun."""
    record.extra.setdefault(_KEY, []).append(stream)


async def leave(record: RequestRecord) -> None:
    """Close what is still open; closing twice changes nothing."""
    for stream in record.extra.pop(_KEY, ()):
        try:
            await stream.aclose()
        except Exception as error:
            _log.debug("an upstream's answer could not be closed: %r", error)
