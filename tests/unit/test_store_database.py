"""Which database is used: where it is, how it is shown, and what is refused without repeating a password."""

import stat
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
import sqlalchemy as sa

from src.config.database import find_database, parse_database_url, state_folder
from src.config.environment import Environment
from src.store.columns import UtcDateTime
from src.store.engine import open_store
from src.store.failures import Conflict, StoreDown, StoreError
from src.store.migrate import ensure_schema

from .declaring import canary
from .store_support import database, fresh_database, fresh_store

HOME = Path("/home-of-somebody")


@pytest.mark.parametrize("text, path", [
    ("sqlite:///gateway.db", "state/gateway.db"), ("SQLite:///x/y.db", "state/x/y.db"),
    ("sqlite:////var/lib/gateway.db", "/var/lib/gateway.db"), (" sqlite:///a b.db ", "state/a b.db"),
])
def test_relative_sqlite_files_are_in_the_state_folder(text: str, path: str) -> None:
    found = parse_database_url(text, Path("state"))
    assert found is not None and (found.kind, found.path) == ("sqlite", Path(path))
    assert found.masked == found.url == f"sqlite:///{path}"


@pytest.mark.parametrize("text, masked", [
    ("postgresql://db/gw", "postgresql://db/gw"),
    ("postgres://me:{secret}@db:5433/gw?sslmode=require", "postgresql://me:***@db:5433/gw"),
    ("postgresql+psycopg://me@[::1]/gw?password={secret}", "postgresql://me@[::1]/gw"),
    ("postgresql://me:{secret}%40@db/gw", "postgresql://me:***@db/gw"),
])
def test_postgresql_is_shown_without_password_and_query(text: str, masked: str) -> None:
    secret = canary()
    found = parse_database_url(text.format(secret=secret), Path())
    assert found is not None and found.kind == "postgresql" and found.masked == masked
    assert secret not in repr(found)


@pytest.mark.parametrize("text", ["off", "OFF", " off "])
def test_off_is_no_database(text: str) -> None:
    assert parse_database_url(text, Path()) is None


@pytest.mark.parametrize("text", [
    "", "gateway.db", "sqlite:", "sqlite://", "sqlite:///", "sqlite://:memory:", "sqlite:///:memory:",
    "sqlite:///x.db?mode=ro", "mysql://{secret}@db/gw", "postgresql://db", "postgresql://me:{secret}@db:port/gw",
    "postgresql://me:{secret}@db/g w", "postgresql://me:{secret}@db/\x00", "postgresql://[{secret}/gw",
])
def test_what_cannot_be_used_is_refused_without_repeating_it(text: str) -> None:
    secret = canary()
    with pytest.raises(ValueError, match="must") as refused:
        parse_database_url(text.format(secret=secret), Path())
    assert secret not in str(refused.value)


@pytest.mark.parametrize("platform, environ, folder", [
    ("linux", {"HOME": "/h"}, "/h/.local/state/litellm-gateway"),
    ("linux", {"HOME": "/h", "XDG_STATE_HOME": "/s"}, "/s/litellm-gateway"),
    ("linux", {"HOME": "/h", "XDG_STATE_HOME": "relative"}, "/h/.local/state/litellm-gateway"),
    ("darwin", {"HOME": "/h", "XDG_STATE_HOME": "/s"}, "/h/Library/Application Support/litellm-gateway"),
    ("win32", {"LOCALAPPDATA": "L"}, "L/litellm-gateway"),
    ("win32", {"USERPROFILE": "U"}, "U/AppData/Local/litellm-gateway"),
    ("linux", {}, None), ("win32", {"HOME": "/h"}, None),
])
def test_state_is_where_the_platform_keeps_it(platform: str, environ: dict[str, str], folder: str | None) -> None:
    assert state_folder(environ, platform) == (None if folder is None else Path(folder))


def test_nobody_asked_means_the_default_file() -> None:
    found, problems = find_database(Environment({"HOME": "/h"}), "linux")
    assert found is not None and problems == ()
    assert (found.path, found.stated) == (Path("/h/.local/state/litellm-gateway/gateway.db"), False)


def test_the_url_may_be_in_a_file() -> None:
    env = Environment({"HOME": "/h", "GATEWAY_DATABASE_URL_FILE": "f"}, read_file=lambda path: b"postgresql://db/gw\n")
    found, problems = find_database(env)
    assert found is not None and problems == () and (found.masked, found.stated) == ("postgresql://db/gw", True)


