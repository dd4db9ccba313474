"""A worker is killed under load: its reservations end, and what it had answered stays charged, once."""

import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait

import httpx
import pytest
import sqlalchemy as sa

from src.config.database import parse_database_url
from src.mock.server import Fault, MockUpstream
from src.store.engine import Store, open_store
from src.store.ledger_tables import requests
from src.store.limits_tables import reservations
from tests.e2e.gateway import Gateway, models
from tests.e2e.ledger_load import sqlite_url
from tests.e2e.limits_support import eventually, rows, run

CLIENTS, SECONDS = 12, 60.0
PROMPT, COMPLETION = 7, 5
EACH = PROMPT + COMPLETION


@pytest.fixture(scope="module")
def gateway(upstream: MockUpstream) -> Iterator[Gateway]:
    quick = Fault(prompt_tokens=PROMPT, completion_tokens=COMPLETION)
    upstream.faults.update({"quick": quick, "stuck": Fault(hang=True)})
    gateway = Gateway(models(upstream.url, "quick", "stuck"), workers=2)
    run(gateway, "limits", "add", "everybody", "--scope", "user", "--target", "*", "--tpd", "100000000")
    with gateway:
        yield gateway


@pytest.fixture(scope="module")
def store(gateway: Gateway) -> Iterator[Store]:
    database = parse_database_url(sqlite_url(gateway), gateway.home)
    assert database is not None
    found = open_store(database)
    yield found
    found.close()


def ask(gateway: Gateway, model: str) -> int | None:
    """Return the status of an answer, None where its worker is gone."""
    try:
        return gateway.chat(model, headers={**gateway.headers, "x-gateway-user": "ann"}, max_tokens=5000).status_code
    except httpx.TransportError:
        return None


def counted(gateway: Gateway) -> int:
    """Return the tokens that the limit holds as used."""
    return sum(row["used"] for row in rows(gateway, limit="everybody", subject="ann"))


def charged(store: Store) -> int:
    """Return the tokens of the requests in the ledger."""
    with store.reading() as connection:
        total = sa.select(sa.func.sum(requests.c.prompt_tokens + requests.c.completion_tokens))
        return connection.execute(total).scalar_one() or 0


def held(store: Store) -> int:
    """Return how many reservations hold something."""
    with store.reading() as connection:
        found = sa.select(sa.func.count()).where(sa.not_(reservations.c.released))
        return int(connection.execute(found.select_from(reservations)).scalar_one())


def test_a_killed_workers_reservations_end_and_its_answers_stay_charged_once(gateway: Gateway, store: Store) -> None:
    enough, answers = threading.Event(), list[int | None]()

    def keep_asking() -> None:
        while not enough.is_set():
            answers.append(ask(gateway, "quick"))

    with ThreadPoolExecutor(CLIENTS + 4) as pool:
        stuck = [pool.submit(ask, gateway, "stuck") for _ in range(CLIENTS)]
        asking = [pool.submit(keep_asking) for _ in range(4)]
        try:
            eventually(lambda: held(store) >= CLIENTS and charged(store) >= 120, True, SECONDS)
            enough.set()
            wait(asking)
            # What ended within the last 100 ms the ledger may lose, and the limits not.
            eventually(lambda: charged(store), EACH * len(answers), SECONDS)
        finally:
            enough.set()
            for pid in gateway.workers:
                os.kill(pid, signal.SIGKILL)
        assert ([one.result() for one in stuck], set(answers)) == ([None] * CLIENTS, {200})
    assert held(store) >= CLIENTS and counted(gateway) >= CLIENTS * 5000
    with store.writing() as connection:  # time goes by
        connection.execute(reservations.update().values(lease_ends=0))
    assert ask(gateway, "quick") == 200
    eventually(lambda: (held(store), counted(gateway) - charged(store)), (0, 0), SECONDS)
