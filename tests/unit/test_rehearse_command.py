"""`rehearse` as a command: what it refuses, what it copies, what it leaves behind; nothing is started here."""

import hashlib
import os
import signal
import sqlite3
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from src.cli.rehearse_store import RehearsalStore
from src.config.environment import Environment
from src.config.plan import Sources
from src.errors import NotStarted
from src.policy.limits import Limit
from src.rehearse.process import Child
from src.rehearse.results import Check, Report
from src.rehearse.run import Subject, rehearse

from .declaring import canary, declared, refused, run_here, two
from .store_support import fresh_database

OFF = {"GATEWAY_DATABASE_URL": "off"}
GOOD = Report((Check("boots", "", "passed", "ready"),), ("TIMEOUT is short",), "abc", 1.0)


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[Subject]:
    """What would be rehearsed, instead of a rehearsal; all of it passes."""
    subjects: list[Subject] = []

    def instead(subject: Subject, tell: Any) -> Report:
        subjects.append(subject)
        assert subject.folder.stat().st_mode & 0o777 == 0o700
        tell(GOOD.checks[0])
        return GOOD
    monkeypatch.setattr("src.rehearse.run.rehearse", instead)
    return subjects


def test_a_good_rehearsal_ends_with_0_and_leaves_nothing(tmp_path: Path, capfd: pytest.CaptureFixture[str],
                                                         seen: list[Subject]) -> None:
    ran = run_here("rehearse", "--junit", "r.xml", env=two(OFF), cwd=tmp_path, capfd=capfd)
    assert ran.code == 0 and "ok  boots" in ran.text and "note: TIMEOUT is short" in ran.text
    assert 'tests="1"' in (tmp_path / "r.xml").read_text()
    assert not seen[0].folder.exists() and (seen[0].database, seen[0].rows) == ("off", None)
    assert '"ok": true' in run_here("rehearse", "--json", env=two(OFF), cwd=tmp_path, capfd=capfd).text


def test_no_key_is_needed_but_a_wrong_one_is_a_problem(tmp_path: Path, capfd: pytest.CaptureFixture[str],
                                                       seen: list[Subject]) -> None:
    assert run_here("rehearse", env=two(OFF), cwd=tmp_path, capfd=capfd).code == 0
    absent = two(OFF, OPENAI_API_KEY_FILE="/no/such/file", LITELLM_MASTER_KEY="")
    assert run_here("rehearse", env=absent, cwd=tmp_path, capfd=capfd).code == 0
    weak = two(OFF, LITELLM_MASTER_KEY="short")
    refused(run_here("rehearse", env=weak, cwd=tmp_path, capfd=capfd), "LITELLM_MASTER_KEY")
    refused(run_here("rehearse", env={**OFF, "PROXY_MODEL_KEYS": "gpt5"}, cwd=tmp_path, capfd=capfd), "gpt5")
    refused(run_here("rehearse", env=two({"GATEWAY_DATABASE_URL": "x"}), cwd=tmp_path, capfd=capfd), "GATEWAY_DATA")
    refused(run_here("rehearse", "--config", "none.yaml", env=OFF, cwd=tmp_path, capfd=capfd), "cannot be read")
    assert len(seen) == 2


def test_a_litellm_file_may_be_rehearsed(tmp_path: Path, capfd: pytest.CaptureFixture[str],
                                         seen: list[Subject]) -> None:
    (tmp_path / "c.yaml").write_text(
        "model_list:\n- {model_name: a, litellm_params: {model: openai/a, api_key: os.environ/NO_SUCH_KEY}}\n")
    for arguments in (("rehearse", "--config", "c.yaml"), ("--config", "c.yaml", "rehearse")):
        assert run_here(*arguments, env=OFF, cwd=tmp_path, capfd=capfd).code == 0
    assert [subject.own_file for subject in seen] == [True, True]


def test_what_failed_is_named_and_ends_with_1(tmp_path: Path, capfd: pytest.CaptureFixture[str],
                                              monkeypatch: pytest.MonkeyPatch) -> None:
    bad = Report((Check("chain", "default", "failed", "asked nobody"),))
    monkeypatch.setattr("src.rehearse.run.rehearse", lambda subject, tell: bad)
    ran = run_here("rehearse", env=two(OFF), cwd=tmp_path, capfd=capfd)
    assert ran.code == 1 and "FAILED  chain  default  asked nobody" in ran.text
    assert ran.text.splitlines()[-1].endswith("failed: chain default")
    ran = run_here("rehearse", "--junit", "no/such/r.xml", env=two(OFF), cwd=tmp_path, capfd=capfd)
    refused(ran, "no/such/r.xml cannot be written")


def test_what_did_not_start_is_in_the_reports_too(tmp_path: Path, capfd: pytest.CaptureFixture[str],
                                                  monkeypatch: pytest.MonkeyPatch) -> None:
    bad = Report((Check("boots", "", "failed", "no"),), error=NotStarted("the gateway did not start"))
    monkeypatch.setattr("src.rehearse.run.rehearse", lambda subject, tell: bad)
    ran = run_here("rehearse", "--json", "--junit", "r.xml", env=two(OFF), cwd=tmp_path, capfd=capfd)
    assert ran.code == 3 and "the gateway did not start" in ran.err and '"ok": false' in ran.text
    assert 'failures="1"' in (tmp_path / "r.xml").read_text()


