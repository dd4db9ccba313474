"""What a check wants to know of the `.env` file itself: who may read it, and whether git would commit it."""

import os
import stat
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path

_READABLE = stat.S_IRGRP | stat.S_IROTH
_IGNORE = ".gitignore"


def readable_by_others(path: Path) -> bool:
    """Tell whether group or others may read the file; False where the platform has no such permissions."""
    return os.name == "posix" and bool(path.stat().st_mode & _READABLE)


def would_be_committed(path: Path) -> bool:
    """Tell whether the file is inside a git repository and no `.gitignore` line covers it or a folder above it.

    Git's own rules (gitignore(5)) as far as `.gitignore` and `info/exclude` of the repository go; a user's own excludes
    protect only that user.
    """
    path = path.absolute()
    top = next((folder for folder in path.parents if (folder / ".git").exists()), None)
    if top is None:
        return False
    parts = path.relative_to(top).parts
    return not any(_ignored(top, parts[:count], count < len(parts)) for count in range(1, len(parts) + 1))


def _ignored(top: Path, parts: tuple[str, ...], folder: bool) -> bool:
    """Tell whether the last matching pattern for one file or folder ignores it."""
    verdict = False
    for base, pattern in _patterns(top, parts[:-1]):
        negated = pattern.startswith("!")
        if _matches(pattern.removeprefix("!"), parts[base:], folder):
            verdict = not negated
    return verdict


def _patterns(top: Path, folders: tuple[str, ...]) -> Iterator[tuple[int, str]]:
    """Yield (depth of the file, pattern) in git's order: the nearest folder's file has the last word."""
    files = [(0, top / ".git" / "info" / "exclude")]
    files += [(depth, Path(top, *folders[:depth], _IGNORE)) for depth in range(len(folders) + 1)]
    for depth, file in files:
        try:
            lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            continue
        yield from ((depth, line.rstrip()) for line in lines if line.strip() and not line.startswith("#"))


def _matches(pattern: str, parts: tuple[str, ...], folder: bool) -> bool:
    if pattern.endswith("/"):
        if not folder:
            return False
        pattern = pattern[:-1]
    if pattern.startswith("**/") and "/" not in pattern[3:]:
        pattern = pattern[3:]
    if "/" not in pattern:
        return fnmatchcase(parts[-1], pattern)
    wanted = tuple(pattern.lstrip("/").split("/"))
    return len(wanted) == len(parts) and all(map(fnmatchcase, parts, wanted))
