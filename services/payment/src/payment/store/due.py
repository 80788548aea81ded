"""Due rows: what is to be asked of the PSP, claimed by moving its due time past a lease.

An authorisation is claimed only when its instrument is known. It is sent while the order stands, and for RESEND_SECONDS after
a cancellation; later, or when the instrument was erased meanwhile, the PSP is only asked what became of it: a question cannot
make the payment it asks about. Captures of one order are claimed one after the other, in the order their shipments left.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, ClassVar, Final, Self
from uuid import UUID

from chassis.database import Transaction
from chassis.domain import Cause
from contracts.types import Money
from payment.model import Action, Capture, Hold, Payment

LEASE: Final = timedelta(seconds=20)
RESEND: Final = timedelta(seconds=30)

_CAUSE: Final = "p.actor, p.causation_id, p.traceparent"

_CLAIM_AUTHORIZATIONS = f"""
WITH due AS (
    SELECT p.order_id, i.method, CASE WHEN p.barred_at IS NULL OR p.barred_at > $4 THEN i.token END AS token
    FROM payment p LEFT JOIN instrument i ON i.order_id = p.order_id
    WHERE p.action = 'authorize' AND p.due_at <= $1 AND (i.order_id IS NOT NULL OR p.sent_at IS NOT NULL)
    ORDER BY p.due_at LIMIT $3 FOR UPDATE OF p SKIP LOCKED
)
UPDATE payment p SET due_at = $2, attempts = p.attempts + 1, sent_at = CASE WHEN due.token IS NULL THEN p.sent_at ELSE $1 END
FROM due WHERE p.order_id = due.order_id
RETURNING p.order_id, p.amount, p.currency, p.sent_at, due.method, due.token, {_CAUSE}
"""
_NEXT_AUTHORIZATION = """
SELECT min(p.due_at) AS due_at FROM payment p
WHERE p.action = 'authorize' AND p.due_at IS NOT NULL
AND (p.sent_at IS NOT NULL OR EXISTS (SELECT 1 FROM instrument i WHERE i.order_id = p.order_id))
"""
_CLAIM = f"""
UPDATE payment p SET due_at = $2, attempts = p.attempts + 1
WHERE p.order_id IN (
    SELECT order_id FROM payment WHERE action = $4 AND due_at <= $1 ORDER BY due_at LIMIT $3 FOR UPDATE SKIP LOCKED
)
RETURNING p.order_id, p.psp_reference, p.currency, p.captured_amount - p.refunded_amount AS taken, {_CAUSE}
"""
_NEXT = "SELECT min(due_at) AS due_at FROM payment WHERE action = $1 AND due_at IS NOT NULL"

_CAPTURABLE: Final = """
capture c JOIN payment p ON p.order_id = c.order_id
WHERE c.due_at IS NOT NULL AND p.status <> 'pending' AND NOT EXISTS (
    SELECT 1 FROM capture o WHERE o.order_id = c.order_id AND o.due_at IS NOT NULL AND o.capture_id < c.capture_id
)
"""
_FIND_CAPTURES = f"""
SELECT c.*, p.status AS payment_status, p.barred_at IS NOT NULL AS barred, p.currency AS payment_currency,
    p.authorized_amount - p.captured_amount - p.released_amount AS open_amount, p.psp_reference
