"""The small parts of the parent: backoff, scrubbing, tracebacks, the pipe, watched files, the environment."""

import importlib
import os
import signal
import sys
import typing
from pathlib import Path

import pytest

from src.serving import environment
from src.serving.app import compiled_once, fail_fast, imported_late
from src.serving.backoff import Backoff
from src.serving.capture import Capture, concise
from src.serving.fleet import how
from src.serving.pipe import Listener, Teller
from src.serving.scrub import Scrubber
from src.serving.watch import Watch


def test_replacements_come_ever_later_and_become_hopeless() -> None:
    backoff, now, waits = Backoff(), 0.0, []
    while not backoff.hopeless:
        backoff.died(now, None)
        waits.append(backoff.retry_at - now)
        assert not backoff.due(now) and backoff.due(backoff.retry_at)
        now = backoff.retry_at
    assert waits == [0.25, 0.5, 1.0, 2.0, 4.0, 8.0]


def test_the_wait_has_a_limit() -> None:
    backoff = Backoff(failures=50)
    backoff.died(100.0, None)
    assert backoff.retry_at == 130.0


def test_workers_that_die_together_are_one_failure() -> None:
    backoff = Backoff()
    backoff.died(10.0, None)
    backoff.died(10.1, None)
    assert backoff.failures == 1


@pytest.mark.parametrize(("served_s", "failures"), [(None, 4), (0.5, 4), (60.0, 0)])
def test_a_worker_that_had_served_is_replaced_at_once(served_s: float | None, failures: int) -> None:
    backoff = Backoff(failures=3)
    backoff.died(10.0, served_s)
    assert backoff.failures == failures
    assert backoff.due(10.0) == (failures == 0)


@pytest.mark.parametrize(("text", "clean"), [
    ("key=long-secret-one", "key=***"),
    ("long-secret-one and long-secret-one-more", "*** and ***"),
    ("an ab is short", "an ab is short"),
    ("nothing", "nothing"),
])
def test_secrets_are_scrubbed_longest_first(text: str, clean: str) -> None:
    environ = {"A": "long-secret-one", "B": "long-secret-one-more", "C": "ab", "OTHER": "nothing"}
    assert Scrubber.of(environ, ["A", "B", "C", "MISSING"])(text) == clean


TRACEBACK = """ERROR:    Traceback (most recent call last):
  File "/env/lib/python3.11/site-packages/litellm/x.py", line 1, in load
    raise Inner
    ^^^^^^^^^^^
  File "/srv/ops/callback.py", line 7, in <module>
    import nothing
  File "<frozen importlib._bootstrap>", line 1204, in _gcd_import
  File "/usr/lib/python3.11/contextlib.py", line 210, in __aenter__
    return await anext(self.gen)
ModuleNotFoundError: No module named 'nothing'
  in a second line""".splitlines()


def test_tracebacks_keep_the_operators_own_frames() -> None:
    assert concise(TRACEBACK) == [
        "ERROR:    Traceback (most recent call last):",
        '  File "/srv/ops/callback.py", line 7, in <module>',
        "    import nothing",
        "ModuleNotFoundError: No module named 'nothing'",
        "  in a second line",
    ]


def test_what_was_captured_prefers_errors_to_prints() -> None:
    capture, nothing = Capture.make(), Scrubber(())
    capture.out.write(b"printed\n")
    capture.out.flush()
    assert capture.errors(nothing) == ["printed"]
    capture.err.write(b"failed\n\n")
    capture.err.flush()
    assert capture.errors(nothing) == ["failed"]
    assert capture.said(nothing, everything=False) == ["failed"]
    assert capture.said(nothing, everything=True) == ["printed", "failed"]
    capture.restart()
    assert capture.said(nothing, everything=True) == []
    capture.close()


@pytest.mark.parametrize(("code", "words"), [
    (3, "ended with exit code 3"), (-signal.SIGKILL, "was ended by SIGKILL"), (-63, "was ended by signal 63"),
])
def test_how_a_worker_ended_is_said_in_words(code: int, words: str) -> None:
    assert how(code) == words


def test_lines_go_through_the_pipe_whole() -> None:
    read, write = os.pipe()
    teller, listener = Teller(write), Listener(read)
    assert listener.lines() == []
    teller.ready()
    os.write(write, b"served 1")
    assert listener.lines() == [b"ready"]
    os.write(write, b"2\n")
    assert listener.lines() == [b"served 12"]
    teller.leaving()
    os.close(write)
    assert listener.lines() == [b"leaving"]
    assert listener.lines() is None
    listener.close()
    listener.close()
    assert listener.lines() is None


