"""Due rows: what is to be asked of the PSP, claimed by moving its due time past a lease.

An authorisation is claimed only when its instrument is known. It is sent while the order and the change stand, and for
RESEND after a cancellation or withdrawal; later, or when the instrument was erased meanwhile, the PSP is only asked what
became of it: a question cannot make the payment it asks about. What is left of a cancelled order's payment goes back after all
refunds of it that were asked for have their outcome. Captures are in `capturing`, such refunds in `refunds`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from operator import itemgetter
from typing import Any, ClassVar, Final, Self
from uuid import UUID

from chassis.database import Transaction
from chassis.domain import Cause
from contracts.types import Money
from payment.model import Action, Assessment, Payment, PaymentKey
from payment.store.risk import assess, assessing, known_version
from payment.store.rows import earliest

LEASE: Final = timedelta(seconds=20)
RESEND: Final = timedelta(seconds=30)

_CAUSE: Final = "p.actor, p.causation_id, p.traceparent"
_INSTRUMENT: Final = """
LEFT JOIN instrument i ON i.order_id = p.order_id AND p.change_id IS NULL
LEFT JOIN change_instrument ci ON ci.order_id = p.order_id AND ci.change_id = p.change_id
"""

_CLAIM_AUTHORIZATIONS = f"""
WITH due AS (
    SELECT p.order_id, p.payment_id, coalesce(i.method, ci.method) AS method, i.facts,
        CASE WHEN coalesce(least(p.barred_at, p.withdrawn_at) > $4, true) THEN coalesce(i.token, ci.token) END AS token
    FROM payment p {_INSTRUMENT}
    WHERE p.action = 'authorize' AND p.due_at <= $1
    AND (i.order_id IS NOT NULL OR ci.order_id IS NOT NULL OR p.sent_at IS NOT NULL)
    ORDER BY p.due_at LIMIT $3 FOR UPDATE OF p SKIP LOCKED
), claimed AS (
    UPDATE payment p
    SET due_at = $2, attempts = p.attempts + 1, sent_at = CASE WHEN due.token IS NULL THEN p.sent_at ELSE $1 END
    FROM due WHERE p.order_id = due.order_id AND p.payment_id = due.payment_id
    RETURNING p.order_id, p.payment_id, p.change_id, p.amount, p.currency, p.most_units, p.sent_at, due.facts, due.method,
        due.token, p.psp_reference,
        coalesce(p.expires_at <= $1, false) OR p.barred_at IS NOT NULL OR p.withdrawn_at IS NOT NULL AS over, {_CAUSE}
), {assessing("claimed", now="$1", known="$5")}
"""
_NEXT_AUTHORIZATION = f"""
SELECT min(p.due_at) AS due_at FROM payment p {_INSTRUMENT}
WHERE p.action = 'authorize' AND p.due_at IS NOT NULL
AND (i.order_id IS NOT NULL OR ci.order_id IS NOT NULL OR p.sent_at IS NOT NULL)
"""
_CLAIM = f"""
UPDATE payment p SET due_at = $2, attempts = p.attempts + 1
WHERE (p.order_id, p.payment_id) IN (
    SELECT d.order_id, d.payment_id FROM payment d WHERE d.action = $4 AND d.due_at <= $1 AND ($4 <> 'refund' OR NOT EXISTS (
        SELECT 1 FROM refund_part r WHERE r.order_id = d.order_id AND r.payment_id = d.payment_id AND r.status = 'due'
    ))
    ORDER BY d.due_at LIMIT $3 FOR UPDATE OF d SKIP LOCKED
)
RETURNING p.order_id, p.payment_id, p.change_id, p.psp_reference, p.currency, p.captured_amount - p.refunded_amount AS taken,
    {_CAUSE}
