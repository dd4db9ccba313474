"""Readers: `--model-spec` text, environment and `.env` become `ModelSpec`s that remember where they came from."""

import re
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from ..errors import ConfigurationError, Problem
from .environment import Environment
from .fields import BY_SPEC, BY_SUFFIX, FIELDS, KEY, KEY_SUFFIXES, Draft, build_spec, split_list, suggest
from .models import DEFAULT_TRIGGERS, TRIGGERS, ChainSpec, ModelSpec
from .notes import Note
from .providers import default_alias, split_provider
from .readers import BadValue, to_list
from .wildcards import is_wildcard

MODEL_PREFIX, CHAIN_PREFIX = "MODEL_", "CHAIN_"
# Suffix of `CHAIN_<KEY>_` -> what it means.
CHAIN_FIELDS = {"ALIAS": "What clients send as `model`; default the chain's key",
                "MODELS": "Keys of its models, in the order in which they are tried (required)",
                "ON": f"Reasons to try the next: {', '.join(TRIGGERS)}; default {','.join(DEFAULT_TRIGGERS)}"}
_NOT_KEY = re.compile(r"[^a-z0-9_]+")
_UPSTREAM = "_UPSTREAM_MODEL"
Values = dict[str, tuple[str, str]]


@dataclass
class Reading:
    """What a reader found: specs in order, problems to refuse, notes to print at startup."""

    models: list[ModelSpec] = field(default_factory=list)
    chains: list[ChainSpec] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    broken: set[str] = field(default_factory=set)  # keys of models that are declared but cannot be used

    def add(self, draft: Draft, known: Sequence[Problem] = ()) -> None:
        """Build the model of ``draft``; keep it, or the ``known`` problems and those of its fields."""
        spec, problems = build_spec(draft)
        self.problems.extend((*known, *problems))
        if spec and not known:
            self.models.append(spec)
        else:
            self.broken.add(draft.key.lower())


# --- flags ------------------------------------------------------------------------------------------------------

def parse_model_spec(text: str, source: str = "--model-spec") -> ModelSpec:
    r"""Return the model of one spec such as `alias=fast,upstream=gpt-5,reasoning=low`; a comma in a value is `\,`.

    Raises ConfigurationError with every problem of the text.
    """
    reading = load_model_specs_from_cli([text], source)
    if reading.problems:
        raise ConfigurationError(reading.problems)
    return reading.models[0]


def load_model_specs_from_cli(texts: Sequence[str], flag: str = "--model-spec") -> Reading:
    """Return the models of repeated ``flag`` options, in order, with every problem."""
    reading = Reading()
    for number, text in enumerate(texts, 1):
        source = f"{flag} #{number}" if len(texts) > 1 else flag
        reading.add(*_draft_of_text(text, source))
    return reading


def _draft_of_text(text: str, source: str) -> tuple[Draft, list[Problem]]:
    values: Values = {}
    problems: list[Problem] = []
    key = ""
    for number, part in enumerate(split_list(text), 1):
        name, equals, value = (word.strip() for word in part.partition("="))
        problem = _spec_field_problem(name, value, key, values, source)
        if not equals:
            # Never shown: what stands here may be the rest of a value with a comma, such as a key.
            problem = Problem(f"part {number} of the spec has no `=`", source,
                              r"write name=value; a comma inside a value is written \,", "GW110")
        if problem:
            problems.append(problem)
        elif name == "key":
            key = value
        else:
            values[BY_SPEC[name].attribute] = (value, source)
    if "upstream" not in values and not any("upstream" in p.what for p in problems):
        problems.append(Problem("the spec names no upstream model", source, "add upstream=gpt-5", "GW103"))
    labels = {field.attribute: field.spec for field in FIELDS}
    return Draft(key or _key_of(values), values, source, labels), problems


def _spec_field_problem(name: str, value: str, key: str, seen: Values, source: str) -> Problem | None:
    shown = ascii(name[:40])
    if name in ("api_key", "apikey"):
        return Problem("a key must not be written on the command line", source,
                       "put it into a variable and name that: key_env=MY_API_KEY", "GW411")
    if name != "key" and name not in BY_SPEC:
        known = ("key", *BY_SPEC)
        return Problem(f"unknown field {shown}{suggest(name, known)}", source, "known fields: " + ", ".join(known),
                       "GW101")
    if not value:
        return Problem(f"the field {name} is empty", source, f"write {name}=... or leave it out", "GW105")
    if (name == "key" and key) or (name != "key" and BY_SPEC[name].attribute in seen):
        return Problem(f"the field {name} is given twice", source, "keep one", "GW106")
    if name == "key" and not KEY.fullmatch(value):
        return Problem(f"the key {value[:40]!a} is ill-formed", source, "use letters, digits and underscores: key=gpt5",
                       "GW111")
    return None


