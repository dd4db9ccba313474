"""`python -m <package>.serving.ping_tool`: asks all requests of the order on standard input, as LiteLLM sends them.

The order is one JSON object, `{"requests": [{"id", "kind", "params", "seconds"}]}`; it holds keys, hence the standard
input. Each answer is one JSON line on standard output as soon as it is there.
"""

import asyncio
import json
import os
import socket
import ssl
import sys
import time
from collections.abc import Iterator, Mapping
from typing import Any

Json = dict[str, Any]
# Beyond the request's own timeout, which LiteLLM does not hold for every provider.
_PATIENCE_S = 5.0
# Between two starts: what LiteLLM computes for one request would count as the latency of the others.
_APART_S = 0.05
_TEXT = "ping"
_FUNCTIONS = {"chat": "acompletion", "completion": "atext_completion", "embedding": "aembedding",
              "image": "aimage_generation", "speech": "aspeech", "transcription": "atranscription"}
# What LiteLLM's messages say where the cause is no longer in the chain of exceptions.
_SAID = (("dns", ("Name or service not known", "nodename nor servname", "getaddrinfo failed",
                  "Temporary failure in name resolution", "No address associated")),
         ("tls", ("CERTIFICATE_VERIFY_FAILED", "SSLError", "SSL:", "certificate verify")),
         ("refused", ("Connection refused", "Connect call failed", "actively refused")),
         ("timeout", ("timed out", "Timeout")))


async def ask(litellm: Any, request: Json) -> Json:
    """Return how one request ended: status, seconds to the first token and to the end, or what went wrong."""
    began = time.perf_counter()
    found: Json = {"id": request["id"], "status": None, "first_s": None, "base": _base(litellm, request["params"])}
    try:
        async with asyncio.timeout(request["seconds"] + _PATIENCE_S):
            found["first_s"] = await _answer(litellm, request, began)
        found["status"] = 200
    except Exception as error:
        found.update(_failure(error))
    found["seconds"] = time.perf_counter() - began
    return found


async def _answer(litellm: Any, request: Json, began: float) -> float | None:
    kind, params = request["kind"], {**request["params"], "timeout": request["seconds"], "max_retries": 0}
    function = getattr(litellm, _FUNCTIONS[kind])
    if kind in ("chat", "completion"):
        said: Json = {"messages": [{"role": "user", "content": _TEXT}]} if kind == "chat" else {"prompt": _TEXT}
        first = None
        async for _ in await function(**said, **params, stream=True):
            first = first or time.perf_counter() - began
        return first
    if kind == "transcription":
        await function(file=("tone.wav", _WAV), **params)
    else:
        bodies: Mapping[str, Json] = {"embedding": {"input": _TEXT}, "image": {"prompt": "a dot", "n": 1},
                                      "speech": {"input": _TEXT, "voice": "alloy"}}
        await function(**bodies[kind], **params)
    return None


# 0.1 s of silence, 8 kHz, 8 bit, mono.
_WAV = (b"RIFF\x44\x03\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0\x40\x1f\0\0\x40\x1f\0\0\x01\0\x08\0data\x20\x03\0\0"
        + b"\x80" * 800)


def _base(litellm: Any, params: Mapping[str, Any]) -> str | None:
    """Return the base that LiteLLM uses, its own default where the order has none."""
    if params.get("api_base"):
        return str(params["api_base"])
    try:
        return litellm.get_llm_provider(params["model"])[3] or None
    except litellm.exceptions.BadRequestError:
        return None


def _failure(error: BaseException) -> Json:
    cause = _cause(error)
    status = getattr(error, "status_code", None)
    headers = getattr(error, "litellm_response_headers", None) or {}
    return {"status": status if isinstance(status, int) and not cause else None, "cause": cause,
            "error": type(error).__name__, "message": str(error).split("\nTraceback")[0],
            "retry_after": headers.get("retry-after")}


def _cause(error: BaseException) -> str:
    """Return `dns`, `tls`, `refused` or `timeout` where no answer came at all, else nothing."""
    if isinstance(error, TimeoutError) or type(error).__name__ == "Timeout":
        return "timeout"
    chain = list(_chain(error))
    kinds: tuple[tuple[type[BaseException], str], ...] = (
        (socket.gaierror, "dns"), (ssl.SSLError, "tls"), (ConnectionRefusedError, "refused"))
    for kind, name in kinds:
        if any(isinstance(one, kind) for one in chain):
            return name
    if type(error).__name__ not in ("APIConnectionError", "InternalServerError", "APIError"):
        return ""
    text = " ".join(str(one) for one in chain)
    return next((name for name, words in _SAID if any(word in text for word in words)), "")


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


async def _warm_up(litellm: Any) -> None:
    """Let LiteLLM import what a first call needs, or the first answers seem a second late; nothing leaves."""
    params = {"model": "openai/gpt-4o", "api_base": "http://127.0.0.1:1/v1", "api_key": "none", "num_retries": 0}
    for more in ({}, {"mock_response": _TEXT}):
        await ask(litellm, {"id": "", "kind": "chat", "params": {**params, **more}, "seconds": _PATIENCE_S})


async def _all(litellm: Any, requests: list[Json], out: int) -> None:
    await _warm_up(litellm)

    async def later(number: int, request: Json) -> Json:
        await asyncio.sleep(number * _APART_S)
        return await ask(litellm, request)

    for done in asyncio.as_completed([later(number, request) for number, request in enumerate(requests)]):
        os.write(out, json.dumps(await done).encode() + b"\n")


def main() -> int:
    """Carry out the order on standard input."""
    order = json.load(sys.stdin)
    # LiteLLM prints hints to standard output, which is for the answers alone.
    out = os.dup(1)
    os.dup2(2, 1)
    import litellm
    litellm.suppress_debug_info = True
    litellm.drop_params = True
    litellm.disable_hf_tokenizer_download = True
    asyncio.run(_all(litellm, order["requests"], out))
    return 0


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    os._exit(code)  # nothing of LiteLLM's is worth waiting for
