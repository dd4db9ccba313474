"""`params MODEL`: which model LiteLLM is asked about, and how its answer is shown; a small program stands for it."""

import json
from pathlib import Path
from typing import Any

import pytest

from src.cli import params
from src.cli.context import Invocation
from src.cli.root import root
from src.errors import GatewayError, UsageProblem

from .declaring import canary, two

TOOL = """
import json, os, sys
print("a line that LiteLLM prints at its import")
print(json.dumps({"model": sys.argv[1], "litellm": "1.2.3", "accepts": ["stop", "tools"], "drops": [],
                  "renames": {"max_tokens": "max_completion_tokens"},
                  "offline": os.environ.get("LITELLM_LOCAL_MODEL_COST_MAP"), "kept": os.environ.get("KEPT")}))
"""


@pytest.fixture
def ask(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Any:
    folder = tmp_path / "elsewhere" / "stand_in" / "serving"
    folder.mkdir(parents=True)

    def run(*words: str, tool: str = TOOL, flags: tuple[str, ...] = (), **env: str) -> tuple[str, str]:
        (folder / "params_tool.py").write_text(tool)
        environ = two({"XDG_STATE_HOME": str(tmp_path), "PYTHONPATH": str(folder.parents[1]), **env})
        root.main(args=[*flags, "params", *words], standalone_mode=False, obj=Invocation(environ, "stand_in", tmp_path))
        out, err = capfd.readouterr()
        return out, err
    return run


WILDCARD = {"PROXY_MODEL_KEYS": "any", "MODEL_ANY_UPSTREAM_MODEL": "groq/*", "MODEL_ANY_ALIAS": "fast/*"}
MODELS: list[tuple[str, dict[str, str], str]] = [
    ("gpt-5", {}, "openai/gpt-5"),
    ("gpt5", {}, "openai/gpt-5"),  # by its key
    ("deepseek-v3.2", {}, "openai/deepseek-v3.2"),
    ("big", {"MODEL_GPT5_ALIAS": "big"}, "openai/gpt-5"),
    ("fast/llama-3.3-70b-versatile", WILDCARD, "groq/llama-3.3-70b-versatile"),
    ("gpt-9", {}, "openai/gpt-9"),  # declared by nobody: an upstream's own name
    ("groq/llama-3.3-70b-versatile", {}, "groq/llama-3.3-70b-versatile"),
]


@pytest.mark.parametrize(("model", "env", "upstream"), MODELS, ids=[model for model, _, _ in MODELS])
def test_litellm_is_asked_about_the_upstream_behind_a_name(ask: Any, model: str, env: dict[str, str],
                                                           upstream: str) -> None:
    out, err = ask(model, "--json", **env)
    assert (json.loads(out)["model"], err) == (upstream, "")


def test_people_read_what_is_accepted_renamed_and_dropped(ask: Any) -> None:
    assert ask("gpt-5")[0].splitlines() == [
        "openai/gpt-5 with LiteLLM 1.2.3:", "  accepts  stop, tools", "  renames  max_tokens -> max_completion_tokens",
        "  drops    -"]


def test_litellm_is_asked_offline_in_the_operators_environment(ask: Any) -> None:
    found = json.loads(ask("gpt-5", "--json", KEPT="yes")[0])
    assert (found["offline"], found["kept"]) == ("True", "yes")


def test_faulty_declarations_do_not_stand_in_the_way(ask: Any) -> None:
    out, err = ask("gpt-5", "--json", flags=("--env-file", "nowhere.env"))
    assert json.loads(out)["model"] == "openai/gpt-5"
    assert err.startswith("note: no declared models (") and err.endswith("); gpt-5 is taken as an upstream id\n")


@pytest.mark.parametrize(("tool", "words"), [
    ("import sys; sys.exit('first line\\nLiteLLM knows no provider nobody')", "LiteLLM knows no provider nobody"),
    ("import sys; sys.exit(2)", "no reason given"),
], ids=["said", "silent"])
def test_what_litellm_does_not_know_is_told_with_its_last_words(ask: Any, tool: str, words: str) -> None:
    with pytest.raises(UsageProblem, match=f"^openai/gpt-5 cannot be explained: {words}"):
        ask("gpt-5", tool=tool, OPENAI_API_KEY=canary())


def test_a_litellm_that_does_not_answer_is_told(ask: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(params, "_SECONDS", 0.1)
    with pytest.raises(GatewayError, match="did not answer within 0.1 s"):
        ask("gpt-5", tool="import signal; signal.pause()")
