"""Means of payment beside the PSP's cards: gift cards, transfers, cash on delivery, and what orders hold of them.

All of it is added. A version before this one asks the PSP for such payments by a method that no PSP knows: they are declined
there, and it runs on beside.
"""

from alembic import op

from chassis.schema import statements

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

TABLES = """
CREATE TABLE gift_card (
    gift_card_id uuid PRIMARY KEY,
    code_mark text NOT NULL UNIQUE,
    hint text NOT NULL,
    amount bigint NOT NULL CHECK (amount > 0),
    balance bigint NOT NULL CHECK (balance BETWEEN 0 AND amount),
    currency text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    expires_at timestamptz,
    issued_by text NOT NULL,
    issued_at timestamptz NOT NULL
);

CREATE TABLE own_hold (
    reference text PRIMARY KEY,
    order_id uuid NOT NULL,
    change_id uuid,
    method text NOT NULL CHECK (method IN ('gift_card', 'bank_transfer', 'cash_on_delivery')),
    gift_card_id uuid REFERENCES gift_card,
    psp_reference text,
    currency text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    amount bigint NOT NULL CHECK (amount > 0),
    captured bigint NOT NULL DEFAULT 0 CHECK (captured >= 0),
    released bigint NOT NULL DEFAULT 0 CHECK (released >= 0),
    refunded bigint NOT NULL DEFAULT 0 CHECK (refunded BETWEEN 0 AND captured),
    rest bigint NOT NULL DEFAULT 0 CHECK (rest >= 0),
    rest_captured bigint NOT NULL DEFAULT 0 CHECK (rest_captured BETWEEN 0 AND rest),
    rest_refunded bigint NOT NULL DEFAULT 0 CHECK (rest_refunded BETWEEN 0 AND rest_captured),
    paid boolean NOT NULL DEFAULT true,
    received bigint NOT NULL DEFAULT 0,
    code text,
    created_at timestamptz NOT NULL,
    UNIQUE NULLS NOT DISTINCT (order_id, change_id),
    CONSTRAINT never_more_than_held CHECK (captured + released <= amount),
    CONSTRAINT only_transfers_are_received CHECK (method = 'bank_transfer' OR (paid AND received = 0)),
    CONSTRAINT gift_cards_are_named CHECK ((method = 'gift_card') = (gift_card_id IS NOT NULL))
);
CREATE INDEX own_hold_by_card ON own_hold (gift_card_id) WHERE gift_card_id IS NOT NULL;
CREATE INDEX own_hold_by_reference ON own_hold (psp_reference) WHERE psp_reference IS NOT NULL;

CREATE TABLE transfer (
    bank_reference text PRIMARY KEY,
    reference text NOT NULL REFERENCES own_hold,
    amount bigint NOT NULL CHECK (amount <> 0),
    currency text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    received_at timestamptz NOT NULL,
    recorded_by text NOT NULL,
    recorded_at timestamptz NOT NULL
);
CREATE INDEX transfer_by_reference ON transfer (reference);
CREATE INDEX own_hold_of_transfers ON own_hold (created_at, reference) WHERE method = 'bank_transfer';

CREATE TABLE cash_due (
    order_id uuid NOT NULL,
    shipment_id uuid NOT NULL,
    capture_id uuid NOT NULL,
    amount bigint NOT NULL,
    currency text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    PRIMARY KEY (order_id, shipment_id)
);

CREATE TABLE own_movement (
    key text PRIMARY KEY,
    reference text REFERENCES own_hold,
    gift_card_id uuid REFERENCES gift_card,
    kind text NOT NULL CHECK (kind IN ('issue', 'hold', 'capture', 'release', 'refund', 'refund_planned', 'refund_undone')),
    amount bigint NOT NULL CHECK (amount >= 0),
    rest bigint NOT NULL DEFAULT 0 CHECK (rest >= 0),
    at timestamptz NOT NULL
);
CREATE INDEX own_movement_by_card ON own_movement (gift_card_id, at) WHERE gift_card_id IS NOT NULL;
CREATE INDEX own_movement_by_hold ON own_movement (reference) WHERE reference IS NOT NULL;
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
)
MORE_ACCOUNTS = ("gift_cards", "bank", "cash_receivable")
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
    for table in ("own_movement", "transfer"):
        op.execute(APPEND_ONLY.format(table=table))
    _name_accounts((*ACCOUNTS, *MORE_ACCOUNTS))


def downgrade() -> None:
    _name_accounts(ACCOUNTS)
    op.execute("DROP TABLE own_movement, cash_due, transfer, own_hold, gift_card")
