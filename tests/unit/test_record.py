"""The request line: its fields, that there is exactly one, and that a slow reader of stdout stalls nobody."""

import asyncio
import json
import os
import uuid

import pytest

from src.hooks import runtime
from src.hooks import linelog
from src.hooks.linelog import Lines, request_lines
from src.hooks.planview import read_plan
from src.hooks.record import Attempt, RequestBook, RequestRecord, label

FIELDS = """time request_id client_request_id alias model provider deployment chain chain_position attempts status
    error_type error stream ttft_ms duration_ms prompt_tokens completion_tokens reasoning_tokens cached_tokens
    cost_micros cost_state dropped translated client_key user session config client_gone""".split()


def test_a_line_has_exactly_the_promised_fields_in_their_order():
    assert list(RequestRecord("id").to_line()) == FIELDS


def test_what_is_unknown_is_null_and_never_zero():
    line = RequestRecord("id").to_line()
    known = {"time", "request_id", "attempts", "cost_state", "dropped", "translated", "client_gone"}
    assert {name for name, value in line.items() if value is not None} == known
    assert line["cost_state"] == "unknown" and line["cost_micros"] is None


def test_a_filled_line_says_it_all():
    record = RequestRecord("id", started_ns=1_000_000, first_byte_ns=5_900_000, ended_ns=9_000_000, opened_at=0.5)
    record.attempts.append(Attempt("d", "m", "p", 500, "upstream_error", 3))
    record.drop("top_k")
    record.translate("reasoning.effort", "reasoning_effort")
    record.fail("first", "the cause", 500)
    record.fail("second", "a consequence")
    line = record.to_line()
    assert line["time"] == "1970-01-01T00:00:00.500+00:00"
    assert (line["ttft_ms"], line["duration_ms"], line["status"]) == (4, 8, 500)
    assert (line["error_type"], line["error"]) == ("first", "the cause")
    assert line["attempts"] == [{"deployment": "d", "model": "m", "status": 500, "error_type": "upstream_error",
                                 "duration_ms": 3}]
    assert (line["dropped"], line["translated"]) == (["top_k"], {"reasoning.effort": "reasoning_effort"})


@pytest.mark.parametrize(("given", "shown"), [
    ("req-1", "req-1"), (None, None), ("", None), ("a" * 100, "a" * 64), ("a\r\nx: y", "a__x:_y"),
    ('"}{\x1b[0m', "____[0m"), ("ünï", "_n_"), ("groq/llama-3.3:70b@eu", "groq/llama-3.3:70b@eu"),
])
def test_a_clients_label_is_cut_to_64_harmless_characters(given, shown):
    assert label(given) == shown


def test_of_many_dropped_names_twenty_are_shown():
    record = RequestRecord("id")
    for number in range(30):
        record.drop(f"p{number}")
    record.drop("p0")
    assert record.dropped_names() == [f"p{number}" for number in range(20)]


def run(story):
    """Run ``story`` with a book and return the records it wrote."""
    written: list[RequestRecord] = []

    async def told():
        await story(RequestBook([written.append], limit=3, settle_seconds=0.01))

    asyncio.run(told())
    return written


async def forever_open(book):
    book.open(RequestRecord("a"))


async def ended_then_settled(book):
    record = book.open(RequestRecord("a"))
    book.end(record)
    book.settle(record)


async def settled_then_ended(book):
    record = book.open(RequestRecord("a"))
    book.settle(record)
    book.end(record)


async def never_settled(book):
    book.end(book.open(RequestRecord("a")))
    while book.open_requests:
        await asyncio.sleep(0.001)


async def everything_twice(book):
    record = book.open(RequestRecord("a"))
    for _ in range(2):
        book.end(record)
        book.settle(record)
        book.flush()


async def flushed(book):
    book.end(book.open(RequestRecord("a")))
    book.flush()


@pytest.mark.parametrize("story", [ended_then_settled, settled_then_ended, never_settled, everything_twice, flushed])
def test_a_request_has_exactly_one_line(story):
    assert [record.request_id for record in run(story)] == ["a"]


def test_an_open_request_has_no_line_yet():
    assert run(forever_open) == []


def test_a_line_waits_for_what_is_known_after_the_end():
    async def story(book):
        record = book.open(RequestRecord("a"))
        book.end(record)
        assert book.find("a") is record
        record.prompt_tokens = 7
        book.settle(record)
        assert book.find("a") is None

    assert run(story)[0].to_line()["prompt_tokens"] == 7


def test_beyond_the_limit_the_oldest_is_written_with_what_is_known():
    async def story(book):
        for name in "abcd":
            book.open(RequestRecord(name))
        assert list(book.open_requests) == ["b", "c", "d"]

    assert [record.request_id for record in run(story)] == ["a"]


def test_an_unknown_id_finds_nothing():
    book = RequestBook([])
    assert book.find("nobody") is None and book.find(None) is None


