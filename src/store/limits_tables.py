"""The tables of limits, their counters, and client keys. Money is in micro-dollars, NULL is no limit."""

import sqlalchemy as sa

from .columns import BigId, Json, UtcDateTime, created_at, identity, metadata, switch, updated_at


def _numbers() -> list[sa.Column[int]]:
    return [sa.Column(name, sa.BigInteger) for name in ("rpm", "tpm", "rpd", "tpd", "budget_micros")]


limits = sa.Table(
    "ai_rate_limit_configs", metadata, identity(),
    sa.Column("name", sa.String(128), nullable=False, unique=True),
    sa.Column("scope", sa.String(16), nullable=False),
    sa.Column("target", sa.String(256), nullable=False),
    *_numbers(),
    sa.Column("headroom", sa.Integer, nullable=False, server_default=sa.text("0")),
    sa.Column("action", sa.String(16), nullable=False),
    sa.Column("wait_s", sa.Float, nullable=False),
    sa.Column("backoff", sa.String(16)),
    sa.Column("backoff_s", sa.Float, nullable=False),
    sa.Column("reset_zone", sa.String(64)),
    switch("active"),
    created_at(), updated_at())

# `digest` is the SHA-256 of the key, which is kept nowhere.
client_keys = sa.Table(
    "ai_client_keys", metadata, identity(),
    sa.Column("name", sa.String(128), nullable=False, unique=True),
    sa.Column("digest", sa.String(64), nullable=False, unique=True),
    sa.Column("tier_id", BigId, sa.ForeignKey("ai_tiers.id", ondelete="RESTRICT"), index=True),
    sa.Column("models", Json, nullable=False),
    *_numbers(),
    sa.Column("expires_at", UtcDateTime()),
    sa.Column("revoked_at", UtcDateTime()),
    created_at(), updated_at())

# `start` and `expires` are Unix seconds; `cap` is what the counter may hold with the charge that came last. Rows whose
# start is 0 are no windows: how long a model is held back, and the revision of the keys.
counters = sa.Table(
    "ai_limit_counters", metadata,
    sa.Column("name", sa.String(512), primary_key=True),
    sa.Column("start", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("used", sa.BigInteger, nullable=False),
    sa.Column("cap", sa.BigInteger, nullable=False),
    sa.Column("expires", sa.BigInteger, nullable=False),
    sqlite_with_rowid=False)

# What a call under way holds of counters, `charges` as JSON, until `lease_ends` (Unix seconds, the database's clock).
# `released`: nobody renewed it, and the counters no longer hold it.
reservations = sa.Table(
    "ai_limit_reservations", metadata,
    sa.Column("id", sa.String(64), primary_key=True),
    sa.Column("request_id", sa.String(64), nullable=False),
    sa.Column("charges", sa.Text, nullable=False),
    sa.Column("lease_ends", sa.BigInteger, nullable=False),
    sa.Column("released", sa.Boolean, nullable=False),
    sa.Column("expires", sa.BigInteger, nullable=False),
    sqlite_with_rowid=False)
