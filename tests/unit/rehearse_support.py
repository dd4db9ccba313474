"""A stand-in for the gateway: walks, streams and refuses as told, so that trials can be shown one that errs."""

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx

from src.mock.server import MockUpstream
from src.policy.chains import Failure, moves_on
from src.rehearse.asking import Client
from src.rehearse.canaries import Canaries
from src.rehearse.results import Check
from src.rehearse.stage import Stage
from src.rehearse.targets import Target, Upstreams

from .declaring import canary

PLACES = {"one": ("/d1/",), "two": ("/d2/",), "three": ("/d3/",)}


@dataclass
class Behaviour:
    """What the stand-in does: `walks` of its aliases with what moves them on, and what it does wrong."""

    walks: dict[str, tuple[str, ...]]
    on: tuple[str, ...] = ("error", "rate_limit")
    open: bool = False
    listed: tuple[str, ...] | None = None
    buffers: bool = False
    upstream_key: str = ""
    leaks: bool = False
    most: int | None = None
    retry_after: str = "30"
    fills: bool = True
    switched_off: bool = False
    tells_address: bool = False
    asked: int = 0
    root: str = ""
    key: str = ""
    keys: Mapping[str, str] = field(default_factory=dict)


class Handler(BaseHTTPRequestHandler):
    """Answers as ``server.behaviour`` says."""

    protocol_version = "HTTP/1.0"
    timeout = 10

    @property
    def behaviour(self) -> Behaviour:
        found: Behaviour = getattr(self.server, "behaviour")
        return found

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        if self.authorized():
            names = self.behaviour.listed or tuple(self.behaviour.walks)
            self.answer(200, json.dumps({"data": [{"id": name} for name in names]}))

    def do_POST(self) -> None:
        if not self.authorized():
            return
        wrong = self.behaviour
        wrong.asked += 1
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if wrong.switched_off:
            self.answer(403, json.dumps({"error": {"code": "feature_disabled", "message": "off"}}))
        elif wrong.most is not None and wrong.asked > wrong.most:
            self.answer(429, "{}", {"retry-after": wrong.retry_after} if wrong.retry_after else {})
        else:
            self.walk(body)

    def authorized(self) -> bool:
        if self.behaviour.open or self.headers.get("authorization") == f"Bearer {self.behaviour.key}":
            return True
        self.answer(401, "{}")
        return False

    def walk(self, body: dict[str, Any]) -> None:
        values = body.pop("prompt_variables", None)
        if values and self.behaviour.fills:
            body["messages"].insert(0, {"role": "user", "content": "Text: " + values["text"]})
        names = self.behaviour.walks[body["model"]]
        for number, name in enumerate(names, 1):
            try:
                done = self.forward(name, body)
            except httpx.TimeoutException:
                failure, said = Failure("timeout"), (408, "{}")
            else:
                if done is None:
                    return
                failure, said = Failure("status", done.status_code), (done.status_code, done.text)
            if number == len(names) or not moves_on(failure, self.behaviour.on):
                break
        text = said[1] if self.behaviour.leaks else self.behaviour.root if self.behaviour.tells_address else "{}"
        self.answer(said[0], text)

    def forward(self, name: str, body: dict[str, Any]) -> httpx.Response | None:
        """Ask one upstream; relay a good answer, return any other."""
        url = self.behaviour.root + PLACES[name][0] + "v1/chat/completions"
        key = self.behaviour.upstream_key or self.behaviour.keys[name]
        with httpx.stream("POST", url, json={**body, "model": name}, timeout=0.3, trust_env=False,
                          headers={"authorization": f"Bearer {key}"}) as response:
            if response.status_code != 200:
                response.read()
                return response
            self.head(200, {"x-gateway-model": name, "x-gateway-request-id": str(self.behaviour.asked)})
            pieces = iter([response.read()]) if self.behaviour.buffers else response.iter_raw()
            for piece in pieces:
                self.wfile.write(piece)
        return None

    def answer(self, status: int, text: str, headers: Mapping[str, str] | None = None) -> None:
        self.head(status, headers or {})
        self.wfile.write(text.encode())

    def head(self, status: int, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()


@contextmanager
def staged(**wrong: Any) -> Iterator[tuple[Stage, list[Check]]]:
    """Yield a stage with the stand-in and a mock behind it, and the checks that are told."""
    walks = wrong.pop("walks", {name: (name,) for name in PLACES})
    canaries, told = Canaries({}), list[Check]()
    behaviour = Behaviour(walks, key=canary(), keys={name: canaries.of(name) for name in PLACES}, **wrong)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    setattr(server, "behaviour", behaviour)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    keys = {place: name for name, (place,) in PLACES.items()}
    with MockUpstream() as mock:
        behaviour.root = mock.url.removesuffix("/v1")
        client = Client(f"http://127.0.0.1:{server.server_address[1]}", behaviour.key)
        try:
            yield Stage(client, mock, Upstreams(PLACES, keys), canaries, told.append), told
        finally:
            client.close()
            server.shutdown()
            server.server_close()
            thread.join(5)


def target(alias: str = "one", *walk: str, **more: Any) -> Target:
    return Target(alias, "/chat/completions", walk or (alias,), **more)
