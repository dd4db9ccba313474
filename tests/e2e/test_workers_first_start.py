"""A first start that cannot work ends with exit code 3 and the reason, and leaves nothing."""

from typing import Any

import pytest

from .serving_support import Gateway, canary, document, plan_model

UPSTREAM = "http://127.0.0.1:9/v1"


def with_callback(gateway: Gateway, code: str) -> dict[str, Any]:
    return document(UPSTREAM, litellm_settings={"callbacks": [gateway.callback("failing", code)]})


def start(gateway: Gateway, first: dict[str, Any]) -> int:
    gateway.first = first
    gateway.start()
    return gateway.wait()


@pytest.mark.parametrize(("code", "reason"), [
    ("raise RuntimeError('no such luck')", "RuntimeError: no such luck"),
    ("import os; os._exit(9)", "the worker ended with exit code 9"),
    ("import time; time.sleep(600)", "did not boot within 8 s"),
])
def test_a_worker_that_does_not_boot(code: str, reason: str) -> None:
    with Gateway({}, workers=2, boot_timeout=8.0, measured=True).unstarted() as gateway:
        assert start(gateway, with_callback(gateway, code)) == 3
        assert reason in gateway.log
        assert "LiteLLM did not boot" in gateway.log
        assert gateway.log.count("before it served") == 1, "it is not tried again"
        assert not gateway.runtime_dir.exists() and list(gateway.tmp.iterdir()) == []


def test_an_alias_that_litellm_drops_is_named_and_secrets_are_not(capfd: pytest.CaptureFixture[str]) -> None:
    with Gateway({}, log_json=True).unstarted() as gateway:
        value = canary("hidden")
        first = document(UPSTREAM, env={"UPSTREAM_KEY": value})
        first["plan"]["models"].append(plan_model(f"ghost-{value}", UPSTREAM))
        assert start(gateway, first) == 3
        assert '"lines": ["LiteLLM booted without these aliases: ghost-***"]' in gateway.log
        assert value not in gateway.log


def test_an_order_that_cannot_be_read() -> None:
    with Gateway({}).unstarted() as gateway:
        assert start(gateway, {"version": 1}) == 3
        assert gateway.log.startswith("the launch order cannot be read: hash is missing")
