"""Puts answers on the wire: whole or chunk by chunk, and broken off where a fault says so."""

import asyncio
import contextlib
import socket
import struct
import sys
from collections.abc import Mapping, Sequence
from typing import NoReturn

from aiohttp import web

from .faults import Fault
from .recording import Recorded
from .wire import Event, Reply

_CUT = web.RequestKey("cut", bool)
# Time for what was already written to leave before a reset discards it.
_FLUSH = 0.02
_LINGER = "hh" if sys.platform == "win32" else "ii"


def headers_of(fault: Fault, record: Recorded, content_type: str) -> dict[str, str]:
    """Return the headers of an answer; those of the fault win."""
    headers = {"Content-Type": fault.content_type or content_type, "x-request-id": f"req_mock{record.number:08d}"}
    if fault.retry_after is not None:
        wait = fault.retry_after
        headers["Retry-After"] = wait if isinstance(wait, str) else f"{wait:g}"
    return {**headers, **fault.headers}


def was_cut(request: web.Request) -> bool:
    """Return whether the mock itself ended the connection."""
    return _CUT in request


async def reset(request: web.Request) -> web.Response:
    """Drop the connection with a TCP reset; the response is for aiohttp's sake and goes nowhere."""
    request[_CUT] = True
    transport = request.transport
    if isinstance(transport, asyncio.WriteTransport):
        # Lingering for 0 seconds makes the close a reset; the peer may have gone first.
        with contextlib.suppress(OSError):
            sock = transport.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack(_LINGER, 1, 0))
        transport.abort()
    return web.Response()


async def forever() -> NoReturn:
    """Never return; ends by cancellation when the client leaves or the server stops."""
    while True:
        await asyncio.Event().wait()


async def send_whole(request: web.Request, reply: Reply, fault: Fault, record: Recorded) -> web.StreamResponse:
    """Answer with a whole body, or with the first half of it where the fault breaks it off."""
    headers = headers_of(fault, record, reply.content_type)
    record.status = fault.status or 200
    if fault.breaks == "cut":
        return web.Response(status=record.status, body=reply.data[:len(reply.data) // 2], headers=headers)
    if not fault.breaks:
        return web.Response(status=record.status, body=reply.data, headers=headers)
    half = web.StreamResponse(status=record.status, headers={**headers, "Content-Length": str(len(reply.data))})
    await half.prepare(request)
    await half.write(reply.data[:len(reply.data) // 2])
    return await _break_off(request, half, fault)


async def send_stream(request: web.Request, events: Sequence[Event], fault: Fault, record: Recorded, gap: float,
                      error: Event) -> web.StreamResponse:
    """Send ``events``, ``gap`` seconds between two chunks of content; ``error`` goes out where the fault asks."""
    record.status = fault.status or 200
    headers = {"Cache-Control": "no-cache", **headers_of(fault, record, "text/event-stream; charset=utf-8")}
    response = web.StreamResponse(status=record.status, headers=headers)
    await response.prepare(request)
    for event in events[:_length(events, fault)]:
        if event.delta and record.chunks_sent and gap:
            await asyncio.sleep(gap)
        # Counted first: whoever has read a chunk may rely on its being counted.
        record.chunks_sent += event.delta
        await response.write(event.data)
    if fault.breaks == "error":
        await response.write(error.data)
    if fault.breaks in ("reset", "stall"):
        return await _break_off(request, response, fault)
    await response.write_eof()
    return response


def _length(events: Sequence[Event], fault: Fault) -> int:
    """Return how many events go out: all, or those up to the last chunk before the break."""
    if not fault.breaks or not fault.after:
        return 0 if fault.breaks else len(events)
    deltas = [n for n, event in enumerate(events) if event.delta]
    return deltas[min(fault.after, len(deltas)) - 1] + 1 if deltas else 0


async def _break_off(request: web.Request, response: web.StreamResponse, fault: Fault) -> web.StreamResponse:
    if fault.breaks == "stall":
        await forever()
    await asyncio.sleep(_FLUSH)
    await reset(request)
    return response


def plain_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Return ``headers`` with names in lower case; of repeated ones the last."""
    return {name.lower(): value for name, value in headers.items()}
