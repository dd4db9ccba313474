"""One tiny request per model: what to ask, what it may cost, and the asking, through a process that has LiteLLM."""

import contextlib
import json
import re
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from ..config.environment import Secret
from ..config.models import MODES
from ..errors import NotStarted
from ..launch.document import REMOVED, Generation
from ..launch.start import python_module, with_package
from ..policy.costs import Price

CHEAP_MODES = ("chat", "completion", "embedding")
DEFAULT_TIMEOUT_S = 30.0
# A word in, and its surroundings in a chat template.
PROMPT_TOKENS = 16
# Models that reason refuse an answer that cannot hold a thought.
ANSWER_TOKENS, REASONING_TOKENS = 1, 16
_REFERENCE = re.compile(r"os\.environ/([A-Za-z_][A-Za-z0-9_]*)")
# What only the router reads, and what would have a model think for more than its answer may cost.
_LEFT_OUT = ("rpm", "tpm", "max_parallel_requests", "stream_timeout", "weight", "order", "reasoning_effort", "thinking")


@dataclass(frozen=True)
class Ping:
    """One deployment to ask. ``params`` hold its key and never leave this machine but for the upstream.

    ``unset`` is the key variable that has no value, so that there is nothing to ask with.
    """

    deployment: str
    alias: str
    provider: str
    model: str
    mode: str
    base: str | None
    key_env: str | None
    key_where: str
    params: Mapping[str, Any]
    seconds: float
    unset: str = ""

    def __repr__(self) -> str:
        return f"Ping({self.alias})"


@dataclass(frozen=True)
class Pong:
    """How it ended; ``cause`` is `dns`, `tls`, `refused` or `timeout` where no answer came. Times in seconds."""

    status: int | None
    seconds: float | None = None
    first_s: float | None = None
    cause: str = ""
    message: str = ""
    retry_after: str | None = None
    base: str | None = None

    @property
    def answered(self) -> bool:
        """Tell whether the model works; one that had no room for its answer does."""
        # OpenAI's words to models that reason, with status 400.
        return self.status == 200 or self.status == 400 and "max_tokens or model output limit" in self.message


def pings(generation: Generation, secrets: Mapping[str, Secret], values: Mapping[str, str]) -> list[Ping]:
    """Return one ping per deployment; ``values`` is what `os.environ/NAME` stands for."""
    models = {str(model["deployment"]): model for model in generation.plan["models"]}
    found = []
    for entry in generation.config["model_list"]:
        model = models.get(str(entry["model_info"]["id"]))
        if model is not None and "*" not in model["alias"]:  # chains have entries too
            found.append(_ping(model, entry["litellm_params"], secrets, values))
    return found


def _ping(model: Mapping[str, Any], params: Mapping[str, Any], secrets: Mapping[str, Secret],
          values: Mapping[str, str]) -> Ping:
    names = [found[1] for value in params.values() if isinstance(value, str) and (found := _REFERENCE.fullmatch(value))]
    known = {name: secrets[name].value or "" if name in secrets else values.get(name, "") for name in names}
    sent = {name: _resolved(value, known) for name, value in params.items() if name not in _LEFT_OUT}
    if model["mode"] in ("chat", "completion"):
        sent["max_tokens"] = REASONING_TOKENS if model["accepts_reasoning"] else ANSWER_TOKENS
    else:
        sent.pop("max_tokens", None)
    key_env = model["key_env"]
    where = secrets[key_env].where if key_env in secrets else ""
    unset = next((name for name, value in known.items() if not value.strip()), "")
    return Ping(str(model["deployment"]), model["alias"], model["provider"], model["model"].partition("/")[2],
                model["mode"], params.get("api_base"), key_env, where, sent,
                float(model["timeout"] or DEFAULT_TIMEOUT_S), unset)


def _resolved(value: Any, known: Mapping[str, str]) -> Any:
    found = _REFERENCE.fullmatch(value) if isinstance(value, str) else None
    return known[found[1]].strip() if found else value


def cost_micros(ping: Ping, price: Price | None) -> Decimal | None:
    """Return what a ping costs at most, in micro-dollars; None where nobody knows. Keyless upstreams bill nobody."""
    if ping.key_env is None and "api_key" in ping.params:
        return Decimal(0)
    if price is None or price.prompt is None or ping.mode not in CHEAP_MODES:
        return None
    answer = Decimal(ping.params.get("max_tokens") or 0)
    if answer and price.completion is None:
        return None
    return (PROMPT_TOKENS * price.prompt + answer * (price.completion or Decimal(0))) / 1_000_000


def ask_all(listed: Sequence[Ping], package: str, environ: Mapping[str, str],
            heard: Callable[[], object]) -> dict[str, Pong]:
    """Ask all of them at once and return deployment -> how it ended; ``heard`` is called after each.

    Raises NotStarted where LiteLLM cannot be used. The process that asks never outlives this call.
    """
    assert all(ping.mode in MODES for ping in listed)
    order = {"requests": [{"id": ping.deployment, "kind": ping.mode, "params": dict(ping.params),
                           "seconds": ping.seconds} for ping in listed]}
    kept = {name: value for name, value in environ.items() if name not in REMOVED}
    found: dict[str, Pong] = {}
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(python_module(package, "serving.ping_tool"), env=with_package(kept),
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors)
        try:
            _converse(process, json.dumps(order).encode(), found, heard)
        finally:
            process.kill()
            process.wait()
        errors.seek(0)
        said = errors.read().decode(errors="replace")
    if len(found) < len(listed):
        reason = (said.strip().splitlines() or ["it said nothing"])[-1]
        raise NotStarted(f"LiteLLM could not ask: {reason}", "", "see that LiteLLM is installed in this environment")
    return found


def _converse(process: "subprocess.Popen[bytes]", order: bytes, found: dict[str, Pong],
              heard: Callable[[], object]) -> None:
    assert process.stdin and process.stdout
    with process.stdout, contextlib.suppress(BrokenPipeError):  # it may end before it reads: then it said why
        process.stdin.write(order)
        process.stdin.close()
        for line in process.stdout:
            answer = json.loads(line)
            found[str(answer["id"])] = _pong(answer)
            heard()


def _pong(answer: Mapping[str, Any]) -> Pong:
    return Pong(answer["status"], answer["seconds"], answer["first_s"], answer.get("cause", ""),
                answer.get("message", ""), answer.get("retry_after"), answer.get("base"))
