"""From a request's record to its ledger entry, and what a worker does before a request goes upstream."""

import asyncio
import atexit
import json
import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from src.config.database import parse_database_url
from src.hooks import runtime
from src.hooks.errors_out import Refusal
from src.hooks.ledger import Ledger, spill_folder, start
from src.hooks.ledger_entry import CONTENT, COST, HASH, PRICE, row_of_record
from src.hooks.ledger_store import LedgerStore
from src.hooks.ledger_writer import Writer
from src.hooks.planview import LedgerView, read_plan
from src.hooks.record import Attempt, RequestRecord
from src.hooks.scrub import Scrubber
from src.policy.costs import Cost, Known, Price
from src.store.engine import Store
from src.store.journal import Journal
from src.store.ledger_prune import Keep
from src.store.ledger_rows import LAYOUT, row_of

from .ledger_support import assert_totals_are_the_rows, ledger_store, rows, wait_for

SCRUBBER = Scrubber.of(["a-secret-value"], [])


# In a row as they are in the record.
SAME = ("request_id", "client_request_id", "route", "asked", "alias", "model", "provider", "deployment", "chain",
        "chain_position", "status", "error_type", "error", "stream", "prompt_tokens", "completion_tokens",
        "reasoning_tokens", "cached_tokens", "client_key", "session", "config", "client_gone")


def named(record: RequestRecord) -> dict[str, Any]:
    return dict(zip(LAYOUT, row_of_record(record), strict=True))


def finished() -> RequestRecord:
    record = RequestRecord(
        "r", opened_at=1_795_262_400.25, alias="gpt", asked="slug", model="openai/gpt-5", provider="openai",
        deployment="gpt5", chain="c", chain_position=2, status=200, stream=True, prompt_tokens=3, completion_tokens=4,
        reasoning_tokens=1, cached_tokens=2, user="u s e r", client_key="master", session="s", config="0123456789ab",
        client_request_id="theirs")
    record.attempts.append(Attempt("gpt5", "openai/gpt-5", status=200))
    record.first_byte_ns, record.ended_ns = record.started_ns + 7_000_000, record.started_ns + 9_500_000
    record.drop("n")
    record.translate("max_tokens", "max_completion_tokens")
    record.extra.update({COST: Cost(12, "priced"), PRICE: Known(Price(Decimal(4), None), "litellm"),
                         "endpoint": "summary", "template": "t", "template_version": 3})
    record.cost_state = "priced"
    return record


def test_a_row_says_what_the_record_knows_in_the_order_of_the_columns() -> None:
    record = finished()
    record.extra[HASH], record.extra[CONTENT] = "digest", "text"
    attempts = '[{"deployment":"gpt5","model":"openai/gpt-5","status":200,"error_type":null,"duration_ms":null}]'
    entry = {
        "started_us": 1_795_262_400_250_000, "ended_us": 1_795_262_400_259_500, "ttft_ms": 7, "duration_ms": 9,
        "user_label": "u_s_e_r", "endpoint": "summary", "template": "t", "template_version": 3, "cost_pico": 12,
        "cost_state": "priced", "price": ["litellm", "4", None, None, None], "attempt_count": 1, "attempts": attempts,
        "dropped": '["n"]', "translated": '{"max_tokens":"max_completion_tokens"}', "request_hash": "digest",
        "content": "text", **{name: getattr(record, name) for name in SAME}}
    assert named(record) == dict(zip(LAYOUT, row_of(entry), strict=True))
    assert json.loads(json.dumps(row_of_record(record))) == row_of(entry)


def test_what_a_column_cannot_hold_is_cut_or_unknown() -> None:
    record = finished()
    record.prompt_tokens, record.completion_tokens, record.model = 10**30, -1, "m" * 300
    record.fail("timeout", "a\0b" + "x" * 400)
    record.extra[COST] = Cost(2**63, "priced")
    row = named(record)
    assert (row["prompt_tokens"], row["completion_tokens"], row["model"]) == (None, None, "m" * 256)
    assert (row["error"], row["error_type"]) == ("ab" + "x" * 298, "timeout")
    assert (row["cost_pico"], row["cost_state"], row["price_id"]) == (None, "unknown", None)


def test_a_request_under_way_has_no_end() -> None:
    row = named(RequestRecord("r"))
    assert {name for name, value in row.items() if value is not None} == {
        "started_us", "request_id", "started_at", "route", "cost_state", "client_gone"}


def test_the_plan_says_what_becomes_of_requests() -> None:
    plan = read_plan(json.dumps({"ledger": {"mode": "audit", "days": 3, "spill_dir": "/x"}}))
    assert plan.ledger == LedgerView(mode="audit", days=3, spill_dir="/x")
    assert read_plan("{}").ledger == LedgerView(mode="on", days=90, max_mb=2048, content=0)


# --- before a request goes upstream -------------------------------------------------------------------------------


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with ledger_store("sqlite", tmp_path) as found:
        yield found


