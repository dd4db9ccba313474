"""What a wildcard stands for: the provider's list, asked for in the background, kept while the provider is away."""

import asyncio
import json
import os
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import httpx
import pytest

os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")

from src.hooks import upstream_models  # noqa: E402  (LiteLLM reads the variable above when it is imported)
from src.hooks.background import beside  # noqa: E402
from src.hooks.errors_out import Refusal  # noqa: E402
from src.hooks.limits_counting import Counting  # noqa: E402
from src.hooks.listing import entry  # noqa: E402
from src.hooks.planview import ModelView, PlanView, read_plan  # noqa: E402
from src.hooks.record import RequestRecord  # noqa: E402
from src.hooks.upstream_lists import MOST_NAMES, Place, ids_of, known_ids, own_place, place_of  # noqa: E402
from src.hooks.upstream_models import Catalog, Followed, Unlisted, fetch  # noqa: E402
from src.policy.client_keys import ClientKey  # noqa: E402
from tests.unit.declaring import canary  # noqa: E402
from tests.unit.limits_support import gate_of, go_through, request  # noqa: E402

KEY = canary("key")
BASE = "http://upstream.example/api/v1"


def view(provider: str = "openai", model: str = "openai/*", alias: str = "local/*", **more: Any) -> ModelView:
    return ModelView(more.pop("key", "m"), alias, "m", provider, model, key_env=more.pop("key_env", "KEY"), **more)


def plan_of(*models: ModelView, **settings: Any) -> PlanView:
    fields = ("key", "alias", "deployment", "provider", "model", "base", "key_env")
    documents = [{**{name: getattr(model, name) for name in fields}, "headers": {"X-Title": "t"}} for model in models]
    return read_plan(json.dumps({"models": documents, "chains": [], "settings": {"models_ttl": 0.01, **settings}}))


@pytest.mark.parametrize(("model", "url", "headers"), [
    (view(base=BASE), f"{BASE}/models", {"authorization": f"Bearer {KEY}", "x": "y"}),
    (view(base=BASE + "/", key_env=None), f"{BASE}/models", {"x": "y"}),
    (view(), "https://api.openai.com/v1/models", {"authorization": f"Bearer {KEY}", "x": "y"}),
    (view("xai", "xai/*"), "https://api.x.ai/v1/models", {"authorization": f"Bearer {KEY}", "x": "y"}),
    (view("groq", "groq/*"), "https://api.groq.com/openai/v1/models", {"authorization": f"Bearer {KEY}", "x": "y"}),
    (view("mistral", "mistral/*"), "https://api.mistral.ai/v1/models", {"authorization": f"Bearer {KEY}", "x": "y"}),
    (view("mistral", "mistral/*", base="http://h"), "http://h/v1/models", {"authorization": f"Bearer {KEY}", "x": "y"}),
    (view("deepseek", "deepseek/*"), "https://api.deepseek.com/models", {"authorization": f"Bearer {KEY}", "x": "y"}),
    (view("openrouter", "openrouter/*"), "http://set/api/models", {"authorization": f"Bearer {KEY}", "x": "y"}),
    (view("gemini", "gemini/*"), "https://generativelanguage.googleapis.com/v1beta/models?pageSize=1000",
     {"x-goog-api-key": KEY, "x": "y"}),
    (view("anthropic", "anthropic/*", base="http://h/v1"), "http://h/v1/models?limit=1000",
     {"x-api-key": KEY, "anthropic-version": "2023-06-01", "x": "y"}),
    (view("anthropic", "anthropic/*", base="http://h/v1/messages"), "http://h/v1/models?limit=1000",
     {"x-api-key": KEY, "anthropic-version": "2023-06-01", "x": "y"}),
    (view("xai", "xai/*", base="http://h/v1"), "http://h/v1/models", {"authorization": f"Bearer {KEY}", "x": "y"}),
    (view("ollama_chat", "ollama_chat/*", base="http://h:1", key_env=None), "http://h:1/v1/models", {"x": "y"}),
])
def test_a_list_is_where_the_provider_has_it(model: ModelView, url: str, headers: dict[str, str]) -> None:
    place = place_of(model, {"KEY": KEY, "OPENROUTER_API_BASE": "http://set/api"}, {"x": "y"})
    assert place is not None and (place.url, place.headers) == (url, headers)
    assert KEY not in repr(place) and "http" not in repr(place)


@pytest.mark.parametrize("model", [
    view("azure", "azure/*", base=BASE), view("bedrock", "bedrock/*", key_env=None), view("cohere", "cohere/*"),
    view("cohere", "cohere/*", base=BASE),
    view("unheard-of", "unheard-of/*"), view("hosted_vllm", "hosted_vllm/*"), view(base=BASE, key_env="UNSET"),
])
def test_where_there_is_no_list_nobody_is_asked(model: ModelView) -> None:
    assert place_of(model, {"KEY": KEY}, {}) is None


