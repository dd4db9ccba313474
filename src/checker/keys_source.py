"""The source of an installed LiteLLM as syntax trees: classes with their fields, constants, what code reads by name."""

import ast
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from .keys_types import type_text

_MODELS = ("BaseModel", "LiteLLMBaseModel", "LiteLLMPydanticObjectBase", "TypedDict", "BaseSettings")


class Source:
    """The files of one installed package; read, never imported."""

    def __init__(self, package: Path) -> None:
        self.package = package
        self._classes: dict[str, ast.ClassDef] = {}

    @cache
    def tree(self, file: str) -> ast.Module:
        """Return the syntax tree of a file of the package; raises OSError, SyntaxError."""
        return ast.parse((self.package / file).read_text(encoding="utf-8"))

    def load_classes(self, *files: str) -> None:
        """Remember the classes of these files, the first of a name counting."""
        for file in files:
            for node in self.tree(file).body:
                if isinstance(node, ast.ClassDef):
                    self._classes.setdefault(node.name, node)

    def kinds(self) -> dict[str, str]:
        """Return for each known class what YAML has for it: a mapping, or one of the values of an enum."""
        return {name: self._kind(node) for name, node in self._classes.items()}

    def _kind(self, node: ast.ClassDef) -> str:
        bases = {ast.unparse(base).rpartition(".")[2] for base in node.bases}
        if "Enum" in bases:
            return "|".join(f"={value}" for value in self.enum(node.name)) or "any"
        known = any(self._kind(self._classes[base]) == "dict" for base in bases if base in self._classes)
        return "dict" if known or bases & set(_MODELS) else "any"

    def enum(self, name: str) -> list[str]:
        """Return the texts of an enum's members."""
        node = self._classes.get(name)
        return [str(item.value.value) for item in (node.body if node else ())
                if isinstance(item, ast.Assign) and isinstance(item.value, ast.Constant)]

    def fields(self, name: str) -> dict[str, str]:
        """Return the fields of a class and of its bases with their types."""
        node, found, kinds = self._classes.get(name), {}, self.kinds()
        for base in node.bases if node else ():
            found.update(self.fields(ast.unparse(base).rpartition(".")[2]))
        for item in node.body if node else ():
            if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name):
                if not ast.unparse(item.annotation).startswith("ClassVar") and item.target.id != "model_config":
                    found[_wire_name(item)] = type_text(item.annotation, kinds)
        return found

    def required(self, name: str) -> list[str]:
        """Return the fields of a class, without its bases', that have no default."""
        node = self._classes.get(name)
        return [item.target.id for item in (node.body if node else ()) if isinstance(item, ast.AnnAssign)
                and isinstance(item.target, ast.Name) and _no_default(item.value)]

    def nested_fields(self, file: str) -> set[str]:
        """Return the names of all fields of all classes of a file, save fields that are such a class themselves."""
        nodes = [node for node in self.tree(file).body if isinstance(node, ast.ClassDef)]
        names = {node.name for node in nodes}
        return {_wire_name(item) for node in nodes for item in node.body if isinstance(item, ast.AnnAssign)
                and isinstance(item.target, ast.Name) and ast.unparse(item.annotation) not in names}

    def constant(self, file: str, name: str) -> list[Any]:
        """Return the plain values inside a module's constant; [] where it has none."""
        for node in self.tree(file).body:
            target = node.target if isinstance(node, ast.AnnAssign) else (
                node.targets[0] if isinstance(node, ast.Assign) else None)
            if isinstance(target, ast.Name) and target.id == name and isinstance(node, ast.AnnAssign | ast.Assign):
                return [item.value for item in ast.walk(node.value or target)
                        if isinstance(item, ast.Constant) and isinstance(item.value, str)]
        return []

    def function(self, file: str, name: str) -> ast.FunctionDef | ast.AsyncFunctionDef | None:
        """Return the first function or method of that name."""
        for node in ast.walk(self.tree(file)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name == name:
                return node
        return None

    def texts(self, folder: str = "") -> Iterator[str]:
        """Yield the text of every Python file below ``folder``."""
        for path in sorted((self.package / folder).rglob("*.py")):
            yield path.read_text(encoding="utf-8", errors="replace")


def _no_default(value: ast.expr | None) -> bool:
    if isinstance(value, ast.Call) and ast.unparse(value.func) == "Field":
        ellipsis = [isinstance(arg, ast.Constant) and arg.value is ... for arg in value.args]
        return all(ellipsis) and not {word.arg for word in value.keywords} & {"default", "default_factory"}
    return value is None


def _wire_name(item: ast.AnnAssign) -> str:
    text = ast.unparse(item)
    found = re.search(r"wire\('([^']+)'\)", text)
    assert isinstance(item.target, ast.Name)
    return found[1] if found else item.target.id


def read_by(names: str, text: str) -> set[str]:
    """Return the keys that code reads from a mapping called one of ``names`` (a pattern): get, [], pop, in."""
    holder = rf"\b(?:{names})"
    pattern = (rf"{holder}(?:\s*or\s*\{{\}}\))?\s*\.(?:get|pop|setdefault)\(\s*[\"']([\w-]+)[\"']"
               rf"|{holder}\[[\"']([\w-]+)[\"']\]|[\"']([\w-]+)[\"'] (?:not )?in {holder}\b")
    return {name for groups in re.findall(pattern, text) for name in groups if name}


def named_constants(text: str) -> Mapping[str, str]:
    """Return the module constants of a file that are plain text, by name."""
    return dict(re.findall(r"^([A-Z_]+)\s*(?::[^=\n]+)?=\s*[\"']([\w-]+)[\"']", text, re.MULTILINE))