def test_a_worker_whose_parent_is_gone_or_deaf_is_not_held_up() -> None:
    read, write = os.pipe()
    teller = Teller(write)
    for number in range(20_000):  # more than a pipe holds
        teller.served(number)
    os.close(read)
    teller.served(1)
    os.close(write)


def test_a_watched_file_is_reported_once_it_is_still(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_text("A=1")
    watch = Watch([str(path)])
    assert not watch.changed(0.0)
    path.write_text("A=12")
    assert not watch.changed(1.0), "it may still be being written"
    assert watch.changed(2.0)
    assert not watch.changed(3.0)


def test_a_file_that_is_replaced_or_appears_is_noticed(tmp_path: Path) -> None:
    path, other = tmp_path / ".env", tmp_path / "new"
    watch = Watch([str(path)])
    other.write_text("A=1")
    other.replace(path)
    assert [watch.changed(now) for now in (1.0, 2.0, 3.0)] == [False, True, False]
    path.unlink()
    assert [watch.changed(now) for now in (4.0, 5.0, 6.0)] == [False, True, False]


def test_files_are_looked_at_twice_a_second_at_most(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    watch = Watch([str(path)])
    assert not watch.changed(10.0)
    path.write_text("A=1")
    assert not any(watch.changed(10.0 + part / 10) for part in range(5))
    assert not watch.changed(10.6)
    assert watch.changed(11.2)


def test_nothing_is_watched_where_nothing_is_named() -> None:
    assert not Watch(()).changed(1.0)


def test_names_that_are_asked_for_are_recorded_and_copies_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASKED_FOR", "1")
    monkeypatch.setenv("ONLY_COPIED", "1")
    with environment.recorded() as names:
        assert os.getenv("ASKED_FOR") == "1"
        assert "NOT_THERE" not in os.environ
        assert dict(os.environ)["ONLY_COPIED"] == "1"
        assert ("ONLY_COPIED", "1") in list(os.environ.items())
        found = set(names)
    assert {"ASKED_FOR", "NOT_THERE"} <= found
    assert "ONLY_COPIED" not in found
    os.getenv("AFTERWARDS")
    assert "AFTERWARDS" not in names


def test_what_an_import_sets_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BEFORE", "1")
    before = environment.start_environment()
    monkeypatch.setenv("SET_MEANWHILE", "yes")
    monkeypatch.setenv("BEFORE", "2")
    assert environment.changed_since(before) == {"SET_MEANWHILE": "yes", "BEFORE": "2"}


def test_imports_that_cannot_succeed_fail_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    names = ("json.never_there", "json.decoder", "json.tool")
    for name in names:
        monkeypatch.delitem(sys.modules, name, raising=False)
    fail_fast({"json.never_there": "no_such_package.sdk", "json.tool": "json"})
    assert "json.tool" not in sys.modules, "what it needs is installed"
    with pytest.raises(ModuleNotFoundError, match="import of json.never_there halted"):
        importlib.import_module("json.never_there")
    del sys.modules["json.never_there"]


def test_a_module_that_is_rarely_used_loads_at_its_first_use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    loaded = tmp_path / "seldom_used.loaded"
    loaded.with_suffix(".py").write_text("import pathlib\npathlib.Path(__file__).with_suffix('.loaded').touch()\n")
    with imported_late("seldom_used", "never_installed"):
        module = importlib.import_module("seldom_used")
        with pytest.raises(ModuleNotFoundError):
            importlib.import_module("never_installed")
    assert (loaded.exists(), module.pathlib.__name__, loaded.exists()) == (False, "pathlib", True)
    assert importlib.import_module("seldom_used") is module
    del sys.modules["seldom_used"]


def test_an_annotation_in_quotes_is_compiled_once_while_litellm_is_imported() -> None:
    with compiled_once(typing):
        first, second = typing.ForwardRef("int | None"), typing.ForwardRef("int | None")
        with pytest.raises(SyntaxError):
            typing.ForwardRef("no annotation")
    third = typing.ForwardRef("int | None")
    assert first.__forward_code__ is second.__forward_code__ is not third.__forward_code__
    assert first == second == third

    def annotated(value: first) -> second: ...  # type: ignore[valid-type]

    assert typing.get_type_hints(annotated) == {"value": int | None, "return": int | None}