@pytest.mark.parametrize("environ, said", [
    ({"GATEWAY_DATABASE_URL": "mysql://x/y", "HOME": "/h"}, "must be sqlite"),
    ({"GATEWAY_DATABASE_URL": "sqlite:///x.db"}, "must name an absolute file"),
    ({"GATEWAY_DATABASE_URL": "off", "GATEWAY_DATABASE_URL_FILE": "f", "HOME": "/h"}, "both"),
])
def test_a_wrong_url_is_a_problem_with_its_repair(environ: dict[str, str], said: str) -> None:
    found, (problem,) = find_database(Environment(environ), "linux")
    assert found is None and said in problem.what and problem.repair


def test_without_a_home_there_is_no_default_database() -> None:
    assert find_database(Environment({}), "linux") == (None, ())


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has other permissions")
def test_the_file_is_private_and_so_are_its_companions(tmp_path: Path) -> None:
    store = open_store(database("sqlite:///deep/er/x.db", tmp_path))
    ensure_schema(store)
    with store.writing() as connection:
        connection.execute(sa.text("INSERT INTO ai_tiers (name) VALUES ('gold')"))
        files = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "deep" / "er").iterdir()}
    assert files == {"x.db": 0o600, "x.db-wal": 0o600, "x.db-shm": 0o600}
    assert stat.S_IMODE((tmp_path / "deep" / "er").stat().st_mode) == 0o700
    store.close()


@pytest.mark.parametrize("pragma, value", [
    ("journal_mode", "wal"), ("synchronous", 1), ("foreign_keys", 1), ("busy_timeout", 5000)])
def test_sqlite_runs_with_wal_and_foreign_keys(pragma: str, value: object, tmp_path: Path) -> None:
    with fresh_store("sqlite", tmp_path) as store, store.reading() as connection:
        assert connection.execute(sa.text(f"PRAGMA {pragma}")).scalar_one() == value


def test_a_file_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreDown, match="cannot be opened"):
        open_store(database("sqlite:///file/x.db", tmp_path))


def test_a_file_that_is_no_database_is_told(tmp_path: Path) -> None:
    (tmp_path / "x.db").write_text("no database at all " * 100)
    with pytest.raises(StoreDown, match="not a database"):
        ensure_schema(open_store(database("sqlite:///x.db", tmp_path)))


def test_a_server_that_is_away_is_told_without_the_password(tmp_path: Path) -> None:
    secret = canary()
    store = open_store(database(f"postgresql://me:{secret}@127.0.0.1:1/gw", tmp_path))
    with pytest.raises(StoreDown) as down, store.reading():
        raise AssertionError("reached a server on port 1")
    assert "postgresql://me:***@127.0.0.1:1/gw" in down.value.text() and secret not in down.value.text()


def test_without_psycopg_the_repair_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("src.store.engine.find_spec", lambda name: None)
    with pytest.raises(StoreError) as missing:
        open_store(database("postgresql://db/gw", tmp_path))
    assert "pip install 'litellm-local-gateway[postgres]'" in missing.value.text()


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_errors_name_the_rule_and_never_a_value(kind: str, tmp_path: Path) -> None:
    secret = canary()
    insert = sa.text("INSERT INTO ai_tiers (name) VALUES (:name)")
    with fresh_store(kind, tmp_path) as store:
        ensure_schema(store)
        with pytest.raises(Conflict) as conflict, store.writing() as connection:
            connection.execute(insert, [{"name": secret}, {"name": secret}])
        assert secret not in conflict.value.text()
        with pytest.raises(StoreError), store.reading() as connection:
            connection.execute("no statement")  # type: ignore[call-overload]
        with store.reading() as connection:
            assert connection.execute(sa.text("SELECT count(*) FROM ai_tiers")).scalar_one() == 0


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_times_keep_their_moment_and_come_back_in_utc(kind: str, tmp_path: Path) -> None:
    moments = sa.Table("moments", sa.MetaData(), sa.Column("at", UtcDateTime()))
    there = datetime(2026, 7, 1, 12, 30, 0, 123456, timezone(timedelta(hours=5, minutes=30)))
    with fresh_store(kind, tmp_path) as store, store.writing() as connection:
        moments.create(connection)
        connection.execute(moments.insert(), [{"at": there}, {"at": None}])
        first, second = connection.execute(sa.select(moments.c.at)).scalars()
    assert first == there and first.tzinfo is timezone.utc and second is None
    with pytest.raises(ValueError, match="without its zone"):
        UtcDateTime().process_bind_param(datetime(2026, 1, 1), sa.create_engine("sqlite://").dialect)


def test_a_database_without_an_encoding_gives_text_all_the_same(tmp_path: Path) -> None:
    plain = "ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0"
    with fresh_database("postgresql", tmp_path, plain) as found:
        store = open_store(found)
        ensure_schema(store)
        with store.writing() as connection:
            assert connection.execute(sa.text("SELECT 'g\u00fcnstig'")).scalar_one() == "g\u00fcnstig"
        store.close()
