"""An index by which old idempotent replies are found, however many came and went before.

A BRIN index keeps the oldest time that a page ever held: once pages are used again, everything looks old to it. A running older
version does with the new index what it did with that one.
"""

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("DROP INDEX idempotency_by_age")
    op.execute("CREATE INDEX idempotency_by_age ON idempotency (created_at)")


def downgrade() -> None:
    op.execute("DROP INDEX idempotency_by_age")
    op.execute("CREATE INDEX idempotency_by_age ON idempotency USING brin (created_at)")
