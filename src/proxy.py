"""`python src/proxy.py`: launch from the environment alone, whatever the working folder."""

import sys
from pathlib import Path


def main() -> None:
    """Put the repository root on the path and run the launcher without flags."""
    root = str(Path(__file__).resolve().parents[1])
    if root not in sys.path:
        sys.path.insert(0, root)
    from src.main import main as run  # noqa: TID252  (this file is a script: it has no package)
    run([])


if __name__ == "__main__":
    main()
