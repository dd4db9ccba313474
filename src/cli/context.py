"""What commands get from `main.py` instead of reading it themselves."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Invocation:
    """The one reading of the outside: environment, how this program is called, where it was started."""

    environ: Mapping[str, str]
    package: str
    cwd: Path
    program: str = "litellm-gateway"
    argv: tuple[str, ...] = ()
