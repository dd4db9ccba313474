"""The YAML of a LiteLLM file is read as LiteLLM reads it, and every fault has its place."""

import pytest
import yaml

from src.checker.yaml_nodes import walk
from src.checker.yaml_reader import DEEPEST, read_yaml

BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{name}: &{name} [{','.join([f'*{before}'] * 9)}]\n" for before, name in zip("abcdefgh", "bcdefghi"))

BROKEN = [
    ("a: {b: 1", "1:9", "expected ',' or '}'"),
    ("a: {b?: 1}\n", "1:6", "expected ',' or '}'"),
    ("a: |#\n  b\n", "1:5", "indentation indicator"),
    ("a:\n\t- b\n", "2:1", "cannot start any token"),
    ("a: 1\n---\nb: 2\n", "2:1", "a second document"),
    ("a: !foo b\n", "1:4", "!foo"),
    ("a: !!python/name:os.system x\n", "1:4", "not known"),
    ("a: 2025-02-30\n", "1:4", "2025-02-30"),
    ("a: *x\n", "1:4", "undefined alias"),
    ('a: "x\n', "2:1", "quoted scalar"),
    ("- a\nb: c\n", "2:1", "block collection"),
    ("? [a]\n: b\n", "1:3", "cannot be a key"),
    ("a: {{x}}\n", "1:5", "cannot be a key"),
    ("<<: [1]\n", "1:5", "needs a mapping"),
    ("<<: 1\n", "1:5", "needs a mapping"),
    ("one: 1\ntwo: a\x01b\n", "2:7", "U+0001"),
    ("a: b: c\n", "1:5", "not allowed"),
]
# PyYAML reads these, and LiteLLM fails with them or hangs.
TOO_MUCH = [
    ("a: !!set {b, c}\n", "1:4", "!!set"),
    ("a: &x [*x]\n", "1:1", "refer to themselves"),
    (BOMB, "1:1", "beyond all bounds"),
]


@pytest.mark.parametrize(("text", "place", "what"), BROKEN + TOO_MUCH, ids=range(len(BROKEN + TOO_MUCH)))
def test_what_litellm_cannot_read_has_a_place(text: str, place: str, what: str) -> None:
    root, findings = read_yaml(text, "config.yaml")
    assert root is None
    first = findings[0]
    assert (first.code, f"{first.place.line}:{first.place.column}") == ("GW205", place)
    assert what in first.what


@pytest.mark.parametrize("text", [text for text, _, _ in BROKEN], ids=range(len(BROKEN)))
def test_the_loader_of_litellm_refuses_it_too(text: str) -> None:
    with pytest.raises((yaml.YAMLError, ValueError)):
        yaml.safe_load(text)


def test_a_file_of_brackets_is_a_finding_and_no_crash() -> None:
    root, findings = read_yaml("[" * 100_000, "config.yaml")
    assert root is None
    assert f"deeper than {DEEPEST}" in findings[0].what


def test_a_key_that_stands_twice_is_found_and_the_last_one_counts() -> None:
    root, findings = read_yaml("a: 1\nb:\n  c: 1\n  c: 2\n", "config.yaml")
    assert root is not None
    assert [(one.code, one.place.text()) for one in findings] == [("GW204", "config.yaml:4:3: b.c")]
    assert "line 3" in findings[0].what
    value = root.at("b", "c")
    assert value and value.value == 2


def test_every_value_knows_its_place_and_path() -> None:
    text = "model_list:\n- model_name: a\n  litellm_params: {model: gpt-5, rpm: 60}\n'os.x': [1.5, true, null]\n"
    root, _ = read_yaml(text, "config.yaml")
    assert root is not None
    found = {node.place().text(): node.value for node, _ in walk(root) if node.kind == "scalar"}
    assert found == {
        "config.yaml:2:15: model_list[0].model_name": "a",
        "config.yaml:3:27: model_list[0].litellm_params.model": "gpt-5",
        "config.yaml:3:39: model_list[0].litellm_params.rpm": 60,
        "config.yaml:4:10: ['os.x'][0]": 1.5, "config.yaml:4:15: ['os.x'][1]": True,
        "config.yaml:4:21: ['os.x'][2]": None,
    }


def test_merged_keys_are_read_and_own_ones_win() -> None:
    text = "x: &base {rpm: 1, tpm: 2}\nz: &other {rpm: 8, n: 3}\ny:\n  <<: [*base, *other]\n  tpm: 5\n"
    root, findings = read_yaml(text, "config.yaml")
    assert root is not None and findings == []
    node = root.get("y")
    assert node is not None
    loaded = yaml.safe_load(text)["y"]
    assert {key: entry.value.value for key, entry in node.entries.items()} == loaded
    assert {key for key, entry in node.entries.items() if entry.merged} == {"rpm", "n"}


@pytest.mark.parametrize("text", ["", "# only a comment\n", "---\n", "null\n"])
def test_an_empty_file_is_an_empty_document(text: str) -> None:
    root, findings = read_yaml(text, "config.yaml")
    assert root is not None and root.empty and findings == []


def test_a_byte_order_mark_and_tabs_inside_values_are_no_fault() -> None:
    root, findings = read_yaml("\ufeffa: \"x\ty\"\n", "config.yaml")
    value = root.get("a") if root else None
    assert findings == [] and value and value.value == "x\ty"
