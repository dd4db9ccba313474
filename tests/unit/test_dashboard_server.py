"""The dashboard over HTTP: who gets in, what every answer carries, and what it says while the database is away."""

import sqlite3
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
import uvicorn

from src.cli.dashboard import price_lines
from src.dashboard.app import HEADERS, Sight, create_app
from src.dashboard.door import Door
from src.policy.limits import Limit
from src.store import engine
from src.store.engine import Store, open_reader
from src.store.failures import StoreDown
from src.store.ledger import LedgerWriter
from src.store.ledger_pages import Wanted, page
from src.store.ledger_tables import requests
from src.store.migrate import ensure_schema

from .declaring import Ran, canary, declared, refused, run_here, two
from .ledger_support import NOON, entry, ledger_store, unpriced, wait_for
from .store_support import KINDS, database, fresh_database

PAGES = ("/", "/?period=90d&by=user&sort=cost", "/requests", "/requests?live=1&state=5xx", "/limits", "/unpriced")


class Site:
    """A dashboard that is served in this process, and its door."""

    def __init__(self, store: Store, *limits: Limit) -> None:
        self.door = Door(1)
        self.reader = open_reader(store.database)
        app = create_app(Sight(self.reader, lambda: limits, lambda rows: ["MODEL_X_INPUT_COST=1"]), self.door)
        self.server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, lifespan="on"))
        self.thread = threading.Thread(target=self.server.run)

    def __enter__(self) -> "Site":
        self.thread.start()
        wait_for(lambda: self.server.started, "the server")
        port = self.server.servers[0].sockets[0].getsockname()[1]
        self.base = f"http://127.0.0.1:{port}"
        self.stranger = httpx.Client(base_url=self.base, trust_env=False)
        self.visitor = httpx.Client(base_url=self.base, trust_env=False)
        self.visitor.get("/", params={"token": self.door.token})
        return self

    def __exit__(self, *exc: object) -> None:
        self.server.should_exit = True
        self.thread.join()
        self.stranger.close()
        self.visitor.close()
        self.reader.close()

    def get(self, address: str) -> httpx.Response:
        """Ask as somebody who has come in."""
        return self.visitor.get(address)


@pytest.fixture(scope="module", params=KINDS)
def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with ledger_store(request.param, tmp_path_factory.mktemp("ledger")) as found:
        LedgerWriter(found).write([
            entry(at=NOON + number, alias="gpt-5" if number % 2 else "<b>bold</b>", user_label="ann",
                  request_id=f"{number:032x}", error_type="timeout" if number % 10 == 0 else None,
                  status=504 if number % 10 == 0 else 200, client_gone=number == 7) for number in range(120)])
        LedgerWriter(found).write([unpriced(at=NOON, deployment="x", request_id="f" * 32, content="<i>a prompt</i>")])
        yield found


@pytest.fixture(scope="module")
def site(store: Store) -> Iterator[Site]:
    with Site(store, Limit("house", "model", "gpt-5", rpm=60)) as found:
        yield found


# --- the door -------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("address", [*PAGES, "/requests/" + "0" * 32, "/nowhere", "/?token=wrong", "/?token="])
def test_without_the_token_nobody_sees_anything(site: Site, address: str) -> None:
    answer = site.stranger.get(address)
    assert answer.status_code == 401 and "needs its token" in answer.text and "set-cookie" not in answer.headers
    assert [text for text in ("gpt-5", site.reader.database.masked, "house") if text in answer.text] == []


def test_the_token_is_taken_out_of_the_address_and_a_cookie_given_for_it(site: Site) -> None:
    answer = site.stranger.get("/requests", params={"token": site.door.token, "alias": "a b"})
    site.stranger.cookies.clear()
    assert (answer.status_code, answer.headers["location"]) == (303, "/requests?alias=a+b")
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie and "SameSite=strict" in cookie and "Path=/" in cookie
    assert site.door.token not in cookie and site.door.token not in answer.headers["location"]


@pytest.mark.parametrize("address", ["//evil.example/", "/%2Fevil.example", "/\\evil.example"])
def test_the_way_in_leads_nowhere_else(site: Site, address: str) -> None:
    answer = site.stranger.get(f"{site.base}{address}?token={site.door.token}")
    site.stranger.cookies.clear()
    location = answer.headers["location"]
    assert location.startswith("/") and not location.startswith(("//", "/\\"))


