"""Holds that are renewed before they lapse, and whose orders were welcome before, found at once.

All of it is added; a version before this one runs on beside. It leaves renewals alone, and tells a person where a hold lapses.
"""

from alembic import op

from chassis.schema import statements

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

TABLES = """
ALTER TABLE payment
    ADD COLUMN renews uuid,
    ADD COLUMN replaced_at timestamptz,
    ADD COLUMN lapsed_amount bigint NOT NULL DEFAULT 0 CHECK (lapsed_amount >= 0),
    DROP CONSTRAINT payment_action_check,
    ADD CONSTRAINT payment_action_check CHECK (action IN ('authorize', 'void', 'refund', 'inquire', 'renew'));
CREATE INDEX welcome_by_user ON assessment (user_mark)
WHERE user_mark IS NOT NULL AND NOT declined AND (shadow OR verdict <> 'reject');
"""


def upgrade() -> None:
    for statement in statements(TABLES):
        op.execute(statement)


def downgrade() -> None:
    op.execute("DROP INDEX welcome_by_user")
    op.execute("DELETE FROM further_payment WHERE action = 'renew'")
    op.execute(
        """ALTER TABLE payment DROP COLUMN renews, DROP COLUMN replaced_at, DROP COLUMN lapsed_amount,
        DROP CONSTRAINT payment_action_check,
        ADD CONSTRAINT payment_action_check CHECK (action IN ('authorize', 'void', 'refund', 'inquire'))"""
    )
