"""Exchanges: orders that what comes back of others pays, and what the two orders have to tell each other.

Additive: a running older version reads none of it, and gives money back for such a return as for any other.
"""

from alembic import op

from chassis.schema import statements

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

EXCHANGES = """
ALTER TABLE orders ADD COLUMN exchange jsonb;
ALTER TABLE order_return ADD COLUMN exchange jsonb;
ALTER TABLE order_refund ADD COLUMN exchange_order_id uuid;

CREATE TABLE exchange_step (
    step_id uuid PRIMARY KEY,
    order_id uuid NOT NULL,
    return_id uuid NOT NULL,
    step text NOT NULL CHECK (step IN ('release', 'cancel', 'dissolve')),
    reason text,
    actor text NOT NULL,
    event_id uuid,
    traceparent text,
    due_at timestamptz NOT NULL,
    CONSTRAINT cancelled_for_a_reason CHECK ((reason IS NOT NULL) = (step = 'cancel'))
);
CREATE INDEX exchange_step_due ON exchange_step (due_at)
"""
DROP = """
DROP TABLE exchange_step;
ALTER TABLE order_refund DROP COLUMN exchange_order_id;
ALTER TABLE order_return DROP COLUMN exchange;
ALTER TABLE orders DROP COLUMN exchange
"""


def upgrade() -> None:
    for statement in statements(EXCHANGES):
        op.execute(statement)


def downgrade() -> None:
    for statement in statements(DROP):
        op.execute(statement)
