"""ai_tool_definitions: functions that endpoints offer to their model."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from . import tables
from .rows import Repository, Row


@dataclass(frozen=True)
class Tool(Row):
    """One function; ``schema`` is the JSON schema of its parameters."""

    name: str
    schema: Mapping[str, Any]
    description: str | None = None


class Tools(Repository[Tool]):
    """The rows of ai_tool_definitions."""

    name, table, kind = "tools", tables.tools, Tool
