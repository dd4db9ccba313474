"""The discovery service over HTTP: OpenAI's shapes, who may see what, and what is served while the gateway is away."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta, timezone
from typing import Any

import httpx
import openai
import pytest
from openai.pagination import AsyncPage
from openai.types import Model

from .declaring import canary
from .discovery_support import TOKEN, FakeGateway, Said, bearer, holder, names, ring, serving, until

Body = Callable[[httpx.AsyncClient], Awaitable[None]]
NOW = datetime.now(timezone.utc)
REFUSED = httpx.ConnectError("All connection attempts failed")


def sdk(client: httpx.AsyncClient) -> openai.AsyncOpenAI:
    """Return the official SDK on top of a client of the service."""
    return openai.AsyncOpenAI(base_url="http://discovery/v1", api_key=TOKEN, max_retries=0, http_client=client)


def test_the_list_is_exactly_openais() -> None:
    async def run() -> None:
        async with serving(FakeGateway("gpt-5", "groq/llama")) as client:
            document = (await client.get("/v1/models")).json()
            assert list(document) == ["object", "data"] and document["object"] == "list"
            assert [list(entry) for entry in document["data"]] == [["id", "object", "created", "owned_by"]] * 2
            listed = [Model.model_validate(entry, strict=True) for entry in document["data"]]
            assert [model.id for model in listed] == ["gpt-5", "groq/llama"]
            assert AsyncPage[Model].model_validate(document, strict=True).data == listed
            assert [model async for model in sdk(client).models.list()] == listed
    asyncio.run(run())


@pytest.mark.parametrize("name", ["gpt-5", "groq/llama-3", "hf/org/model:free"])
def test_one_model_is_found_by_its_id_slashes_and_all(name: str) -> None:
    async def run() -> None:
        async with serving(FakeGateway("other", name)) as client:
            found = await sdk(client).models.retrieve(name)
            assert Model.model_validate(found.model_dump(), strict=True).id == name
            assert (await client.get(f"/v1/models/{name}")).json() == found.model_dump()
    asyncio.run(run())


@pytest.mark.parametrize(("method", "path", "status", "code"), [
    ("GET", "/v1/models/nope", 404, "model_not_found"), ("GET", "/v1/models/", 404, "model_not_found"),
    ("GET", "/v1/chat/completions", 404, None),
    ("GET", "/docs", 404, None), ("GET", "/openapi.json", 404, None), ("POST", "/v1/models", 405, None),
    ("DELETE", "/v1/models/gpt-5", 405, None), ("GET", "/v1/models%00", 404, None),
])
def test_every_refusal_is_in_openais_shape(method: str, path: str, status: int, code: str | None) -> None:
    async def run() -> None:
        async with serving(FakeGateway("gpt-5")) as client:
            answer = await client.request(method, httpx.URL("http://discovery").copy_with(raw_path=path.encode()))
            error = answer.json()["error"]
            assert (answer.status_code, list(error)) == (status, ["message", "type", "param", "code"])
            assert (error["type"], error["code"]) == ("invalid_request_error", code)
            assert {"server", "x-powered-by"} & set(answer.headers) == set()
    asyncio.run(run())


@pytest.mark.parametrize(("headers", "code"), [
    ({}, "missing_api_key"), (bearer("wrong"), "invalid_api_key"), (bearer(""), "invalid_api_key"),
    ({"authorization": TOKEN}, "invalid_api_key"), ({"authorization": f"Basic {TOKEN}"}, "invalid_api_key"),
    (bearer(TOKEN[:-1]), "invalid_api_key"), (bearer(f"{TOKEN}x"), "invalid_api_key"),
    (bearer(f"{TOKEN},{TOKEN}"), "invalid_api_key"), ({"x-api-key": TOKEN}, "missing_api_key"),
])
def test_nobody_sees_the_list_without_a_token(headers: dict[str, str], code: str) -> None:
    async def run() -> None:
        async with serving(FakeGateway("gpt-5")) as client:
            client.headers = httpx.Headers(headers)
            for path in ("/v1/models", "/v1/models/gpt-5"):
                answer = await client.get(path)
                assert (answer.status_code, answer.json()["error"]["code"]) == (401, code)
                assert answer.headers["www-authenticate"] == "Bearer" and "gpt" not in answer.text
            with pytest.raises(openai.AuthenticationError):
                await sdk(client).with_options(api_key="wrong").models.list()
    asyncio.run(run())


@pytest.mark.parametrize("header", [f"bearer {TOKEN}", f"BEARER   {TOKEN} "])
def test_the_scheme_is_read_in_any_case(header: str) -> None:
    async def run() -> None:
        async with serving(FakeGateway("gpt-5")) as client:
            client.headers["authorization"] = header
            assert names(await client.get("/v1/models")) == ["gpt-5"]
    asyncio.run(run())


def test_a_client_key_sees_what_it_may_call() -> None:
    some, every = canary("some"), canary("every")

    async def run() -> None:
        keys = ring(lambda: [holder(some, "gpt-*", "groq/llama"), holder(every)])
        async with serving(FakeGateway("gpt-5", "groq/llama", "o3"), keys=keys) as client:
            assert names(await client.get("/v1/models", headers=bearer(some))) == ["gpt-5", "groq/llama"]
            assert names(await client.get("/v1/models", headers=bearer(every))) == ["gpt-5", "groq/llama", "o3"]
            assert (await client.get("/v1/models/groq/llama", headers=bearer(some))).status_code == 200
            hidden = await client.get("/v1/models/o3", headers=bearer(some))
            absent = await client.get("/v1/models/no", headers=bearer(some))
            assert hidden.status_code == absent.status_code == 404
            assert hidden.text.replace("o3", "no") == absent.text, "what is hidden looks like what is not there"
    asyncio.run(run())


@pytest.mark.parametrize("ended", [{"expires_at": NOW - timedelta(seconds=1)}, {"revoked_at": NOW}])
def test_a_client_key_that_has_ended_opens_nothing(ended: dict[str, Any]) -> None:
    key = canary()

    async def run() -> None:
        async with serving(FakeGateway("gpt-5"), keys=ring(lambda: [holder(key, **ended)])) as client:
            assert (await client.get("/v1/models", headers=bearer(key))).status_code == 401
    asyncio.run(run())


def test_a_new_alias_appears_and_a_gone_one_goes_without_a_restart() -> None:
    said, gateway = Said(), FakeGateway("gpt-5")

    async def run() -> None:
        async with serving(gateway, ttl=0.01, said=said) as client:
            assert names(await client.get("/v1/models")) == ["gpt-5"]
            gateway.answer = ["grok-4", "gpt-5-mini"]
            await until(lambda: len(said.of("models")) == 2, "the new list")
            assert names(await client.get("/v1/models")) == ["grok-4", "gpt-5-mini"]
            assert said.of("models")[1] == "2 models from the gateway: + grok-4, + gpt-5-mini, - gpt-5"
    asyncio.run(run())


def test_the_last_good_list_is_served_while_the_gateway_is_down_and_says_so() -> None:
    said, gateway = Said(), FakeGateway("gpt-5")

    async def run() -> None:
        async with serving(gateway, ttl=0.01, said=said, configured=["declared"]) as client:
            fresh = await client.get("/v1/models")
            assert fresh.headers["age"] == "0"
            gateway.answer = REFUSED
            await until(lambda: said.of("away"), "the failure")
            answer = await client.get("/v1/models")
            assert names(answer) == ["gpt-5"] and answer.headers["age"].isdigit()
            assert answer.headers["warning"] == '111 litellm-gateway "Revalidation Failed"'
            assert (await client.get("/health")).json()["gateway"] == "away"
            gateway.answer = ["gpt-5", "grok-4"]
            await until(lambda: said.of("answering"), "the recovery")
            answer = await client.get("/v1/models")
            assert names(answer) == ["gpt-5", "grok-4"]
            assert "111" not in answer.headers.get("warning", "")
    asyncio.run(run())


def test_the_configured_aliases_stand_in_until_the_gateway_has_answered_once() -> None:
    said, gateway = Said(), FakeGateway("gpt-5")
    gateway.answer = REFUSED

    async def run() -> None:
        async with serving(gateway, ttl=0.01, said=said, configured=["declared"]) as client:
            answer = await client.get("/v1/models")
            assert names(answer) == ["declared"] and "age" not in answer.headers
            assert answer.headers["warning"] == '199 litellm-gateway "Configured, not confirmed by the gateway"'
            Model.model_validate(answer.json()["data"][0], strict=True)
            assert "serving the 1 configured aliases" in said.of("away")[0]
            gateway.answer = ["gpt-5"]
            await until(lambda: said.of("models"), "the first list")
            assert names(await client.get("/v1/models")) == ["gpt-5"]
    asyncio.run(run())


def test_a_key_that_the_gateway_refuses_is_said_and_what_is_there_is_served() -> None:
    said, gateway = Said(), FakeGateway("gpt-5")

    async def run() -> None:
        async with serving(gateway, ttl=0.01, said=said) as client:
            gateway.answer = 401
            asked = gateway.asked
            await until(lambda: gateway.asked > asked + 5, "several attempts")
            assert names(await client.get("/v1/models")) == ["gpt-5"]
            assert (await client.get("/health")).json()["gateway"] == "unauthorized"
            (line,) = said.of("unauthorized")
            assert "it refuses the key (401)" in line and gateway.keys[0] not in line
    asyncio.run(run())


def test_nobody_waits_for_the_gateway_and_it_is_asked_once_at_a_time() -> None:
    gateway = FakeGateway("gpt-5")

    async def run() -> None:
        async with serving(gateway, ttl=0.01) as client:
            gateway.open.clear()
            asked = gateway.asked
            await until(lambda: gateway.asked == asked + 1, "the attempt that hangs")
            answers = await asyncio.gather(*(client.get("/v1/models") for _ in range(50)))
            assert [names(answer) for answer in answers] == [["gpt-5"]] * 50
            assert gateway.asked == asked + 1
            assert {answer.headers.get("warning") for answer in answers} == {'110 litellm-gateway "Response is Stale"'}
            gateway.open.set()
            await until(lambda: gateway.asked > asked + 1, "the next attempt")
    asyncio.run(run())


def test_the_first_clients_wait_a_moment_for_the_first_list() -> None:
    gateway = FakeGateway("gpt-5")
    gateway.open.clear()

    async def run() -> None:
        asyncio.get_running_loop().call_later(0.1, gateway.open.set)
        async with serving(gateway, configured=["declared"]) as client:
            assert names(await client.get("/v1/models")) == ["gpt-5"]
    asyncio.run(run())


def test_health_needs_no_token_and_names_nothing() -> None:
    async def run() -> None:
        async with serving(FakeGateway("gpt-5", "o3")) as client:
            del client.headers["authorization"]
            answer = await client.get("/health")
            found = answer.json()
            assert (answer.status_code, found["status"], found["gateway"], found["models"]) == (200, "ok", "ok", 2)
            assert 0 <= found["age_s"] < 60 and set(found) == {"status", "gateway", "models", "age_s"}
            assert (await client.head("/health")).status_code == 200
    asyncio.run(run())
