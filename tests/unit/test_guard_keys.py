"""What a client's key opens at the edge: its models alone, in requests and in lists, and no route of the operator's."""

import asyncio
import json
from dataclasses import replace
from typing import Any

import pytest

from src.hooks.errors_out import Refusal
from src.hooks.guard import Guard
from src.hooks.guard_admit import Edge
from src.hooks.limits import Gate
from src.hooks.limits_counting import Counting
from src.hooks.listing import added, entry
from src.hooks.planview import ModelView
from src.hooks.record import RequestRecord
from src.hooks.upstream_models import Catalog, Followed
from src.policy.client_keys import ClientKey, digest_of
from src.policy.names import DeclaredNames
from tests.unit.declaring import canary
from tests.unit.guard_support import CHAT, MASTER, World, answering

FEW, ALL, NEW = canary("few"), canary("all"), canary("new")
KEYS = [ClientKey("few", digest_of(FEW), models=("gpt-*", "summary", "local/*")), ClientKey("all", digest_of(ALL))]
ROWS: dict[str, Any] = {"digest": "", "tools": [], "prompts": [], "flags": [], "endpoints": [
    {"slug": "summary", "target": "gpt-5", "path": "/chat/completions"},
    {"slug": "hidden", "target": "gpt-5", "path": "/chat/completions"}]}
LISTED = ["gpt-5", "groq/llama-3.3", "default"]
WILD = ModelView("wild", "local/*", "wild", "openai", "openai/*")


def as_holder(key: str) -> dict[str, str]:
    return {"x-api-key": key}


def world(rows: bool = False, wild: bool = False) -> World:
    """Return a guard that knows both keys; LiteLLM lists three models, with rows or a wildcard there are more."""
    made = World(answering(200, json.dumps({"object": "list", "data": [{"id": name} for name in LISTED]}).encode()))
    made.runtime.keys.take(KEYS)
    if rows:
        made.runtime = replace(made.runtime, plan=replace(made.runtime.plan, raw={"registry": ROWS}))
    catalog = None
    if wild:
        catalog = Catalog(DeclaredNames.of([*LISTED, "local/*"]), [Followed(WILD, None, (), None, ("a",))], 300)
    made.guard = Guard(made.guard._app, Edge.of(made.runtime), made._metrics, catalog=catalog)
    return made


def looking(**new: str) -> tuple[World, Gate, list[None]]:
    """Return a guard whose gate finds ``new`` keys when it looks, and a list that grows with every look."""
    made, looks = world(), list[None]()

    async def look() -> None:
        looks.append(None)
        await asyncio.sleep(0)  # as long as others need to come
        gate.counting.away = True  # nothing counts here
        made.runtime.keys.take([*KEYS, *(ClientKey(name, digest_of(key)) for name, key in new.items())])

    gate = Gate(made.runtime, Counting(None))
    gate.counting.away, gate.reload = False, look
    made.guard = Guard(made.guard._app, Edge.of(made.runtime), made._metrics, gate=gate)
    return made, gate, looks


@pytest.mark.parametrize(("key", "rows", "wild", "shown"), [
    (MASTER, False, False, LISTED), (ALL, False, False, LISTED), (FEW, False, False, ["gpt-5"]),
    (MASTER, True, False, [*LISTED, "summary", "hidden"]), (ALL, True, False, [*LISTED, "summary", "hidden"]),
    (FEW, True, False, ["gpt-5", "summary"]), (MASTER, False, True, [*LISTED, "local/a"]),
    (FEW, True, True, ["gpt-5", "local/a", "summary"]),
])
def test_a_list_names_what_the_holder_may_ask_for(key: str, rows: bool, wild: bool, shown: list[str]) -> None:
    answered = world(rows, wild).ask("GET", "/v1/models", headers=as_holder(key))
    assert [one["id"] for one in answered.json()["data"]] == shown
    assert answered.status == 200 and int(answered.headers["content-length"]) == len(answered.body)


def test_a_name_is_listed_once() -> None:
    assert added([entry("a")], ["b", "a", "b"]) == [entry("a"), entry("b")]


def test_a_list_that_nothing_changes_passes_byte_for_byte() -> None:
    body = b'{ "data" : [ {"id":"gpt-5"} ] }'
    assert World(answering(200, body)).ask("GET", "/v1/models").body == body


