"""What differs between two configurations, by meaning: order, comments and where a value stands do not matter."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from .configuration import Configuration, Entry, variable_of
from .hiding import Hidden, shown

# Lists whose order means something: what is tried first.
_ORDERED = ("models", "fallbacks")
# It follows from models, chains and retries.
_DERIVED = "router_settings.max_fallbacks"
_PARTS = {"settings": "settings", "litellm": "what the YAML says beside its models", "registry": "rows of the registry",
          "variables": "variables and secrets"}
_SIGNS = {"added": "+", "removed": "-", "changed": "~"}


@dataclass(frozen=True)
class Difference:
    """One difference: ``what`` is model, chain, setting and so on; ``change`` added, removed or changed."""

    what: str
    name: str
    change: str
    field: str = ""
    old: Any = None
    new: Any = None

    def document(self) -> dict[str, Any]:
        """Return it JSON-ready, secrets hidden."""
        return {**self.__dict__, "old": shown(self.old, 10_000), "new": shown(self.new, 10_000)}

    def text(self) -> str:
        """Return it as one line."""
        head = f"{_SIGNS[self.change]} {' '.join(filter(None, (self.what, self.name)))}"
        if self.change == "added" and not self.field:
            return head + (f": {_text(self.new)}" if self.new is not None else "")
        if self.change == "removed" and not self.field:
            return head
        label = f"{head}: {self.field} " if self.field else f"{head}: "
        if isinstance(self.old, Hidden) or isinstance(self.new, Hidden):
            return f"{label}{_verb(self.old, self.new)}"
        return f"{label}{_text(self.old)} -> {_text(self.new)}"


def _verb(old: Any, new: Any) -> str:
    return "set" if old is None else "unset" if new is None else "changed"


def _text(value: Any) -> str:
    found = shown(value)
    return "unset" if found is None else found if isinstance(found, str) else json.dumps(found, ensure_ascii=False)


def differences(old: Configuration, new: Configuration) -> list[Difference]:
    """Return every difference in what both can say."""
    old, new = _without_rows(old, new), _without_rows(new, old)
    keys = _renamed(old, new)
    new = _with_keys(new, keys)
    further = old.litellm is not None and new.litellm is not None
    found = [*_entries("model", old.models, new.models, further), *_entries("chain", old.chains, new.chains)]
    if old.settings is not None and new.settings is not None:
        found += [Difference("model", before, "changed", "key", before, after) for after, before in keys.items()]
        found += _fields("setting", "", old.settings, new.settings)
    if further and old.litellm is not None and new.litellm is not None:
        # Rows that are left out here count there.
        silent = {_DERIVED} if found or old.rowless != new.rowless else set()
        found += _fields("LiteLLM", "", *({path: value for path, value in one.items() if path not in silent}
                                          for one in (old.litellm, new.litellm)))
    if old.registry is not None and new.registry is not None:
        found += _entries("", old.registry, new.registry)
    return found + list(_variables(old, new))


def _renamed(old: Configuration, new: Configuration) -> dict[str, str]:
    """Return new key -> old key of the models that only their alias shows to be the same."""
    sides = []
    for one, other in ((old, new), (new, old)):
        aliases = [model.get("alias") for model in one.models.values()]
        sides.append({str(model["alias"]): key for key, model in one.models.items() if key not in other.models
                      and isinstance(model.get("alias"), str) and aliases.count(model["alias"]) == 1})
    return {key: sides[0][alias] for alias, key in sides[1].items() if alias in sides[0]}


def _with_keys(one: Configuration, keys: Mapping[str, str]) -> Configuration:
    """Return ``one`` with models called by other keys, also where fallbacks and chains name them."""
    if not keys:
        return one

    def renamed(entry: Entry) -> Entry:
        return {name: [keys.get(str(key), key) for key in value] if name in _ORDERED and isinstance(value, list)
                else value for name, value in entry.items()}

    return replace(one, models={keys.get(key, key): renamed(model) for key, model in one.models.items()},
                   chains={key: renamed(chain) for key, chain in one.chains.items()})


def _without_rows(one: Configuration, other: Configuration) -> Configuration:
    """Return ``one`` without what the registry declares where the other source leaves the registry out."""
    if not other.rowless or one.rowless:
        return one
    return replace(one, models={key: model for key, model in one.models.items() if key not in one.rows},
                   chains={key: chain for key, chain in one.chains.items() if f"chain:{key}" not in one.rows})


def _variables(old: Configuration, new: Configuration) -> Iterator[Difference]:
    if old.variables is None or new.variables is None:
        return
    told = {variable_of(name) for one in (old, new) for name in one.settings or ()}
    for name in sorted((old.variables.listed | new.variables.listed) - told):
        before, after = old.variables.values.get(name), new.variables.values.get(name)
        if before != after:
            secret = name in old.variables.secrets | new.variables.secrets
            yield Difference("secret" if secret else "variable", name, "changed", "", before, after)


def not_compared(old: Configuration, new: Configuration, found_any: bool = False) -> list[str]:
    """Return what only one of the two could say, in words; ``found_any``: there are differences, hashes tell no more.
    """
    found = []
    for part, words in _PARTS.items():
        silent = [one.name for one in (old, new) if getattr(one, part) is None]
        if len(silent) == 1:
            found.append(f"{words}: {silent[0]} does not say")
    unlike = bool(old.hash and new.hash) and old.hash != new.hash
    if unlike and not found_any and None in (old.settings, new.settings):
        found.append(f"the hashes differ ({old.hash}, {new.hash}): by this, by limits, or only by an order")
    fields = [_fields_of(one) for one in (old, new)]
    if all(fields) and (fields[0] ^ fields[1]):
        less = old if len(fields[0]) < len(fields[1]) else new
        names = sorted(name for name in fields[0] ^ fields[1] if "." not in name)
        if names:
            found.append(f"of models {', '.join(names)}: {less.name} does not say")
    return found


def _fields_of(one: Configuration) -> set[str]:
    return {name for model in one.models.values() for name in model}


def _entries(what: str, old: Mapping[str, Entry], new: Mapping[str, Entry],
             further: bool = False) -> Iterator[Difference]:
    for key in old:
        if key not in new:
            yield Difference(what, key, "removed", old=_alias(what, old[key]))
    for key in new:
        if key not in old:
            yield Difference(what, key, "added", new=_alias(what, new[key]))
        else:
            both = _comparable(old[key], new[key], further)
            yield from _fields(what, key, {name: old[key].get(name) for name in both},
                               {name: new[key].get(name) for name in both})


def _alias(what: str, entry: Entry) -> Any:
    return f"alias {entry['alias']}" if what and "alias" in entry else None


def _comparable(old: Entry, new: Entry, further: bool) -> list[str]:
    """Return the fields that both know; ``further``: also LiteLLM's own ones, which are unset where not named."""
    return [name for name in {**old, **new} if (name in old and name in new) or (further and "." in name)]


def _fields(what: str, name: str, old: Entry, new: Entry) -> Iterator[Difference]:
    for field in {**old, **new}:
        before, after = old.get(field), new.get(field)
        if _same(field, before, after):
            continue
        if isinstance(before, Mapping) and isinstance(after, Mapping):
            yield from _fields(what, name, {f"{field}.{key}": value for key, value in before.items()},
                               {f"{field}.{key}": value for key, value in after.items()})
        elif name:
            yield Difference(what, name, "changed", field, before, after)
        else:
            yield Difference(what, field, "changed", "", before, after)


def _same(field: str, old: Any, new: Any) -> bool:
    if isinstance(old, list | tuple) and isinstance(new, list | tuple) and field not in _ORDERED:
        return _sorted(old) == _sorted(new)
    return bool(old == new)


def _sorted(values: Iterable[Any]) -> list[str]:
    return sorted(json.dumps(value.value if isinstance(value, Hidden) else value, sort_keys=True, default=repr)
                  for value in values)
