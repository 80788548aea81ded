"""Contacts, deliveries, and the record of those tried again by hand."""

from alembic import op

from chassis import schema

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TABLES = """
CREATE TABLE contact (
    order_id uuid PRIMARY KEY,
    state text NOT NULL DEFAULT 'awaited' CHECK (state IN ('awaited', 'known', 'erased')),
    email text,
    phone text,
    locale text,
    name text,
    CONSTRAINT known_has_email CHECK (state <> 'known' OR (email IS NOT NULL AND locale IS NOT NULL AND name IS NOT NULL)),
    CONSTRAINT only_known_is_personal CHECK (
        state = 'known' OR (email IS NULL AND phone IS NULL AND locale IS NULL AND name IS NULL)
    )
) WITH (fillfactor = 70);

CREATE TABLE delivery (
    delivery_id uuid PRIMARY KEY,
    order_id uuid NOT NULL REFERENCES contact (order_id),
    template text NOT NULL CHECK (template IN ('received', 'confirmed', 'cancelled', 'shipped', 'delivered')),
    event_id uuid NOT NULL,
    channel text NOT NULL CHECK (channel IN ('email', 'sms')),
    status text NOT NULL CHECK (status IN ('waiting_for_contact', 'queued', 'sending', 'sent', 'failed', 'skipped')),
    facts jsonb NOT NULL,
    created_at timestamptz NOT NULL,
    due_at timestamptz,
    attempts integer NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    earlier_attempts integer NOT NULL DEFAULT 0 CHECK (earlier_attempts BETWEEN 0 AND attempts),
    sent_at timestamptz,
    provider_message_id text,
    last_error text,
    traceparent text,
    CONSTRAINT delivery_once UNIQUE (order_id, template, event_id, channel),
    CONSTRAINT due_while_open CHECK ((due_at IS NOT NULL) = (status IN ('queued', 'sending'))),
    CONSTRAINT sent_has_time CHECK ((sent_at IS NOT NULL) = (status = 'sent'))
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02);
CREATE INDEX delivery_due ON delivery (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX delivery_at_rest ON delivery (status, delivery_id) WHERE status IN ('waiting_for_contact', 'failed', 'skipped');

CREATE TABLE delivery_retry (
    delivery_id uuid NOT NULL REFERENCES delivery (delivery_id),
    actor text NOT NULL,
    at timestamptz NOT NULL,
    attempts integer NOT NULL,
    error text NOT NULL,
    PRIMARY KEY (delivery_id, attempts)
);
"""


def upgrade() -> None:
    for statement in schema.statements(schema.TABLES) + schema.statements(TABLES):
        op.execute(statement)


def downgrade() -> None:
    op.execute("DROP TABLE delivery_retry, delivery, contact")
    op.execute(schema.DROP_TABLES)
