"""`models available` and `discovery` as operators meet them; the mock upstream stands for a gateway."""

import io
import json
import signal
import socket
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, redirect_stderr
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from src.cli.discovery import Log, RegistryKeys, read_tokens
from src.cli.services import is_loopback
from src.config.environment import Environment
from src.config.plan import Sources
from src.errors import GatewayError
from src.mock.server import Fault, MockUpstream
from src.policy.client_keys import ClientKey, digest_of
from src.store.client_keys import add_key
from src.store.engine import Store, open_store
from src.store.ledger import LedgerWriter
from src.store.migrate import ensure_schema

from .declaring import Ran, canary, missing_file, refused, run_here, two
from .ledger_support import entry
from .store_support import database

Run = Callable[..., Ran]
KEY = canary("key")
MASTER = canary("master")


@pytest.fixture(scope="module")
def gateway() -> Iterator[MockUpstream]:
    with MockUpstream() as mock:
        mock.models[:] = ["gpt-5", "other/model"]
        yield mock
        assert {request.operation for request in mock.requests} == {"models"}, "no model is ever asked"


@pytest.fixture
def environ(tmp_path: Path, gateway: MockUpstream) -> dict[str, str]:
    return two(LITELLM_MASTER_KEY=MASTER, LITELLM_API_KEY=KEY, LITELLM_BASE_URL=gateway.url,
               GATEWAY_DATABASE_URL=f"sqlite:///{tmp_path / 'gateway.db'}")


