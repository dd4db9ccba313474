"""The spill file: bounded, private, read back in order, and found by others when its worker has died."""

import json
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from src.store.ledger_rows import LAYOUT, PLACE, row_of
from src.store.spill import Spill, adopt

from .ledger_support import entry, name_of

ROOT = Path(__file__).resolve().parents[2]
MIB = 1 << 20
# Writes one entry, says so, and waits to be killed.
OWNER = """
import sys, time
from pathlib import Path
from src.store.spill import Spill
spill = Spill(Path(sys.argv[1]), 1 << 20)
assert spill.append([{"request_id": "dead", "started_us": 1}])
print("kept", flush=True)
time.sleep(600)
"""
# A file size limit is a full disk that needs no privileges.
FULL = """
import resource, signal, sys
from pathlib import Path
from src.store.spill import Spill
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
spill = Spill(Path(sys.argv[1]), 1 << 20)
one = {"request_id": "r", "started_us": 1, "error": "x" * 1000}
kept = sum(spill.append([one]) for _ in range(10))
print(kept, spill.append([one, one]), len(spill.read(100)[0]), spill.waiting)
"""


def ids(spill: Spill, most: int = 100) -> list[str]:
    found, place = spill.read(most)
    spill.done(place)
    return [name_of(one) for one in found]


def files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*"))


def test_entries_come_back_once_and_in_order(tmp_path: Path) -> None:
    spill = Spill(tmp_path / "spill", MIB)
    assert spill.read(10) == ([], 0) and spill.waiting == 0
    assert spill.append([entry(request_id="a"), entry(request_id="b")]) and spill.append([entry(request_id="c")])
    assert (ids(spill, 2), ids(spill), ids(spill)) == (["a", "b"], ["c"], [])
    assert files(tmp_path / "spill")[0].stat().st_size == 0, "an emptied file gives its space back"


def test_nothing_is_forgotten_before_it_is_safe_elsewhere(tmp_path: Path) -> None:
    spill = Spill(tmp_path, MIB)
    spill.append([entry(request_id="a")])
    assert [name_of(one) for one in spill.read(10)[0]] == ["a"]
    found, place = spill.read(10)
    spill.append([entry(request_id="b")])
    spill.done(place)
    assert ids(spill) == ["b"] and name_of(found[0]) == "a"


def test_file_and_folder_are_private(tmp_path: Path) -> None:
    Spill(tmp_path / "spill", MIB).append([entry()])
    modes = [stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "spill", files(tmp_path / "spill")[0])]
    assert modes == [0o700, 0o600]


def test_the_file_is_bounded_and_takes_all_of_a_batch_or_nothing(tmp_path: Path) -> None:
    spill = Spill(tmp_path, 2_000)
    first = [entry(request_id="a")]
    assert spill.append(first) and not spill.append([entry() for _ in range(10)])
    assert ids(spill) == ["a"] and spill.append(first)


def test_an_entry_longer_than_what_is_read_at_once_comes_back_whole(tmp_path: Path) -> None:
    spill = Spill(tmp_path, 8 * MIB)
    spill.append([entry(request_id="long", content="x" * (3 * MIB)), entry(request_id="short")])
    assert ids(spill) + ids(spill) == ["long", "short"]


def test_where_nothing_can_be_written_nothing_is_promised(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    assert not Spill(tmp_path / "file" / "spill", MIB).append([entry()])


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no file size limit")
def test_a_full_disk_keeps_what_is_there_readable(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", FULL, str(tmp_path)], cwd=ROOT, capture_output=True, text=True,
                          timeout=60)
    kept, more, read, waiting = done.stdout.split()
    assert (kept, more, read) == ("3", "False", "3"), done.stderr
    assert int(waiting) == files(tmp_path)[0].stat().st_size


def test_what_a_killed_worker_left_is_found_by_the_next_not_before(tmp_path: Path) -> None:
    owner = subprocess.Popen([sys.executable, "-c", OWNER, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert owner.stdout is not None and owner.stdout.readline() == "kept\n"
    assert list(adopt(tmp_path, MIB)) == []
    owner.send_signal(signal.SIGKILL)
    owner.wait()
    owner.stdout.close()
    (found,) = adopt(tmp_path, MIB)
    assert list(adopt(tmp_path, MIB)) == [], "one process has it"
    assert ids(found) == ["dead"]
    found.close()
    assert files(tmp_path) == []


def test_a_half_written_last_line_costs_that_line_alone(tmp_path: Path) -> None:
    (tmp_path / "left.jsonl").write_bytes(
        b'{"request_id":"a","started_us":1}\nnonsense\n[1]\n{"request_id":"b","started_us":2}\n{"request_id":"c","sta')
    (found,) = adopt(tmp_path, MIB)
    assert ids(found) + ids(found) == ["a", "b"]
    assert (found.take_unreadable(), found.waiting) == (3, 0)
    found.close()


def test_closing_leaves_what_still_waits_for_the_next(tmp_path: Path) -> None:
    spill = Spill(tmp_path, MIB)
    spill.append([entry(request_id="a")])
    spill.close()
    spill.close()
    (found,) = adopt(tmp_path, MIB)
    assert ids(found) == ["a"]
    found.close()
    assert files(tmp_path) == []
    assert list(adopt(tmp_path / "none", MIB)) == []


def test_what_json_cannot_carry_costs_that_value_alone(tmp_path: Path) -> None:
    spill = Spill(tmp_path, MIB)
    assert spill.append([entry(request_id="a", prompt_tokens=10**30, error="\ud800"), entry(request_id="b")])
    found, _ = spill.read(10)
    assert [name_of(one) for one in found] == ["a", "b"] and "prompt_tokens" not in found[0]


def test_a_file_that_was_given_up_is_made_anew(tmp_path: Path) -> None:
    spill = Spill(tmp_path, MIB)
    spill.append([entry(request_id="a")])
    ids(spill)
    spill.close()
    assert spill.append([entry(request_id="b")]) and ids(spill) == ["b"]
    assert os.listdir(tmp_path)


# The columns of the first release: rows wait in files in this order, also over an upgrade.
FIRST = """price started_us request_id client_request_id started_at ended_at route asked alias endpoint template
    template_version model provider deployment chain chain_position attempt_count attempts status error_type error
    stream ttft_ms duration_ms prompt_tokens completion_tokens reasoning_tokens cached_tokens cost_pico cost_state
    price_id dropped translated client_key user_label session config client_gone request_hash content""".split()


def test_rows_of_an_older_version_are_still_understood_and_torn_ones_are_not(tmp_path: Path) -> None:
    assert list(LAYOUT[:len(FIRST)]) == FIRST, "new columns come last"
    older = row_of(entry(request_id="older"))[:len(FIRST)]
    (tmp_path / "left.jsonl").write_text("".join(json.dumps(row) + "\n" for row in (older, older[:-1])))
    (found,) = adopt(tmp_path, MIB)
    (row,) = found.read(10)[0]
    assert isinstance(row, list) and len(row) == len(LAYOUT) and name_of(row) == "older"
    assert found.take_unreadable() == 1
    found.close()


def test_what_json_cannot_carry_costs_that_value_of_a_row_alone(tmp_path: Path) -> None:
    spill, row = Spill(tmp_path, MIB), row_of(entry(request_id="r"))
    row[PLACE["content"]] = "\ud800"
    assert spill.append([row])
    ((back,), _) = spill.read(10)
    assert isinstance(back, list) and name_of(back) == "r" and back[PLACE["content"]] is None
