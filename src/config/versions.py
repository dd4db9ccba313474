"""Which LiteLLM releases this gateway was tested with, which it never runs, and what it says of all others.

Nothing here imports LiteLLM: a malicious release must be known before any of its code runs.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from ..errors import UsageProblem

if TYPE_CHECKING:
    from importlib.metadata import Distribution

PACKAGE = "litellm"
# What pyproject.toml asks for: the series whose behaviour was measured, see `Tested`.
LOWEST, BELOW = (1, 106, 2), (1, 107, 0)
RANGE = ">=1.106.2,<1.107"
_RELEASE = re.compile(r"(\d+)\.(\d+)(?:\.(\d+))?")
# Sources: BerriAI/litellm issues 24512 and 24518 of March 2026: uploaded with a stolen account, they collect
# credentials; the second runs at every start of Python, through `litellm_init.pth`.
MALICIOUS: Mapping[tuple[int, int, int], str] = MappingProxyType({
    (1, 82, 7): "its proxy_server.py steals credentials", (1, 82, 8): "it steals credentials at every start of Python"})
PTH = "litellm_init.pth"


@dataclass(frozen=True)
class Tested:
    """One combination for which every test of the project passed."""

    gateway: str
    litellm: str
    python: str
    uvicorn: str


TESTED = (
    Tested("0.1.0", "1.106.2", "3.11", "0.54.0"),
)


@dataclass(frozen=True)
class Found:
    """The installed LiteLLM. ``version`` None: not installed; ``infected``: a malicious release left its file."""

    version: str | None
    infected: bool = False

    @property
    def shown(self) -> str:
        """Return the version for `--version` and the startup log."""
        return self.version or "not installed"

    @property
    def remark(self) -> str:
        """Return what is to be said of it, nothing where it is in the tested range."""
        if self.malicious:
            return "MALICIOUS"
        return "" if self.version is None or _within(self.version) else f"not tested; {RANGE} is"

    @property
    def malicious(self) -> str | None:
        """Return what a malicious release does, None for every other one."""
        known = MALICIOUS.get(release(self.version)) if self.version else None
        return known or (f"a malicious release has left {PTH}" if self.infected else None)


def release(version: str) -> tuple[int, int, int]:
    """Return major, minor and patch of a version; a suffix such as `rc1` or `.post1` does not count."""
    found = _RELEASE.match(version.lstrip("v"))
    return (int(found[1]), int(found[2]), int(found[3] or 0)) if found else (0, 0, 0)


def _within(version: str) -> bool:
    return LOWEST <= release(version) < BELOW


def installed(find: "Callable[[str], Distribution] | None" = None) -> Found:
    """Return what is installed, read from its metadata."""
    from importlib.metadata import PackageNotFoundError, distribution  # not for --help: it imports much
    try:
        found = (find or distribution)(PACKAGE)
    except PackageNotFoundError:
        return Found(None)
    return Found(found.version, Path(str(found.locate_file(PTH))).exists())


def refuse(found: Found) -> None:
    """Raise UsageProblem where this LiteLLM must not be run, or is not there."""
    if found.version is None:
        raise UsageProblem("LiteLLM is not installed", "", f"python -m pip install 'litellm[proxy]{RANGE}'")
    if found.malicious:
        raise UsageProblem(
            f"LiteLLM {found.version} is not started: {found.malicious}", "the installed package litellm",
            "take this machine's keys for stolen: revoke them, make a new environment on a clean machine,\n"
            f"and install with the pinned versions: pip install -c constraints.txt 'litellm[proxy]{RANGE}'")


def note(found: Found) -> tuple[str, ...]:
    """Return the startup log's warning about a LiteLLM that nobody has tested with this gateway."""
    if not found.remark:
        return ()
    return (f"LiteLLM {found.version} was not tested with this gateway, {RANGE} was: what the gateway promises "
            "may not hold",)
