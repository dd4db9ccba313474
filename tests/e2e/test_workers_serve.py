"""Two workers: both serve, both run what we add, and `status` tells the truth about them."""

import json
import os
import stat
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from src.mock.server import MockUpstream

from .serving_load import Load
from .serving_support import Gateway, canary, document, until

# Every request is noted with the process that served it and with the id that the ASGI wrapper gave it.
NOTING = """
import json, os, sys, litellm
note = open(os.environ["NOTES"], "a", buffering=1)
note.write(json.dumps({"boot": os.getpid(), "environ": sorted(os.environ),
                       "unused": [name for name in ("rich", "numpy") if name in sys.modules]}) + "\\n")
class CustomLogger(CustomLogger):
    async def async_pre_call_hook(self, user_api_key_dict, cache, data, call_type):
        note.write(json.dumps({"pid": os.getpid(), "id": data["litellm_call_id"],
                               "hooks": [type(one).__name__ for one in litellm.callbacks]}) + "\\n")
        return data
"""
ONLY_AT_START = canary("start")


@pytest.fixture(scope="module")
def notes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("notes") / "notes"


@pytest.fixture(scope="module")
def gateway(upstream: MockUpstream, notes: Path) -> Iterator[Gateway]:
    first = document(upstream.url, litellm_settings={"callbacks": ["noting.instance"]},
                     env={"NOTES": str(notes), "FROM_THE_OVERLAY": "yes"})
    environ = {"DATABASE_URL": "postgresql://nowhere/at-all", "FROM_THE_START": ONLY_AT_START}
    # Coverage asks every loaded module for its file after a fork, which loads those that wait for their first use.
    with Gateway(first, environ, workers=2).unstarted() as running_gateway:
        running_gateway.callback("noting", NOTING)
        running_gateway.start()
        running_gateway.wait_ready()
        yield running_gateway


def noted(notes: Path, field: str) -> list[dict[str, Any]]:
    """Return the notes that have ``field``."""
    return [note for note in map(json.loads, notes.read_text().splitlines()) if field in note]


def test_every_worker_boots_with_the_environment_of_its_configuration(gateway: Gateway, notes: Path) -> None:
    boots = noted(notes, "boot")
    assert {boot["boot"] for boot in boots} == set(gateway.workers())
    for boot in boots:
        names = boot["environ"]
        assert {"FROM_THE_OVERLAY", "FROM_THE_START", "CONFIG_FILE_PATH", "GATEWAY_PLAN_FILE"} <= set(names)
        assert "DATABASE_URL" not in names


def test_hooks_and_wrapper_run_in_both_workers_from_the_first_request_on(gateway: Gateway, notes: Path) -> None:
    before, ids = len(noted(notes, "pid")), []
    serving = set(gateway.workers())

    def both() -> bool:
        ids.append(gateway.chat().headers["x-gateway-request-id"])
        return {note["pid"] for note in noted(notes, "pid")} == serving

    until(both, "both workers have served")
    assert [note["id"] for note in noted(notes, "pid")[before:]] == ids


def test_nothing_is_loaded_that_no_request_uses(gateway: Gateway, notes: Path) -> None:
    assert [boot["unused"] for boot in noted(notes, "boot")] == [[], []]


def test_no_worker_runs_hooks_for_virtual_keys(gateway: Gateway, notes: Path) -> None:
    assert {note["pid"] for note in noted(notes, "hooks")} == set(gateway.workers())
    for note in noted(notes, "hooks"):
        assert {"ResponsesIDSecurity", "SkillsInjectionHook"} <= set(note["hooks"]), "these stay"
        assert not [name for name in note["hooks"] if "Parallel" in name or "Budget" in name or "Cache" in name]


def test_status_counts_the_requests_of_every_worker(gateway: Gateway, notes: Path) -> None:
    with Load(gateway.url, gateway.headers, {"constant": 8}) as load:
        until(lambda: load.done["constant"] >= 60, "some requests are done")
    served = Counter(note["pid"] for note in noted(notes, "pid"))
    counted = {row["pid"]: served[row["pid"]] for row in gateway.ask("status")["workers"]}
    until(lambda: {row["pid"]: row["requests"] for row in gateway.ask("status")["workers"]} == counted, "they agree")


def test_status_has_the_form_that_scripts_rely_on(gateway: Gateway) -> None:
    status = gateway.ask("status")
    assert set(status) == {"ok", "pid", "state", "uptime_s", "version", "url", "config", "generation", "draining",
                           "reloads", "workers"}
    assert status["pid"] == gateway.pid
    assert (status["state"], status["url"], status["generation"]) == ("serving", gateway.url, 1)
    assert (status["draining"], status["reloads"]) == ([], {"accepted": 0, "refused": 0, "unchanged": 0})
    assert len(status["workers"]) == 2
    for row in status["workers"]:
        assert set(row) == {"pid", "state", "generation", "age_s", "requests", "rss_bytes"}
        assert 50 * 2**20 < row["rss_bytes"] < 2**31
        assert 0 < row["age_s"] <= status["uptime_s"]


def test_the_control_socket_answers_nonsense_politely(gateway: Gateway) -> None:
    assert gateway.ask("dance") == {"ok": False, "message": "unknown command"}


def test_private_files_are_private(gateway: Gateway) -> None:
    found = {path.name: stat.S_IMODE(path.lstat().st_mode) for path in gateway.runtime_dir.rglob("*")}
    assert stat.S_IMODE(gateway.runtime_dir.stat().st_mode) == 0o700
    assert found.pop("pid") == 0o600
    assert found == {"control.sock": 0o600, "gen-1": 0o700, "config.yaml": 0o600, "plan.json": 0o600}
    assert (gateway.runtime_dir / "pid").read_text() == f"{gateway.pid}\n"


def test_streams_arrive(gateway: Gateway) -> None:
    body = {"model": "gpt-5", "stream": True, "messages": [{"role": "user", "content": "hi"}]}
    with httpx.stream("POST", f"{gateway.url}/v1/chat/completions", json=body, headers=gateway.headers) as answer:
        lines = [line for line in answer.iter_lines() if line]
    assert len(lines) > 2 and lines[-1] == "data: [DONE]"


def test_a_good_boot_says_nothing_of_litellms_own(gateway: Gateway) -> None:
    before_ready = gateway.log.split("the proxy answers")[0].splitlines()
    assert [line.split()[0] for line in before_ready] == ["worker", "worker"]


def test_no_secret_is_written_anywhere(gateway: Gateway) -> None:
    secrets = [gateway.key, gateway.environ["UPSTREAM_KEY"]]
    texts = [gateway.log, *(path.read_text() for path in gateway.runtime_dir.rglob("gen-*/*"))]
    assert not [text for text in texts for secret in secrets if secret in text]


def test_the_parent_runs_one_thread(gateway: Gateway) -> None:
    assert len(os.listdir(f"/proc/{gateway.pid}/task")) == 1