def test_the_token_of_the_browsers_command_line_opens_once(site: Site) -> None:
    answers = [site.stranger.get("/", params={"token": site.door.once}).status_code for _ in range(2)]
    site.stranger.cookies.clear()
    assert answers == [303, 401]


def test_tokens_and_cookies_are_compared_in_constant_time() -> None:
    compared: list[tuple[bytes, bytes]] = []

    def same(one: bytes, other: bytes) -> bool:
        compared.append((one, other))
        return one == other
    door = Door(1, same=same)
    assert door.admit("x") is None and not door.knows("y") and door.admit("\u00e4\ud800") is None
    assert {(b"x", door.token.encode()), (b"x", door.once.encode())} <= set(compared) and len(compared) >= 3


@pytest.mark.parametrize(("host", "ours"), [
    ("127.0.0.1:4200", True), ("localhost", True), ("LOCALHOST:9", True), ("[::1]:4200", True), ("localhost.", True),
    ("gateway.lan:80", True), ("evil.example", False), ("127.0.0.1.evil.example", False), ("", False), (None, False),
    ("[::1", False), ("localhost@evil.example", False), ("127.0.0.2", False),
])
def test_only_a_host_of_ours_is_answered(host: str | None, ours: bool) -> None:
    assert Door(4200, ("127.0.0.1", "localhost", "::1", "Gateway.lan")).is_ours(host) is ours


def test_a_page_that_made_its_name_lead_here_gets_nothing(site: Site) -> None:
    answer = site.visitor.get("/", headers={"host": "evil.example"})
    assert answer.status_code == 421 and "gpt-5" not in answer.text
    assert site.visitor.get("/?token=" + site.door.token, headers={"host": "evil.example"}).status_code == 421


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"])
@pytest.mark.parametrize("address", ["/", "/requests", "/style.css"])
def test_there_is_nothing_but_reading(site: Site, method: str, address: str) -> None:
    answer = site.visitor.request(method, address)
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize("address", [*PAGES, "/nowhere", "/requests/" + "e" * 32])
def test_every_answer_forbids_scripts_frames_caches_and_guessing(site: Site, address: str) -> None:
    for client in (site.visitor, site.stranger):
        for answer in (client.get(address), client.head(address)):
            assert {name: answer.headers[name] for name in HEADERS} == HEADERS
    policy = HEADERS["content-security-policy"]
    assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy and "unsafe" not in policy


@pytest.mark.parametrize(("name", "kind"), [("style.css", "text/css"), ("icon.svg", "image/svg+xml")])
def test_style_and_icon_are_served_from_here_and_name_no_other_place(site: Site, name: str, kind: str) -> None:
    answer = site.stranger.get(f"/{name}")
    assert answer.status_code == 200 and answer.headers["content-type"].startswith(kind)
    assert "url(" not in answer.text and "@import" not in answer.text


# --- pages ----------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("address", PAGES)
def test_every_page_answers(site: Site, address: str) -> None:
    answer = site.get(address)
    assert answer.status_code == 200 and answer.text.startswith("<!doctype html>") and "<b>bold" not in answer.text
    assert site.visitor.head(address).content == b""


@pytest.mark.parametrize(("address", "status", "said"), [
    ("/nowhere", 404, "There is no such page"), ("/requests/" + "e" * 32, 404, "No request, or more than one"),
    ("/requests/", 404, "No request, or more than one"), ("/requests/000", 404, "more than one"),
    ("/requests/ffff", 200, "&lt;i&gt;a prompt"), ("/requests/%00", 404, "No request"),
])
def test_what_is_not_there_is_told_as_such(site: Site, address: str, status: int, said: str) -> None:
    answer = site.get(address)
    assert (answer.status_code, said in answer.text) == (status, True), answer.text


def test_requests_are_found_by_how_their_id_begins(site: Site) -> None:
    assert site.get("/requests?id=%20ffff%20").headers["location"] == "/requests/ffff"


