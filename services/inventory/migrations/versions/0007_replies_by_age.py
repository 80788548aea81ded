"""An index by which old idempotent replies are found, however many came and went before.

A running older version does with the new index what it did with the old one.
"""

from alembic import op

from chassis.schema import REPLIES_BY_AGE, REPLIES_BY_AGE_BEFORE, statements

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for statement in statements(REPLIES_BY_AGE):
        op.execute(statement)


def downgrade() -> None:
    for statement in statements(REPLIES_BY_AGE_BEFORE):
        op.execute(statement)
