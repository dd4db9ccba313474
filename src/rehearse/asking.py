"""The client of a rehearsal: asks the gateway, keeps everything it was told, and notes when chunks arrived."""

import itertools
import json
import secrets
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

# What the mock says in a stream, one piece per chunk: the client can tell which of them has arrived.
PIECES = tuple(f"rehearse-{letter} " for letter in "ABCDE")
_WAIT_S = 60.0


@dataclass(frozen=True)
class Answer:
    """One answer. ``sent`` has, for each piece in order of arrival, how many the upstream had sent by then."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    text: str = ""
    marker: str = ""
    sent: tuple[int, ...] = ()
    broken: str = ""

    @property
    def error_code(self) -> str:
        """Return the `code` of an error in OpenAI's shape, nothing elsewhere."""
        try:
            return str(json.loads(self.text)["error"].get("code"))
        except (ValueError, KeyError, TypeError, AttributeError):
            return ""


class Client:
    """Asks one gateway with one key, from any thread; ``answers`` keeps everything, for the search for secrets."""

    def __init__(self, url: str, key: str) -> None:
        self.url, self.key = url, key
        self.answers: list[Answer] = []
        self._run, self._numbers, self._lock = secrets.token_hex(6), itertools.count(1), threading.Lock()
        self._http = self._connections()

    def _connections(self) -> httpx.Client:
        # The certificate is the real one and names another host; nothing here leaves this machine.
        return httpx.Client(base_url=self.url, verify=False, trust_env=False, timeout=_WAIT_S,
                            limits=httpx.Limits(max_connections=64))

    def close(self) -> None:
        """Close every connection."""
        self._http.close()

    def renew(self) -> None:
        """Ask on new connections from here on: those that are kept stay with the worker that took them."""
        self._http.close()
        self._http = self._connections()

    def marker(self) -> str:
        """Return a text that no other request of this rehearsal holds."""
        return f"marker-{self._run}-{next(self._numbers)}-end"

    def get(self, path: str, key: str | None = None) -> Answer:
        """Ask with GET; ``key`` replaces the right one, an empty one is sent as none."""
        return self._kept(self._send("GET", path, self._headers(key)))

    def ask(self, alias: str, path: str = "/chat/completions", key: str | None = None, **more: Any) -> Answer:
        """Ask once for a whole answer on a route below /v1."""
        marker = self.marker()
        body = body_of(path, alias, marker)
        kept = {"files": {"file": ("tone.wav", _WAV)}, "data": {**body, **more}} if path == "/audio/transcriptions" \
            else {"json": {**body, **more}}
        return self._kept(self._send("POST", "/v1" + path, self._headers(key), marker, **kept))

    def stream(self, alias: str, path: str, sent: Callable[[str], int], began: threading.Event | None = None,
               **more: Any) -> Answer:
        """Ask for a stream; ``sent`` tells how many chunks the upstream has sent to the request with a marker."""
        marker = self.marker()
        body = {**body_of(path, alias, marker), "stream": True, **more}
        counts: list[int] = []
        text = ""
        try:
            with self._http.stream("POST", "/v1" + path, json=body, headers=self._headers(None)) as response:
                for line in response.iter_lines():
                    text += line + "\n"
                    while len(counts) < len(PIECES) and PIECES[len(counts)].strip() in line:
                        counts.append(sent(marker))
                        if began is not None:
                            began.set()
            answer = Answer(response.status_code, dict(response.headers), text, marker, tuple(counts))
        except httpx.HTTPError as error:
            answer = Answer(0, {}, text, marker, tuple(counts), f"{type(error).__name__}: {error}")
        if began is not None:
            began.set()  # whatever came: nobody need wait for it any more
        return self._kept(answer)

    def _send(self, method: str, path: str, headers: Mapping[str, str], marker: str = "", **more: Any) -> Answer:
        try:
            response = self._http.request(method, path, headers=headers, **more)
        except httpx.HTTPError as error:
            return Answer(0, {}, "", marker, broken=f"{type(error).__name__}: {error}")
        return Answer(response.status_code, dict(response.headers), response.content.decode(errors="replace"), marker)

    def _headers(self, key: str | None) -> dict[str, str]:
        key = self.key if key is None else key
        return {"authorization": f"Bearer {key}"} if key else {}

    def _kept(self, answer: Answer) -> Answer:
        with self._lock:
            self.answers.append(answer)
        return answer


def body_of(path: str, alias: str, text: str) -> dict[str, Any]:
    """Return the smallest body for a route that asks ``alias`` about ``text``."""
    said = [{"role": "user", "content": text}]
    bodies: Mapping[str, dict[str, Any]] = {
        "/chat/completions": {"messages": said, "max_tokens": 100},
        "/messages": {"messages": said, "max_tokens": 100},
        "/responses": {"input": text, "max_output_tokens": 100},
        "/embeddings": {"input": text},
        "/audio/speech": {"input": text, "voice": "alloy"},
        "/audio/transcriptions": {"prompt": text},
    }
    return {"model": alias, **bodies.get(path, {"prompt": text})}


# 16 samples of silence, 8 kHz, 8 bit, mono.
_WAV = (b"RIFF\x34\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0\x40\x1f\0\0\x40\x1f\0\0\x01\0\x08\0data\x10\0\0\0"
        + b"\x80" * 16)
