"""What the tests of the inside of a request share: declared models, and the request line of an answer."""

import json
from collections.abc import Mapping
from typing import Any

import httpx

from tests.e2e.gateway import Gateway, canary, until

KEY = canary("upstream")


def declared(base: str, models: Mapping[str, Mapping[str, str]], **more: str) -> dict[str, str]:
    """Return variables that declare ``models`` (key: fields) at ``base``, all with the same upstream key."""
    values = {"PROXY_MODEL_KEYS": ",".join(models), "UPSTREAM_KEY": KEY}
    for key, fields in models.items():
        own = {"API_BASE": base, "API_KEY_ENV": "UPSTREAM_KEY", **fields}
        values |= {f"MODEL_{key.upper()}_{name}": value for name, value in own.items()}
    return values | more


def chain(key: str, *members: str, on: str | None = None) -> dict[str, str]:
    """Return variables of a chain whose alias is its key."""
    values = {f"CHAIN_{key.upper()}_MODELS": ",".join(members), f"CHAIN_{key.upper()}_ALIAS": key}
    return values | ({f"CHAIN_{key.upper()}_ON": on} if on else {})


class Inside:
    """A gateway seen through its request lines."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway
        self.client = httpx.Client(base_url=gateway.url, headers=gateway.headers, timeout=60, trust_env=False,
                                   verify=False)

    def post(self, path: str, **body: Any) -> httpx.Response:
        """Post a JSON body on a connection that is kept."""
        return self.client.post(path, json=body)

    def chat(self, model: str, **more: Any) -> httpx.Response:
        """Ask for a chat completion."""
        return self.post("/v1/chat/completions", model=model, messages=[{"role": "user", "content": "hi"}], **more)

    def lines(self) -> list[dict[str, Any]]:
        """Return all request lines so far."""
        rows = [json.loads(line) for line in self.gateway.stdout.splitlines() if line.startswith("{")]
        return [row for row in rows if "request_id" in row]

    def line(self, response: httpx.Response) -> dict[str, Any]:
        """Return the one request line of ``response``."""
        wanted = response.headers["x-gateway-request-id"]

        def of_request() -> list[dict[str, Any]]:
            return [row for row in self.lines() if row["request_id"] == wanted]

        found: list[dict[str, Any]] = until(of_request, f"the request line of {wanted}", 10)
        assert len(found) == 1
        return found[0]
