"""What was read for import becomes the text of a `.env` file, checked by reading it back into a plan."""

from collections import Counter
from collections.abc import Iterator

from ..config.environment import Environment, parse_dotenv
from ..config.fields import FIELDS
from ..config.plan import LaunchPlan, Sources, build_plan
from ..errors import GatewayError
from .deployment import Deployment, Reading
from .dotenv_text import Line, Unwritable, written

_BLANK = Line()


def env_text(reading: Reading, source: str) -> str:
    """Return the `.env` text. Every value in it was tried when it was read; raises GatewayError otherwise."""
    try:
        return written(_lines(reading, source))
    except Unwritable as error:
        raise GatewayError(str(error), source, "shorten the file until it can be imported, and report this") from None


def env_plan(text: str) -> LaunchPlan:
    """Return the plan that a `.env` text declares by itself, with its problems in it."""
    return build_plan(Sources(Environment({}, parse_dotenv(text.encode()))))


def unset(reading: Reading) -> list[str]:
    """Return the variables that a launch still needs, besides those that the text holds."""
    return [name for name in reading.wanted if name not in reading.secrets]


def wanted(reading: Reading) -> list[str]:
    """Return every variable that a launch needs, in order: those of rows hold nothing themselves."""
    used = {model.values.get("api_key_env") for model in reading.models}
    return sorted({*reading.wanted, *(name for name in reading.secrets if name in used)})


def _lines(reading: Reading, source: str) -> Iterator[Line]:
    yield Line(comment=f"Made by `litellm-gateway import` from {source}.")
    yield Line("PROXY_MODEL_KEYS", ",".join(model.key for model in reading.models))
    for model in reading.models:
        yield _BLANK
        yield from _model(model, reading)
    if reading.chains:
        yield _BLANK
        yield Line("PROXY_CHAIN_KEYS", ",".join(reading.chains))
    for key, (alias, members) in reading.chains.items():
        if alias != key:
            yield Line(f"CHAIN_{key.upper()}_ALIAS", alias)
        yield Line(f"CHAIN_{key.upper()}_MODELS", ",".join(members))
    variables = {**reading.variables, **_shared(reading)}
    if variables:
        yield _BLANK
        yield Line(comment="For all models.")
    for name, value in variables.items():
        yield Line(name, value)
    yield _BLANK
    yield Line(comment="Keys. Set those behind a # here, in the environment, or as files: NAME_FILE.")
    for name, value in reading.secrets.items():
        yield Line(name, value, secret=True)
    own = {f"MODEL_{model.key.upper()}_API_KEY" for model in reading.models}
    for name in sorted(unset(reading)):
        # An empty one of a model's own is refused at launch; behind a # another key would go in its place.
        yield Line(name, "" if name in own else None)


def _shared(reading: Reading) -> dict[str, str]:
    counts = Counter(model.alias for model in reading.models)
    shared = [alias for alias, count in counts.items() if count > 1]
    return {"GATEWAY_LOAD_BALANCE": ",".join(shared)} if shared else {}


def _model(model: Deployment, reading: Reading) -> Iterator[Line]:
    yield Line(model.variable("upstream"), model.upstream)
    values = {**model.values, "alias": model.stated_alias}
    if model.fallbacks:
        values["fallbacks"] = ",".join(model.fallbacks)
    if values.get("api_key_env") == f"MODEL_{model.key.upper()}_API_KEY":
        del values["api_key_env"]  # the variable says by its name whose key it is
    for fld in FIELDS:
        if (value := values.get(fld.attribute)) is not None:
            yield Line(model.variable(fld.attribute), value)