def _key_of(values: Values) -> str:
    """Return a key made of the alias, or of the upstream id where no alias is given."""
    named, upstream = values.get("alias"), values.get("upstream", ("model", ""))[0]
    text = named[0] if named else default_alias(*split_provider(upstream))
    return key_of(text)


def key_of(text: str) -> str:
    """Return ``text`` as a key: lower case, an underscore for everything that a key may not hold."""
    return _NOT_KEY.sub("_", text.lower()).strip("_")[:64] or "model"


# --- environment ------------------------------------------------------------------------------------------------

def load_model_specs_from_env(env: Environment) -> Reading:
    """Return the models that `PROXY_MODEL_KEYS` lists and the chains that `PROXY_CHAIN_KEYS` lists."""
    reading = Reading()
    keys = _listed_keys(env, "PROXY_MODEL_KEYS", "gpt5,deepseek", reading)
    owned = _owned_variables(env, keys, reading)
    for key in keys:
        _read_model(env, key, owned.get(key, {}), reading)
    chains = _listed_keys(env, "PROXY_CHAIN_KEYS", "default", reading)
    for key in chains:
        _read_chain(env, key, chains, reading)
    return reading


def _listed_keys(env: Environment, variable: str, sample: str, reading: Reading) -> list[str]:
    """Return the lower-case keys of a listing variable; empty, ill-formed and repeated ones are problems."""
    text = env.get(variable)
    if text is None:
        return []
    where = env.origin(variable)
    if not text.strip():
        reading.problems.append(Problem(f"{variable} is empty", where, f"{variable}={sample}, or remove the line",
                                        "GW105"))
        return []
    keys: list[str] = []
    for part in text.split(","):
        key = part.strip().lower()
        if not key:
            reading.problems.append(Problem(f"{variable} holds an empty name (two commas, or one at the end)", where,
                                            f"{variable}={','.join(to_list(text))}", "GW105"))
        elif not KEY.fullmatch(key):
            reading.problems.append(Problem(f"{variable} holds the ill-formed name {part.strip()[:40]!a}", where,
                                            "use letters, digits and underscores", "GW111"))
        elif key in keys:
            reading.problems.append(Problem(f"{variable} lists {key} twice", where, "keep one", "GW106"))
        else:
            keys.append(key)
    return keys


def _owned_variables(env: Environment, keys: Sequence[str], reading: Reading) -> dict[str, dict[str, str]]:
    """Return key -> {suffix: variable}. A variable belongs to the longest declared key whose rest is a known field."""
    listed = {key.upper(): key for key in keys}
    declared = {name[len(MODEL_PREFIX):-len(_UPSTREAM)] for name in env.values
                if name.startswith(MODEL_PREFIX) and name.endswith(_UPSTREAM)}
    by_length = sorted({*listed, *declared}, key=len, reverse=True)
    owned: dict[str, dict[str, str]] = {}
    for name in sorted(env.values):
        if not name.startswith(MODEL_PREFIX):
            continue
        rest = name[len(MODEL_PREFIX):]
        owner = next((key for key in by_length if rest.startswith(f"{key}_")
                      and rest[len(key) + 1:] in (*BY_SUFFIX, *KEY_SUFFIXES)), None)
        if owner in listed:
            owned.setdefault(listed[owner], {})[rest[len(owner) + 1:]] = name
        elif owner is None:
            _unread(env, name, rest, by_length, listed, reading)
    for key in sorted(declared - set(listed)):
        if KEY.fullmatch(key):
            name = f"{MODEL_PREFIX}{key}{_UPSTREAM}"
            reading.notes.append(Note(f"{name} ({env.origin(name)}) declares {key.lower()}, "
                                      "which PROXY_MODEL_KEYS does not list: it is not served", "GW114",
                                      env.origin(name), f"add {key.lower()} to PROXY_MODEL_KEYS, or remove the line"))
    return owned


