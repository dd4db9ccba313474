"""The writer of a worker: requests never wait for it, and nothing is lost while database or file takes entries."""

import logging
import sqlite3
import stat
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from src.hooks import ledger_writer
from src.hooks.ledger_store import LedgerStore
from src.hooks.ledger_writer import Writer
from src.hooks.record import RequestRecord
from src.store.engine import Store
from src.store.failures import StoreDown
from src.store.journal import Journal
from src.store.ledger import LedgerWriter
from src.store.ledger_prune import Keep
from src.store.migrate import head
from src.store.spill import Spill, adopt

from .ledger_support import assert_totals_are_the_rows, entry, ledger_store, open_half, rows, wait_for
from .store_support import database

MIB = 1 << 20


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with ledger_store("sqlite", tmp_path) as found:
        yield found


@contextmanager
def writing(store: Store, folder: Path, limit: int = MIB, audit: bool = False) -> Iterator[Writer]:
    writer = Writer(LedgerStore(store.database, folder, limit, Keep(), audit), Journal(folder, limit))
    writer.start()
    try:
        yield writer
    finally:
        writer.close()


def record(name: str) -> RequestRecord:
    found = RequestRecord(name)
    found.ended_ns = found.started_ns + 1_000_000
    return found


@contextmanager
def locked(store: Store) -> Iterator[None]:
    """Hold SQLite's write lock, as a backup or an operator's shell may."""
    with closing(sqlite3.connect(str(store.database.path), isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("ROLLBACK")


def written(store: Store) -> set[str]:
    return {row["request_id"] for row in rows(store)}


def test_what_ends_is_written_soon_and_without_being_waited_for(store: Store, tmp_path: Path) -> None:
    with writing(store, tmp_path / "spill") as writer:
        for number in range(100):
            writer.put(record(f"r{number}"))
        wait_for(lambda: len(rows(store)) == 100, "all rows")
    assert_totals_are_the_rows(store)


def test_closing_writes_everything(store: Store, tmp_path: Path) -> None:
    with writing(store, tmp_path / "spill") as writer:
        for number in range(2_000):
            writer.put(record(f"r{number}"))
    assert len(rows(store)) == 2_000 and writer.lost == 0
    assert list((tmp_path / "spill").glob("*")) == []
    assert_totals_are_the_rows(store)


def test_while_the_database_is_locked_entries_are_on_disk_and_later_counted_once(store: Store, tmp_path: Path) -> None:
    with writing(store, tmp_path / "spill") as writer:
        with locked(store):
            for number in range(50):
                writer.put(record(f"r{number}"))
            wait_for(lambda: writer.kept >= 50, "everything in the file")
            (file,) = (tmp_path / "spill").glob("*.jsonl")
            assert stat.S_IMODE(file.stat().st_mode) == 0o600 and b'"r49"' in file.read_bytes()
        writer.put(record("later"))
        wait_for(lambda: len(rows(store)) == 51, "all rows")
        wait_for(lambda: file.stat().st_size == 0, "an empty file")
    assert writer.lost == 0
    assert_totals_are_the_rows(store)


def test_closing_while_the_database_is_locked_leaves_everything_to_the_next_start(store: Store, tmp_path: Path) -> None:
    with locked(store):
        with writing(store, tmp_path / "spill") as writer:
            for number in range(20):
                writer.put(record(f"r{number}"))
            writer.close(0.3)
        assert rows(store) == [] and writer.lost == 0
    with writing(store, tmp_path / "spill"):
        wait_for(lambda: len(rows(store)) == 20, "the rows of the last run")
        wait_for(lambda: not list((tmp_path / "spill").glob("*")), "no file left")
    assert_totals_are_the_rows(store)


def test_a_database_that_is_not_there_yet_is_caught_up_with(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    place = tmp_path / "mounted" / "gateway.db"
    place.parent.write_text("not a folder yet")
    late = database(f"sqlite:///{place}", tmp_path)
    writer = Writer(LedgerStore(late, tmp_path / "spill", MIB, Keep()), Journal(tmp_path / "spill", MIB))
    with caplog.at_level(logging.ERROR, "gateway.hooks"):
        writer.start()
        for number in range(5):
            writer.put(record(f"r{number}"))
        wait_for(lambda: caplog.records, "a line in the log")
        wait_for(lambda: writer.kept == 5, "everything in the file")
    place.parent.unlink()
    wait_for(lambda: place.exists() and len(count(place)) == 5, "the rows")
    writer.close()
    assert len(caplog.records) == 1 and "cannot be written now" in caplog.text


def count(place: Path) -> list[object]:
    with closing(sqlite3.connect(place)) as connection:
        try:
            return connection.execute("SELECT request_id FROM ai_request_logs").fetchall()
        except sqlite3.OperationalError:
            return []  # not migrated yet


def test_what_neither_takes_is_counted_and_said_once(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                                                     caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(ledger_writer, "WAITING_LIMIT", 3)
    with caplog.at_level(logging.ERROR, "gateway.hooks"), locked(store):
        with writing(store, tmp_path / "spill", limit=10) as writer:
            for number in range(30):
                writer.put(record(f"r{number}"))
            wait_for(lambda: writer.lost, "a lost entry")
            writer.close(0.2)
        assert (writer.lost, writer.kept, rows(store)) == (30, 0, [])
    assert len([one for one in caplog.records if "ledger entries are lost so far" in one.message]) == 1


def test_a_full_file_leaves_entries_in_the_queue_until_the_database_is_back(store: Store, tmp_path: Path) -> None:
    with writing(store, tmp_path / "spill", limit=10) as writer:
        with locked(store):
            for number in range(30):
                writer.put(record(f"r{number}"))
        wait_for(lambda: len(rows(store)) == 30, "all rows")
    assert (writer.lost, writer.kept) == (0, 0)


def test_a_full_queue_goes_to_the_file(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger_writer, "WAITING_LIMIT", 3)
    folder = tmp_path / "spill"
    writer = Writer(LedgerStore(store.database, folder, MIB, Keep()), Journal(folder, MIB))  # not started: nobody takes
    for number in range(5):
        writer.put(record(f"r{number}"))
    assert (writer.kept, writer.lost) == (2, 0)
    writer.start()
    writer.close()
    assert written(store) == {f"r{number}" for number in range(5)}


@pytest.mark.parametrize(("fault", "repair"), [
    ("max_page_count = 1", "max_page_count = 2147483647"),  # no fewer than there are: not one page more
    ("query_only = 1", "query_only = 0"),
], ids=["full", "read-only"])
def test_a_database_that_takes_nothing_is_caught_up_with(store: Store, tmp_path: Path, fault: str, repair: str) -> None:
    inside = LedgerStore(store.database, tmp_path / "spill", 4 * MIB, Keep())
    set_pragma(inside, fault)
    writer = Writer(inside, Journal(tmp_path / "spill", 4 * MIB))
    writer.start()
    for number in range(200):
        found = record(f"r{number}")
        found.extra["content"] = "x" * 5_000
        writer.put(found)
    wait_for(lambda: writer.kept >= 200, "everything in the file")
    assert writer.lost == 0 and len(rows(store)) == 0
    set_pragma(inside, repair)
    wait_for(lambda: len(rows(store)) == 200, "all rows")
    writer.close()
    assert_totals_are_the_rows(store)


def set_pragma(inside: LedgerStore, pragma: str) -> None:
    """Make SQLite say what it says of a full disk or a read-only file."""
    with inside.opened().store.engine.connect() as connection:
        connection.exec_driver_sql(f"PRAGMA {pragma}")


def test_entries_wait_while_the_database_is_newer_than_the_code(store: Store, tmp_path: Path,
                                                                caplog: pytest.LogCaptureFixture) -> None:
    def become(revision: str) -> None:
        with store.writing() as connection:
            connection.exec_driver_sql(f"UPDATE ai_schema_version SET version_num = '{revision}'")

    become("9999_future")
    with caplog.at_level(logging.ERROR, "gateway.hooks"), writing(store, tmp_path / "spill") as writer:
        writer.put(record("r"))
        wait_for(lambda: "9999_future" in caplog.text, "a line in the log")
        assert (writer.kept, writer.lost, rows(store)) == (1, 0, [])
        become(head())
        wait_for(lambda: written(store) == {"r"}, "the row")


def test_workers_prune_when_they_have_nothing_to_write(store: Store, tmp_path: Path) -> None:
    LedgerWriter(store).write([entry(at=1_000_000_000)])
    inside = LedgerStore(store.database, tmp_path / "spill", MIB, Keep(days=30))
    spill = Journal(tmp_path / "spill", MIB)
    inside.rest(spill)
    assert len(rows(store)) == 1, "not at once"
    inside.rest(spill, later=60.0)
    assert rows(store) == []
    inside.close()


def test_a_database_that_goes_away_while_reading_back_costs_nothing(store: Store, tmp_path: Path) -> None:
    left = Spill(tmp_path / "spill", MIB)
    left.append([entry(request_id="a"), entry(request_id="bad", started_us="never")])
    left.close()
    inside, own = LedgerStore(store.database, tmp_path / "spill", MIB, Keep()), Journal(tmp_path / "spill", MIB)
    with locked(store), pytest.raises(StoreDown):
        inside.rest(own)
    inside.close()
    (found,) = adopt(tmp_path / "spill", MIB)
    assert len(found.read(10)[0]) == 2
    found.close()


def test_workers_adopt_what_dead_ones_left_also_what_cannot_be_recorded(store: Store, tmp_path: Path,
                                                                        caplog: pytest.LogCaptureFixture) -> None:
    folder = tmp_path / "spill"
    left = Spill(folder, MIB)
    left.append([entry(request_id="a"), entry(request_id="bad", started_us="never"), entry(request_id="b")])
    left.close()
    LedgerWriter(store).write([entry(request_id="b")])
    with caplog.at_level(logging.WARNING, "gateway.hooks"), writing(store, folder) as writer:
        wait_for(lambda: written(store) == {"a", "b"} and writer.lost == 1, "what can be recorded")
        wait_for(lambda: not list(folder.glob("*")), "the file has gone")
    assert "1 spilled ledger entries could not be" in caplog.text
    assert_totals_are_the_rows(store)


def test_audit_hears_when_an_entry_is_safe_in_the_database_or_the_file(store: Store, tmp_path: Path) -> None:
    whole = entry(request_id="r")
    with writing(store, tmp_path / "spill", audit=True) as writer:
        assert asked(writer, open_half(whole)) is True
        assert wait_for(lambda: [row["ended_at"] for row in rows(store)], "the row") == [None]
        with locked(store):
            assert asked(writer, open_half(entry(request_id="s"))) is True
            assert (b'"s"' in b"".join(path.read_bytes() for path in (tmp_path / "spill").glob("*")))


def test_audit_hears_when_it_is_safe_nowhere(store: Store, tmp_path: Path) -> None:
    with writing(store, tmp_path / "spill", limit=10, audit=True) as writer, locked(store):
        assert asked(writer, open_half(entry())) is False


def test_audit_hears_it_also_while_others_wait_for_the_database(store: Store, tmp_path: Path) -> None:
    with writing(store, tmp_path / "spill", limit=10, audit=True) as writer:
        with locked(store):
            for number in range(2 * ledger_writer.BATCH):
                writer.put(record(f"r{number}"))
            assert asked(writer, open_half(entry(request_id="asked"))) is False
        wait_for(lambda: len(rows(store)) == 2 * ledger_writer.BATCH, "the others")
    assert "asked" not in written(store)


def asked(writer: Writer, half: dict[str, object]) -> bool:
    answers: list[bool] = []
    heard = threading.Event()

    def told(safe: bool) -> None:
        answers.append(safe)
        heard.set()

    writer.put_now(half, told)
    assert heard.wait(20)
    return answers[0]


def test_a_record_that_cannot_be_read_does_not_stop_the_thread(store: Store, tmp_path: Path,
                                                               caplog: pytest.LogCaptureFixture) -> None:
    broken = record("broken")
    broken.opened_at = float("nan")
    with caplog.at_level(logging.ERROR, "gateway.hooks"), writing(store, tmp_path / "spill") as writer:
        for found in (record("fine"), broken, record("too")):
            writer.put(found)
        wait_for(lambda: written(store) == {"fine", "too"}, "the others")
    assert "cannot read the record" in caplog.text and writer.lost == 1
    assert list(adopt(tmp_path / "spill", MIB)) == []
