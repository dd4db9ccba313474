"""Whether git would take the file with the keys along."""

import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

State = Literal["ignored", "open", "tracked", "no repository"]


def git_state(path: Path, environ: Mapping[str, str]) -> State:
    """Return what git thinks of ``path``; where git is not installed, whether a `.gitignore` names the file."""
    folder = path.parent
    root = next((parent for parent in (folder, *folder.parents) if (parent / ".git").exists()), None)
    if root is None:
        return "no repository"
    git = shutil.which("git", path=environ.get("PATH"))
    if git is None:
        return "ignored" if _named_in(folder / ".gitignore", path.name) else "open"
    if _git(git, environ, folder, "ls-files", "--error-unmatch", "--", path.name) == 0:
        return "tracked"
    return "ignored" if _git(git, environ, folder, "check-ignore", "-q", "--", path.name) == 0 else "open"


def _git(git: str, environ: Mapping[str, str], folder: Path, *arguments: str) -> int:
    done = subprocess.run([git, *arguments], cwd=folder, env=dict(environ), stdin=subprocess.DEVNULL,
                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=30, check=False)
    return done.returncode


def _named_in(file: Path, name: str) -> bool:
    try:
        lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return False
    return any(line.strip() in (name, f"/{name}", f"{name}*", "*.env" if name.endswith(".env") else name)
               for line in lines)


def ignore(path: Path) -> Path:
    """Add ``path`` to the `.gitignore` beside it and return that file; raises OSError."""
    file = path.parent / ".gitignore"
    old = file.read_text(encoding="utf-8", errors="replace") if file.is_file() else ""
    with file.open("a", encoding="utf-8") as out:
        out.write(("\n" if old and not old.endswith("\n") else "") + f"{path.name}\n")
    return file
