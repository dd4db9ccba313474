"""The ledger: one row per request, prices, totals per hour and day."""

import sqlalchemy as sa
from alembic import op

revision = "0002_ledger"
down_revision = "0001_registry"

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_MOMENT = sa.DateTime(timezone=True)
_BINS = 56


def upgrade() -> None:
    """Create the tables in the order of their references."""
    _prices()
    _requests()
    for name in ("ai_usage_hourly", "ai_usage_daily"):
        _totals(name)
    op.create_table("ai_ledger_state", sa.Column("name", sa.String(64)),
                    sa.Column("at", sa.BigInteger, nullable=False),
                    sa.PrimaryKeyConstraint("name", name="pk_ai_ledger_state"))


def _texts(**lengths: int) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.String(length)) for name, length in lengths.items()]


def _numbers(*names: str) -> list[sa.Column[int]]:
    return [sa.Column(name, sa.BigInteger) for name in names]


def _prices() -> None:
    op.create_table("ai_prices", sa.Column("id", sa.String(16)), sa.Column("source", sa.String(16), nullable=False),
                    *_texts(prompt=40, completion=40, cached=40, reasoning=40),
                    sa.PrimaryKeyConstraint("id", name="pk_ai_prices"))


def _requests() -> None:
    name = "ai_request_logs"
    op.create_table(
        name, sa.Column("id", _ID, autoincrement=True), sa.Column("request_id", sa.String(64), nullable=False),
        *_texts(client_request_id=64), sa.Column("started_at", _MOMENT, nullable=False), sa.Column("ended_at", _MOMENT),
        *_texts(route=32, asked=64, alias=256, endpoint=128, template=128), *_numbers("template_version"),
        *_texts(model=256, provider=64, deployment=128, chain=128), *_numbers("chain_position", "attempt_count"),
        sa.Column("attempts", sa.Text), *_numbers("status"), *_texts(error_type=64, error=300),
        sa.Column("stream", sa.Boolean),
        *_numbers("ttft_ms", "duration_ms", "prompt_tokens", "completion_tokens", "reasoning_tokens", "cached_tokens",
                  "cost_pico"),
        sa.Column("cost_state", sa.String(8), nullable=False), *_texts(price_id=16),
        sa.Column("dropped", sa.Text), sa.Column("translated", sa.Text),
        *_texts(client_key=64, user_label=64, session=64, config=16), sa.Column("client_gone", sa.Boolean),
        *_texts(request_hash=64), sa.Column("content", sa.Text),
        sa.PrimaryKeyConstraint("id", name=f"pk_{name}"),
        sa.UniqueConstraint("request_id", name=f"uq_{name}_request_id"),
        sa.ForeignKeyConstraint(["price_id"], ["ai_prices.id"], name=f"fk_{name}_price_id"))
    op.create_index(f"ix_{name}_started_at", name, ["started_at"])
    unpriced = sa.text("cost_state = 'unknown' AND (prompt_tokens IS NOT NULL OR completion_tokens IS NOT NULL)")
    op.create_index(f"ix_{name}_unpriced", name, ["deployment", "model"], sqlite_where=unpriced,
                    postgresql_where=unpriced)


def _totals(name: str) -> None:
    sums = ("requests", "streams", "attempts", "prompt_tokens", "completion_tokens", "reasoning_tokens",
            "cached_tokens", "cost_micros", "cost_pico_rest", "priced", "free", "unpriced")
    bins = [f"{kind}{number}" for kind in "dt" for number in range(_BINS)]
    op.create_table(
        name, sa.Column("dimension", sa.String(16)), sa.Column("start", sa.BigInteger, autoincrement=False),
        sa.Column("value", sa.String(256)), sa.Column("outcome", sa.String(64)),
        *(sa.Column(column, sa.BigInteger, nullable=False) for column in (*sums, *bins)),
        sa.PrimaryKeyConstraint("dimension", "start", "value", "outcome", name=f"pk_{name}"), sqlite_with_rowid=False)