"""
_CLAIM_RENEWALS = f"""
WITH due AS (
    SELECT p.order_id, p.payment_id, o.psp_reference AS renewed,
        coalesce(least(p.barred_at, p.withdrawn_at) > $4, true) AS timely
    FROM payment p JOIN payment o ON o.order_id = p.order_id AND o.payment_id = p.renews
    WHERE p.action = 'renew' AND p.due_at <= $1 ORDER BY p.due_at LIMIT $3 FOR UPDATE OF p SKIP LOCKED
)
UPDATE payment p SET due_at = $2, attempts = p.attempts + 1, sent_at = CASE WHEN due.timely THEN $1 ELSE p.sent_at END
FROM due WHERE p.order_id = due.order_id AND p.payment_id = due.payment_id
RETURNING p.order_id, p.payment_id, p.change_id, p.amount, p.currency, p.sent_at, due.renewed, due.timely, {_CAUSE}
"""
_CLAIM_EXPIRING = """
UPDATE payment p SET warn_at = $2 WHERE (p.order_id, p.payment_id) IN (
    SELECT d.order_id, d.payment_id FROM payment d WHERE d.status = 'authorized' AND d.warn_at <= $1
    ORDER BY d.warn_at LIMIT $3 FOR UPDATE OF d SKIP LOCKED
)
RETURNING p.order_id, p.payment_id, p.actor, p.causation_id, p.traceparent
"""
_NEXT_EXPIRING = "SELECT min(warn_at) AS due_at FROM payment WHERE status = 'authorized' AND warn_at IS NOT NULL"
_NEXT = "SELECT min(due_at) AS due_at FROM payment WHERE action = $1 AND due_at IS NOT NULL"


def cause_of(row: Mapping[str, Any], at: datetime) -> Cause:
    """Tell why what a due row names is done."""
    return Cause(row["actor"], at, row["causation_id"], str(row["order_id"]), row["traceparent"])


@dataclass(frozen=True, slots=True)
class AuthorizationDue:
    """An amount to be held; `sent_at` is the last asking. `token` None: it is too late to ask, but for what became of it."""

    key: PaymentKey
    payment_id: UUID
    amount: Money
    sent_at: datetime
    method: str | None
    token: str | None = field(repr=False)
    cause: Cause
    assessment: Assessment | None = None
    """How risky the order is; None: not assessed."""
    reference: str | None = None
    """Under which the PSP knows it already: the customer is to prove there who pays."""
    over: bool = False
    """Whether nobody waits for that any more."""

    @classmethod
    def begun(cls, payment: Payment, method: str, token: str, now: datetime, assessment: Assessment | None = None) -> Self:
        """Take up a payment that is just being written as claimed."""
        return cls(
            key=payment.key,
            payment_id=payment.payment_id,
            amount=payment.money(payment.amount),
            sent_at=now,
            method=method,
            token=token,
            cause=Cause(payment.actor, now, payment.causation_id, str(payment.order_id), payment.traceparent),
            assessment=assessment,
        )

    @classmethod
    async def claim(cls, transaction: Transaction, limit: int) -> Sequence[Self]:
        """Claim authorisations whose instrument is known; orders among them are assessed for their risk."""
        now = transaction.now
        known = known_version(transaction)
        rows = await transaction.fetch(_CLAIM_AUTHORIZATIONS, now, now + LEASE, limit, now - RESEND, known)
        orders = sorted((row for row in rows if row["change_id"] is None), key=itemgetter("order_id"))
        assessed = await assess(transaction, [(row, row["amount"], row["most_units"]) for row in orders])
        return [
            cls(
                key=PaymentKey(row["order_id"], row["change_id"]),
                payment_id=row["payment_id"],
                amount=Money(amount=row["amount"], currency=row["currency"]),
                sent_at=row["sent_at"],
                method=row["method"],
                token=row["token"],
                cause=cause_of(row, now),
                assessment=assessed.get(row["order_id"]) if row["change_id"] is None else None,
                reference=row["psp_reference"],
                over=row["over"],
            )
            for row in rows
        ]

    @classmethod
    async def next_due(cls, transaction: Transaction) -> datetime | None:
        """Tell when the next authorisation is due, of those that could be asked for."""
        return await earliest(transaction, _NEXT_AUTHORIZATION)


@dataclass(frozen=True, slots=True)
class _PaymentDue:
    """Something due at the PSP about a payment; `taken` is what is captured and not given back."""

    action: ClassVar[Action]

    key: PaymentKey
    payment_id: UUID
    reference: str | None
    taken: Money
    cause: Cause

    @classmethod
    async def claim(cls, transaction: Transaction, limit: int) -> Sequence[Self]:
        """Claim payments for which this is due."""
        now = transaction.now
        return [
            cls(
                key=PaymentKey(row["order_id"], row["change_id"]),
                payment_id=row["payment_id"],
                reference=row["psp_reference"],
                taken=Money(amount=row["taken"], currency=row["currency"]),
                cause=cause_of(row, now),
            )
            for row in await transaction.fetch(_CLAIM, now, now + LEASE, limit, cls.action)
        ]

    @classmethod
    async def next_due(cls, transaction: Transaction) -> datetime | None:
        """Tell when this is due next."""
        return await earliest(transaction, _NEXT, cls.action)


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
class RenewalDue:
    """An amount to be held anew, on what an earlier hold was made with; `renewed` None: it is too late for that."""

    key: PaymentKey
    payment_id: UUID
    amount: Money
    sent_at: datetime | None
    renewed: str | None
    cause: Cause

    @classmethod
    async def claim(cls, transaction: Transaction, limit: int) -> Sequence[Self]:
        """Claim renewals that are due."""
        now = transaction.now
        return [
            cls(
                key=PaymentKey(row["order_id"], row["change_id"]),
                payment_id=row["payment_id"],
                amount=Money(amount=row["amount"], currency=row["currency"]),
                sent_at=row["sent_at"],
                renewed=row["renewed"] if row["timely"] else None,
                cause=cause_of(row, now),
            )
            for row in await transaction.fetch(_CLAIM_RENEWALS, now, now + LEASE, limit, now - RESEND)
        ]

    @classmethod
    async def next_due(cls, transaction: Transaction) -> datetime | None:
        """Tell when the next renewal is due."""
        return await earliest(transaction, _NEXT, Action.RENEW)


@dataclass(frozen=True, slots=True)
class ExpiryDue:
    """A hold that will lapse soon."""

    order_id: UUID
    payment_id: UUID
    cause: Cause

    @classmethod
    async def claim(cls, transaction: Transaction, limit: int) -> Sequence[Self]:
        """Claim holds that are to be renewed."""
        now = transaction.now
        rows = await transaction.fetch(_CLAIM_EXPIRING, now, now + LEASE, limit)
        return [cls(row["order_id"], row["payment_id"], cause_of(row, now)) for row in rows]

    @classmethod
    async def next_due(cls, transaction: Transaction) -> datetime | None:
        """Tell when the next hold is to be renewed."""
        return await earliest(transaction, _NEXT_EXPIRING)
