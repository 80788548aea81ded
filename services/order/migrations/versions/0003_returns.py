"""Returns with their labels, refunds, and the policy of returns.

Additive: a running older version knows nothing of them; what it hears of money it keeps in the order's own columns as before.
"""

from alembic import op

from chassis.schema import statements

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

RETURNS = """
ALTER TABLE orders
    ADD COLUMN refunds_count integer NOT NULL DEFAULT 0,
    ADD COLUMN returns_count integer NOT NULL DEFAULT 0;

CREATE TABLE order_refund (
    refund_id uuid PRIMARY KEY,
    order_id uuid NOT NULL,
    state text NOT NULL CHECK (state IN ('awaiting_approval', 'requested', 'refunded', 'failed', 'declined')),
    amount bigint NOT NULL CHECK (amount > 0),
    lines jsonb NOT NULL,
    shipping_amount bigint NOT NULL DEFAULT 0 CHECK (shipping_amount >= 0),
    shipping_tax_amount bigint NOT NULL DEFAULT 0 CHECK (shipping_tax_amount >= 0),
    kept_amount bigint NOT NULL DEFAULT 0 CHECK (kept_amount >= 0),
    refunded_amount bigint NOT NULL DEFAULT 0 CHECK (refunded_amount BETWEEN 0 AND amount),
    reason text NOT NULL,
    notes text NOT NULL,
    return_id uuid,
    requested_by text NOT NULL,
    decided_by text,
    error text,
    retried_as uuid,
    created_at timestamptz NOT NULL,
    settled_at timestamptz,
    CONSTRAINT refunded_in_full CHECK (state <> 'refunded' OR refunded_amount = amount),
    CONSTRAINT only_failed_are_retried CHECK (retried_as IS NULL OR state = 'failed')
);
CREATE INDEX order_refund_by_order ON order_refund (order_id);
CREATE INDEX order_refund_open ON order_refund (state, refund_id) WHERE state IN ('awaiting_approval', 'requested', 'failed');

CREATE TABLE order_return (
    return_id uuid PRIMARY KEY,
    order_id uuid NOT NULL,
    state text NOT NULL
        CHECK (state IN ('requested', 'approved', 'partially_received', 'received', 'closed', 'declined')),
    lines jsonb NOT NULL,
    note text NOT NULL,
    refund_amount bigint NOT NULL CHECK (refund_amount >= 0),
    fee_amount bigint NOT NULL CHECK (fee_amount >= 0),
    fee_taken bigint NOT NULL DEFAULT 0 CHECK (fee_taken BETWEEN 0 AND fee_amount),
    policy_version integer NOT NULL,
    warehouse_id text NOT NULL,
    receipts jsonb NOT NULL,
    reason text,
    decided_by text,
    decision_notes text NOT NULL DEFAULT '',
    deadline_at timestamptz,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT declined_for_a_reason CHECK ((reason IS NOT NULL) = (state = 'declined')),
    CONSTRAINT awaited_while_open CHECK (deadline_at IS NULL OR state IN ('approved', 'partially_received'))
);
CREATE INDEX order_return_by_order ON order_return (order_id);
CREATE INDEX order_return_by_state ON order_return (state, return_id);
CREATE INDEX order_return_awaited ON order_return (deadline_at) WHERE deadline_at IS NOT NULL;

CREATE TABLE return_label (
    label_id uuid PRIMARY KEY,
    order_id uuid NOT NULL,
    return_id uuid NOT NULL,
    state text NOT NULL CHECK (state IN ('wanted', 'bought', 'failed', 'unwanted', 'voided')),
    reference text,
    carrier text,
    service text,
    tracking_number text,
    cost_amount bigint CHECK (cost_amount >= 0),
    cost_currency text,
    pdf bytea,
    error text,
    due_at timestamptz,
    attempts integer NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    created_at timestamptz NOT NULL,
    CONSTRAINT bought_is_known CHECK (state <> 'bought' OR (reference IS NOT NULL AND tracking_number IS NOT NULL)),
    CONSTRAINT due_while_open CHECK (due_at IS NULL OR state IN ('wanted', 'unwanted'))
);
CREATE INDEX return_label_by_order ON return_label (order_id);
CREATE INDEX return_label_due ON return_label (state, due_at) WHERE due_at IS NOT NULL;

CREATE TABLE return_policy (
    single boolean PRIMARY KEY DEFAULT true CHECK (single),
    version integer NOT NULL,
    document jsonb NOT NULL,
    changed_by text NOT NULL,
    changed_at timestamptz NOT NULL
);
INSERT INTO return_policy (version, document, changed_by, changed_at) VALUES (0, '{}', 'order', now())
"""

DROP = """
DROP TABLE order_refund, order_return, return_label, return_policy;
ALTER TABLE orders DROP COLUMN refunds_count, DROP COLUMN returns_count
"""


def upgrade() -> None:
    for statement in statements(RETURNS):
        op.execute(statement)


def downgrade() -> None:
    for statement in statements(DROP):
        op.execute(statement)
