"""Does the real LiteLLM boot with a file? One process imports it once and forks a child for each question.

    with Boots() as boots:
        boots.ask(path, environ).fault       # "" where it boots, lists every alias and finds its credentials

Run as a program it is that process: one JSON question per line on standard input, one JSON answer per line back.
"""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

if __name__ != "__main__":
    from .gateway import ROOT, clean_environment

# LiteLLM asks no network for its prices, reads no .env, and a request ends at a port where nobody listens.
QUIET = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_MODE": "PRODUCTION", "NO_PROXY": "", "LITELLM_LOG": "ERROR",
         "HTTPS_PROXY": "http://127.0.0.1:9", "HTTP_PROXY": "http://127.0.0.1:9", "TELEMETRY": "False"}
CHILD_S = 20.0
# What a provider's client says when it has no key; anything else (no route, 404) means that it had one.
NO_KEY = ("missing credentials", "api_key client option must be set", "missing api key", "api key not found",
          "no api key", "authenticationerror", "must be set either by passing", "missing key",
          "you didn't provide an api key")
# What only the router reads.
NOT_ASKED = {"rpm", "tpm", "max_parallel_requests", "weight", "order", "tags", "cache_control_injection_points"}


@dataclass(frozen=True)
class Verdict:
    """What LiteLLM did with a file; ``fault`` is empty where it served it as declared."""

    fault: str
    listed: tuple[str, ...] = ()


class Boots:
    """The process that knows; to be closed."""

    def __init__(self) -> None:
        environ = {**clean_environment(), **QUIET, "PYTHONPATH": str(ROOT)}
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).resolve())], env=environ, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)

    def __enter__(self) -> "Boots":
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait(60)

    def ask(self, path: Path, environ: Mapping[str, str], declared: Iterable[str] | None = None) -> Verdict:
        """Boot LiteLLM with the file at ``path``; ``declared`` are the aliases that it must list."""
        assert self._process.stdin and self._process.stdout
        question = {"path": str(path), "environ": dict(environ), "declared": None if declared is None else [*declared]}
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        return Verdict(answer["fault"], tuple(answer.get("listed", ())))


async def _boot(proxy: Any, declared: list[str] | None) -> dict[str, Any]:
    async with proxy.app.router.lifespan_context(proxy.app):
        router = proxy.llm_router
        listed = sorted(router.get_model_names()) if router else []
        wanted = _aliases(proxy) if declared is None else declared
        if missing := sorted(set(wanted) - set(listed)):
            return {"fault": f"not listed: {missing}", "listed": listed}
        for deployment in router.get_model_list() if router else ():
            if fault := await _asked(router, deployment):
                return {"fault": f"{deployment['model_name']}: {fault}", "listed": listed}
        return {"fault": "", "listed": listed}


def _aliases(proxy: Any) -> list[str]:
    config = proxy.proxy_config.get_config_state()
    return [entry["model_name"] for entry in config.get("model_list") or ()]


async def _asked(router: Any, deployment: dict[str, Any]) -> str:
    """Return why a request to the deployment fails before it reaches anybody; "" where it does not."""
    import litellm
    params, mode = deployment["litellm_params"], (deployment.get("model_info") or {}).get("mode") or "chat"
    if mode != "chat" or "*" in params["model"]:
        return ""
    call = {name: value for name, value in params.items() if name not in NOT_ASKED}
    try:
        await litellm.acompletion(**{**call, "messages": [{"role": "user", "content": "x"}], "max_retries": 0,
                                     "num_retries": 0, "timeout": 5, "fallbacks": None})
    except Exception as error:
        text = f"{type(error).__name__}: {error}"
        return text[:300] if any(sign in text.lower() for sign in NO_KEY) else ""
    return ""


def _child(question: dict[str, Any], pipe: int) -> None:
    os.environ.clear()
    os.environ.update({**question["base"], **question["environ"], "CONFIG_FILE_PATH": question["path"]})
    os.chdir(Path(question["path"]).parent)
    sys.path.insert(0, os.getcwd())
    import litellm.proxy.proxy_server as proxy
    try:
        answer = asyncio.run(asyncio.wait_for(_boot(proxy, question["declared"]), CHILD_S))
    except BaseException as error:
        answer = {"fault": f"{type(error).__name__}: {error}"[:600]}
    os.write(pipe, json.dumps(answer).encode())
    os._exit(0)


def _answer(question: dict[str, Any]) -> str:
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.close(reading)
        _child(question, writing)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        text = pipe.read().decode()
    os.waitpid(child, 0)
    return text or json.dumps({"fault": "the process ended"})


def main() -> None:
    """Import LiteLLM and answer until standard input ends."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    base = dict(os.environ)
    from src.serving.app import load
    load(base)
    for line in sys.stdin:
        answers.write(_answer({**json.loads(line), "base": base}) + "\n")


if __name__ == "__main__":
    main()
