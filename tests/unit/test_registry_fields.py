"""The fields of rows: what text and documents may say, and what is refused."""

import shlex
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.config.readers import BadValue
from src.policy.noun_fields import Field
from src.policy.nouns import NOUNS
from src.policy.price_file import price_file, read_prices
from src.store import seed

WRONG = [
    ("models", "alias", ["", "a b", "a,b", "a*", "x" * 129, "a\nb", "\ud800"]),
    ("models", "input_price_micros", ["-1", "x", "1.0000001", "nan", "1e99"]),
    ("models", "context_window", ["0", "-1", "1.5", "x", "1_000"]),
    ("models", "deprecated_on", ["2026-02-30", "soon"]),
    ("models", "caps", ["[]", "x", '{"a": NaN}', '{"a": "\\u0000"}', "[" * 100_000]),
    ("models", "vision", ["maybe", ""]),
    ("providers", "provider", ["made-up", ""]),
    ("providers", "base_url", ["ftp://x", "https://u:p@h", "https://h?x=1", "x"]),
    ("providers", "key_env", ["a key", "sk-1234", "1A", ""]),
    ("providers", "timeout_s", ["0", "-1", "x", "nan", "inf"]),
    ("providers", "notes", ["a\0b", "\ud800", "x" * 70_000]),
    ("endpoints", "path", ["/chat", "chat/completions", "/v1/models", "/metrics"]),
    ("endpoints", "method", ["GET", ""]),
    ("endpoints", "temperature", ["-0.1", "2.1", "warm"]),
    ("endpoints", "max_tokens", ["0", "2147483648"]),
    ("prompts", "share", ["0", "100", "half"]),
    ("tools", "name", ["", "a b", "a.b", "\u00e9", "x" * 65]),
    ("tools", "schema", ['{"type": "array"}', "true"]),
    ("chains", "triggers", ["", "never", "error,never"]),
]
RIGHT = [
    ("models", "alias", "org/model:1@x", "org/model:1@x"), ("models", "input_price_micros", "0.000001", 1),
    ("models", "deprecated_on", " 2026-12-31 ", "2026-12-31"), ("models", "caps", '{"a": [1]}', {"a": [1]}),
    ("providers", "provider", "OpenAI", "openai"), ("providers", "key_env", "NONE", "none"),
    ("providers", "base_url", "https://h/v1/", "https://h/v1"), ("providers", "timeout_s", "0.5", 0.5),
    ("endpoints", "path", "/v1/chat/completions", "/chat/completions"), ("endpoints", "method", "post", "POST"),
    ("endpoints", "tools", "a, b,", ("a", "b")), ("endpoints", "temperature", "0", 0.0),
    ("chains", "triggers", "on_error,cost_exceeded,ERROR", ("error", "cost")), ("tools", "schema", "{}", {}),
]


@pytest.mark.parametrize("noun, field, text", [(noun, field, text) for noun, field, texts in WRONG for text in texts],
                         ids=lambda value: ascii(value)[:30])
def test_what_a_field_cannot_hold_is_refused(noun: str, field: str, text: str) -> None:
    with pytest.raises(BadValue):
        NOUNS[noun].by_name[field].read(text)


@pytest.mark.parametrize("noun, field, text, value", RIGHT)
def test_text_becomes_the_value(noun: str, field: str, text: str, value: Any) -> None:
    assert NOUNS[noun].by_name[field].read(text) == value


@pytest.mark.parametrize("field", [field for noun in NOUNS.values() for field in noun.fields],
                         ids=lambda field: field.name)
def test_the_example_of_every_field_is_a_value_that_it_accepts(field: Field) -> None:
    (word,) = shlex.split(field.example)
    field.read(word)


def test_nouns_have_the_article_that_they_are_spoken_with() -> None:
    assert {noun.an for noun in NOUNS.values()} == {
        "a tier", "a tool", "a provider", "a model", "a chain", "an endpoint", "a prompt", "a flag", "a limit"}


@given(st.sampled_from([field for noun in NOUNS.values() for field in noun.fields]), st.text(max_size=40))
def test_any_text_is_read_or_refused(field: Any, text: str) -> None:
    try:
        field.read(text)
    except BadValue as refused:
        assert str(refused)


PLAIN = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9)


@given(st.sampled_from([field for noun in NOUNS.values() for field in noun.fields]),
       PLAIN | st.lists(PLAIN, max_size=3) | st.dictionaries(st.text(max_size=5), PLAIN, max_size=3))
def test_any_document_value_is_read_or_refused(field: Any, value: Any) -> None:
    try:
        field.of_document(value)
    except BadValue as refused:
        assert str(refused)


@pytest.mark.parametrize("value", [True, "1", 1.0, None])
def test_prices_of_documents_are_whole_numbers(value: Any) -> None:
    field = NOUNS["models"].by_name["input_price_micros"]
    if value is None:
        assert field.of_document(value) is None
    else:
        with pytest.raises(BadValue):
            field.of_document(value)


def test_what_a_field_refers_to_exists_and_can_be_written_before_it() -> None:
    order = list(NOUNS)
    for noun in NOUNS.values():
        for field in noun.fields:
            assert field.refers is None or order.index(field.refers) < order.index(noun.name)


def test_without_litellm_there_are_no_prices_and_all_models(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("src.policy.price_file.find_spec", lambda name: None)
    from src.store.registry import Registry
    rows = seed.seed_rows(Registry(), read_prices(price_file()))
    assert len(rows["models"]) > 30
    assert all(row.values()["price_source"] is None for row in rows["models"])


@pytest.mark.parametrize("entry, expected", [
    ('{"input_cost_per_token": 2.8e-07}', 280_000), ('{"input_cost_per_token": 0}', 0),
    ('{"input_cost_per_token": 1.4e-12}', 1), ('{"input_cost_per_token": true}', None),
    ('{"input_cost_per_token": "1"}', None), ("{}", None), ("7", None),
])
def test_prices_of_the_file_are_exact_or_unknown(entry: str, expected: int | None, tmp_path: Path) -> None:
    from src.store.registry import Registry
    file = tmp_path / "prices.json"
    file.write_text('{"gpt-5": %s, "xai/grok-4.5": {"deprecation_date": "soon"}}' % entry)
    rows = {row.values()["alias"]: row.values() for row in seed.seed_rows(Registry(), read_prices(file))["models"]}
    assert rows["gpt-5"]["input_price_micros"] == expected
    assert rows["grok-4.5"]["deprecated_on"] is None
