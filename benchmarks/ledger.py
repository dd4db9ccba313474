"""What the ledger adds to a request: CPU of the edge with and without it, at several rates, in one process.

    python -m benchmarks.ledger [--seconds S] [--database URL]

All threads count: entries made, written, added up. `loop us` is the part that the event loop itself spends. Slow rates
cost more per request, because a batch every second holds fewer of them; the faster the requests, the cheaper each.
"""

import argparse
import asyncio
import tempfile
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

from src.config.database import parse_database_url
from src.hooks import runtime
from src.hooks.guard import Guard
from src.hooks.guard_admit import Edge
from src.hooks.ledger import Ledger
from src.hooks.ledger_entry import COST, PRICE
from src.hooks.ledger_store import LedgerStore
from src.hooks.ledger_writer import Writer
from src.hooks.planview import LedgerView
from src.hooks.record import Attempt, RequestRecord
from src.policy.costs import Cost, Known, Price
from src.store.journal import Journal
from src.store.ledger_prune import Keep

from .edge import ANSWER, BODY, edge, through

RATES = (50, 150, 300, 1_000)
KNOWN = Known(Price(Decimal(1_250_000), Decimal(10_000_000)), "environment")


async def answering(scope: Any, receive: Any, send: Any) -> None:
    """Answer whole, and fill the record as the callback does."""
    await receive()
    record = runtime.current().book.find(dict(scope["headers"]).get(b"x-litellm-call-id", b"").decode())
    if record is not None:
        record.attempts.append(Attempt("gpt5", "openai/gpt-5", "openai", 200))
        record.model, record.provider, record.deployment = "openai/gpt-5", "openai", "gpt5"
        record.prompt_tokens, record.completion_tokens, record.cost_state = 40, 200, "priced"
        record.extra.update({COST: Cost(2_050_000_000, "priced"), PRICE: KNOWN})
        record.settled = True
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
    await send({"type": "http.response.body", "body": ANSWER, "more_body": False})


async def cost(app: Any, rate: int, seconds: float) -> float:
    """Return the CPU of one request at ``rate`` requests per second, in microseconds, idle time's share included."""
    count, began = int(rate * seconds), time.perf_counter()
    before = time.process_time_ns()
    for number in range(count):
        await through(app)
        ahead = began + (number + 1) / rate - time.perf_counter()
        if ahead > 0:
            await asyncio.sleep(ahead)
    await asyncio.sleep(1.2)  # until the last batch is in the database
    return (time.process_time_ns() - before) / count / 1000


async def on_the_loop(ledger: Ledger, count: int = 5_000) -> float:
    """Return the microseconds that the event loop spends on one request for the ledger."""
    began = time.perf_counter()
    for number in range(count):
        record = RequestRecord(f"{number:032x}")
        await ledger.before(record, BODY)
        ledger.observe(record)
    return (time.perf_counter() - began) / count * 1e6


def recording(url: str, folder: Path, now: Edge) -> tuple[Ledger, Writer]:
    """Return a ledger that writes to ``url``, and its writer, started."""
    database = parse_database_url(url, folder)
    assert database is not None
    writer = Writer(LedgerStore(database, folder / "spill", 1 << 28, Keep()), Journal(folder / "spill", 1 << 28))
    writer.start()
    return Ledger(writer, LedgerView(), now.scrubber), writer


async def measure(url: str, folder: Path, seconds: float) -> None:
    """Print one row per rate."""
    now = edge()
    ledger, writer = recording(url, folder, now)
    without, recorded = Guard(answering, now, answering), Guard(answering, now, answering, None, ledger.before)
    now.now.sinks.append(ledger.observe)
    await cost(recorded, 100, 3.0)  # opening and migrating the database is no request's cost
    now.now.sinks.remove(ledger.observe)
    print(f"{'rate/s':>8}{'edge us':>10}{'with ledger us':>16}{'ledger us':>11}")
    for rate in RATES:
        alone = await cost(without, rate, seconds)
        now.now.sinks.append(ledger.observe)
        both = await cost(recorded, rate, seconds)
        now.now.sinks.remove(ledger.observe)
        print(f"{rate:>8}{alone:>10.1f}{both:>16.1f}{both - alone:>11.1f}", flush=True)
    print(f"{'loop us':>8}{await on_the_loop(ledger):>10.1f}")
    writer.close()
    assert writer.lost == 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--database", default="sqlite:///ledger.db")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        asyncio.run(measure(chosen.database, Path(temporary), chosen.seconds))
