"""What the tests of the configuration share: declare as an operator does, in this process or in one of its own."""

import os
import subprocess
import sys
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from src import main
from src.config.environment import DotEnv, Environment, parse_dotenv
from src.config.plan import LaunchPlan, Sources, build_plan
from src.config.rendering import render_config

ROOT = Path(__file__).parents[2]
KEPT = ("PATH", "HOME", "TMPDIR", "SYSTEMROOT", "LD_LIBRARY_PATH")


def canary(name: str = "canary") -> str:
    """Return a value that looks like nothing but itself."""
    return f"{name}-{uuid.uuid4().hex}"


def missing_file(path: str) -> bytes:
    raise FileNotFoundError(2, "No such file or directory", path)


def declared(env: Mapping[str, str] | None = None, dotenv: str | bytes | None = None,
             files: Mapping[str, bytes] | None = None, **flags: Any) -> LaunchPlan:
    """Return the plan of an environment, the text of a `.env`, key files and flags, with its problems in it."""
    data = dotenv.encode() if isinstance(dotenv, str) else dotenv
    parsed = DotEnv() if data is None else parse_dotenv(data, ".env", env or {})
    contents = files or {}

    def read_file(path: str) -> bytes:
        return contents[path] if path in contents else missing_file(path)

    environment = Environment(env or {}, parsed, read_file)
    return build_plan(Sources(environment, **flags))


def two(env: Mapping[str, str] | None = None, **more: str) -> dict[str, str]:
    """Return an environment that declares `gpt5` and `deepseek`, changed by ``more``; None-like empty values stay."""
    return {"PROXY_MODEL_KEYS": "gpt5,deepseek", "MODEL_GPT5_UPSTREAM_MODEL": "gpt-5",
            "MODEL_DEEPSEEK_UPSTREAM_MODEL": "deepseek-v3.2", **(env or {}), **more}


def document(plan: LaunchPlan) -> dict[str, Any]:
    """Return the rendered YAML, read back."""
    loaded = yaml.safe_load(render_config(plan.checked()))
    assert isinstance(loaded, dict)
    return loaded


def params(plan: LaunchPlan, number: int = 0) -> dict[str, Any]:
    """Return what LiteLLM is told of one model."""
    entry: dict[str, Any] = document(plan)["model_list"][number]["litellm_params"]
    return entry


@dataclass(frozen=True)
class Ran:
    """How a command ended."""

    code: int
    out: bytes
    err: str

    @property
    def text(self) -> str:
        """Return standard output as text."""
        return self.out.decode()


def run(*arguments: str | bytes, env: Mapping[str, str] | None = None, cwd: Path,
        command: Sequence[str] = ("-m", "src.main"), **more: Any) -> Ran:
    """Run the command line in ``cwd`` with a clean environment and ``env``."""
    kept = {name: value for name, value in os.environ.items() if name in KEPT or name.startswith(("COV_", "COVERAGE_"))}
    environ = {**kept, "PYTHONPATH": str(ROOT), "GATEWAY_RUNTIME_DIR": str(cwd / "run"),
               "XDG_STATE_HOME": str(cwd / "state"), **(env or {})}
    done = subprocess.run([sys.executable, *command, *arguments], cwd=cwd, env=environ, capture_output=True,
                          stdin=subprocess.DEVNULL, timeout=120, check=False, **more)
    return Ran(done.returncode, done.stdout, done.stderr.decode(errors="replace"))


def run_here(*arguments: str, env: Mapping[str, str] | None = None, cwd: Path,
             capfd: pytest.CaptureFixture[str]) -> Ran:
    """Run the command line in this process, for what ends before anything is started: ten times as fast."""
    code = main.run(arguments, {"XDG_STATE_HOME": str(cwd / "state"), **(env or {})}, cwd)
    out, err = capfd.readouterr()
    return Ran(code, out.encode(), err)


def refused(ran: Ran, *texts: str, code: int = 2) -> None:
    """Check that a command ended with ``code`` and a clean message that holds every one of ``texts``."""
    assert (ran.code, ran.out) == (code, b""), ran
    assert "Traceback" not in ran.err and "{program}" not in ran.err
    assert "error: " in ran.err
    assert [text for text in texts if text not in ran.err] == [], ran.err
