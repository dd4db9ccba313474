"""The ledger's tables: one row per request, prices by reference, totals per hour and per day.

Sums of money are split in two columns that are added up separately, whole micro-dollars and a rest in pico-dollars:
a sum of pico-dollars alone would leave 64 bits at 9.2 million dollars.
"""

import sqlalchemy as sa

from ..policy.reports import BINS
from .columns import UtcDateTime, identity, metadata

# Micro-dollars per million tokens, which is pico-dollars per token, as decimal text; `id` is a digest of the rest.
prices = sa.Table(
    "ai_prices", metadata,
    sa.Column("id", sa.String(16), primary_key=True),
    sa.Column("source", sa.String(16), nullable=False),
    sa.Column("prompt", sa.String(40)),
    sa.Column("completion", sa.String(40)),
    sa.Column("cached", sa.String(40)),
    sa.Column("reasoning", sa.String(40)))

# `ended_at` is NULL while a request is under way (audit mode). `attempts`, `dropped`, `translated` hold JSON.
requests = sa.Table(
    "ai_request_logs", metadata, identity(),
    sa.Column("request_id", sa.String(64), nullable=False, unique=True),
    sa.Column("client_request_id", sa.String(64)),
    sa.Column("started_at", UtcDateTime(), nullable=False, index=True),
    sa.Column("ended_at", UtcDateTime()),
    sa.Column("route", sa.String(32)),
    sa.Column("asked", sa.String(64)),
    sa.Column("alias", sa.String(256)),
    sa.Column("endpoint", sa.String(128)),
    sa.Column("template", sa.String(128)),
    sa.Column("template_version", sa.BigInteger),
    sa.Column("model", sa.String(256)),
    sa.Column("provider", sa.String(64)),
    sa.Column("deployment", sa.String(128)),
    sa.Column("chain", sa.String(128)),
    sa.Column("chain_position", sa.BigInteger),
    sa.Column("attempt_count", sa.BigInteger),
    sa.Column("attempts", sa.Text),
    sa.Column("status", sa.BigInteger),
    sa.Column("error_type", sa.String(64)),
    sa.Column("error", sa.String(300)),
    sa.Column("stream", sa.Boolean),
    sa.Column("ttft_ms", sa.BigInteger),
    sa.Column("duration_ms", sa.BigInteger),
    sa.Column("prompt_tokens", sa.BigInteger),
    sa.Column("completion_tokens", sa.BigInteger),
    sa.Column("reasoning_tokens", sa.BigInteger),
    sa.Column("cached_tokens", sa.BigInteger),
    sa.Column("cost_pico", sa.BigInteger),
    sa.Column("cost_state", sa.String(8), nullable=False),
    sa.Column("price_id", sa.String(16), sa.ForeignKey("ai_prices.id")),
    sa.Column("dropped", sa.Text),
    sa.Column("translated", sa.Text),
    sa.Column("client_key", sa.String(64)),
    sa.Column("user_label", sa.String(64)),
    sa.Column("session", sa.String(64)),
    sa.Column("config", sa.String(16)),
    sa.Column("client_gone", sa.Boolean),
    sa.Column("request_hash", sa.String(64)),
    sa.Column("content", sa.Text))
UNPRICED = "cost_state = 'unknown' AND (prompt_tokens IS NOT NULL OR completion_tokens IS NOT NULL)"
sa.Index("ix_ai_request_logs_unpriced", requests.c.deployment, requests.c.model,
         sqlite_where=sa.text(UNPRICED), postgresql_where=sa.text(UNPRICED))

SUMS = ("requests", "streams", "attempts", "prompt_tokens", "completion_tokens", "reasoning_tokens", "cached_tokens",
        "cost_micros", "cost_pico_rest", "priced", "free", "unpriced")
DURATION = tuple(f"d{number}" for number in range(BINS))
TTFT = tuple(f"t{number}" for number in range(BINS))
TOTALS = (*SUMS, *DURATION, *TTFT)
KEY = ("dimension", "start", "value", "outcome")


def _totals(name: str) -> sa.Table:
    """`start` is in Unix seconds, `outcome` the error's type, empty for success; `d` and `t` count latencies."""
    return sa.Table(
        name, metadata,
        sa.Column("dimension", sa.String(16), primary_key=True),
        sa.Column("start", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("value", sa.String(256), primary_key=True),
        sa.Column("outcome", sa.String(64), primary_key=True),
        *(sa.Column(column, sa.BigInteger, nullable=False) for column in TOTALS),
        sqlite_with_rowid=False)


hourly = _totals("ai_usage_hourly")
daily = _totals("ai_usage_daily")

# Who did a task last, so that one worker of all does it next: `at` in Unix seconds.
state = sa.Table(
    "ai_ledger_state", metadata,
    sa.Column("name", sa.String(64), primary_key=True),
    sa.Column("at", sa.BigInteger, nullable=False))
