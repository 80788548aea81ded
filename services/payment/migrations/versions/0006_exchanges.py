"""Exchanges: what was taken for goods that come back pays another order, and goes to the customer where that does not need it.

All of it is added. A version before this one gives money back that is to pay another order, and declines what that is to pay.
"""

from alembic import op

from chassis.schema import statements

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

EXCHANGES = """
ALTER TABLE refund ADD COLUMN exchange_order_id uuid;
ALTER TABLE own_hold DROP CONSTRAINT own_hold_method_check;
ALTER TABLE own_hold ADD CONSTRAINT own_hold_method_check
    CHECK (method IN ('gift_card', 'bank_transfer', 'cash_on_delivery', 'exchange')) NOT VALID;

CREATE TABLE exchange_credit (
    order_id uuid PRIMARY KEY,
    currency text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    granted bigint NOT NULL DEFAULT 0 CHECK (granted >= 0),
    paid bigint NOT NULL DEFAULT 0 CHECK (paid BETWEEN 0 AND granted),
    code text,
    due_at timestamptz,
    attempts integer NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    created_at timestamptz NOT NULL
);
CREATE INDEX exchange_credit_due ON exchange_credit (due_at) WHERE due_at IS NOT NULL;

CREATE TABLE exchange_source (
    exchange_order_id uuid NOT NULL REFERENCES exchange_credit,
    refund_id uuid NOT NULL,
    order_id uuid NOT NULL,
    payment_id uuid NOT NULL,
    amount bigint NOT NULL CHECK (amount > 0),
    paid bigint NOT NULL DEFAULT 0,
    asked bigint NOT NULL DEFAULT 0,
    asked_as uuid,
    PRIMARY KEY (exchange_order_id, refund_id, payment_id),
    CONSTRAINT never_more_than_granted CHECK (paid >= 0 AND asked >= 0 AND paid + asked <= amount),
    CONSTRAINT asked_under_a_name CHECK ((asked > 0) = (asked_as IS NOT NULL))
);
CREATE INDEX exchange_source_by_order ON exchange_source (order_id);
CREATE UNIQUE INDEX exchange_source_asked ON exchange_source (asked_as) WHERE asked_as IS NOT NULL
"""
DROP = """
DROP TABLE exchange_source, exchange_credit;
ALTER TABLE own_hold DROP CONSTRAINT own_hold_method_check;
ALTER TABLE own_hold ADD CONSTRAINT own_hold_method_check
    CHECK (method IN ('gift_card', 'bank_transfer', 'cash_on_delivery')) NOT VALID;
ALTER TABLE refund DROP COLUMN exchange_order_id
"""
ACCOUNTS = (
    "customer_receivable",
    "psp_receivable",
    "authorized",
    "authorized_contra",
    "revenue",
    "refunds",
    "fees",
    "disputes",
    "gift_cards",
    "bank",
    "cash_receivable",
)
MORE_ACCOUNTS = ("exchange_credits",)


def _name_accounts(accounts: tuple[str, ...]) -> None:
    """Say which accounts there are; rows that are there are not looked at, they were checked when they were written."""
    named = ", ".join(f"'{account}'" for account in accounts)
    for side in ("debit", "credit"):
        op.execute(f"ALTER TABLE ledger_entry DROP CONSTRAINT ledger_entry_{side}_check")
        op.execute(f"ALTER TABLE ledger_entry ADD CONSTRAINT ledger_entry_{side}_check CHECK ({side} IN ({named})) NOT VALID")


def upgrade() -> None:
    for statement in statements(EXCHANGES):
        op.execute(statement)
    _name_accounts((*ACCOUNTS, *MORE_ACCOUNTS))


def downgrade() -> None:
    _name_accounts(ACCOUNTS)
    for statement in statements(DROP):
        op.execute(statement)
