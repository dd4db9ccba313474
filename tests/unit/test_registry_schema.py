"""The JSON schema of the registry document: what the importer takes is valid, what it refuses for its form is not."""

import copy
import json
from datetime import date
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from src.errors import ConfigurationError
from src.explain.registry_schema import VERSION, registry_schema
from src.policy.nouns import NOUNS, ORDER
from src.store import documents
from src.store.checks import without_target
from src.store.registry import Registry

from .declaring import ROOT, run_here
from .test_properties import many
from .test_registry_rows import FULL

SCHEMA = registry_schema()
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


def valid(document: Any) -> bool:
    return bool(VALIDATOR.is_valid(document))


def imported(text: str) -> bool:
    """Tell whether the importer takes the form of a document; names that lead nowhere are found later."""
    try:
        rows = documents.parse(text, "f")
    except ConfigurationError:
        return False
    return not any(problem for found in rows.values() for row in found for problem in without_target(row, ""))


def loaded(text: str) -> Any:
    """Return a YAML text as editors see it: dates are text there."""
    return json.loads(json.dumps(yaml.load(text, Loader=yaml.CSafeLoader), default=str))


def test_the_schema_is_one_of_2020_12() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["$schema"].endswith("/2020-12/schema")
    assert VERSION == documents.VERSION and list(SCHEMA["properties"]) == ["version", *ORDER]


def test_every_field_of_every_noun_is_described() -> None:
    for noun in NOUNS.values():
        row = SCHEMA["$defs"][noun.one]
        assert list(row["properties"]) == [field.name for field in noun.fields]
        assert all(row["properties"][field.name]["description"] == field.help for field in noun.fields)


@pytest.mark.parametrize("noun, field, told", [
    ("provider", "retries", {"type": "integer", "minimum": 0, "maximum": 10}),
    ("endpoint", "temperature", {"type": "number", "minimum": 0, "maximum": 2}),
    ("model", "input_price_micros", {"type": "integer", "minimum": 0, "maximum": 2**53 - 1})])
def test_editors_know_the_bounds_of_numbers(noun: str, field: str, told: dict[str, Any]) -> None:
    assert SCHEMA["$defs"][noun]["properties"][field]["anyOf"] == [told, {"type": "null"}]


@pytest.mark.parametrize("noun, field, default", [
    ("provider", "active", True), ("endpoint", "path", "/chat/completions"), ("provider", "notes", None),
    ("chain", "triggers", ["error", "rate_limit"])])
def test_editors_know_what_holds_where_nothing_is_said(noun: str, field: str, default: Any) -> None:
    assert SCHEMA["$defs"][noun]["properties"][field].get("default") == default


def test_what_is_exported_is_valid() -> None:
    rows: dict[str, Any] = {noun: tuple(rows) for noun, rows in FULL.items()}
    text = documents.export(Registry(**rows))
    document = loaded(text)
    assert imported(text) and set(document) == {"version", *ORDER}
    VALIDATOR.validate(document)


IMPORTED = sorted((ROOT / "tests/golden/import").glob("*.registry.yaml"))


