"""Orders whose rest was cancelled after all that left had been paid are paid in full: so they say.

Data alone: a running older version reads it as it reads what it has written itself.
"""

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        "UPDATE orders SET payment_state = 'captured'"
        " WHERE payment_state = 'partially_captured' AND captured_amount = total_amount"
    )


def downgrade() -> None:
    """Leave what is true now: the older version would write it so as well, had money come last."""
