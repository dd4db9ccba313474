"""What a reload would change is told without one: real sources read by a real process, nothing proposed."""

import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from src.serving.generation import Generation
from src.serving.loop import Loop
from src.serving.order import Document, Order, parse_document
from src.serving.preview import Previews

from .declaring import canary
from .test_serving_loop import loop, turn_until

__all__ = ["loop"]  # the fixture
SECRET, ROTATED = canary(), canary("rotated")


def launched(timeout: int, key: str, **more: str) -> dict[str, Any]:
    return {"version": 1, "hash": f"{timeout:012d}", "yaml": "model_list: []\n",
            "env": {"MY_KEY": key, **more}, "unset": [],
            "plan": {"models": [{"key": "a", "alias": "a", "timeout": timeout}], "secret_names": ["MY_KEY"]}}


class Asker:
    """Hears answers as a connection would."""

    def __init__(self) -> None:
        self.heard: list[dict[str, Any]] = []

    def answer(self, message: dict[str, object], last: bool = True) -> None:
        self.heard.append(json.loads(json.dumps(message)))


class Parent:
    """The part of the parent that answers: serving ``document``, rendering with ``code``."""

    def __init__(self, loop: Loop, folder: Path, code: str, document: Document | None) -> None:
        self.loop = loop
        current = None if document is None else Generation(1, document, folder, dict(document.environ))
        order = Order(generation=document or parse_document(json.dumps(launched(1, ""))), runtime_dir=str(folder),
                      renderer=(sys.executable, "-c", code) if code else ())
        self.previews = Previews(order, {"PATH": "/bin"}, frozenset({"OTHER"}), lambda: current, loop)

    def ask(self, askers: int = 1) -> list[dict[str, Any]]:
        asking = [Asker() for _ in range(askers)]
        for one in asking:
            self.previews.ask(one)  # type: ignore[arg-type]

        def step() -> bool:
            self.previews.step(time.monotonic())
            return all(one.heard for one in asking)

        turn_until(self.loop, step)
        assert all(len(one.heard) == 1 for one in asking)
        return [one.heard[0] for one in asking]


@pytest.fixture
def document() -> Iterator[Document]:
    yield parse_document(json.dumps(launched(30, SECRET)))


def printing(document: dict[str, Any]) -> str:
    return f"print({json.dumps(json.dumps(document))})"


def test_both_configurations_are_told_and_secrets_by_name(loop: Loop, tmp_path: Path, document: Document) -> None:
    parent = Parent(loop, tmp_path, printing(launched(31, ROTATED, OTHER="x")), document)
    for answer in parent.ask(askers=2):
        assert (answer["ok"], answer["old"]["hash"], answer["new"]["hash"]) == (True, f"{30:012d}", f"{31:012d}")
        assert answer["new"]["plan"]["models"][0]["timeout"] == 31
        assert answer["environment"] == ["secret MY_KEY: changed", "variable OTHER: added",
                                         "variable OTHER: it is read at start only, restart the gateway for it"]
        assert SECRET not in json.dumps(answer) and ROTATED not in json.dumps(answer)
    assert parent.previews.configuration() == {"ok": True, "hash": document.hash, "plan": document.plan,
                                               "yaml": document.yaml}


def test_reasons_of_a_refusal_hold_no_secret(loop: Loop, tmp_path: Path, document: Document) -> None:
    code = f"import sys; print('wrong: {SECRET}', file=sys.stderr); sys.exit(2)"
    (answer,) = Parent(loop, tmp_path, code, document).ask()
    assert answer["ok"] is False and "would refuse" in answer["message"]
    assert answer["lines"] and SECRET not in json.dumps(answer)


def test_a_renderer_that_cannot_start_is_told(loop: Loop, tmp_path: Path, document: Document) -> None:
    (answer,) = Parent(loop, tmp_path, "", document).ask()
    assert answer["ok"] is False and "cannot be read again" in answer["lines"][0]


def test_before_anything_is_served_there_is_nothing_to_tell(loop: Loop, tmp_path: Path) -> None:
    parent = Parent(loop, tmp_path, printing(launched(31, "x")), None)
    assert parent.previews.configuration()["ok"] is False
    assert "no configuration" in parent.ask()[0]["message"]


def test_stopping_ends_the_reading(loop: Loop, tmp_path: Path, document: Document) -> None:
    previews = Parent(loop, tmp_path, "import time; time.sleep(600)", document).previews
    asker = Asker()
    previews.ask(asker)  # type: ignore[arg-type]
    previews.step(time.monotonic())
    previews.cancel()
    previews.cancel()
    previews.step(time.monotonic())
    assert asker.heard == []
