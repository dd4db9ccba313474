"""Templates: filled in one pass, bounded, and put before the client's own words on every route that takes a prompt."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.policy.prompts import (
    MOST_BYTES, Filled, PromptProblem, Template, Text, Versions, fill, insert)

NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_.-]{0,20}", fullmatch=True)


def template(system: str | None = None, user: str | None = None) -> Template:
    return Template("t", 1, None if system is None else Text.of(system), None if user is None else Text.of(user))


@pytest.mark.parametrize("source, values, expected", [
    ("plain", {}, "plain"),
    ("{{a}}", {"a": "1"}, "1"),
    ("{{ a }}{{a}}", {"a": "x"}, "xx"),
    ("{{a}} {{b}}", {"a": "{{b}}", "b": "B"}, "{{b}} B"),
    ("{a} {{}} {{1}} {{a b}} {{{a}}}", {"a": "v"}, "{a} {{}} {{1}} {{a b}} {v}"),
    ("line\n{{a.b-c}}", {"a.b-c": "v"}, "line\nv"),
    ("\\{{a}} $a %s {{a}}", {"a": "\\1"}, "\\\\1 $a %s \\1"),
])
def test_names_are_replaced_once_and_nothing_else(source: str, values: dict[str, str], expected: str) -> None:
    assert fill(template(user=source), values).user == expected


@given(st.dictionaries(NAMES, st.text(max_size=50), min_size=1, max_size=5), st.text(max_size=30))
def test_whatever_a_value_holds_it_arrives_as_it_is(values: dict[str, str], between: str) -> None:
    between = between.replace("{", "").replace("}", "")
    source = between.join("{{%s}}" % name for name in values)
    assert fill(template(user=source), values).user == between.join(values.values())


@pytest.mark.parametrize("value, expected", [("t", "t"), (1, "1"), (1.5, "1.5"), (True, "true"), (False, "false")])
def test_numbers_and_booleans_are_texts_too(value: object, expected: str) -> None:
    assert fill(template(user="{{v}}"), {"v": value}).user == expected


@pytest.mark.parametrize("variables, said", [
    (None, "'b', 'a'"), ({"a": "1"}, "variable 'b' in"), ({"a": "1", "b": None}, "'b'"), ({"a": [], "b": "1"}, "'a'"),
    ({"a": {}, "b": "1"}, "'a'"), ("text", "prompt_variables"), ([], "prompt_variables"),
])
def test_what_is_missing_or_no_text_is_named(variables: object, said: str) -> None:
    with pytest.raises(PromptProblem, match="prompt_variables") as problem:
        fill(template("{{b}}", "{{a}}"), variables)
    assert said in problem.value.message
    assert problem.value.param == "prompt_variables"


@pytest.mark.parametrize("value, fits", [
    ("x" * (MOST_BYTES - 1), True), ("x" * MOST_BYTES, False), ("é" * (MOST_BYTES // 2), False),
    ("é" * (MOST_BYTES // 2 - 1), True), ("\ud800" * (MOST_BYTES // 3 + 1), False),
])
def test_a_filled_template_is_bounded_in_bytes(value: str, fits: bool) -> None:
    try:
        fill(template("s", "{{v}}"), {"v": value})
    except PromptProblem as problem:
        assert not fits and "is longer than 64 KiB once filled" in problem.message
    else:
        assert fits


BOTH = Filled("S", "U")
OWN = {"role": "user", "content": "own"}


@pytest.mark.parametrize("kind, body, filled, expected", [
    ("chat", {"messages": [OWN]}, BOTH,
     {"messages": [{"role": "system", "content": "S"}, {"role": "user", "content": "U"}, OWN]}),
    ("chat", {}, Filled("S", None), {"messages": [{"role": "system", "content": "S"}]}),
    ("messages", {"messages": [OWN]}, BOTH, {"system": "S", "messages": [{"role": "user", "content": "U"}, OWN]}),
    ("messages", {"system": "mine"}, Filled("S", None), {"system": "S\n\nmine"}),
    ("count_tokens", {"system": [{"type": "text", "text": "mine"}]}, Filled("S", None),
     {"system": [{"type": "text", "text": "S"}, {"type": "text", "text": "mine"}]}),
    ("responses", {"input": "own", "instructions": "mine"}, BOTH,
     {"input": [{"role": "user", "content": "U"}, OWN], "instructions": "S\n\nmine"}),
    ("responses", {"input": [OWN]}, Filled(None, "U"), {"input": [{"role": "user", "content": "U"}, OWN]}),
    ("responses", {"input": [OWN]}, Filled("S", None), {"input": [OWN], "instructions": "S"}),
    ("completions", {"prompt": "own"}, BOTH, {"prompt": "S\n\nU\n\nown"}),
    ("completions", {"prompt": ""}, BOTH, {"prompt": "S\n\nU"}),
    ("completions", {"prompt": None}, BOTH, {"prompt": "S\n\nU"}),
    ("completions", {}, Filled("", None), {"prompt": ""}), ("chat", {"messages": None}, Filled("", ""), {"messages": [
        {"role": "system", "content": ""}, {"role": "user", "content": ""}]}),
    ("messages", {"messages": [OWN], "system": ""}, Filled("S", None), {"messages": [OWN], "system": "S"}),
    ("messages", {"messages": [OWN], "system": "mine"}, Filled(None, "U"),
     {"messages": [{"role": "user", "content": "U"}, OWN], "system": "mine"}),
    ("messages", {"system": []}, Filled("S", None), {"system": [{"type": "text", "text": "S"}]}),
    ("responses", {"input": "", "instructions": ""}, BOTH,
     {"input": [{"role": "user", "content": "U"}, {"role": "user", "content": ""}], "instructions": "S"}),
    ("responses", {}, Filled(None, "U"), {"input": [{"role": "user", "content": "U"}]}),
    ("images_generations", {"prompt": "own"}, Filled("S", None), {"prompt": "S\n\nown"}),
    ("images_generations", {}, Filled(None, "U"), {"prompt": "U"}),
])
def test_the_template_stands_before_the_clients_words(kind: str, body: dict[str, Any], filled: Filled,
                                                      expected: dict[str, Any]) -> None:
    insert(kind, body, filled)
    assert body == expected


@pytest.mark.parametrize("kind, body, param", [
    ("embeddings", {"input": "x"}, "prompt_id"), ("speech", {}, "prompt_id"), ("chat", {"messages": "x"}, "messages"),
    ("completions", {"prompt": [1, 2]}, "prompt"), ("messages", {"system": 7}, "system"),
    ("responses", {"input": 7}, "input"), ("responses", {"input": {}}, "input"),
    ("messages", {"messages": {}}, "messages"),
    ("responses", {"instructions": []}, "instructions"), ("images_generations", {"prompt": {}}, "prompt"),
    ("images_edits", {}, "prompt_id"), ("transcriptions", {}, "prompt_id"), ("chat", {"messages": 0}, "messages"),
])
def test_where_a_template_has_no_place_the_field_is_named(kind: str, body: dict[str, Any], param: str) -> None:
    with pytest.raises(PromptProblem) as problem:
        insert(kind, body, BOTH)
    assert problem.value.param == param


@pytest.mark.parametrize(("share", "part"), [(0, 0.0), (1, 0.01), (50, 0.5), (99, 0.99), (100, 1.0)])
def test_a_share_is_a_share_to_its_bounds(share: int, part: float) -> None:
    versions = Versions(template("A"), template("B"), share)
    others = sum(versions.choose(f"user-{number}") is versions.other for number in range(5_000))
    assert others == part * 5_000 if share in (0, 100) else abs(others - part * 5_000) < 150


def test_a_user_may_have_different_versions_of_two_templates() -> None:
    one, two = (Versions(Template(slug, 1), Template(slug, 2), 50) for slug in ("one", "two"))
    same = sum(one.choose(str(number)).version == two.choose(str(number)).version for number in range(2_000))
    assert 800 < same < 1_200


@pytest.mark.parametrize(("source", "names"), [
    ("{{b}}{{a}}{{b}}", ("b", "a")), ("none", ()), ("{{" + "n" * 64 + "}}", ("n" * 64,)), ("{{" + "n" * 65 + "}}", ()),
    ("{{_1.x-y}} {{1a}} {{ä}}", ("_1.x-y",)), ("{{\ta\n}}", ("a",)),
])
def test_these_are_the_variables_of_a_text(source: str, names: tuple[str, ...]) -> None:
    assert Text.of(source).names == names
    assert template(source, source).names == names


def test_the_same_user_always_gets_the_same_version() -> None:
    versions = Versions(template("A"), template("B"), 30)
    people = [f"user-{number}" for number in range(2_000)]
    first = [versions.choose(who) is versions.other for who in people]
    assert first == [versions.choose(who) is versions.other for who in people]
    assert 0.25 < sum(first) / len(first) < 0.35


def test_without_a_test_everybody_gets_the_active_version() -> None:
    versions = Versions(template("A"))
    assert {versions.choose(str(number)) for number in range(50)} == {versions.active}
