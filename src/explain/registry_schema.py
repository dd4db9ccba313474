"""The registry document as a JSON schema for editors, made of the same tables that read it.

It is never stricter than the importer, but cannot say everything: names that lead nowhere, rows that are there twice
and whole numbers written as 1.0 are only found when the document is read.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

from ..config.fields import BY_SUFFIX
from ..config.readers import BadValue, to_url
from ..policy import limit_fields
from ..policy import noun_fields as read
from ..policy.noun_fields import TRIGGER_NAMES, Field
from ..policy.nouns import NOUNS, Noun
from ..policy.prompts import MOST_BYTES
from ..policy.routes import MODEL_ROUTES

Schema = dict[str, Any]
DIALECT = "https://json-schema.org/draft/2020-12/schema"
VERSION = 1
_NAME = r"[^\s,*]{1,128}"
# Text that may be written with capitals or spaces around it, which the importer takes off.
_UNJUDGED: Schema = {"type": "string", "pattern": r"[A-Z]|^\s|\s$"}
_MOST_PRICE = 2**53 - 1
# Fields that the importer takes from another one of the row.
_TAKEN_FROM = {"model_id", "alias"}
_BOUNDS = re.compile(r"must be a (?:whole )?number (?:from (?P<low>\S+) to (?P<high>\S+)|of at least (?P<least>\S+))")
_CHOICES = re.compile(r"must be one of (.+)")


def registry_schema() -> Schema:
    """Return the schema of the whole document."""
    nouns = {name: {"description": noun.help, "type": ["array", "null"], "items": {"$ref": f"#/$defs/{noun.one}"}}
             for name, noun in NOUNS.items()}
    return {"$schema": DIALECT, "title": "Registry of litellm-gateway",
            "description": "What `litellm-gateway registry export` writes and `registry import` reads.",
            "type": "object", "required": ["version"], "additionalProperties": False,
            "properties": {"version": {"const": VERSION, "description": "Version of this form"}, **nouns},
            "$defs": {noun.one: _row(noun) for noun in NOUNS.values()}}


def _row(noun: Noun) -> Schema:
    required = [fld.name for fld in noun.fields
                if fld.required and (fld.name in noun.key or fld.name not in _TAKEN_FROM)]
    found: Schema = {"type": "object", "description": noun.help, "additionalProperties": False, "required": required,
                     "properties": {fld.name: _field(fld, fld.name in required) for fld in noun.fields}}
    if noun.name == "endpoints":
        found["oneOf"] = [{"required": [name], "properties": {name: {"type": "string"}}} for name in ("model", "chain")]
    return found


def _field(fld: Field, required: bool) -> Schema:
    found = _value(fld)
    if required and fld.kind == "list":
        found["minItems"] = 1
    if required and fld.kind == "object":
        found["minProperties"] = 1
    if not required:
        found = {"anyOf": [found, {"type": "null"}]}
    default = list(fld.default) if isinstance(fld.default, tuple) else fld.default
    return {"description": fld.help, **found, **({} if fld.default is None or required else {"default": default})}


def _value(fld: Field) -> Schema:
    if fld.kind == "bool":
        return {"type": "boolean"}
    if fld.kind == "price":
        return {"type": "integer", "minimum": 0, "maximum": _MOST_PRICE}
    if fld.kind in ("int", "number"):
        return {"type": "integer" if fld.kind == "int" else "number", **_bounds(fld)}
    if fld.kind == "list":
        return {"type": "array", "items": _items(fld)}
    if fld.kind == "object":
        return _object(fld)
    return _text(fld)


def _object(fld: Field) -> Schema:
    # The importer looks at no more than this: what stands in a tool's schema is for the model.
    return {"type": "object", "properties": {"type": {"const": "object"}}} if fld.read is read.schema \
        else {"type": "object"}


def _items(fld: Field) -> Schema:
    if fld.read is read.triggers:
        return {"anyOf": [{"enum": list(TRIGGER_NAMES)}, _UNJUDGED]}
    return {"type": "string", "pattern": rf"^\s*{_NAME}\s*(?:,|$)|^\s*,|^\s*$"}


_TEXTS: Mapping[Callable[[str], Any], Schema] = {
    read.name: {"type": "string", "pattern": rf"^\s*{_NAME}\s*$"},
    read.line: {"type": "string", "pattern": r"^\s*\S.{0,255}\s*$"},
    read.prose: {"type": "string", "maxLength": MOST_BYTES},
    read.tool_name: {"type": "string", "pattern": r"^\s*[A-Za-z0-9_-]{1,64}\s*$"},
    read.variable: {"type": "string", "pattern": r"^\s*[A-Za-z_][A-Za-z0-9_]*\s*$"},
    read.day: {"type": "string", "pattern": r"^\s*[0-9]{4}-?(?:[0-9]{2}-?[0-9]{2}|W[0-9]{2}(?:-?[0-9])?)\s*$"},
    read.method: {"anyOf": [{"const": "POST"}, {"type": "string", "pattern": r"^\s*[Pp][Oo][Ss][Tt]\s*$"}]},
    to_url: {"type": "string", "pattern": r"^\s*[Hh][Tt][Tt][Pp][Ss]?://[^\s?#@]+\s*$"},
    limit_fields.target: {"type": "string", "pattern": rf"^\s*(?:\*|{_NAME}\*?)\s*$"},
    limit_fields.zone: {"type": "string", "pattern": r"^\s*\S+\s*$"},
    BY_SUFFIX["API_KEY_ENV"].read: {"type": "string", "pattern": r"^\s*[A-Za-z_][A-Za-z0-9_]*\s*$"},
}


def _text(fld: Field) -> Schema:
    if fld.read is read.path:
        known = [form for route in MODEL_ROUTES for form in (route.path.removeprefix("/v1"), route.path)]
        return {"anyOf": [{"enum": list(dict.fromkeys(known))}, {"type": "string", "pattern": r"^\s|\s$"}]}
    if fld.read in _TEXTS:
        return dict(_TEXTS[fld.read])
    choices = choices_of(fld)
    return {"anyOf": [{"enum": choices}, _UNJUDGED]} if choices else {"type": "string"}


def choices_of(fld: Field) -> list[str]:
    """Return the words that a field takes, none where it takes any."""
    found = _CHOICES.search(_refusal(fld))
    return found[1].split(", ") if found else []


def _bounds(fld: Field) -> Schema:
    found = _BOUNDS.search(_refusal(fld))
    if found is None:
        return {}
    low, high = found["low"] or found["least"], found["high"]
    return {"minimum": _number(low), **({"maximum": _number(high)} if high else {})}


def _number(text: str) -> int | float:
    return int(text) if text.isdigit() else float(text)


def _refusal(fld: Field) -> str:
    """Return what the reader says of a value that nobody means: it names what it would take."""
    try:
        fld.read("?")
    except BadValue as error:
        return str(error)
    return ""
