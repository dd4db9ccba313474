"""What a reload takes up, what it refuses, and what it says: with a gateway that keeps serving all the while."""

import json
import signal
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from src.mock.server import MockUpstream

from .serving_support import Gateway, canary, document, plan_model, until

WORKERS = 2
# Longer than any boot on a loaded machine; one test waits for it.
BOOT_TIMEOUT_S = 10.0


@pytest.fixture(scope="module")
def gateway(upstream: MockUpstream) -> Iterator[Gateway]:
    first = document(upstream.url)
    with Gateway(first, workers=WORKERS, keepalive=2.0, boot_timeout=BOOT_TIMEOUT_S, measured=True) as running_gateway:
        yield running_gateway


@pytest.fixture
def settled(gateway: Gateway, upstream: MockUpstream) -> dict[str, Any]:
    """Serve one known configuration with every worker, and return its document."""
    known = document(upstream.url)
    gateway.reload(known)
    until(lambda: settled_down(gateway), "the workers are complete")
    return known


def settled_down(gateway: Gateway) -> bool:
    status = gateway.ask("status")
    return [row["state"] for row in status["workers"]] == ["serving"] * WORKERS and not status["draining"]


def with_environ(known: dict[str, Any], **values: str) -> dict[str, Any]:
    return known | {"env": {**known["env"], **values}}


def test_the_same_configuration_starts_nothing(gateway: Gateway, settled: dict[str, Any]) -> None:
    before = gateway.workers()
    outcome = gateway.reload(settled)
    assert (outcome["result"], outcome["lines"], outcome["ok"]) == ("unchanged", [], True)
    assert gateway.workers() == before


def test_a_changed_configuration_is_taken_up_and_described(
    gateway: Gateway, upstream: MockUpstream, settled: dict[str, Any]
) -> None:
    before = gateway.ask("status")
    new = document(upstream.url, ("other", "gpt-5"))
    new["plan"]["models"][1]["retries"] = 3
    outcome = gateway.reload(new)
    assert outcome["result"] == "accepted"
    assert outcome["lines"] == ["model other: added (alias other)", "model gpt5: retries 1 -> 3"]
    until(lambda: settled_down(gateway), "the older workers have left")
    after = gateway.ask("status")
    assert after["config"] == new["hash"] != before["config"]
    assert after["generation"] == before["generation"] + 1
    assert after["pid"] == before["pid"]
    assert not {row["pid"] for row in after["workers"]} & {row["pid"] for row in before["workers"]}
    assert gateway.aliases() == ["other", "gpt-5"]
    assert gateway.chat("other").json()["choices"]
    assert "model other: added" in gateway.log


def test_sighup_reloads(gateway: Gateway, upstream: MockUpstream, settled: dict[str, Any]) -> None:
    gateway.declare(document(upstream.url, ("gpt-5", "by-signal")))
    gateway.signal(signal.SIGHUP)
    until(lambda: "by-signal" in gateway.aliases(), "the new alias is listed")


def test_requests_to_reload_at_once_are_answered_together(gateway: Gateway, settled: dict[str, Any]) -> None:
    refused = {"version": 1, "refuse": "MODEL_GPT5_UPSTREAM_MODEL is empty"}
    gateway.declare(refused)
    before = gateway.ask("status")["reloads"]["refused"]
    for _ in range(50):
        gateway.signal(signal.SIGHUP)
    outcome = gateway.ask("reload")
    assert outcome["result"] == "refused"
    gateway.declare(settled)
    gateway.ask("reload")
    assert 1 <= gateway.ask("status")["reloads"]["refused"] - before <= 3


def test_problems_that_the_launcher_finds_are_told_and_the_old_one_serves(
    gateway: Gateway, settled: dict[str, Any]
) -> None:
    before = gateway.workers()
    outcome = gateway.reload({"version": 1, "refuse": "MODEL_GPT5_UPSTREAM_MODEL is empty"})
    assert (outcome["result"], outcome["ok"]) == ("refused", False)
    assert outcome["lines"] == ["MODEL_GPT5_UPSTREAM_MODEL is empty"]
    assert outcome["config"] == settled["hash"]
    assert gateway.workers() == before


def test_a_renderer_that_prints_nonsense_is_refused(gateway: Gateway, settled: dict[str, Any]) -> None:
    outcome = gateway.reload({"version": 1, "hash": "unfinished"})
    assert (outcome["result"], outcome["lines"]) == ("refused", ["the launch document cannot be read: Malformed"])


def with_callback(gateway: Gateway, code: str) -> dict[str, Any]:
    """Return settings with a callback module that does ``code`` when a worker imports it."""
    return {"litellm_settings": {"callbacks": [gateway.callback(f"callback_{uuid.uuid4().hex}", code)]}}


HOOKS = """
import json, litellm
class CustomLogger(CustomLogger):
    async def async_pre_call_hook(self, user_api_key_dict, cache, data, call_type):
        with open({path!r}, "a") as file:
            file.write(json.dumps([type(one).__name__ for one in litellm.callbacks]) + "\\n")
        return data
"""


