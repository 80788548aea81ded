"""Orders, and changes of orders, that have waited too long for their saga."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Self
from uuid import UUID

from chassis.database import Transaction
from chassis.domain import Cause

LEASE: Final = timedelta(seconds=30)

_CLAIM: Final = """
UPDATE orders SET deadline_at = $2 WHERE order_id IN (
    SELECT order_id FROM orders WHERE deadline_at <= $1 ORDER BY deadline_at LIMIT $3 FOR UPDATE SKIP LOCKED
) RETURNING order_id
"""
_NEXT: Final = "SELECT min(deadline_at) AS at FROM orders WHERE deadline_at IS NOT NULL"
_CLAIM_CHANGES: Final = """
UPDATE order_change SET deadline_at = $2 WHERE change_id IN (
    SELECT change_id FROM order_change WHERE deadline_at <= $1 ORDER BY deadline_at LIMIT $3 FOR UPDATE SKIP LOCKED
) RETURNING order_id, change_id
"""
_NEXT_CHANGE: Final = "SELECT min(deadline_at) AS at FROM order_change WHERE deadline_at IS NOT NULL"


@dataclass(frozen=True, slots=True)
class ExpiredOrder:
    """An order whose deadline has passed."""

    order_id: UUID
    at: datetime

    @property
    def until(self) -> datetime:
        """Tell what the claim made of the deadline; a later one was set since, and is the one that counts."""
        return self.at + LEASE

    @property
    def cause(self) -> Cause:
        """Say that nobody but time asked for it."""
        return Cause(actor="deadline", at=self.at, correlation_id=str(self.order_id))

    @classmethod
    async def claim(cls, transaction: Transaction, limit: int) -> Sequence[Self]:
        """Claim orders past their deadline; their cancellation clears it."""
        rows = await transaction.fetch(_CLAIM, transaction.now, transaction.now + LEASE, limit)
        return [cls(row["order_id"], transaction.now) for row in rows]

    @classmethod
    async def next_due(cls, transaction: Transaction) -> datetime | None:
        """Tell when the next deadline passes."""
        rows = await transaction.fetch(_NEXT)
        at: datetime | None = rows[0]["at"]
        return at


@dataclass(frozen=True, slots=True)
class ExpiredChange:
    """A requested change whose deadline has passed."""

    order_id: UUID
    change_id: UUID
    at: datetime

    @property
    def cause(self) -> Cause:
        """Say that nobody but time asked for it."""
        return Cause(actor="deadline", at=self.at, correlation_id=str(self.order_id))

    @classmethod
    async def claim(cls, transaction: Transaction, limit: int) -> Sequence[Self]:
        """Claim changes past their deadline; giving them up clears it."""
        rows = await transaction.fetch(_CLAIM_CHANGES, transaction.now, transaction.now + LEASE, limit)
        return [cls(row["order_id"], row["change_id"], transaction.now) for row in rows]

    @classmethod
    async def next_due(cls, transaction: Transaction) -> datetime | None:
        """Tell when the next deadline passes."""
        rows = await transaction.fetch(_NEXT_CHANGE)
        at: datetime | None = rows[0]["at"]
        return at
