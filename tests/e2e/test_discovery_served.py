"""Discovery in front of a real gateway: what it lists, what it keeps up, and how it ends."""

import asyncio
import json
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from typing import Any

import openai
import pytest
from openai.types import Model

from src.mock.server import MockUpstream
from tests.readme.markdown import block
from tests.readme.terminal import environment, paste

from .discovery_support import Clients, Discovery, available
from .gateway import Gateway, canary, dead_port, free_port, models, until
from .limits_support import run

ALIASES = ["gpt-5", "groq/llama-3.3-70b-versatile"]
CLIENTS = 50


def dotenv(upstream: MockUpstream, *names: str) -> str:
    """Return a `.env` that declares models at the mock; a slash stays in the alias alone."""
    values = models(upstream.url, *(name.rpartition("/")[2] for name in names))
    for key, name in zip(values["PROXY_MODEL_KEYS"].split(","), names):
        values[f"MODEL_{key.upper()}_ALIAS"] = name
    return "".join(f"{name}={value}\n" for name, value in values.items())


@pytest.fixture(scope="module")
def gateway(upstream: MockUpstream) -> Iterator[Gateway]:
    with Gateway({}, dotenv=dotenv(upstream, *ALIASES), measured=True) as found:
        yield found


@pytest.fixture(scope="module")
def discovery(gateway: Gateway) -> Iterator[Discovery]:
    with Discovery(gateway, DISCOVERY_TTL="1") as found:
        yield found


def test_the_official_sdk_reads_the_gateways_models_from_it(gateway: Gateway, discovery: Discovery) -> None:
    async def read() -> list[Model]:
        async with openai.AsyncOpenAI(base_url=f"{discovery.url}/v1", api_key=discovery.token) as client:
            listed = [model async for model in client.models.list()]
            assert await client.models.retrieve(listed[1].id) == listed[1]
            return listed
    listed = asyncio.run(read())
    assert [model.id for model in listed] == ALIASES == gateway.aliases()
    assert [Model.model_validate(model.model_dump(), strict=True) for model in listed] == listed
    assert discovery.get("/v1/models", gateway.key).status_code == 401, "the master key is no token of this service"


def test_a_client_key_made_now_sees_its_models_and_an_ended_one_nothing(gateway: Gateway, discovery: Discovery) -> None:
    key = run(gateway, "keys", "add", "desktop", "--models", "groq/*").strip()
    assert discovery.ids(key) == ["groq/llama-3.3-70b-versatile"]
    late = run(gateway, "keys", "add", "late", "--expires", "2020-01-01").strip()
    assert discovery.get("/v1/models", late).status_code == 401


def test_available_shows_the_same_models_and_the_last_outcome_of_each(gateway: Gateway, discovery: Discovery) -> None:
    assert gateway.chat("gpt-5").status_code == 200

    def recorded() -> dict[str, Any] | None:
        code, document, _ = available(gateway)
        assert (code, document["confirmed"]) == (0, True)
        return document if document["models"][0]["last"] else None

    document = until(recorded, "the ledger's entry", 20)
    first, second = document["models"]
    assert [first["id"], second["id"]] == discovery.ids() == ALIASES
    assert (first["last"]["status"], first["last"]["error_type"], second["last"]) == (200, None, None)
    assert (first["context_window"], first["owner"], first["state"]) == (400_000, "openai", "listed")


def test_available_tells_a_refused_key_from_a_gateway_that_is_gone(gateway: Gateway) -> None:
    code, document, said = available(gateway, LITELLM_API_KEY=canary("wrong"))
    assert code == 3 and "it refuses the key (401)" in said and "wrong" not in said
    assert [(model["id"], model["state"]) for model in document["models"]] == [
        (alias, "configured, not confirmed") for alias in ALIASES]


