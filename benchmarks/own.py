"""Our own CPU per request, everything on: the edge, the request line and the ledger with its store.

    python -m benchmarks.own [--seconds S] [--rounds R] [--rates N,N] [--every S] [--database URL]

Each round asks a bare pass-through, the edge, and the edge with ledger in turn, at the same rate, in one process;
printed are the medians of what they add. All threads count, and the ledger is waited for until everything is in the
database. Requests come in groups, every 40 ms, as they do from many connections; with `--every 0` each comes by itself
to a machine that slept until then, which costs several times as much on the same code.
"""

import argparse
import asyncio
import gc
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import uvloop

from src.hooks.guard import Guard
from src.hooks.guard_admit import Edge
from src.hooks.ledger import Ledger
from src.hooks.ledger_writer import Writer

from .edge import App, edge, passing, through
from .ledger import answering, recording

RATES = "150,300,1000"


class Pace(NamedTuple):
    """How requests come: ``rate`` per second for ``seconds``, in groups every ``every`` seconds."""

    rate: int
    seconds: float
    every: float

    @property
    def requests(self) -> int:
        """How many there are."""
        return int(self.rate * self.seconds)

    @property
    def together(self) -> int:
        """How many come at once."""
        return max(1, int(self.rate * self.every))


async def paced(app: App, pace: Pace, waiting: Callable[[], int]) -> float:
    """Return the CPU of one request in microseconds, until nothing is ``waiting``."""
    count, group, began = pace.requests, pace.together, time.perf_counter()
    before = time.process_time_ns()
    for number in range(1, count + 1):
        await through(app)
        ahead = began + number / pace.rate - time.perf_counter()
        if number % group == 0 and ahead > 0:
            await asyncio.sleep(ahead)
    await asyncio.sleep(0.1)
    while waiting():
        await asyncio.sleep(0.05)
    return (time.process_time_ns() - before) / count / 1000


class Compared:
    """The three applications that take turns."""

    def __init__(self, now: Edge, ledger: Ledger, writer: Writer) -> None:
        self._now, self._ledger, self._writer = now, ledger, writer
        self._bare = passing(answering)
        self._edge = Guard(answering, now, answering)
        self._all = Guard(answering, now, answering, None, ledger.before)

    async def bare(self, pace: Pace) -> float:
        """Ask without us."""
        return await paced(self._bare, pace, int)

    async def edge(self, pace: Pace) -> float:
        """Ask through the edge, which writes the request line."""
        return await paced(self._edge, pace, int)

    async def everything(self, pace: Pace) -> float:
        """Ask with the ledger as well."""
        sinks = self._now.now.sinks
        sinks.append(self._ledger.observe)
        try:
            return await paced(self._all, pace, lambda: self._writer.waiting)
        finally:
            sinks.remove(self._ledger.observe)


async def measure(url: str, folder: Path, rounds: int, paces: list[Pace]) -> None:
    """Print one row per rate."""
    now = edge()
    ledger, writer = recording(url, folder, now)
    compared = Compared(now, ledger, writer)
    gc.freeze()  # the collector as a worker has it, see src/serving
    gc.set_threshold(5_000, 20, 50)
    await compared.everything(Pace(200, 3.0, 0.0))  # opening and migrating the database is no request's cost
    heads = ("bare us", "edge adds", "ledger adds", "own us", "lowest", "highest")
    print(f"{'rate/s':>8}" + "".join(f"{head:>12}" for head in heads))
    for pace in paces:
        found = [(await compared.bare(pace), await compared.edge(pace),
                  await compared.everything(pace)) for _ in range(rounds)]
        rows = [(bare, guarded - bare, both - guarded, both - bare) for bare, guarded, both in found]
        owns = [row[3] for row in rows]
        cells = [*map(statistics.median, zip(*rows)), min(owns), max(owns)]
        print(f"{pace.rate:>8}" + "".join(f"{cell:>12.1f}" for cell in cells), flush=True)
    writer.close()
    assert writer.lost == 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--every", type=float, default=0.04)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--database", default="sqlite:///ledger.db")
    parser.add_argument("--rates", default=RATES)
    chosen = parser.parse_args()
    paces = [Pace(int(rate), chosen.seconds, chosen.every) for rate in chosen.rates.split(",")]
    with tempfile.TemporaryDirectory() as temporary:
        uvloop.run(measure(chosen.database, Path(temporary), chosen.rounds, paces))
