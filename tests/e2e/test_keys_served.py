"""Client keys in the real LiteLLM with two workers: what they open, what they cost, and their end."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from src.mock.server import MockUpstream
from tests.e2e.gateway import Gateway, until
from tests.e2e.inside_support import chain, declared
from tests.e2e.limits_support import run

TTL = "60"


class Served:
    """A gateway, and keys of it by name."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway
        self.keys: dict[str, str] = {}

    def add(self, name: str, *more: str) -> None:
        """Make a key before or while the gateway runs."""
        self.keys[name] = run(self.gateway, "keys", "add", name, *more).strip()

    def ask(self, name: str, model: str, **more: Any) -> httpx.Response:
        """Ask with a client's key."""
        return self.gateway.chat(model, headers={"authorization": f"Bearer {self.keys[name]}"}, **more)

    def listed(self, name: str) -> list[str]:
        """Return the models that a client sees."""
        answer = self.gateway.request("GET", "/v1/models", headers={"x-api-key": self.keys[name]})
        return [entry["id"] for entry in answer.raise_for_status().json()["data"]]


@pytest.fixture(scope="module")
def served(upstream: MockUpstream) -> Iterator[Served]:
    fields = {name: {"UPSTREAM_MODEL": name} for name in ("cheap", "dear", "broken")}
    environ = declared(upstream.url, fields, PROXY_CHAIN_KEYS="both", GATEWAY_CONFIG_TTL=TTL)
    environ |= chain("both", "dear", "cheap")
    gateway = Gateway(environ, workers=2)
    found = Served(gateway)
    run(gateway, "tiers", "add", "free")
    run(gateway, "flags", "set", "enable_streaming", "--tier", "free", "--off")
    run(gateway, "endpoints", "add", "summary", "--model", "dear")
    run(gateway, "limits", "add", "of-free", "--scope", "tier", "--target", "free", "--rpd", "3", "--action", "reject")
    found.add("all")
    found.add("some", "--models", "cheap,both,summary")
    found.add("tiered", "--tier", "free")
    found.add("few", "--rpd", "1")
    found.add("late", "--expires", "2020-01-01")
    found.add("leaving")
    found.add("gone")
    with gateway:
        yield found


def test_a_client_key_opens_models_and_its_name_is_on_the_line(served: Served) -> None:
    assert served.ask("all", "dear").status_code == 200
    until(lambda: '"client_key":"all"' in served.gateway.stdout, "the request line", 10)


def test_a_key_that_is_made_while_the_gateway_runs_works_at_once_in_every_worker(served: Served) -> None:
    served.add("new")
    assert [served.ask("new", "dear").status_code for _ in range(20)] == [200] * 20


def test_a_key_opens_only_the_models_that_it_names(served: Served, upstream: MockUpstream) -> None:
    upstream.reset()
    assert served.ask("some", "cheap").status_code == 200
    refused = served.ask("some", "dear")
    assert refused.status_code == 403 and refused.json()["error"]["code"] == "model_not_allowed"
    assert served.ask("some", "summary").status_code == 403, "the endpoint's model counts too"
    answer = served.ask("some", "both")
    assert answer.status_code == 200 and answer.headers["x-gateway-model"] == "cheap", "members are passed over"
    assert {request.model for request in upstream.requests} == {"cheap"}


def test_the_list_of_models_is_that_of_the_key(served: Served) -> None:
    assert served.listed("some") == ["cheap", "both", "summary"]
    assert set(served.listed("all")) == {"cheap", "dear", "broken", "both", "summary"}
    hidden = served.gateway.request("GET", "/v1/models/dear", headers={"x-api-key": served.keys["some"]})
    assert hidden.status_code == 404


def test_limits_and_flags_of_a_tier_hold_for_its_keys(served: Served) -> None:
    assert [served.ask("tiered", "cheap").status_code for _ in range(2)] == [200, 200]
    assert served.ask("tiered", "cheap", stream=True).status_code == 403
    assert [served.ask("tiered", "cheap").status_code for _ in range(2)] == [200, 429]
    assert served.ask("all", "cheap").status_code == 200


def test_a_keys_own_limit_holds_on_every_worker(served: Served) -> None:
    answers = [served.ask("few", "cheap") for _ in range(8)]
    assert sorted(answer.status_code for answer in answers) == [200] + [429] * 7
    assert answers[-1].headers["retry-after"] and "(limit keys/few)" in answers[-1].json()["error"]["message"]


def test_expired_and_unknown_keys_open_nothing(served: Served) -> None:
    assert served.ask("late", "cheap").status_code == 401
    served.keys["unknown"] = served.keys["all"][:-1] + ("a" if served.keys["all"][-1] != "a" else "b")
    assert served.ask("unknown", "cheap").status_code == 401


def test_a_key_that_is_revoked_now_is_refused_by_every_worker_at_once(served: Served) -> None:
    assert served.ask("leaving", "cheap").status_code == 200
    run(served.gateway, "keys", "revoke", "leaving", "--now")
    assert {served.ask("leaving", "cheap").status_code for _ in range(12)} == {401}
    run(served.gateway, "keys", "remove", "gone", "--now")
    assert {served.ask("gone", "cheap").status_code for _ in range(12)} == {401}


def test_no_key_is_anywhere_but_with_its_holder(served: Served) -> None:
    for path, content in served.gateway.files().items():
        assert not [name for name, key in served.keys.items() if key.encode() in content], path
