"""`explain` on the command line: the registry's share of it, what is refused, and what it costs to ask."""

import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from src import main

from tests.readme.markdown import blocks

from .declaring import KEPT, ROOT, Ran, canary, refused, run_here
from .test_house import PROBE

SECRET = canary()
ENV = {"PROXY_MODEL_KEYS": "one", "MODEL_ONE_UPSTREAM_MODEL": "gpt-5", "MODEL_ONE_API_KEY_ENV": "none",
       "MODEL_ONE_TIMEOUT": "20", "MODEL_ONE_RPM": "60", "GATEWAY_ENVIRONMENT": "dev", "XAI_API_KEY": SECRET,
       "GATEWAY_RESET_ZONES": "xai=Asia/Tokyo"}
FILLED = (
    ("providers", "add", "xai", "--provider", "xai", "--timeout", "40", "--retries", "2"),
    ("models", "add", "grok-3-mini", "--provider", "xai", "--model-id", "grok-4.3", "--input-price", "0.3",
     "--output-price", "0.5"),
    ("models", "add", "gpt-5", "--provider", "xai", "--model-id", "grok-3", "--context-window", "1000"),
    ("chains", "add", "safe", "--models", "grok-3-mini,gpt-5", "--on", "error,cost"),
    ("tools", "add", "look_up", "--schema", '{"type": "object"}'),
    ("endpoints", "add", "summary", "--chain", "safe", "--max-tokens", "800", "--temperature", "0.2", "--tools",
     "look_up", "--no-streaming"),
    ("prompts", "add", "summing_up", "--endpoint", "summary", "--user", "Text: {{text}}"),
    ("prompts", "set", "summing_up", "--user", "Text: {{text}} in {{language}}", "--share", "20"),
    ("tiers", "add", "gold"),
    ("flags", "set", "enable_vision", "--off"),
    ("flags", "set", "enable_vision", "--on", "--tier", "gold"),
    ("flags", "set", "enable_streaming", "--off", "--environment", "prod"),
    ("flags", "set", "enable_reasoning", "--off", "--tier", "gold", "--endpoint", "summary"),
    ("limits", "add", "house", "--scope", "provider", "--target", "xai", "--rpm", "100", "--headroom", "10",
     "--action", "fallback"),
    ("limits", "add", "each", "--scope", "key", "--target", "*", "--budget", "5", "--action", "reject"),
    ("limits", "add", "slow", "--scope", "model", "--target", "grok-3-mini", "--tpm", "5000", "--wait", "3"),
    ("keys", "add", "ann", "--models", "summ*", "--rpm", "7"),
    ("keys", "add", "bob", "--models", "gpt-*", "--rpm", "8"),
    ("keys", "add", "eve", "--rpm", "9"),
)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("explained")
    environ = {**ENV, "HOME": str(folder), "GATEWAY_DATABASE_URL": f"sqlite:///{folder}/x.db"}
    assert [main.run(arguments, environ, folder) for arguments in FILLED] == [0] * len(FILLED)
    return folder


class Line:
    def __init__(self, home: Path, capfd: pytest.CaptureFixture[str]) -> None:
        self._home, self._capfd = home, capfd
        self.env = {**ENV, "HOME": str(home), "GATEWAY_DATABASE_URL": f"sqlite:///{home}/x.db"}

    def __call__(self, *arguments: str, **more: str) -> Ran:
        return run_here(*arguments, env={**self.env, **more}, cwd=self._home, capfd=self._capfd)

    def json(self, *arguments: str) -> Any:
        ran = self("explain", *arguments, "--json")
        assert ran.code == 0, ran
        return json.loads(ran.text)


@pytest.fixture
def line(home: Path, capfd: pytest.CaptureFixture[str]) -> Line:
    capfd.readouterr()
    return Line(home, capfd)


def test_an_endpoint_is_followed_to_its_chain_and_models(line: Line) -> None:
    one = line.json("summary")
    assert (one["kind"], one["target"], one["chain"]) == ("endpoint", "safe", "safe")
    assert one["source"].startswith("registry ai_endpoints row ")
    assert one["endpoint"] | {"source": ""} == {
        "slug": "summary", "path": "/v1/chat/completions", "target": "safe", "streaming": False,
        "defaults": {"temperature": 0.2, "max_tokens": 800}, "tools": ["look_up"],
        "templates": ["summing_up version 1 for 80 %", "summing_up version 2 for 20 %"],
        "variables": ["text", "language"], "source": ""}
    assert [(call["alias"], call["when"]) for call in one["calls"]] == [
        ("grok-3-mini", "first"), ("grok-3-mini", "retry 1: only after a connection that failed"),
        ("grok-3-mini", "retry 2: only after a connection that failed"),
        ("gpt-5", "after: error, cost, context_window")]
    assert list(one["moves_on"]) == ["error", "cost", "context_window"]
    assert one["switched_off"] == ["enable_reasoning for the tier gold", "enable_vision",
                                   "not enable_vision for the tier gold"]