@pytest.mark.parametrize(("data", "ids"), [
    ({"object": "list", "data": [{"id": "a"}, {"id": "b"}, {"id": "a"}]}, ("a", "b")),
    ({"models": [{"name": "models/gemini-2.5-flash"}, {"name": "tuned"}]}, ("gemini-2.5-flash", "tuned")),
    ([{"id": "a"}, {"id": 5}, "b", None, {"id": ""}], ("a",)), ({"data": []}, ()),
    ({"data": [{"id": f"m{number}"} for number in range(MOST_NAMES + 5)]}, tuple(f"m{n}" for n in range(MOST_NAMES))),
])
def test_lists_are_read_as_providers_write_them(data: object, ids: tuple[str, ...]) -> None:
    assert ids_of(json.dumps(data).encode()) == ids


@pytest.mark.parametrize("text", [b"", b"<html>", b'{"data": null}', b'{"error": "x"}', b"5", b"\xff"])
def test_what_is_no_list_is_refused(text: bytes) -> None:
    with pytest.raises(ValueError):
        ids_of(text)


def test_litellms_own_knowledge_counts_at_the_providers_own_base_only() -> None:
    known = known_ids("xai", "chat")
    assert known and not [name for name in known if name.startswith("xai/") or "image" in name]
    assert known_ids("gemini", "embedding") and not set(known_ids("gemini", "embedding")) & set(
        known_ids("gemini", "chat"))
    assert own_place(view("xai", "xai/*"), {}) and own_place(view(base="https://api.openai.com/v1/"), {})
    assert not own_place(view("xai", "xai/*", base=BASE), {}) and not own_place(view(base=BASE), {})
    assert not own_place(view("xai", "xai/*"), {"XAI_BASE_URL": BASE})
    assert not own_place(view("unheard-of", "unheard-of/*", base=BASE), {})
    assert not own_place(view("xai", "xai/*"), {"XAI_API_BASE": BASE}) and not own_place(view("azure", "azure/*"), {})


def test_models_that_are_retired_by_now_are_not_known() -> None:
    import litellm
    today = datetime.now(timezone.utc).date().isoformat()
    retired = {name for name, about in litellm.model_cost.items() if about.get("litellm_provider") == "openai"
               and about.get("mode") == "chat" and str(about.get("deprecation_date") or today) < today}
    assert retired and not retired & set(known_ids("openai", "chat"))


# --- asking --------------------------------------------------------------------------------------------------------

Handler = Callable[[httpx.Request], httpx.Response]


def fetched(handler: Handler) -> tuple[str, ...]:
    async def run() -> tuple[str, ...]:
        async with httpx.AsyncClient(transport=httpx.MockTransport(handler)) as client:
            return await fetch(client, Place(f"{BASE}/models", {"authorization": KEY}))
    return asyncio.run(run())


def raising(error: Exception) -> Handler:
    def handler(request: httpx.Request) -> httpx.Response:
        raise error
    return handler


@pytest.mark.parametrize(("handler", "reason"), [
    (lambda request: httpx.Response(401, json={"error": KEY}), "the provider answered 401"),
    (lambda request: httpx.Response(301, headers={"location": "http://evil/"}), "the provider answered 301"),
    (lambda request: httpx.Response(200, text="<html>"), "the answer is no list of models"),
    (lambda request: httpx.Response(200, headers={"content-encoding": "gzip"}), "compressed, unasked"),
    (lambda request: httpx.Response(200, content=b"x" * (upstream_models.MOST_BYTES + 1)), "its list is longer than 4"),
    (raising(httpx.ConnectError(f"{BASE} refused")), "ConnectError"), (raising(TimeoutError()), "no list within 10 s"),
    (raising(httpx.InvalidURL(BASE)), "InvalidURL"), (raising(OSError(BASE)), "OSError"),
])
def test_a_list_that_cannot_be_had_says_why_without_address_or_key(handler: Handler, reason: str) -> None:
    with pytest.raises(Unlisted) as unlisted:
        fetched(handler)
    assert reason in str(unlisted.value) and BASE not in str(unlisted.value) and KEY not in str(unlisted.value)


def test_the_deployments_key_opens_the_list() -> None:
    def handler(request: httpx.Request) -> httpx.Response:
        assert (request.method, request.headers["authorization"]) == ("GET", KEY)
        return httpx.Response(200, json={"data": [{"id": "a"}]})
    assert fetched(handler) == ("a",)


# --- keeping -------------------------------------------------------------------------------------------------------

def followed(ids: tuple[str, ...] | None, known: tuple[str, ...] = (), **more: Any) -> Followed:
    return Followed(view(**more), None, known, None, ids)


def catalog(*lists: Followed, exact: tuple[str, ...] = ("gpt-5", "local/own")) -> Catalog:
    models = [one.model for one in lists] + [ModelView(name, name, name) for name in exact]
    return Catalog(plan_of(*models).names(), lists, 300)


