"""No secret and no upstream address in errors, answers, log records and printed text."""

import io
import json
import logging
import time
import uuid

import pytest

from src.hooks.scrub import HIDDEN, UPSTREAM, ScrubbedStream, Scrubber, record_factory

KEY = f"canary-{uuid.uuid4().hex}"
ODD = 'odd"key/with\\signs&' + uuid.uuid4().hex
SHORT = "ollama"
SCRUBBER = Scrubber.of([KEY, ODD, SHORT, ""], ["https://user@api.upstream.example:8443/v1", "http://10.1.2.3/v1", None])


@pytest.mark.parametrize("text", [
    f"Incorrect API key provided: {KEY}.", f"{KEY}{KEY}", f"?key={KEY}&x", json.dumps({"key": ODD}), ODD,
    "https://h/?key=odd%22key%2Fwith%5Csigns%26" + ODD[-32:],
])
def test_a_secret_is_hidden_however_it_is_written(text):
    clean = SCRUBBER.text(text)
    assert HIDDEN in clean
    assert KEY not in clean and ODD not in clean and ODD[-32:] not in clean


@pytest.mark.parametrize(("text", "clean"), [
    (json.dumps({"key": ODD}), '{"key": "***"}'), (f"?key={KEY}&x", "?key=***&x"), (f"{KEY}{KEY}", "******"),
    ("https://h/?key=odd%22key%2Fwith%5Csigns%26" + ODD[-32:] + "&y", "https://h/?key=***&y"),
    (f"{SHORT} and {KEY[:-1]}", f"*** and {KEY[:-1]}"),
])
def test_nothing_but_the_secret_is_hidden(text, clean):
    assert SCRUBBER.text(text) == clean


def test_text_without_secrets_stays_as_it_is():
    assert SCRUBBER.text("nothing to see") == "nothing to see"


def test_of_two_secrets_the_longer_is_hidden_whole():
    assert Scrubber.of(["secret", "secret-longer"], []).text("secret-longer") == HIDDEN


def test_a_secret_in_an_answer_is_masked_without_changing_its_length():
    chunk = f'data: {{"content":"{KEY} and {SHORT}"}}'.encode()
    clean = SCRUBBER.answer(chunk)
    assert KEY.encode() not in clean and len(clean) == len(chunk)
    assert SHORT.encode() in clean  # a keyless upstream's key is an ordinary word in an answer


def test_a_secret_that_is_alone_is_masked_and_nothing_else():
    alone = Scrubber.of([KEY], [])
    assert alone.answer(f"a {KEY} b".encode()) == f"a {'*' * len(KEY)} b".encode()
    assert alone.answer(KEY[:-1].encode()) == KEY[:-1].encode()


def test_a_secret_that_json_writes_otherwise_is_masked_in_an_answer_too():
    text = json.dumps({"content": f"it is {ODD}"})
    shown = json.loads(Scrubber.of([ODD], []).answer(text.encode()))["content"]
    assert ODD not in shown and ODD[-32:] not in shown and set(shown.removeprefix("it is ")) == {"*"}


# Alike at the beginning, one inside another, one the beginning of another, of rare and of ordinary characters.
TAIL = uuid.uuid4().hex
MANY = ["sk-proj-" + TAIL, "sk-ant-" + TAIL, "sk-ant-" + TAIL + "-longer", "sk-" + "e" * 20,
        "outer-sk-proj-" + TAIL, TAIL, "gsk_" + "Q" * 20, "\u00e4\u00f6\u00fc" * 8, "\x00" * 16, "odd\"" + TAIL]


@pytest.mark.parametrize("secret", MANY)
def test_of_many_secrets_in_an_answer_each_is_masked_whole(secret):
    scrubber = Scrubber.of(MANY, [])
    text = "a task-list of disk-space, outer-space and sk-proj-ects"
    assert scrubber.answer(text.encode()) == text.encode()
    chunk = f"{text} {secret}, {text}".encode()
    assert scrubber.answer(chunk) == f"{text} {'*' * len(secret.encode())}, {text}".encode()


