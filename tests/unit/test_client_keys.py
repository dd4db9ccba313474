"""What a client key is, what it opens, and how a worker knows it."""

import asyncio
import json
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from src.hooks.auth import MASTER, authenticate
from src.hooks.client_keys import GRANT, KeyRing, check_names, covered, note, reduced
from src.hooks.listing import Listing
from src.hooks.errors_out import Refusal
from src.hooks.record import RequestRecord
from src.policy.chains import Step, Walk
from src.policy.client_keys import PREFIX, ClientKey, digest_of, new_key, of_documents, to_documents
from src.policy.limits import Limit

from .guard_support import CHAT, MASTER as MASTER_KEY, World, runtime

NOW = datetime(2026, 11, 21, tzinfo=timezone.utc)


def key(**more) -> ClientKey:
    return ClientKey("ann", digest_of("secret"), **more)


def test_keys_are_random_recognizable_and_kept_as_their_digest() -> None:
    keys = {new_key() for _ in range(100)}
    assert len(keys) == 100 and all(text.startswith(PREFIX) and len(text) > 45 for text in keys)
    assert digest_of("a") == digest_of(b"a") != digest_of("b") and len(digest_of("a")) == 64


@pytest.mark.parametrize(("more", "state"), [
    ({}, "active"), ({"expires_at": NOW + timedelta(seconds=1)}, "active"), ({"expires_at": NOW}, "expired"),
    ({"revoked_at": NOW}, "revoked"), ({"revoked_at": NOW, "expires_at": NOW}, "revoked"),
])
def test_a_key_opens_until_it_expires_or_is_revoked(more, state) -> None:
    found = key(**more)
    assert found.state(NOW.timestamp()) == state
    assert found.usable(NOW.timestamp()) == (state == "active")
    assert (KeyRing([found]).find(found.digest, NOW.timestamp()) is found) == (state == "active")


def test_a_key_covers_names_and_patterns_and_everything_where_it_names_none() -> None:
    some = key(models=("gpt-*", "summary"))
    assert some.may("gpt-5", "summary", None) and not some.may("gpt-5", "grok") and key().may("anything")
    assert some.allowed(["grok", "gpt-5"]) == ["gpt-5"]


def test_a_keys_own_limit_is_counted_for_its_digest() -> None:
    assert key().limit is None
    limit = key(rpm=5, budget_micros=3).limit
    assert limit is not None and (limit.rpm, limit.budget_micros, limit.target) == (5, 3, digest_of("secret")[:16])


@pytest.mark.parametrize("number", ["rpm", "tpm", "rpd", "tpd", "budget_micros"])
def test_each_number_alone_is_a_limit_of_the_key(number: str) -> None:
    numbers: dict[str, Any] = {number: 7}
    assert key(**numbers).limit == Limit("keys/ann", "key", digest_of("secret")[:16], origin="key", **numbers)


def test_keys_that_were_written_down_are_the_same_keys() -> None:
    keys = (key(), ClientKey("bob", digest_of("other"), "gold", ("gpt-*", "summary"), 1, 2, 3, 4, 5,
                             NOW + timedelta(days=1), NOW, NOW - timedelta(days=1)))
    assert of_documents(json.loads(json.dumps(to_documents(keys)))) == keys
    assert "secret" not in json.dumps(to_documents(keys))


@pytest.mark.parametrize("document", [
    {"name": "ann"}, {"name": "ann", "digest": "d", "more": 1}, {"name": "ann", "digest": "d", "expires_at": "soon"},
    {"name": "ann", "digest": "d", "models": None},
])
def test_what_nobody_wrote_as_a_key_is_none(document: dict) -> None:
    with pytest.raises((ValueError, TypeError)):
        of_documents([document])


def test_an_identity_is_the_master_the_holder_of_a_key_or_nobody() -> None:
    now = runtime()
    now.keys.take([key()])
    found = authenticate("secret", now)
    assert authenticate(MASTER_KEY, now) is MASTER and authenticate("other", now) is None
    assert found is not None and (found.name, found.is_master, found.grant) == ("ann", False, key())
    # LiteLLM binds the ids of its answers to these: another spelling would lock holders out of their own.
    assert (found.user_id, MASTER.user_id) == ("gateway-2bb80d537b1da3e3", "gateway-master")
    now.keys.take([])
    assert authenticate("secret", now) is None


def record(alias: str, grant: ClientKey | None, **extra) -> RequestRecord:
    made = RequestRecord("r", alias=alias, asked=alias)
    made.extra.update(extra)
    note(made, grant)
    return made


@pytest.mark.parametrize(("alias", "members", "extra", "allowed"), [
    ("gpt-5", ["gpt-5"], {}, True), ("grok", ["grok"], {}, False), ("chain", ["grok", "gpt-5"], {}, True),
    ("chain", ["grok"], {}, False), ("gpt-5", ["gpt-5"], {"endpoint": "summary"}, False),
])
def test_everything_on_the_way_must_be_covered(alias, members, extra, allowed) -> None:
    made = record(alias, key(models=("gpt-5", "chain"), tier="gold"), **extra)
    assert made.extra["tier"] == "gold"
    if allowed:
        check_names(made, members)
    else:
        with pytest.raises(Refusal, match="may not use") as refused:
            check_names(made, members)
        assert refused.value.status == 403


def test_the_master_key_and_keys_without_models_may_ask_for_anything() -> None:
    check_names(record("grok", None), ["grok"])
    check_names(record("grok", key()), ["grok"])
    assert GRANT not in record("grok", None).extra and "tier" not in record("grok", key()).extra


def test_members_that_are_not_covered_are_passed_over() -> None:
    walk = Walk("chain", (Step("grok", 1), Step("gpt-5", 2), Step("gpt-5", 2, 1)))
    assert reduced(walk, record("chain", key(models=("gpt-5",)))).steps == walk.steps[1:]
    assert reduced(walk, record("chain", key())) is walk and reduced(walk, record("chain", None)) is walk
    assert reduced(walk, record("chain", key(models=("x",)))) is walk, "such a request is refused before"


@pytest.mark.parametrize("status", [200, 500])
def test_a_list_of_models_shows_what_the_key_covers(status: int) -> None:
    sent: list[dict] = []

    async def send(message) -> None:
        sent.append(message)

    async def list_models() -> None:
        listing = Listing(send, [covered(key(models=("gpt-*",)))])
        headers = [(b"Content-Length", b"9"), (b"x", b"y")]
        await listing({"type": "http.response.start", "status": status, "headers": headers})
        await listing({"type": "http.response.body", "body": b'{"data": [{"id": "gpt-5"}, ', "more_body": True})
        await listing({"type": "http.response.body", "body": b'{"id": "grok"}]}'})

    asyncio.run(list_models())
    start, end = sent
    body = end["body"]
    assert [entry["id"] for entry in json.loads(body)["data"]] == (["gpt-5"] if status == 200 else ["gpt-5", "grok"])
    assert start == {"type": "http.response.start", "status": status,
                     "headers": [(b"x", b"y"), (b"content-length", str(len(body)).encode())]}
    assert end == {"type": "http.response.body", "body": body, "more_body": False}


def test_the_edge_lets_a_client_in_under_its_name_and_shows_it_its_models_only() -> None:
    world = World()
    world.runtime.keys.take([key(models=("gpt-5",))])
    sent = {"x-api-key": "secret"}
    assert world.ask(body=CHAT, headers=sent).status == 200
    assert world.record.client_key == "ann"
    assert world.ask("GET", "/v1/models/gpt-5", headers=sent).status == 200
    assert world.ask("GET", "/v1/models/default", headers=sent).status == 404
