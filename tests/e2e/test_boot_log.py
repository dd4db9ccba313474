"""What an operator reads at the start: our lines alone, unless debugging is asked for."""

import re

import pytest

from src.mock.server import MockUpstream

from .gateway import Gateway, canary, models, until
from .hooks_support import foreign_lines


@pytest.mark.parametrize("workers", [1, 2])
def test_a_good_boot_shows_our_lines_only(workers: int) -> None:
    prices = {"MODEL_DEEPSEEKV32_INPUT_COST": "0.3", "MODEL_DEEPSEEKV32_OUTPUT_COST": "0.5"}
    with MockUpstream() as upstream, Gateway(models(upstream.url, **prices), workers=workers) as gateway:
        gateway.chat("gpt-5").raise_for_status()
        gateway.stop()
        assert foreign_lines(gateway.stderr) == []


def test_text_is_text_for_requests_too() -> None:
    with MockUpstream() as upstream, Gateway(models(upstream.url, "gpt-5"), "--log-format", "text") as gateway:
        gateway.chat("gpt-5").raise_for_status()
        gateway.stop()
        assert re.fullmatch(r"\S+  200  gpt-5 -> openai/gpt-5  .* tokens .*\n", gateway.stdout), gateway.stdout


def test_debug_shows_litellms_own_log_without_keys() -> None:
    key = canary("upstreamkey")
    with MockUpstream() as upstream:
        declared = models(upstream.url, "gpt-5") | {"MODEL_GPT5_API_KEY_ENV": "UP_KEY", "UP_KEY": key}
        with Gateway(declared, "--debug") as gateway:
            gateway.chat("gpt-5").raise_for_status()
            until(lambda: "LiteLLM:DEBUG" in gateway.stderr + gateway.stdout, "LiteLLM's debug log")
            gateway.stop()
            said = gateway.stdout + gateway.stderr
    assert upstream.requests[0].key == key
    assert key not in said and gateway.key not in said
