"""What commands on rows print for people: aligned columns, words instead of Python, nothing that steers a terminal."""

from pathlib import Path
from typing import Any

import pytest

from src.cli.nouns import table

from .declaring import refused
from .test_registry_cli import Line

XAI = (("providers", "add", "xai", "--provider", "xai"),
       ("models", "add", "grok-3-mini", "--provider", "xai", "--input-price", "0.3"))


@pytest.fixture
def line(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Line:
    return Line(tmp_path, capfd)


@pytest.mark.parametrize("columns, row, cells", [
    (("name", "active"), {"name": "a", "active": True}, ["a", "yes"]),
    (("name", "active"), {"name": "a", "active": False}, ["a", "no"]),
    (("name", "rpm"), {"name": "a", "rpm": 0}, ["a", "0"]),
    (("name", "rpm", "tools"), {"name": "a", "rpm": None, "tools": []}, ["a", "-", "-"]),
    (("name", "tools"), {"name": "a", "tools": ["b", "c"]}, ["a", "b,", "c"]),
    (("name", "caps"), {"name": "a", "caps": {"b": 1}}, ["a", '{"b":', "1}"]),
    (("name",), {"name": "\x1b[31ma\nb"}, ["\\x1b[31ma\\x0ab"]),
    (("name", "budget_micros"), {"name": "a", "budget_micros": None}, ["a", "-"]),
    (("name", "budget_micros"), {"name": "a", "budget_micros": 0}, ["a", "0"]),
    (("name", "budget_micros"), {"name": "a", "budget_micros": 1_500_000}, ["a", "1.5"]),
    (("name", "budget_micros"), {"name": "a", "budget_micros": 10_000_001}, ["a", "10.000001"]),
])
def test_a_row_is_shown_in_words(columns: tuple[str, ...], row: dict[str, Any], cells: list[str]) -> None:
    head, shown = table(columns, [row]).splitlines()
    assert head.split() == [name.removesuffix("_micros").upper() for name in columns]
    assert shown.split() == cells


def test_columns_are_aligned_and_lines_end_where_their_text_does() -> None:
    rows: list[dict[str, Any]] = [{"name": "long-name", "note": "x"}, {"name": "a", "note": None},
                                  {"name": "b", "note": ""}]
    assert table(("name", "note"), rows).splitlines() == ["NAME       NOTE", "long-name  x", "a          -", "b"]


@pytest.mark.parametrize("noun, head", [
    ("providers", "NAME PROVIDER BASE_URL KEY_ENV ACTIVE"), ("tiers", "NAME DESCRIPTION"),
    ("flags", "NAME ENABLED TIER ENDPOINT ENVIRONMENT"), ("prompts", "SLUG VERSION ENDPOINT ACTIVE SHARE"),
    ("models", "ALIAS PROVIDER MODEL_ID MODE CONTEXT_WINDOW INPUT_PRICE OUTPUT_PRICE ENABLED")])
def test_people_get_a_table_and_programs_json(noun: str, head: str, line: Line) -> None:
    for arguments in XAI:
        line.text(*arguments)
    shown = line.text(noun, "list").splitlines()
    assert shown[0].split() == head.split()
    assert [row.split()[0] for row in shown[1:]] == [row.get("name") or row["alias"] for row in line.json(noun, "list")]


def test_one_row_is_shown_without_what_it_does_not_say(line: Line) -> None:
    for arguments in XAI:
        line.text(*arguments)
    shown = dict(row.split(": ", 1) for row in line.text("models", "show", "grok-3-mini").splitlines())
    assert shown["alias"] == "grok-3-mini" and shown["enabled"] == "yes" and "context_window" not in shown
    assert shown["input_price_micros"] == "300000" and shown["price_source"] == "operator"


def test_prices_that_are_typed_are_the_operators_and_clearing_one_is_no_price(line: Line) -> None:
    line.text(*XAI[0])
    line.text("models", "add", "m", "--provider", "xai", "--input-price", "1", "--price-source", "their page")
    assert "price_source" not in line.text("models", "set", "m", "--unset", "input-price")
    assert line.json("models", "show", "m")["price_source"] == "their page"
    line.text("models", "set", "m", "--output-price", "2")
    assert line.json("models", "show", "m")["price_source"] == "operator"


def test_a_template_is_removed_with_all_its_versions_unless_one_is_named(line: Line) -> None:
    line.text("prompts", "add", "sum", "--user", "A")
    line.text("prompts", "set", "sum", "--user", "B")
    line.text("prompts", "set", "sum", "--user", "C")
    line.text("prompts", "remove", "sum", "--version", "1")
    assert [row["version"] for row in line.json("prompts", "list")] == [2, 3]
    assert len(line.text("prompts", "remove", "sum").splitlines()) == 2
    assert line.json("prompts", "list") == []
    refused(line("prompts", "remove", "sum"), "there is no prompt", code=1)


@pytest.mark.parametrize("arguments", [
    ("flags", "set", "enable_streaming", "--off", "--unset", "tier"), ("tiers", "set", "gold", "--unset", "name"),
    ("models", "set", "grok-3-mini", "--mode", "chat", "--unset", "mode")])
def test_what_names_a_row_or_is_given_cannot_be_cleared(arguments: tuple[str, ...], line: Line) -> None:
    for before in (*XAI, ("tiers", "add", "gold"), ("flags", "set", "enable_streaming", "--on", "--tier", "gold")):
        line.text(*before)
    kept = line.text("registry", "export")
    refused(line(*arguments), f"--unset '{arguments[-1]}' is no field that can be cleared")
    assert line.text("registry", "export") == kept
