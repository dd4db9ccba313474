"""Types of settings as short text, `int|null`, read from annotations, and which values fit them."""

import ast
import re
from collections.abc import Callable, Mapping
from datetime import date, datetime
from types import MappingProxyType
from typing import Any

ANY = "any"
_NAMES = {"str": "str", "int": "int", "float": "float", "bool": "bool", "dict": "dict", "Dict": "dict",
          "Mapping": "dict", "MutableMapping": "dict", "list": "list", "List": "list", "Sequence": "list",
          "tuple": "list", "Tuple": "list", "None": "null", "NoneType": "null", "datetime": "time"}
_WRAPPERS = {"Annotated", "Final", "ReadOnly", "Required", "NotRequired", "ClassVar"}

# Types of the items of a list or of the values of a mapping that are held to them.
_INSIDE = ("str", "int", "float", "dict")


def type_text(node: ast.expr | None, classes: Mapping[str, str] = MappingProxyType({})) -> str:
    """Return an annotation as alternatives joined by `|`; `any` where it is not one of the simple kinds.

    ``classes`` say what YAML must have for a class: `dict` for models, or the choices of an enum.
    """
    parts = dict.fromkeys(_alternatives(node, classes))
    return ANY if not parts or ANY in parts else "|".join(parts)


def _alternatives(node: ast.expr | None, classes: Mapping[str, str]) -> list[str]:
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        return _alternatives(node.left, classes) + _alternatives(node.right, classes)
    if isinstance(node, ast.Constant) and node.value is None:
        return ["null"]
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return _alternatives(ast.parse(node.value, mode="eval").body, classes) if _is_annotation(node.value) else [ANY]
    if isinstance(node, ast.Name | ast.Attribute):
        name = node.id if isinstance(node, ast.Name) else node.attr
        return (_NAMES.get(name) or classes.get(name) or ANY).split("|")
    if isinstance(node, ast.Subscript):
        return _generic(ast.unparse(node.value).rpartition(".")[2], node.slice, classes)
    return [ANY]


def _is_annotation(text: str) -> bool:
    return re.fullmatch(r"[\w\[\], .|'\"]+", text) is not None


def _generic(name: str, inner: ast.expr, classes: Mapping[str, str]) -> list[str]:
    items = inner.elts if isinstance(inner, ast.Tuple) else [inner]
    if name == "Optional":
        return [*_alternatives(inner, classes), "null"]
    if name == "Union":
        return [part for item in items for part in _alternatives(item, classes)]
    if name in _WRAPPERS:
        return _alternatives(items[0], classes)
    if name == "Literal":
        return [f"={item.value!s}" if isinstance(item, ast.Constant) else ANY for item in items]
    kind, last = _NAMES.get(name, ANY), items[0] if _NAMES.get(name) == "list" else items[-1]
    inside = _alternatives(last, classes)
    return [f"{kind}:{inside[0]}"] if kind in ("list", "dict") and len(inside) == 1 and inside[0] in _INSIDE else [kind]


def _moment(value: Any) -> bool:
    try:
        number = isinstance(value, int | float) and not isinstance(value, bool)
        return isinstance(value, date) or number or bool(datetime.fromisoformat(value))
    except (ValueError, TypeError):
        return False


def _whole(text: str) -> bool:
    return re.fullmatch(r"\s*[+-]?\d+(?:_\d+)*(?:\.0*)?\s*", text) is not None


def _number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


# pydantic's lax mode, which LiteLLM's models use: text that is a number will do, a number for text will not.
_TRUE_OR_FALSE = {"true", "false", "t", "f", "yes", "no", "y", "n", "on", "off", "1", "0"}
_LAX: Mapping[str, Callable[[Any], bool]] = MappingProxyType({
    "null": lambda value: value is None,
    "str": lambda value: isinstance(value, str),
    "time": _moment,
    "int": lambda value: isinstance(value, bool | int) or isinstance(value, float) and value.is_integer()
    or isinstance(value, str) and _whole(value),
    "float": lambda value: isinstance(value, bool | int | float) or isinstance(value, str) and _number(value),
    "bool": lambda value: isinstance(value, bool) or value in (0, 1)
    or isinstance(value, str) and value.lower() in _TRUE_OR_FALSE,
})
# What is handed to plain Python: text stays text, and a comparison or sum with it fails at the first request.
_PLAIN: Mapping[str, Callable[[Any], bool]] = MappingProxyType({
    "null": lambda value: value is None,
    "str": lambda value: isinstance(value, str),
    "int": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "float": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "bool": lambda value: isinstance(value, bool),
})


def fits(value: Any, kind: str, types: str, lax: bool) -> bool:
    """Return whether a value of a YAML node (``kind`` is `map`, `list` or `scalar`) is of one of ``types``."""
    return any(_fits(value, kind, one, lax) for one in types.split("|"))


def _fits(value: Any, kind: str, one: str, lax: bool) -> bool:
    if one == ANY:
        return True
    if kind != "scalar":
        return one.partition(":")[0] == {"map": "dict", "list": "list"}[kind]
    if one.startswith("="):
        return str(value) == one[1:] and not isinstance(value, date | datetime)
    check = (_LAX if lax else _PLAIN).get(one)
    return bool(check and check(value))


_WORDS = {"str": "text", "int": "a whole number", "float": "a number", "bool": "true or false", "dict": "a mapping",
          "time": "a date",
          "list": "a list", "list:str": "a list of text", "list:dict": "a list of mappings",
          "list:int": "a list of whole numbers", "list:float": "a list of numbers", "dict:str": "a mapping to text",
          "dict:int": "a mapping to whole numbers", "dict:float": "a mapping to numbers",
          "dict:dict": "a mapping of mappings"}


def inside(types: str, kind: str) -> str:
    """Return the type of what is inside a list or mapping (``kind`` is `list` or `map`), `any` where that is open."""
    wanted = {"map": "dict", "list": "list"}.get(kind)
    return next((one.partition(":")[2] for one in types.split("|") if one.startswith(f"{wanted}:")), ANY)


def words(types: str) -> str:
    """Return for people what ``types`` allow."""
    choices = [one[1:] for one in types.split("|") if one.startswith("=")]
    kinds = [_WORDS[one] for one in types.split("|") if one in _WORDS]
    return " or ".join([*kinds, *(["one of " + ", ".join(choices)] if choices else [])]) or "nothing"