def test_a_users_own_file_runs_all_hooks_of_litellm(gateway: Gateway, upstream: MockUpstream, tmp_path: Path,
                                                    settled: dict[str, Any]) -> None:
    path = tmp_path / "hooks"
    for foreign in (False, True):
        new = document(upstream.url, **with_callback(gateway, HOOKS.format(path=str(path))))
        new["plan"]["foreign"] = foreign
        assert gateway.reload(new)["result"] == "accepted"
        until(lambda: settled_down(gateway), "the older workers have left")
        assert gateway.chat().status_code == 200
    generated, own = (set(json.loads(line)) for line in path.read_text().splitlines())
    assert own - generated >= {"_PROXY_MaxParallelRequestsHandler_v3", "_PROXY_VirtualKeyModelMaxBudgetLimiter"}
    assert generated < own


REFUSED = {
    "YAML that does not parse": ("yaml", "model_list: [", "yaml.parser.ParserError"),
    "a callback that does not exist": ("callbacks", "", "Could not import instance from missing"),
    "a callback that raises": ("code", "raise RuntimeError('no such luck')", "RuntimeError: no such luck"),
    "a callback that ends the process": ("code", "import os; os._exit(9)", "the worker ended with exit code 9"),
    "a master key that is empty": ("master", "", "the master key is empty"),
    "a model that LiteLLM drops": ("ghost", "", "LiteLLM booted without these aliases: ghost"),
    "a boot that hangs": ("code", "import time; time.sleep(600)", f"did not boot within {BOOT_TIMEOUT_S:g} s"),
}


def broken(gateway: Gateway, url: str, how: str, text: str) -> dict[str, Any]:
    """Return a document that no worker can boot with."""
    if how == "yaml":
        return document(url, yaml=text)
    if how == "callbacks":
        return document(url, litellm_settings={"callbacks": ["missing.instance"]})
    if how == "master":
        return document(url, env={"LITELLM_MASTER_KEY": ""})
    if how == "ghost":
        new = document(url)
        new["plan"]["models"].append(plan_model("ghost", url))
        return new
    return document(url, **with_callback(gateway, text))


@pytest.mark.parametrize("case", REFUSED)
def test_what_does_not_boot_is_refused_with_the_reason_and_the_old_one_serves(
    gateway: Gateway, upstream: MockUpstream, settled: dict[str, Any], case: str
) -> None:
    how, text, reason = REFUSED[case]
    before = gateway.workers()
    outcome = gateway.reload(broken(gateway, upstream.url, how, text))
    assert outcome["result"] == "refused", outcome
    assert reason in "\n".join(outcome["lines"])
    assert reason in gateway.log
    assert gateway.workers(None) == before
    assert gateway.ask("status")["config"] == settled["hash"]
    assert gateway.chat().status_code == 200
    assert len(list(gateway.runtime_dir.glob("gen-*"))) == 1


def test_reasons_hold_no_secret(gateway: Gateway, upstream: MockUpstream, settled: dict[str, Any]) -> None:
    value = canary("rotated")
    code = "import os; raise RuntimeError('the key is ' + os.environ['UPSTREAM_KEY'])"
    new = document(upstream.url, env={"UPSTREAM_KEY": value}, **with_callback(gateway, code))
    outcome = gateway.reload(new)
    assert "the key is ***" in "\n".join(outcome["lines"])
    assert value not in str(outcome) + gateway.log


def test_a_rotated_upstream_key_takes_effect_with_the_plan_unchanged(
    gateway: Gateway, upstream: MockUpstream, settled: dict[str, Any]
) -> None:
    value = canary("rotated")
    outcome = gateway.reload(with_environ(settled, UPSTREAM_KEY=value))
    assert (outcome["result"], outcome["lines"]) == ("accepted", ["secret UPSTREAM_KEY: changed"])
    until(lambda: settled_down(gateway), "the older workers have left")
    assert gateway.chat().status_code == 200
    assert upstream.requests[-1].headers["authorization"] == f"Bearer {value}"
    assert value not in gateway.log


def test_a_rotated_master_key_takes_effect(gateway: Gateway, settled: dict[str, Any]) -> None:
    old, gateway.key = gateway.key, canary("master")
    outcome = gateway.reload(with_environ(settled, LITELLM_MASTER_KEY=gateway.key))
    assert outcome["lines"] == ["secret LITELLM_MASTER_KEY: changed"]
    until(lambda: settled_down(gateway), "the older workers have left")
    new, gateway.key = gateway.key, old
    assert gateway.chat().status_code == 401
    gateway.key = new
    assert gateway.chat().status_code == 200
    gateway.key = old


def test_a_variable_that_needs_a_restart_is_named(gateway: Gateway, settled: dict[str, Any]) -> None:
    outcome = gateway.reload(with_environ(settled, DEFAULT_MAX_TOKENS="99"))
    assert outcome["lines"] == [
        "variable DEFAULT_MAX_TOKENS: added",
        "variable DEFAULT_MAX_TOKENS: it is read at start only, restart the gateway for it",
    ]


def test_notes_of_the_new_configuration_are_logged(gateway: Gateway, upstream: MockUpstream) -> None:
    gateway.reload(document(upstream.url, notes=["the key of gpt5 goes to a base from the registry"]))
    assert "the key of gpt5 goes to a base from the registry" in gateway.log


def test_a_reload_after_refused_ones_works(gateway: Gateway, upstream: MockUpstream, settled: dict[str, Any]) -> None:
    assert gateway.reload(document(upstream.url, yaml="["))["result"] == "refused"
    assert gateway.reload(document(upstream.url, ("gpt-5", "later")))["result"] == "accepted"
    assert gateway.aliases() == ["gpt-5", "later"]
