"""A reader's terminal: the blocks of the README run as they stand, with the mock in place of every provider."""

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.e2e.gateway import PYTHONPATH, clean_environment

ADDRESS = "127.0.0.1:4000"
_PROVIDER = re.compile(r"https://api\.(?:example\.com|x\.ai)/v1")


def at_mock(text: str, url: str) -> str:
    """Return a block with the addresses of providers replaced by the mock's."""
    return _PROVIDER.sub(url, text)


def script(path: Path, *lines: str) -> None:
    """Write an executable shell script."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(("#!/bin/sh", *lines, "")), encoding="utf-8")
    path.chmod(0o755)


def environment(folder: Path, port: int, more: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment of a terminal whose commands are this checkout's and whose port 4000 is ``port``."""
    tools = folder / "terminal"
    script(tools / "litellm-gateway", f'exec "{sys.executable}" -m src.main "$@"')
    for name in ("python", "python3"):
        script(tools / name, f'exec "{sys.executable}" "$@"')
    # curl goes to our port wherever a command says 4000, and fails where the answer is an error.
    (tools / ".curlrc").write_text(f'connect-to = "{ADDRESS}:127.0.0.1:{port}"\nnoproxy = "*"\n'
                                   "silent\nshow-error\nfail-with-body\n", encoding="ascii")
    path = f"{tools}{os.pathsep}{os.environ['PATH']}"
    return {**clean_environment(measured=False), "PATH": path, "CURL_HOME": str(tools),
            "PYTHONPATH": PYTHONPATH, "PORT": str(port), "GATEWAY_RUNTIME_DIR": str(folder / "run"),
            "XDG_STATE_HOME": str(folder / "state"), "NO_PROXY": "*", **(more or {})}


def paste(text: str, folder: Path, environ: Mapping[str, str]) -> str:
    """Run a block in bash as a reader would and return what it printed; fails where it does."""
    done = subprocess.run(["bash", "-euo", "pipefail", "-c", text], cwd=folder, env=dict(environ), text=True,
                          stdin=subprocess.DEVNULL, capture_output=True, timeout=120)
    assert done.returncode == 0, f"exit code {done.returncode}\n{text}\n{done.stdout}\n{done.stderr}"
    return done.stdout
