"""What calls under way have reserved, so that it ends with those who hold it."""

import sqlalchemy as sa
from alembic import op

revision = "0004_reservations"
down_revision = "0003_limits"


def upgrade() -> None:
    """Create the table."""
    name = "ai_limit_reservations"
    op.create_table(
        name, sa.Column("id", sa.String(64)), sa.Column("request_id", sa.String(64), nullable=False),
        sa.Column("charges", sa.Text, nullable=False), sa.Column("lease_ends", sa.BigInteger, nullable=False),
        sa.Column("released", sa.Boolean, nullable=False), sa.Column("expires", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name=f"pk_{name}"), sqlite_with_rowid=False)
