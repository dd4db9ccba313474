"""The table of keys of the installed LiteLLM: shipped, or made once per version into the user's cache folder."""

import json
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from importlib.machinery import PathFinder
from pathlib import Path
from types import MappingProxyType
from typing import Any

from .keys_models import KnownModel, inferred, known_model
from .keys_types import ANY

SHIPPED = Path(__file__).parent / "data"
# Raised whenever the shape of a table changes: an older cache is made again.
SHAPE = 11
_FILE = re.compile(r"litellm-(?P<version>[\w.]+)\.json")


@dataclass(frozen=True)
class KeyTable:
    """Which keys LiteLLM ``version`` reads; ``note`` says where it is not the installed version's own table."""

    version: str
    raw: Mapping[str, Any] = field(repr=False)
    note: str = ""

    @property
    def top(self) -> frozenset[str]:
        """Return the keys of a file's top level."""
        return frozenset(self.raw["top"])

    @cached_property
    def _blocks(self) -> dict[str, dict[str, str]]:
        return {block: {name: kind for kind, names in kinds.items() for name in names}
                for block, kinds in self.raw["keys"].items()}

    def keys(self, block: str) -> Mapping[str, str]:
        """Return the keys of `litellm_params`, `model_info`, `entry` or a `..._settings` block with their types."""
        return MappingProxyType(self._blocks[block])

    def nested(self, path: str) -> Mapping[str, str]:
        """Return the fields of the object that LiteLLM builds from the setting at ``path``, {} where it builds none."""
        return {name: kind for kind, names in self.raw["nested"].get(path, {}).items() for name in names}

    def required(self, path: str) -> list[str]:
        """Return the fields that such an object cannot do without."""
        names: list[str] = self.raw["required"].get(path, [])
        return names

    def kind(self, block: str, name: str) -> str:
        """Return the type of a key, `any` where nothing is known of it."""
        return self._blocks[block].get(name, ANY)

    @cached_property
    def providers(self) -> frozenset[str]:
        """Return the prefixes that LiteLLM serves."""
        return frozenset(self.raw["providers"])

    @cached_property
    def _models(self) -> dict[str, tuple[str, str]]:
        return {name: (provider, row) for provider, rows in self.raw["models"].items() for name, row in rows.items()}

    @cached_property
    def bare_names(self) -> frozenset[str]:
        """Return the names that need no provider before them."""
        return frozenset(name for name, (provider, _) in self._models.items() if "/" not in name and inferred(provider))

    def model(self, *names: str) -> KnownModel | None:
        """Return what the price list knows of the first of ``names`` that it has."""
        for name in names:
            if name in self._models:
                return known_model(*self._models[name])
        return None

    def inferred_provider(self, name: str) -> str | None:
        """Return whom LiteLLM asks for a name without a provider; None where it knows nobody."""
        if name == "*" or "ft:gpt-3.5-turbo" in name or "ft:gpt-4" in name or name.startswith("gpt-image"):
            return "openai"
        if name in self._models and (provider := inferred(self._models[name][0])):
            return None if provider == "openai" and name.startswith("ft:") else provider
        return next((provider for pattern, provider in self.raw["rules"] if re.search(pattern, name, re.I)), None)


def load_table(environ: Mapping[str, str], shipped: Path = SHIPPED, path: list[str] | None = None) -> KeyTable:
    """Return the table of the LiteLLM installed on ``path`` (default: this interpreter's).

    Shipped tables are used as they are; of another version it is made once (about 5 s) and kept below
    `XDG_CACHE_HOME`. Where that is not possible, or nothing is installed, the nearest shipped table is used.
    """
    package = _package(path)
    version = _version(package) if package else ""
    tables = {found["version"]: file for file in shipped.glob("*.json") if (found := _FILE.fullmatch(file.name))}
    if version in tables:
        return KeyTable(version, _read(tables[version]))
    if package and version and (made := _cached(package, version, environ)):
        return KeyTable(version, made)
    nearest = min(tables, key=lambda one: _distance(one, version))
    return KeyTable(nearest, _read(tables[nearest]), f"the keys of LiteLLM {version or '(not installed)'} could not be "
                    f"read; those of {nearest} were used")


def _read(file: Path) -> dict[str, Any]:
    table: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return table


def _package(path: list[str] | None) -> Path | None:
    spec = PathFinder.find_spec("litellm", path)  # finds, imports nothing
    return Path(spec.origin).parent if spec and spec.origin else None


def _version(package: Path) -> str:
    for pattern in ("litellm-*.dist-info", "litellm_core-*.dist-info"):
        for folder in package.parent.glob(pattern):
            return folder.name.removesuffix(".dist-info").partition("-")[2]
    return ""


def _cached(package: Path, version: str, environ: Mapping[str, str]) -> dict[str, Any] | None:
    file = _cache_folder(environ) / f"litellm-{version}.json"
    with suppress(OSError, ValueError):
        table = _read(file)
        if table.get("shape") == SHAPE:
            return table
    from .keys_extract import extract  # seldom needed
    try:
        table = extract(package, version)
    except (OSError, SyntaxError, ValueError, LookupError, StopIteration, RecursionError):
        return None
    with suppress(OSError):
        save_table(table, file)
    return table


def save_table(table: Mapping[str, Any], file: Path) -> None:
    """Write a table to ``file``, whole or not at all; raises OSError."""
    file.parent.mkdir(parents=True, exist_ok=True)
    new = file.with_suffix(".new")
    new.write_text(table_text(table), encoding="utf-8")
    new.replace(file)


def table_text(table: Mapping[str, Any]) -> str:
    """Return a table as JSON with a line per block and provider, so that a new version's differences can be read."""
    def lines(value: Any, depth: int) -> str:
        if depth and isinstance(value, Mapping):
            inner = ",\n".join(f"{json.dumps(name)}:{lines(child, depth - 1)}" for name, child in value.items())
            return "{\n" + inner + "\n}"
        return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    return lines(table, 3) + "\n"


def _cache_folder(environ: Mapping[str, str]) -> Path:
    home = environ.get("XDG_CACHE_HOME") or environ.get("LOCALAPPDATA")
    if home:
        return Path(home) / "litellm-gateway"
    return Path(environ.get("HOME") or Path.home()) / ".cache" / "litellm-gateway"


def _distance(one: str, other: str) -> tuple[int, ...]:
    numbers = [[int(part) for part in re.findall(r"\d+", text)[:3]] + [0] * 3 for text in (one, other or "0")]
    return tuple(abs(left - right) for left, right in zip(numbers[0][:3], numbers[1][:3]))
