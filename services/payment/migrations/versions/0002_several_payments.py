"""Several payments of an order: additions, what each shipment draws of which payment, and reductions.

A payment's key is (order_id, payment_id) from now on. Existing rows are the orders' main payments. What a version before this
one needs of the tables, it keeps, so that it runs on for the length of a rolling restart:

- It writes payments with `ON CONFLICT (order_id)`, which wants a unique index of just that. So the main payments keep their
  table and its primary key, and further payments lie in `further_payment`, which inherits from it: a statement over `payment`
  is about both, with the new key. The same holds for the ledger's entries, whose key had no payment in it. Instruments of
  changes have a table of their own. A later migration, once no such version runs, can move the rows together.
- It reads `SELECT *` by statements that its connections have prepared, and whose result has more columns now; in a transaction
  that is an error, which would make a dead letter of a fact. So this migration ends that version's connections while it holds
  the tables: every version waits out a lost connection, and prepares anew.
- It does not hear of changes, and no order has a further payment as long as the order service tells of none: payment is rolled
  out first. Should it meet one all the same, its update would make the one payment of an order the other; `identity` refuses
  that with an error which it waits out until it is replaced.
- Captures that it has asked the PSP for are asked for again in the same words: they have no draws, and are the main payment's.
"""

from alembic import op

from chassis.schema import statements

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

TABLES = """
ALTER TABLE payment
    ADD COLUMN change_id uuid,
    ADD COLUMN let_go_amount bigint NOT NULL DEFAULT 0 CHECK (let_go_amount >= 0),
    ADD COLUMN withdrawn_at timestamptz,
    DROP CONSTRAINT captured_means_all,
    ADD CONSTRAINT captured_leaves_nothing CHECK
        (status <> 'captured' OR captured_amount + released_amount = authorized_amount),
    ADD CONSTRAINT let_go_of_what_was_held CHECK (let_go_amount <= released_amount),
    ADD CONSTRAINT main_is_of_no_change CHECK (change_id IS NULL) NO INHERIT;
CREATE TABLE further_payment (
    PRIMARY KEY (order_id, payment_id),
    UNIQUE (payment_id),
    UNIQUE (order_id, change_id),
    CONSTRAINT further_is_of_a_change CHECK (change_id IS NOT NULL)
) INHERITS (payment) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02);
CREATE INDEX further_payment_by_status ON further_payment (status, payment_id);
CREATE INDEX further_payment_due ON further_payment (action, due_at) WHERE due_at IS NOT NULL;

CREATE TABLE change_instrument (
    order_id uuid NOT NULL,
    change_id uuid NOT NULL,
    method text NOT NULL,
    token text NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (order_id, change_id)
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);

CREATE TABLE draw (
    order_id uuid NOT NULL,
    shipment_id uuid NOT NULL,
    payment_id uuid NOT NULL,
    place integer NOT NULL CHECK (place >= 0),
    amount bigint NOT NULL CHECK (amount > 0),
    final boolean NOT NULL,
    status text NOT NULL CHECK (status IN ('due', 'captured', 'failed')),
    code text,
    sent_at timestamptz,
    PRIMARY KEY (order_id, shipment_id, payment_id),
    CONSTRAINT captured_was_asked CHECK (status <> 'captured' OR sent_at IS NOT NULL)
);

CREATE TABLE reduction (
    order_id uuid NOT NULL,
    change_id uuid NOT NULL,
    amount bigint NOT NULL CHECK (amount >= 0),
    due bigint NOT NULL CHECK (due >= 0),
    currency text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    at timestamptz NOT NULL,
    PRIMARY KEY (order_id, change_id)
);

ALTER TABLE ledger_entry ADD COLUMN payment_id uuid;
CREATE TABLE further_ledger_entry (
    PRIMARY KEY (order_id, payment_id, entry, reference)
) INHERITS (ledger_entry);

ALTER TABLE psp_attempt ADD COLUMN payment_id uuid;
"""

IDENTITY = """
CREATE FUNCTION refuse_other_identity() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'this version does not know that an order may have several payments' USING ERRCODE = 'lock_not_available';
END $$
"""
IDENTITY_TRIGGER = """
CREATE TRIGGER identity BEFORE UPDATE OF payment_id ON {table}
FOR EACH ROW WHEN (OLD.payment_id IS DISTINCT FROM NEW.payment_id) EXECUTE FUNCTION refuse_other_identity()
"""
APPEND_ONLY = """
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}
FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()
"""
END_CONNECTIONS = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = current_database() AND usename = current_user AND application_name = 'payment' AND pid <> pg_backend_pid()
"""


def upgrade() -> None:
    for statement in statements(TABLES):
        op.execute(statement)
    op.execute(IDENTITY)
    for table in ("payment", "further_payment"):
        op.execute(IDENTITY_TRIGGER.format(table=table))
    for table in ("further_ledger_entry", "reduction"):
        op.execute(APPEND_ONLY.format(table=table))
    op.execute(END_CONNECTIONS)


def downgrade() -> None:
    op.execute("DROP TABLE further_ledger_entry, reduction, draw, change_instrument, further_payment")
    op.execute("DROP TRIGGER identity ON payment")
    op.execute("DROP FUNCTION refuse_other_identity()")
    op.execute("ALTER TABLE psp_attempt DROP COLUMN payment_id")
    op.execute("ALTER TABLE ledger_entry DROP COLUMN payment_id")
    op.execute(
        """ALTER TABLE payment DROP CONSTRAINT main_is_of_no_change, DROP CONSTRAINT captured_leaves_nothing,
        DROP CONSTRAINT let_go_of_what_was_held, DROP COLUMN change_id, DROP COLUMN let_go_amount, DROP COLUMN withdrawn_at,
        ADD CONSTRAINT captured_means_all CHECK (status <> 'captured' OR captured_amount = authorized_amount) NOT VALID"""
    )
