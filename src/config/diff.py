"""What differs between two configurations, in the operator's words; secrets only by name."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

# Where a declaration stands is no part of what it says, and the hash follows from the rest.
_SILENT = ("source", "hash", "version")

Entry = Mapping[str, Any]


def diff_plans(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Return one line per difference between two plans (plan.json), empty where they mean the same."""
    lines = _diff_entries("model", _keyed(old, "models"), _keyed(new, "models"))
    lines += _diff_entries("chain", _keyed(old, "chains"), _keyed(new, "chains"))
    lines += _diff_fields("settings", old.get("settings", {}), new.get("settings", {}))
    before, after = old.get("registry", {}), new.get("registry", {})
    lines += [f"registry: {name} changed" for name in {**before, **after}
              if name != "digest" and before.get(name) != after.get(name)]
    return lines


def diff_environments(old: Mapping[str, str], new: Mapping[str, str], secrets: Iterable[str]) -> list[str]:
    """Return one line per variable that was added, removed or changed; never a value."""
    secret = set(secrets)
    lines = []
    for name in sorted(old.keys() | new.keys()):
        if old.get(name) != new.get(name):
            kind = "secret" if name in secret else "variable"
            lines.append(f"{kind} {name}: {_verb(name in old, name in new)}")
    return lines


def changed_names(old: Mapping[str, str], new: Mapping[str, str]) -> set[str]:
    """Return the names whose value differs, or that only one of the two has."""
    return {name for name in old.keys() | new.keys() if old.get(name) != new.get(name)}


def _verb(before: bool, after: bool) -> str:
    return "changed" if before and after else "added" if after else "removed"


def _keyed(plan: Mapping[str, Any], part: str) -> dict[str, Entry]:
    return {str(entry["key"]): entry for entry in plan.get(part, ())}


def _diff_entries(noun: str, old: Mapping[str, Entry], new: Mapping[str, Entry]) -> list[str]:
    lines = [f"{noun} {key}: removed (alias {old[key].get('alias')})" for key in old if key not in new]
    lines += [f"{noun} {key}: added (alias {new[key].get('alias')})" for key in new if key not in old]
    for key in new:
        if key in old:
            lines += _diff_fields(f"{noun} {key}", old[key], new[key])
    kept_old, kept_new = [key for key in old if key in new], [key for key in new if key in old]
    if kept_old != kept_new:
        lines.append(f"{noun}s: now in the order {', '.join(new)}")
    return lines


def _diff_fields(where: str, old: Entry, new: Entry) -> list[str]:
    names = [*old, *(name for name in new if name not in old)]
    return [
        f"{where}: {name} {_shown(old.get(name))} -> {_shown(new.get(name))}"
        for name in names
        if name not in _SILENT and old.get(name) != new.get(name)
    ]


def _shown(value: object) -> str:
    return "unset" if value is None else json.dumps(value, ensure_ascii=False, default=str)
