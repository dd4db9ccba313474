"""Alembic's entry: runs the wanted steps in the transaction that `migrate.py` opened under its lock."""

from alembic import context

_config = context.config.attributes
context.configure(connection=_config["connection"], target_metadata=_config.get("metadata"), render_as_batch=True,
                  version_table="ai_schema_version", transaction_per_migration=False)
context.run_migrations()
