"""Load whose every request can be told apart, and what the ledger says of it."""

import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import sqlalchemy as sa

from src.config.database import parse_database_url
from src.mock.server import MockUpstream
from src.store.engine import Store, open_store
from src.store.ledger_tables import requests

from .gateway import Gateway
from .hooks_support import lines_of


@contextmanager
def opened(url: str) -> Iterator[Store]:
    """Yield the store that a gateway writes to."""
    database = parse_database_url(url, Path())
    assert database is not None
    store = open_store(database)
    try:
        yield store
    finally:
        store.close()


def sqlite_url(gateway: Gateway) -> str:
    """Return the default database of a gateway in its own folder."""
    return f"sqlite:///{gateway.home / 'state' / 'litellm-gateway' / 'gateway.db'}"


def recorded(store: Store, **where: Any) -> list[dict[str, Any]]:
    """Return the rows with these values, oldest first."""
    query = sa.select(requests).where(*(requests.c[name] == value for name, value in where.items()))
    with store.reading() as connection:
        return [dict(row._mapping) for row in connection.execute(query.order_by(requests.c.id))]


def users(store: Store) -> set[str]:
    """Return the label of every request that has a row."""
    return {row["user_label"] for row in recorded(store)}


def reached(upstream: MockUpstream) -> list[str]:
    """Return the label of every request that reached the upstream: the truth."""
    return [one.body["user"] for one in list(upstream.requests) if isinstance(one.body, dict) and "user" in one.body]


def logged(gateway: Gateway) -> set[str]:
    """Return the label of every request that has a request line."""
    text = gateway.stdout
    return {line["user"] for line in lines_of(text[:text.rfind("\n") + 1]) if line["user"]}


class Load:
    """Clients that ask one request after another until the block ends; each has a user of its own."""

    def __init__(self, *gateways: Gateway, clients: int = 6) -> None:
        self._stop = threading.Event()
        self.statuses: dict[str, int | None] = {}
        self._threads = [threading.Thread(target=self._ask, args=(gateways[number % len(gateways)],))
                         for number in range(clients)]

    def __enter__(self) -> "Load":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(60)

    @property
    def answered(self) -> set[str]:
        """Return the labels of the requests that were answered with 200."""
        return {name for name, status in dict(self.statuses).items() if status == 200}

    def _ask(self, gateway: Gateway) -> None:
        with httpx.Client(trust_env=False, timeout=30, headers=gateway.headers) as client:
            while not self._stop.is_set():
                name = f"u-{uuid.uuid4().hex}"
                body = {"model": "gpt-5", "messages": [{"role": "user", "content": "hi"}], "user": name}
                try:
                    status = client.post(f"{gateway.url}/v1/chat/completions", json=body).status_code
                except httpx.TransportError:
                    status = None
                    self._stop.wait(0.05)
                self.statuses[name] = status
