"""The service's tables as its statements name them. Columns are always listed: a later version may add others."""

from typing import Final

from payment.store.rows import Columns

_PAYMENT: Final = {
    "order_id": "uuid",
    "payment_id": "uuid",
    "change_id": "uuid",
    "user_id": "text",
    "amount": "bigint",
    "currency": "text",
    "most_units": "int",
    "status": "text",
    "authorized_amount": "bigint",
    "captured_amount": "bigint",
    "released_amount": "bigint",
    "let_go_amount": "bigint",
    "refunded_amount": "bigint",
    "returned_amount": "bigint",
    "psp_reference": "text",
    "code": "text",
    "barred_at": "timestamptz",
    "withdrawn_at": "timestamptz",
    "expires_at": "timestamptz",
    "warn_at": "timestamptz",
    "action": "text",
    "due_at": "timestamptz",
    "attempts": "int",
    "sent_at": "timestamptz",
    "actor": "text",
    "causation_id": "uuid",
    "traceparent": "text",
    "created_at": "timestamptz",
    "updated_at": "timestamptz",
}
_ENTRY: Final = {
    "order_id": "uuid",
    "payment_id": "uuid",
    "entry": "text",
    "reference": "uuid",
    "debit": "text",
    "credit": "text",
    "amount": "bigint",
    "currency": "text",
    "at": "timestamptz",
}
PAYMENTS: Final = Columns("payment", ("order_id", "payment_id"), _PAYMENT)
FURTHER_PAYMENTS: Final = Columns("further_payment", ("order_id", "payment_id"), _PAYMENT)
ENTRIES: Final = Columns("ledger_entry", (), _ENTRY)
FURTHER_ENTRIES: Final = Columns("further_ledger_entry", (), _ENTRY)
CAPTURES: Final = Columns(
    "capture",
    ("order_id", "shipment_id"),
    {
        "order_id": "uuid",
        "shipment_id": "uuid",
        "capture_id": "uuid",
        "amount": "bigint",
        "currency": "text",
        "status": "text",
        "code": "text",
        "due_at": "timestamptz",
        "attempts": "int",
        "sent_at": "timestamptz",
        "actor": "text",
        "causation_id": "uuid",
        "traceparent": "text",
        "created_at": "timestamptz",
    },
)
DRAWS: Final = Columns(
    "draw",
    ("order_id", "shipment_id", "payment_id"),
    {
        "order_id": "uuid",
        "shipment_id": "uuid",
        "payment_id": "uuid",
        "place": "int",
        "amount": "bigint",
        "final": "boolean",
        "status": "text",
        "code": "text",
        "sent_at": "timestamptz",
    },
)
REDUCTIONS: Final = Columns(
    "reduction",
    (),
    {
        "order_id": "uuid",
        "change_id": "uuid",
        "amount": "bigint",
        "due": "bigint",
        "currency": "text",
        "at": "timestamptz",
    },
)
REFUNDS: Final = Columns(
    "refund",
    ("order_id", "refund_id"),
    {
        "order_id": "uuid",
        "refund_id": "uuid",
        "user_id": "text",
        "amount": "bigint",
        "currency": "text",
        "reason": "text",
        "exchange_order_id": "uuid",
        "status": "text",
        "code": "text",
        "due_at": "timestamptz",
        "attempts": "int",
        "actor": "text",
        "causation_id": "uuid",
        "traceparent": "text",
        "created_at": "timestamptz",
    },
)
REFUND_PARTS: Final = Columns(
    "refund_part",
    ("order_id", "refund_id", "payment_id"),
    {
        "order_id": "uuid",
        "refund_id": "uuid",
        "payment_id": "uuid",
        "place": "int",
        "amount": "bigint",
        "status": "text",
        "code": "text",
        "refusals": "int",
        "sent_at": "timestamptz",
    },
)
DISPUTES: Final = Columns(
    "dispute",
    ("order_id", "dispute_id"),
    {
        "order_id": "uuid",
        "dispute_id": "uuid",
        "payment_id": "uuid",
        "psp_dispute": "text",
        "amount": "bigint",
        "currency": "text",
        "code": "text",
        "status": "text",
        "respond_by": "timestamptz",
        "opened_at": "timestamptz",
        "closed_at": "timestamptz",
    },
)
ATTEMPTS: Final = Columns(
    "psp_attempt",
    (),
    {
        "order_id": "uuid",
        "attempt_id": "uuid",
        "purpose": "text",
        "idempotency_key": "text",
        "result": "text",
        "code": "text",
        "shipment_id": "uuid",
        "payment_id": "uuid",
        "at": "timestamptz",
    },
)
