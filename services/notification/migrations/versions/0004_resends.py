"""Messages that staff have sent again, and why; and why one that failed is tried again.

A message that is sent again is one of its own, and takes its own id where others name their event, so that each event is still
told of once: `resent_event` is the one it tells of. An older version that still runs sends it under that id as well.
"""

from alembic import op

from chassis import schema

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

RESENDS = """
ALTER TABLE delivery_retry ADD COLUMN reason text NOT NULL DEFAULT '';
ALTER TABLE delivery
    ADD COLUMN resend_of uuid,
    ADD COLUMN resent_event uuid,
    ADD COLUMN resent_at timestamptz,
    ADD COLUMN resent_by text,
    ADD COLUMN resend_reason text,
    ADD CONSTRAINT resent_by_someone CHECK (
        num_nulls(resend_of, resent_event, resent_at, resent_by, resend_reason) IN (0, 5)
    ) NOT VALID;
CREATE UNIQUE INDEX delivery_tracked_once
    ON delivery (order_id, (facts ->> 'shipment_id'), (facts ->> 'status'), channel)
    WHERE template = 'tracking' AND resend_of IS NULL;
DROP INDEX delivery_tracking_once;
CREATE INDEX delivery_resent ON delivery (resend_of) WHERE resend_of IS NOT NULL
"""

BACK = """
DELETE FROM delivery_retry USING delivery d WHERE delivery_retry.delivery_id = d.delivery_id AND d.resend_of IS NOT NULL;
DELETE FROM delivery WHERE resend_of IS NOT NULL;
DROP INDEX delivery_resent;
DROP INDEX delivery_tracked_once;
CREATE UNIQUE INDEX delivery_tracking_once
    ON delivery (order_id, (facts ->> 'shipment_id'), (facts ->> 'status'), channel) WHERE template = 'tracking';
ALTER TABLE delivery
    DROP CONSTRAINT resent_by_someone,
    DROP COLUMN resend_of,
    DROP COLUMN resent_event,
    DROP COLUMN resent_at,
    DROP COLUMN resent_by,
    DROP COLUMN resend_reason;
ALTER TABLE delivery_retry DROP COLUMN reason
"""


def upgrade() -> None:
    for statement in schema.statements(RESENDS):
        op.execute(statement)


def downgrade() -> None:
    for statement in schema.statements(BACK):
        op.execute(statement)
