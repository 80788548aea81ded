"""Parcels whose money could not be taken, each for itself: what of its amount the customer has not paid.

Additive: a running older version leaves the new column 0, and says so of the whole order alone.
"""

from alembic import op

from chassis.schema import statements

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

# Of which parcel of an order the money could not be taken was not kept. A parcel that was paid has an invoice of its own: where
# what was taken is no more than those come to, the other parcels that left are not paid. One of them that is paid after all
# says so by itself. Where that does not tell (older parcels, invoices at confirmation), nothing is said of a parcel.
UNPAID = """
ALTER TABLE shipments ADD COLUMN untaken_amount bigint NOT NULL DEFAULT 0 CHECK (untaken_amount >= 0);

WITH sent AS MATERIALIZED (
    SELECT s.order_id, s.shipment_id, s.amount, o.captured_amount, EXISTS (
        SELECT FROM document d WHERE d.order_id = s.order_id AND d.kind = 'invoice' AND d.shipment_id = s.shipment_id) AS paid
    FROM orders o JOIN shipments s ON s.order_id = o.order_id
    WHERE 'capture_failed' IN (o.payment_state, o.hold_reason) AND s.dispatched_at IS NOT NULL
), told AS (
    SELECT order_id FROM sent GROUP BY order_id
    HAVING max(captured_amount) <= coalesce(sum(amount) FILTER (WHERE paid), 0)
)
UPDATE shipments s SET untaken_amount = sent.amount FROM sent JOIN told ON told.order_id = sent.order_id
WHERE s.order_id = sent.order_id AND s.shipment_id = sent.shipment_id AND NOT sent.paid;

UPDATE orders o SET payment_state = 'capture_failed'
WHERE hold_reason = 'capture_failed' AND payment_state <> 'capture_failed' AND EXISTS (
    SELECT FROM shipments s WHERE s.order_id = o.order_id AND s.untaken_amount > 0)
"""
DROP = "ALTER TABLE shipments DROP COLUMN untaken_amount"


def upgrade() -> None:
    for statement in statements(UNPAID):
        op.execute(statement)


def downgrade() -> None:
    for statement in statements(DROP):
        op.execute(statement)
