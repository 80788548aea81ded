"""What of a credit the PSP refuses to give back, incidents about money that does not arrive, and surpluses found at once.

All of it is added; a version before this one runs on beside. It asks again for what is refused, as it did.
"""

from alembic import op

from chassis.schema import statements

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

ADD = """
ALTER TABLE exchange_source
    ADD COLUMN refused bigint NOT NULL DEFAULT 0 CHECK (refused >= 0),
    ADD COLUMN refusals integer NOT NULL DEFAULT 0 CHECK (refusals >= 0);
ALTER TABLE incident DROP CONSTRAINT incident_kind_check;
ALTER TABLE incident ADD CONSTRAINT incident_kind_check CHECK (kind IN ('captured_after_cancellation', 'overpaid', 'underpaid',
    'authorization_expired', 'capture_failed', 'refund_failed', 'refund_bounced')) NOT VALID;
CREATE INDEX own_hold_surplus ON own_hold (created_at, reference)
WHERE method = 'bank_transfer' AND (paid OR code IS NOT NULL)
AND received > CASE WHEN paid THEN amount - released - refunded ELSE 0 END;
"""
DROP = """
DROP INDEX own_hold_surplus;
UPDATE incident SET kind = 'refund_failed' WHERE kind = 'refund_bounced';
ALTER TABLE incident DROP CONSTRAINT incident_kind_check;
ALTER TABLE incident ADD CONSTRAINT incident_kind_check CHECK (kind IN ('captured_after_cancellation', 'overpaid', 'underpaid',
    'authorization_expired', 'capture_failed', 'refund_failed')) NOT VALID;
ALTER TABLE exchange_source DROP COLUMN refused, DROP COLUMN refusals;
"""


def upgrade() -> None:
    for statement in statements(ADD):
        op.execute(statement)


def downgrade() -> None:
    for statement in statements(DROP):
        op.execute(statement)
