"""`--demo`: a gateway that answers with no key at all, through the built-in mock upstream."""

import os
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from ..errors import NotStarted
from .start import python_module, with_package

KEY_FILE = "master.key"
ENV_FILE = "demo.env"
DATABASE_FILE = "demo.db"
MODELS = {"gpt5": "gpt-5", "deepseek": "deepseek-v3.2", "grok": "grok-code-fast-1"}


def start_demo(environ: Mapping[str, str], package: str) -> Path:
    """Start the mock and return a 0700 folder with `demo.env` and the key file; both go when the gateway ends.

    Raises NotStarted where the mock does not come up.
    """
    folder = Path(tempfile.mkdtemp(prefix="litellm-gateway-demo-"))
    command = [*python_module(package, "mock"), "--until-eof", "--count-only", "--gap", "0.05",
               "--remove", str(folder)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                               env=with_package(environ))
    assert process.stdin and process.stdout
    url = process.stdout.readline().decode().strip()
    if not url:
        shutil.rmtree(folder)  # the mock would have removed it
        raise NotStarted("the demo's mock upstream did not start", "", "see the lines above")
    # The mock ends when the last holder of this pipe does; it is never closed here.
    os.set_inheritable(process.stdin.fileno(), True)
    _keep_open.append(process)
    _write_private(folder / KEY_FILE, f"sk-demo-{secrets.token_hex(24)}\n")
    _write_private(folder / ENV_FILE, demo_environment(url, folder / KEY_FILE))
    return folder


_keep_open: list[subprocess.Popen[bytes]] = []


def demo_environment(url: str, key_file: Path) -> str:
    """Return the `.env` text of the demo: three example models at the mock, keyless, one random master key."""
    lines = [f"PROXY_MODEL_KEYS={','.join(MODELS)}", f"OPENAI_API_BASE={url}",
             f"LITELLM_MASTER_KEY_FILE={_quoted(str(key_file))}",
             f"GATEWAY_DATABASE_URL={_quoted(f'sqlite:///{key_file.parent / DATABASE_FILE}')}"]
    for key, model in MODELS.items():
        values = {"UPSTREAM_MODEL": model, "API_KEY_ENV": "none", "INPUT_COST": "0", "OUTPUT_COST": "0"}
        lines += [f"MODEL_{key.upper()}_{name}={value}" for name, value in values.items()]
    return "\n".join(lines) + "\n"


def _quoted(value: str) -> str:
    return "'" + value.replace("\\", r"\\").replace("'", r"\'") + "'"


def _write_private(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)


def demo_process_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment without any declaration of models, so that the demo serves its own and no real key."""
    dropped = ("MODEL_", "CHAIN_", "PROXY_", "OPENAI_", "LITELLM_MASTER_KEY", "REASONING_EFFORT",
               "GATEWAY_DATABASE_URL")
    kept = {name: value for name, value in environ.items() if not name.startswith(dropped)}
    if sys.platform == "win32":
        kept.setdefault("SYSTEMROOT", environ.get("SYSTEMROOT", ""))
    return kept
