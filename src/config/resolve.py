"""One declared model becomes one planned model: base, key variable, effort and caps, with the defaults applied."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from ..errors import Problem
from .environment import Environment
from .models import ModelCaps, ModelSpec, caps_for, litellm_drops_effort
from .notes import Note
from .providers import NATIVE_PROVIDERS, OPENAI_BASE
from .settings import Settings
from .wildcards import is_wildcard

KEYLESS = "none"
# What OpenAI's client adds to a base.
_ADDED = ("/chat/completions", "/completions", "/embeddings", "/responses")
# The ports of servers that have nothing for an OpenAI client at the root of their address.
_LOCAL_SERVERS = {11434: "Ollama", 1234: "LM Studio", 8000: "vLLM"}


@dataclass(frozen=True)
class PlannedModel:
    """A model with every default applied. ``key_env`` None: keyless; ``base`` None: left to LiteLLM's provider."""

    spec: ModelSpec
    caps: ModelCaps
    mode: str
    base: str | None
    base_origin: str
    key_env: str | None
    effort: str | None
    effort_origin: str = ""

    @property
    def alias(self) -> str:
        """Return what clients send as `model`."""
        return self.spec.alias

    @property
    def context_window(self) -> int | None:
        """Return the declared window in tokens, else the known one."""
        return self.spec.context_window or self.caps.context_window


def resolve(spec: ModelSpec, env: Environment, settings: Settings) -> tuple[PlannedModel, list[Problem], list[str]]:
    """Return the planned model, its problems and its notes."""
    caps = spec.caps or caps_for(spec.provider, spec.model)
    base, base_origin = _base(spec, settings)
    key_env, problems = _key_env(spec, env)
    effort, origin, wrong, notes = _effort(spec, caps, settings)
    if caps.deprecated_on:
        notes.append(Note(f"{spec.alias}: the provider retires {spec.model} on {caps.deprecated_on}"
                          " or has done so; requests may fail", "GW704", spec.origin("upstream"),
                          "name a model that the provider keeps"))
    planned = PlannedModel(spec, caps, spec.mode or caps.mode, base, base_origin, key_env, effort, origin)
    return planned, problems + wrong + _route_in(planned), notes + _above_the_api(planned)


def _route_in(model: PlannedModel) -> list[Problem]:
    """Refuse a base that is the address of a route: each request would go to `.../completions/chat/completions`."""
    added = next((route for route in _ADDED if (model.base or "").endswith(route)), None)
    if not added or not model.base or model.spec.provider != "openai":
        return []
    return [Problem(f"the base ends with {added}, which is added to it", model.base_origin,
                    f"end it before that: {model.base.removesuffix(added)}", "GW102")]


def _above_the_api(model: PlannedModel) -> list[str]:
    """Note a base that is a local server's own address, above the `/v1` where it serves OpenAI's API."""
    base = urlsplit(model.base or "")
    server = _LOCAL_SERVERS.get(base.port or 0)
    if not server or base.path.strip("/") or model.spec.provider not in ("openai", "hosted_vllm", "lm_studio"):
        return []
    url = (model.base or "").rstrip("/")
    return [Note(f"{model.alias}: at port {base.port} {server} serves OpenAI's API below /v1, and {url} is above that",
                 "GW711", model.base_origin, f"end the base with /v1: {url}/v1")]


def _base(spec: ModelSpec, settings: Settings) -> tuple[str | None, str]:
    if spec.api_base:
        return spec.api_base, spec.origin("api_base")
    if spec.provider != "openai":
        native = NATIVE_PROVIDERS[spec.provider].base
        return native, f"default of {spec.provider}"
    for name in ("OPENAI_API_BASE", "OPENAI_BASE_URL"):
        if settings.text(name):
            return settings.text(name), f"{name}, {settings.origin(name)}"
    return OPENAI_BASE, "default"


def _key_env(spec: ModelSpec, env: Environment) -> tuple[str | None, list[Problem]]:
    stated = spec.api_key_env
    if stated is None:
        return _usual_key(spec, env), []
    if stated.lower() == KEYLESS:
        return None, []
    where, name = spec.origin("api_key_env"), spec.alias
    if stated == "OPENAI_API_KEY" and spec.provider != "openai":
        usual = next(iter(NATIVE_PROVIDERS[spec.provider].key_envs), "MY_API_KEY")
        return stated, [Problem(f"{name}: OPENAI_API_KEY must not go to the provider {spec.provider}", where,
                                f"name the provider's own key variable, such as {usual}", "GW413")]
    if stated.startswith(("LITELLM_", "GATEWAY_")):
        return stated, [Problem(f"{name}: {stated} is the gateway's own and must not go upstream", where,
                                "name the variable that holds the upstream's key", "GW414")]
    return stated, []


def _usual_key(spec: ModelSpec, env: Environment) -> str | None:
    if spec.provider == "openai":
        return "OPENAI_API_KEY"
    native = NATIVE_PROVIDERS[spec.provider]
    for name in native.key_envs:
        if env.get(name) or env.get(f"{name}_FILE"):
            return name
    return None if native.keyless else next(iter(native.key_envs), None)


def _effort(spec: ModelSpec, caps: ModelCaps, settings: Settings) -> tuple[str | None, str, list[Problem], list[str]]:
    level, origin = spec.reasoning_effort, spec.origin("reasoning_effort")
    own = level is not None
    if not own and (spec.mode or caps.mode) == "chat":
        level, origin = settings.text("REASONING_EFFORT"), f"REASONING_EFFORT, {settings.origin('REASONING_EFFORT')}"
    if level in (None, KEYLESS):
        return None, "", [], []
    if not own and is_wildcard(spec.alias):
        return None, "", [], [Note(f"{spec.alias}: its models differ, so the global level {level} is left out", "GW702",
                                   origin, f"MODEL_{spec.key.upper()}_REASONING_EFFORT={level}")]
    if level not in caps.efforts:
        accepts = "accepts " + ", ".join(caps.efforts) if caps.efforts else "does not accept reasoning_effort"
        if own:
            return None, "", [Problem(f"{spec.alias}: {spec.model} {accepts}, not {level}", origin,
                                      "choose an accepted level, or none", "GW701")], []
        return None, "", [], [Note(f"{spec.alias}: {spec.model} {accepts}, so the global level {level} is left out",
                                   "GW702", origin, f"MODEL_{spec.key.upper()}_REASONING_EFFORT=none")]
    notes: list[str] = []
    if litellm_drops_effort(spec.provider, spec.model) and "reasoning_effort" not in spec.allow_params:
        allow = f"MODEL_{spec.key.upper()}_ALLOW_PARAMS=reasoning_effort"
        notes.append(Note(f"{spec.alias}: LiteLLM drops reasoning_effort for {spec.upstream}; to send it all the same "
                          f"set {allow}", "GW703", origin, allow))
    return level, origin, [], notes
