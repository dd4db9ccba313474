"""Workers follow the database: changed rows replace the old ones, and a database that fails leaves them."""

import asyncio
import json
import logging
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from src.hooks import registry_refresh
from src.hooks.background import beside
from src.hooks.errors_out import Refusal
from src.hooks.record import RequestRecord
from src.hooks.listing import Listing, entry
from src.hooks.registry import ENDPOINT, TEMPLATE, VERSION, LiveRegistry, take_prompt
from src.hooks.registry_refresh import Refresher
from src.policy.names import DeclaredNames
from src.policy.routes import MODEL_ROUTES
from src.serving.pipe import CHANGED, Teller
from src.serving.rows import RowChanges
from src.store.engine import Store
from src.store.endpoints import Endpoint
from src.store.migrate import ensure_schema
from src.store.prompts import Prompt
from src.store.providers import Provider
from src.store.reading import worker_document
from src.store.registry import load_registry, write_all
from src.store.tools import Tool

from .store_support import KINDS, fresh_store

CHAT = MODEL_ROUTES[0]
NAMES = DeclaredNames.of(["gpt-5"])


@pytest.fixture(params=KINDS)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    with fresh_store(request.param, tmp_path) as found:
        ensure_schema(found)
        with found.writing() as connection:
            write_all(connection, {"endpoints": [Endpoint("e", "gpt-5", max_tokens=5)],
                                   "prompts": [Prompt("p", 1, "e", "S {{x}}")]})
        yield found


@pytest.fixture
def told() -> Iterator[list[str]]:
    """Collect the digests that listeners are told."""
    heard: list[str] = []
    registry_refresh.listeners.append(heard.append)
    yield heard
    registry_refresh.listeners.remove(heard.append)


def live(store: Store) -> LiveRegistry:
    return LiveRegistry(worker_document(load_registry(store)), NAMES)


def serve(registry: LiveRegistry, body: dict[str, Any]) -> RequestRecord:
    record = RequestRecord("request")
    registry.serve(CHAT, body, take_prompt(body), record)
    return record


def test_a_request_says_what_was_applied_to_it(store: Store) -> None:
    body = {"model": "e", "prompt_variables": {"x": "1"}}
    record = serve(live(store), body)
    assert {name: record.extra[name] for name in (ENDPOINT, TEMPLATE, VERSION)} == {
        ENDPOINT: "e", TEMPLATE: "p", VERSION: 1}
    assert body == {"model": "gpt-5", "max_tokens": 5, "messages": [{"role": "system", "content": "S 1"}]}


def test_prompt_fields_never_reach_litellm(store: Store) -> None:
    body: dict[str, Any] = {"model": "gpt-5", "prompt_variables": {"x": "1"}}
    assert serve(live(store), body).dropped_names() == ["prompt_variables"] and body == {"model": "gpt-5"}
    with pytest.raises(Refusal) as refused:
        serve(live(store), {"model": "gpt-5", "prompt_id": "nothing"})
    assert (refused.value.status, refused.value.param) == (404, "prompt_id")


def test_changed_rows_replace_the_old_ones(store: Store, told: list[str]) -> None:
    registry = live(store)
    refresher = Refresher(registry, store.database.url, 30.0)
    asyncio.run(refresher.refresh())
    with store.writing() as connection:
        connection.execute(sa.text("UPDATE ai_endpoints SET max_tokens = 6"))
    asyncio.run(refresher.refresh())
    body: dict[str, Any] = {"model": "e", "prompt_variables": {"x": "1"}}
    serve(registry, body)
    assert body["max_tokens"] == 6 and told == []


def test_a_changed_provider_asks_for_a_reload_and_changes_nothing_itself(store: Store, told: list[str]) -> None:
    refresher = Refresher(live(store), store.database.url, 30.0)
    with store.writing() as connection:
        write_all(connection, {"providers": [Provider("xai", "xai")]})
    asyncio.run(refresher.refresh())
    asyncio.run(refresher.refresh())
    assert told == [worker_document(load_registry(store))["digest"]] * 2


