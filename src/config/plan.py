"""Merge everything that was declared into one checked `LaunchPlan`; find every problem at once."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from ..errors import PROGRAM, ConfigurationError, Problem
from . import checks, misspelt
from .database import Database
from .environment import Environment, Secret
from .fields import Draft
from .lines import printable
from .models import ChainSpec, ModelSpec
from .notes import Note
from .parsing import Reading, key_of, load_model_specs_from_cli, load_model_specs_from_env
from .providers import default_alias
from .registry import RegistryReading, join
from .resolve import PlannedModel, resolve
from .settings import BY_NAME, Settings, read_settings
from .wildcards import STAR

# Single-model variables of earlier launchers, with what replaces them.
RETIRED = {"OPENAI_MODEL": "UPSTREAM_MODEL", "LITELLM_MODEL": "UPSTREAM_MODEL", "LITELLM_MODEL_ALIAS": "ALIAS"}
WAYS_TO_DECLARE = f"""answer some questions: {PROGRAM} init
or declare one in any of three ways (variables may also stand in .env):
PROXY_MODEL_KEYS=gpt5 MODEL_GPT5_UPSTREAM_MODEL=gpt-5 {PROGRAM}
{PROGRAM} --model-spec key=gpt5,upstream=gpt-5
OPENAI_API_KEY=<your key> {PROGRAM}"""


@dataclass(frozen=True)
class Sources:
    """Everything an operator can declare with: the environment and what stood on the command line.

    ``flags`` maps a variable of the settings table to the text that its flag was given; ``registry`` is None where no
    database is used.
    """

    env: Environment
    model_specs: tuple[str, ...] = ()
    add_model_specs: tuple[str, ...] = ()
    alias: str | None = None
    model: str | None = None
    flags: Mapping[str, str] = field(default_factory=dict)
    registry: RegistryReading | None = None
    database: Database | None = None


@dataclass(frozen=True)
class LaunchPlan:
    """The whole decision. ``problems`` refuse everything, ``launch_problems`` only a launch (keys that are not set)."""

    models: tuple[PlannedModel, ...]
    chains: tuple[ChainSpec, ...]
    settings: Settings
    secrets: Mapping[str, Secret]
    problems: tuple[Problem, ...] = ()
    launch_problems: tuple[Problem, ...] = ()
    notes: tuple[str, ...] = ()
    registry: Mapping[str, Any] = field(default_factory=dict)
    database: Database | None = None

    def by_key(self, key: str) -> PlannedModel:
        """Return the model declared under ``key``."""
        return next(model for model in self.models if model.spec.key == key)

    def checked(self, launch: bool = False) -> "LaunchPlan":
        """Return the plan itself, or raise ConfigurationError with every problem."""
        problems = self.problems + (self.launch_problems if launch else ())
        if problems:
            raise ConfigurationError(problems)
        return self


def build_plan(sources: Sources) -> LaunchPlan:
    """Return the plan of everything declared, with all of its problems in it; nothing is raised."""
    env = sources.env
    settings, problems = merged_settings(sources)
    reading = _declared(sources)
    models, notes, found = [], list(reading.notes), [*env.dotenv.problems, *problems, *reading.problems]
    found += checks.bases(env, sources.flags)
    for spec in reading.models:
        planned, wrong, said = resolve(spec, env, settings)
        models.append(planned)
        found += wrong
        notes += said
    secrets = checks.needed_secrets(models, env)
    slips = misspelt.misspelt(env, secrets)
    at_launch = misspelt.explained(checks.keys(models, secrets, settings), env, slips)
    at_launch += checks.audit(settings, sources.database)
    found += checks.models(models, reading.chains, settings, reading.broken) + checks.headers(models, secrets)
    notes += [*checks.warnings(models, reading.chains), *misspelt.notes(env, slips)]
    return LaunchPlan(tuple(models), tuple(reading.chains), settings, secrets, tuple(dict.fromkeys(found)),
                      tuple(at_launch), tuple(notes),
                      sources.registry.document if sources.registry else {}, sources.database)


def merged_settings(sources: Sources) -> tuple[Settings, tuple[Problem, ...]]:
    """Return the global settings, flags before environment before `.env`, and what is wrong with them."""
    origins = {**sources.env.origins, **{name: f"flag {BY_NAME[name].flag}" for name in sources.flags}}
    return read_settings({**sources.env.values, **sources.flags}, origins)


def _declared(sources: Sources) -> Reading:
    """Return the models: flags replace the environment's, additions join, one model where nothing else declares any."""
    env = sources.env
    from_env = load_model_specs_from_env(env)
    reading = from_env
    if sources.model_specs:
        reading = load_model_specs_from_cli(sources.model_specs)
        if from_env.models or from_env.chains:
            reading.notes.append(Note("--model-spec replaces the models and chains that the environment declares",
                                      "GW115", "--model-spec", "use --add-model-spec to keep both"))
    added = load_model_specs_from_cli(sources.add_model_specs, "--add-model-spec")
    reading.models += added.models
    reading.problems += added.problems
    reading.broken |= added.broken
    named = sources.model is not None or sources.alias is not None
    if not reading.models and not reading.problems and (named or not (sources.registry and sources.registry.models)):
        reading = _single(sources, reading)
    else:
        _retired(env, reading, declared=True)
        _single_flags(sources, reading)
    if sources.registry:
        join(reading, sources.registry)
    return reading


