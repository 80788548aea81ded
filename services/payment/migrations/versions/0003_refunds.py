"""Refunds that are asked for, disputes, money taken late, holds that expire, and settlements of the PSP.

All of it is added; a version before this one runs on beside it. What that version captures and gives back it books between the
PSP and the customer alone: revenue and refunds are booked from this version on, and only for money that moves from then on.
`payment.returned_amount` is what of the refunded amount refunds gave back that were asked for.
"""

from alembic import op

from chassis.schema import statements

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

TABLES = """
ALTER TABLE payment
    ADD COLUMN returned_amount bigint NOT NULL DEFAULT 0 CHECK (returned_amount >= 0),
    ADD COLUMN expires_at timestamptz,
    ADD COLUMN warn_at timestamptz,
    ADD CONSTRAINT returned_was_refunded CHECK (returned_amount <= refunded_amount);
CREATE INDEX payment_by_reference ON payment (psp_reference) WHERE psp_reference IS NOT NULL;
CREATE INDEX further_payment_by_reference ON further_payment (psp_reference) WHERE psp_reference IS NOT NULL;
CREATE INDEX payment_to_warn_of ON payment (warn_at) WHERE warn_at IS NOT NULL AND status = 'authorized';
CREATE INDEX further_payment_to_warn_of ON further_payment (warn_at) WHERE warn_at IS NOT NULL AND status = 'authorized';

CREATE INDEX ledger_entry_by_time ON ledger_entry USING brin (at);
CREATE INDEX further_ledger_entry_by_time ON further_ledger_entry USING brin (at);

CREATE TABLE refund (
    order_id uuid NOT NULL,
    refund_id uuid NOT NULL,
    user_id text NOT NULL,
    amount bigint NOT NULL,
    currency text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    reason text NOT NULL,
    status text NOT NULL CHECK (status IN ('due', 'refunded', 'failed')),
    code text,
    due_at timestamptz,
    attempts integer NOT NULL CHECK (attempts >= 0),
    actor text NOT NULL,
    causation_id uuid,
    traceparent text,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (order_id, refund_id),
    CONSTRAINT due_until_concluded CHECK ((status = 'due') = (due_at IS NOT NULL))
);
CREATE INDEX refund_due ON refund (due_at) WHERE due_at IS NOT NULL;

CREATE TABLE refund_part (
    order_id uuid NOT NULL,
    refund_id uuid NOT NULL,
    payment_id uuid NOT NULL,
    place integer NOT NULL CHECK (place >= 0),
    amount bigint NOT NULL CHECK (amount > 0),
    status text NOT NULL CHECK (status IN ('due', 'refunded', 'failed')),
    code text,
    refusals integer NOT NULL DEFAULT 0 CHECK (refusals >= 0),
    sent_at timestamptz,
    PRIMARY KEY (order_id, refund_id, payment_id),
    CONSTRAINT refunded_was_asked CHECK (status <> 'refunded' OR sent_at IS NOT NULL)
);

CREATE TABLE dispute (
    order_id uuid NOT NULL,
    dispute_id uuid NOT NULL,
    payment_id uuid NOT NULL,
    psp_dispute text NOT NULL,
    amount bigint NOT NULL CHECK (amount > 0),
    currency text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    code text NOT NULL,
    status text NOT NULL CHECK (status IN ('open', 'won', 'lost')),
    respond_by timestamptz,
    opened_at timestamptz NOT NULL,
    closed_at timestamptz,
    PRIMARY KEY (order_id, dispute_id),
    CONSTRAINT closed_when_decided CHECK ((status = 'open') = (closed_at IS NULL))
);
CREATE INDEX dispute_by_age ON dispute (opened_at, dispute_id);

CREATE TABLE settlement (
    settlement_id uuid PRIMARY KEY,
    digest text NOT NULL UNIQUE,
    imported_by text NOT NULL,
    imported_at timestamptz NOT NULL,
    rows integer NOT NULL CHECK (rows > 0)
);
CREATE TABLE settlement_row (
    settlement_id uuid NOT NULL REFERENCES settlement,
    line integer NOT NULL CHECK (line > 0),
    entry_id uuid NOT NULL,
    reference text NOT NULL,
    type text NOT NULL CHECK (type IN ('charge', 'refund', 'dispute')),
    gross bigint NOT NULL,
    fee bigint NOT NULL CHECK (fee >= 0),
    net bigint NOT NULL,
    currency text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    settled_at timestamptz NOT NULL,
    order_id uuid,
    payment_id uuid,
    PRIMARY KEY (settlement_id, line)
);
CREATE INDEX settlement_row_by_payment ON settlement_row (payment_id, type) WHERE payment_id IS NOT NULL;
CREATE TABLE settlement_difference (
    settlement_id uuid NOT NULL REFERENCES settlement,
    place integer NOT NULL,
    kind text NOT NULL CHECK (kind IN ('missing_here', 'missing_there', 'other_amount')),
    line integer,
    reference text NOT NULL,
    type text NOT NULL,
    here bigint,
    there bigint,
    currency text NOT NULL,
    order_id uuid,
    PRIMARY KEY (settlement_id, place)
);
"""

ACCOUNTS = ("customer_receivable", "psp_receivable", "authorized", "authorized_contra")
MORE_ACCOUNTS = ("revenue", "refunds", "fees", "disputes")
APPEND_ONLY = """
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}
FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()
"""


def _name_accounts(accounts: tuple[str, ...]) -> None:
    """Say which accounts there are; rows that are there are not looked at, they were checked when they were written."""
    named = ", ".join(f"'{account}'" for account in accounts)
    for side in ("debit", "credit"):
        op.execute(f"ALTER TABLE ledger_entry DROP CONSTRAINT ledger_entry_{side}_check")
        op.execute(f"ALTER TABLE ledger_entry ADD CONSTRAINT ledger_entry_{side}_check CHECK ({side} IN ({named})) NOT VALID")


def upgrade() -> None:
    for statement in statements(TABLES):
        op.execute(statement)
    _name_accounts((*ACCOUNTS, *MORE_ACCOUNTS))
    for table in ("settlement", "settlement_row", "settlement_difference"):
        op.execute(APPEND_ONLY.format(table=table))


def downgrade() -> None:
    op.execute("DROP TABLE settlement_difference, settlement_row, settlement, dispute, refund_part, refund")
    _name_accounts(ACCOUNTS)
    op.execute("DROP INDEX ledger_entry_by_time, further_ledger_entry_by_time")
    op.execute("DROP INDEX payment_by_reference, further_payment_by_reference, payment_to_warn_of, further_payment_to_warn_of")
    op.execute(
        """ALTER TABLE payment DROP CONSTRAINT returned_was_refunded, DROP COLUMN returned_amount, DROP COLUMN expires_at,
        DROP COLUMN warn_at"""
    )
