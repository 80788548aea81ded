"""Disputes: one row per dispute, whatever notices came of it."""

from collections.abc import Sequence
from typing import Any, ClassVar, Final
from uuid import UUID

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from chassis.database import Transaction
from payment.model import Dispute
from payment.store.payments import MadeElsewhereError
from payment.store.tables import DISPUTES

_FETCH: Final = f"""
SELECT {DISPUTES.listed} FROM dispute WHERE order_id = ANY($1::uuid[]) ORDER BY order_id, dispute_id FOR UPDATE
"""
_INSERT: Final = f"{DISPUTES.insert} ON CONFLICT (order_id, dispute_id) DO NOTHING RETURNING dispute_id"


class DisputeStore:
    """The disputes of the orders that a batch of messages is about."""

    lock_rank: ClassVar[int] = 24

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction
        self._found: dict[UUID, dict[UUID, Dispute]] = {}
        self._before: dict[tuple[UUID, UUID], tuple[Any, ...]] = {}
        self._new: list[Dispute] = []

    async def fetch(self, messages: Sequence[Any]) -> None:
        """Load and lock all disputes of the orders."""
        for row in await self._transaction.fetch(_FETCH, list({message.order_id for message in messages})):
            dispute = Dispute.stored(row)
            self._found.setdefault(dispute.order_id, {})[dispute.dispute_id] = dispute
            self._before[dispute.order_id, dispute.dispute_id] = DISPUTES.snapshot(dispute)

    def get(self, order_id: UUID, dispute_id: UUID) -> Dispute | None:
        """Answer a dispute, if it is known."""
        return self._found.get(order_id, {}).get(dispute_id)

    def of(self, order_id: UUID) -> Sequence[Dispute]:
        """Answer all disputes of an order."""
        return list(self._found.get(order_id, {}).values())

    def add(self, dispute: Dispute) -> Dispute:
        """Keep a new dispute."""
        self._found.setdefault(dispute.order_id, {})[dispute.dispute_id] = dispute
        self._new.append(dispute)
        return dispute

    async def flush(self) -> None:
        """Write new and changed disputes."""
        if self._new and len(await self._transaction.fetch(_INSERT, *DISPUTES.arrays(self._new))) != len(self._new):
            raise MadeElsewhereError("the same dispute was heard of at the same time")
        loaded = [self._found[order_id][dispute_id] for order_id, dispute_id in self._before]
        changed = [one for one in loaded if DISPUTES.snapshot(one) != self._before[one.order_id, one.dispute_id]]
        if changed:
            await self._transaction.fetch(DISPUTES.update, *DISPUTES.arrays(changed))


async def find_payment(session: AsyncSession, reference: str) -> tuple[UUID, UUID] | None:
    """Find whose payment the PSP means; answers its order and its id."""
    connection = await session.connection()
    found = await connection.execute(
        text(
            """SELECT order_id, payment_id FROM payment WHERE psp_reference = :reference
            UNION ALL
            SELECT p.order_id, p.payment_id FROM own_hold h
            JOIN payment p ON p.order_id = h.order_id AND p.change_id IS NOT DISTINCT FROM h.change_id
            WHERE h.psp_reference = :reference"""
        ),
        {"reference": reference},
    )
    row = found.first()
    return None if row is None else (row.order_id, row.payment_id)
