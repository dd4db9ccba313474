"""What differs between two configurations is said in the operator's words, and secrets by name only."""

from copy import deepcopy
from typing import Any

import pytest

from src.config.diff import changed_names, diff_environments, diff_plans
from src.serving.difference import differences
from src.serving.order import Document

PLAN: dict[str, Any] = {
    "version": 1, "hash": "a" * 12,
    "models": [
        {"key": "gpt5", "alias": "gpt-5", "base": "https://api.openai.com/v1", "rpm": None, "source": "a flag"},
        {"key": "local", "alias": "llama", "base": "http://127.0.0.1:8000/v1", "rpm": 10, "source": ".env line 4"},
    ],
    "chains": [{"key": "default", "alias": "default", "models": ["gpt5", "local"], "source": "env"}],
    "settings": {"max_body_mb": 20, "cors_origins": []},
}


def changed(**paths: Any) -> dict[str, Any]:
    """Return the plan with values replaced, by paths such as ``models__0__rpm``."""
    plan = deepcopy(PLAN)
    for path, value in paths.items():
        *parents, name = [int(part) if part.isdigit() else part for part in path.split("__")]
        place: Any = plan
        for parent in parents:
            place = place[parent]
        place[name] = value
    return plan


@pytest.mark.parametrize(("new", "lines"), [
    (changed(), []),
    (changed(hash="b" * 12, models__0__source=".env line 9"), []),
    (changed(models__0__rpm=5), ["model gpt5: rpm unset -> 5"]),
    (changed(models__1__rpm=None), ["model local: rpm 10 -> unset"]),
    (changed(models__0__base="https://b/v1", models__0__alias="five"),
     ['model gpt5: alias "gpt-5" -> "five"', 'model gpt5: base "https://api.openai.com/v1" -> "https://b/v1"']),
    (changed(models__0__timeout=3.5), ["model gpt5: timeout unset -> 3.5"]),
    (changed(models=PLAN["models"][:1]), ["model local: removed (alias llama)"]),
    (changed(models=[*PLAN["models"], {"key": "new", "alias": "n"}]), ["model new: added (alias n)"]),
    (changed(models=PLAN["models"][::-1]), ["models: now in the order local, gpt5"]),
    (changed(chains=[]), ["chain default: removed (alias default)"]),
    (changed(chains__0__models=["local"]), ['chain default: models ["gpt5", "local"] -> ["local"]']),
    (changed(settings__max_body_mb=1), ["settings: max_body_mb 20 -> 1"]),
])
def test_plans(new: dict[str, Any], lines: list[str]) -> None:
    assert diff_plans(PLAN, new) == lines


def test_a_first_plan_is_all_additions() -> None:
    assert diff_plans({}, PLAN)[:3] == [
        "model gpt5: added (alias gpt-5)", "model local: added (alias llama)", "chain default: added (alias default)",
    ]


def test_variables_are_named_and_never_shown() -> None:
    old = {"A_KEY": "old-value", "GONE": "gone-value", "SAME": "same-value"}
    new = {"A_KEY": "new-value", "PLAIN": "plain-value", "SAME": "same-value"}
    lines = diff_environments(old, new, secrets=["A_KEY"])
    assert lines == ["secret A_KEY: changed", "variable GONE: removed", "variable PLAIN: added"]
    assert "value" not in "".join(lines)
    assert changed_names(old, new) == {"A_KEY", "GONE", "PLAIN"}


def configuration(yaml: str = "a: 1", rpm: int | None = None, unset: tuple[str, ...] = (), **environ: str) -> Document:
    plan = changed(models__0__rpm=rpm) | {"secret_names": ["MODEL_GPT5_API_KEY"]}
    return Document(hash="h", yaml=yaml, plan=plan, environ=environ, unset=unset)


@pytest.mark.parametrize(("new", "lines"), [
    (configuration(), []),
    (configuration(yaml="a: 2"), ["configuration: what LiteLLM is told changed"]),
    (configuration(rpm=5, MODEL_GPT5_RPM="5"), ["model gpt5: rpm unset -> 5"]),
    (configuration(MODEL_GPT5_API_KEY="new"), ["secret MODEL_GPT5_API_KEY: added"]),
    (configuration(PLAIN="1"), ["variable PLAIN: added"]),
    (configuration(WORKERS="4"),
     ["variable WORKERS: added", "variable WORKERS: it is read at start only, restart the gateway for it"]),
    (configuration(DEFAULT_MAX_TOKENS="4"),
     ["variable DEFAULT_MAX_TOKENS: added",
      "variable DEFAULT_MAX_TOKENS: it is read at start only, restart the gateway for it"]),
    (configuration(FROM_START="1"), ["variable FROM_START: changed"]),
    (configuration(unset=("FROM_START",)), ["variable FROM_START: removed"]),
])
def test_whole_configurations(new: Document, lines: list[str]) -> None:
    found = differences(configuration(), new, {"FROM_START": "0"}, {"DEFAULT_MAX_TOKENS", "UNCHANGED"})
    assert found == lines


def test_notes_are_no_difference() -> None:
    noted = Document(hash="h", yaml="a: 1", plan=configuration().plan, environ={}, notes=("look here",))
    assert differences(configuration(), noted, {}, set()) == []