def listed(site: Site, **query: Any) -> list[str]:
    """Return the ids on all pages of a filter, following the link to older ones."""
    found, address = [], str(httpx.URL("/requests", params=query))
    while address:
        text = site.get(address).text
        found += [part.partition('"')[0] for part in text.split('<a href="/requests/')[1:]]
        address = text.partition('rel="next"')[0].rpartition('<a href="')[2].partition('"')[0].replace("&amp;", "&") \
            if 'rel="next"' in text else ""
    return found


@pytest.mark.parametrize(("query", "count"), [
    ({}, 121), ({"alias": "gpt-5"}, 61), ({"alias": "<b>bold</b>"}, 60), ({"state": "5xx"}, 12), ({"state": "ok"}, 109),
    ({"state": "4xx"}, 0), ({"error": "timeout"}, 12), ({"gone": "1"}, 1), ({"user": "ann", "alias": "gpt-5"}, 60),
    ({"key": "nobody"}, 0), ({"key": "\0"}, 121), ({"user": "a\0nn"}, 120),
    ({"at": "2026-11-21T12"}, 121), ({"at": "2026-11-21"}, 121), ({"at": "2026-11-20"}, 0),
    ({"at": "2026-11-21", "state": "5xx"}, 12), ({"model": "openai/gpt-5"}, 121), ({"state": "running"}, 0),
])
def test_pages_of_a_filter_hold_each_of_its_requests_once_newest_first(site: Site, query: Any, count: int) -> None:
    found = listed(site, **query)
    assert (len(found), len(set(found))) == (count, count)
    numbered = [name for name in found if name != "f" * 32]
    assert numbered == sorted(numbered, reverse=True)


@pytest.mark.parametrize("size", [1, 7, 50])
def test_a_page_looks_at_a_bounded_part_of_the_ledger(store: Store, size: int) -> None:
    now = iter(range(1000))
    found = page(store, Wanted(alias="nobody"), before=200, patience=0, clock=lambda: next(now))
    assert found.rows == [] and found.before is None, "so few are one step"
    first = page(store, Wanted(), size=size)
    assert len(first.rows) == size and first.before == first.rows[-1]["id"] and first.searched is None


def test_a_search_that_runs_out_of_time_goes_on_where_it_stopped(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("src.store.ledger_pages._FIRST_STEP", 10)
    rare, found, before = Wanted(error="timeout"), list[str](), None
    for _ in range(30):
        part = page(store, rare, before, patience=0)
        found += [row["request_id"] for row in part.rows]
        assert (part.searched is not None) is (part.before is not None)
        before = part.before
        if before is None:
            break
    assert len(found) == len(set(found)) == 12


# --- the database ---------------------------------------------------------------------------------------------------

def test_the_dashboard_cannot_write(store: Store) -> None:
    reader = open_reader(store.database)
    with pytest.raises(StoreDown, match="(?i)read-?only"), reader.writing() as connection:
        connection.execute(sa.delete(requests))
    reader.close()


def test_no_page_keeps_postgresql_busy_for_long(tmp_path: Path) -> None:
    with fresh_database("postgresql", tmp_path) as at:
        reader = open_reader(at)
        with reader.reading() as connection:
            assert connection.exec_driver_sql("SHOW statement_timeout").scalar() == "20s"
        with pytest.raises(StoreDown, match="statement timeout"), reader.reading() as connection:
            connection.exec_driver_sql("SET LOCAL statement_timeout = '50ms'")
            connection.exec_driver_sql("SELECT pg_sleep(60)")
        reader.close()


@contextmanager
def small(folder: Path) -> Iterator[tuple[Store, Site]]:
    with ledger_store("sqlite", folder) as found, Site(found) as site:
        yield found, site


def assert_away(site: Site) -> None:
    for address in PAGES[:-2]:
        answer = site.get(address)
        assert answer.status_code == 503 and "The database cannot be read" in answer.text, answer.text
        assert '<meta http-equiv="refresh" content="5">' in answer.text and "Traceback" not in answer.text


def test_a_database_that_goes_away_is_told_and_one_that_comes_back_is_read(tmp_path: Path) -> None:
    with small(tmp_path) as (store, site):
        assert "No requests yet" in site.get("/").text and "No requests yet" in site.get("/requests").text
        path = store.database.path
        assert path is not None
        LedgerWriter(store).write([entry(alias="before")])
        store.close()
        path.rename(tmp_path / "elsewhere.db")
        assert_away(site)
        assert not path.exists(), "nothing is made in its place"
        (tmp_path / "elsewhere.db").rename(path)
        assert "before" in site.get("/requests").text


def test_a_locked_database_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "READER_TIMEOUT_S", 0.01)
    with small(tmp_path) as (store, site):
        store.close()
        with closing(sqlite3.connect(str(store.database.path), isolation_level=None)) as other:
            other.execute("PRAGMA journal_mode = DELETE")
            other.execute("PRAGMA locking_mode = EXCLUSIVE")
            other.execute("BEGIN EXCLUSIVE")
            assert_away(site)
        assert site.get("/").status_code == 200


