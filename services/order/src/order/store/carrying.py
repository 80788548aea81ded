"""Due rows of parcels: labels to be bought or given back, parcels to be asked about, moves that nobody answers.

The lease is longer than any call to a carrier may take, so a label that is unwanted while it is being bought is asked about
only when that purchase has come to its end.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, Self
from uuid import UUID

from chassis.database import Transaction
from chassis.domain import Cause
from contracts.types import Address

LEASE: Final = timedelta(seconds=60)
LIGHTEST_GRAMS: Final = 1

_GRAMS: Final = """
(SELECT coalesce(sum(i.weight_grams * (l.line->>'quantity')::int), 0)::int FROM jsonb_array_elements(s.lines) AS l(line)
 JOIN order_items i ON i.order_id = s.order_id AND i.item_id = (l.line->>'item_id')::uuid) AS grams
"""
_CLAIM_WANTED: Final = f"""
WITH due AS (
    SELECT label_id FROM shipment_label WHERE state = 'wanted' AND due_at <= $1
    ORDER BY due_at LIMIT $3 FOR UPDATE SKIP LOCKED
), claimed AS (
    UPDATE shipment_label b SET due_at = $2, attempts = b.attempts + 1 FROM due WHERE b.label_id = due.label_id
    RETURNING b.label_id, b.order_id, b.shipment_id, b.wanted_carrier, b.wanted_service, b.attempts
)
SELECT c.*, o.shipping_address, s.warehouse_id, {_GRAMS},
    w.name AS origin_name, w.line1, w.city, w.postal_code, w.region, w.country
FROM claimed c JOIN orders o ON o.order_id = c.order_id
JOIN shipments s ON s.order_id = c.order_id AND s.shipment_id = c.shipment_id
LEFT JOIN warehouse w ON w.warehouse_id = s.warehouse_id
"""
_CLAIM_UNWANTED: Final = """
WITH due AS (
    SELECT label_id FROM shipment_label WHERE state = 'unwanted' AND due_at <= $1
    ORDER BY due_at LIMIT $3 FOR UPDATE SKIP LOCKED
)
UPDATE shipment_label b SET due_at = $2, attempts = b.attempts + 1 FROM due WHERE b.label_id = due.label_id
RETURNING b.label_id, b.order_id, b.reference, b.attempts
"""
_NEXT: Final = "SELECT min(due_at) AS at FROM shipment_label WHERE state = $1 AND due_at IS NOT NULL"
_CLAIM_LOOKS: Final = """
UPDATE shipments SET look_at = $2 WHERE (order_id, shipment_id) IN (
    SELECT order_id, shipment_id FROM shipments WHERE look_at <= $1 ORDER BY look_at LIMIT $3 FOR UPDATE SKIP LOCKED
) RETURNING order_id, shipment_id, carrier, tracking_number
"""
_NEXT_LOOK: Final = "SELECT min(look_at) AS at FROM shipments WHERE look_at IS NOT NULL"
_CLAIM_MOVES: Final = """
UPDATE shipments SET move_deadline_at = $2 WHERE (order_id, shipment_id) IN (
    SELECT order_id, shipment_id FROM shipments WHERE move_deadline_at <= $1
    ORDER BY move_deadline_at LIMIT $3 FOR UPDATE SKIP LOCKED
) RETURNING order_id, shipment_id
"""
_NEXT_MOVE: Final = "SELECT min(move_deadline_at) AS at FROM shipments WHERE move_deadline_at IS NOT NULL"


async def earliest(transaction: Transaction, query: str, *values: Any) -> datetime | None:
    """Tell when the next row is due, by a query that names it `at`."""
    at: datetime | None = (await transaction.fetch(query, *values))[0]["at"]
    return at


@dataclass(frozen=True, slots=True)
class LabelWanted:
    """A label to be bought for a parcel; the warehouse's address is None while we do not know the warehouse."""

    label_id: UUID
    order_id: UUID
    shipment_id: UUID
    carrier: str | None
    service: str | None
    origin: Address | None = field(repr=False)
    destination: Address = field(repr=False)
    weight_grams: int
    attempt: int
    at: datetime

    @property
    def cause(self) -> Cause:
        """Say that the shipment's label is being bought."""
        return Cause("order", self.at, correlation_id=str(self.order_id))

    @classmethod
    async def claim(cls, transaction: Transaction, limit: int) -> Sequence[Self]:
        """Claim labels to be bought."""
        now = transaction.now
        rows = await transaction.fetch(_CLAIM_WANTED, now, now + LEASE, limit)
        return [cls._of(row, now) for row in rows]

    @classmethod
    def _of(cls, row: Mapping[str, Any], now: datetime) -> Self:
        return cls(
            label_id=row["label_id"],
            order_id=row["order_id"],
            shipment_id=row["shipment_id"],
            carrier=row["wanted_carrier"],
            service=row["wanted_service"],
            origin=origin_of(row),
            destination=Address.model_validate(row["shipping_address"]),
            weight_grams=max(LIGHTEST_GRAMS, row["grams"]),
            attempt=row["attempts"],
            at=now,
        )

    @classmethod
    async def next_due(cls, transaction: Transaction) -> datetime | None:
        """Tell when the next label is to be bought."""
        return await earliest(transaction, _NEXT, "wanted")


