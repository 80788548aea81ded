"""Messages about returns, refunds, invoices, and what a customer has to do before an order is paid."""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

BEFORE = ("received", "confirmed", "cancelled", "shipped", "delivered", "changed", "change_refused", "tracking")
ADDED = (
    "return_requested",
    "return_approved",
    "return_declined",
    "return_received",
    "refunded",
    "invoice_issued",
    "transfer_due",
    "payment_challenge",
)


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(f"'{name}'" for name in names)


# The wider CHECK is not held against the rows that are there, since all of them passed the narrower one.
WIDER = f"""
ALTER TABLE delivery DROP CONSTRAINT delivery_template_check, ADD CONSTRAINT delivery_template_check
CHECK (template IN ({_listed(BEFORE + ADDED)})) NOT VALID
"""
BACK = (
    f"""
    DELETE FROM delivery_retry USING delivery d
    WHERE delivery_retry.delivery_id = d.delivery_id AND d.template IN ({_listed(ADDED)})
    """,
    f"DELETE FROM delivery WHERE template IN ({_listed(ADDED)})",
    f"""
    ALTER TABLE delivery DROP CONSTRAINT delivery_template_check, ADD CONSTRAINT delivery_template_check
    CHECK (template IN ({_listed(BEFORE)}))
    """,
)


def upgrade() -> None:
    op.execute(WIDER)


def downgrade() -> None:
    for statement in BACK:
        op.execute(statement)
