"""The registry's tables; their names are fixed, operators may read them with SQL. Secrets are named, never stored."""

import sqlalchemy as sa

from . import ledger_tables, limits_tables
from .columns import BigId, Json, UtcDateTime, created_at, identity, metadata, switch, updated_at

__all__ = ["UtcDateTime", "ledger_tables", "limits_tables", "metadata"]


def _name(column: str = "name", unique: bool = True) -> sa.Column[str]:
    return sa.Column(column, sa.String(128), nullable=False, unique=unique)


def _link(column: str, target: str, ondelete: str, nullable: bool = True) -> sa.Column[int]:
    return sa.Column(column, BigId, sa.ForeignKey(f"{target}.id", ondelete=ondelete), nullable=nullable, index=True)


providers = sa.Table(
    "ai_providers", metadata, identity(), _name(),
    sa.Column("provider", sa.String(64), nullable=False),
    sa.Column("base_url", sa.String(512)),
    sa.Column("key_env", sa.String(128)),
    sa.Column("account_tier", sa.String(64)),
    switch("active"),
    sa.Column("timeout_s", sa.Float),
    sa.Column("retries", sa.Integer),
    sa.Column("notes", sa.Text),
    created_at(), updated_at())

# Prices: micro-dollars per million tokens, the last one per image. NULL is unknown, 0 is free.
models = sa.Table(
    "ai_models", metadata, identity(),
    _link("provider_id", "ai_providers", "RESTRICT", nullable=False),
    sa.Column("model_id", sa.String(256), nullable=False),
    sa.Column("display_name", sa.String(256)),
    _name("alias"),
    sa.Column("mode", sa.String(32)),
    sa.Column("context_window", sa.BigInteger),
    sa.Column("max_output", sa.BigInteger),
    sa.Column("vision", sa.Boolean),
    sa.Column("tools", sa.Boolean),
    sa.Column("input_price_micros", sa.BigInteger),
    sa.Column("cached_input_price_micros", sa.BigInteger),
    sa.Column("output_price_micros", sa.BigInteger),
    sa.Column("reasoning_price_micros", sa.BigInteger),
    sa.Column("image_price_micros", sa.BigInteger),
    sa.Column("price_source", sa.String(128)),
    switch("enabled"),
    sa.Column("deprecated_on", sa.Date),
    sa.Column("caps", Json),
    created_at(), updated_at())

chains = sa.Table(
    "ai_fallback_chains", metadata, identity(), _name(), _name("alias"),
    sa.Column("triggers", Json, nullable=False),
    switch("active"),
    created_at(), updated_at())

# `declared` is the alias of a model that flags or environment declare: exactly one of the two names a model.
chain_models = sa.Table(
    "ai_fallback_chain_models", metadata, identity(),
    _link("chain_id", "ai_fallback_chains", "CASCADE", nullable=False),
    _link("model_id", "ai_models", "RESTRICT"),
    sa.Column("declared", sa.String(256)),
    sa.Column("priority", sa.Integer, nullable=False),
    sa.CheckConstraint("(model_id IS NULL) <> (declared IS NULL)", name="one_model"),
    sa.UniqueConstraint("chain_id", "priority"))

endpoints = sa.Table(
    "ai_endpoints", metadata, identity(), _name("slug"),
    _link("model_id", "ai_models", "RESTRICT"),
    _link("chain_id", "ai_fallback_chains", "RESTRICT"),
    sa.Column("declared", sa.String(256)),
    sa.Column("path", sa.String(128), nullable=False),
    sa.Column("method", sa.String(8), nullable=False),
    sa.Column("temperature", sa.Float),
    sa.Column("max_tokens", sa.Integer),
    sa.Column("top_p", sa.Float),
    switch("streaming"),
    switch("active"),
    created_at(), updated_at(),
    sa.CheckConstraint(
        "(CASE WHEN model_id IS NULL THEN 0 ELSE 1 END) + (CASE WHEN chain_id IS NULL THEN 0 ELSE 1 END)"
        " + (CASE WHEN declared IS NULL THEN 0 ELSE 1 END) = 1", name="one_target"))

# `share`: percent of requests for the one further version of an A/B test; the active version gets the rest.
prompts = sa.Table(
    "ai_prompt_templates", metadata, identity(), _name("slug", unique=False),
    _link("endpoint_id", "ai_endpoints", "RESTRICT"),
    sa.Column("system_prompt", sa.Text),
    sa.Column("user_template", sa.Text),
    sa.Column("version", sa.Integer, nullable=False),
    switch("active"),
    sa.Column("share", sa.Integer),
    created_at(), updated_at(),
    sa.UniqueConstraint("slug", "version"),
    sa.CheckConstraint("share IS NULL OR (share BETWEEN 1 AND 99 AND NOT active)", name="share"),
    sa.Index("ux_ai_prompt_templates_active", "slug", unique=True, sqlite_where=sa.text("active = 1"),
             postgresql_where=sa.text("active")),
    sa.Index("ux_ai_prompt_templates_share", "slug", unique=True, sqlite_where=sa.text("share IS NOT NULL"),
             postgresql_where=sa.text("share IS NOT NULL")))

tools = sa.Table(
    "ai_tool_definitions", metadata, identity(), _name(),
    sa.Column("description", sa.Text),
    sa.Column("schema", Json, nullable=False),
    created_at(), updated_at())

endpoint_tools = sa.Table(
    "ai_endpoint_tools", metadata,
    sa.Column("endpoint_id", BigId, sa.ForeignKey("ai_endpoints.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("tool_id", BigId, sa.ForeignKey("ai_tool_definitions.id", ondelete="RESTRICT"), primary_key=True))

tiers = sa.Table(
    "ai_tiers", metadata, identity(), _name(),
    sa.Column("description", sa.Text),
    created_at(), updated_at())

flags = sa.Table(
    "ai_feature_flags", metadata, identity(), _name(unique=False),
    switch("enabled"),
    _link("tier_id", "ai_tiers", "RESTRICT"),
    _link("endpoint_id", "ai_endpoints", "CASCADE"),
    sa.Column("environment", sa.String(64)),
    sa.Column("description", sa.Text),
    created_at(), updated_at())
sa.Index("ux_ai_feature_flags_scope", flags.c.name, sa.func.coalesce(flags.c.tier_id, 0),
         sa.func.coalesce(flags.c.endpoint_id, 0), sa.func.coalesce(flags.c.environment, ""), unique=True)
