"""Messages about changes and about a parcel's way; what a customer still waits for."""

from alembic import op

from chassis import schema

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

# The index comes first: it reads the table, and only writers wait for that; what follows takes a moment. The wider CHECK is not
# held against the rows that are there, since all of them passed the narrower one.
CHANGES = """
CREATE UNIQUE INDEX delivery_tracking_once
    ON delivery (order_id, (facts ->> 'shipment_id'), (facts ->> 'status'), channel) WHERE template = 'tracking';

ALTER TABLE delivery
    DROP CONSTRAINT delivery_template_check,
    ADD CONSTRAINT delivery_template_check CHECK (
        template IN ('received', 'confirmed', 'cancelled', 'shipped', 'delivered', 'changed', 'change_refused', 'tracking')
    ) NOT VALID,
    ADD CONSTRAINT tracking_names_its_step CHECK (template <> 'tracking' OR facts ?& ARRAY['shipment_id', 'status']) NOT VALID;

ALTER TABLE contact ADD COLUMN backordered jsonb, ADD COLUMN expected_delivery jsonb;
"""

BACK = """
DELETE FROM delivery_retry USING delivery d
    WHERE delivery_retry.delivery_id = d.delivery_id AND d.template IN ('changed', 'change_refused', 'tracking');

DELETE FROM delivery WHERE template IN ('changed', 'change_refused', 'tracking');

DROP INDEX delivery_tracking_once;

ALTER TABLE delivery
    DROP CONSTRAINT tracking_names_its_step,
    DROP CONSTRAINT delivery_template_check,
    ADD CONSTRAINT delivery_template_check CHECK (template IN ('received', 'confirmed', 'cancelled', 'shipped', 'delivered'));

ALTER TABLE contact DROP COLUMN backordered, DROP COLUMN expected_delivery;
"""


def upgrade() -> None:
    for statement in schema.statements(CHANGES):
        op.execute(statement)


def downgrade() -> None:
    for statement in schema.statements(BACK):
        op.execute(statement)
