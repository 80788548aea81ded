"""Whose orders were welcome before, found at once.

All of it is added; a version before this one runs on beside.
"""

from alembic import op

from chassis.schema import statements

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

TABLES = """
CREATE INDEX welcome_by_user ON assessment (user_mark)
WHERE user_mark IS NOT NULL AND NOT declined AND (shadow OR verdict <> 'reject');
"""


def upgrade() -> None:
    for statement in statements(TABLES):
        op.execute(statement)


def downgrade() -> None:
    op.execute("DROP INDEX welcome_by_user")
