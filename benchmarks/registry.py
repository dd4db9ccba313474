"""What the registry costs a request: resolving an endpoint with its template, defaults, tools and flags.

    python -m benchmarks.registry

The budget is 0.2 ms. Beside it, for comparison: a request that names a model and meets no flag, and reading the whole
registry of a database with as many rows, which workers do in a thread every GATEWAY_CONFIG_TTL seconds.
"""

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from src.config.database import parse_database_url
from src.policy.flags import Scope
from src.policy.names import DeclaredNames
from src.policy.registry import Asked, Snapshot, apply
from src.store.endpoints import Endpoint
from src.store.engine import open_store
from src.store.flags import Flag
from src.store.migrate import ensure_schema
from src.store.prompts import Prompt
from src.store.reading import worker_document
from src.store.registry import load_registry, write_all
from src.store.rows import Row
from src.store.tools import Tool

BUDGET_US = 200.0
ROUNDS, REPEATS = 2_000, 7
ENDPOINTS = 100
SYSTEM = "You sum up documents. " * 40
USER = "Language: {{language}}\n\n" + "Mind the following. " * 40 + "\n\n{{document_text}}"
SCHEMA = {"type": "object", "properties": {f"field_{n}": {"type": "string"} for n in range(10)}}


def rows() -> dict[str, list[Row]]:
    """Return a registry of ordinary size: a hundred endpoints, each with a template, and some flags."""
    names = [f"endpoint_{number}" for number in range(ENDPOINTS)]
    return {
        "tools": [Tool("look_up", SCHEMA), Tool("write", SCHEMA)],
        "endpoints": [Endpoint(name, "gpt-5", None, temperature=0.2, max_tokens=800, tools=("look_up", "write"))
                      for name in names],
        "prompts": [Prompt(name, 1, name, SYSTEM, USER) for name in names],
        "flags": [Flag("enable_vision", False, endpoint=names[0]), Flag("enable_streaming", True),
                  Flag("enable_tool_use", False, environment="other")],
    }


def microseconds(work: Callable[[], object], rounds: int = ROUNDS) -> float:
    """Return the median over the repeats of the mean time of one call."""
    found = []
    for _ in range(REPEATS):
        began = time.perf_counter_ns()
        for _ in range(rounds):
            work()
        found.append((time.perf_counter_ns() - began) / rounds / 1_000)
    return statistics.median(found)


def main() -> int:
    """Print the costs and return 1 where the budget is exceeded."""
    with tempfile.TemporaryDirectory() as folder:
        database = parse_database_url("sqlite:///benchmark.db", Path(folder))
        assert database is not None
        store = open_store(database)
        ensure_schema(store)
        with store.writing() as connection:
            write_all(connection, rows())
        snapshot = Snapshot.of(worker_document(load_registry(store)))
        reading = microseconds(lambda: worker_document(load_registry(store)), 10)
        store.close()
    resolving, passing = microseconds(request(snapshot, True)), microseconds(request(snapshot, False))
    print(f"endpoint with template, tools and flags: {resolving:8.1f} us (budget {BUDGET_US:g})")
    print(f"a model by its name:                     {passing:8.1f} us")
    print(f"reading {ENDPOINTS} endpoints and templates:    {reading:8.0f} us, in a thread")
    return int(resolving > BUDGET_US)


def request(snapshot: Snapshot, endpoint: bool) -> Callable[[], object]:
    """Return one request's work: by endpoint and template, or by the name of a model."""
    asked = Asked("chat", "/v1/chat/completions", "user-1", Scope(environment="production"))
    names = DeclaredNames.of(["gpt-5", "other/*"])
    variables = {"language": "English", "document_text": "A sentence of a document. " * 100}
    message = {"role": "user", "content": "Now, please."}

    def work() -> object:
        body: dict[str, Any] = {"model": "gpt-5", "messages": [message], "stream": True}
        if endpoint:
            body.update(model="endpoint_7", prompt_variables=variables)
        return apply(snapshot, asked, body, names)

    return work


if __name__ == "__main__":
    sys.exit(main())