def test_a_terminal_shows_the_progress(tmp_path: Path, capfd: pytest.CaptureFixture[str], seen: list[Subject],
                                       monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    ran = run_here("rehearse", env=two(OFF), cwd=tmp_path, capfd=capfd)
    assert ran.code == 0 and "1 checks, boots: passed" in ran.err and "starting the gateway" in ran.err
    coloured = run_here("rehearse", env=two({**OFF, "FORCE_COLOR": "1"}), cwd=tmp_path, capfd=capfd)
    assert "\x1b" not in ran.text and "\x1b[32mok" in coloured.text


def test_a_signal_cleans_up(tmp_path: Path, capfd: pytest.CaptureFixture[str],
                            monkeypatch: pytest.MonkeyPatch) -> None:
    folders = []

    def instead(subject: Subject, tell: Any) -> Report:
        folders.append(subject.folder)
        os.kill(os.getpid(), signal.SIGTERM)
        return GOOD
    monkeypatch.setattr("src.rehearse.run.rehearse", instead)
    before = signal.getsignal(signal.SIGTERM)
    assert run_here("rehearse", env=two(OFF), cwd=tmp_path, capfd=capfd).code == 130
    assert not folders[0].exists() and signal.getsignal(signal.SIGTERM) == before


# --- the copy of the registry -----------------------------------------------------------------------------------------

DOCUMENT = """version: 1
providers:
- {name: xai, provider: xai}
models:
- {alias: grok-3-mini, provider: xai}
limits:
- {name: house, scope: model, target: grok-3-mini, rpm: 60, budget: 5}
"""


def registry_at(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Path:
    """Make a database with rows where the default one lies."""
    (tmp_path / "rows.yaml").write_text(DOCUMENT.replace(", budget: 5", ""))
    ran = run_here("registry", "import", "rows.yaml", env=two(), cwd=tmp_path, capfd=capfd)
    assert ran.code == 0, ran.err
    return tmp_path / "state" / "litellm-gateway" / "gateway.db"


def store_of(tmp_path: Path, **env: str) -> RehearsalStore:
    folder = tmp_path / "private"
    folder.mkdir(exist_ok=True)
    return RehearsalStore(folder, Sources(Environment(two({"XDG_STATE_HOME": str(tmp_path / "state")}, **env))))


def test_the_rows_are_copied_and_the_configured_database_stays(tmp_path: Path,
                                                               capfd: pytest.CaptureFixture[str]) -> None:
    real = registry_at(tmp_path, capfd)
    before = hashlib.sha256(real.read_bytes()).hexdigest()
    store = store_of(tmp_path)
    sources = store.sources()
    assert sources.registry is not None and [model.alias for model in sources.registry.models] == ["grok-3-mini"]
    assert [path.name for path in (tmp_path / "private").glob("configured*")] == []
    store.write_limits([{"name": "house", "scope": "model", "target": "grok-3-mini", "rpm": 2}])
    assert store.database is not None and store.database.path is not None
    with sqlite3.connect(store.database.path) as copy:
        assert copy.execute("SELECT rpm FROM ai_rate_limit_configs").fetchall() == [(2,)]
    store.write_limits([])
    assert store.rows() == []
    assert hashlib.sha256(real.read_bytes()).hexdigest() == before


def test_a_database_that_is_not_there_or_off_gives_no_rows(tmp_path: Path) -> None:
    for env in ({}, OFF):
        store = store_of(tmp_path, **env)
        sources = store.sources()
        assert sources.registry is not None and sources.registry.models == ()
        assert (store.url == "off") == bool(env)
    assert not (tmp_path / "state").exists()


def test_a_database_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    path = tmp_path / "state" / "litellm-gateway" / "gateway.db"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"no database at all, but long enough for a header" * 100)
    with pytest.raises(NotStarted, match="cannot be copied"):
        store_of(tmp_path).sources()


def test_rows_of_postgresql_are_read_into_a_file(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "rows.yaml").write_text(DOCUMENT.replace(", budget: 5", ""))
    with fresh_database("postgresql", tmp_path) as database:
        env = {"GATEWAY_DATABASE_URL": database.url}
        empty = store_of(tmp_path, **env).sources()
        assert empty.registry is not None and "not migrated yet" in empty.registry.notes[0]
        assert run_here("registry", "import", "rows.yaml", env=two(env), cwd=tmp_path, capfd=capfd).code == 0
        (tmp_path / "private" / "rehearsal.db").unlink()
        store = store_of(tmp_path, **env)
        found = store.sources()
    assert found.registry is not None and [model.alias for model in found.registry.models] == ["grok-3-mini"]
    assert store.url.startswith("sqlite:///") and store.rows() == []


def test_limits_of_rows_are_what_workers_read() -> None:
    from src.store.limits import LimitRow
    assert set(LimitRow.__dataclass_fields__) >= set(Limit.__dataclass_fields__) - {"origin"}


# --- a gateway that does not start ------------------------------------------------------------------------------------

def test_what_does_not_start_says_its_last_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from src.launch.document import generate
    env = two(OFF)
    plan = declared(env).checked()
    told: list[Check] = []
    threads = threading.active_count()
    subject = Subject(plan, generate(plan, Environment(env)), "no_such_package", {"PATH": os.environ["PATH"]}, tmp_path,
                      "off")
    report = rehearse(subject, told.append)
    assert isinstance(report.error, NotStarted) and "no_such_package" in report.error.text()
    assert [(check.name, check.outcome) for check in told] == [("boots", "failed")]
    assert threading.active_count() == threads, "mock and dead end are gone"


def test_a_child_that_hangs_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from src.launch.document import generate
    env = two(OFF, GATEWAY_BOOT_TIMEOUT="0.01")
    plan = declared(env).checked()
    environ = {"PYTHONPATH": str(Path(__file__).parents[2])}
    with Child(plan, tmp_path, "src", environ, canary()) as child:
        with pytest.raises(NotStarted):
            child.start(generate(plan, Environment(env)))
        assert child.process is not None and child.wait(0.0) is None
    assert child.process.returncode == -signal.SIGKILL
