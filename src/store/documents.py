"""The registry as one YAML document: written always the same, read with every problem at once, compared by rows."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import sqlalchemy as sa

from ..config.fields import suggest
from ..config.rendering import dump
from ..config.readers import BadValue
from ..errors import ConfigurationError, Problem
from ..policy.noun_fields import Field
from ..policy.nouns import NOUNS, ORDER, Noun
from .checks import Context, without_target
from .registry import REPOSITORIES, Registry, read_registry
from .rows import Row

VERSION = 1
_HEADER = "# Registry of litellm-gateway. Read it back with: litellm-gateway registry import FILE\n"
Values = Mapping[str, Any]


def export(registry: Registry) -> str:
    """Return the document: nouns and rows in a fixed order, only what differs from the defaults."""
    document: dict[str, Any] = {"version": VERSION}
    for name in ORDER:
        rows = [plain(NOUNS[name], row.values()) for row in registry.of(name)]
        if rows:
            document[name] = rows
    return _HEADER + dump(document)


def plain(noun: Noun, values: Values) -> dict[str, Any]:
    """Return a row as plain values, its key first, without what is the default anyway."""
    kept = {fld.name: values[fld.name] for fld in noun.fields
            if fld.name in noun.key[:1] or values[fld.name] != fld.default}
    return {name: list(value) if isinstance(value, tuple) else value for name, value in kept.items()}


def parse(text: str, source: str) -> dict[str, list[Row]]:
    """Return the rows of a document by noun; raises ConfigurationError with everything that is wrong with it."""
    document = _load(text, source)
    problems = [Problem(f"unknown section {name!a}{suggest(str(name), NOUNS)}", source, "known: " + ", ".join(ORDER))
                for name in document if name not in (*NOUNS, "version")]
    if document.get("version") != VERSION:
        problems.append(Problem(f"the document is not of version {VERSION}", source, f"version: {VERSION}"))
    rows: dict[str, list[Row]] = {}
    for name in ORDER:
        rows[name] = _section(NOUNS[name], document.get(name), source, problems)
    if problems:
        raise ConfigurationError(problems)
    return rows


def _load(text: str, source: str) -> Mapping[str, Any]:
    import yaml
    try:
        document = yaml.load(text, Loader=yaml.CSafeLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f"{source} line {mark.line + 1}" if mark else source
        raise ConfigurationError([Problem("the document is not YAML", place, "see the output of registry export")]) \
            from None
    if not isinstance(document, dict):
        raise ConfigurationError([Problem("the document is no mapping", source, "see the output of registry export")])
    return document


def _section(noun: Noun, section: Any, source: str, problems: list[Problem]) -> list[Row]:
    if section is None:
        return []
    if not isinstance(section, list):
        problems.append(Problem(f"{noun.name} is no list", source, f"{noun.name}:\n- {noun.key[0]}: ..."))
        return []
    rows, seen = [], set()
    for index, entry in enumerate(section):
        row = _entry(noun, entry, f"{source}, {noun.name}[{index}]", problems)
        key = row and noun.key_of(row.values())
        if key in seen:
            problems.append(Problem(f"{noun.one} {key[0] if key else ''} is there twice", f"{source}, {noun.name}",
                                    "keep one"))
        elif row is not None:
            seen.add(key)
            rows.append(row)
    return rows


def _entry(noun: Noun, entry: Any, place: str, problems: list[Problem]) -> Row | None:
    if not isinstance(entry, dict):
        problems.append(Problem(f"{noun.an} is no mapping", place, f"{noun.key[0]}: ..."))
        return None
    before = len(problems)
    values = {}
    for name, value in entry.items():
        fld = noun.by_name.get(str(name))
        if fld is None:
            problems.append(Problem(f"unknown field {name!a}{suggest(str(name), noun.by_name)}", place,
                                    "known: " + ", ".join(noun.by_name)))
            continue
        try:
            values[fld.name] = fld.of_document(value)
        except BadValue as error:
            problems.append(Problem(f"{fld.name} {error}", place, f"{fld.name}: ..."))
    return None if len(problems) > before else build(noun, values, place, problems)


def build(noun: Noun, values: dict[str, Any], place: str, problems: list[Problem]) -> Row | None:
    """Return the row of ``values``, with defaults filled in; what is missing is added to ``problems``."""
    values = {name: value for name, value in values.items() if value is not None}
    for name, other in (("model_id", "alias"), ("alias", "name")):
        if name in noun.by_name and name not in noun.key and name not in values and other in values:
            values[name] = values[other]
    missing = [fld for fld in noun.fields if fld.required and not values.get(fld.name)]
    for fld in missing:
        problems.append(Problem(f"the {noun.one} needs {fld.name}", place, f"{fld.flag}: {fld.help}"))
    return None if missing else REPOSITORIES[noun.name].kind(**values)


@dataclass
class Change:
    """What becomes of one row: ``before`` None: it is added, ``after`` None: it is removed."""

    noun: Noun
    before: Row | None
    after: Row | None
    fields: list[str] = field(default_factory=list)

    def text(self) -> str:
        """Return the change as a line of a diff."""
        row = self.after or self.before
        assert row is not None
        sign = "~" if self.before and self.after else "+" if self.after else "-"
        more = ": " + ", ".join(self.fields) if self.fields else ""
        return f"{sign} {self.noun.one} {self.noun.label(row.values())}{more}"


def compare(registry: Registry, rows: Mapping[str, Iterable[Row]], whole: bool) -> list[Change]:
    """Return what writing ``rows`` changes; ``whole`` also removes the rows that are not among them."""
    changes = []
    for name in ORDER:
        noun, known = NOUNS[name], {NOUNS[name].key_of(row.values()): row for row in registry.of(name)}
        named = set()
        for row in rows.get(name, ()):
            key = noun.key_of(row.values())
            named.add(key)
            if known.get(key) != row:
                changes.append(Change(noun, known.get(key), row, _differences(noun, known.get(key), row)))
        if whole:
            changes += [Change(noun, row, None) for key, row in known.items() if key not in named]
    return changes


def _differences(noun: Noun, before: Row | None, after: Row) -> list[str]:
    if before is None:
        return []
    old, new = before.values(), after.values()
    return [f"{fld.name} {_short(old[fld.name])} -> {_short(new[fld.name])}" for fld in noun.fields
            if old[fld.name] != new[fld.name]]


def _short(value: Any) -> str:
    text = "unset" if value in (None, ()) else ",".join(value) if isinstance(value, tuple) else str(value)
    return ascii(text)[1:-1] if len(text) <= 40 else f"{ascii(text[:37])[1:-1]}..."


def write(connection: sa.Connection, changes: Iterable[Change], context: Context) -> None:
    """Carry out ``changes``; raises ConfigurationError naming every reference that leads nowhere."""
    listed, known = list(changes), read_registry(connection)
    problems = missing_references(known, listed, context) + still_used(known, listed)
    problems += [problem for change in listed if change.after for problem in without_target(change.after, "")]
    if problems:
        raise ConfigurationError(problems)
    for name in reversed(ORDER):
        for change in listed:
            if change.noun.name == name and change.after is None and change.before is not None:
                REPOSITORIES[name].remove(connection, change.before)
    for name in ORDER:
        for change in listed:
            if change.noun.name == name and change.after is not None:
                stored = change.before.id if change.before else None
                REPOSITORIES[name].write(connection, replace(change.after, id=stored))


def missing_references(registry: Registry, changes: Iterable[Change], context: Context) -> list[Problem]:
    """Return a problem for each name in the changed rows that no row has."""
    listed = list(changes)
    names = {noun: {row.values()[NOUNS[noun].key[0]] for row in registry.of(noun)} for noun in ORDER}
    names["models"] |= context.declared
    for change in listed:
        if change.after is not None:
            names[change.noun.name].add(change.after.values()[change.noun.key[0]])
    return [problem for change in listed if change.after is not None
            for fld in change.noun.fields if fld.refers
            for problem in _missing(change, fld, names[fld.refers])]


def _missing(change: Change, fld: Field, known: set[str]) -> list[Problem]:
    assert change.after is not None and fld.refers is not None
    value = change.after.values()[fld.name]
    named = value if isinstance(value, tuple) else () if value is None else (value,)
    label = f"{change.noun.one} {change.noun.label(change.after.values())}"
    return [Problem(f"{label}: there is no {NOUNS[fld.refers].one} {name!a}{suggest(name, known)}", fld.name,
                    f"add it first: {fld.refers} add {name}") for name in named if name not in known]


def still_used(registry: Registry, changes: Iterable[Change]) -> list[Problem]:
    """Return a problem for each removed row that a remaining one names."""
    listed = list(changes)
    after = {noun: {row.id: row for row in registry.of(noun)} for noun in ORDER}
    for change in listed:
        if change.before is not None:
            del after[change.noun.name][change.before.id]
        if change.after is not None and change.before is not None:
            after[change.noun.name][change.before.id] = change.after
    removed = {(change.noun.name, change.before.values()[change.noun.key[0]])
               for change in listed if change.before is not None and change.after is None}
    # Other versions of a template, other scopes of a flag may still have the name.
    gone = removed - {(noun, row.values()[NOUNS[noun].key[0]]) for noun, rows in after.items() for row in rows.values()}
    users: dict[tuple[str, str], list[str]] = {}
    for noun, rows in after.items():
        for row in rows.values():
            for target in _named(NOUNS[noun], row) & gone:
                users.setdefault(target, []).append(f"{NOUNS[noun].one} {NOUNS[noun].label(row.values())}")
    return [Problem(f"the {NOUNS[noun].one} {name} is still used by {', '.join(found[:5])}"
                    f"{', ...' if len(found) > 5 else ''}", "", "remove or change those first")
            for (noun, name), found in users.items()]


def _named(noun: Noun, row: Row) -> set[tuple[str, str]]:
    """Return (noun, name) of every row that ``row`` names."""
    values = row.values()
    return {(fld.refers, name) for fld in noun.fields if fld.refers
            for name in (values[fld.name] if isinstance(values[fld.name], tuple) else (values[fld.name],)) if name}
