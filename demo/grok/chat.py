"""Grok through the gateway, plain and streamed: ``python demo/grok/chat.py ["prompt"] [--model ALIAS]``."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from demo.client import run  # noqa: E402 (a script finds its neighbours only once the path is set)

if __name__ == "__main__":
    sys.exit(run("grok-code-fast-1", "Write a Python function that returns the n-th Fibonacci number."))
