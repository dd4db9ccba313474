"""Where values came from and what they overrode: flag over environment over `.env` over registry over default."""

from collections.abc import Iterable, Mapping
from typing import Any

from ..config.environment import Environment
from ..config.fields import BY_ATTRIBUTE
from ..config.models import DEFAULT_TRIGGERS, ChainSpec, ModelSpec
from ..config.parsing import CHAIN_PREFIX
from ..config.plan import Sources
from ..config.readers import BadValue, to_list
from ..config.settings import BY_NAME
from .values import DEFAULT, Said, Value, chosen, known

_UNREADABLE = "(cannot be read)"


def layers(env: Environment, name: str) -> list[Said]:
    """Return every text of the variable ``name``, the process environment's before `.env`'s; empty ones say nothing."""
    found = [Said(env.process[name], "environment")] if env.process.get(name, "").strip() else []
    if env.dotenv.values.get(name, ("", 0))[0].strip():
        found.append(Said(env.dotenv.values[name][0], env.dotenv.where(name)))
    return found


def setting(sources: Sources, name: str, unit: str = "") -> Value:
    """Return a global setting; a secret's value is only ever `set`."""
    variable = BY_NAME[name]
    said = [Said(sources.flags[name], f"flag {variable.flag}")] if name in sources.flags else []
    said += layers(sources.env, name)
    if variable.secret:
        said += [Said("", f"{name}_FILE, {one.origin}") for one in layers(sources.env, f"{name}_FILE")]
    found = [Said("set", one.origin) if variable.secret else Said(_read(variable.read, one.value), one.origin)
             for one in said]
    default = Said(variable.default, DEFAULT)
    return chosen(name, [*found, default] if variable.default is not None or not found else found, unit)


def _read(read: Any, text: str) -> Any:
    try:
        return read(text.strip())
    except BadValue:
        return _UNREADABLE


def chain_values(chain: ChainSpec, sources: Sources) -> dict[str, Value]:
    """Return alias, models and triggers of a chain; models are keys."""
    rows = [row for row in (sources.registry.chains if sources.registry else ()) if row.alias == chain.alias]
    parts = {"alias": ("ALIAS", chain.alias, chain.key), "models": ("MODELS", chain.models, ()),
             "on": ("ON", chain.triggers, DEFAULT_TRIGGERS)}
    return {name: _chain_value(chain, name, rows, sources.env, *part) for name, part in parts.items()}


def _chain_value(chain: ChainSpec, name: str, rows: list[ChainSpec], env: Environment, suffix: str, value: Any,
                 default: Any) -> Value:
    if chain.source.startswith("registry"):
        return Value(name, value, chain.source)
    variable = f"{CHAIN_PREFIX}{chain.key.upper()}_{suffix}"
    said = [Said(one.value.strip() if name == "alias" else _words(one.value), f"{variable}, {one.origin}")
            for one in layers(env, variable)]
    said += [Said(row.triggers if name == "on" else getattr(row, name), row.source) for row in rows]
    said += known([Said(default, DEFAULT)])
    origin = next((one.origin for one in said if one.value == value), DEFAULT)
    return chosen(name, [Said(value, origin), *(one for one in said if one.origin != origin)])


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.lower() for word in to_list(text))


class Declarations:
    """Everything that was said of models, winners and losers."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._listed = [key.lower() for key in to_list(sources.env.get("PROXY_MODEL_KEYS") or "")]
        rows = sources.registry.models if sources.registry else ()
        self._rows: Mapping[str, ModelSpec] = {spec.alias: spec for spec in reversed(rows)}

    def value(self, spec: ModelSpec, attribute: str, defaults: Iterable[Said] = (), unit: str = "",
              note: str = "") -> Value:
        """Return one field as the plan has it; ``defaults``, in falling precedence, hold where it declares nothing."""
        value = spec.upstream if attribute == "upstream" else getattr(spec, attribute)
        said = [Said(_shown(attribute, value), spec.origin(attribute))] if value not in (None, ()) else []
        others = [one for one in known(self._others(spec, attribute)) if not said or one.origin != said[0].origin]
        if said:
            return chosen(attribute, [*said, *others, *(one for one in defaults if one.origin != said[0].origin)], unit)
        first, *more = [*defaults, Said(None, DEFAULT)]
        return chosen(attribute, [first, *others, *more[:-1]], unit, note if first.value is None else "")

    def _others(self, spec: ModelSpec, attribute: str) -> list[Said]:
        row = self._rows.get(spec.alias)
        if spec.source.startswith("registry") or (row is not None and row.source == spec.source):
            return []
        said = self._variables(spec, attribute)
        if row is not None:
            value = row.upstream if attribute == "upstream" else getattr(row, attribute)
            said.append(Said(_shown(attribute, value), row.origin(attribute)))
        return said

    def _variables(self, spec: ModelSpec, attribute: str) -> list[Said]:
        """Return the environment's candidates; a flag that replaces the environment's models overrides them, too."""
        if spec.key not in self._listed or attribute not in BY_ATTRIBUTE:
            return []
        field = BY_ATTRIBUTE[attribute]
        names = [f"MODEL_{spec.key.upper()}_{suffix}" for suffix in field.suffixes]
        found = [(name, said) for name in names for said in layers(self._sources.env, name)]
        found.sort(key=lambda pair: pair[1].origin != "environment")
        return [Said(_shown(attribute, _read(field.read, said.value)), f"{name}, {said.origin}")
                for name, said in found]


def _shown(attribute: str, value: Any) -> Any:
    """Return a value as it may be shown: of headers only the names."""
    return tuple(name for name, _ in value) if attribute == "headers" and isinstance(value, tuple) else value