@pytest.mark.parametrize(("text", "shown"), [
    ("litellm.RateLimitError: RateLimitError: OpenAIException - Slow down. Received Model Group=gpt-5\n"
     "Available Model Group Fallbacks=None LiteLLM Retried: 1 times, LiteLLM Max Retries: 2", "Slow down"),
    ("litellm.BadRequestError: OpenAIException - Unknown parameter: 'x'.", "Unknown parameter: 'x'."),
    ("Bad. Fallbacks are configured for: ['secret-alias']", "Bad"),
    ("No. No fallback model group found for original model_group=gpt-5", "No"),
    ("Cannot connect to host api.upstream.example:8443 ssl:default [Connect call failed ('10.1.2.3', 443)]",
     f"Cannot connect to {UPSTREAM}"),
    ("see https://api.upstream.example:8443/v1/chat for more", f"see {UPSTREAM} for more"),
    ("at http://10.1.2.3/v1/chat, sorry", f"at {UPSTREAM}, sorry"),
    ("connect to 127.0.0.1:8080 or localhost:99", f"connect to {UPSTREAM} or {UPSTREAM}"),
    ("ask api.upstream.example or user@api.upstream.example:8443", f"ask {UPSTREAM} or user@{UPSTREAM}"),
    ("HTTPS://API.upstream.example:8443/v1?x=1, sorry", f"{UPSTREAM}, sorry"), ("a" * 1998 + "b c", "a" * 1998 + "b"),
    ("failed ('::1', 8080, 0, 0), then ('127.0.0.1', 8080)", f"failed {UPSTREAM}, then {UPSTREAM}"),
    ("Cannot connect to host h:1 ssl:default [Multiple exceptions: [Errno 111] Connect call failed ('::1', 1, 0, 0), "
     "[Errno 111] Connect call failed ('10.0.0.1', 1)]", f"Cannot connect to {UPSTREAM}"),
    ("[2001:DB8::5]:443, fe80::1, 2001:db8::, 1:2:3:4:5:6:7:8", ", ".join([UPSTREAM] * 4)),
    ("at 12:30:45 std::move [str::2] :: 10:20", "at 12:30:45 std::move [str::2] :: 10:20"),
    (f"key {KEY} is wrong", f"key {HIDDEN} is wrong"),
    ("Try again. Traceback (most recent call last):\n  File x", "Try again"),
    ("one\x00two\r\nthree\x1b[31m", "one two  three [31m"),
    ("see https://docs.example/errors", "see https://docs.example/errors"),
    ("Rate limit: 3 of 5", "Rate limit: 3 of 5"),
    ("", ""), ("a" * 5000, "a" * 2000),
])
def test_a_client_sees_the_message_without_addresses_and_litellms_insides(text, shown):
    clean = SCRUBBER.message(text)
    assert clean.replace("\n", " ") == shown


@pytest.mark.parametrize("piece", ["a", "\u00e9", "Error", "AError:", ".", " ", ". ", "1.", "ab12:", "host a:1 [",
                                   "://", "a://"])
def test_a_megabyte_that_an_upstream_repeats_holds_nobody_up(piece):
    text = "Bad: x" + piece * (1_000_000 // len(piece)) + "x"
    before = time.process_time()
    SCRUBBER.message(text)
    assert time.process_time() - before < 10


@pytest.fixture
def factory():
    before = logging.getLogRecordFactory()
    logging.setLogRecordFactory(record_factory(SCRUBBER, before))
    yield
    logging.setLogRecordFactory(before)


@pytest.fixture
def printed():
    """A logger of its own that prints into memory, as any library's might."""
    stream = io.StringIO()
    logger = logging.Logger(f"library-{uuid.uuid4().hex}")
    logger.addHandler(logging.StreamHandler(stream))
    return logger, stream


def test_log_records_of_any_library_are_scrubbed(factory, printed):
    logger, stream = printed
    logger.error("upstream said %s to %r", KEY, {"authorization": KEY})
    assert KEY not in stream.getvalue() and stream.getvalue().count(HIDDEN) == 2


def test_tracebacks_in_logs_are_scrubbed(factory, printed):
    logger, stream = printed
    try:
        raise ValueError(f"bad key {KEY}")
    except ValueError:
        logger.exception("failed")
    assert KEY not in stream.getvalue() and "ValueError: bad key ***" in stream.getvalue()


def test_tracebacks_without_secrets_stay_whole(factory, printed):
    logger, stream = printed
    try:
        raise ValueError("plain")
    except ValueError:
        logger.exception("failed")
    assert "ValueError: plain" in stream.getvalue()


def test_a_log_call_with_wrong_arguments_is_scrubbed_too(factory, printed):
    logger, stream = printed
    logger.error("%d", KEY)
    assert KEY not in stream.getvalue()


def test_answers_and_request_lines_keep_words_that_are_also_short_keys():
    line = json.loads(SCRUBBER.answer(f'{{"provider":"{SHORT}","error":"{KEY}"}}'.encode()))
    assert line["provider"] == SHORT and KEY not in line["error"]


def test_printed_text_is_scrubbed():
    under = io.StringIO()
    stream = ScrubbedStream(under, SCRUBBER)
    assert stream.write(f"key {KEY}\n") == len(KEY) + 5
    stream.writelines(["a\n", f"{KEY}\n"])
    stream.flush()
    assert under.getvalue() == "key ***\na\n***\n"


def test_a_scrubber_does_not_show_its_secrets():
    assert KEY not in repr(SCRUBBER)
