"""A plan becomes the variables that declare it again: what a container is told in its environment, without secrets."""

from collections.abc import Mapping
from decimal import Decimal

from ..config.fields import FIELDS
from ..config.models import DEFAULT_TRIGGERS, ChainSpec, ModelSpec
from ..config.parsing import CHAIN_PREFIX, MODEL_PREFIX
from ..config.plan import LaunchPlan
from ..config.providers import default_alias, split_provider
from ..config.settings import VARIABLES, Settings

# They describe the machine where the plan was made, or stand in the documents in another form.
_OF_THE_MACHINE = frozenset((
    "PROXY_MODEL_KEYS", "PROXY_CHAIN_KEYS", "LITELLM_HOST", "PORT", "GATEWAY_RUNTIME_DIR", "GATEWAY_SSL_CERTFILE",
    "GATEWAY_SSL_KEYFILE", "GATEWAY_LEDGER_SPILL_DIR", "LITELLM_BASE_URL"))
_OF_OTHERS = ("DISCOVERY_",)
# What a rendered configuration has taken up already.
OF_MODELS = frozenset(("OPENAI_API_BASE", "OPENAI_BASE_URL", "REASONING_EFFORT", "GATEWAY_LOAD_BALANCE"))
_SPLIT_BY_HAND = ("upstream", "alias", "provider", "api_key_env", "headers")


def declaration(plan: LaunchPlan, rows: bool = True) -> dict[str, str]:
    """Return the variables that declare the models and chains of ``plan``, in the plan's order.

    Without ``rows`` those of the registry are left out, for a gateway that reads the same registry.
    """
    models = [model.spec for model in plan.models if rows or model.spec.caps is None]
    chains = [chain for chain in plan.chains if rows or not chain.source.startswith("registry ")]
    found = {}
    for variable, specs in (("PROXY_MODEL_KEYS", models), ("PROXY_CHAIN_KEYS", chains)):
        if specs:
            found[variable] = ",".join(spec.key for spec in specs)
    for model in models:
        found.update(_model(model))
    for chain in chains:
        found.update(_chain(chain))
    return found


def setting_variables(settings: Settings) -> dict[str, str]:
    """Return the global variables that differ from their defaults and mean the same on any machine; no secrets."""
    return {variable.name: text_of(settings.values[variable.name]) for variable in VARIABLES
            if not variable.secret and variable.name not in _OF_THE_MACHINE
            and not variable.name.startswith(_OF_OTHERS)
            and settings.values[variable.name] not in (None, variable.default)}


def own_key(name: str | None, key: str) -> bool:
    """Tell whether the variable ``name`` is the model's own: naming it in API_KEY_ENV too would be a clash."""
    return name == f"{MODEL_PREFIX}{key.upper()}_API_KEY"


def _model(spec: ModelSpec) -> Mapping[str, str]:
    found = {"upstream": _upstream(spec)}
    if spec.alias != default_alias(spec.provider, spec.model):
        found["alias"] = spec.alias
    if spec.api_key_env and not own_key(spec.api_key_env, spec.key):
        found["api_key_env"] = spec.api_key_env
    if spec.headers:
        found["headers"] = ",".join(f"{name}={value}".replace(",", r"\,") for name, value in spec.headers)
    for field in FIELDS:
        if field.attribute not in _SPLIT_BY_HAND:
            value = getattr(spec, field.attribute)
            if value not in (None, ()):
                found[field.attribute] = text_of(value)
    prefix = f"{MODEL_PREFIX}{spec.key.upper()}_"
    return {prefix + field.suffixes[0]: found[field.attribute] for field in FIELDS if field.attribute in found}


def _upstream(spec: ModelSpec) -> str:
    """Return the shortest id that is read as this provider and model; PROVIDER need not be said then."""
    if spec.provider == "openai" and split_provider(spec.model) == ("openai", spec.model):
        return spec.model
    return spec.upstream


def _chain(chain: ChainSpec) -> Mapping[str, str]:
    prefix = f"{CHAIN_PREFIX}{chain.key.upper()}_"
    found = {f"{prefix}MODELS": ",".join(chain.models)}
    if chain.alias != chain.key:
        found[f"{prefix}ALIAS"] = chain.alias
    if chain.triggers != DEFAULT_TRIGGERS:
        found[f"{prefix}ON"] = ",".join(chain.triggers)
    return found


def text_of(value: object) -> str:
    """Return a setting or field as the operator would type it."""
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Decimal):
        return f"{value:f}"
    return str(int(value)) if isinstance(value, float) and value == int(value) else str(value)


def discovery_variables(settings: Settings) -> dict[str, str]:
    """Return what was set for the discovery service, save where it listens and whom it lets in."""
    mine = [variable for variable in VARIABLES if variable.name.startswith(_OF_OTHERS) and not variable.secret
            and variable.name not in ("DISCOVERY_HOST", "DISCOVERY_PORT", "DISCOVERY_TOKENS")]
    return {variable.name: text_of(settings.values[variable.name]) for variable in mine
            if settings.values[variable.name] not in (None, variable.default)}
