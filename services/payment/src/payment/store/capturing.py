"""Due captures: claimed to be drawn from the order's payments, and claimed to be asked of the PSP.

A capture is drawn as soon as what is held is enough for it, or no payment of the order is undecided any more. Captures of one
order are asked of the PSP one after the other, in the order their shipments left, and their draws by turns. Whether the PSP is
to let go of the rest is decided by the first claim and stands, however often it is asked; a reduction that comes at the same
moment may not be seen by it, and then the rest is let go afterwards.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Self
from uuid import UUID

from chassis.database import Transaction
from chassis.domain import Cause
from contracts.types import Money
from payment.model import PaymentKey
from payment.store.due import LEASE, cause_of
from payment.store.rows import earliest

_DRAWABLE: Final = """
capture c JOIN LATERAL (
    SELECT bool_or(p.status = 'pending') AS undecided,
        sum(p.authorized_amount - p.captured_amount - p.released_amount)
            FILTER (WHERE p.status = 'authorized' AND p.withdrawn_at IS NULL AND p.replaced_at IS NULL) AS held
    FROM payment p WHERE p.order_id = c.order_id
) f ON NOT f.undecided OR c.amount <= f.held
WHERE c.due_at IS NOT NULL
AND NOT EXISTS (SELECT 1 FROM draw d WHERE d.order_id = c.order_id AND d.shipment_id = c.shipment_id)
"""
_CLAIM_DRAWABLE: Final = f"""
UPDATE capture c SET due_at = $2 WHERE (c.order_id, c.shipment_id) IN (
    SELECT c.order_id, c.shipment_id FROM {_DRAWABLE} AND c.due_at <= $1 ORDER BY c.due_at LIMIT $3 FOR UPDATE OF c SKIP LOCKED
)
RETURNING c.order_id, c.shipment_id, c.actor, c.causation_id, c.traceparent
"""
_NEXT_DRAWABLE: Final = f"SELECT min(c.due_at) AS due_at FROM {_DRAWABLE}"

_TURN: Final = """
capture c JOIN LATERAL (
    SELECT d.payment_id FROM draw d
    WHERE d.order_id = c.order_id AND d.shipment_id = c.shipment_id AND d.status = 'due' ORDER BY d.place LIMIT 1
) turn ON true
WHERE c.due_at IS NOT NULL AND NOT EXISTS (
    SELECT 1 FROM capture o WHERE o.order_id = c.order_id AND o.due_at IS NOT NULL AND o.capture_id < c.capture_id
)
"""
_CLAIM: Final = f"""
WITH found AS (
    SELECT c.order_id, c.shipment_id, turn.payment_id
    FROM {_TURN} AND c.due_at <= $1 ORDER BY c.due_at LIMIT $3 FOR UPDATE OF c SKIP LOCKED
), asked AS (
    UPDATE draw d SET sent_at = coalesce(d.sent_at, $1), final = CASE
        WHEN d.sent_at IS NULL THEN d.amount = p.authorized_amount - p.captured_amount - p.released_amount ELSE d.final END
    FROM found f JOIN payment p ON p.order_id = f.order_id AND p.payment_id = f.payment_id
    WHERE d.order_id = f.order_id AND d.shipment_id = f.shipment_id AND d.payment_id = f.payment_id
    RETURNING d.order_id, d.shipment_id, d.payment_id, d.amount, d.final, p.change_id, p.psp_reference
)
UPDATE capture c SET due_at = $2, attempts = c.attempts + 1, sent_at = coalesce(c.sent_at, $1)
FROM asked a WHERE c.order_id = a.order_id AND c.shipment_id = a.shipment_id
RETURNING a.*, c.currency, c.actor, c.causation_id, c.traceparent
"""
_NEXT: Final = f"SELECT min(c.due_at) AS due_at FROM {_TURN}"


@dataclass(frozen=True, slots=True)
class DrawDue:
    """A shipment whose money could not be drawn when it left, and may be now."""

    order_id: UUID
    shipment_id: UUID
    cause: Cause

    @classmethod
    async def claim(cls, transaction: Transaction, limit: int) -> Sequence[Self]:
        """Claim captures that wait for no payment any more."""
        now = transaction.now
        rows = await transaction.fetch(_CLAIM_DRAWABLE, now, now + LEASE, limit)
        return [cls(row["order_id"], row["shipment_id"], cause_of(row, now)) for row in rows]

    @classmethod
    async def next_due(cls, transaction: Transaction) -> datetime | None:
        """Tell when the next one is due."""
        return await earliest(transaction, _NEXT_DRAWABLE)


@dataclass(frozen=True, slots=True)
class CaptureDue:
    """Money to be taken of a payment for a shipment; `final`: the PSP is to let go of the rest."""

    key: PaymentKey
    payment_id: UUID
    shipment_id: UUID
    reference: str | None
    amount: Money
    final: bool
    cause: Cause

    @classmethod
    async def claim(cls, transaction: Transaction, limit: int) -> Sequence[Self]:
        """Claim the first due capture of each order, with the draw whose turn it is."""
        now = transaction.now
        return [
            cls(
                key=PaymentKey(row["order_id"], row["change_id"]),
                payment_id=row["payment_id"],
                shipment_id=row["shipment_id"],
                reference=row["psp_reference"],
                amount=Money(amount=row["amount"], currency=row["currency"]),
                final=row["final"],
                cause=cause_of(row, now),
            )
            for row in await transaction.fetch(_CLAIM, now, now + LEASE, limit)
        ]

    @classmethod
    async def next_due(cls, transaction: Transaction) -> datetime | None:
        """Tell when the next capture is due."""
        return await earliest(transaction, _NEXT)
