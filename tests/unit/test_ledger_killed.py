"""A worker that is killed at any step between journal and database costs no entry, and none is counted twice."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from src.hooks.ledger_store import LedgerStore
from src.store.journal import Journal
from src.store.ledger_prune import Keep

from .ledger_support import assert_totals_are_the_rows, ledger_store, rows
from .store_support import KINDS

ROOT = Path(__file__).resolve().parents[2]
MIB = 1 << 20
# Keeps entries, moves them, and is killed before or after the step that it is told.
WORKER = """
import os, signal, sys
from pathlib import Path
from src.config.database import parse_database_url
from src.hooks.ledger_store import LedgerStore
from src.store import spill
from src.store.journal import Journal
from src.store.ledger import LedgerWriter
from src.store.ledger_prune import Keep
from tests.unit.ledger_support import entry, open_half

url, folder, step = sys.argv[1:]
def die(*_): os.kill(os.getpid(), signal.SIGKILL)
def before(of, name): setattr(of, name, die)
def after(of, name):
    real = getattr(of, name)
    def run(*asked):
        result = real(*asked)
        die()
    setattr(of, name, run)

store = LedgerStore(parse_database_url(url, Path()), Path(folder), 1 << 20, Keep(), audit=step.startswith("audit"))
own = Journal(Path(folder), 1 << 20)
whole = [entry(request_id=f"r{number}") for number in range(5)]
if step.startswith("audit"):
    own.append([open_half(one) for one in whole])
    store.rest(own)
own.append(whole)
{"before the database": lambda: before(LedgerWriter, "_write"),
 "after the database": lambda: after(LedgerWriter, "write"),
 "before the file shrinks": lambda: before(spill.os, "ftruncate"), "after it did": lambda: after(Journal, "done"),
 "audit, after the database": lambda: after(LedgerWriter, "write")}[step]()
store.rest(own)
"""
STEPS = ("before the database", "after the database", "before the file shrinks", "after it did",
         "audit, after the database")


@pytest.mark.parametrize("kind", KINDS)
def test_a_worker_killed_at_any_step_loses_nothing_and_counts_nothing_twice(tmp_path: Path, kind: str) -> None:
    for step in STEPS:
        with ledger_store(kind, tmp_path) as store:
            folder = tmp_path / f"{kind}-{step}"
            done = subprocess.run([sys.executable, "-c", WORKER, store.database.url, str(folder), step], cwd=ROOT,
                                  capture_output=True, text=True, timeout=120)
            assert done.returncode == -signal.SIGKILL, done.stderr
            sibling, own = LedgerStore(store.database, folder, MIB, Keep()), Journal(folder, MIB)
            while sibling.rest(own):
                pass
            sibling.close()
            found = rows(store)
            assert {row["request_id"] for row in found} == {f"r{number}" for number in range(5)} and len(found) == 5
            assert all(row["ended_at"] for row in found) and list(folder.glob("*")) == []
            assert_totals_are_the_rows(store)