def test_a_rows_values_name_their_rows_and_lose_to_what_is_declared(line: Line) -> None:
    mini, five = (model["values"] for model in line.json("safe")["models"])
    assert mini["timeout"]["value"] == 40.0 and mini["timeout"]["origin"].startswith("registry ai_providers row ")
    assert mini["alias"]["origin"].startswith("registry ai_models row ")
    assert (mini["input_cost"]["value"], mini["input_cost"]["origin"]) == ("0.3", "registry, operator")
    assert mini["input_cost"]["overrode"][0]["origin"].endswith("price file")
    assert mini["key"] == {"value": "XAI_API_KEY", "origin": mini["key"]["origin"], "overrode": [],
                           "note": "set in environment"}
    assert (five["timeout"]["value"], five["timeout"]["origin"]) == (20.0, "MODEL_ONE_TIMEOUT, environment")
    assert [(one["value"], one["origin"][:25]) for one in five["timeout"]["overrode"]] == [
        (40.0, "registry ai_providers row")]
    assert [one["value"] for one in five["upstream"]["overrode"]] == ["xai/grok-3"]
    assert [one["value"] for one in five["context_window"]["overrode"]] == [1000]
    for model in line.json("safe")["models"]:
        for name, value in model["values"].items():
            origins = [value["origin"], *(one["origin"] for one in value["overrode"])]
            assert len(origins) == len(set(origins)), (name, "nothing overrides itself")


def test_every_limit_that_can_meet_a_request_is_listed(line: Line) -> None:
    found = line.json("summary")["limits"]
    assert [(one["name"], one["counts"], one["subject"], one["numbers"], one["action"]) for one in found] == [
        ("each", "client request", "*", ["$5.00 per month"], "reject"),
        ("keys/ann", "client request", "ann", ["7 requests per minute"], "wait"),
        ("keys/eve", "client request", "eve", ["9 requests per minute"], "wait"),
        ("house", "upstream call", "xai", ["90 requests per minute"], "fallback"),
        ("slow", "upstream call", "grok-3-mini", ["5000 tokens per minute"], "wait"),
        ("MODEL_ONE", "upstream call", "one", ["60 requests per minute"], "wait")]
    assert [one["deployment"] for one in found] == [None] * 3 + ["grok_3_mini"] * 2 + ["one"]
    assert found[-1]["origin"] == "MODEL_ONE_RPM, environment" and found[-1]["amounts"] == {"rpm": 60}
    # 10 s in line at the edge, 3 s before each call of the first model, 10 s before the second's.
    worst = line.json("summary")["worst_case"]
    assert (worst["calls"], worst["wait_s"], worst["seconds"]) == (4, 29.0, 29 + 3 * 40 + 20)
    assert {one["name"] for one in line.json("gpt-5")["limits"]} == {"each", "keys/bob", "keys/eve", "MODEL_ONE"}


def test_what_is_printed_says_the_same(line: Line) -> None:
    text = line("explain", "summary").text
    for part in ("summary is an endpoint, from registry ai_endpoints", "adds: temperature 0.2, max_tokens 800",
                 "offers tools: look_up", "needs in prompt_variables: text, language", "streaming: refused",
                 "switched off: enable_reasoning for the tier gold, enable_vision",
                 "moves on for cost: a budget that is spent",
                 "Worst case: 4 calls, 169 s", "29 s of it in line", "wait up to 3 s, then 429"):
        assert part in text, part
    assert SECRET not in text + line("explain", "summary", "--json").text + line("explain").text
    table = line("explain").text.splitlines()
    assert [row.split()[0] for row in table[1:]] == ["gpt-5", "grok-3-mini", "safe", "summary"]
    assert len(line.json()) == 4


def test_client_keys_that_cannot_be_read_are_a_note(line: Line, tmp_path: Path) -> None:
    path = tmp_path / "broken.db"
    path.write_bytes(b"no database at all" * 100)
    ran = line("explain", "gpt-5", GATEWAY_DATABASE_URL=f"sqlite:///{path}")
    assert "Traceback" not in ran.err and ran.code != 0
    off = line("explain", "gpt-5", GATEWAY_DATABASE_URL="off")
    assert off.code == 0 and "keys/" not in off.text
    absent = line("explain", "gpt-5", GATEWAY_DATABASE_URL=f"sqlite:///{tmp_path}/none.db")
    assert absent.code == 0 and not (tmp_path / "none.db").exists()


