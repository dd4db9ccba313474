"""The launch document: everything one generation of workers needs, as one JSON value."""

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..config.document import plan_document
from ..config.environment import Environment
from ..config.plan import LaunchPlan
from ..config.rendering import config_document, content_hash, dump, header
from ..config.shield import FIXED as FIXED
from ..config.shield import REMOVED as REMOVED

VERSION = 1


@dataclass(frozen=True)
class Generation:
    """One configuration, ready to serve: public YAML, LiteLLM's document, plan.json, values for the workers."""

    yaml: str
    config: Mapping[str, Any]
    plan: Mapping[str, Any]
    env: Mapping[str, str]

    @property
    def hash(self) -> str:
        """Return the content hash that YAML, log, metrics and ledger share."""
        return str(self.plan["hash"])


def generate(plan: LaunchPlan, env: Environment) -> Generation:
    """Return the generation of a checked plan."""
    document = plan_document(plan)
    config = config_document(plan)
    body = dump(config)
    digest = content_hash(body, document)
    values = worker_values(env)
    values.update((name, secret.value.strip()) for name, secret in plan.secrets.items()
                  if secret.value and not secret.in_environment)
    return Generation(header(digest) + body, config, {**document, "hash": digest}, values)


def worker_values(env: Environment) -> dict[str, str]:
    """Return what workers get on top of the process environment: `.env` values that it does not hold, and FIXED."""
    from_file = {name: value for name, (value, _) in env.dotenv.values.items()
                 if not env.process.get(name) and name not in REMOVED}
    return {**from_file, **FIXED}


def private_config(generation: Generation, package: str, callbacks: tuple[str, ...] = ()) -> str:
    """Return LiteLLM's private copy of the YAML: our callback and auth added, the operator's callbacks kept."""
    config = copy.deepcopy(dict(generation.config))
    settings = config.setdefault("litellm_settings", None) or {}
    own = settings.get("callbacks") or []
    kept = [own] if isinstance(own, str) else own
    settings["callbacks"] = [f"{package}.hooks.callback.instance", *kept, *callbacks]
    config["litellm_settings"] = settings
    general = config.get("general_settings") or {}
    general["custom_auth"] = f"{package}.hooks.auth.check"
    config["general_settings"] = general
    return dump(config)


def launch_document(generation: Generation, package: str, notes: tuple[str, ...],
                    callbacks: tuple[str, ...] = ()) -> dict[str, Any]:
    """Return the JSON-ready launch document; it holds secrets and only ever travels through a private descriptor."""
    return {"version": VERSION, "hash": generation.hash, "yaml": private_config(generation, package, callbacks),
            "plan": dict(generation.plan), "env": dict(generation.env), "unset": list(REMOVED), "notes": list(notes)}
