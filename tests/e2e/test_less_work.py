"""What a worker leaves out of LiteLLM changes nothing that anybody sees: answers, counted limits, routes."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from .gateway import PYTHONPATH, ROOT, clean_environment
from .less_work import KEY

CONFIGURATION = """
model_list:
- {model_name: free, litellm_params: {model: openai/gpt-x, api_key: x, mock_response: hi}, model_info: {id: free-1}}
- model_name: limited
  litellm_params: {model: openai/gpt-x, api_key: x, mock_response: hi, rpm: 100, tpm: 10000}
  model_info: {id: limited-1}
# LiteLLM's own list has limits for it.
- {model_name: known, litellm_params: {model: gemini/gemini-2.5-flash, api_key: x, mock_response: hi},
   model_info: {id: known-1}}
- {model_name: "wild/*", litellm_params: {model: "openai/*", api_key: x, mock_response: hi}, model_info: {id: wild-1}}
general_settings: {master_key: os.environ/LITELLM_MASTER_KEY, trusted_proxy_ranges: []}
"""
KEPT = ["ResponsesIDSecurity", "SkillsInjectionHook"]


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """Return what LiteLLM does as it is, with less work, and with less work for a file of a user's own."""
    path = tmp_path_factory.mktemp("less") / "litellm.yaml"
    path.write_text(CONFIGURATION)
    environ = {**clean_environment(measured=False), "CONFIG_FILE_PATH": str(path), "LITELLM_MASTER_KEY": KEY,
               "LITELLM_LOCAL_MODEL_COST_MAP": "True", "PYTHONPATH": PYTHONPATH}
    words = {"stock": ["stock"], "less": ["less"], "foreign": ["less", "foreign"]}
    running = {name: _probe(arguments, environ, path.with_name(name)) for name, arguments in words.items()}
    assert {name: process.wait() for name, process in running.items()} == dict.fromkeys(words, 0), [
        path.with_name(name).read_text()[-2000:] for name in words]
    return {name: json.loads(path.with_name(name).read_text().splitlines()[-1]) for name in words}


def _probe(arguments: list[str], environ: dict[str, str], output: Path) -> "subprocess.Popen[bytes]":
    descriptor = os.open(output, os.O_WRONLY | os.O_CREAT)
    try:
        return subprocess.Popen([sys.executable, "-m", "tests.e2e.less_work", *arguments], env=environ, cwd=ROOT,
                                stdout=descriptor, stderr=subprocess.DEVNULL)
    finally:
        os.close(descriptor)


@pytest.mark.parametrize(("variant", "what"), [
    *((variant, what) for variant in ("less", "foreign") for what in ("answers", "counted", "management", "limiter")),
    ("less", "routes"),
])
def test_with_less_work_it_is_the_same(found: dict[str, dict[str, Any]], variant: str, what: str) -> None:
    assert found[variant][what] == found["stock"][what]


def test_requests_of_deployments_with_limits_are_counted(found: dict[str, dict[str, Any]]) -> None:
    counts = {name.split(":")[1]: value for name, value in found["less"]["counted"].items() if name.endswith("rpm")}
    assert counts == {"limited-1": 2, "known-1": 1}
    assert [answer[0] for answer in found["less"]["answers"]] == [200] * 6
    assert len(found["stock"]["routes"]) > 400


def test_hooks_that_look_for_virtual_keys_do_not_run(found: dict[str, dict[str, Any]]) -> None:
    assert found["less"]["callbacks"] == KEPT
    assert set(KEPT) < set(found["stock"]["before"])


def test_a_file_of_ones_own_keeps_all_hooks(found: dict[str, dict[str, Any]]) -> None:
    assert found["foreign"]["callbacks"] == found["stock"]["callbacks"] == found["stock"]["before"]
