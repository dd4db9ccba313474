"""What can be known of a database without SQLAlchemy, whose import costs a start a third of a second."""

import sqlite3
from contextlib import closing
from functools import cache
from pathlib import Path

VERSION_TABLE = "ai_schema_version"
FOLDER = Path(__file__).parent / "migrations"
# Where rows can be that a plan or a worker uses; tiers alone say nothing.
_TABLES = ("ai_providers", "ai_models", "ai_fallback_chains", "ai_endpoints", "ai_prompt_templates",
           "ai_tool_definitions", "ai_feature_flags", "ai_rate_limit_configs")


@cache
def revisions() -> tuple[str, ...]:
    """Return every revision that this code knows, oldest first."""
    return tuple(sorted(path.stem for path in (FOLDER / "versions").glob("[0-9]*.py")))


def head() -> str:
    """Return the revision that this code works with."""
    return revisions()[-1]


def without_rows(path: Path) -> bool:
    """Tell whether a SQLite file is at the head and its registry is empty; False where that is not certain."""
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=1)) as connection:
            found = connection.execute(f"SELECT version_num FROM {VERSION_TABLE}").fetchall()
            return found == [(head(),)] and not any(
                connection.execute(f"SELECT 1 FROM {table} LIMIT 1").fetchone() for table in _TABLES)
    except (sqlite3.Error, ValueError):
        return False  # whoever opens it properly will say why
