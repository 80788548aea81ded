"""Risk: rules by version, what was assessed by them, and reviews.

What is known of an order's contacts is noted beside its instrument, in marks that cannot be read back, and goes on to its
assessment. A version before this one notes nothing and assesses nothing: its orders are approved, and it runs on beside.
"""

import json

from alembic import op

from chassis.schema import statements

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

TABLES = """
ALTER TABLE payment ADD COLUMN most_units integer;
ALTER TABLE instrument ADD COLUMN facts jsonb;

CREATE TABLE risk_rules (
    version integer PRIMARY KEY CHECK (version > 0),
    document jsonb NOT NULL,
    actor text NOT NULL,
    created_at timestamptz NOT NULL
);

CREATE TABLE assessment (
    order_id uuid PRIMARY KEY,
    at timestamptz NOT NULL,
    version integer NOT NULL,
    verdict text NOT NULL CHECK (verdict IN ('approve', 'review', 'reject')),
    score integer NOT NULL CHECK (score BETWEEN 0 AND 100),
    spoken text[] NOT NULL,
    shadow boolean NOT NULL,
    declined boolean NOT NULL DEFAULT false,
    amount bigint NOT NULL,
    most_units integer NOT NULL,
    abroad boolean NOT NULL,
    domain_mark uuid,
    user_mark uuid,
    ip_mark uuid,
    device_mark uuid,
    email_mark uuid,
    card_mark uuid
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02);
CREATE INDEX assessment_by_time ON assessment (at, order_id);
CREATE INDEX assessment_by_user ON assessment (user_mark, at) WHERE user_mark IS NOT NULL;
CREATE INDEX assessment_by_ip ON assessment (ip_mark, at) WHERE ip_mark IS NOT NULL;
CREATE INDEX assessment_by_device ON assessment (device_mark, at) WHERE device_mark IS NOT NULL;
CREATE INDEX assessment_by_email ON assessment (email_mark, at) WHERE email_mark IS NOT NULL;
CREATE INDEX assessment_by_card ON assessment (card_mark, at) WHERE card_mark IS NOT NULL;
CREATE INDEX declined_by_user ON assessment (user_mark, at) WHERE declined;
CREATE INDEX declined_by_ip ON assessment (ip_mark, at) WHERE declined;
CREATE INDEX declined_by_device ON assessment (device_mark, at) WHERE declined;
CREATE INDEX declined_by_email ON assessment (email_mark, at) WHERE declined;
CREATE INDEX declined_by_card ON assessment (card_mark, at) WHERE declined;

CREATE TABLE review (
    order_id uuid PRIMARY KEY,
    payment_id uuid NOT NULL,
    user_id text NOT NULL,
    score integer NOT NULL CHECK (score BETWEEN 0 AND 100),
    facts text[] NOT NULL,
    state text NOT NULL CHECK (state IN ('pending', 'approved', 'rejected', 'closed')),
    opened_at timestamptz NOT NULL,
    deadline_at timestamptz NOT NULL,
    due_at timestamptz,
    decided_at timestamptz,
    decided_by text,
    reason text,
    CONSTRAINT due_until_decided CHECK ((state = 'pending') = (due_at IS NOT NULL)),
    CONSTRAINT decided_by_somebody CHECK ((state = 'pending') = (decided_at IS NULL))
);
CREATE INDEX review_due ON review (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX review_pending ON review (deadline_at, order_id) WHERE state = 'pending';
CREATE INDEX review_by_time ON review (opened_at, order_id);
"""

USUAL = {
    "rules": [
        {"kind": "velocity", "by": "ip", "window_seconds": 3600, "at_least": 20, "points": 30},
        {"kind": "velocity", "by": "device", "window_seconds": 3600, "at_least": 10, "points": 30},
        {"kind": "velocity", "by": "ip", "window_seconds": 3600, "at_least": 5, "of": "declines", "points": 40},
        {"kind": "velocity", "by": "device", "window_seconds": 3600, "at_least": 5, "of": "declines", "points": 40},
        {"kind": "velocity", "by": "user", "window_seconds": 600, "at_least": 30, "points": 10},
        {"kind": "address_mismatch", "points": 20},
        {"kind": "first_order_above", "amount": 100000, "points": 20},
        {"kind": "quantity_above", "units": 50, "points": 10},
        {
            "kind": "disposable_mail",
            "domains": [
                "10minutemail.com",
                "guerrillamail.com",
                "mailinator.com",
                "sharklasers.com",
                "temp-mail.org",
                "throwawaymail.com",
                "trashmail.com",
                "yopmail.com",
            ],
            "points": 40,
        },
    ],
    "review_at": 60,
    "reject_at": 90,
    "shadow": False,
}
"""What a shop begins with: no rule by itself holds an order back, and a single customer in a hurry is none of its cases."""


def upgrade() -> None:
    for statement in statements(TABLES):
        op.execute(statement)
    op.execute(
        f"INSERT INTO risk_rules (version, document, actor, created_at) VALUES (1, '{json.dumps(USUAL)}', 'waybill', now())"
    )


def downgrade() -> None:
    op.execute("DROP TABLE review, assessment, risk_rules")
    op.execute("ALTER TABLE instrument DROP COLUMN facts")
    op.execute("ALTER TABLE payment DROP COLUMN most_units")