@pytest.mark.parametrize("damage", [
    "DROP TABLE ai_feature_flags", "UPDATE ai_tool_definitions SET schema = '7'",
    "UPDATE ai_tool_definitions SET schema = 'no JSON'", "UPDATE ai_endpoints SET path = '/key/generate'",
    "UPDATE ai_endpoints SET slug = 'a b', max_tokens = -1",
    "UPDATE ai_endpoints SET temperature = 'warm'",
])
def test_rows_that_make_no_sense_leave_the_old_ones_and_are_told_once(
        damage: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with fresh_store("sqlite", tmp_path) as store:
        ensure_schema(store)
        with store.writing() as connection:
            write_all(connection, {"tools": [Tool("t", {})], "endpoints": [Endpoint("e", "gpt-5", tools=("t",))],
                                   "prompts": [Prompt("p", 1, "e", "S")]})
        registry = live(store)
        with store.writing() as connection:
            connection.execute(sa.text(damage))
        refresher = Refresher(registry, store.database.url, 30.0)
        with caplog.at_level(logging.WARNING, logger="gateway.registry"):
            asyncio.run(refresher.refresh())
            asyncio.run(refresher.refresh())
        assert serve(registry, {"model": "e"}).extra[TEMPLATE] == "p"
        assert len(caplog.messages) == 1 and "stays as it was read last" in caplog.messages[0]


def test_a_database_that_goes_away_is_told_once_and_followed_again(tmp_path: Path,
                                                                   caplog: pytest.LogCaptureFixture) -> None:
    with fresh_store("sqlite", tmp_path) as store:
        ensure_schema(store)
        with store.writing() as connection:
            write_all(connection, {"endpoints": [Endpoint("e", "gpt-5")]})
        registry = live(store)
        path = store.database.path
    assert path is not None
    aside = path.rename(tmp_path / "aside")
    path.mkdir()
    refresher = Refresher(registry, store.database.url, 30.0)
    with caplog.at_level(logging.WARNING, logger="gateway.registry"):
        asyncio.run(refresher.refresh())
        asyncio.run(refresher.refresh())
    assert len(caplog.messages) == 1 and "stays as it was read last" in caplog.messages[0]
    assert registry.slugs == ("e",)
    path.rmdir()
    aside.rename(path)
    asyncio.run(refresher.refresh())
    assert registry.slugs == ("e",)


def test_changed_rows_take_effect_while_the_worker_lives(store: Store) -> None:
    registry = live(store)

    async def life() -> None:
        async with beside(Refresher(registry, store.database.url, 0.01).run):
            assert registry.slugs == ("e",)
            with store.writing() as connection:
                connection.execute(sa.text("UPDATE ai_endpoints SET active = :off"), {"off": False})
            while registry.slugs:
                await asyncio.sleep(0.01)
    asyncio.run(asyncio.wait_for(life(), 30))
    assert registry.slugs == () and "e" not in registry


def listed(registry: LiveRegistry, *messages: dict[str, Any]) -> list[dict[str, Any]]:
    sent: list[dict[str, Any]] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def run() -> None:
        listing = Listing(send, [registry.listed])
        for message in messages:
            await listing(message)
    asyncio.run(run())
    return sent


def test_endpoints_join_the_list_of_models(store: Store) -> None:
    body = b'{"data":[{"id":"gpt-5","object":"model"}],"object":"list"}'
    start = {"type": "http.response.start", "status": 200, "headers": [(b"Content-Length", b"1"), (b"x", b"y")]}
    begin, end = listed(live(store), start, {"type": "http.response.body", "body": body[:9], "more_body": True},
                        {"type": "http.response.body", "body": body[9:]})
    assert json.loads(end["body"]) == {"data": [{"id": "gpt-5", "object": "model"}, entry("e")], "object": "list"}
    assert begin["headers"] == [(b"x", b"y"), (b"content-length", str(len(end["body"])).encode())]


def test_an_error_is_passed_on_as_it_is(store: Store) -> None:
    start = {"type": "http.response.start", "status": 500, "headers": []}
    _, end = listed(live(store), start, {"type": "http.response.body", "body": b"no JSON"})
    assert end["body"] == b"no JSON"


def test_many_workers_ask_for_one_reload_and_a_refused_one_is_tried_again_later() -> None:
    changes = RowChanges()
    asked = [changes.due(digest, now) for digest, now in (
        (None, 0.0), ("a", 1.0), ("a", 2.0), ("b", 3.0), ("a", 4.0), ("a", 13.9), ("a", 14.0), ("a", 33.9),
        ("a", 34.0))]
    assert asked == [False, True, False, True, True, False, True, False, True]


def test_a_change_that_is_refused_for_long_is_tried_every_five_minutes() -> None:
    changes = RowChanges()
    asked = [now for now in range(3_000) if changes.due("a", float(now))]
    assert asked[:5] == [0, 10, 30, 70, 150] and asked[-1] - asked[-2] == 300


def test_a_worker_tells_its_parent_in_one_line() -> None:
    read, write = os.pipe()
    Teller(write).changed("0123456789ab")
    assert os.read(read, 100) == CHANGED + b"0123456789ab\n"
    os.close(read)
    Teller(write).changed("nobody hears it")
    os.close(write)


def test_shadowed_and_lost_endpoints_are_not_listed() -> None:
    rows = {"endpoints": [{"slug": "gpt-5", "target": "gpt-5"}, {"slug": "lost", "target": "gone"},
                          {"slug": "good", "target": "gpt-5"}]}
    registry = LiveRegistry(rows, NAMES)
    assert registry.slugs == ("good",) and "good" in registry and "lost" not in registry


def test_rows_are_plain_values(store: Store) -> None:
    row = load_registry(store).endpoints[0]
    assert replace(row, id=None) == row and row.values()["tools"] == ()
