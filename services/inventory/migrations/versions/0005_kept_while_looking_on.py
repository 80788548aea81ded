"""What is kept for those who were looked at before, while a look at those who wait for a product goes on.

An older version that still runs never sees the column: what it begins anew is read as a beginning by either.
"""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE restock ADD COLUMN ahead jsonb NOT NULL DEFAULT '{}'")


def downgrade() -> None:
    op.execute("ALTER TABLE restock DROP COLUMN ahead")
