"""A plan as one side of a comparison: what is declared now, or what an environment file says by itself."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from ..config.document import plan_document
from ..config.environment import Environment
from ..config.parsing import CHAIN_PREFIX, MODEL_PREFIX
from ..config.plan import LaunchPlan
from ..config.rendering import config_document, content_hash, dump
from ..config.settings import BY_NAME
from .configuration import Configuration, Variables, joined, of_plan, of_yaml
from .hiding import Hidden

# What these say is in models and chains.
_DECLARATIONS = ("PROXY_MODEL_KEYS", "PROXY_CHAIN_KEYS")


def of_declared(name: str, plan: LaunchPlan, env: Environment) -> Configuration:
    """Return everything that a checked plan and its environment say."""
    document, config = plan_document(plan), config_document(plan)
    digest = content_hash(dump(config), document)
    found = joined(of_plan(name, {**document, "hash": digest}), of_yaml(name, config))
    rows = {f"chain:{chain.key}" for chain in plan.chains if chain.source.startswith("registry")}
    return replace(found, variables=_variables(plan, env), rows=found.rows | rows)


def _variables(plan: LaunchPlan, env: Environment) -> Variables:
    secrets = {name: secret.value for name, secret in plan.secrets.items()}
    secrets |= {name: env.secret(name).value for name, variable in BY_NAME.items() if variable.secret}
    others = [name for name in env.dotenv.values if _other(name, secrets)]
    values: dict[str, Any] = {name: Hidden(value) for name, value in env.values.items()}
    values |= {name: plan.settings.values[name] for name, variable in BY_NAME.items() if not variable.secret}
    values |= {name: Hidden(value.strip()) if value else None for name, value in secrets.items()}
    listed = {*others, *BY_NAME, *secrets} - {*_DECLARATIONS}
    return Variables(frozenset(listed), values, frozenset(secrets))


def _other(name: str, secrets: Iterable[str]) -> bool:
    """Tell whether a variable of `.env` is nobody's declaration: LiteLLM's own, perhaps."""
    return not name.startswith((MODEL_PREFIX, CHAIN_PREFIX)) and name.removesuffix("_FILE") not in secrets