def _single(sources: Sources, reading: Reading) -> Reading:
    """Declare one model from `--model`/`--alias`, or `gpt-5` where only a key is set."""
    if sources.model is None and sources.alias is None:
        if _retired(sources.env, reading, declared=False):
            return reading
        if not (sources.env.get("OPENAI_API_KEY") or sources.env.get("OPENAI_API_KEY_FILE")):
            reading.problems.append(Problem("no model is declared", _lost(sources.env, reading), WAYS_TO_DECLARE,
                                            "GW109"))
            return reading
    upstream = sources.model if sources.model is not None else "gpt-5"
    alias = sources.alias if sources.alias is not None else upstream
    if upstream == alias == STAR:
        alias = default_alias("openai", STAR)
    source = "--model" if sources.model is not None else "--alias" if sources.alias is not None else "default"
    values = {"upstream": (upstream, source), "alias": (alias, source)}
    reading.add(Draft(key_of(alias), values, source, MappingProxyType({"upstream": "--model", "alias": "--alias"})))
    return reading


def _lost(env: Environment, reading: Reading) -> str:
    """Return what may have been meant to declare a model: keys that are not listed, a key that is empty, slips."""
    found = [str(note) for note in reading.notes if "does not list" in note]
    found += [f"{name} is there, but empty ({env.origin(name)})" for name in ("OPENAI_API_KEY", "OPENAI_API_KEY_FILE")
              if name in env.values]
    return "; ".join(found + [f"{env.dotenv.where(name)} sets {name}" for name, right in misspelt.misspelt(env).items()
                              if right in ("OPENAI_API_KEY", "PROXY_MODEL_KEYS")])


def _single_flags(sources: Sources, reading: Reading) -> None:
    """Apply `--alias` to the only model; with several it is an error, and so is `--model` beside declared models."""
    names = ", ".join(spec.alias for spec in reading.models)
    if sources.model is not None:
        reading.problems.append(Problem(f"--model declares one model, but others are declared: {names}", "--model",
                                        f"use --add-model-spec upstream={sources.model} to add it, "
                                        f"or --model-spec upstream={sources.model} to serve it alone", "GW108"))
    if sources.alias is None or not reading.models:
        return
    if len(reading.models) > 1:
        reading.problems.append(Problem(f"--alias renames one model, but several are declared: {names}", "--alias",
                                        "set MODEL_<KEY>_ALIAS, or alias=... in a --model-spec", "GW108"))
        return
    renamed = Reading()
    upstream = reading.models[0].upstream
    renamed.add(Draft("x", {"upstream": (upstream, ""), "alias": (sources.alias, "--alias"),
                            "api_base": ("http://any", "")}, "--alias",
                      MappingProxyType({"alias": "--alias"})))
    reading.problems += renamed.problems
    reading.models[0] = _renamed(reading.models[0], sources.alias.strip())


def _renamed(spec: ModelSpec, alias: str) -> ModelSpec:
    return replace(spec, alias=alias, origins={**spec.origins, "alias": "--alias"})


def _retired(env: Environment, reading: Reading, declared: bool) -> bool:
    """Report retired single-model variables: a note where models are declared otherwise, else a problem."""
    found = [name for name in RETIRED if env.get(name)]
    values = {"UPSTREAM_MODEL": "gpt-5"} | {RETIRED[name]: env.values[name] for name in reversed(found)}
    lines = ["PROXY_MODEL_KEYS=primary"] + [f"MODEL_PRIMARY_{name}={value}" for name, value in values.items()]
    for name in found:
        if declared:
            reading.notes.append(Note(f"{name} ({env.origin(name)}) is retired and read by nothing; remove it", "GW116",
                                      env.origin(name), f"remove {name}"))
    if found and not declared:
        reading.problems.append(Problem(f"{' and '.join(found)}: retired, one model per variable set is no longer read",
                                        "; ".join(f"{name}, {env.origin(name)}" for name in found),
                                        "replace by\n" + "\n".join(map(printable, lines)), "GW113"))
    return bool(found)