def test_fifty_clients_notice_neither_the_gateways_death_nor_its_return(
        gateway: Gateway, discovery: Discovery) -> None:
    with Clients(discovery, CLIENTS, ALIASES) as clients:
        until(clients.all_fresh, "every client is answered")
        gateway.kill()
        until(lambda: discovery.sees("away"), "the gateway's end is noticed")
        until(clients.all_warned, "every client is served the last good list")
        gateway.start()
        until(lambda: discovery.sees("ok"), "the gateway's return is noticed")
        clients.fresh.clear()
        until(clients.all_fresh, "every client has a fresh list")
    assert clients.failures == []
    # It is killed between two questions or amid one.
    assert re.search("connection refused|closed the connection without an answer", discovery.said), discovery.said
    assert "the gateway answers again" in discovery.said


def test_an_alias_added_to_the_gateway_appears_without_a_restart(
        gateway: Gateway, discovery: Discovery, upstream: MockUpstream) -> None:
    (gateway.home / ".env").write_text(dotenv(upstream, *ALIASES, "grok-4"), encoding="utf-8")
    gateway.send(signal.SIGHUP)
    until(lambda: discovery.ids() == [*ALIASES, "grok-4"], "the new alias")
    assert "3 models from the gateway: + grok-4" in discovery.said


def test_a_refused_key_costs_no_list_and_a_rotated_one_is_taken_up(gateway: Gateway, discovery: Discovery) -> None:
    wrong = discovery.put("LITELLM_API_KEY", canary("wrong"))
    until(lambda: discovery.sees("unauthorized"), "the gateway refuses the key")
    assert discovery.ids()[:2] == ALIASES and "it refuses the key (401)" in discovery.said
    discovery.put("LITELLM_API_KEY", gateway.key)
    until(lambda: discovery.sees("ok"), "the gateway takes the key")
    assert wrong not in discovery.said


def ended(discovery: Discovery, gateway: Gateway, signum: int) -> int:
    """Return the exit code of a service that left neither a traceback nor a secret in its log."""
    code = discovery.stop(signum)
    found = [word for word in ("Traceback", discovery.token, gateway.key) if word in discovery.said]
    assert found == [], discovery.said
    return code


def test_it_ends_cleanly_and_its_log_is_json_where_that_is_asked_for(gateway: Gateway) -> None:
    with Discovery(gateway, GATEWAY_LOG_FORMAT="json") as other:
        assert other.ids()[:2] == ALIASES
        assert ended(other, gateway, signal.SIGTERM) == 0
        events = [json.loads(line)["event"] for line in other.said.splitlines()]
        assert events == ["start", "models", "ready"]


def test_without_a_gateway_it_serves_what_is_declared_and_warns_where_others_can_reach_it(gateway: Gateway) -> None:
    nobody = f"http://127.0.0.1:{dead_port()}"
    with Discovery(gateway, LITELLM_BASE_URL=nobody, DISCOVERY_HOST="0.0.0.0") as other:
        assert other.ids()[:2] == ALIASES
        assert other.get("/v1/models").headers["warning"].startswith("199 ")
        assert ended(other, gateway, signal.SIGINT) == 130
        assert "warning: 0.0.0.0 lets other machines in" in other.said


def test_the_documented_commands_do_what_they_say(gateway: Gateway) -> None:
    section, document, port = "The service for desktop clients", "docs/discovery.md", free_port()
    environ = environment(gateway.home, gateway.port, {"LITELLM_MASTER_KEY": gateway.key, "DISCOVERY_PORT": str(port)})
    gateway.chat("gpt-5")
    asked = block("sh", "Asking a running gateway", document).text
    until(lambda: re.search(r"^gpt-5 +openai +400000 +200 at \S+ +listed$", paste(asked, gateway.home, environ), re.M),
          "the request is in the ledger")
    with subprocess.Popen(["bash", "-euc", block("sh", section, document).text], cwd=gateway.home, env=environ,
                          stderr=subprocess.PIPE, text=True, start_new_session=True) as service:
        try:
            assert service.stderr is not None
            assert any(line.startswith("ready: ") for line in service.stderr)
            asked = block("sh", section, document, 1).text.replace("127.0.0.1:4100", f"127.0.0.1:{port}")
            said = paste(asked, gateway.home, environ)
            assert '{"object":"list","data":[{"id":"gpt-5",' in said and said.count('"id":"gpt-5"') == 2
        finally:
            os.killpg(service.pid, signal.SIGKILL)
