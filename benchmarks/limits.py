"""What a check of limits costs: `python -m benchmarks.limits`, with SQLite in a temporary folder and nobody else there.

Two numbers: what a request waits for the check, with the hop to the counting thread and back, and what the statement
itself takes. The promise is 0.3 ms at the median for the first; exit code 1 where it is broken.
"""

import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from src.config.database import Database, parse_database_url
from src.hooks.limits_counting import Ask, Counting
from src.policy.limits import Charge, Limit, Rule, charges
from src.store.counters import Counters
from src.store.engine import open_store
from src.store.migrate import ensure_schema

CHECKS, WARM_UP = 2000, 200
PROMISE_MS = 0.3
LIMITS = {
    "one number": (Limit("one", "model", "m", rpm=10**9),),
    "all five numbers": (Limit("all", "model", "m", 10**9, 10**12, 10**9, 10**12, budget_micros=10**12),),
    "model, provider, key": tuple(Limit(scope, scope, "m", rpm=10**9, tpd=10**12)
                                  for scope in ("model", "provider", "key")),
}


def charged(limits: tuple[Limit, ...]) -> list[Charge]:
    """Return what one request takes."""
    return charges([Rule(limit, "m") for limit in limits], 1000, 10, time.time())


def median_ms(times: list[float]) -> float:
    """Return the median of seconds in milliseconds, the first ones left out."""
    return statistics.median(times[WARM_UP:]) * 1000


def statement(counters: Counters, limits: tuple[Limit, ...]) -> float:
    """Return milliseconds at the median for the statement alone."""
    return median_ms([timed(lambda: counters.take(charged(limits))) for _ in range(CHECKS)])


def timed(work: Callable[[], object]) -> float:
    """Return the seconds that ``work`` takes."""
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


async def check(counting: Counting, limits: tuple[Limit, ...]) -> float:
    """Return milliseconds at the median that a request waits."""
    times = []
    for _ in range(CHECKS):
        begun = time.perf_counter()
        await counting.take(Ask(charged(limits), keys=True))
        times.append(time.perf_counter() - begun)
    return median_ms(times)


def measure(database: Database) -> dict[str, tuple[float, float]]:
    """Return name -> (what a request waits, what the statement takes), in milliseconds."""
    store = open_store(database)
    ensure_schema(store)
    counters, counting = Counters(store), Counting(lambda: Counters.open(database))
    counting.start()
    found = {name: (asyncio.run(check(counting, limits)), statement(counters, limits))
             for name, limits in LIMITS.items()}
    counting.close()
    counters.close()
    store.close()
    return found


def main() -> int:
    """Measure, print, and judge."""
    with tempfile.TemporaryDirectory() as folder:
        database = parse_database_url("sqlite:///limits.db", Path(folder))
        assert database is not None
        found = measure(database)
    print(f"{'limits of a request':24}{'check, ms':>12}{'statement, ms':>16}")
    for name, (waited, alone) in found.items():
        print(f"{name:24}{waited:12.3f}{alone:16.3f}")
    return 0 if max(waited for waited, _ in found.values()) <= PROMISE_MS else 1


if __name__ == "__main__":
    sys.exit(main())