def test_one_broken_sink_does_not_keep_the_line_from_the_others(caplog):
    written: list[RequestRecord] = []

    def broken(record):
        raise OSError("the ledger is down")

    async def story():
        book = RequestBook([broken, written.append])
        record = book.open(RequestRecord("a"))
        book.settle(record)
        book.end(record)

    asyncio.run(story())
    assert [record.request_id for record in written] == ["a"]
    assert "a sink refused the record of request a" in caplog.text


@pytest.fixture
def pipe():
    reader, writer = os.pipe()
    yield reader, writer
    os.close(reader)
    os.close(writer)


def emit(lines, *texts):
    for text in texts:
        lines.write(text.encode())


def test_lines_arrive_whole_and_in_order(pipe):
    reader, writer = pipe
    handler = Lines(writer)
    emit(handler, *[f"{number} " + "x" * 400 for number in range(60)])
    handler.flush()
    lines = os.read(reader, 1 << 16).decode().splitlines()
    assert [int(line.split()[0]) for line in lines] == list(range(60))


def test_a_reader_that_does_not_read_stalls_nobody(pipe):
    reader, writer = pipe
    os.set_blocking(writer, False)
    handler = Lines(writer)
    emit(handler, *["y" * 1000] * 500)  # far more than the pipe holds; the caller is not blocked
    got = b""
    while got.count(b"\n") < 500:
        got += os.read(reader, 1 << 16)
    handler.flush()
    assert got == (b"y" * 1000 + b"\n") * 500


def test_a_closed_stdout_is_told_once_and_harms_nobody(caplog):
    reader, writer = os.pipe()
    os.close(reader)
    handler = Lines(writer)
    emit(handler, "lost")
    handler.flush()
    os.close(writer)
    assert "request lines cannot be written" in caplog.text


def test_nothing_to_flush_is_no_wait():
    Lines(1).flush()


def test_a_process_writes_its_lines_in_one_place_and_masks_secrets(pipe):
    assert request_lines() is request_lines()
    reader, writer = pipe
    lines = Lines(writer, lambda line: line.replace(b"secret", b"******"))
    emit(lines, "a secret")
    lines.flush()
    assert os.read(reader, 100) == b"a ******\n"


PLAN = {"version": 1, "hash": "abcdefabcdef", "secret_names": ["UPSTREAM_KEY", "SHORT", "UNSET"],
        "settings": {"max_body_mb": 3, "cors_origins": ["https://a"], "unheard_of": 1},
        "models": [{"key": "a", "alias": "A", "deployment": "a", "levels": ["low"], "fallbacks": ["b"], "new": 1},
                   {"key": "b", "alias": "B", "deployment": "b"}],
        "chains": [{"key": "c", "alias": "C", "models": ["a", "b"]}, {"key": "d", "alias": "A"}]}


def test_a_plan_is_read_with_its_defaults_and_without_what_we_do_not_know():
    plan = read_plan(json.dumps(PLAN))
    assert plan.aliases() == ("A", "B", "C")
    assert plan.models[0].levels == ("low",) and plan.models[1].stream_timeout is None
    assert plan.chains[0].on == ("error", "rate_limit") and plan.settings.max_body_mb == 3
    assert plan.settings.cors_origins == ("https://a",) and plan.raw["models"][0]["new"] == 1


@pytest.fixture
def plan_file(tmp_path):
    file = tmp_path / "plan.json"
    file.write_text(json.dumps(PLAN))
    return str(file)


def test_the_runtime_knows_the_secrets_and_does_not_show_them(plan_file):
    key, master = (f"canary-{uuid.uuid4().hex}" for _ in range(2))
    now = runtime.load({"GATEWAY_PLAN_FILE": plan_file, "UPSTREAM_KEY": key,
                       "SHORT": "abc", "LITELLM_MASTER_KEY": master})
    assert set(now.secrets) == {key, master} and now.config == "abcdefabcdef"
    assert key not in repr(now) and master not in repr(now)
    assert runtime.current() is now and now.open_requests == {}


def test_the_first_to_ask_loads_the_processs_own_environment(plan_file, monkeypatch):
    monkeypatch.setattr(runtime, "_current", None)
    monkeypatch.setenv("GATEWAY_PLAN_FILE", plan_file)
    assert runtime.current().config == "abcdefabcdef"


def test_a_worker_without_a_plan_does_not_serve(tmp_path):
    with pytest.raises(OSError):
        runtime.load({"GATEWAY_PLAN_FILE": str(tmp_path / "missing.json")})


def test_a_record_becomes_one_json_object_on_a_line(pipe, monkeypatch):
    reader, writer = pipe
    monkeypatch.setattr(linelog, "_lines", Lines(writer))
    runtime.write_line(RequestRecord("one", alias="ünï"))
    request_lines().flush()
    assert json.loads(os.read(reader, 1 << 16))["alias"] == "ünï"
