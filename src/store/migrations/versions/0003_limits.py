"""Limits, their counters, and client keys."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003_limits"
down_revision = "0002_ledger"

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    """Create the three tables."""
    _limits()
    _keys()
    op.create_table("ai_limit_counters", sa.Column("name", sa.String(512)),
                    sa.Column("start", sa.BigInteger, autoincrement=False),
                    *(sa.Column(name, sa.BigInteger, nullable=False) for name in ("used", "cap", "expires")),
                    sa.PrimaryKeyConstraint("name", "start", name="pk_ai_limit_counters"), sqlite_with_rowid=False)


def _numbers() -> list[sa.Column[int]]:
    return [sa.Column(name, sa.BigInteger) for name in ("rpm", "tpm", "rpd", "tpd", "budget_micros")]


def _stamps() -> list[sa.Column[object]]:
    return [sa.Column(name, sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now())
            for name in ("created_at", "updated_at")]


def _limits() -> None:
    name = "ai_rate_limit_configs"
    op.create_table(
        name, sa.Column("id", _ID, autoincrement=True), sa.Column("name", sa.String(128), nullable=False),
        sa.Column("scope", sa.String(16), nullable=False), sa.Column("target", sa.String(256), nullable=False),
        *_numbers(), sa.Column("headroom", sa.Integer, nullable=False, server_default=sa.text("0")),
        sa.Column("action", sa.String(16), nullable=False), sa.Column("wait_s", sa.Float, nullable=False),
        sa.Column("backoff", sa.String(16)), sa.Column("backoff_s", sa.Float, nullable=False),
        sa.Column("reset_zone", sa.String(64)),
        sa.Column("active", sa.Boolean, nullable=False, server_default=sa.true()), *_stamps(),
        sa.PrimaryKeyConstraint("id", name=f"pk_{name}"), sa.UniqueConstraint("name", name=f"uq_{name}_name"))


def _keys() -> None:
    name = "ai_client_keys"
    op.create_table(
        name, sa.Column("id", _ID, autoincrement=True), sa.Column("name", sa.String(128), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False), sa.Column("tier_id", _ID),
        sa.Column("models", _JSON, nullable=False), *_numbers(),
        *(sa.Column(column, sa.DateTime(timezone=True)) for column in ("expires_at", "revoked_at")), *_stamps(),
        sa.PrimaryKeyConstraint("id", name=f"pk_{name}"), sa.UniqueConstraint("name", name=f"uq_{name}_name"),
        sa.UniqueConstraint("digest", name=f"uq_{name}_digest"),
        sa.ForeignKeyConstraint(["tier_id"], ["ai_tiers.id"], name=f"fk_{name}_tier_id", ondelete="RESTRICT"))
    op.create_index(f"ix_{name}_tier_id", name, ["tier_id"])
