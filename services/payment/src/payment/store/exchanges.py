"""Credits of exchanges: granted out of payments, and paid out of them where the order that they are for does not need them.

What an order needs of its credit is what it still holds of it; before it has held any, all of it, unless it is cancelled or
declined. The rest is paid out, one wish after the other, each of one payment and under a name of its own, which is kept until
its outcome is known. What the PSP refuses for good is not asked for again: it is a person's.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar, Final, Self
from uuid import UUID

from chassis.database import Transaction
from chassis.domain import Cause, new_id
from contracts.types import Money
from payment.model import Payment, PaymentKey
from payment.model.exchange import PayOut, pay_out_name
from payment.model.retry import retry_delay
from payment.store.due import LEASE

LOOK_AGAIN: Final = timedelta(minutes=10)
"""A credit whose order is not decided yet is looked at so often: its cancellation may find nothing that it could let go."""

_GRANT: Final = """
WITH credit AS (
    INSERT INTO exchange_credit AS c (order_id, currency, granted, due_at, created_at)
    SELECT n.order_id, min(n.currency), sum(n.amount), $6, $6
    FROM unnest($1::uuid[], $5::text[], $4::bigint[]) AS n(order_id, currency, amount) GROUP BY n.order_id ORDER BY n.order_id
    ON CONFLICT (order_id) DO UPDATE SET granted = c.granted + excluded.granted, due_at = excluded.due_at
)
INSERT INTO exchange_source (exchange_order_id, refund_id, order_id, payment_id, amount)
SELECT n.exchange_order_id, n.refund_id, n.order_id, n.payment_id, n.amount
FROM unnest($1::uuid[], $2::uuid[], $7::uuid[], $3::uuid[], $4::bigint[])
    AS n(exchange_order_id, refund_id, order_id, payment_id, amount)
"""
_CLAIM: Final = """
UPDATE exchange_credit SET due_at = $2, attempts = attempts + 1 WHERE order_id IN (
    SELECT order_id FROM exchange_credit WHERE due_at <= $1 ORDER BY due_at LIMIT $3 FOR UPDATE SKIP LOCKED
) RETURNING order_id, granted, paid, currency
"""
_NEEDED: Final = """
SELECT c.order_id, h.order_id IS NULL AS unheld,
    CASE WHEN h.order_id IS NOT NULL THEN h.amount - h.captured - h.released WHEN p.over THEN 0 ELSE c.granted END AS held,
    coalesce(h.captured, 0) - coalesce(m.back, 0) AS kept
FROM exchange_credit c
LEFT JOIN own_hold h ON h.order_id = c.order_id AND h.change_id IS NULL AND h.method = 'exchange'
LEFT JOIN LATERAL (SELECT sum(amount) AS back FROM own_movement WHERE reference = h.reference AND kind = 'refund') m ON true
LEFT JOIN LATERAL (
    SELECT barred_at IS NOT NULL OR status IN ('declined', 'voided') AS over
    FROM payment WHERE order_id = c.order_id AND change_id IS NULL
) p ON true
WHERE c.order_id = ANY($1::uuid[])
"""
_SOURCES: Final = """
SELECT s.exchange_order_id, s.refund_id, s.order_id, s.payment_id, s.amount, s.paid, s.refused, s.asked, s.asked_as, s.refusals,
    p.change_id, p.psp_reference
