"""A worker's gate over a real store, and requests that go through it as the edge and LiteLLM's hooks send them."""

import asyncio
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from src.config.database import Database
from src.hooks.client_keys import note
from src.hooks.limits import Gate
from src.hooks.limits_counting import Counting
from src.hooks.planview import read_plan
from src.hooks.record import RequestBook, RequestRecord
from src.hooks.runtime import Runtime
from src.policy.client_keys import ClientKey
from src.policy.limits import Limit
from src.store.counters import Counters

MODELS: list[dict[str, Any]] = [
    {"key": "gpt5", "alias": "gpt-5", "deployment": "gpt5", "provider": "openai", "model": "openai/gpt-5",
     "input_cost_micros": 1_000_000, "output_cost_micros": 1_000_000},
    {"key": "free", "alias": "free", "deployment": "free", "provider": "openai", "model": "openai/own"}]


def gate_of(counting: Counting, *limits: Limit, models: list[dict[str, Any]] | None = None, **settings: Any) -> Gate:
    """Return a gate with these limits; its plan has two models and a chain of both."""
    chains = [{"key": "both", "alias": "both", "models": ["gpt5", "free"]}]
    plan = read_plan(json.dumps({"models": models or MODELS, "chains": chains, "settings": settings}))
    gate = Gate(Runtime(plan, "master", None, (), RequestBook([]), []), counting)
    gate.set_limits(limits)
    return gate


@contextmanager
def counting_in(database: Database, deny: bool = False) -> Iterator[Counting]:
    """Yield the counting of a worker on ``database``."""
    counting = Counting(lambda: Counters.open(database), deny)
    counting.start()
    try:
        yield counting
    finally:
        counting.close()


async def stays() -> Any:
    """The ``receive`` of a client that waits for its answer."""
    return await asyncio.get_running_loop().create_future()


def request(alias: str = "gpt-5", user: str | None = None, grant: ClientKey | None = None) -> RequestRecord:
    """Return the record of a request that has been read."""
    record = RequestRecord(f"r{time.perf_counter_ns()}", alias=alias, asked=alias, user=user)
    note(record, grant)
    return record


def deployment(name: str = "gpt5") -> dict[str, Any]:
    """Return a deployment as LiteLLM's router has it."""
    return {"model_name": name, "model_info": {"id": name}}


async def go_through(gate: Gate, record: RequestRecord, body: bytes = b'{"max_tokens": 1}', name: str = "gpt5") -> None:
    """Let a request in and its upstream call out."""
    await gate.enter(record, body, False, stays)
    await gate.call(record, [deployment(name)])
