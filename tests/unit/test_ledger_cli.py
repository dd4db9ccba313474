"""`report` and `ledger` as operators meet them."""

import csv
import io
import json
import re
import sqlite3
import stat
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import datetime, timezone
from pathlib import Path

import pytest
import sqlalchemy as sa

from src.cli.report import csv_text, table
from src.config.lines import printable
from src.store.engine import Store, open_store
from src.store.ledger import LedgerWriter
from src.store.ledger_follow import Follower
from src.store.ledger_tables import requests
from src.store.migrate import ensure_schema

from .declaring import ROOT, Ran, refused, run_here
from .ledger_support import entry, unpriced, wait_for
from .store_support import database, fresh_store

Run = Callable[..., Ran]
NOW = int(time.time())


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    return {"GATEWAY_DATABASE_URL": f"sqlite:///{tmp_path / 'gateway.db'}", "PROXY_MODEL_KEYS": "gpt5",
            "MODEL_GPT5_UPSTREAM_MODEL": "gpt-5", "LITELLM_MASTER_KEY": "a-master-key-0123456789"}


@pytest.fixture
def ran(environ: dict[str, str], tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Run:
    return lambda *words, **more: run_here(*words, env={**environ, **more}, cwd=tmp_path, capfd=capfd)


@pytest.fixture
def store(environ: dict[str, str], tmp_path: Path) -> Iterator[Store]:
    found = open_store(database(environ["GATEWAY_DATABASE_URL"], tmp_path))
    ensure_schema(found)
    yield found
    found.close()


def write(store: Store, *entries: dict[str, object]) -> None:
    LedgerWriter(store).write(entries)


# --- report -----------------------------------------------------------------------------------------------------


def test_a_report_is_a_table_with_dollars(ran: Run, store: Store) -> None:
    write(store, entry(at=NOW, cost_pico=1_234_567_000_000, alias="big"), unpriced(at=NOW, alias="\x1b[2Jodd"))
    lines = ran("report", "costs", "--by", "alias").text.splitlines()
    assert re.fullmatch(r"costs by alias, \d{4}-\d\d-\d\dT\d\d:00Z to \d{4}-\d\d-\d\dT\d\d:00Z", lines[0])
    assert lines[1].split() == ["ALIAS", "REQUESTS", "COST_USD", "PRICED", "FREE", "UNPRICED", "UNCOUNTED"]
    assert lines[2].split() == ["big", "1", "1.234567", "1", "0", "0", "0"]
    assert lines[3].split() == ["\\x1b[2Jodd", "1", "-", "0", "0", "1", "0"]


def test_an_empty_report_says_so(ran: Run) -> None:
    assert "nothing was recorded" in ran("report", "latency").text
    assert json.loads(ran("report", "latency", "--json").text)["rows"] == []
    assert ran("report", "latency", "--csv").out == b""


def test_json_is_one_object(ran: Run, store: Store) -> None:
    write(store, entry(at=NOW, user_label=None))
    found = json.loads(ran("report", "requests", "--by", "user", "--since", "2h", "--json").text)
    assert (found["report"], found["by"], found["rows"][0]["user"], found["rows"][0]["requests"]) == (
        "requests", "user", None, 1)


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "=HYPERLINK(\"x\",\"y\")"])
def test_no_cell_of_the_csv_is_run_by_a_spreadsheet(cell: str) -> None:
    text = csv_text([{"user": cell, "requests": 1, "cost_micros": None}])
    assert list(csv.reader(io.StringIO(text, newline=""))) == [
        ["user", "requests", "cost_micros"], [f"'{printable(cell)}", "1", ""]]


def test_csv_of_a_report(ran: Run, store: Store) -> None:
    write(store, entry(at=NOW, user_label="=cmd"), entry(at=NOW, user_label="a,b"))
    rows = list(csv.DictReader(io.StringIO(ran("report", "tokens", "--by", "user", "--csv").text)))
    assert sorted(row["user"] for row in rows) == ["'=cmd", "a,b"]


@pytest.mark.parametrize(("words", "told"), [
    (["report", "costs", "--json", "--csv"], "exclude each other"),
    (["report", "costs", "--since", "yesterday"], "--since or --until must be a span such as 7d"),
    (["report", "costs", "--since", "1d", "--until", "2d"], "must lie before --until"),
    (["report", "nothing"], "'nothing' is not one of"),
    (["ledger", "export", "--since", "soon"], "--since must be a span"),
    (["ledger", "show", "abc"], "no request, or more than one"),
])
def test_what_makes_no_sense_is_told(ran: Run, words: list[str], told: str) -> None:
    refused(ran(*words), told)


def test_without_a_database_there_is_no_ledger(ran: Run) -> None:
    refused(ran("report", "costs", GATEWAY_DATABASE_URL="off"), "there is no database")


def test_numbers_stand_to_the_right_and_names_to_the_left() -> None:
    assert table([{"model": "a", "n": 5}, {"model": "long", "n": 10}]) == "MODEL   N\na       5\nlong   10"


# --- ledger -----------------------------------------------------------------------------------------------------


def test_tail_shows_the_last_requests_oldest_first(ran: Run, store: Store) -> None:
    write(store, *(entry(at=NOW, request_id=f"r{number}", error_type="timeout" if number else None)
                   for number in range(5)))
    lines = ran("ledger", "tail", "-n", "2").text.splitlines()
    assert [line.split("  ")[1] for line in lines] == ["r3", "r4"]
    assert "timeout" in lines[0] and "in 10  out 4  $0.000053  300 ms  key master" in lines[0]
    assert [json.loads(line)["request_id"] for line in ran("ledger", "tail", "--json").text.splitlines()][0] == "r0"


