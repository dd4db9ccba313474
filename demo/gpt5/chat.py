"""GPT-5 through the gateway, plain and streamed: ``python demo/gpt5/chat.py ["prompt"] [--model ALIAS]``."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from demo.client import run  # noqa: E402 (a script finds its neighbours only once the path is set)

if __name__ == "__main__":
    sys.exit(run("gpt-5", "In one sentence: what does a gateway for language models do?"))