def origin_of(row: Mapping[str, Any]) -> Address | None:
    """Read a warehouse's address beside other columns; its name stands in `origin_name`."""
    if row["origin_name"] is None:
        return None
    return Address(
        name=row["origin_name"],
        line1=row["line1"],
        city=row["city"],
        postal_code=row["postal_code"],
        region=row["region"],
        country=row["country"],
    )


@dataclass(frozen=True, slots=True)
class LabelUnwanted:
    """A label to be given back; `reference` None: it is not known whether it was ever bought."""

    label_id: UUID
    order_id: UUID
    reference: str | None
    attempt: int
    at: datetime

    @property
    def cause(self) -> Cause:
        """Say that the shipment's label is being given back."""
        return Cause("order", self.at, correlation_id=str(self.order_id))

    @classmethod
    async def claim(cls, transaction: Transaction, limit: int) -> Sequence[Self]:
        """Claim labels to be given back."""
        now = transaction.now
        rows = await transaction.fetch(_CLAIM_UNWANTED, now, now + LEASE, limit)
        return [cls(row["label_id"], row["order_id"], row["reference"], row["attempts"], now) for row in rows]

    @classmethod
    async def next_due(cls, transaction: Transaction) -> datetime | None:
        """Tell when the next label is to be given back."""
        return await earliest(transaction, _NEXT, "unwanted")


@dataclass(frozen=True, slots=True)
class ParcelUnheard:
    """A parcel of which its carrier has told nothing for long."""

    order_id: UUID
    shipment_id: UUID
    carrier: str | None
    tracking_number: str | None
    at: datetime

    @property
    def cause(self) -> Cause:
        """Say that it is the carrier's word that counts."""
        return Cause("carrier", self.at, correlation_id=str(self.order_id))

    @classmethod
    async def claim(cls, transaction: Transaction, limit: int) -> Sequence[Self]:
        """Claim parcels to be asked about."""
        now = transaction.now
        rows = await transaction.fetch(_CLAIM_LOOKS, now, now + LEASE, limit)
        return [cls(row["order_id"], row["shipment_id"], row["carrier"], row["tracking_number"], now) for row in rows]

    @classmethod
    async def next_due(cls, transaction: Transaction) -> datetime | None:
        """Tell when the next parcel is to be asked about."""
        return await earliest(transaction, _NEXT_LOOK)


@dataclass(frozen=True, slots=True)
class LateMove:
    """A parcel whose move to another warehouse nobody has answered."""

    order_id: UUID
    shipment_id: UUID
    at: datetime

    @property
    def cause(self) -> Cause:
        """Say that nobody but time asked for it."""
        return Cause("deadline", self.at, correlation_id=str(self.order_id))

    @classmethod
    async def claim(cls, transaction: Transaction, limit: int) -> Sequence[Self]:
        """Claim moves past their deadline; noting it clears it."""
        now = transaction.now
        rows = await transaction.fetch(_CLAIM_MOVES, now, now + LEASE, limit)
        return [cls(row["order_id"], row["shipment_id"], now) for row in rows]

    @classmethod
    async def next_due(cls, transaction: Transaction) -> datetime | None:
        """Tell when the next deadline passes."""
        return await earliest(transaction, _NEXT_MOVE)
