"""The first command: `python3 demo/start.py` gives an answering gateway with example models and no key.

Makes `.venv` when needed, then starts `python -m src.main --demo`; further arguments go to the gateway
(`python3 demo/start.py --port 4001`).
"""
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import List

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from demo.bootstrap import ROOT, ensure_or_exit  # noqa: E402  (found through the line above)


def run_in_foreground(command: List[str]) -> int:
    """Become ``command`` where the system can, so that signals reach it; elsewhere wait for it and pass its code on."""
    if os.name == "posix":
        os.execv(command[0], command)
    child = subprocess.Popen(command)
    # Ctrl-C reaches the whole console, the gateway included: it decides when to end.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    return child.wait()


def main() -> int:
    """Set up, then run the demo gateway until it is stopped."""
    python = ensure_or_exit()
    os.chdir(str(ROOT))
    return run_in_foreground([str(python), "-m", "src.main", "--demo"] + sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
