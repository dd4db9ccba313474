"""Interleaved comparison of launch commands for OpenAI-compatible gateways: A B A B, ratios to the first.

    python -m benchmarks.compare start|load|stream NAME=COMMAND NAME=COMMAND ...

In COMMAND `{port}` is the target's own port and `{up}` the base URL of a fake upstream that this program runs.
BENCHMARK_KEY is the bearer token that every target is asked with.
"""

import argparse
import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence

from . import processes
from .table import Column, Row, markdown
from .target import ROOT, Target

START = (Column("ready_s", "ready s"), Column("first_ms", "first request ms", 0), Column("cpu_s", "CPU to ready s"),
         Column("pss_mib", "PSS MiB", 0))
LOAD = (Column("rps", "requests/s", 0), Column("p50_ms", "p50 ms", 1), Column("p99_ms", "p99 ms", 1),
        Column("cpu_ms", "CPU ms/request"))
STREAM = (Column("ttft_ms", "first token ms", 1), Column("last_ms", "last token ms", 1),
          Column("gap_ms", "largest gap ms", 1))
Rows = dict[str, list[Row]]
# Workers import much at their first requests, and the interpreter specializes what it runs often.
WARM_S = 3.0
SETTLE_S = 1.0
# So many that every worker has had its first one, which is slower.
_FIRST_STREAMS = 8


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextlib.contextmanager
def upstream() -> Iterator[str]:
    """Run the fake upstream; yield its base URL."""
    port = free_port()
    process = subprocess.Popen([sys.executable, "-m", "benchmarks.upstream", str(port)], cwd=ROOT)
    try:
        _wait_for(port)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        process.kill()
        process.wait()


def _wait_for(port: int, limit_s: float = 20.0) -> None:
    deadline = time.monotonic() + limit_s
    while time.monotonic() < deadline:
        with contextlib.suppress(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port)).close()
            return
        time.sleep(0.02)
    raise SystemExit("the fake upstream does not listen")


def start(targets: Sequence[Target], rounds: int) -> Rows:
    """Start each target alone, once per round: readiness, first request, memory."""
    return interleaved(targets, rounds, _start_once)


def _start_once(target: Target) -> Row:
    target.start()
    try:
        ready = target.wait_ready()
        cpu = processes.cpu_seconds(target.pids(), with_children=True)
        first = target.ask()
        time.sleep(SETTLE_S)
        return {"ready_s": ready, "first_ms": first * 1000, "cpu_s": cpu, "pss_mib": processes.pss_mib(target.pids())}
    finally:
        target.stop()


def load(targets: Sequence[Target], rounds: int, connections: Sequence[int], seconds: float) -> dict[int, Rows]:
    """Run all targets side by side and put load on one after the other."""
    with all_running(targets):
        for target in targets:
            target.load(16, WARM_S)
        return {count: interleaved(targets, rounds, lambda target: _checked(target, count, seconds))
                for count in connections}


def _checked(target: Target, connections: int, seconds: float) -> Row:
    row = target.load(connections, seconds)
    if row["failed"]:
        print(f"{target.name}: {row['failed']:g} of {row['requests']:g} requests failed", file=sys.stderr)
    return row


def stream(targets: Sequence[Target], rounds: int) -> Rows:
    """Run all targets side by side and stream from one after the other."""
    with all_running(targets):
        for target in targets:
            for _ in range(_FIRST_STREAMS):
                target.stream()
        return interleaved(targets, rounds, Target.stream)


def interleaved(targets: Sequence[Target], rounds: int, once: Callable[[Target], Row]) -> Rows:
    """Measure A B A B; every round begins with another target, so that none is always first."""
    rows: Rows = {target.name: [] for target in targets}
    for number in range(rounds):
        turn = number % len(targets)
        for target in [*targets[turn:], *targets[:turn]]:
            rows[target.name].append(once(target))
    return rows


@contextlib.contextmanager
def all_running(targets: Sequence[Target]) -> Iterator[None]:
    """Start every target and wait for all; stop them in the end."""
    try:
        for target in targets:
            target.start()
            target.wait_ready()
        yield
    finally:
        for target in targets:
            target.stop()


def main() -> None:
    """Compare what the command line names."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("mode", choices=["start", "load", "stream"])
    parser.add_argument("target", nargs="+", metavar="NAME=COMMAND")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--connections", type=int, action="append")
    parser.add_argument("--seconds", type=float, default=4.0)
    chosen = parser.parse_args()
    with upstream() as base:
        targets = [_target(text, base) for text in chosen.target]
        if chosen.mode == "start":
            print(markdown(start(targets, chosen.rounds), START))
        elif chosen.mode == "stream":
            print(markdown(stream(targets, chosen.rounds), STREAM))
        else:
            for count, rows in load(targets, chosen.rounds, chosen.connections or [1, 16], chosen.seconds).items():
                print(f"\n{count} connections\n\n{markdown(rows, LOAD)}")


def _target(text: str, base: str) -> Target:
    name, _, command = text.partition("=")
    return Target(name, command.replace("{up}", base), free_port(), os.environ["BENCHMARK_KEY"], os.environ,
                  ready_count=0)


if __name__ == "__main__":
    main()
