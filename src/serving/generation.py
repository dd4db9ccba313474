"""One configuration being served: its number, its private files, its environment.

Every generation keeps its own files and environment, so that a replacement always boots from what once worked,
never from what has just been refused.
"""

import json
import os
import shutil
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from . import folder
from .backoff import Backoff
from .order import Document
from .scrub import Scrubber

CONFIG, PLAN = "config.yaml", "plan.json"


@dataclass(eq=False)
class Generation:
    """A configuration with everything that a worker of it needs; ``environ`` holds secrets."""

    number: int
    document: Document
    folder: Path
    environ: dict[str, str] = field(repr=False)
    tls: ssl.SSLContext | None = None
    backoff: Backoff = field(default_factory=Backoff)

    @property
    def scrubber(self) -> Scrubber:
        """Return what removes this generation's secrets from a text."""
        return Scrubber.of(self.environ, self.document.secret_names)

    def write(self) -> None:
        """Write those private files that are missing. Raises OSError."""
        self.folder.mkdir(mode=0o700, exist_ok=True)
        for name, text in ((CONFIG, self.document.yaml), (PLAN, json.dumps(self.document.plan))):
            if not (self.folder / name).exists():
                _write(self.folder / name, text)

    def restore(self) -> None:
        """Write the private files again where somebody swept them away. Raises OSError or ``NotStarted``."""
        if not all((self.folder / name).exists() for name in (CONFIG, PLAN)):
            folder.make(self.folder.parent)
            self.write()

    def discard(self) -> None:
        """Remove the private files; nobody may need them any more."""
        shutil.rmtree(self.folder, ignore_errors=True)


def prepare(number: int, document: Document, start: Mapping[str, str], runtime_dir: Path,
            tls: ssl.SSLContext | None = None) -> Generation:
    """Write the private files of a new generation and return it; ``start`` is the launcher's own environment.

    Raises OSError where they cannot be written, and leaves nothing of them.
    """
    environ = overlay(start, document)
    # numpy would otherwise start a thread pool per worker; LiteLLM prefers CONFIG_FILE_PATH over --config (1.106).
    environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    own = runtime_dir / f"gen-{number}"
    environ |= {"CONFIG_FILE_PATH": str(own / CONFIG), "GATEWAY_PLAN_FILE": str(own / PLAN)}
    generation = Generation(number, document, own, environ, tls)
    try:
        generation.write()
    except OSError:
        generation.discard()
        raise
    return generation


def overlay(start: Mapping[str, str], document: Document) -> dict[str, str]:
    """Return the environment that ``document`` asks for, on top of ``start``."""
    return {name: value for name, value in start.items() if name not in document.unset} | dict(document.environ)


def _write(path: Path, text: str) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(fd, "w", encoding="utf-8") as file:
        file.write(text)