@pytest.mark.parametrize(("lists", "names"), [
    ([followed(("a", "b/c", "own", "odd name", "../x", "responses/x"))], ("local/a", "local/b/c")),
    ([followed(None, ("known",))], ("local/known",)), ([followed((), ("known",))], ()), ([followed(None)], ()),
    ([followed(("grok-4", "other"), model="openai/grok-*", alias="g/*")], ("g/4",)),
    ([followed(("a", "big"), alias="x/*"), followed(("big",), alias="x/b*", model="openai/b*")], ("x/a", "x/big")),
    ([followed(("a", "b")), followed(("b", "c"))], ("local/b",)), ([followed(("a", "b")), followed(None)],
                                                                   ("local/a", "local/b")),
    ([followed(("a", "gpt-5", "m"), alias="*")], ("a",)),
])
def test_names_are_listed_that_can_be_called(lists: list[Followed], names: tuple[str, ...]) -> None:
    assert catalog(*lists).models == names


def test_litellms_entries_of_wildcards_are_replaced() -> None:
    own = {"id": "gpt-5", "max_input_tokens": 5}
    listed = catalog(followed(("a",))).listed([own, {"id": "local/*"}, {"id": "local/made-up"}, {"id": "local/own"}])
    assert listed == [own, {"id": "local/own"}, entry("local/a")]


class Provider:
    """A provider whose answers a test chooses."""

    def __init__(self) -> None:
        self.answer: Any = ["a"]
        self.asked = 0

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked += 1
        if isinstance(self.answer, int):
            return httpx.Response(self.answer)
        return httpx.Response(200, json={"data": [{"id": name} for name in self.answer]})


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch) -> Iterator[Provider]:
    monkeypatch.setattr(upstream_models, "RETRY_S", 0.01)
    yield Provider()


def test_the_last_good_list_is_kept_told_of_once_and_shared_with_new_workers(
        provider: Provider, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "gateway.models")
    plan = plan_of(view(base=BASE), view("azure", "azure/*", "azure/*", base=BASE, key="az"))
    first = Catalog.of(plan, {"KEY": KEY}, tmp_path)
    assert bool(first) and first.models == () and not Catalog.of(plan_of(ModelView("a", "a", "a")), {})
    first._transport = httpx.MockTransport(provider)

    async def until(condition: Callable[[], bool]) -> None:
        while not condition():
            await asyncio.sleep(0.002)

    async def life() -> None:
        async with beside(first.run):
            await until(lambda: first.models == ("local/a",))
            provider.answer = 500
            asked = provider.asked
            await until(lambda: provider.asked > asked + 2)
            provider.answer = ["a", "b"]
            await until(lambda: first.models == ("local/a", "local/b"))
    asyncio.run(asyncio.wait_for(life(), 30))
    told = [record.getMessage() for record in caplog.records]
    assert told == ["the models of local/* cannot be listed: the provider answered 500; /v1/models shows the 1 known "
                    "before", "the models of local/* are listed again"]
    assert Catalog.of(plan, {"KEY": KEY}, tmp_path).models == ("local/a", "local/b"), "another worker, provider away"
    kept, = tmp_path.iterdir()
    assert kept.stat().st_mode & 0o777 == 0o600 and BASE not in kept.read_text() and KEY not in kept.read_text()


def test_a_folder_that_cannot_be_written_costs_only_the_kept_list(provider: Provider, tmp_path: Path) -> None:
    lost = Catalog.of(plan_of(view(base=BASE)), {"KEY": KEY}, tmp_path / "missing")
    assert lost._followed[0].take(("a",)) and not lost._followed[0].take(("a",))


def test_nothing_known_is_told_as_such(provider: Provider, caplog: pytest.LogCaptureFixture) -> None:
    provider.answer = 404
    alone = Catalog.of(plan_of(view(base=BASE)), {"KEY": KEY})
    alone._transport = httpx.MockTransport(provider)

    async def life() -> None:
        async with beside(alone.run):
            while not caplog.records:
                await asyncio.sleep(0.002)
    asyncio.run(asyncio.wait_for(life(), 30))
    assert caplog.records[0].getMessage().endswith("the provider answered 404; /v1/models shows none of them")


def test_a_keys_budget_knows_the_price_of_the_name_and_none_of_a_made_up_one() -> None:
    wild = {"key": "xai", "alias": "xai/*", "deployment": "xai", "provider": "xai", "model": "xai/*", "key_env": "K"}
    gate = gate_of(Counting(None), models=[wild])
    grant = ClientKey("ann", "d", models=("xai/*",), budget_micros=10**9)
    gate.keys.take([grant])

    async def served(alias: str) -> RequestRecord:
        record = request(alias, grant=grant)
        await go_through(gate, record, name="xai")
        return record
    assert asyncio.run(served(f"xai/{known_ids('xai', 'chat')[0]}")).extra["limit_taken"]
    with pytest.raises(Refusal) as refused:
        asyncio.run(served("xai/made-up"))
    assert refused.value.code == "unpriced_model"
    with pytest.raises(Refusal) as closed:
        asyncio.run(served("gpt-5"))
    assert closed.value.code == "model_not_allowed"