def test_a_default_database_that_is_none_leaves_the_keys_out_with_a_note(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "state" / "litellm-gateway"
    folder.mkdir(parents=True)
    (folder / "gateway.db").write_bytes(b"no database at all" * 100)
    ran = run_here("explain", "gpt-5", env={**ENV, "HOME": str(tmp_path)}, cwd=tmp_path, capfd=capfd)
    assert ran.code == 0 and "note: client keys are not shown: " in ran.err and "Worst case" in ran.text


def test_a_database_of_an_older_version_is_left_as_it_is(home: Path, tmp_path: Path,
                                                         capfd: pytest.CaptureFixture[str]) -> None:
    shutil.copy(home / "x.db", tmp_path / "x.db")
    with sqlite3.connect(tmp_path / "x.db") as connection:
        connection.execute("UPDATE ai_schema_version SET version_num = '0001_registry'")
    env = {**ENV, "GATEWAY_DATABASE_URL": f"sqlite:///{tmp_path}/x.db"}
    ran = run_here("explain", "gpt-5", env=env, cwd=tmp_path, capfd=capfd)
    assert ran.code == 0 and "not migrated yet" in ran.err and "keys/" not in ran.text


@pytest.mark.parametrize("arguments, more, texts", [
    (("explain", "sumary"), {}, ("did you mean summary?",)),
    (("explain", "gpt-5"), {"MODEL_ONE_TIMEOUT": "soon"}, ("MODEL_ONE_TIMEOUT 'soon'", "from: MODEL_ONE_TIMEOUT")),
    (("--config", "x.yaml", "explain"), {}, ("not --config FILE",)),
    (("explain", "a", "b"), {}, ("unexpected extra argument",)),
])
def test_what_cannot_be_explained_is_refused(arguments: tuple[str, ...], more: dict[str, str], texts: tuple[str, ...],
                                             line: Line) -> None:
    refused(line(*arguments, **more), *texts)


def test_without_a_database_nothing_heavy_is_imported(tmp_path: Path) -> None:
    environ = {name: value for name, value in os.environ.items() if name in KEPT}
    done = subprocess.run([sys.executable, "-c", PROBE, "explain", "gpt-5"], cwd=tmp_path, capture_output=True,
                          text=True, timeout=120, env={**environ, "PYTHONPATH": str(ROOT), **ENV,
                                                       "GATEWAY_DATABASE_URL": "off"})
    assert done.stderr.splitlines()[-1:] == ["heavy: [] code: 0"], done.stderr


# --- the page -----------------------------------------------------------------------------------------------------

def test_the_samples_of_the_page_are_what_is_printed(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    page = blocks("docs/explain.md")
    (tmp_path / ".env").write_text(next(block.text for block in page if block.language == "env"))
    samples = {block.sample: block.text for block in page if block.sample}
    environ = {"GATEWAY_DATABASE_URL": "off"}
    table = run_here("explain", env=environ, cwd=tmp_path, capfd=capfd).text
    assert table.strip() == samples["explain_table"].strip()
    printed = run_here("explain", "smart", env={**environ, "MODEL_GPT5_TIMEOUT": "45"}, cwd=tmp_path, capfd=capfd).text
    printed = re.sub(r"LiteLLM [\w.]+ price file", "LiteLLM 1.106.2 price file", printed)
    begin, _, end = samples["explain"].strip().partition("  ...\n")
    assert printed.startswith(begin) and printed.strip().endswith(end)


@pytest.mark.parametrize("name, expected", [
    ("MODEL_ONE_TIMEOUT", ("MODEL_ONE_TIMEOUT, environment", 20.0, "--model-spec timeout=...")),
    ("MODEL_ONE_RETRIES", ("default", None, "--model-spec retries=...")),
    ("PORT", ("flag --port", 4711, "--port")), ("XAI_API_KEY", None),
    ("MODEL_TWO_TIMEOUT", None), ("MODEL_ONE_TIM", None),
    ("OPENAI_API_KEY", ("OPENAI_API_KEY_FILE, environment", "set", "")),
])
def test_a_variable_is_explained(name: str, expected: tuple[str, Any, str] | None, line: Line) -> None:
    more = {"OPENAI_API_KEY_FILE": "key", "PORT": "1"}
    ran = line("--port", "4711", "explain", name, "--json", **more)
    if expected is None:
        refused(ran, f"nothing is served as '{name}'")
        return
    found = json.loads(ran.text)
    assert (found["origin"], found["value"], found["flag"]) == expected and found["variable"] == name
    text = line("--port", "4711", "explain", name, **more).text
    assert found["help"] in text and found["origin"] in text and ("instead of" in text) == bool(found["overrode"])
