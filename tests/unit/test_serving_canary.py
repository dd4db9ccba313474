"""A worker is let in only when its own app lists what its configuration declares."""

import asyncio
from typing import Any

import pytest

from src.serving.canary import NotServed, check


class App:
    """Lists models as LiteLLM does, for one key."""

    def __init__(self, *aliases: str, key: str | None = "the-master-key") -> None:
        self.aliases, self.key = aliases, key

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        authorized = self.key is None or (b"authorization", f"Bearer {self.key}".encode()) in scope["headers"]
        listed = ",".join(f'{{"id": "{alias}"}}' for alias in self.aliases)
        body = f'{{"data": [{listed}]}}' if authorized else '{"error": "who are you?"}'
        await send({"type": "http.response.start", "status": 200 if authorized else 401, "headers": []})
        await send({"type": "http.response.body", "body": body.encode()})


@pytest.mark.parametrize(("app", "wanted"), [
    (App("a", "b", "more"), {"a", "b"}), (App(), set()), (App("a", key=None), {"a"}),
])
def test_an_app_that_lists_everything_passes(app: App, wanted: set[str]) -> None:
    asyncio.run(check(app, "the-master-key", frozenset(wanted)))


@pytest.mark.parametrize(("app", "key", "said"), [
    (App("a"), "the-master-key", "without these aliases: b, c"),
    (App("a"), "another-key", "/v1/models answered 401 to the master key"),
    (App("a"), None, "/v1/models answered 401"),
])
def test_an_app_that_does_not_is_refused_with_the_reason(app: App, key: str | None, said: str) -> None:
    with pytest.raises(NotServed, match=said):
        asyncio.run(check(app, key, frozenset({"a", "b", "c"})))
