"""What came back of an order.

An older version that still runs never sees the column, and leaves it as it is; returns are dead letters there and can be sent
back once it has gone.
"""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        "ALTER TABLE reservation ADD COLUMN receipts jsonb NOT NULL DEFAULT '[]' CHECK (jsonb_typeof(receipts) = 'array')"
    )


def downgrade() -> None:
    op.execute("ALTER TABLE reservation DROP COLUMN receipts")