@pytest.mark.parametrize(("key", "model", "status", "code"), [
    (FEW, "gpt-5", 200, None), (FEW, "groq/llama-3.3", 403, "model_not_allowed"),
    (FEW, "default", 403, "model_not_allowed"), (FEW, "summary", 200, None), (FEW, "hidden", 403, "model_not_allowed"),
    (ALL, "groq/llama-3.3", 200, None), (MASTER, "default", 200, None),
])
def test_a_request_goes_on_only_for_what_its_key_covers(key: str, model: str, status: int, code: str | None) -> None:
    asked = world(rows=True)
    asked.guard = Guard(asked._inner, Edge.of(asked.runtime), asked._metrics,
                        gate=Gate(asked.runtime, Counting(None)))
    answered = asked.ask(body={**CHAT, "model": model}, headers=as_holder(key))
    assert (answered.status, asked.record.error_type) == (status, code)
    assert len(asked.seen) == (1 if status == 200 else 0)
    if code is not None:
        assert answered.json()["error"]["param"] == "model"
        assert answered.json()["error"]["message"] == f"This key may not use the model '{model}'."


@pytest.mark.parametrize("key", [FEW, ALL])
def test_a_route_that_the_operator_opened_does_not_exist_for_clients(key: str) -> None:
    opened = World(extra_routes=["/v1/rerank"])
    opened.runtime.keys.take(KEYS)
    answered = opened.ask("POST", "/v1/rerank", b"{}", as_holder(key))
    assert (answered.status, answered.json()["error"]["code"], opened.seen) == (404, "not_found", [])


@pytest.mark.parametrize("key", [FEW, ALL])
def test_metrics_are_not_for_clients(key: str) -> None:
    metered = World()
    metered.runtime.keys.take(KEYS)
    assert metered.ask("GET", "/metrics", headers=as_holder(key)).status == 401


@pytest.mark.parametrize("refused", [False, True])
def test_what_keeps_account_is_told_first_and_may_refuse(refused: bool) -> None:
    told: list[tuple[str | None, bytes, int]] = []

    async def before(record: RequestRecord, body: bytes) -> None:
        told.append((record.alias, body, len(asked.seen)))
        if refused:
            raise Refusal(503, "No room to keep account.", "ledger_full")

    asked = World()
    asked.guard = Guard(asked._inner, Edge.of(asked.runtime), asked._metrics, before=before)
    body = b'{"model":"gpt-5", "messages":[], "api_base":"x"}'
    assert asked.ask(body=body).status == (503 if refused else 200)
    assert told == [("gpt-5", body, 0)] and len(asked.seen) == (0 if refused else 1)


@pytest.mark.parametrize(("path", "body"), [("/v1/chat/completions", CHAT), ("/v1/models", None)])
def test_a_key_that_was_made_a_moment_ago_is_taken(path: str, body: Any) -> None:
    made, _, looks = looking(new=NEW)
    assert made.ask("GET" if body is None else "POST", path, body, as_holder(NEW)).status == 200
    assert len(looks) == 1


def test_requests_that_come_together_with_a_new_key_are_all_taken() -> None:
    made, _, looks = looking(new=NEW)

    async def together() -> list[int]:
        asked = (made.asked("POST", "/v1/chat/completions", CHAT, as_holder(NEW)) for _ in range(5))
        return [answered.status for answered in await asyncio.gather(*asked)]

    assert asyncio.run(together()) == [200] * 5
    assert len(looks) == 1


def test_guesses_of_keys_make_a_worker_look_once_a_second_and_no_key_never() -> None:
    made, gate, looks = looking()
    for guess in ("one", "two", "three"):
        gate.counting.away = False
        answered = made.ask(body=CHAT, headers=as_holder(guess))
        assert (answered.status, answered.json()["error"]["code"]) == (401, "invalid_api_key")
    assert made.ask(body=CHAT, headers={}).status == 401
    assert len(looks) == 1


def test_nobody_looks_for_keys_where_the_database_is_away() -> None:
    made, gate, looks = looking()
    gate.counting.away = True
    assert made.ask(body=CHAT, headers=as_holder("a-guess")).status == 401
    assert looks == []
