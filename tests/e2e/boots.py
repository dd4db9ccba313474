"""Does the real LiteLLM boot with a file? One process imports it once and forks a child for each question.

    with Boots() as boots:
        (verdict,) = boots.ask((path, environ))
        verdict.fault       # "" where it boots, lists every alias and finds its credentials

Run as a program it is that process: a JSON list of questions per line on standard input, a list of answers back.
"""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

if __name__ != "__main__":
    from .gateway import ROOT, clean_environment

# LiteLLM asks no network for its prices, reads no .env, and a request ends at a port where nobody listens.
QUIET = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_MODE": "PRODUCTION", "NO_PROXY": "", "LITELLM_LOG": "ERROR",
         "HTTPS_PROXY": "http://127.0.0.1:9", "HTTP_PROXY": "http://127.0.0.1:9", "TELEMETRY": "False"}
CHILD_S = 20.0
AT_ONCE = 2
# What a provider's client says when it has no key; anything else (no route, 404) means that it had one.
NO_KEY = ("missing credentials", "api_key client option must be set", "missing api key", "api key not found",
          "no api key", "authenticationerror", "must be set either by passing", "missing key",
          "you didn't provide an api key")
# What only the router reads.
NOT_ASKED = {"rpm", "tpm", "max_parallel_requests", "weight", "order", "tags", "cache_control_injection_points"}


Question = tuple[Path, Mapping[str, str]]


@dataclass(frozen=True)
class Verdict:
    """What LiteLLM did with a file; ``fault`` is empty where it served it as declared."""

    fault: str
    listed: tuple[str, ...] = ()


class Boots:
    """The process that knows; to be closed."""

    def __init__(self) -> None:
        environ = {**clean_environment(measured=False), **QUIET, "PYTHONPATH": str(ROOT)}
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).resolve())], env=environ, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)

    def __enter__(self) -> "Boots":
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait(60)

    def ask(self, *questions: "Question") -> list[Verdict]:
        """Boot LiteLLM with each file, two at a time; the verdicts come in the order of the questions."""
        asked = [{"path": str(path), "environ": dict(environ)} for path, environ in questions]
        return [Verdict(answer["fault"], tuple(answer.get("listed", ()))) for answer in self._told(asked)]

    def providers(self, names: list[str]) -> list[str | None]:
        """Return whom LiteLLM would ask for each of these model names, None where it knows nobody."""
        found: list[str | None] = self._told([{"names": names}])[0]["providers"]
        return found

    def _told(self, questions: list[dict[str, Any]]) -> list[dict[str, Any]]:
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write(json.dumps(questions) + "\n")
        self._process.stdin.flush()
        answers: list[dict[str, Any]] = json.loads(self._process.stdout.readline())
        return answers


async def _boot(proxy: Any) -> dict[str, Any]:
    async with proxy.app.router.lifespan_context(proxy.app):
        router = proxy.llm_router
        listed = sorted(router.get_model_names()) if router else []
        declared = [entry["model_name"] for entry in proxy.proxy_config.get_config_state().get("model_list") or ()]
        if not declared:
            return {"fault": "no model is declared", "listed": listed}
        if missing := sorted(set(declared) - set(listed)):
            return {"fault": f"not listed: {missing}", "listed": listed}
        if len(router.model_list) < len(declared):
            return {"fault": "a deployment was left out", "listed": listed}
        for deployment in router.get_model_list() if router else ():
            if fault := await _asked(router, deployment):
                return {"fault": f"{deployment['model_name']}: {fault}", "listed": listed}
        return {"fault": "", "listed": listed}


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
    answer = {"providers": _providers(question["names"])} if "names" in question else _file(question)
    with os.fdopen(pipe, "w") as out:
        out.write(json.dumps(answer))
    os._exit(0)


def _providers(names: list[str]) -> list[str | None]:
    import litellm
    from litellm.litellm_core_utils.get_llm_provider_logic import inferred_provider
    litellm.suppress_debug_info = True
    return [inferred_provider(name) for name in names]


def _file(question: dict[str, Any]) -> dict[str, Any]:
    os.environ.clear()
    os.environ.update({**question["base"], **question["environ"], "CONFIG_FILE_PATH": question["path"]})
    os.chdir(Path(question["path"]).parent)
    sys.path.insert(0, os.getcwd())
    import litellm.proxy.proxy_server as proxy
    try:
        return asyncio.run(asyncio.wait_for(_boot(proxy), CHILD_S))
    except BaseException as error:
        return {"fault": f"{type(error).__name__}: {error}"[:600]}


def _start(question: dict[str, Any]) -> tuple[int, int]:
    """Fork the child that answers; return its id and the end of the pipe where the answer will be."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.close(reading)
        _child(question, writing)
    os.close(writing)
    return child, reading


def _end(child: int, reading: int) -> dict[str, Any]:
    with os.fdopen(reading, "rb") as pipe:
        text = pipe.read().decode()
    os.waitpid(child, 0)
    answer: dict[str, Any] = json.loads(text) if text else {"fault": "the process ended"}
    return answer


def _answers(questions: list[dict[str, Any]]) -> list[dict[str, Any]]:
    answers: list[dict[str, Any]] = []
    running: list[tuple[int, int]] = []
    for question in questions:
        if len(running) == AT_ONCE:
            answers.append(_end(*running.pop(0)))
        running.append(_start(question))
    return answers + [_end(*one) for one in running]


def main() -> None:
    """Import LiteLLM and answer until standard input ends."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    base = dict(os.environ)
    from src.serving.app import load
    load(base)
    for line in sys.stdin:
        answers.write(json.dumps(_answers([{**one, "base": base} for one in json.loads(line)])) + "\n")


if __name__ == "__main__":
    main()