def test_a_server_that_refuses_connections_is_told_without_its_password(tmp_path: Path) -> None:
    secret = canary("password")
    with ledger_store("sqlite", tmp_path) as sqlite_store:
        away = Store(database(f"postgresql://ann:{secret}@127.0.0.1:1/gateway", tmp_path), sqlite_store.engine)
        with Site(away) as site:
            assert_away(site)
            assert secret not in site.get("/").text


# --- the command ----------------------------------------------------------------------------------------------------

@pytest.fixture
def ran(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Callable[..., Ran]:
    url = f"sqlite:///{tmp_path / 'gateway.db'}"
    return lambda *words, **more: run_here("dashboard", *words, env={"GATEWAY_DATABASE_URL": url, **more}, cwd=tmp_path,
                                           capfd=capfd)


@pytest.mark.parametrize(("words", "environ", "code", "texts"), [
    ((), {"GATEWAY_DATABASE_URL": "off"}, 2, ("there is no database", "unset it")),
    ((), {}, 3, ("there is no database sqlite:///", "repair: start the gateway once: litellm-gateway")),
    ((), {"GATEWAY_DATABASE_URL": "mysql://x"}, 2, ("GATEWAY_DATABASE_URL must be",)),
    (("--host", "0.0.0.0"), {}, 2, ("lets other machines in", "--allow-host")),
    (("--host", "::"), {}, 2, ("--host :: lets other machines in",)),
    (("--port", "0"), {}, 2, ("--port",)), (("--port", "x"), {}, 2, ("--port",)),
    ((), {"GATEWAY_DATABASE_URL": f"postgresql://u:{uuid.uuid4().hex}@127.0.0.1:1/x"}, 3, ("postgresql://u:***@",)),
])
def test_what_keeps_it_from_starting_is_told_with_the_repair(
        ran: Callable[..., Ran], words: tuple[str, ...], environ: dict[str, str], code: int, texts: Any) -> None:
    refused(ran(*words, **environ), *(text.replace("litellm-gateway", "python -m src.main") for text in texts),
            code=code)


def test_a_taken_port_is_told_in_the_words_of_the_command(ran: Callable[..., Ran], tmp_path: Path) -> None:
    import socket
    found = engine.open_store(database(f"sqlite:///{tmp_path / 'gateway.db'}", tmp_path))
    ensure_schema(found)
    found.close()
    with closing(socket.create_server(("127.0.0.1", 0))) as holder:
        port = holder.getsockname()[1]
        refused(ran("--port", str(port)), f"port {port} on 127.0.0.1 is taken", "from: --port", "--port ", code=3)


def test_a_database_without_tables_is_not_one_of_ours(ran: Callable[..., Ran], tmp_path: Path) -> None:
    sqlite3.connect(tmp_path / "gateway.db").close()
    refused(ran(), "is not one of this version yet", "start the gateway once", code=3)


@pytest.mark.parametrize(("deployment", "flags", "lines"), [
    ("gpt5", {}, ["MODEL_GPT5_INPUT_COST=DOLLARS", "MODEL_GPT5_OUTPUT_COST=DOLLARS"]),
    ("gone", {}, ["# openai/x is not declared any more: its requests stay without a price"]),
    ("x", {"model_specs": ("key=x,upstream=some-x",)}, ["# in the --model-spec of some-x:",
                                                        "input_cost=DOLLARS,output_cost=DOLLARS"]),
])
def test_a_price_is_asked_for_where_the_model_is_declared(deployment: str, flags: Any, lines: list[str]) -> None:
    plan = declared(two(), **flags)
    assert price_lines(plan, {"deployment": deployment, "model": "openai/x"}, "litellm-gateway") == lines
