"""Refunds that are asked for, with their parts: one row per refund, and one for what is given back for it of each payment.

A refund is claimed to be drawn from the order's payments, and then to be asked of the PSP, its parts by turns.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Final, Self
from uuid import UUID

from chassis.database import Transaction
from chassis.domain import Cause
from contracts.types import Money
from payment.model import PaymentKey, Refund, RefundPart, RefundStatus
from payment.store.due import LEASE, cause_of
from payment.store.payments import MadeElsewhereError
from payment.store.rows import earliest
from payment.store.tables import REFUND_PARTS, REFUNDS

_PARTS: Final = """
(SELECT jsonb_agg(to_jsonb(p) ORDER BY p.place) FROM refund_part p WHERE p.order_id = r.order_id AND p.refund_id = r.refund_id)
"""
_FETCH: Final = f"""
SELECT {", ".join(f"r.{name}" for name in REFUNDS.names)}, {_PARTS} AS parts
FROM refund r WHERE r.order_id = ANY($1::uuid[]) ORDER BY r.order_id, r.refund_id FOR UPDATE OF r
"""
_DRAW: Final = f"""
INSERT INTO refund_part ({REFUND_PARTS.listed}) SELECT * FROM unnest({REFUND_PARTS.parameters(len(REFUNDS.names) + 1)})
ON CONFLICT (order_id, refund_id, payment_id) DO UPDATE
SET status = excluded.status, code = excluded.code, refusals = excluded.refusals, bounced = excluded.bounced
"""
_INSERT: Final = f"""
WITH drawn AS ({_DRAW}) {REFUNDS.insert} ON CONFLICT (order_id, refund_id) DO NOTHING RETURNING refund_id
"""
_UPDATE: Final = f"WITH drawn AS ({_DRAW}) {REFUNDS.update}"

_HAS_PARTS: Final = "EXISTS (SELECT 1 FROM refund_part p WHERE p.order_id = r.order_id AND p.refund_id = r.refund_id)"
_CLAIM_UNDRAWN: Final = f"""
UPDATE refund r SET due_at = $2, attempts = r.attempts + 1 WHERE (r.order_id, r.refund_id) IN (
    SELECT r.order_id, r.refund_id FROM refund r WHERE r.due_at <= $1 AND NOT {_HAS_PARTS}
    ORDER BY r.due_at LIMIT $3 FOR UPDATE SKIP LOCKED
)
RETURNING r.order_id, r.refund_id, r.actor, r.causation_id, r.traceparent
"""
_NEXT_UNDRAWN: Final = f"SELECT min(r.due_at) AS due_at FROM refund r WHERE r.due_at IS NOT NULL AND NOT {_HAS_PARTS}"
_CLAIM: Final = """
WITH found AS (
    SELECT r.order_id, r.refund_id, turn.payment_id FROM refund r JOIN LATERAL (
        SELECT p.payment_id FROM refund_part p
        WHERE p.order_id = r.order_id AND p.refund_id = r.refund_id AND p.status = 'due' ORDER BY p.place LIMIT 1
    ) turn ON true
    WHERE r.due_at <= $1 ORDER BY r.due_at LIMIT $3 FOR UPDATE OF r SKIP LOCKED
), asked AS (
    UPDATE refund_part t SET sent_at = coalesce(t.sent_at, $1)
    FROM found f JOIN payment p ON p.order_id = f.order_id AND p.payment_id = f.payment_id
    WHERE t.order_id = f.order_id AND t.refund_id = f.refund_id AND t.payment_id = f.payment_id
    RETURNING t.order_id, t.refund_id, t.payment_id, t.amount, t.refusals, p.change_id, p.psp_reference
)
UPDATE refund r SET due_at = $2, attempts = r.attempts + 1
FROM asked a WHERE r.order_id = a.order_id AND r.refund_id = a.refund_id
RETURNING a.*, r.exchange_order_id, r.currency, r.actor, r.causation_id, r.traceparent
"""
_NEXT: Final = f"SELECT min(r.due_at) AS due_at FROM refund r WHERE r.due_at IS NOT NULL AND {_HAS_PARTS}"


@dataclass(frozen=True, slots=True)
class AllotmentDue:
    """A refund of which it is to be decided what it is drawn from."""

    order_id: UUID
    refund_id: UUID
    cause: Cause

    @classmethod
    async def claim(cls, transaction: Transaction, limit: int) -> Sequence[Self]:
        """Claim refunds that are not drawn yet."""
        now = transaction.now
        rows = await transaction.fetch(_CLAIM_UNDRAWN, now, now + LEASE, limit)
        return [cls(row["order_id"], row["refund_id"], cause_of(row, now)) for row in rows]

    @classmethod
    async def next_due(cls, transaction: Transaction) -> datetime | None:
        """Tell when the next one is to be looked at."""
        return await earliest(transaction, _NEXT_UNDRAWN)


@dataclass(frozen=True, slots=True)
class RefundPartDue:
    """A part of a refund to be given back; `refusals` is how often the PSP would not, for now.

    With `exchange_order_id` it pays that order.
    """

    key: PaymentKey
    payment_id: UUID
    refund_id: UUID
    reference: str | None
    amount: Money
    refusals: int
    cause: Cause
    exchange_order_id: UUID | None = None

    @classmethod
    async def claim(cls, transaction: Transaction, limit: int) -> Sequence[Self]:
        """Claim refunds, each with the part whose turn it is."""
        now = transaction.now
        return [
            cls(
                key=PaymentKey(row["order_id"], row["change_id"]),
                payment_id=row["payment_id"],
                refund_id=row["refund_id"],
                reference=row["psp_reference"],
                amount=Money(amount=row["amount"], currency=row["currency"]),
                refusals=row["refusals"],
                cause=cause_of(row, now),
                exchange_order_id=row["exchange_order_id"],
            )
            for row in await transaction.fetch(_CLAIM, now, now + LEASE, limit)
        ]

    @classmethod
    async def next_due(cls, transaction: Transaction) -> datetime | None:
        """Tell when the next part is due."""
        return await earliest(transaction, _NEXT)


def _stored(row: Mapping[str, Any]) -> Refund:
    refund = Refund.stored({name: row[name] for name in REFUNDS.names})
    refund.parts.extend(_part(refund, part) for part in row["parts"] or ())
    return refund


def _part(refund: Refund, part: Mapping[str, Any]) -> RefundPart:
    return RefundPart(
        order_id=refund.order_id,
        refund_id=refund.refund_id,
        payment_id=UUID(part["payment_id"]),
        place=part["place"],
        amount=part["amount"],
        status=RefundStatus(part["status"]),
        code=part["code"],
        refusals=part["refusals"],
        bounced=part["bounced"],
        sent_at=None if part["sent_at"] is None else datetime.fromisoformat(part["sent_at"]),
    )


class RefundStore:
    """The refunds of the orders that a batch of messages is about."""

    lock_rank: ClassVar[int] = 22

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction
        self._found: dict[UUID, dict[UUID, Refund]] = {}
        self._before: dict[tuple[UUID, UUID], tuple[Any, ...]] = {}
        self._new: list[Refund] = []

    async def fetch(self, messages: Sequence[Any]) -> None:
        """Load and lock all refunds of the orders."""
        for row in await self._transaction.fetch(_FETCH, list({message.order_id for message in messages})):
            refund = _stored(row)
            self._found.setdefault(refund.order_id, {})[refund.refund_id] = refund
            self._before[refund.order_id, refund.refund_id] = _snapshot(refund)

    def get(self, order_id: UUID, refund_id: UUID) -> Refund | None:
        """Answer a refund, if there is one."""
        return self._found.get(order_id, {}).get(refund_id)

    def known(self, order_id: UUID, refund_id: UUID) -> Refund:
        """Answer the refund that a job has worked on; raises LookupError where it is gone."""
        refund = self.get(order_id, refund_id)
        if refund is None:
            raise LookupError(f"refund {refund_id} is gone")
        return refund

    def of(self, order_id: UUID) -> Sequence[Refund]:
        """Answer all refunds of an order."""
        return list(self._found.get(order_id, {}).values())

    def add(self, refund: Refund) -> Refund:
        """Keep a new refund."""
        self._found.setdefault(refund.order_id, {})[refund.refund_id] = refund
        self._new.append(refund)
        return refund

    async def flush(self) -> None:
        """Write new and changed refunds, and what came of their parts."""
        if self._new:
            new = sorted(self._new, key=lambda refund: (refund.order_id, refund.refund_id))
            if len(await self._transaction.fetch(_INSERT, *REFUNDS.arrays(new), *_parts(new))) != len(new):
                raise MadeElsewhereError("the same refund was taken up at the same time")
        loaded = [self._found[order_id][refund_id] for order_id, refund_id in self._before]
        changed = [one for one in loaded if _snapshot(one) != self._before[one.order_id, one.refund_id]]
        if changed:
            await self._transaction.fetch(_UPDATE, *REFUNDS.arrays(changed), *_parts(changed))
        pending = [one for one in (*self._new, *changed) if one.pending]
        for job, drawn in (("give_back", True), ("allot", False)):
            if any(bool(one.parts) is drawn for one in pending):
                self._transaction.wake(job)


def _snapshot(refund: Refund) -> tuple[Any, ...]:
    return (REFUNDS.snapshot(refund), *(REFUND_PARTS.snapshot(part) for part in refund.parts))


def _parts(refunds: Sequence[Refund]) -> list[list[Any]]:
    return REFUND_PARTS.arrays(part for refund in refunds for part in refund.parts)
