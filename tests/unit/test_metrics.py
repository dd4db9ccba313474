"""Metrics of several workers in one scrape; label values are declared names."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("prometheus_client")

# A worker: it loads the plan, counts the requests that it is told of, and may print the scrape before it dies.
WORKER = """
import json, os, sys
from src.hooks import metrics, runtime
from src.hooks.record import Attempt, RequestRecord
runtime.load(os.environ)
metrics.start()
for fields in json.loads(sys.argv[1]):
    attempts = [Attempt(*values) for values in fields.pop("attempts", [])]
    record = RequestRecord("r", attempts=attempts)
    for name, value in fields.items():
        setattr(record, name, value)
    record.ended_ns = record.started_ns + 250_000_000
    metrics.observe(record)
text, kind = metrics.render()
print(text.decode(), flush=True)
os._exit(0)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    generation = tmp_path / "gen-3"
    generation.mkdir()
    model = {"key": "gpt5", "alias": "gpt-5", "deployment": "gpt5"}
    plan = {"version": 1, "hash": "abc123abc123", "models": [model], "chains": [], "settings": {}, "secret_names": []}
    (generation / "plan.json").write_text(json.dumps(plan))
    return generation


def worker(folder: Path, *requests: dict[str, object]) -> dict[str, float]:
    """Run one worker to its end and return the scrape as series -> value."""
    environ = {"PATH": os.environ["PATH"], "GATEWAY_PLAN_FILE": str(folder / "plan.json"),
               "PYTHONPATH": str(Path(__file__).parents[2])}
    environ |= {name: value for name, value in os.environ.items() if name.startswith("COV")}
    done = subprocess.run([sys.executable, "-c", WORKER, json.dumps(requests)], env=environ, capture_output=True,
                          text=True, timeout=60, check=True)
    lines = [line.rsplit(" ", 1) for line in done.stdout.splitlines() if line and not line.startswith("#")]
    return {name: float(value) for name, value in lines}


ANSWERED = {
    "alias": "gpt-5", "model": "openai/gpt-5", "deployment": "gpt5", "status": 200, "prompt_tokens": 10,
    "completion_tokens": 5, "cost_micros": 62, "cost_state": "priced", "first_byte_ns": 10**18,
    "attempts": [["gpt5", "openai/gpt-5", "openai", 200, None]],
}
LABELS = 'alias="gpt-5",model="openai/gpt-5"'


def test_a_scrape_of_any_worker_tells_of_all_also_of_dead_ones(folder: Path) -> None:
    worker(folder, ANSWERED, ANSWERED)
    seen = worker(folder, ANSWERED)
    assert seen[f'gateway_requests_total{{{LABELS},status="200"}}'] == 3
    assert seen['gateway_tokens_total{alias="gpt-5",kind="prompt",model="openai/gpt-5"}'] == 30
    assert seen[f"gateway_cost_micro_dollars_total{{{LABELS}}}"] == 186
    assert seen['gateway_request_seconds_count{alias="gpt-5"}'] == 3
    assert seen['gateway_request_seconds_sum{alias="gpt-5"}'] == pytest.approx(0.75)
    assert seen['gateway_ttft_seconds_count{alias="gpt-5"}'] == 3
    assert seen['gateway_upstream_attempts_total{deployment="gpt5",outcome="ok"}'] == 3


def test_it_says_which_configuration_and_how_many_reloads(folder: Path) -> None:
    seen = worker(folder)
    assert seen['gateway_config_info{hash="abc123abc123"}'] == 1
    assert seen["gateway_reloads"] == 2


def test_what_clients_invent_is_never_a_label(folder: Path) -> None:
    dropped = {"temperature": None, "my_own_idea": None}
    seen = worker(folder, {"alias": None, "asked": "evil\n{}", "status": 404, "dropped": dropped})
    assert seen['gateway_requests_total{alias="other",model="other",status="404"}'] == 1
    assert seen['gateway_dropped_params_total{alias="other",parameter="temperature"}'] == 1
    assert seen['gateway_dropped_params_total{alias="other",parameter="other"}'] == 1
    assert not [name for name in seen if "evil" in name or "my_own_idea" in name]


