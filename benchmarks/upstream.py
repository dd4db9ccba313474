"""`python -m benchmarks.upstream PORT`: a fake upstream too fast to matter; canned answers, short streams."""

import asyncio
import json
import sys
from typing import Any, cast

import httptools
import uvloop

GAP_S = 0.05
CHUNKS = 5


def _json(**fields: Any) -> bytes:
    return json.dumps({"id": "chatcmpl-1", "created": 1700000000, "model": "gpt-5", **fields}).encode()


_ANSWER = _json(
    object="chat.completion",
    choices=[{"index": 0, "message": {"role": "assistant", "content": "hello"}, "finish_reason": "stop"}],
    usage={"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15},
)
_WHOLE = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s" % (len(_ANSWER), _ANSWER)
_STREAM = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"


def _chunk(delta: dict[str, str], finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    event = b"data: " + _json(object="chat.completion.chunk", choices=[choice]) + b"\n\n"
    return b"%x\r\n%s\r\n" % (len(event), event)


class Upstream(asyncio.Protocol):
    """One connection."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start reading requests."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's transports are no subclasses
        self._parser, self._body = httptools.HttpRequestParser(self), bytearray()

    def data_received(self, data: bytes) -> None:
        """Feed the parser; what is no HTTP ends the connection."""
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._transport.close()

    def on_body(self, body: bytes) -> None:
        """Collect the body (called by the parser)."""
        self._body += body

    def on_message_complete(self) -> None:
        """Answer (called by the parser)."""
        streamed = b'"stream":true' in self._body.replace(b" ", b"")
        self._body.clear()
        if streamed:
            asyncio.get_running_loop().create_task(self._stream())
        else:
            self._transport.write(_WHOLE)

    async def _stream(self) -> None:
        self._transport.write(_STREAM)
        for number in range(CHUNKS):
            self._transport.write(_chunk({"content": f"t{number} "}))
            await asyncio.sleep(GAP_S)
        self._transport.write(_chunk({}, "stop") + b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n")


async def serve(port: int) -> None:
    """Serve on the loopback interface until killed."""
    server = await asyncio.get_running_loop().create_server(Upstream, "127.0.0.1", port, backlog=1024)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