@pytest.fixture
def ran(environ: dict[str, str], tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Run:
    return lambda *words, **more: run_here(*words, env={**environ, **more}, cwd=tmp_path, capfd=capfd)


@pytest.fixture
def store(environ: dict[str, str], tmp_path: Path) -> Iterator[Store]:
    found = open_store(database(environ["GATEWAY_DATABASE_URL"], tmp_path))
    ensure_schema(found)
    yield found
    found.close()


def free_port() -> int:
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        port: int = listener.getsockname()[1]
        return port


def listed(ran: Ran) -> list[dict[str, Any]]:
    models: list[dict[str, Any]] = json.loads(ran.text)["models"]
    return models


# --- models available -------------------------------------------------------------------------------------------


def test_a_running_gateways_models_are_shown_with_what_is_known_of_them(ran: Run, store: Store) -> None:
    now = int(time.time())
    LedgerWriter(store).write([entry(at=now, alias="gpt-5"),
                               entry(at=now, alias="other/model", status=429, error_type="rate_limit")])
    lines = ran("models", "available").text.splitlines()
    assert lines[0].split() == ["ID", "OWNER", "CONTEXT_WINDOW", "LAST", "STATE"]
    assert lines[1].split()[:5] == ["gpt-5", "mock", "400000", "200", "at"] and lines[1].endswith("  listed")
    assert lines[2].split()[:6] == ["other/model", "mock", "-", "429", "rate_limit", "at"]
    assert len(lines) == 3, "what is only declared here is not what is served there"


def test_json_has_every_field_and_unknown_is_null(ran: Run, store: Store) -> None:
    LedgerWriter(store).write([entry(at=1_795_262_400, alias="gpt-5")])
    found = json.loads(ran("models", "available", "--json").text)
    assert {name: found[name] for name in ("confirmed", "reason", "ledger")} == {
        "confirmed": True, "reason": None, "ledger": True}
    assert found["models"] == [
        {"id": "gpt-5", "owner": "mock", "created": None, "context_window": 400_000, "context_window_from": "plan",
         "last": {"status": 200, "error_type": None, "at": "2026-11-21T12:00:00+00:00"}, "state": "listed"},
        {"id": "other/model", "owner": "mock", "created": None, "context_window": None, "context_window_from": None,
         "last": None, "state": "listed"}]


def test_the_gateways_word_on_a_window_counts_where_the_plan_has_none(ran: Run, gateway: MockUpstream) -> None:
    data = [{"id": "x", "max_input_tokens": 5}, {"id": "\x1b[2J", "created": 7}]
    gateway.faults["models"] = Fault(body={"data": data})
    try:
        first, second = listed(ran("models", "available", "--json"))
        assert (first["context_window"], first["context_window_from"]) == (5, "gateway")
        assert (second["created"], second["owner"]) == (7, "unknown")
        assert "\x1b" not in ran("models", "available").text
    finally:
        gateway.faults.clear()


@pytest.mark.parametrize(("more", "ledger", "said"), [
    ({"GATEWAY_DATABASE_URL": "off"}, False, "unknown"), ({}, False, "unknown"),
    ({"GATEWAY_DATABASE_URL": "sqlite:////dev/null/x.db"}, False, "unknown")])
def test_without_a_ledger_outcomes_are_unknown_and_no_database_is_made(
        more: dict[str, str], ledger: bool, said: str, ran: Run, tmp_path: Path) -> None:
    assert json.loads(ran("models", "available", "--json", **more).text)["ledger"] is ledger
    assert f"  {said}  " in ran("models", "available", **more).text
    assert not (tmp_path / "gateway.db").exists()


def test_a_ledger_without_the_model_says_so(ran: Run, store: Store) -> None:
    assert "none recorded" in ran("models", "available").text


def test_a_database_that_cannot_be_read_costs_the_outcomes_alone(ran: Run, tmp_path: Path) -> None:
    (tmp_path / "gateway.db").write_bytes(b"no database" * 1000)
    answer = ran("models", "available")
    assert answer.code == 0 and "  unknown  " in answer.text
    assert "note: without the registry: the database" in answer.err


def test_a_database_of_an_older_gateway_is_not_touched(ran: Run, tmp_path: Path) -> None:
    (tmp_path / "gateway.db").touch()
    assert "  unknown  " in ran("models", "available").text
    with closing(sqlite3.connect(tmp_path / "gateway.db")) as connection:
        assert connection.execute("SELECT name FROM sqlite_master").fetchall() == []


def test_the_own_key_is_sent_and_the_master_key_where_there_is_none(ran: Run, gateway: MockUpstream) -> None:
    gateway.faults["models"] = Fault(require_key=KEY)
    try:
        assert ran("models", "available").code == 0
        gateway.faults["models"] = Fault(require_key=MASTER)
        assert ran("models", "available", LITELLM_API_KEY="").code == 0
    finally:
        gateway.faults.clear()


@pytest.mark.parametrize(("fault", "reason"), [
    (Fault(require_key="another", echo_key=True), "it refuses the key (401)"), (Fault(status=503), "it answers 503"),
    (Fault(status=404), "what answers there is not a gateway: it answers 404 to /v1/models"),
    (Fault(body="<html>", content_type="text/html"), "what answers there is not a gateway: it sent no list of models"),
    (Fault(breaks="reset"), "it closed the connection without an answer")])
def test_a_gateway_that_gives_no_list_ends_with_3_the_reason_and_the_declared_aliases(
        fault: Fault, reason: str, ran: Run, gateway: MockUpstream) -> None:
    gateway.faults["models"] = fault
    try:
        text, document = ran("models", "available"), ran("models", "available", "--json")
    finally:
        gateway.faults.clear()
    assert text.code == document.code == 3
    assert [line.partition(" ")[0] for line in text.text.splitlines()] == ["ID", "gpt-5", "deepseek-v3.2"]
    assert text.text.count("configured, not confirmed") == 2
    found = json.loads(document.text)
    assert found["confirmed"] is False and reason in found["reason"]
    assert [(model["id"], model["state"]) for model in found["models"]] == [
        ("gpt-5", "configured, not confirmed"), ("deepseek-v3.2", "configured, not confirmed")]
    for answer in (text, document):
        assert found["reason"] in answer.err and "from: LITELLM_BASE_URL, environment" in answer.err
        assert "repair: " in answer.err and KEY not in answer.err + answer.text and "Traceback" not in answer.err


def test_a_gateway_that_is_not_there_is_told_with_where_its_url_came_from(ran: Run) -> None:
    port = free_port()
    answer = ran("models", "available", LITELLM_BASE_URL="", PORT=str(port))
    assert answer.code == 3 and f"http://127.0.0.1:{port}/v1 cannot be asked: connection refused" in answer.err
    assert "from: LITELLM_HOST, default; PORT, environment" in answer.err
    answer = ran("models", "available", "--url", f"https://127.0.0.1:{port}")
    assert answer.code == 3 and "from: --url" in answer.err


def test_everything_wrong_is_told_at_once(ran: Run, tmp_path: Path) -> None:
    refused(ran("models", "available", "--url", "nonsense", PORT="x", LITELLM_API_KEY="", LITELLM_MASTER_KEY=""),
            "3 problems", "PORT 'x' must be", "--url must be a URL", "no key for the gateway")
    refused(ran("models", "available", GATEWAY_SSL_CERTFILE=str(tmp_path / "gone"), LITELLM_BASE_URL="https://h"),
            "gone cannot be used: No such file")
    refused(ran("models", "available", GATEWAY_DATABASE_URL="mysql://x"), "GATEWAY_DATABASE_URL must be")
    refused(ran("models", "available", "--url", "http://\u2603.example"), "http://\u2603.example/v1 names no host")
    assert "the host's name is not known here" in ran("models", "available", "--url", "http://xn--a").err


# --- discovery --------------------------------------------------------------------------------------------------


def tokens_of(env: dict[str, str]) -> tuple[tuple[str, ...], list[str]]:
    tokens, problems = read_tokens(Environment(env, read_file=lambda path: (
        f"{KEY}\n{MASTER}\n".encode() if path == "/run/tokens" else missing_file(path))))
    return tokens, [problem.what for problem in problems]


@pytest.mark.parametrize(("env", "expected"), [
    ({}, ()), ({"DISCOVERY_TOKENS": " , ,"}, ()), ({"DISCOVERY_TOKENS": KEY}, (KEY,)),
    ({"DISCOVERY_TOKENS": f" {KEY}, {MASTER},{KEY}"}, (KEY, MASTER)),
    ({"DISCOVERY_TOKENS_FILE": "/run/tokens"}, (KEY, MASTER))])
def test_tokens_are_separated_by_commas_or_lines(env: dict[str, str], expected: tuple[str, ...]) -> None:
    assert tokens_of(env) == (expected, [])


@pytest.mark.parametrize(("env", "what"), [
    ({"DISCOVERY_TOKENS": f"{KEY},fifteen-letters"}, "token 2 of DISCOVERY_TOKENS is too short"),
    ({"DISCOVERY_TOKENS": "change-me-please,,litellm-master-key"}, "token 1 of DISCOVERY_TOKENS is publicly known"),
    ({"DISCOVERY_TOKENS": MASTER, "LITELLM_MASTER_KEY": MASTER}, "token 1 of DISCOVERY_TOKENS is LITELLM_MASTER_KEY"),
    ({"DISCOVERY_TOKENS_FILE": "/gone"}, "the file of DISCOVERY_TOKENS cannot be read: /gone"),
    ({"DISCOVERY_TOKENS_FILE": "/run/tokens", "DISCOVERY_TOKENS": KEY}, "both DISCOVERY_TOKENS and")])
def test_tokens_that_protect_nothing_are_refused_by_their_number(env: dict[str, str], what: str) -> None:
    problems = tokens_of(env)[1]
    assert problems[0].startswith(what) and KEY not in problems[0] and MASTER not in problems[0]


@pytest.mark.parametrize("revoked", [False, True])
def test_without_tokens_and_usable_keys_it_refuses_to_start(revoked: bool, ran: Run, store: Store) -> None:
    if revoked:
        with store.writing() as connection:
            add_key(connection, ClientKey("old", digest_of("x"), revoked_at=datetime.now(timezone.utc)))
    refused(ran("discovery"), "nobody could ask: DISCOVERY_TOKENS is not set and there is no usable client key",
            "DISCOVERY_TOKENS=$(openssl rand -hex 32), or python -m src.main keys add NAME")


@pytest.mark.parametrize(("more", "code", "what"), [
    ({"GATEWAY_DATABASE_URL": "off"}, 2, "nobody could ask"),
    ({"GATEWAY_DATABASE_URL": "sqlite:////dev/null/x.db"}, 2, "nobody could ask"),
    ({"DISCOVERY_TOKENS": "short", "DISCOVERY_PORT": "x", "LITELLM_BASE_URL": "h"}, 2, "3 problems"),
    ({"GATEWAY_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none"}, 3, "cannot be used"),
    ({"DISCOVERY_TOKENS": KEY, "DISCOVERY_HOST": "no.such.host.invalid"}, 3, "from: DISCOVERY_HOST")])
def test_it_says_why_it_does_not_start(more: dict[str, str], code: int, what: str, ran: Run) -> None:
    before = signal.getsignal(signal.SIGTERM)
    refused(ran("discovery", **more), what, code=code)
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_taken_port_is_told_in_its_own_words(ran: Run) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as holder:
        port = holder.getsockname()[1]
        refused(ran("discovery", DISCOVERY_TOKENS=KEY, DISCOVERY_PORT=str(port)), f"port {port} on 127.0.0.1 is taken",
                "from: DISCOVERY_PORT", "choose another: DISCOVERY_PORT=", code=3)


def test_with_tokens_a_database_that_is_away_only_keeps_client_keys_out(ran: Run) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as holder:
        found = ran("discovery", DISCOVERY_TOKENS=KEY, DISCOVERY_PORT=str(holder.getsockname()[1]),
                    GATEWAY_DATABASE_URL="postgresql://nobody@127.0.0.1:1/none")
    assert found.code == 3 and "is taken" in found.err, "everything before the port went well"
    assert "cannot be used" in found.err and "client keys open nothing until they can be read" in found.err


@pytest.mark.parametrize(("host", "expected"), [
    ("127.0.0.1", True), ("127.8.8.8", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("::", False),
    ("192.0.2.1", False), ("localhost.example.com", False), ("127.0.0.1.example.com", False)])
def test_what_other_machines_can_reach_is_known(host: str, expected: bool) -> None:
    assert is_loopback(host) is expected


def test_client_keys_are_found_as_soon_as_there_is_a_database(environ: dict[str, str], tmp_path: Path) -> None:
    where = database(environ["GATEWAY_DATABASE_URL"], tmp_path)
    keys = RegistryKeys(where)
    assert keys() == () and not (tmp_path / "gateway.db").exists()
    (tmp_path / "gateway.db").touch(mode=0o600)
    assert keys() == (), "the gateway has not migrated it yet"
    with closing(open_store(where)) as store:
        ensure_schema(store)
        with store.writing() as connection:
            add_key(connection, ClientKey("alice", digest_of(KEY), models=("gpt-*",)))
    assert [(key.name, key.models) for key in keys()] == [("alice", ("gpt-*",))]


def test_rows_that_nobody_understands_are_told_not_thrown(
        environ: dict[str, str], store: Store, tmp_path: Path) -> None:
    with store.writing() as connection:
        add_key(connection, ClientKey("alice", digest_of(KEY)))
    with closing(sqlite3.connect(tmp_path / "gateway.db")) as connection:
        connection.execute("UPDATE ai_client_keys SET models = 'no JSON'")
        connection.commit()
    with pytest.raises(GatewayError, match="the client keys cannot be understood: JSONDecodeError"):
        RegistryKeys(database(environ["GATEWAY_DATABASE_URL"], tmp_path))()


class Unread(io.StringIO):
    """A pipe whose reader has gone."""

    def write(self, text: str) -> int:
        raise BrokenPipeError(32, "Broken pipe")


def test_a_log_that_nobody_reads_any_more_ends_nothing() -> None:
    with redirect_stderr(Unread()):
        Log(Sources(Environment({})))("event", "text")