FROM exchange_source s JOIN payment p ON p.order_id = s.order_id AND p.payment_id = s.payment_id
WHERE s.exchange_order_id = ANY($1::uuid[]) ORDER BY s.exchange_order_id, s.refund_id DESC, s.payment_id DESC
"""
_ASK: Final = """
UPDATE exchange_source SET asked = $4, asked_as = $5 WHERE exchange_order_id = $1 AND refund_id = $2 AND payment_id = $3
"""
_REST: Final = "UPDATE exchange_credit SET due_at = $2 WHERE order_id = $1"
_NEXT: Final = "SELECT min(due_at) AS at FROM exchange_credit WHERE due_at IS NOT NULL"
_LOCK: Final = """
SELECT c.order_id, c.attempts, s.asked_as, s.asked FROM exchange_credit c
JOIN exchange_source s ON s.exchange_order_id = c.order_id AND s.asked_as = ANY($1::uuid[])
ORDER BY c.order_id FOR UPDATE
"""
_PAID: Final = """
WITH paid AS (
    UPDATE exchange_source SET paid = paid + asked, asked = 0, asked_as = NULL, refusals = 0 WHERE asked_as = $2 RETURNING paid
)
UPDATE exchange_credit SET paid = paid + $3, due_at = $4, attempts = 0, code = NULL WHERE order_id = $1
"""
_AGAIN: Final = "UPDATE exchange_credit SET due_at = $2, code = NULL WHERE order_id = $1"
_ANEW: Final = """
WITH renamed AS (UPDATE exchange_source SET asked_as = $5, refusals = refusals + 1 WHERE asked_as = $2)
UPDATE exchange_credit SET due_at = $3, attempts = 0, code = $4 WHERE order_id = $1
"""
_GIVE_UP: Final = """
WITH refused AS (
    UPDATE exchange_source SET refused = refused + asked, asked = 0, asked_as = NULL, refusals = 0 WHERE asked_as = $2
)
UPDATE exchange_credit SET due_at = $3, attempts = 0, code = $4 WHERE order_id = $1
"""
_PAID_OUT: Final = """
SELECT reference, payment_id FROM ledger_entry e WHERE order_id = ANY($1::uuid[]) AND entry = 'exchange_paid' AND NOT EXISTS (
    SELECT 1 FROM ledger_entry u
    WHERE u.order_id = e.order_id AND u.entry = 'exchange_paid_undone' AND u.reference = e.reference
)
"""
_ASKED: Final = "SELECT asked_as, payment_id FROM exchange_source WHERE order_id = ANY($1::uuid[]) AND asked_as IS NOT NULL"


@dataclass(frozen=True, slots=True)
class PayOutDue:
    """What of a credit is to go to the customer."""

    pay_out: PayOut
    reference: str | None
    amount: Money
    cause: Cause

    @classmethod
    async def claim(cls, transaction: Transaction, limit: int) -> Sequence[Self]:
        """Claim credits of which something is not needed; the others are at rest, or looked at again."""
        now = transaction.now
        claimed = {row["order_id"]: row for row in await transaction.fetch(_CLAIM, now, now + LEASE, limit)}
        if not claimed:
            return []
        needs = {row["order_id"]: row for row in await transaction.fetch(_NEEDED, list(claimed))}
        sources: dict[UUID, list[Any]] = {}
        for row in await transaction.fetch(_SOURCES, list(claimed)):
            sources.setdefault(row["exchange_order_id"], []).append(row)
        due = []
        for order_id, credit in claimed.items():
            need, taken_from = needs[order_id], sources.get(order_id, ())
            gone = credit["paid"] + sum(source["refused"] for source in taken_from)
            free = credit["granted"] - gone - need["kept"] - need["held"]
            wish = await _wish(transaction, taken_from, free, credit["currency"])
            if wish is not None:
                due.append(wish)
            else:
                undecided = need["unheld"] and need["held"]
                await transaction.fetch(_REST, order_id, now + LOOK_AGAIN if undecided else None)
        return [cls(pay_out, reference, amount, _cause(pay_out, now)) for pay_out, reference, amount in due]

    @classmethod
    async def next_due(cls, transaction: Transaction) -> datetime | None:
        """Tell when the next credit is to be looked at."""
        rows = await transaction.fetch(_NEXT)
        at: datetime | None = rows[0]["at"]
        return at


def _cause(pay_out: PayOut, at: datetime) -> Cause:
    return Cause("payment", at, correlation_id=str(pay_out.key.order_id))


async def _wish(
    transaction: Transaction, sources: Sequence[Mapping[str, Any]], free: int, currency: str
) -> tuple[PayOut, str | None, Money] | None:
    """Take up what was asked for before, and else ask for what is free, as far as one payment goes."""
    source = next((one for one in sources if one["asked"]), None) or next(
        (one for one in sources if _left(one) > 0 and free > 0), None
    )
    if source is None:
        return None
    asked, asked_as = source["asked"], source["asked_as"]
    if not asked:
        asked, asked_as = min(free, _left(source)), new_id()
        names = ("exchange_order_id", "refund_id", "payment_id")
        await transaction.fetch(_ASK, *(source[name] for name in names), asked, asked_as)
    key = PaymentKey(source["order_id"], source["change_id"])
    wish = PayOut(key, source["payment_id"], source["exchange_order_id"], asked_as, asked, source["refusals"])
    return wish, source["psp_reference"], Money(amount=asked, currency=currency)


def _left(source: Mapping[str, Any]) -> int:
    """Tell what may still be paid out of the payment that a part of a credit was taken from."""
    left: int = source["amount"] - source["paid"] - source["refused"]
    return left


class ExchangeStore:
    """What a batch grants of credits, and what came of paying them out."""

    lock_rank: ClassVar[int] = 24

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction
        self._granted: list[tuple[UUID, UUID, Payment, int]] = []
        self._asked: dict[UUID, Any] = {}
        self._paid_out: dict[str, UUID] = {}
        self._awaited: set[str] = set()
        self._ended: list[tuple[str, tuple[Any, ...]]] = []

    async def fetch(self, messages: Sequence[Any]) -> None:
        """Lock what was asked to be paid out, and load what may have come back; what is granted needs nothing."""
        named = [message.pay_out.asked_as for message in messages if hasattr(message, "pay_out")]
        if named:
            self._asked = {row["asked_as"]: row for row in await self._transaction.fetch(_LOCK, named)}
        bounced = [message.order_id for message in messages if hasattr(message, "wish")]
        if bounced:
            asked, paid = [await self._transaction.fetch(query, bounced) for query in (_ASKED, _PAID_OUT)]
            self._awaited = {pay_out_name(row["asked_as"], row["payment_id"]) for row in asked}
            self._paid_out = {pay_out_name(row["reference"], row["payment_id"]): row["reference"] for row in paid}

    def grant(self, exchange_order_id: UUID, refund_id: UUID, payment: Payment, amount: int) -> None:
        """Have what was taken by a payment pay another order."""
        self._granted.append((exchange_order_id, refund_id, payment, amount))

    def is_open(self, pay_out: PayOut) -> bool:
        """Tell whether the outcome of a wish is not known yet."""
        return pay_out.asked_as in self._asked

    def note_paid(self, pay_out: PayOut) -> None:
        """Note that the customer has it; what else is free is looked at next."""
        del self._asked[pay_out.asked_as]
        values = (pay_out.exchange_order_id, pay_out.asked_as, pay_out.amount, self._transaction.now)
        self._ended.append((_PAID, values))

    def ask_again(self, pay_out: PayOut) -> None:
        """Note that it is not known whether the customer has it: the same question is due again after a while."""
        delay = retry_delay(self._asked[pay_out.asked_as]["attempts"])
        self._ended.append((_AGAIN, (pay_out.exchange_order_id, self._transaction.now + delay)))

    def refuse(self, pay_out: PayOut, code: str) -> bool:
        """Note that the PSP will not do it; answers whether that is its last word, else it is asked under another name."""
        del self._asked[pay_out.asked_as]
        pause = pay_out.pause(code)
        due_at = self._transaction.now if pause is None else self._transaction.now + pause
        values = (pay_out.exchange_order_id, pay_out.asked_as, due_at, code)
        self._ended.append((_GIVE_UP, values) if pause is None else (_ANEW, (*values, new_id())))
        return pause is None

    def awaits(self, wish: str) -> bool:
        """Tell whether a wish is to pay out something, and its outcome is not known yet."""
        return wish in self._awaited

    def come_back(self, wish: str) -> UUID | None:
        """Note, once, that what was paid out came back from the customer's bank; answers what it is booked as."""
        return self._paid_out.pop(wish, None)

    async def flush(self) -> None:
        """Write what was granted and paid out."""
        if self._granted:
            columns = [
                [exchange_order_id for exchange_order_id, _, _, _ in self._granted],
                [refund_id for _, refund_id, _, _ in self._granted],
                [payment.payment_id for _, _, payment, _ in self._granted],
                [amount for _, _, _, amount in self._granted],
                [payment.currency for _, _, payment, _ in self._granted],
            ]
            orders = [payment.order_id for _, _, payment, _ in self._granted]
            await self._transaction.fetch(_GRANT, *columns, self._transaction.now, orders)
        for query, values in self._ended:
            await self._transaction.fetch(query, *values)
        if self._granted or self._ended:
            self._transaction.wake("pay_out")
