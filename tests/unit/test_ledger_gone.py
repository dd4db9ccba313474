"""A database that goes and comes back as another one, and values that no database takes, cost no other entry."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from src.hooks.ledger_store import LedgerStore
from src.hooks.ledger_writer import Item, Writer
from src.hooks.record import RequestRecord
from src.store.engine import Store, open_store
from src.store.failures import StoreDown, StoreError
from src.store.journal import Journal
from src.store.ledger import LedgerWriter
from src.store.ledger_prune import Keep
from src.store.ledger_rows import PLACE, Row, row_of
from src.store.migrate import ensure_schema
from src.store.tables import metadata

from .ledger_support import assert_totals_are_the_rows, entry, ledger_store, rows, total, wait_for
from .store_support import KINDS

MIB = 1 << 20


@pytest.fixture(params=KINDS)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    with ledger_store(request.param, tmp_path) as found:
        yield found


@pytest.fixture
def sqlite(tmp_path: Path) -> Iterator[Store]:
    with ledger_store("sqlite", tmp_path) as found:
        yield found


def inside(store: Store, folder: Path, limit: int = MIB) -> tuple[LedgerStore, Journal]:
    return LedgerStore(store.database, folder / "spill", limit, Keep()), Journal(folder / "spill", limit)


def move(into: LedgerStore, own: Journal, *found: dict[str, Any] | Row) -> None:
    """Take entries as a worker does, and put them into the database as far as it goes."""
    assert own.append(list(found))
    for _ in range(5):
        try:
            while into.rest(own):
                pass
            return
        except StoreDown:
            continue
    raise AssertionError("the database does not come back")


def names(path: Path) -> set[str]:
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        return {name for name, in connection.execute("SELECT request_id FROM ai_request_logs")}


# --- another database than before -------------------------------------------------------------------------------


def removed(path: Path) -> None:
    path.unlink()


def removed_with_all(path: Path) -> None:
    for found in path.parent.glob(path.name + "*"):
        found.unlink()


def moved_away(path: Path) -> None:
    path.rename(path.with_name("moved.db"))


def replaced(path: Path) -> None:
    with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(path.with_name("copy.db"))) as copy:
        source.backup(copy)
    path.with_name("copy.db").replace(path)


@pytest.mark.parametrize("gone", [removed, removed_with_all, moved_away, replaced])
def test_what_ends_after_the_file_has_gone_is_in_the_new_one(sqlite: Store, tmp_path: Path,
                                                             gone: Callable[[Path], None]) -> None:
    path, workers = sqlite.database.path, [inside(sqlite, tmp_path), inside(sqlite, tmp_path)]
    assert path is not None
    for number, (into, own) in enumerate(workers):
        move(into, own, entry(request_id=f"before-{number}"))
    gone(path)
    for number, (into, own) in enumerate(workers):
        move(into, own, entry(request_id=f"after-{number}"))
    for into, own in workers:
        move(into, own, entry())
        into.close()
        own.close()
    assert {"after-0", "after-1"} <= names(path) and len(names(path) - {"before-0", "before-1"}) == 4
    if gone is moved_away:
        assert names(path.with_name("moved.db")) == {"before-0", "before-1"}, "nothing of it was in another file alone"


def test_a_file_that_goes_while_it_is_written_to_takes_nothing_with_it(sqlite: Store, tmp_path: Path,
                                                                       monkeypatch: pytest.MonkeyPatch) -> None:
    into, own = inside(sqlite, tmp_path)
    move(into, own, entry(request_id="before"))
    path, write = sqlite.database.path, LedgerWriter.write
    assert path is not None

    def overtaken(*asked: Any) -> int:
        monkeypatch.setattr(LedgerWriter, "write", write)
        path.unlink()
        return write(*asked)

    monkeypatch.setattr(LedgerWriter, "write", overtaken)
    move(into, own, entry(request_id="meanwhile"))
    assert names(path) == {"meanwhile"} and own.waiting == 0
    into.close()


def test_tables_that_were_dropped_are_made_again(store: Store, tmp_path: Path) -> None:
    into, own = inside(store, tmp_path)
    move(into, own, entry())
    with store.writing() as connection:
        metadata.drop_all(connection)
        connection.exec_driver_sql("DROP TABLE ai_schema_version")
    move(into, own, entry(request_id="later"), entry())
    assert len(rows(store)) == 2
    assert_totals_are_the_rows(store)
    into.close()


def test_prices_that_went_with_an_older_database_are_written_again(store: Store) -> None:
    writer = LedgerWriter(store)
    writer.write([entry()])
    with store.writing() as connection:
        for table in ("ai_request_logs", "ai_prices"):
            connection.exec_driver_sql(f"DELETE FROM {table}")
    assert writer.write([entry(request_id="priced")], fresh=True) == 1
    assert rows(store)[0]["price_id"] is not None


# --- values that a database refuses -------------------------------------------------------------------------------

ODD: list[tuple[str, Any, Any]] = [
    ("content", "a\0b", "ab"), ("error", "x\ud800", "x?"), ("content", "\ud800", "?"), ("status", 2**63, None),
    ("status", 2**70, None)]


@pytest.mark.parametrize(("name", "value", "kept"), ODD)
def test_an_odd_value_costs_that_value_alone(store: Store, tmp_path: Path, name: str, value: Any, kept: Any) -> None:
    odd = row_of(entry(request_id="odd"))
    odd[PLACE[name]] = value
    into, own = inside(store, tmp_path)
    move(into, own, row_of(entry(request_id="a")), odd, row_of(entry(request_id="b")))
    found = {row["request_id"]: row[name] for row in rows(store)}
    assert set(found) == {"a", "odd", "b"} and found["odd"] in (kept, value)
    assert (into.take_unreadable(), own.waiting, total(store)["requests"]) == (0, 0, 3)
    into.close()


@pytest.mark.parametrize("value", [["a"], {"a": 1}])
def test_a_line_of_a_file_may_hold_anything(store: Store, tmp_path: Path, value: Any) -> None:
    odd = row_of(entry(request_id="odd"))
    odd[PLACE["asked"]] = value
    into, own = inside(store, tmp_path)
    move(into, own, odd, row_of(entry(request_id="b")))
    assert {row["request_id"] for row in rows(store)} == {"odd", "b"}
    into.close()


def test_a_value_is_to_blame_not_the_database(tmp_path: Path) -> None:
    with ledger_store("postgresql", tmp_path) as store, pytest.raises(StoreError) as refused:
        row = row_of(entry())
        row[PLACE["content"]] = "a\0b"
        LedgerWriter(store).write([row])
    assert not isinstance(refused.value, StoreDown)


@pytest.mark.parametrize("limit", [MIB, 1], ids=["from the journal", "past the journal"])
def test_an_entry_that_no_database_takes_is_counted_and_the_others_are_recorded(sqlite: Store, tmp_path: Path,
                                                                                limit: int) -> None:
    into, own = inside(sqlite, tmp_path, limit)
    writer = Writer(into, own)
    bad = row_of(entry(request_id="bad"))
    bad[PLACE["started_at"]] = None
    safe: list[bool] = []
    for row in (row_of(entry(request_id="a")), bad, row_of(entry(request_id="b"))):
        writer._waiting.append(Item(row))
    writer.put_now(row_of(entry(request_id="asked")), safe.append)
    writer.start()
    wait_for(lambda: {row["request_id"] for row in rows(sqlite)} == {"a", "b", "asked"}, "the others")
    wait_for(lambda: writer.lost == 1, "the count")
    writer.close()
    assert safe == [limit == MIB], "who waits beside an entry that was given up is told that nothing is certain"
    assert_totals_are_the_rows(sqlite)


def test_records_with_odd_values_reach_the_table(store: Store, tmp_path: Path) -> None:
    into, own = inside(store, tmp_path)
    writer = Writer(into, own)
    writer.start()
    odd: list[dict[str, Any]] = [{"status": 2**64}, {"error": "\ud800"}, {"model": "a\0"}, {"chain_position": -1}]
    for number, more in enumerate(odd):
        record = RequestRecord(f"r{number}")
        record.ended_ns = record.started_ns
        for name, value in more.items():
            setattr(record, name, value)
        writer.put(record)
    writer.close()
    left = open_store(store.database)
    ensure_schema(left)
    assert {row["request_id"] for row in rows(left)} == {"r0", "r1", "r2", "r3"} and writer.lost == 0
    left.close()
