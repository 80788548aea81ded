"""Invoices and credit notes, and their series. Additive: a running older version issues none.

Documents are never changed: the database refuses it, whoever asks.
"""

from alembic import op

from chassis.schema import statements

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

DOCUMENTS = """
CREATE TABLE document_series (
    series text PRIMARY KEY,
    kind text NOT NULL CHECK (kind IN ('invoice', 'credit_note')),
    last bigint NOT NULL CHECK (last >= 0),
    last_hash text NOT NULL,
    last_at timestamptz NOT NULL
) WITH (fillfactor = 50);

CREATE TABLE document (
    document_id uuid PRIMARY KEY,
    kind text NOT NULL CHECK (kind IN ('invoice', 'credit_note')),
    order_id uuid NOT NULL,
    user_id text NOT NULL,
    subject text NOT NULL,
    shipment_id uuid,
    refund_id uuid,
    series text NOT NULL REFERENCES document_series,
    position bigint NOT NULL CHECK (position > 0),
    number text NOT NULL UNIQUE,
    issued_at timestamptz NOT NULL,
    issued_on date NOT NULL,
    supplied_on date NOT NULL,
    currency text NOT NULL,
    locale text NOT NULL,
    total_amount bigint NOT NULL,
    tax_amount bigint NOT NULL,
    content jsonb NOT NULL,
    previous_hash text NOT NULL CHECK (length(previous_hash) = 64),
    hash text NOT NULL CHECK (length(hash) = 64),
    UNIQUE (order_id, kind, subject),
    UNIQUE (series, position),
    CONSTRAINT credit_notes_are_negative CHECK ((kind = 'invoice') = (total_amount >= 0))
);
CREATE INDEX document_by_day ON document (issued_on, document_id)
"""

REFUSE = """
CREATE FUNCTION refuse_document_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'documents are never changed: issue another one' USING ERRCODE = 'restrict_violation';
END $$
"""

TRIGGERS = """
CREATE TRIGGER document_is_final BEFORE UPDATE OR DELETE ON document
    FOR EACH ROW EXECUTE FUNCTION refuse_document_change();
CREATE TRIGGER document_is_kept BEFORE TRUNCATE ON document
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_document_change()
"""

DROP = "DROP TABLE document, document_series; DROP FUNCTION refuse_document_change"


def upgrade() -> None:
    for statement in [*statements(DOCUMENTS), REFUSE, *statements(TRIGGERS)]:
        op.execute(statement)


def downgrade() -> None:
    for statement in statements(DROP):
        op.execute(statement)
