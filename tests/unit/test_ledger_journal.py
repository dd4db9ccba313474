"""The journal of a worker: what ended is in one of two files until it is in the database, and the files stay small."""

import threading
from pathlib import Path

from src.store.journal import Journal
from src.store.ledger_rows import row_of
from src.store.spill import adopt

from .ledger_support import entry, name_of

MIB = 1 << 20


def read_all(journal: Journal, most: int = 10) -> list[str]:
    names: list[str] = []
    while journal.waiting:
        entries, place = journal.read(most)
        names += [name_of(one) for one in entries]
        journal.done(place)
    return names


def sizes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.glob("*"))


def test_what_is_kept_is_read_in_order_and_once(tmp_path: Path) -> None:
    journal = Journal(tmp_path, MIB)
    for number in range(25):
        assert journal.append([entry(request_id=f"r{number}")])
    assert read_all(journal) == [f"r{number}" for number in range(25)]
    assert (journal.waiting, sizes(tmp_path)) == (0, 0)


def test_files_shrink_although_something_always_arrives(tmp_path: Path) -> None:
    journal, names = Journal(tmp_path, MIB), []
    line = len(str(entry())) * 2
    for number in range(400):
        journal.append([entry(request_id=f"r{2 * number}"), entry(request_id=f"r{2 * number + 1}")])
        entries, place = journal.read(3)
        names += [name_of(one) for one in entries]
        journal.append([])
        journal.done(place)
        assert journal.waiting < 10 * line or number < 5
    names += read_all(journal)
    assert names == [f"r{number}" for number in range(800)] and sizes(tmp_path) == 0


def test_both_files_together_keep_to_the_limit(tmp_path: Path) -> None:
    journal = Journal(tmp_path, 20_000)
    kept = sum(journal.append([entry(request_id=f"a{number}")]) for number in range(10))
    first, place = journal.read(1)
    kept += sum(journal.append([entry(request_id=f"b{number}")]) for number in range(100))
    assert 10 < kept < 110 and sizes(tmp_path) <= 20_000
    journal.done(place)
    assert len(first) + len(read_all(journal)) == kept
    assert journal.append([entry()]), "there is room again"


def test_what_memory_does_not_hold_is_read_from_the_file(tmp_path: Path) -> None:
    journal = Journal(tmp_path, MIB, held=3)
    for number in range(3):
        journal.append([row_of(entry(request_id=f"a{number}"))])
    assert len(journal.read(1)[0]) == 3, "what is in memory comes at once"
    journal.done(journal.read(1)[1])
    for number in range(7):
        journal.append([row_of(entry(request_id=f"b{number}"))])
    assert len(journal.read(2)[0]) == 2
    assert read_all(journal, 2) == [f"b{number}" for number in range(7)] and sizes(tmp_path) == 0


def test_large_entries_are_not_read_all_at_once(tmp_path: Path) -> None:
    journal, large = Journal(tmp_path, 64 * MIB), "x" * MIB
    for number in range(20):
        assert journal.append([row_of(entry(request_id=f"r{number}", content=large))])
    assert len(journal.read(200)[0]) < 5
    assert read_all(journal, 200) == [f"r{number}" for number in range(20)]


def test_a_file_that_somebody_removed_is_made_anew(tmp_path: Path) -> None:
    journal = Journal(tmp_path, MIB)
    journal.append([entry(request_id="a")])
    for path in tmp_path.glob("*"):
        path.unlink()
    assert read_all(journal) == ["a"], "what is in it is not lost with its name"
    for name in ("b", "c"):
        assert journal.append([entry(request_id=name)]) and sizes(tmp_path) > 0
        assert read_all(journal) == [name]


def test_what_could_not_be_written_elsewhere_comes_again(tmp_path: Path) -> None:
    journal = Journal(tmp_path, MIB)
    journal.append([entry(request_id="a")])
    journal.read(10)
    journal.append([entry(request_id="b")])
    assert read_all(journal) == ["a", "b"]


def test_what_waits_at_the_end_is_left_to_whoever_comes_next(tmp_path: Path) -> None:
    journal = Journal(tmp_path, MIB)
    journal.append([entry(request_id="read")])
    journal.read(1)
    journal.append([entry(request_id="written")])
    journal.close()
    left = list(adopt(tmp_path, MIB))
    assert sorted(name_of(one) for file in left for one in file.read(10)[0]) == ["read", "written"]
    for file in left:
        file.close()


def test_damaged_lines_are_counted_once(tmp_path: Path) -> None:
    journal = Journal(tmp_path, MIB, held=0)
    journal.append([entry(request_id="good")])
    (file,) = tmp_path.glob("*")
    file.write_bytes(b"x" * (file.stat().st_size - 1) + b"\n")
    assert read_all(journal) == []
    assert (journal.take_unreadable(), journal.take_unreadable()) == (1, 0)


def test_one_thread_may_write_while_another_reads(tmp_path: Path) -> None:
    journal, names = Journal(tmp_path, 8 * MIB), []
    writer = threading.Thread(target=lambda: [journal.append([entry(request_id=f"r{n}")]) for n in range(3_000)])
    writer.start()
    while writer.is_alive() or journal.waiting:
        names += read_all(journal, 50)
    assert names == [f"r{number}" for number in range(3_000)]
