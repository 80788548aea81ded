"""Payments, captures, instruments, the log of attempts and the money ledger.

What a counter may be is checked here as well as in the model. The ledger and the log are append-only: a trigger refuses any
change, whoever asks for it.
"""

from alembic import op

from chassis.schema import DROP_TABLES, TABLES, statements

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

PAYMENTS = """
CREATE TABLE payment (
    order_id uuid PRIMARY KEY,
    payment_id uuid NOT NULL UNIQUE,
    user_id text NOT NULL,
    amount bigint NOT NULL CHECK (amount >= 0),
    currency text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    status text NOT NULL CHECK (status IN
        ('pending', 'authorized', 'declined', 'captured', 'lapsed', 'voiding', 'voided', 'refunding', 'refunded')),
    authorized_amount bigint NOT NULL CHECK (authorized_amount IN (0, amount)),
    captured_amount bigint NOT NULL CHECK (captured_amount >= 0),
    released_amount bigint NOT NULL CHECK (released_amount >= 0),
    refunded_amount bigint NOT NULL CHECK (refunded_amount BETWEEN 0 AND captured_amount),
    psp_reference text,
    code text,
    barred_at timestamptz,
    action text CHECK (action IN ('authorize', 'void', 'refund', 'inquire')),
    due_at timestamptz,
    attempts integer NOT NULL CHECK (attempts >= 0),
    sent_at timestamptz,
    actor text NOT NULL,
    causation_id uuid,
    traceparent text,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT never_more_than_held CHECK (captured_amount + released_amount <= authorized_amount),
    CONSTRAINT due_when_something_is_to_do CHECK ((action IS NULL) = (due_at IS NULL)),
    CONSTRAINT held_under_a_reference CHECK (authorized_amount = 0 OR psp_reference IS NOT NULL),
    CONSTRAINT captured_means_all CHECK (status <> 'captured' OR captured_amount = authorized_amount),
    CONSTRAINT voided_holds_nothing CHECK
        (status NOT IN ('voided', 'lapsed', 'refunding', 'refunded') OR captured_amount + released_amount = authorized_amount),
    CONSTRAINT refunded_means_all CHECK (status <> 'refunded' OR refunded_amount = captured_amount)
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02);
CREATE INDEX payment_by_status ON payment (status, payment_id);
CREATE INDEX payment_due ON payment (action, due_at) WHERE due_at IS NOT NULL;

CREATE TABLE instrument (
    order_id uuid PRIMARY KEY,
    method text NOT NULL,
    token text NOT NULL,
    created_at timestamptz NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);

CREATE TABLE capture (
    order_id uuid NOT NULL,
    shipment_id uuid NOT NULL,
    capture_id uuid NOT NULL,
    amount bigint NOT NULL,
    currency text NOT NULL,
    status text NOT NULL CHECK (status IN ('due', 'captured', 'failed')),
    code text,
    due_at timestamptz,
    attempts integer NOT NULL CHECK (attempts >= 0),
    sent_at timestamptz,
    actor text NOT NULL,
    causation_id uuid,
    traceparent text,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (order_id, shipment_id),
    CONSTRAINT due_until_concluded CHECK ((status = 'due') = (due_at IS NOT NULL)),
    CONSTRAINT captured_was_asked CHECK (status <> 'captured' OR (sent_at IS NOT NULL AND amount > 0))
);
CREATE INDEX capture_due ON capture (due_at) WHERE due_at IS NOT NULL;

CREATE TABLE psp_attempt (
    order_id uuid NOT NULL,
    attempt_id uuid NOT NULL,
    purpose text NOT NULL,
    idempotency_key text NOT NULL,
    result text NOT NULL,
    code text,
    shipment_id uuid,
    at timestamptz NOT NULL,
    PRIMARY KEY (order_id, attempt_id)
);

CREATE TABLE ledger_entry (
    order_id uuid NOT NULL,
    entry text NOT NULL,
    reference uuid NOT NULL,
    debit text NOT NULL CHECK (debit IN ('customer_receivable', 'psp_receivable', 'authorized', 'authorized_contra')),
    credit text NOT NULL CHECK (credit IN ('customer_receivable', 'psp_receivable', 'authorized', 'authorized_contra')),
    amount bigint NOT NULL CHECK (amount > 0),
    currency text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    at timestamptz NOT NULL,
    PRIMARY KEY (order_id, entry, reference),
    CHECK (debit <> credit)
);
"""

APPEND_ONLY = """
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$
"""

TRIGGER = """
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}
FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()
"""


def upgrade() -> None:
    for statement in (*statements(TABLES), *statements(PAYMENTS)):
        op.execute(statement)
    op.execute(APPEND_ONLY)
    for table in ("ledger_entry", "psp_attempt"):
        op.execute(TRIGGER.format(table=table))


def downgrade() -> None:
    op.execute("DROP TABLE payment, instrument, capture, psp_attempt, ledger_entry")
    op.execute("DROP FUNCTION refuse_change()")
    for statement in statements(DROP_TABLES):
        op.execute(statement)
