"""`python -m benchmarks.launch`: this gateway against raw `litellm --config`, one and two workers, as Markdown.

Both get what a careful operator would give them: LiteLLM's local cost map, no model-info refresh, the same YAML (made
by this gateway), the same fake upstream. Raw LiteLLM with two workers gets the health check time that keeps it from
killing its own workers on a slow machine.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import uuid
from pathlib import Path

from . import compare
from .table import markdown
from .target import ROOT, Target

KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "VIRTUAL_ENV")
GATEWAY = f"{sys.executable} -m src.main --host 127.0.0.1 --port {{port}} --no-env-file"
RAW = f"{Path(sys.executable).with_name('litellm')} --config {{yaml}} --host 127.0.0.1 --port {{port}}"


def environment(base: str, folder: Path) -> dict[str, str]:
    """Return the environment of every target: one model at the fake upstream."""
    return {
        **{name: os.environ[name] for name in KEPT if name in os.environ},
        "PROXY_MODEL_KEYS": "gpt5", "MODEL_GPT5_UPSTREAM_MODEL": "gpt-5", "MODEL_GPT5_API_BASE": base,
        "MODEL_GPT5_API_KEY_ENV": "UPSTREAM_KEY", "UPSTREAM_KEY": uuid.uuid4().hex,
        "LITELLM_MASTER_KEY": f"master-{uuid.uuid4().hex}", "GATEWAY_RUNTIME_DIR": str(folder / "run"),
        "XDG_STATE_HOME": str(folder / "state"), "LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_MODE": "PRODUCTION",
    }


def targets(environ: dict[str, str], yaml: Path, workers: int) -> list[Target]:
    """Return raw LiteLLM, the reference, and the gateway."""
    key = environ["LITELLM_MASTER_KEY"]
    raw = RAW.replace("{yaml}", str(yaml)) + (f" --num_workers {workers} --timeout_worker_healthcheck 60"
                                              if workers > 1 else "")
    own = f"{GATEWAY} --workers {workers}"
    return [
        Target(f"raw LiteLLM, {_workers(workers)}", raw, compare.free_port(), key, environ, ready_count=workers),
        Target(f"gateway, {_workers(workers)}", own, compare.free_port(), key, environ, ready_text="ready: "),
    ]


def _workers(count: int) -> str:
    return "1 worker" if count == 1 else f"{count} workers"


def write_yaml(environ: dict[str, str], path: Path) -> None:
    """Let the gateway write the YAML that raw LiteLLM is started with."""
    words = [sys.executable, "-m", "src.main", "--no-env-file", "--print-config"]
    path.write_text(subprocess.run(words, env=environ, cwd=ROOT, check=True, capture_output=True, text=True).stdout)


def run(rounds: int, seconds: float, counts: list[int]) -> None:
    """Measure and print."""
    folder = Path(tempfile.mkdtemp(prefix="lg-"))
    try:
        with compare.upstream() as base:
            environ = environment(base, folder)
            write_yaml(environ, folder / "litellm.yaml")
            for workers in counts:
                measure(targets(environ, folder / "litellm.yaml", workers), rounds, seconds)
    finally:
        shutil.rmtree(folder)


def measure(pair: list[Target], rounds: int, seconds: float) -> None:
    """Print the tables of one pair; every ratio in them is to raw LiteLLM in the same round."""
    print(f"\n{markdown(compare.start(pair, rounds), compare.START)}", flush=True)
    for count, rows in compare.load(pair, rounds, [1, 16], seconds).items():
        print(f"\n{count} connection{'s' if count > 1 else ''}\n\n{markdown(rows, compare.LOAD)}", flush=True)
    print(f"\n{markdown(compare.stream(pair, rounds * 2), compare.STREAM)}", flush=True)


def main() -> None:
    """Run with what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--workers", type=int, action="append", help="how many; repeatable, default 1 and 2")
    chosen = parser.parse_args()
    run(chosen.rounds, chosen.seconds, chosen.workers or [1, 2])


if __name__ == "__main__":
    main()
