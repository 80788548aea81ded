"""What a customer has to do before the money of an order is there.

Additive: a running older version neither hears of it nor shows it.
"""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE orders ADD COLUMN payment_action jsonb")


def downgrade() -> None:
    op.execute("ALTER TABLE orders DROP COLUMN payment_action")
