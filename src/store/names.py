"""Names of rows, read past SQLAlchemy: pressing the tab key must not wait for its import."""

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

# Noun -> table and the column that names a row on the command line.
COLUMNS: Mapping[str, tuple[str, str]] = {
    "providers": ("ai_providers", "name"), "models": ("ai_models", "alias"), "endpoints": ("ai_endpoints", "slug"),
    "prompts": ("ai_prompt_templates", "slug"), "tools": ("ai_tool_definitions", "name"),
    "flags": ("ai_feature_flags", "name"), "tiers": ("ai_tiers", "name"), "chains": ("ai_fallback_chains", "name"),
    "limits": ("ai_rate_limit_configs", "name"), "keys": ("ai_client_keys", "name"),
}


def row_names(path: Path, noun: str) -> list[str]:
    """Return the names of the rows of ``noun`` in a SQLite file; none where they cannot be read."""
    table, column = COLUMNS[noun]
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=0.2)) as connection:
            rows = connection.execute(f"SELECT DISTINCT {column} FROM {table} ORDER BY {column} LIMIT 1000").fetchall()
    except (sqlite3.Error, ValueError):
        rows = []
    return [str(row[0]) for row in rows]
