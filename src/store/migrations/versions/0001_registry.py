"""The registry: providers, models, endpoints, templates, tools, flags, tiers and chains."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001_registry"
down_revision = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    """Create the tables in the order of their references."""
    _providers_and_models()
    _chains()
    _endpoints()
    _prompts()
    _tools()
    _flags()


def _table(name: str, *parts: Any, stamped: bool = True) -> None:
    moment = sa.DateTime(timezone=True)
    stamps = [sa.Column(column, moment, nullable=False, server_default=sa.func.now())
              for column in ("created_at", "updated_at") if stamped]
    identity = sa.Column("id", _ID, primary_key=True, autoincrement=True)
    op.create_table(name, identity, *parts, *stamps, sa.PrimaryKeyConstraint("id", name=f"pk_{name}"))
    for part in parts:
        if isinstance(part, sa.Column) and part.info.get("index"):
            op.create_index(f"ix_{name}_{part.name}", name, [part.name])


def _text(name: str, length: int, nullable: bool = True) -> sa.Column[str]:
    return sa.Column(name, sa.String(length), nullable=nullable)


def _switch(name: str) -> sa.Column[bool]:
    return sa.Column(name, sa.Boolean, nullable=False, server_default=sa.true())


def _link(column: str, nullable: bool = True) -> sa.Column[int]:
    return sa.Column(column, _ID, nullable=nullable, info={"index": True})


def _foreign(table: str, column: str, target: str, ondelete: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{target}.id"], name=f"fk_{table}_{column}", ondelete=ondelete)


def _unique(table: str, *columns: str) -> sa.UniqueConstraint:
    return sa.UniqueConstraint(*columns, name=f"uq_{table}_{columns[0]}")


def _check(table: str, name: str, text: str) -> sa.CheckConstraint:
    return sa.CheckConstraint(text, name=f"ck_{table}_{name}")


def _providers_and_models() -> None:
    name = "ai_providers"
    _table(name, _text("name", 128, False), _text("provider", 64, False), _text("base_url", 512),
           _text("key_env", 128), _text("account_tier", 64), _switch("active"), sa.Column("timeout_s", sa.Float),
           sa.Column("retries", sa.Integer), sa.Column("notes", sa.Text), _unique(name, "name"))
    name = "ai_models"
    prices = [sa.Column(f"{kind}_price_micros", sa.BigInteger)
              for kind in ("input", "cached_input", "output", "reasoning", "image")]
    _table(name, _link("provider_id", False), _text("model_id", 256, False), _text("display_name", 256),
           _text("alias", 128, False), _text("mode", 32), sa.Column("context_window", sa.BigInteger),
           sa.Column("max_output", sa.BigInteger), sa.Column("vision", sa.Boolean), sa.Column("tools", sa.Boolean),
           *prices, _text("price_source", 128), _switch("enabled"), sa.Column("deprecated_on", sa.Date),
           sa.Column("caps", _JSON), _foreign(name, "provider_id", "ai_providers", "RESTRICT"), _unique(name, "alias"))


def _chains() -> None:
    name = "ai_fallback_chains"
    _table(name, _text("name", 128, False), _text("alias", 128, False), sa.Column("triggers", _JSON, nullable=False),
           _switch("active"), _unique(name, "name"), _unique(name, "alias"))
    name = "ai_fallback_chain_models"
    _table(name, _link("chain_id", False), _link("model_id"), _text("declared", 256),
           sa.Column("priority", sa.Integer, nullable=False),
           _foreign(name, "chain_id", "ai_fallback_chains", "CASCADE"),
           _foreign(name, "model_id", "ai_models", "RESTRICT"), _unique(name, "chain_id", "priority"),
           _check(name, "one_model", "(model_id IS NULL) <> (declared IS NULL)"), stamped=False)


def _endpoints() -> None:
    name = "ai_endpoints"
    targets = " + ".join(f"(CASE WHEN {column} IS NULL THEN 0 ELSE 1 END)"
                         for column in ("model_id", "chain_id", "declared"))
    _table(name, _text("slug", 128, False), _link("model_id"), _link("chain_id"), _text("declared", 256),
           _text("path", 128, False), _text("method", 8, False), sa.Column("temperature", sa.Float),
           sa.Column("max_tokens", sa.Integer), sa.Column("top_p", sa.Float), _switch("streaming"), _switch("active"),
           _foreign(name, "model_id", "ai_models", "RESTRICT"),
           _foreign(name, "chain_id", "ai_fallback_chains", "RESTRICT"), _unique(name, "slug"),
           _check(name, "one_target", f"{targets} = 1"))


def _prompts() -> None:
    name = "ai_prompt_templates"
    _table(name, _text("slug", 128, False), _link("endpoint_id"), sa.Column("system_prompt", sa.Text),
           sa.Column("user_template", sa.Text), sa.Column("version", sa.Integer, nullable=False), _switch("active"),
           sa.Column("share", sa.Integer), _foreign(name, "endpoint_id", "ai_endpoints", "RESTRICT"),
           _unique(name, "slug", "version"),
           _check(name, "share", "share IS NULL OR (share BETWEEN 1 AND 99 AND NOT active)"))
    op.create_index(f"ux_{name}_active", name, ["slug"], unique=True, sqlite_where=sa.text("active = 1"),
                    postgresql_where=sa.text("active"))
    op.create_index(f"ux_{name}_share", name, ["slug"], unique=True, sqlite_where=sa.text("share IS NOT NULL"),
                    postgresql_where=sa.text("share IS NOT NULL"))


def _tools() -> None:
    name = "ai_tool_definitions"
    _table(name, _text("name", 128, False), sa.Column("description", sa.Text),
           sa.Column("schema", _JSON, nullable=False), _unique(name, "name"))
    name = "ai_endpoint_tools"
    op.create_table(name, sa.Column("endpoint_id", _ID), sa.Column("tool_id", _ID),
                    _foreign(name, "endpoint_id", "ai_endpoints", "CASCADE"),
                    _foreign(name, "tool_id", "ai_tool_definitions", "RESTRICT"),
                    sa.PrimaryKeyConstraint("endpoint_id", "tool_id", name=f"pk_{name}"))


def _flags() -> None:
    name = "ai_tiers"
    _table(name, _text("name", 128, False), sa.Column("description", sa.Text), _unique(name, "name"))
    name = "ai_feature_flags"
    _table(name, _text("name", 128, False), _switch("enabled"), _link("tier_id"), _link("endpoint_id"),
           _text("environment", 64), sa.Column("description", sa.Text),
           _foreign(name, "tier_id", "ai_tiers", "RESTRICT"),
           _foreign(name, "endpoint_id", "ai_endpoints", "CASCADE"))
    op.create_index(f"ux_{name}_scope", name, [
        "name", sa.text("coalesce(tier_id, 0)"), sa.text("coalesce(endpoint_id, 0)"),
        sa.text("coalesce(environment, '')")], unique=True)
