"""Due rows: products of which stock came in while orders wait, and warehouses that nobody was told of.

A row is claimed by moving its due time past a lease, so that one whose process died is found again. A product that comes in
while its row is being worked on is due anew: its due time is another one then, and the row stays.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Self
from uuid import UUID

from chassis.database import Transaction
from chassis.domain import Cause

LEASE: Final = timedelta(seconds=20)
SERVICE: Final = "inventory"

_CLAIM_RESTOCK: Final = """
UPDATE restock SET due_at = $2
WHERE sku IN (SELECT sku FROM restock WHERE due_at <= $1 ORDER BY due_at LIMIT $3 FOR UPDATE SKIP LOCKED)
RETURNING sku, due_at, after_since, after_order, ahead
"""
_NEXT_RESTOCK: Final = "SELECT min(due_at) AS due_at FROM restock"

_CLAIM_WAREHOUSES: Final = """
UPDATE warehouse SET due_at = $2
WHERE warehouse_id IN (
    SELECT warehouse_id FROM warehouse WHERE due_at <= $1 ORDER BY due_at LIMIT $3 FOR UPDATE SKIP LOCKED
)
RETURNING warehouse_id
"""
_NEXT_WAREHOUSE: Final = "SELECT min(due_at) AS due_at FROM warehouse WHERE due_at IS NOT NULL"


@dataclass(frozen=True, slots=True)
class RestockDue:
    """A product that orders wait for and of which there may be some now.

    `due_at` is what the claim set; `after` is where the look at those who wait goes on, None: with the oldest. `ahead` are the
    units of each product that are kept for those who were looked at before.
    """

    sku: str
    due_at: datetime
    after: tuple[datetime, UUID] | None
    ahead: Mapping[str, int]
    cause: Cause

    @classmethod
    async def claim(cls, transaction: Transaction, limit: int) -> Sequence[Self]:
        """Claim products that are due."""
        now = transaction.now
        rows = await transaction.fetch(_CLAIM_RESTOCK, now, now + LEASE, limit)
        return [cls(row["sku"], row["due_at"], *_place(row), Cause(SERVICE, now)) for row in rows]

    @classmethod
    async def next_due(cls, transaction: Transaction) -> datetime | None:
        """Tell when the next product is due."""
        return await _next(transaction, _NEXT_RESTOCK)


@dataclass(frozen=True, slots=True)
class WarehouseDue:
    """A warehouse that was opened before warehouses were told, or by a version that does not tell them."""

    warehouse_id: str
    cause: Cause

    @classmethod
    async def claim(cls, transaction: Transaction, limit: int) -> Sequence[Self]:
        """Claim warehouses that are to be told."""
        now = transaction.now
        rows = await transaction.fetch(_CLAIM_WAREHOUSES, now, now + LEASE, limit)
        return [cls(row["warehouse_id"], Cause(SERVICE, now)) for row in rows]

    @classmethod
    async def next_due(cls, transaction: Transaction) -> datetime | None:
        """Tell when the next warehouse is to be told."""
        return await _next(transaction, _NEXT_WAREHOUSE)


def _place(row: Any) -> tuple[tuple[datetime, UUID] | None, Mapping[str, int]]:
    """Read where a look goes on, and what is kept for those before; one that begins has nobody before it."""
    return (None, {}) if row["after_order"] is None else ((row["after_since"], row["after_order"]), row["ahead"])


async def _next(transaction: Transaction, query: str) -> datetime | None:
    rows = await transaction.fetch(query)
    due: datetime | None = rows[0]["due_at"]
    return due