@pytest.mark.parametrize("path", IMPORTED, ids=lambda path: path.name)
def test_what_import_makes_of_litellms_files_is_valid(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    VALIDATOR.validate(loaded(text))
    assert imported(text)


PEOPLE = """
version: 1
providers: [{name: p, provider: OpenAI, base_url: HTTPS://api.openai.com/v1/, key_env: none, timeout_s: 5}]
models:
- {alias: m, provider: p, deprecated_on: 2026-12-31, input_price_micros: 0, caps: {efforts: [low]}, vision: null}
- {alias: m2, provider: p, mode: ' Chat ', deprecated_on: '2026-12-31'}
chains: [{name: c, models: [m, 'm2, m'], triggers: [on_error, on_cost_exceeded, RATE_LIMIT]}]
endpoints: [{slug: e, chain: c, model: null, path: /v1/responses, method: post, temperature: 1, tools: []}]
limits: [{name: l, scope: Model, target: 'xai/*', rpm: 5, wait_s: 0, reset_zone: Asia/Tokyo}]
flags:
tiers: [{name: ' gold '}]
"""


def test_what_people_write_and_the_importer_takes_is_valid() -> None:
    assert imported(PEOPLE)
    VALIDATOR.validate(loaded(PEOPLE))


@pytest.mark.parametrize("text", [
    "[]", "version: 2", "version: '1'", "tiers: []", "version: 1\nmodel: []", "version: 1\nmodels: {}",
    "version: 1\ntiers: [x]", "version: 1\ntiers: [{nmae: a}]", "version: 1\ntiers: [{description: a}]",
    "version: 1\ntiers: [{name: 5}]", "version: 1\ntiers: [{name: 'a b'}]", "version: 1\ntiers: [{name: 'a,b'}]",
    "version: 1\ntiers: [{name: ''}]", "version: 1\ntiers: [{name: null}]",
    f"version: 1\ntiers: [{{name: {'x' * 129}}}]", "version: 1\nmodels: [{alias: a, provider: p, vision: 'yes'}]",
    "version: 1\nmodels: [{alias: a}]", "version: 1\nmodels: [{alias: a, provider: p, context_window: x}]",
    "version: 1\nmodels: [{alias: a, provider: p, context_window: 0}]",
    "version: 1\nmodels: [{alias: a, provider: p, context_window: true}]",
    "version: 1\nmodels: [{alias: a, provider: p, input_price_micros: -1}]",
    "version: 1\nmodels: [{alias: a, provider: p, input_price_micros: 0.5}]",
    "version: 1\nmodels: [{alias: a, provider: p, caps: 1}]",
    "version: 1\nmodels: [{alias: a, provider: p, enabled: 1}]",
    "version: 1\nmodels: [{alias: a, provider: p, mode: chta}]",
    "version: 1\nmodels: [{alias: a, provider: p, deprecated_on: never}]",
    "version: 1\nproviders: [{name: a, provider: nobody}]",
    "version: 1\nproviders: [{name: a, provider: xai, retries: 11}]",
    "version: 1\nproviders: [{name: a, provider: xai, timeout_s: 0}]",
    "version: 1\nproviders: [{name: a, provider: xai, timeout_s: soon}]",
    "version: 1\nproviders: [{name: a, provider: xai, base_url: api.example.com}]",
    "version: 1\nproviders: [{name: a, provider: xai, base_url: 'https://u:p@example.com'}]",
    "version: 1\nproviders: [{name: a, provider: xai, key_env: 'my key'}]",
    "version: 1\nchains: [{name: c, models: a}]", "version: 1\nchains: [{name: c, models: []}]",
    "version: 1\nchains: [{name: c}]", "version: 1\nchains: [{name: c, models: [a], triggers: [never]}]",
    "version: 1\nchains: [{name: c, models: [5]}]", "version: 1\nendpoints: [{slug: e}]",
    "version: 1\nendpoints: [{slug: e, model: m, chain: c}]",
    "version: 1\nendpoints: [{slug: e, model: m, path: /admin}]",
    "version: 1\nendpoints: [{slug: e, model: m, method: GET}]",
    "version: 1\nendpoints: [{slug: e, model: m, temperature: 9}]",
    "version: 1\nendpoints: [{slug: e, model: m, top_p: x}]",
    "version: 1\nendpoints: [{slug: e, model: m, tools: look_up}]",
    "version: 1\ntools: [{name: 'a b', schema: {type: object}}]",
    "version: 1\ntools: [{name: a, schema: {type: string}}]", "version: 1\ntools: [{name: a}]",
    "version: 1\ntools: [{name: a, schema: {}}]", "version: 1\ntools: [{name: a, schema: x}]",
    "version: 1\nprompts: [{slug: p, system_prompt: x, share: 100}]", "version: 1\nprompts: [{slug: p, version: 0}]",
    "version: 1\nflags: [{name: f, enabled: 'on'}]",
    "version: 1\nlimits: [{name: l, scope: nobody, target: a, rpm: 1}]",
    "version: 1\nlimits: [{name: l, scope: model, rpm: 1}]",
    "version: 1\nlimits: [{name: l, scope: model, target: a, headroom: 100}]",
    "version: 1\nlimits: [{name: l, scope: model, target: a, action: explode}]",
    "version: 1\nlimits: [{name: l, scope: model, target: a, wait_s: 601}]",
])
def test_a_form_that_the_importer_refuses_is_invalid(text: str) -> None:
    assert not imported(text)
    assert not valid(loaded(text))


ROWS = {noun: [documents.plain(NOUNS[noun], row.values()) for row in rows] for noun, rows in FULL.items()}
anything = st.sampled_from([
    None, True, False, 0, 1, -1, 2, 9, 100, 10**13, 0.5, 1e9, "", " ", "x", "X", "a b", "a,b", "*", "low", "chat",
    " chat", "POST", "error", "https://h", "none", "2026-12-31", "gold*", "x" * 129, "x" * 300, "\t", "\u00e9", [],
    ["x"], ["a b"], ["*"], [1], ["error"], {}, {"type": "object"}, {"type": "x"}, {"a": 1}, date(2026, 12, 31), "UTC",
    "/v1/responses", "/responses"])


@st.composite
def changed_documents(draw: st.DrawFn) -> dict[str, Any]:
    """Return the document of one row with one or two of its fields changed, removed or made up."""
    noun = draw(st.sampled_from(ORDER))
    row = copy.deepcopy(draw(st.sampled_from(ROWS[noun])))
    for _ in range(draw(st.integers(1, 2))):
        name = draw(st.sampled_from([*NOUNS[noun].by_name, "made_up"]))
        if draw(st.booleans()) and name in row:
            del row[name]
        else:
            row[name] = draw(anything)
    return {"version": 1, noun: [row]}


@many
@given(changed_documents())
def test_whatever_the_importer_takes_is_valid(document: dict[str, Any]) -> None:
    text = yaml.safe_dump(document, allow_unicode=True)
    if imported(text):
        VALIDATOR.validate(loaded(text))


# --- the command --------------------------------------------------------------------------------------------------

def test_the_command_prints_and_writes_it(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    printed = run_here("registry", "schema", cwd=tmp_path, capfd=capfd)
    assert json.loads(printed.text) == SCHEMA
    written = run_here("registry", "schema", "--output", "s.json", cwd=tmp_path, capfd=capfd)
    assert (written.code, written.text) == (0, "")
    assert (tmp_path / "s.json").read_text() == printed.text
