"""The table of codes is complete and true: every problem has one, every one has a test, none means two things."""

import ast
import re
from pathlib import Path

import pytest

from src.checker.codes import CODES, GROUPS, _ROWS, explain
from tests.unit.test_check_declared import CASES
from tests.unit.test_house import KEY_SHAPES, modules

ROOT = Path(__file__).parents[2]
# Where a plan's problems are made, beside all of src/config.
BESIDE_CONFIG = ("src/cli/limits_plan.py", "src/cli/sources.py", "src/store/checks.py", "src/store/limits.py")
# Rows whose problems get their code where they join the plan (src/config/registry.py).
MAY_LACK_ONE = ("src/store/checks.py", "src/store/limits.py")
# Positions of `code` among the arguments.
CARRIERS = {"Problem": 3, "BadValue": 1, "Note": 1}


def calls(name: str) -> list[tuple[str, ast.Call]]:
    """Return where a plan's Problem, Note or BadValue is made."""
    return [(f"{file}:{node.lineno}", node) for file, tree in modules("src").items()
            if file.startswith("src/config/") or file in BESIDE_CONFIG
            for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
            and node.func.id == name]


def code_of(call: ast.Call, position: int) -> ast.expr | None:
    named = [keyword.value for keyword in call.keywords if keyword.arg == "code"]
    return named[0] if named else call.args[position] if len(call.args) > position else None


def constants(node: ast.expr | None) -> list[str]:
    """Return the codes that an argument can be: a text, or one of two."""
    if isinstance(node, ast.Constant):
        return [str(node.value)]
    return constants(node.body) + constants(node.orelse) if isinstance(node, ast.IfExp) else []


def test_every_problem_of_a_plan_has_a_code_from_the_table() -> None:
    made = calls("Problem")
    assert len(made) > 50
    without = [place for place, call in made if code_of(call, CARRIERS["Problem"]) is None
               and not place.startswith(MAY_LACK_ONE)]
    assert without == []


@pytest.mark.parametrize("carrier", CARRIERS)
def test_no_code_is_used_that_is_not_in_the_table(carrier: str) -> None:
    used = [code for _, call in calls(carrier) for code in constants(code_of(call, CARRIERS[carrier]))]
    assert used and [code for code in used if code not in CODES] == []


def test_no_file_of_the_gateway_names_a_code_that_there_is_not() -> None:
    texts = {file: (ROOT / file).read_text(encoding="utf-8") for file in modules("src")}
    named = {(file, code) for file, text in texts.items() for code in re.findall(r"GW\d{3}", text)}
    assert len(named) > 100 and sorted(pair for pair in named if pair[1] not in CODES) == []


def test_what_keeps_a_plan_from_starting_is_an_error() -> None:
    used = {code for carrier in ("Problem", "BadValue") for _, call in calls(carrier)
            for code in constants(code_of(call, CARRIERS[carrier]))}
    assert [code for code in sorted(used) if CODES[code].severity != "error"] == []


def test_what_a_launch_only_remarks_is_a_warning() -> None:
    used = {code for _, call in calls("Note") for code in constants(code_of(call, CARRIERS["Note"]))}
    assert [code for code in sorted(used) if CODES[code].severity != "warning"] == []


def test_no_code_stands_for_two_things() -> None:
    assert len(_ROWS) == len(CODES)
    titles = [code.title for code in CODES.values()]
    assert len(set(titles)) == len(titles)


def test_every_code_has_its_group_and_the_groups_are_in_order() -> None:
    assert all(re.fullmatch(r"GW[1-7]\d\d", code) and code[:3] in GROUPS for code in CODES)
    assert list(CODES) == sorted(CODES)


def test_every_code_is_found_by_a_test() -> None:
    of_files = {code for path in (ROOT / "tests" / "unit").glob("test_check_*.py")
                if "file" in path.name or "command" in path.name
                for code in re.findall(r"GW\d{3}", path.read_text(encoding="utf-8"))}
    ours = {case.code for case in CASES}
    assert sorted(set(CODES) - ours - of_files) == []


@pytest.mark.parametrize("code", CODES)
def test_every_code_is_explained_with_a_wrong_and_a_right_example(code: str) -> None:
    row = CODES[code]
    text = explain(row)
    assert text.startswith(f"{code} ({row.severity}): {row.title}\n\n{row.why}")
    assert row.why.endswith(".") and not row.title.endswith(".")
    assert row.wrong and row.right and row.wrong != row.right
    assert not any(re.search(shape, text) for shape in KEY_SHAPES.values())
