"""Reservations and stock, loaded and written for a whole batch at once.

Rows are locked in key order, reservations before stock, in every transaction: two batches never wait for each other, and
the last unit is decided under its stock row's lock. A batch is written by one statement that appends the movements to the
ledger, adds them to the counters and keeps the reservations, so that the counters are what the ledger adds up to.
"""

from collections.abc import Sequence
from typing import Any, ClassVar, Final
from uuid import UUID

import asyncpg
from pydantic_core import to_json

from chassis.database import Transaction
from contracts.order import OrderCancelled, OrderPlaced, ShipmentDispatched
from inventory.model import AdjustStock, HeldLine, Posting, Reservation, Shelves, Stock

_LOCK_RESERVATIONS: Final = """
SELECT order_id, user_id, status, lines, shipments, version, created_at, updated_at
FROM reservation WHERE order_id = ANY($1::uuid[]) ORDER BY order_id FOR NO KEY UPDATE
"""

# Empty shelves for what is taken in for the first time; the joins leave out what no one knows.
_MAKE_ROOM: Final = """
INSERT INTO stock (sku, warehouse_id)
SELECT DISTINCT p.sku, w.warehouse_id FROM unnest($1::text[], $2::text[]) AS new(sku, warehouse_id)
JOIN product p ON p.sku = new.sku JOIN warehouse w ON w.warehouse_id = new.warehouse_id
ORDER BY p.sku, w.warehouse_id ON CONFLICT (sku, warehouse_id) DO NOTHING
"""

_LOCK_STOCK: Final = """
SELECT s.sku, s.warehouse_id, s.on_hand, s.reserved, p.active, w.country
FROM stock s JOIN product p ON p.sku = s.sku JOIN warehouse w ON w.warehouse_id = s.warehouse_id
WHERE s.sku = ANY($1::text[]) ORDER BY s.sku, s.warehouse_id FOR NO KEY UPDATE OF s
"""

_WRITE: Final = """
WITH posted AS (
    INSERT INTO stock_movement (movement_id, sku, warehouse_id, kind, on_hand_delta, reserved_delta, reason, order_id,
                                shipment_id, actor, at)
    SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::bigint[], $7::text[], $8::uuid[],
                         $9::uuid[], $10::text[], $11::timestamptz[])
    RETURNING sku, warehouse_id, on_hand_delta, reserved_delta
), counted AS (
    UPDATE stock s SET on_hand = s.on_hand + m.on_hand, reserved = s.reserved + m.reserved
    FROM (SELECT sku, warehouse_id, sum(on_hand_delta)::bigint AS on_hand, sum(reserved_delta)::bigint AS reserved
          FROM posted GROUP BY sku, warehouse_id) AS m
    WHERE s.sku = m.sku AND s.warehouse_id = m.warehouse_id
)
INSERT INTO reservation AS r (order_id, user_id, status, lines, shipments, version, created_at, updated_at)
SELECT order_id, user_id, status, lines::jsonb, shipments::jsonb, version, created_at, updated_at
FROM unnest($12::uuid[], $13::text[], $14::text[], $15::text[], $16::text[], $17::int[], $18::timestamptz[], $19::timestamptz[])
    AS c(order_id, user_id, status, lines, shipments, version, created_at, updated_at)
ON CONFLICT (order_id) DO UPDATE
SET status = excluded.status, lines = excluded.lines, shipments = excluded.shipments, version = excluded.version,
    updated_at = excluded.updated_at
WHERE r.version = excluded.version - 1
RETURNING r.order_id
"""


