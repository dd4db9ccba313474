"""What this gateway believes of LiteLLM is what the installed LiteLLM says: names, levels, keys that it reads."""

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from src.config.environment import Environment
from src.config.models import MODEL_CAPS, MODES, caps_for, litellm_drops_effort
from src.config.plan import Sources, build_plan
from src.config.providers import NATIVE_PROVIDERS, PROVIDERS, split_provider
from src.config.rendering import config_document

from .gateway import ROOT, clean_environment

ASKED = """
import inspect, json, litellm, sys
from litellm import Router
from litellm.types.router import LiteLLM_Params, ModelInfo

def accepts(model, provider):
    return "reasoning_effort" in (litellm.get_supported_openai_params(model=model, custom_llm_provider=provider) or [])

chat = {name for name, info in litellm.model_cost.items() if info.get("mode") in ("chat", "responses")}
ours = {name for name in chat if litellm.model_cost[name].get("litellm_provider") == "openai"}
openai = sorted(name for name in ours if "/" not in name)
xai = sorted(name.removeprefix("xai/") for name in chat if name.startswith("xai/"))
print(json.dumps({
    "asked": {f"{p}/{m}": accepts(m, p) for p, m in json.loads(sys.argv[1])},
    "openai": {name: accepts(name, "openai") for name in openai},
    "xai": {name: accepts(name, "xai") for name in xai},
    "providers": [getattr(provider, "value", provider) for provider in litellm.provider_list],
    "router": list(inspect.signature(Router.__init__).parameters),
    "params": list(LiteLLM_Params.model_fields), "info": list(ModelInfo.model_fields),
    "module": dir(litellm), "completion": list(inspect.signature(litellm.completion).parameters),
    "modes": sorted({str(info.get("mode")) for info in litellm.model_cost.values()}),
    "windows": {name: info.get("max_input_tokens") for name, info in litellm.model_cost.items()},
}))
"""
KNOWN = sorted({split_provider(name) for name in MODEL_CAPS}
               | {("xai", name) for name in MODEL_CAPS if name.startswith("grok")}
               | {("openai", "nobody-knows-me"), ("openai", "org/nobody-knows-me"), ("hosted_vllm", "x")})
SOURCE = Path(str(find_spec("litellm") and find_spec("litellm").origin)).parent  # type: ignore[union-attr]


@pytest.fixture(scope="module")
def litellm() -> dict[str, Any]:
    """Everything the tests ask of LiteLLM, in one process: its import takes seconds."""
    environ = {**clean_environment(measured=False), "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
    done = subprocess.run([sys.executable, "-c", ASKED, json.dumps(KNOWN)], env=environ, cwd=ROOT, check=True,
                          capture_output=True, text=True, timeout=120)
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


def test_the_effort_that_litellm_drops_is_the_effort_we_say_it_drops(litellm: dict[str, Any]) -> None:
    wrong = {name: accepted for name, accepted in litellm["asked"].items()
             if caps_for(*name.split("/", 1)).efforts and litellm_drops_effort(*name.split("/", 1)) == accepted}
    assert wrong == {}


@pytest.mark.parametrize("provider", ["openai", "xai"])
def test_every_name_that_litellm_knows_is_judged_as_litellm_does(litellm: dict[str, Any], provider: str) -> None:
    wrong = [name for name, accepted in litellm[provider].items() if litellm_drops_effort(provider, name) == accepted]
    assert litellm[provider] and wrong == []


def test_every_provider_of_ours_is_one_of_litellms(litellm: dict[str, Any]) -> None:
    assert set(PROVIDERS) <= set(litellm["providers"])


def test_every_mode_of_ours_is_one_of_litellms(litellm: dict[str, Any]) -> None:
    assert set(MODES.values()) <= set(litellm["modes"])


FULL = {
    "PROXY_MODEL_KEYS": "a,b", "MODEL_A_UPSTREAM_MODEL": "gpt-5", "MODEL_B_UPSTREAM_MODEL": "groq/x",
    "PROXY_CHAIN_KEYS": "c", "CHAIN_C_MODELS": "a,b", "MODEL_A_REASONING_EFFORT": "low", "MODEL_A_TIMEOUT": "5",
    "MODEL_A_MAX_TOKENS": "5", "MODEL_A_MAX_PARALLEL": "5", "MODEL_A_HEADERS": "X-A=1", "MODEL_A_ALLOW_PARAMS": "seed",
    "MODEL_A_DROP_PARAMS": "top_p", "MODEL_A_INPUT_COST": "1", "MODEL_A_OUTPUT_COST": "1", "MODEL_A_FALLBACKS": "b",
}


def rendered() -> dict[str, Any]:
    return config_document(build_plan(Sources(Environment(FULL))).checked())


def source_of(*names: str) -> str:
    return "\n".join((SOURCE / name).read_text(encoding="utf-8") for name in names)


def test_litellm_reads_every_key_of_a_model(litellm: dict[str, Any]) -> None:
    entry = rendered()["model_list"][0]
    read = {*litellm["params"], *litellm["completion"]}
    text = source_of("main.py", "utils.py", "router.py")
    assert [name for name in entry["litellm_params"] if name not in read and f'"{name}"' not in text] == []
    shown = source_of("types/utils.py", "types/router.py")
    assert [name for name in entry["model_info"] if name not in litellm["info"] and f"{name}:" not in shown] == []


def test_litellm_reads_every_setting(litellm: dict[str, Any]) -> None:
    told = rendered()
    assert [name for name in told["router_settings"] if name not in litellm["router"]] == []
    assert [name for name in told["litellm_settings"] if name not in litellm["module"]] == []
    text = source_of("proxy/proxy_server.py", "proxy/_types.py") + "".join(
        path.read_text(encoding="utf-8") for folder in ("auth", "common_utils", "middleware")
        for path in (SOURCE / "proxy" / folder).glob("*.py"))
    assert [name for name in told["general_settings"] if f'"{name}"' not in text] == []


def test_the_usual_key_variables_are_those_that_litellm_knows() -> None:
    folders = [SOURCE / "main.py", SOURCE / "utils.py", SOURCE / "constants.py", *(SOURCE / "llms").rglob("*.py"),
               *(SOURCE / "litellm_core_utils").rglob("*.py"), *SOURCE.rglob("*.json")]
    text = "\n".join(path.read_text(encoding="utf-8", errors="replace") for path in folders
                     if os.path.getsize(path) < 2_000_000)
    unknown = [name for name, native in NATIVE_PROVIDERS.items() if native.key_envs and native.key_envs[0] not in text]
    assert unknown == []
