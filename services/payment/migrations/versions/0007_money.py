"""Holds that are renewed before they lapse, incidents, bank statements, and whose orders were welcome before, found at once.

All of it is added; a version before this one runs on beside. It leaves renewals alone, and tells a person where a hold lapses.
"""

from alembic import op

from chassis.schema import statements

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

TABLES = """
ALTER TABLE payment
    ADD COLUMN renews uuid,
    ADD COLUMN replaced_at timestamptz,
    ADD COLUMN lapsed_amount bigint NOT NULL DEFAULT 0 CHECK (lapsed_amount >= 0),
    DROP CONSTRAINT payment_action_check,
    ADD CONSTRAINT payment_action_check CHECK (action IN ('authorize', 'void', 'refund', 'inquire', 'renew'));
ALTER TABLE refund_part ADD COLUMN bounced integer NOT NULL DEFAULT 0 CHECK (bounced >= 0);
CREATE TABLE incident (
    incident_id uuid PRIMARY KEY,
    order_id uuid NOT NULL,
    user_id text NOT NULL,
    kind text NOT NULL CHECK (kind IN ('captured_after_cancellation', 'overpaid', 'underpaid', 'authorization_expired',
        'capture_failed', 'refund_failed')),
    amount bigint NOT NULL,
    currency text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    code text,
    opened_at timestamptz NOT NULL,
    resolved_at timestamptz,
    resolved_by text,
    note text,
    CONSTRAINT resolved_by_somebody CHECK (num_nulls(resolved_at, resolved_by, note) IN (0, 3))
);
CREATE INDEX incident_open ON incident (incident_id) WHERE resolved_at IS NULL;
CREATE INDEX incident_by_kind ON incident (kind, incident_id);
CREATE INDEX incident_of_order ON incident (order_id) WHERE resolved_at IS NULL;
CREATE TABLE bank_statement (
    statement_id uuid PRIMARY KEY,
    digest text NOT NULL UNIQUE,
    rows integer NOT NULL CHECK (rows > 0),
    recorded integer NOT NULL CHECK (recorded >= 0),
    known integer NOT NULL CHECK (known >= 0),
    differences jsonb NOT NULL,
    imported_by text NOT NULL,
    imported_at timestamptz NOT NULL
);
CREATE INDEX welcome_by_user ON assessment (user_mark)
WHERE user_mark IS NOT NULL AND NOT declined AND (shadow OR verdict <> 'reject');
"""


def upgrade() -> None:
    for statement in statements(TABLES):
        op.execute(statement)


def downgrade() -> None:
    op.execute("DROP INDEX welcome_by_user")
    op.execute("ALTER TABLE refund_part DROP COLUMN bounced")
    op.execute("DROP TABLE bank_statement, incident")
    op.execute("DELETE FROM further_payment WHERE action = 'renew'")
    op.execute(
        """ALTER TABLE payment DROP COLUMN renews, DROP COLUMN replaced_at, DROP COLUMN lapsed_amount,
        DROP CONSTRAINT payment_action_check,
        ADD CONSTRAINT payment_action_check CHECK (action IN ('authorize', 'void', 'refund', 'inquire'))"""
    )