class StockRoom:
    """Reservations, and the stock rows of every product they or the batch's messages name."""

    lock_rank: ClassVar[int] = 20

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction
        self._reservations: dict[UUID, Reservation] = {}
        self._versions: dict[UUID, int] = {}
        self.shelves = Shelves((), {}, {})

    async def fetch(self, messages: Sequence[Any]) -> None:
        """Lock the reservations of the messages' orders, then the stock of the products concerned."""
        orders = {message.order_id for message in messages if not isinstance(message, AdjustStock)}
        if orders:
            await self._lock_reservations(list(orders))
        adjustments = [message for message in messages if isinstance(message, AdjustStock)]
        if adjustments:
            await self._make_room([wish for wish in adjustments if wish.delta > 0])
        skus = self._concerned(messages)
        if skus:
            await self._lock_stock(list(skus), adjusting=bool(adjustments))

    def reservation(self, order_id: UUID) -> Reservation | None:
        """Answer what is held for an order; None where it was never heard of."""
        return self._reservations.get(order_id)

    def keep(self, reservation: Reservation) -> Reservation:
        """Take up a new reservation."""
        self._reservations[reservation.order_id] = reservation
        return reservation

    async def flush(self) -> None:
        """Write movements, counters and reservations in one statement.

        Raises asyncpg.SerializationError, on which the batch is tried again, where another process wrote one of these
        reservations first (which can only be one that has lost the partition and does not know yet).
        """
        movements = self.shelves.movements
        changed = [one for one in self._reservations.values() if one.version != self._versions.get(one.order_id)]
        if not movements and not changed:
            return
        written = await self._transaction.fetch(
            _WRITE,
            *([list(column) for column in zip(*movements, strict=True)] or [[]] * len(Posting._fields)),
            [one.order_id for one in changed],
            [one.user_id for one in changed],
            [one.status for one in changed],
            [
                to_json(one.lines).decode() for one in changed
            ],  # as text: an array of lists would count as one of more dimensions
            [to_json(one.shipments).decode() for one in changed],
            [self._versions.get(one.order_id, 0) + 1 for one in changed],
            [one.created_at for one in changed],
            [one.updated_at for one in changed],
        )
        if len(written) != len(changed):
            raise asyncpg.SerializationError("another process has written one of these reservations")

    def _concerned(self, messages: Sequence[Any]) -> set[str]:
        """Name the products whose stock the messages may change."""
        skus: set[str] = set()
        for message in messages:
            if isinstance(message, AdjustStock):
                skus.add(message.sku)
            elif isinstance(message, OrderPlaced) and message.order_id not in self._reservations:
                skus.update(line.product_id for line in message.items)
            elif isinstance(message, OrderCancelled | ShipmentDispatched):
                known = self._reservations.get(message.order_id)
                if known is not None and known.is_live:
                    skus.update(line.product_id for line in known.lines)
        return skus

    async def _lock_reservations(self, orders: Sequence[UUID]) -> None:
        for row in await self._transaction.fetch(_LOCK_RESERVATIONS, orders):
            values = {**row, "lines": [HeldLine(**line) for line in row["lines"]]}
            reservation = self.keep(Reservation.stored(values))
            self._versions[reservation.order_id] = reservation.version

    async def _make_room(self, wishes: Sequence[AdjustStock]) -> None:
        if wishes:
            await self._transaction.fetch(_MAKE_ROOM, [wish.sku for wish in wishes], [wish.warehouse_id for wish in wishes])

    async def _lock_stock(self, skus: Sequence[str], *, adjusting: bool) -> None:
        rows = await self._transaction.fetch(_LOCK_STOCK, skus)
        active = {row["sku"]: row["active"] for row in rows}
        countries = {row["warehouse_id"]: row["country"] for row in rows}
        unseen = [sku for sku in skus if sku not in active]
        if unseen:  # never stocked, or not in the catalogue: the answer tells which
            known = await self._transaction.fetch("SELECT sku, active FROM product WHERE sku = ANY($1::text[])", unseen)
            active |= {row["sku"]: row["active"] for row in known}
        if adjusting:
            everywhere = await self._transaction.fetch("SELECT warehouse_id, country FROM warehouse")
            countries = {row["warehouse_id"]: row["country"] for row in everywhere}
        stock = (
            Stock(sku=row["sku"], warehouse_id=row["warehouse_id"], on_hand=row["on_hand"], reserved=row["reserved"])
            for row in rows
        )
        self.shelves = Shelves(stock, active, countries)