def writer_for(store: Store, folder: Path, limit: int = 1 << 20) -> Writer:
    return Writer(LedgerStore(store.database, folder, limit, Keep(), audit=True), Journal(folder, limit))


@pytest.mark.parametrize(("length", "body", "kept"), [
    (0, b"hello", None), (3, b"hello", "hel"), (90, b"key a-secret-value", "key ***"),
    (4, "\u2603\u2603\u2603\u2603\u2603".encode(), "\u2603" * 4), (5, b"\xff\xfe", "\ufffd\ufffd"),
    (12, b"key a-secret-value", "key ***"), (9, b"--form\0\0x", "--formx"),
])
def test_a_digest_is_kept_and_content_only_where_asked_for(store: Store, tmp_path: Path, length: int, body: bytes,
                                                           kept: str | None) -> None:
    ledger, record = Ledger(writer_for(store, tmp_path), LedgerView(content=length), SCRUBBER), RequestRecord("r")
    asyncio.run(ledger.before(record, body))
    assert record.extra.get("content") == kept and len(record.extra["request_hash"]) == 64
    assert rows(store) == []


def test_audit_records_before_and_completes_after(store: Store, tmp_path: Path) -> None:
    writer = writer_for(store, tmp_path / "spill")
    writer.start()
    ledger, record = Ledger(writer, LedgerView(mode="audit"), SCRUBBER), finished()
    ended, record.ended_ns = record.ended_ns, None
    asyncio.run(ledger.before(record, b"{}"))
    wait_for(lambda: [row["ended_at"] for row in rows(store)] == [None], "the first half")
    record.ended_ns = ended
    ledger.observe(record)
    writer.close()
    (row,) = rows(store)
    assert row["ended_at"] is not None and row["cost_pico"] == 12
    assert_totals_are_the_rows(store)


@pytest.mark.parametrize("hangs", [False, True])
def test_audit_refuses_what_it_cannot_record_in_time(store: Store, tmp_path: Path, hangs: bool,
                                                     monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("src.hooks.ledger.AUDIT_SECONDS", 0.2)
    writer = writer_for(store, tmp_path, limit=1)
    if not hangs:
        writer.start()
    with store.writing(), pytest.raises(Refusal) as refused:
        asyncio.run(Ledger(writer, LedgerView(mode="audit"), SCRUBBER).before(RequestRecord("r"), b"{}"))
    assert (refused.value.status, refused.value.code) == (503, "ledger_unavailable")
    if not hangs:
        writer.close()


# --- in a worker --------------------------------------------------------------------------------------------------


def worker(tmp_path: Path, **ledger: Any) -> tuple[runtime.Runtime, dict[str, str]]:
    (tmp_path / "plan.json").write_text(json.dumps({"hash": "0123456789ab", "ledger": ledger}))
    environ = {"GATEWAY_PLAN_FILE": str(tmp_path / "plan.json"), "HOME": str(tmp_path),
               "GATEWAY_DATABASE_URL": f"sqlite:///{tmp_path / 'gateway.db'}"}
    return runtime.load(environ), environ


def test_a_worker_that_ends_leaves_its_requests_in_the_database(tmp_path: Path) -> None:
    now, environ = worker(tmp_path)
    ledger = start(now, environ, SCRUBBER)
    assert ledger is not None
    now.sinks[-1](finished())
    atexit.unregister(ledger.close)
    ledger.close()
    found = parse_database_url(environ["GATEWAY_DATABASE_URL"], tmp_path)
    assert found is not None and found.path is not None and found.path.exists()
    assert list(tmp_path.glob("*.spill/*")) == []


@pytest.mark.parametrize(("mode", "url"), [("off", "sqlite:////never.db"), ("on", "off"), ("on", "")])
def test_switched_off_nothing_is_started(tmp_path: Path, mode: str, url: str) -> None:
    now, environ = worker(tmp_path, mode=mode)
    assert start(now, {**environ, "GATEWAY_DATABASE_URL": url}, SCRUBBER) is None
    assert len(now.sinks) == 1


@pytest.mark.parametrize(("url", "stated", "environ", "folder"), [
    ("sqlite:////data/gateway.db", None, {}, r"/data/gateway\.db\.spill"),
    ("sqlite:////data/gateway.db", "/spill", {}, r"/spill/spill-[0-9a-f]{12}"),
    ("postgresql://a@b/c", None, {"XDG_STATE_HOME": "/state"}, r"/state/litellm-gateway/spill-[0-9a-f]{12}"),
    ("postgresql://a@b/c", None, {"GATEWAY_PLAN_FILE": "/run/4000/gen-1/plan.json"}, r"/run/4000/spill-[0-9a-f]{12}"),
])
def test_entries_wait_beside_the_file_or_where_state_is_kept(url: str, stated: str | None, environ: dict[str, str],
                                                             folder: str) -> None:
    database = parse_database_url(url, Path())
    assert database is not None and re.fullmatch(folder, str(spill_folder(database, stated, environ)))