def _unread(env: Environment, name: str, rest: str, keys: Iterable[str], listed: Container[str],
            reading: Reading) -> None:
    """Report a variable of a listed key that nothing reads; other programs' `MODEL_*` variables are left alone."""
    owner = next((key for key in keys if rest.startswith(f"{key}_")), None)
    if owner not in listed:
        return
    known = [f"{MODEL_PREFIX}{owner}_{suffix}" for suffix in (*BY_SUFFIX, *KEY_SUFFIXES)]
    reading.problems.append(Problem(f"{name} is read by nothing{suggest(name, known)}", env.origin(name),
                                    "correct the name or remove the line", "GW101"))


def _read_model(env: Environment, key: str, variables: dict[str, str], reading: Reading) -> None:
    values: Values = {}
    labels = {fld.attribute: f"{MODEL_PREFIX}{key.upper()}_{fld.suffixes[0]}" for fld in FIELDS}
    problems: list[Problem] = []
    for suffix, name in variables.items():
        text, origin = env.values[name], f"{name}, {env.origin(name)}"
        if suffix in KEY_SUFFIXES or not text.strip():
            continue
        attribute = BY_SUFFIX[suffix].attribute
        if attribute in values and values[attribute][0] != text:
            problems.append(Problem(f"{labels[attribute]} and {name} differ", origin, "keep one of the two", "GW107"))
        values[attribute] = (text, origin)
        labels[attribute] = name
    own = _own_key(env, variables)
    if own and "api_key_env" not in values:
        values["api_key_env"] = (own.removesuffix("_FILE"), f"{own}, {env.origin(own)}")
    elif own and env.values[own]:
        problems.append(Problem(f"both {own} and {labels['api_key_env']} are set", env.origin(own),
                                "keep one of the two", "GW107"))
    if "upstream" not in values:
        problems.append(Problem(f"PROXY_MODEL_KEYS lists {key}, but {labels['upstream']} is not set",
                                env.origin("PROXY_MODEL_KEYS"), f"{labels['upstream']}=gpt-5", "GW103"))
    source = "environment" if env.origin(labels["upstream"]) == "environment" else env.dotenv.path
    reading.add(Draft(key, values, source, labels), problems)


def _own_key(env: Environment, variables: Mapping[str, str]) -> str | None:
    """Return the variable of the model's own key or key file.

    An empty one counts, so that the launch refuses it and never sends another key in its place.
    """
    given = [variables[suffix] for suffix in KEY_SUFFIXES if suffix in variables]
    return next((name for name in given if env.values[name]), next(iter(given), None))


def _read_chain(env: Environment, key: str, listed: Sequence[str], reading: Reading) -> None:
    names = {suffix: f"{CHAIN_PREFIX}{key.upper()}_{suffix}" for suffix in CHAIN_FIELDS}
    prefix = f"{CHAIN_PREFIX}{key.upper()}_"
    longer = tuple(f"{CHAIN_PREFIX}{other.upper()}_" for other in listed if other.startswith(f"{key}_"))
    for name in sorted(env.values):
        if name.startswith(prefix) and name not in names.values() and not name.startswith(longer):
            reading.problems.append(Problem(f"{name} is read by nothing{suggest(name, names.values())}",
                                            env.origin(name), "correct the name or remove the line", "GW101"))
    models = tuple(word.lower() for word in to_list(env.get(names["MODELS"]) or ""))
    triggers = tuple(word.lower() for word in to_list(env.get(names["ON"]) or "")) or DEFAULT_TRIGGERS
    alias = (env.get(names["ALIAS"]) or "").strip() or key
    where = env.origin(names["MODELS"])
    if not models:
        reading.problems.append(Problem(f"PROXY_CHAIN_KEYS lists {key}, but {names['MODELS']} is not set",
                                        env.origin("PROXY_CHAIN_KEYS"), f"{names['MODELS']}=first,second", "GW103"))
    for word in triggers:
        if word not in TRIGGERS:
            reading.problems.append(Problem(f"{names['ON']} holds {word!a}, no trigger{suggest(word, TRIGGERS)}",
                                            env.origin(names["ON"]), f"{names['ON']}={','.join(DEFAULT_TRIGGERS)}",
                                            "GW102"))
    try:
        BY_SPEC["alias"].read(alias)
        if is_wildcard(alias):
            raise BadValue("must not hold `*`: a chain has one name")
    except BadValue as error:
        reading.problems.append(Problem(f"{names['ALIAS']} {alias[:80]!a} {error}", env.origin(names["ALIAS"]),
                                        f"{names['ALIAS']}={key}", error.code))
    reading.chains.append(ChainSpec(key, alias, models, triggers, where, f"{names['MODELS']}, {where}"))