FROM {_CAPTURABLE} AND c.due_at <= $1 ORDER BY c.due_at LIMIT $2 FOR UPDATE OF c SKIP LOCKED
"""
_CLAIM_CAPTURES = """
UPDATE capture c SET due_at = $3, attempts = c.attempts + 1, sent_at = n.sent_at
FROM unnest($1::uuid[], $2::timestamptz[]) AS n(capture_id, sent_at)
WHERE c.capture_id = n.capture_id AND c.order_id = ANY($4::uuid[])
"""
_NEXT_CAPTURE = f"SELECT min(c.due_at) AS due_at FROM {_CAPTURABLE}"


def _cause(row: Mapping[str, Any], at: datetime) -> Cause:
    return Cause(row["actor"], at, row["causation_id"], str(row["order_id"]), row["traceparent"])


@dataclass(frozen=True, slots=True)
class AuthorizationDue:
    """A total to be held. `token` None: it is too late to ask for it, only what became of it; `sent_at` is the last asking."""

    order_id: UUID
    amount: Money
    sent_at: datetime
    method: str | None
    token: str | None = field(repr=False)
    cause: Cause

    @classmethod
    def begun(cls, payment: Payment, method: str, token: str, now: datetime) -> Self:
        """Take up a payment that is just being written as claimed."""
        return cls(
            order_id=payment.order_id,
            amount=Money(amount=payment.amount, currency=payment.currency),
            sent_at=now,
            method=method,
            token=token,
            cause=Cause(payment.actor, now, payment.causation_id, str(payment.order_id), payment.traceparent),
        )

    @classmethod
    async def claim(cls, transaction: Transaction, limit: int) -> Sequence[Self]:
        """Claim authorisations whose instrument is known."""
        now = transaction.now
        return [
            cls(
                order_id=row["order_id"],
                amount=Money(amount=row["amount"], currency=row["currency"]),
                sent_at=row["sent_at"],
                method=row["method"],
                token=row["token"],
                cause=_cause(row, now),
            )
            for row in await transaction.fetch(_CLAIM_AUTHORIZATIONS, now, now + LEASE, limit, now - RESEND)
        ]

    @classmethod
    async def next_due(cls, transaction: Transaction) -> datetime | None:
        """Tell when the next authorisation is due, of those that could be asked for."""
        rows = await transaction.fetch(_NEXT_AUTHORIZATION)
        due: datetime | None = rows[0]["due_at"]
        return due


@dataclass(frozen=True, slots=True)
class _PaymentDue:
    """Something due at the PSP about a payment; `taken` is what is captured and not given back."""

    action: ClassVar[Action]

    order_id: UUID
    reference: str | None
    taken: Money
    cause: Cause

    @classmethod
    async def claim(cls, transaction: Transaction, limit: int) -> Sequence[Self]:
        """Claim payments for which this is due."""
        now = transaction.now
        return [
            cls(row["order_id"], row["psp_reference"], Money(amount=row["taken"], currency=row["currency"]), _cause(row, now))
            for row in await transaction.fetch(_CLAIM, now, now + LEASE, limit, cls.action)
        ]

    @classmethod
    async def next_due(cls, transaction: Transaction) -> datetime | None:
        """Tell when this is due next."""
        rows = await transaction.fetch(_NEXT, cls.action)
        due: datetime | None = rows[0]["due_at"]
        return due


class VoidDue(_PaymentDue):
    """A hold to be let go."""

    action = Action.VOID


class RefundDue(_PaymentDue):
    """Captured money to be given back."""

    action = Action.REFUND


class InquiryDue(_PaymentDue):
    """A hold of which the PSP said that it is gone, to be asked about."""

    action = Action.INQUIRE


@dataclass(frozen=True, slots=True)
class CaptureDue:
    """The money of a shipment to be taken. `refusal` says why it must not be asked for; `final`: nothing is left after it."""

    order_id: UUID
    shipment_id: UUID
    reference: str | None
    amount: Money
    final: bool
    refusal: str | None
    cause: Cause

    @classmethod
    async def claim(cls, transaction: Transaction, limit: int) -> Sequence[Self]:
        """Claim the first due capture of each order whose payment is decided."""
        now = transaction.now
        rows = await transaction.fetch(_FIND_CAPTURES, now, limit)
        claimed: list[Self] = []
        sent: list[datetime | None] = []
        for row in rows:
            capture = Capture.stored(row)
            hold = Hold(row["payment_status"], row["barred"], row["open_amount"], row["payment_currency"])
            refusal = capture.refusal(hold)
            sent.append(capture.sent_at or (now if refusal is None else None))
            claimed.append(
                cls(
                    order_id=capture.order_id,
                    shipment_id=capture.shipment_id,
                    reference=row["psp_reference"],
                    amount=Money(amount=capture.amount, currency=capture.currency),
                    final=capture.amount == hold.open_amount,
                    refusal=refusal,
                    cause=_cause(row, now),
                )
            )
        if rows:
            ids, orders = [row["capture_id"] for row in rows], [row["order_id"] for row in rows]
            await transaction.fetch(_CLAIM_CAPTURES, ids, sent, now + LEASE, orders)
        return claimed

    @classmethod
    async def next_due(cls, transaction: Transaction) -> datetime | None:
        """Tell when the next capture is due, of those that could be made."""
        rows = await transaction.fetch(_NEXT_CAPTURE)
        due: datetime | None = rows[0]["due_at"]
        return due
