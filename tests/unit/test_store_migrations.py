"""Migrations: from empty and from the first schema, on both engines, once however many start at the same time."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from src.store import migrate
from src.store.engine import Store
from src.store.failures import NewerDatabase
from src.store.tables import metadata

from .store_support import KINDS, fresh_store

ROOT = Path(__file__).resolve().parents[2]
MIGRATE = """
import sys
from pathlib import Path
from src.config.database import parse_database_url
from src.store.engine import open_store
from src.store.migrate import ensure_schema
print(ensure_schema(open_store(parse_database_url(sys.argv[1], Path()))))
"""


@pytest.fixture(params=KINDS)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    with fresh_store(request.param, tmp_path) as found:
        yield found


def revision_table(store: Store, revision: str) -> None:
    with store.writing() as connection:
        connection.execute(sa.text(f"UPDATE {migrate.VERSION_TABLE} SET version_num = :r"), {"r": revision})


def differences(store: Store) -> list[object]:
    with store.reading() as connection:
        return compare_metadata(MigrationContext.configure(
            connection, opts={"version_table": migrate.VERSION_TABLE, "compare_type": True}), metadata)


@pytest.mark.filterwarnings("ignore:autogenerate skipping:UserWarning")
def test_an_empty_database_gets_exactly_the_tables_that_the_code_uses(store: Store) -> None:
    assert migrate.current(store) is None
    assert migrate.ensure_schema(store)
    assert migrate.current(store) == migrate.head()
    assert differences(store) == []


@pytest.mark.filterwarnings("ignore:autogenerate skipping:UserWarning")
def test_the_first_schema_is_brought_up_with_its_rows(store: Store) -> None:
    migrate.ensure_schema(store, migrate.revisions()[0])
    with store.writing() as connection:
        connection.execute(sa.text("INSERT INTO ai_tiers (name, description) VALUES ('gold', 'kept')"))
    migrate.ensure_schema(store)
    assert migrate.current(store) == migrate.head()
    assert differences(store) == []
    with store.reading() as connection:
        assert connection.execute(sa.text("SELECT description FROM ai_tiers")).scalar_one() == "kept"


def test_a_database_at_the_head_is_left_alone(store: Store) -> None:
    migrate.ensure_schema(store)
    assert not migrate.ensure_schema(store)


def test_a_newer_database_is_refused_and_both_revisions_are_named(store: Store) -> None:
    migrate.ensure_schema(store)
    revision_table(store, "9999_future")
    with pytest.raises(NewerDatabase) as refused:
        migrate.ensure_schema(store)
    assert "9999_future" in refused.value.text() and migrate.head() in refused.value.text()
    assert migrate.current(store) == "9999_future"


def test_a_failing_step_leaves_nothing_behind(store: Store) -> None:
    with store.writing() as connection:
        connection.execute(sa.text("CREATE TABLE ai_tiers (id INTEGER)"))
    with pytest.raises(Exception, match="(?i)exists"):
        migrate.ensure_schema(store)
    with store.reading() as connection:
        assert sa.inspect(connection).get_table_names() == ["ai_tiers"]


def test_processes_that_start_together_migrate_once(store: Store) -> None:
    command = [sys.executable, "-c", MIGRATE, store.database.url]
    started = [subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
               for _ in range(3)]
    ended = [process.communicate(timeout=60) for process in started]
    assert sorted(out.strip() for out, _ in ended) == ["False", "False", "True"], ended
    assert migrate.current(store) == migrate.head()


def test_revisions_follow_each_other_in_the_order_of_their_names() -> None:
    from alembic.config import Config
    from alembic.script import ScriptDirectory
    config = Config()
    config.set_main_option("script_location", str(ROOT / "src" / "store" / "migrations"))
    walked = [step.revision for step in ScriptDirectory.from_config(config).walk_revisions()]
    assert tuple(reversed(walked)) == migrate.revisions()
