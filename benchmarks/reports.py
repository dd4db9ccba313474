"""How fast reports are on a large ledger: fills a SQLite file through the real writer, then times every report.

    python -m benchmarks.reports --rows 1000000 [--file big.db]

An existing file is measured as it is. Targets: each report under 1 s on one million rows, under 10 s on ten million.
"""

import argparse
import random
import tempfile
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from src.config.database import parse_database_url
from src.policy.reports import BY, DAY, HOUR, KINDS, Period
from src.policy.reports_rows import COLUMNS, rows_of
from src.store.engine import Store, open_store
from src.store.ledger import LedgerWriter
from src.store.migrate import ensure_schema
from src.store.reports import totals

DAYS = 90
BATCH = 5_000
MODELS, USERS, KEYS, ENDPOINTS, CHAINS = 20, 200, 30, 10, 5
ERRORS = (None,) * 24 + ("timeout", "upstream_error", "rate_limit")
PRICE = ["environment", "1250000", "10000000", None, None]


def entries(count: int, end: int, chance: random.Random) -> Iterator[dict[str, Any]]:
    """Yield ``count`` requests spread over the days before ``end``, oldest first."""
    began = end - DAYS * DAY
    for number in range(count):
        at = began + number * DAYS * DAY / count
        model, error, prompt = chance.randrange(MODELS), chance.choice(ERRORS), chance.randrange(10, 4_000)
        completion = None if error else chance.randrange(1, 2_000)
        duration = int(chance.lognormvariate(7, 1))
        yield {
            "request_id": uuid.UUID(int=chance.getrandbits(128)).hex, "started_us": int(at * 1e6),
            "ended_us": int(at * 1e6) + duration * 1_000, "route": "chat", "alias": f"model-{model}",
            "asked": f"model-{model}", "model": f"openai/model-{model}", "provider": "openai",
            "deployment": f"model{model}", "status": 500 if error else 200, "error_type": error,
            "stream": chance.random() < 0.5, "attempt_count": 1, "ttft_ms": duration // 3, "duration_ms": duration,
            "prompt_tokens": None if error else prompt, "completion_tokens": completion,
            "cost_pico": None if completion is None else prompt * 1_250_000 + completion * 10_000_000,
            "cost_state": "unknown" if error else "priced", "price": None if error else PRICE,
            "client_key": f"key-{chance.randrange(KEYS)}", "user_label": f"user-{chance.randrange(USERS)}",
            "endpoint": chance.choice([None, f"endpoint-{chance.randrange(ENDPOINTS)}"]),
            "chain": chance.choice([None, f"chain-{chance.randrange(CHAINS)}"]), "client_gone": False}


def fill(store: Store, count: int) -> None:
    """Write ``count`` requests as workers do, in large batches."""
    writer, batch = LedgerWriter(store), []
    end = int(time.time()) // HOUR * HOUR
    for entry in entries(count, end, random.Random(7)):
        batch.append(entry)
        if len(batch) == BATCH:
            writer.write(batch, fresh=True)
            batch = []
    writer.write(batch, fresh=True)


def measure(store: Store) -> list[tuple[str, float]]:
    """Return the seconds of each report over the whole time, but for the last minutes' hour, to use both tables."""
    end = int(time.time()) // HOUR * HOUR
    period = Period(end - DAYS * DAY + HOUR, end - HOUR)
    found = []
    for kind in KINDS:
        for by in BY:
            began = time.perf_counter()
            rows = rows_of(kind, by, totals(store, by, period, COLUMNS[kind]))
            found.append((f"{kind} by {by}", time.perf_counter() - began))
            assert rows
    return found


def main() -> None:
    """Fill where needed, measure, print the slowest first."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--file", type=Path)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = (asked.file or Path(folder) / "reports.db").absolute()
        there = path.exists()
        database = parse_database_url(f"sqlite:///{path}", Path())
        assert database is not None
        store = open_store(database)
        ensure_schema(store)
        began = time.perf_counter()
        if not there:
            fill(store, asked.rows)
            print(f"filled in {time.perf_counter() - began:.0f} s, {path.stat().st_size / 2**20:.0f} MiB", flush=True)
        for name, seconds in sorted(measure(store), key=lambda row: -row[1]):
            print(f"{seconds * 1_000:9.1f} ms  {name}")
        store.close()


if __name__ == "__main__":
    main()
