"""Rows in real databases: every noun round-trips, references hold, nothing half-done stays, the document is exact."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa

from src.errors import ConfigurationError
from src.policy.nouns import NOUNS
from src.policy.registry_safety import Rules
from src.store import documents
from src.store.chains import Chain
from src.store.checks import Context
from src.store.endpoints import Endpoint
from src.store.engine import Store
from src.store.failures import Conflict
from src.store.flags import Flag
from src.store.limits import LimitRow
from src.store.migrate import ensure_schema
from src.store.models import Model
from src.store.prompts import Prompt, Prompts
from src.store.providers import Provider
from src.store.registry import REPOSITORIES, Registry, changing, load_registry
from src.store.rows import Row
from src.store.tiers import Tier
from src.store.tools import Tool

from .store_support import KINDS, fresh_store

CONTEXT = Context(Rules(), frozenset({"declared"}))
FULL: dict[str, list[Row]] = {
    "tiers": [Tier("gold", "pays"), Tier("free")],
    "tools": [Tool("look_up", {"type": "object", "properties": {"q": {"type": "string"}}}, "Finds \u2028 things")],
    "providers": [Provider("lab", "openai", None, "none", "tier-2", True, 12.5, 2, "notes\nin lines"),
                  Provider("xai", "xai", active=False)],
    "models": [Model("big", "xai", "grok-3", "Grok 3", "chat", 131_072, 8_192, True, False, 3_000_000, 750_000,
                     15_000_000, 0, 70_000, "operator", True, "2026-12-31", {"efforts": ["low"], "streaming": True}),
               Model("caf\u00e9", "lab", "m", enabled=False)],
    "chains": [Chain("safe", "safe", ("error", "cost"), ("big", "declared", "caf\u00e9")),
               Chain("other", "chain/other", ("rate_limit",), ("big",), False)],
    "endpoints": [Endpoint("summary", "big", None, "/chat/completions", "POST", 0.2, 800, 0.9, False, ("look_up",)),
                  Endpoint("careful", None, "safe", "/responses", active=False), Endpoint("plain", "declared")],
    "prompts": [Prompt("p", 1, "summary", "S", "U {{x}}", False), Prompt("p", 2, "summary", "S2", None, True),
                Prompt("p", 3, "summary", None, "", False, 25), Prompt("free", 1, None, "only")],
    "flags": [Flag("enable_vision", False), Flag("enable_vision", True, "gold"),
              Flag("enable_vision", True, "gold", "summary", "dev", "why"), Flag("mine", False, environment="dev")],
    "limits": [LimitRow("free-tier", "model", "big", 1, 2, 3, 4, 5, 6, "fallback", 0.5, "fixed", 2.5, "Asia/Tokyo",
                        False),
               LimitRow("users", "user", "*", rpm=10)],
}


@pytest.fixture(params=KINDS)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    with fresh_store(request.param, tmp_path) as found:
        ensure_schema(found)
        yield found


def apply(store: Store, rows: dict[str, list[Row]], whole: bool = False) -> list[str]:
    """Write rows as an import does and return the diff."""
    changes = documents.compare(load_registry(store), rows, whole)
    with changing(store, CONTEXT) as connection:
        documents.write(connection, changes, CONTEXT)
    return [change.text() for change in changes]


def test_every_field_of_every_noun_comes_back_as_it_was_written(store: Store) -> None:
    apply(store, FULL)
    registry = load_registry(store)
    for noun in FULL:
        key = NOUNS[noun].key_of
        expected = {key(row.values()): row for row in FULL[noun]}
        assert {key(row.values()): row for row in registry.of(noun)} == expected, noun


def test_the_document_round_trips_and_is_the_same_bytes_every_time(store: Store, tmp_path: Path) -> None:
    apply(store, FULL)
    text = documents.export(load_registry(store))
    assert apply(store, documents.parse(text, "f"), whole=True) == []
    with fresh_store("sqlite", tmp_path) as copy:
        ensure_schema(copy)
        apply(copy, {noun: list(reversed(rows)) for noun, rows in documents.parse(text, "f").items()})
        assert documents.export(load_registry(copy)) == text


def test_the_diff_says_what_is_added_changed_and_removed(store: Store) -> None:
    apply(store, FULL)
    big = FULL["models"][0]
    assert isinstance(big, Model)
    changed: dict[str, list[Row]] = {
        **FULL, "models": [replace(big, context_window=None, tools=None)],
        "tiers": [FULL["tiers"][0], Tier("new")]}
    assert apply(store, changed) == ["+ tier new", "~ model big: context_window 131072 -> unset, tools False -> unset"]
    changed["chains"] = []
    changed["endpoints"] = [Endpoint("summary", "big")]
    assert apply(store, changed, whole=True) == [
        "- tier free", "- model caf\u00e9", "- chain other", "- chain safe",
        "~ endpoint summary: temperature 0.2 -> unset, max_tokens 800 -> unset, top_p 0.9 -> unset, "
        "streaming False -> True, tools look_up -> unset", "- endpoint careful", "- endpoint plain"]


@pytest.mark.parametrize("noun, row, said", [
    ("models", Model("m", "nobody", "m"), "there is no provider 'nobody'"),
    ("models", Model("m", "xaii", "m"), "did you mean xai?"),
    ("endpoints", Endpoint("e", "nothing"), "there is no model 'nothing'"),
    ("endpoints", Endpoint("e", None, "nothing"), "there is no chain 'nothing'"),
    ("endpoints", Endpoint("e", "big", tools=("none",)), "there is no tool 'none'"),
    ("endpoints", Endpoint("e"), "needs a model or a chain"),
    ("endpoints", Endpoint("e", "big", "safe"), "needs a model or a chain"),
    ("endpoints", Endpoint("big", "big"), "share the name big"),
    ("endpoints", Endpoint("declared", "big"), "declared elsewhere"),
    ("chains", Chain("c", "c"), "has no models"),
    ("chains", Chain("c", "c", models=("big", "big")), "names a model twice"),
    ("chains", Chain("c", "big", models=("big",)), "share the name big"),
    ("prompts", Prompt("q", 1, "summary", "S"), "has two prompts"),
    ("prompts", Prompt("q", 1), "neither a system prompt nor"),
    ("prompts", Prompt("q", 1, None, "S", None, False, 10), "no version is active"),
    ("flags", Flag("f", True, "silver"), "there is no tier 'silver'"),
    ("providers", Provider("p", "openai", "https://evil.test/v1"), "nor named by the environment"),
    ("providers", Provider("p", "openai", None, "GATEWAY_METRICS_KEY"), "gateway's own"),
])
def test_rows_that_make_no_sense_leave_everything_as_it_was(noun: str, row: Row, said: str, tmp_path: Path) -> None:
    with fresh_store("sqlite", tmp_path) as store:
        ensure_schema(store)
        apply(store, FULL)
        before = load_registry(store)
        with pytest.raises(ConfigurationError) as refused:
            apply(store, {noun: [row]})
        assert load_registry(store) == before
        assert said in refused.value.text()


def test_all_problems_of_all_rows_are_told_at_once(store: Store) -> None:
    rows: dict[str, list[Row]] = {"providers": [Provider("a", "openai", "https://evil.test/v1", "LITELLM_MASTER_KEY"),
                                                Provider("b", "xai", "http://169.254.169.254/v1")]}
    with pytest.raises(ConfigurationError) as refused:
        apply(store, rows)
    assert len(refused.value.problems) == 3
    assert load_registry(store) == Registry()


@pytest.mark.parametrize("noun, name, users", [
    ("providers", "xai", "model big"), ("models", "big", "chain other, chain safe, endpoint summary"),
    ("chains", "safe", "endpoint careful"), ("tools", "look_up", "endpoint summary"), ("tiers", "gold", "flag"),
    ("endpoints", "summary", "prompt p"),
])
def test_what_others_need_cannot_be_removed(noun: str, name: str, users: str, tmp_path: Path) -> None:
    with fresh_store("sqlite", tmp_path) as store:
        ensure_schema(store)
        apply(store, FULL)
        row = next(row for row in load_registry(store).of(noun) if row.values()[NOUNS[noun].key[0]] == name)
        with pytest.raises(ConfigurationError, match=f"{name} is still used by {users}"):
            with changing(store, CONTEXT) as connection:
                documents.write(connection, [documents.Change(NOUNS[noun], row, None)], CONTEXT)


def test_the_database_itself_holds_references(store: Store) -> None:
    apply(store, FULL)
    provider = load_registry(store).providers[1]
    with pytest.raises(Conflict), store.writing() as connection:
        REPOSITORIES["providers"].remove(connection, provider)


def test_one_version_is_active_and_one_may_have_a_share(store: Store) -> None:
    apply(store, {noun: rows for noun, rows in FULL.items() if noun != "flags"})
    prompts = Prompts()

    def state() -> list[tuple[int, bool, int | None]]:
        return [(row.version, row.active, row.share) for row in load_registry(store).prompts if row.slug == "p"]

    assert state() == [(1, False, None), (2, True, None), (3, False, 25)]
    with store.writing() as connection:
        prompts.add_version(connection, Prompt("p", system_prompt="4", active=False, share=10))
    assert state() == [(1, False, None), (2, True, None), (3, False, None), (4, False, 10)]
    with store.writing() as connection:
        prompts.activate(connection, prompts.versions(connection, "p")[0])
    assert state() == [(1, True, None), (2, False, None), (3, False, None), (4, False, None)]
    for statement in ("active = true", "active = false, share = 5"):
        with pytest.raises(Conflict), store.writing() as connection:
            connection.execute(sa.text(f"UPDATE ai_prompt_templates SET {statement}"))


def test_problems_that_were_there_before_keep_nobody_from_other_changes(store: Store) -> None:
    apply(store, FULL)
    with store.writing() as connection:
        connection.execute(sa.text("UPDATE ai_providers SET key_env = 'LITELLM_MASTER_KEY' WHERE name = 'lab'"))
    assert apply(store, {"tiers": [Tier("later")]}) == ["+ tier later"]


@pytest.mark.parametrize("text, problems", [
    ("- a", ["no mapping"]), ("{", ["not YAML"]), ("version: 2", ["not of version 1"]),
    ("version: 1\nmodel: []", ["unknown section 'model'; did you mean models?"]),
    ("version: 1\nmodels: {}", ["models is no list"]),
    ("version: 1\ntiers: [x, {name: a}, {name: a}]", ["a tier is no mapping", "tier a is there twice"]),
    ("version: 1\ntiers: [{nmae: a}]", ["unknown field 'nmae'; did you mean name?"]),
    ("version: 1\ntiers: [{description: a}]", ["the tier needs name"]),
    ("version: 1\nmodels: [{alias: a, provider: p, vision: 'yes', context_window: x, input_price_micros: -1, caps: 1}]",
     ["vision must be true or false", "context_window must be a whole number", "input_price_micros must be",
      "caps must be a mapping"]),
    ("version: 1\nchains: [{name: c, models: a, triggers: [never]}]", ["models must be a list", "triggers must be"]),
    ("version: 1\nendpoints: [{slug: e, model: m, path: /admin, method: GET, temperature: 9, top_p: x}]",
     ["path must be one of", "method must be POST", "temperature must be", "top_p must be"]),
    ("version: 1\ntools: [{name: 'a b', schema: {type: string}}]", ["name must consist", "schema must be"]),
    ("version: 1\nmodels: [{alias: a, provider: p, deprecated_on: never, enabled: 1}]",
     ["deprecated_on must be a date", "enabled must be true or false"]),
])
def test_a_document_is_read_with_every_problem_at_once(text: str, problems: list[str]) -> None:
    with pytest.raises(ConfigurationError) as refused:
        documents.parse(text, "file.yaml")
    told = refused.value.text()
    assert [problem for problem in problems if problem not in told] == [], told
    assert len(refused.value.problems) == len(problems) and "file.yaml" in told


def test_plain_yaml_is_understood_as_people_write_it() -> None:
    rows = documents.parse(
        "version: 1\nproviders: [{name: p, provider: OpenAI, base_url: https://api.openai.com/v1/}]\n"
        "models: [{alias: m, provider: p, deprecated_on: 2026-12-31, input_price_micros: 0}]\n"
        "chains: [{name: c, models: [m], triggers: [on_error, on_cost_exceeded]}]", "f")
    assert rows["providers"] == [Provider("p", "openai", "https://api.openai.com/v1")]
    assert rows["models"] == [Model("m", "p", "m", deprecated_on="2026-12-31", input_price_micros=0)]
    assert rows["chains"] == [Chain("c", "c", ("error", "cost"), ("m",))]