def test_tail_goes_on_with_those_to_come(environ: dict[str, str], store: Store, tmp_path: Path) -> None:
    write(store, entry(request_id="first"))
    with open(tmp_path / "out", "wb") as out:
        process = subprocess.Popen([sys.executable, "-u", "-m", "src.main", "ledger", "tail", "-f"], stdout=out,
                                   cwd=tmp_path, env={**environ, "PYTHONPATH": str(ROOT)})
    try:
        wait_for(lambda: b"first" in (tmp_path / "out").read_bytes(), "the first row")
        for name in ("second", "third"):
            write(store, entry(request_id=name))
            wait_for(lambda: name.encode() in (tmp_path / "out").read_bytes(), name)
    finally:
        process.terminate()
        process.wait()
    assert (tmp_path / "out").read_bytes().count(b"\n") == 3


def test_following_shows_each_request_once_also_where_numbers_come_late_or_again(store: Store) -> None:
    def write_as(*numbers: int) -> None:
        with store.writing() as connection:
            for number in numbers:
                connection.execute(requests.insert().values(
                    id=number, request_id=f"{number}-{uuid.uuid4().hex}", started_at=datetime.now(timezone.utc),
                    cost_state="unknown"))

    def taken() -> list[int]:
        return [row["id"] for row in follower.take()]

    write_as(1, 2)
    follower = Follower(store, 2)
    write_as(*range(1_003, 2_500))
    assert taken() == list(range(1_003, 2_500)) and taken() == []
    write_as(3, 4, 1_000)
    assert taken() == [3, 4, 1_000], "numbered before the others, seen after them"
    with store.writing() as connection:
        connection.execute(sa.delete(requests))
    assert taken() == []
    write_as(1, 2)
    assert taken() == [1, 2], "an emptied SQLite table counts anew"
    with store.writing() as connection:
        connection.execute(sa.delete(requests).where(requests.c.id == 2))
    assert taken() == []
    write_as(2, 3)
    assert taken() == [2, 3]


def test_one_request_is_shown_by_how_its_id_begins_with_its_price(ran: Run, store: Store) -> None:
    write(store, entry(request_id="abc1", attempts='[{"status":200}]', dropped='["n"]'), entry(request_id="abd2"),
          entry(request_id="abd"))
    shown = json.loads(ran("ledger", "show", "abc").text)
    assert (shown["request_id"], shown["attempts"], shown["dropped"], shown["translated"]) == (
        "abc1", [{"status": 200}], ["n"], None)
    assert (shown["price_source"], shown["price_completion"], shown["cost_micros"]) == ("environment", "10000000", 53)
    assert json.loads(ran("ledger", "show", "abd").text)["request_id"] == "abd"
    refused(ran("ledger", "show", "ab"), "more than one")
    refused(ran("ledger", "show", "%"), "no request")


def test_everything_is_exported_once_or_a_period_of_it(ran: Run, store: Store) -> None:
    write(store, *(entry(at=NOW - number * 60, request_id=f"r{number}") for number in range(1_200)))
    everything = [json.loads(line)["request_id"] for line in ran("ledger", "export", "--json").text.splitlines()]
    assert everything == [f"r{number}" for number in range(1_200)]
    part = ran("ledger", "export", "--since", "2h", "--until", "1h").text.splitlines()
    assert 59 <= len(part) <= 61


def test_a_backup_is_a_private_copy_and_overwrites_nothing(ran: Run, store: Store, tmp_path: Path) -> None:
    write(store, entry(), entry())
    assert "holds a copy" in ran("ledger", "backup", "copy.db").text
    copy = tmp_path / "copy.db"
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    with closing(sqlite3.connect(copy)) as connection:
        assert connection.execute("SELECT count(*) FROM ai_request_logs").fetchone() == (2,)
    refused(ran("ledger", "backup", "copy.db"), "cannot be made", code=1)


def test_postgresql_is_backed_up_with_its_own_tools(ran: Run, tmp_path: Path) -> None:
    with fresh_store("postgresql", tmp_path) as found:
        refused(ran("ledger", "backup", "copy.db", GATEWAY_DATABASE_URL=found.database.url), "pg_dump", code=1)


def test_unpriced_models_are_listed_and_priced_later(ran: Run, store: Store) -> None:
    assert ran("ledger", "unpriced").text == "every counted request has a price\n"
    write(store, unpriced(), unpriced(), unpriced(model="openai/other"), entry(error_type="x", prompt_tokens=None))
    assert ran("ledger", "unpriced").text.splitlines()[1].split()[:3] == ["gpt5", "openai/gpt-5", "2"]
    assert [row["requests"] for row in json.loads(ran("ledger", "unpriced", "--json").text)] == [2, 1]
    costs = {"MODEL_GPT5_INPUT_COST": "1", "MODEL_GPT5_OUTPUT_COST": "2"}
    tried = ran("ledger", "reprice", "--dry-run", **costs).text
    assert tried.splitlines()[1].split() == ["gpt5", "openai/gpt-5", "environment", "2", "0.000036"]
    assert "would get their cost" in tried
    assert json.loads(ran("ledger", "reprice", "--json", **costs).text) == [
        {"deployment": "gpt5", "model": "openai/gpt-5", "price_from": "environment", "requests": 2, "cost_micros": 36}]
    assert "nothing changed" in ran("ledger", "reprice", **costs).text


def test_litellms_price_counts_where_nothing_else_is_declared(ran: Run, store: Store) -> None:
    write(store, unpriced(deployment="renamed-since"), unpriced(model="openai/nobody-knows"))
    (row,) = json.loads(ran("ledger", "reprice", "--json", OPENAI_API_KEY="some-key").text)
    assert (row["deployment"], row["price_from"]) == ("renamed-since", "litellm")
