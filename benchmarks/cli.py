"""How much the command line costs beside what no such program can do without: `import click, yaml, dotenv`.

    python benchmarks/cli.py [--rounds 15]

Whole processes, started in turn so that a busy machine slows all of them alike; user and system CPU time of each, and
the median of the ratios within a round. Prints a Markdown table; exit code 1 where a limit is not kept.
"""

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BASELINE = ("-c", "import click, yaml, dotenv")
TWO_MODELS = {
    "PROXY_MODEL_KEYS": "gpt5,deepseek", "MODEL_GPT5_UPSTREAM_MODEL": "gpt-5",
    "MODEL_DEEPSEEK_UPSTREAM_MODEL": "deepseek-v3.2",
}


@dataclass(frozen=True)
class Case:
    """One command, and at most how many times the baseline it may cost."""

    name: str
    arguments: Sequence[str]
    limit: float
    environ: Mapping[str, str]


def many_models(count: int) -> dict[str, str]:
    """Return an environment that declares ``count`` models with a few fields each."""
    keys = [f"m{number}" for number in range(count)]
    values = {"PROXY_MODEL_KEYS": ",".join(keys)}
    for key in keys:
        prefix = f"MODEL_{key.upper()}_"
        values |= {f"{prefix}UPSTREAM_MODEL": f"model-{key}", f"{prefix}ALIAS": f"alias-{key}", f"{prefix}RPM": "60"}
    return values


CASES = (
    Case("`--help`", ("--help",), 1.4, {}),
    Case("`--print-config`, 2 models", ("--print-config", "--no-env-file"), 1.6, TWO_MODELS),
    Case("`--print-config`, 1,000 models", ("--print-config", "--no-env-file"), 8.0, many_models(1_000)),
)


def cpu_seconds(arguments: Sequence[str], environ: Mapping[str, str], folder: str) -> float:
    """Return the CPU seconds that one process takes from its start to its end."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, *arguments], env=dict(environ), cwd=folder, check=True, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def measure(rounds: int, cases: Sequence[Case] = CASES) -> tuple[float, dict[str, tuple[float, float]]]:
    """Return the baseline's median CPU seconds, and for every case its median and its median ratio."""
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG", "TMPDIR")}
    surroundings = {**kept, "PYTHONPATH": str(ROOT)}
    baselines: list[float] = []
    times: dict[str, list[float]] = {case.name: [] for case in cases}
    with tempfile.TemporaryDirectory() as folder:
        for number in range(rounds + 1):
            round_ = [cpu_seconds(BASELINE, surroundings, folder)]
            round_ += [cpu_seconds(("-m", "src.main", *case.arguments), {**surroundings, **case.environ}, folder)
                       for case in cases]
            if number:  # the first round fills caches
                baselines.append(round_[0])
                for case, seconds in zip(cases, round_[1:]):
                    times[case.name].append(seconds)
    ratios = {name: statistics.median(second / first for second, first in zip(seconds, baselines))
              for name, seconds in times.items()}
    return statistics.median(baselines), {name: (statistics.median(seconds), ratios[name])
                                          for name, seconds in times.items()}


def main(cases: Sequence[Case] = CASES, text: str | None = __doc__) -> int:
    """Measure, print the table, and say whether every limit is kept."""
    parser = argparse.ArgumentParser(description=text, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15, help="how often each command runs (default: %(default)s)")
    baseline, found = measure(parser.parse_args().rounds, cases)
    print("| command | CPU, ms | times the imports alone | limit |")
    print("|---|---|---|---|")
    print(f"| `python -c \"{BASELINE[1]}\"` | {baseline * 1000:.0f} | 1 | |")
    for case in cases:
        seconds, ratio = found[case.name]
        print(f"| {case.name} | {seconds * 1000:.0f} | {ratio:.2f} | {case.limit} |")
    return int(any(found[case.name][1] > case.limit for case in cases))


if __name__ == "__main__":
    sys.exit(main())
