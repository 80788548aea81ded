"""What the desk of staff looks at: indexes for its lists and its search, risk, moments for its reports, and notes.

Additive: a running older version leaves the new columns empty, and writes no notes.
"""

from alembic import op

from chassis.schema import statements

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

# An index here costs every order something: what a status tells apart already has none (see `order.store.order_lists`).
DESK = """
ALTER TABLE orders ADD COLUMN risk_score smallint CHECK (risk_score BETWEEN 0 AND 100), ADD COLUMN decided_at timestamptz,
    ADD COLUMN shipped_at timestamptz;
ALTER TABLE order_status_history ADD COLUMN kind text CHECK (kind IN ('note', 'saga'));
DROP INDEX orders_by_payment_state;
CREATE INDEX orders_by_payment_state ON orders (payment_state, order_id DESC) WHERE payment_state <> 'pending';
CREATE INDEX orders_by_amount ON orders (currency, total_amount, order_id);
CREATE INDEX orders_held ON orders (hold_reason, order_id DESC) WHERE hold_reason IS NOT NULL;
CREATE INDEX orders_by_risk ON orders (risk_score, order_id DESC) WHERE risk_score IS NOT NULL;
CREATE INDEX orders_to_capture ON orders (order_id) WHERE shipped_units > 0
    AND payment_state IN ('authorized', 'partially_captured');
CREATE INDEX orders_by_reference ON orders (right(order_id::text, 8));
CREATE INDEX document_by_number ON document (number text_pattern_ops);
CREATE INDEX shipments_by_id ON shipments (shipment_id);
CREATE INDEX shipments_by_tracking_prefix ON shipments (tracking_number text_pattern_ops) WHERE tracking_number IS NOT NULL;
CREATE INDEX product_by_sku ON product (sku text_pattern_ops);
CREATE TABLE order_day (
    day date PRIMARY KEY,
    figures jsonb NOT NULL,
    computed_at timestamptz NOT NULL
)
"""

DROP = """
DROP TABLE order_day;
DROP INDEX product_by_sku;
DROP INDEX shipments_by_tracking_prefix;
DROP INDEX shipments_by_id;
DROP INDEX document_by_number;
DROP INDEX orders_by_reference;
DROP INDEX orders_to_capture;
DROP INDEX orders_by_risk;
DROP INDEX orders_held;
DROP INDEX orders_by_amount;
DROP INDEX orders_by_payment_state;
CREATE INDEX orders_by_payment_state ON orders (payment_state, order_id DESC)
    WHERE payment_state NOT IN ('pending', 'authorized');
DELETE FROM order_status_history WHERE kind IS NOT NULL;
ALTER TABLE order_status_history DROP COLUMN kind;
ALTER TABLE orders DROP COLUMN risk_score, DROP COLUMN decided_at, DROP COLUMN shipped_at
"""


def upgrade() -> None:
    for statement in statements(DESK):
        op.execute(statement)


def downgrade() -> None:
    for statement in statements(DROP):
        op.execute(statement)
