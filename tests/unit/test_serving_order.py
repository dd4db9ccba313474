"""The order and the launch document: what is understood, what is refused."""

import json
import os
import resource
import signal
import tempfile
from typing import Any

import pytest

from src.errors import NotStarted
from src.serving.generation import overlay, prepare
from src.serving.order import Malformed, parse_document, parse_order, read_order

DOCUMENT: dict[str, Any] = {
    "version": 1, "hash": "0123456789ab", "yaml": "model_list: []\n",
    "plan": {"models": [{"alias": "gpt-5"}, {"alias": "local/*"}], "chains": [{"alias": "default"}],
             "secret_names": ["A_KEY"]},
    "env": {"A_KEY": "hidden-value", "PLAIN": "1"}, "unset": ["DATABASE_URL"], "notes": ["a note"],
}
ORDER: dict[str, Any] = {"version": 1, "runtime_dir": "/nowhere", "generation": DOCUMENT}


def test_a_document_names_the_aliases_a_worker_must_list() -> None:
    document = parse_document(json.dumps(DOCUMENT))
    assert document.aliases == {"gpt-5", "default"}, "LiteLLM expands wildcards, so those are not listed"
    assert document.secret_names == ("A_KEY",)
    assert document.notes == ("a note",)


def test_a_document_shows_no_value_by_accident() -> None:
    assert "hidden-value" not in repr(parse_document(json.dumps(DOCUMENT)))


@pytest.mark.parametrize(("text", "said"), [
    ("{", "not JSON"),
    ("[]", "not an object of version 1"),
    (json.dumps(DOCUMENT | {"version": 2}), "not an object of version 1"),
    *((json.dumps({name: value for name, value in DOCUMENT.items() if name != missing}), f"{missing} is missing")
      for missing in ("hash", "yaml", "plan", "env", "unset")),
    (json.dumps(DOCUMENT | {"env": []}), "env is missing or not dict"),
])
def test_what_is_no_document(text: str, said: str) -> None:
    with pytest.raises(Malformed, match=said):
        parse_document(text)


def test_a_text_that_is_no_json_is_not_repeated() -> None:
    with pytest.raises(Malformed) as caught:
        parse_document('{"env": {"A_KEY": "hidden-value"')
    assert "hidden-value" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_an_order_fills_in_what_it_does_not_name() -> None:
    order = parse_order(json.dumps(ORDER | {"workers": 2, "watch": ["/x/.env"], "renderer": ["python", "-m", "x"]}))
    assert (order.workers, order.grace, order.reload_grace, order.keepalive) == (2, 30.0, 3600.0, 20.0)
    assert (order.watch, order.renderer) == (("/x/.env",), ("python", "-m", "x"))


def test_an_order_of_a_later_launcher_with_more_fields_is_understood() -> None:
    assert parse_order(json.dumps(ORDER | {"something_new": True})).workers == 1


@pytest.mark.parametrize(("host", "url"), [
    ("127.0.0.1", "https://127.0.0.1:4001"), ("0.0.0.0", "https://127.0.0.1:4001"), ("::", "https://[::1]:4001"),
    ("::1", "https://[::1]:4001"), ("gateway.test", "https://gateway.test:4001")
])
def test_the_url_is_one_that_can_be_pasted(host: str, url: str) -> None:
    assert parse_order(json.dumps(ORDER | {"host": host, "port": 4001, "scheme": "https"})).url == url


@pytest.mark.parametrize("order", [
    {}, {"version": 1}, {"version": 1, "generation": DOCUMENT}, ORDER | {"generation": 1},
])
def test_an_order_that_cannot_be_read_does_not_start(order: dict[str, Any]) -> None:
    with tempfile.TemporaryFile("w+") as file:
        json.dump(order, file)
        file.seek(0)
        with pytest.raises(NotStarted, match="the launch order cannot be read"):
            read_order(os.dup(file.fileno()))


def test_a_worker_sees_the_start_environment_with_the_overlay_on_top() -> None:
    document = parse_document(json.dumps(DOCUMENT))
    start = {"PLAIN": "0", "PATH": "/bin", "DATABASE_URL": "x"}
    assert overlay(start, document) == {"PLAIN": "1", "PATH": "/bin", "A_KEY": "hidden-value"}


def test_a_generation_has_private_files_of_its_own(tmp_path: Any) -> None:
    document = parse_document(json.dumps(DOCUMENT))
    generation = prepare(3, document, {"CONFIG_FILE_PATH": "/theirs.yaml"}, tmp_path)
    assert generation.environ["CONFIG_FILE_PATH"] == str(tmp_path / "gen-3" / "config.yaml")
    assert (tmp_path / "gen-3" / "config.yaml").read_text() == DOCUMENT["yaml"]
    assert json.loads((tmp_path / "gen-3" / "plan.json").read_text()) == DOCUMENT["plan"]
    assert "hidden-value" not in repr(generation)
    assert generation.scrubber("the key is hidden-value") == "the key is ***"
    generation.discard()
    assert list(tmp_path.iterdir()) == []


def test_files_that_cannot_be_written_leave_nothing(tmp_path: Any) -> None:
    unwritable = parse_document(json.dumps(DOCUMENT | {"yaml": "x" * 2_000_000}))
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, limit[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            prepare(1, unwritable, {}, tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
        signal.signal(signal.SIGXFSZ, handler)
    assert list(tmp_path.iterdir()) == []