def test_names_under_a_wildcard_are_one_series(folder: Path) -> None:
    plan = json.loads((folder / "plan.json").read_text())
    plan["models"].append({"key": "xai", "alias": "xai/*", "deployment": "xai", "model": "xai/*"})
    (folder / "plan.json").write_text(json.dumps(plan))
    asked = {"deployment": "xai", "status": 200, "prompt_tokens": 1, "chain_position": 2}
    seen = worker(folder, *({**asked, "alias": name, "model": name, "answered": name} for name in ("xai/a", "xai/b")),
                  {"alias": "xai//c", "status": 404})
    assert seen['gateway_requests_total{alias="xai/*",model="xai/*",status="200"}'] == 2
    assert seen['gateway_fallbacks_total{alias="xai/*",answered="xai/*"}'] == 2
    assert seen['gateway_requests_total{alias="other",model="other",status="404"}'] == 1
    assert not [name for name in seen if "xai/a" in name]


def test_fallbacks_limits_and_unknown_costs_are_counted(folder: Path) -> None:
    fell_back = ANSWERED | {"chain_position": 2, "answered": "small", "cost_state": "unknown", "cost_micros": None}
    seen = worker(folder, fell_back, {"alias": "gpt-5", "status": 429, "extra": {"limits_met": ["of-gpt"]}})
    assert seen['gateway_fallbacks_total{alias="gpt-5",answered="small"}'] == 1
    assert seen['gateway_limits_total{alias="gpt-5",limit="of-gpt"}'] == 1
    assert seen[f"gateway_unpriced_requests_total{{{LABELS}}}"] == 1


LEDGER = """
import os
from src.hooks import metrics, runtime
from src.hooks.record import RequestRecord
class Ledger:
    lost, waiting = 0, 700
runtime.load(os.environ)
metrics.follow(Ledger)
metrics.start()
metrics.observe(RequestRecord("r"))
Ledger.lost, Ledger.waiting = 3, 0
metrics.observe(RequestRecord("s"))
Ledger.lost, Ledger.waiting = 5, 90
print(metrics.render()[0].decode())
"""


def test_what_the_ledger_lost_and_what_waits_is_told(folder: Path) -> None:
    environ = {"PATH": os.environ["PATH"], "GATEWAY_PLAN_FILE": str(folder / "plan.json"),
               "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run([sys.executable, "-c", LEDGER], env=environ, capture_output=True, text=True, timeout=60,
                          check=True)
    assert "gateway_ledger_lost_total 5.0" in done.stdout
    assert "gateway_ledger_waiting_bytes 90.0" in done.stdout


APP = """
import asyncio, os, sys
if sys.argv[1] == "missing":
    sys.modules["prometheus_client"] = None
from src.hooks import metrics, runtime
from src.hooks.record import RequestRecord
runtime.load(os.environ)
sent = []
async def send(message): sent.append(message)
metrics.observe(RequestRecord("r"))
asyncio.run(metrics.app({}, None, send))
print(sent[0]["status"], dict(sent[0]["headers"])[b"content-type"].decode(), b"gateway_config_info" in sent[1]["body"])
"""


@pytest.mark.parametrize(("package", "answer"), [("there", "200 text/plain; version"), ("missing", "404 text/plain")])
def test_metrics_are_served_where_their_package_is_installed(folder: Path, package: str, answer: str) -> None:
    environ = {"PATH": os.environ["PATH"], "GATEWAY_PLAN_FILE": str(folder / "plan.json"),
               "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run([sys.executable, "-c", APP, package], env=environ, capture_output=True, text=True,
                          timeout=60, check=True)
    assert done.stdout.startswith(answer)
    assert done.stdout.strip().endswith(str(package == "there"))
