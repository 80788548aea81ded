"""Reservations and stock, loaded and written for a whole batch at once.

Rows are locked in key order, reservations before stock, in every transaction: two batches never wait for each other, and
the last unit is decided under its stock row's lock. A batch is written by one statement that appends the movements to the
ledger, adds them to the counters and keeps the reservations and the queue of those who wait, so that the counters are what the
ledger adds up to and the queue is what the reservations say.

What a statement reads beside the rows it locks may be older than those rows: how much is waited for, and whether a shelf was
just filled for the first time. Where something was decided by that, the writing statement looks again, and the batch is tried
anew if it was wrong.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, ClassVar, Final
from uuid import UUID

import asyncpg
from pydantic_core import to_json

from chassis.database import Transaction
from contracts.order import ChangeKind, OrderChanged, OrderChangeRequested, OrderPlaced, ReturnReceived
from inventory.model import (
    AdjustStock,
    HeldLine,
    NotHeldError,
    Posting,
    ReceivedLine,
    Reservation,
    Shelves,
    StockPlace,
    TakeStock,
    TransferStock,
    WaitingLine,
)
from inventory.store.due import RestockDue
from inventory.store.stocked import STOCK_OF, read_shelves

PAGE: Final = 200
"""So many orders that wait for a product are looked at in one go."""

_RESERVATION_COLUMNS: Final = "order_id, user_id, status, lines, waiting, shipments, receipts, version, created_at, updated_at"

_LOCK_RESERVATIONS: Final = f"""
SELECT {_RESERVATION_COLUMNS} FROM reservation WHERE order_id = ANY($1::uuid[]) ORDER BY order_id FOR NO KEY UPDATE
"""

# Those who wait for products that came in, oldest first, from where the last look ended.
_WAITING: Final = """
SELECT d.sku, b.order_id, b.since
FROM unnest($1::text[], $2::timestamptz[], $3::uuid[]) AS d(sku, after_since, after_order)
CROSS JOIN LATERAL (
    SELECT order_id, since FROM backorder
    WHERE part = d.sku AND (d.after_order IS NULL OR (since, order_id) > (d.after_since, d.after_order))
    ORDER BY since, order_id LIMIT $4
) AS b
"""

# Empty shelves for what is taken in for the first time; the joins leave out what no one knows.
_MAKE_ROOM: Final = """
INSERT INTO stock (sku, warehouse_id)
SELECT DISTINCT p.sku, w.warehouse_id FROM unnest($1::text[], $2::text[]) AS new(sku, warehouse_id)
JOIN product p ON p.sku = new.sku AND p.components = '[]' JOIN warehouse w ON w.warehouse_id = new.warehouse_id
ORDER BY p.sku, w.warehouse_id ON CONFLICT (sku, warehouse_id) DO NOTHING
RETURNING sku
"""

_LOCK_STOCK: Final = STOCK_OF.format(lock="ORDER BY s.sku, s.warehouse_id FOR NO KEY UPDATE OF s")

_WRITE: Final = f"""
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
), kept AS (
    INSERT INTO reservation AS r ({_RESERVATION_COLUMNS})
    SELECT order_id, user_id, status, lines::jsonb, waiting::jsonb, shipments::jsonb, receipts::jsonb, version, created_at,
        updated_at
    FROM unnest($12::uuid[], $13::text[], $14::text[], $15::text[], $16::text[], $17::text[], $18::text[], $19::int[],
                $20::timestamptz[], $21::timestamptz[]) AS c({_RESERVATION_COLUMNS})
    ON CONFLICT (order_id) DO UPDATE
    SET status = excluded.status, lines = excluded.lines, waiting = excluded.waiting, shipments = excluded.shipments,
        receipts = excluded.receipts, version = excluded.version, updated_at = excluded.updated_at
    WHERE r.version = excluded.version - 1
    RETURNING r.order_id
), left_queue AS (
    DELETE FROM backorder b USING unnest($22::uuid[], $23::text[], $24::text[]) AS g(order_id, sku, part)
    WHERE b.order_id = g.order_id AND b.sku = g.sku AND b.part = g.part
), queued AS (
    INSERT INTO backorder (order_id, sku, part, quantity, units, since)
    SELECT * FROM unnest($25::uuid[], $26::text[], $27::text[], $28::bigint[], $29::bigint[], $30::timestamptz[])
    ON CONFLICT (order_id, sku, part) DO UPDATE
    SET quantity = excluded.quantity, units = excluded.units, since = excluded.since
), due AS (
    INSERT INTO restock (sku, due_at)
    SELECT sku, $33 FROM (
        SELECT sku FROM unnest($31::text[]) AS came(sku) WHERE EXISTS (SELECT FROM backorder b WHERE b.part = came.sku)
        UNION SELECT sku FROM unnest($32::text[]) AS due(sku)
    ) AS looked_for ORDER BY sku
    ON CONFLICT (sku) DO UPDATE SET due_at = excluded.due_at, after_since = NULL, after_order = NULL, ahead = '{{}}'
    RETURNING sku
)
SELECT 'kept' AS what, order_id::text AS name FROM kept
UNION ALL SELECT 'due', sku FROM due
UNION ALL SELECT 'stale', d.sku FROM unnest($34::text[], $35::int[], $36::bigint[]) AS d(sku, rows, waiting)
WHERE d.rows <> (SELECT count(*) FROM stock s WHERE s.sku = d.sku)
    OR d.waiting <> (SELECT coalesce(sum(b.units), 0) FROM backorder b WHERE b.part = d.sku)
"""

_LOOKED_AT: Final = """
DELETE FROM restock r USING unnest($1::text[], $2::timestamptz[]) AS d(sku, due_at) WHERE r.sku = d.sku AND r.due_at = d.due_at
"""
_LOOK_ON: Final = """
UPDATE restock r SET due_at = $6, after_since = d.after_since, after_order = d.after_order, ahead = d.ahead
FROM unnest($1::text[], $2::timestamptz[], $3::timestamptz[], $4::uuid[], $5::jsonb[])
    AS d(sku, due_at, after_since, after_order, ahead)
WHERE r.sku = d.sku AND r.due_at = d.due_at
"""

Queued = dict[tuple[UUID, str, str], tuple[int, int, datetime]]
"""Who waits: quantity, units of the part and since when, by order, product and part."""


class StockRoom:
    """Reservations, and the stock rows of every product they or the batch's messages name."""

    lock_rank: ClassVar[int] = 20

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction
        self._reservations: dict[UUID, Reservation] = {}
        self._versions: dict[UUID, int] = {}
        self._queued: Queued = {}
        self._pages: dict[str, list[tuple[datetime, UUID]]] = {}
        self._looked_at: list[RestockDue] = []
        self._ahead: dict[str, dict[str, int]] = {}
        self._filled: set[str] = set()
        self.shelves = Shelves((), {}, {})

    async def fetch(self, messages: Sequence[Any]) -> None:
        """Lock the reservations of the messages' orders, then the stock of the products concerned."""
        orders = {message.order_id for message in messages if hasattr(message, "order_id")}
        due = [message for message in messages if isinstance(message, RestockDue)]
        if due:
            orders |= await self._find_waiting(due)
        if orders:
            await self._lock_reservations(list(orders))
        filled = {place for message in messages for place in self._filled_by(message)}
        if filled:
            await self._make_room(sorted(filled))
        skus = {sku for message in messages for sku in self._concerned(message)}
        if skus:
            self.shelves = read_shelves(await self._transaction.fetch(_LOCK_STOCK, list(skus)))
            self.shelves.due |= self._filled

    def reservation(self, order_id: UUID) -> Reservation | None:
        """Answer what is held for an order; None where it was never heard of."""
        return self._reservations.get(order_id)

    def known(self, order_id: UUID) -> Reservation:
        """Answer what is held for an order; raises NotHeldError where it was never heard of."""
        found = self._reservations.get(order_id)
        if found is None:
            raise NotHeldError(f"Nothing was ever held for order {order_id}.")
        return found

    def keep(self, reservation: Reservation) -> Reservation:
        """Take up a new reservation."""
        self._reservations[reservation.order_id] = reservation
        return reservation

    def waiting(self, due: RestockDue) -> Sequence[Reservation]:
        """Answer the reservations to look at that wait for a product, and note that they are looked at."""
        self._looked_at.append(due)
        orders = dict.fromkeys(order_id for _, order_id in self._pages.get(due.sku, ()))
        return [self._reservations[order_id] for order_id in orders if order_id in self._reservations]

    def ahead(self, due: RestockDue) -> dict[str, int]:
        """Answer the units that are kept for those looked at before, for the look at hand to add to."""
        self._ahead[due.sku] = dict(due.ahead)
        return self._ahead[due.sku]

    async def flush(self) -> None:
        """Write movements, counters, reservations and the queue in one statement.

        Raises asyncpg.SerializationError, on which the batch is tried again, where another process wrote one of these
        reservations first (which can only be one that has lost the partition and does not know yet), or where others changed
        meanwhile how much is waited for.
        """
        shelves = self.shelves
        changed = [one for one in self._reservations.values() if one.version != self._versions.get(one.order_id)]
        if shelves.movements or changed or shelves.due:
            written = await self._transaction.fetch(_WRITE, *self._columns(changed))
            kept = sum(row["what"] == "kept" for row in written)
            if kept != len(changed):
                raise asyncpg.SerializationError("another process has written one of these reservations")
            if any(row["what"] == "stale" for row in written):
                raise asyncpg.SerializationError("what is waited for has changed meanwhile")
            if len(written) > kept:
                self._transaction.wake("allocate_backorders")
        if self._looked_at:
            await self._conclude_looks()

    def _columns(self, changed: Sequence[Reservation]) -> Iterable[Any]:
        """Lay out all that is written, a list for each column."""
        shelves = self.shelves
        queued = _queue(changed)
        before = {key: value for key, value in self._queued.items() if key[0] in {one.order_id for one in changed}}
        gone = [key for key in before if key not in queued]
        new = {key: value for key, value in queued.items() if before.get(key) != value}
        doubtful = [(sku, *shelves.seen(sku)) for sku in sorted(shelves.doubtful)]
        yield from _transposed(shelves.movements, len(Posting._fields))
        yield [one.order_id for one in changed]
        yield [one.user_id for one in changed]
        yield [one.status for one in changed]
        # As text: an array of lists would count as one of more dimensions.
        yield [to_json([line.document() for line in one.lines]).decode() for one in changed]
        yield [to_json([line.document() for line in one.waiting]).decode() for one in changed]
        yield [to_json(one.shipments).decode() for one in changed]
        yield [to_json([line.document() for line in one.receipts]).decode() for one in changed]
        yield [self._versions.get(one.order_id, 0) + 1 for one in changed]
        yield [one.created_at for one in changed]
        yield [one.updated_at for one in changed]
        yield from _transposed(gone, 3)
        yield from _transposed([(*key, *value) for key, value in new.items()], 6)
        yield list(shelves.came_in)
        yield list(shelves.due)
        yield self._transaction.now
        yield from _transposed(doubtful, 3)

    def _filled_by(self, message: Any) -> Iterable[StockPlace]:
        """Name the places where a message lets units come in."""
        if isinstance(message, AdjustStock | TransferStock | TakeStock):
            return message.filled
        if isinstance(message, ReturnReceived):
            return [StockPlace(sku, message.warehouse_id) for sku in self._returned(message)]
        return ()

    def _returned(self, message: ReturnReceived) -> Iterable[str]:
        """Name the products that come back, bundles by what they were made of when they were sent."""
        known = self._reservations.get(message.order_id)
        products = {line.product_id for line in message.lines}
        return {part for line in (known.lines if known else ()) if line.product_id in products for part in line.parts}

    def _concerned(self, message: Any) -> Iterable[str]:
        """Name the products whose stock a message may change."""
        if isinstance(message, AdjustStock | TransferStock | TakeStock):
            return {place.sku for place in message.places}
        if isinstance(message, RestockDue):
            lookers = [self._reservations.get(order_id) for _, order_id in self._pages.get(message.sku, ())]
            return {message.sku, *(part for one in lookers if one for line in one.waiting for part in line.parts)}
        if isinstance(message, ReturnReceived):
            return self._returned(message)
        known = self._reservations.get(message.order_id)
        if isinstance(message, OrderPlaced):
            return () if known else [line.product_id for line in message.items]
        if isinstance(message, OrderChanged) and message.kind is ChangeKind.ADDRESS:
            return ()
        added = [line.product_id for line in message.lines] if isinstance(message, OrderChangeRequested) else []
        return [*added, *_parts_of(known)]

    async def _find_waiting(self, due: Sequence[RestockDue]) -> set[UUID]:
        places = [one.after or (None, None) for one in due]
        rows = await self._transaction.fetch(
            _WAITING, [one.sku for one in due], [place[0] for place in places], [place[1] for place in places], PAGE
        )
        for row in rows:
            self._pages.setdefault(row["sku"], []).append((row["since"], row["order_id"]))
        return {row["order_id"] for row in rows}

    async def _lock_reservations(self, orders: Sequence[UUID]) -> None:
        for row in await self._transaction.fetch(_LOCK_RESERVATIONS, orders):
            lines = [HeldLine(**line) for line in row["lines"]]
            waiting = [WaitingLine.read(line) for line in row["waiting"]]
            receipts = [ReceivedLine(**line) for line in row["receipts"]]
            reservation = self.keep(Reservation.stored({**row, "lines": lines, "waiting": waiting, "receipts": receipts}))
            self._versions[reservation.order_id] = reservation.version
            if waiting:
                self._queued |= _queue([reservation])

    async def _make_room(self, places: Sequence[StockPlace]) -> None:
        rows = await self._transaction.fetch(_MAKE_ROOM, *_transposed(places, 2))
        self._filled = {row["sku"] for row in rows}

    async def _conclude_looks(self) -> None:
        """Let products go that were looked at; where more orders wait and there is more to give, the look goes on."""
        further = [
            due
            for due in self._looked_at
            if len(self._pages.get(due.sku, ())) == PAGE and self.shelves.total(due.sku) > self._ahead[due.sku].get(due.sku, 0)
        ]
        done = [due for due in self._looked_at if due not in further]
        if done:
            await self._transaction.fetch(_LOOKED_AT, [due.sku for due in done], [due.due_at for due in done])
        if further:
            last = [max(self._pages[due.sku]) for due in further]
            await self._transaction.fetch(
                _LOOK_ON,
                [due.sku for due in further],
                [due.due_at for due in further],
                [since for since, _ in last],
                [order_id for _, order_id in last],
                [self._ahead[due.sku] for due in further],
                self._transaction.now,
            )
            self._transaction.wake("allocate_backorders")


def _parts_of(reservation: Reservation | None) -> Iterable[str]:
    """Name the products that are held or waited for."""
    if reservation is not None and reservation.is_live:
        for held in reservation.lines:
            yield from held.parts
        for waiting in reservation.waiting:
            yield from waiting.parts


def _queue(reservations: Iterable[Reservation]) -> Queued:
    """Write down who waits for what: one entry for each product of an order and each part of it, at its oldest place."""
    queue: Queued = {}
    for reservation in reservations:
        for line in reservation.waiting:
            for part, each in line.parts.items():
                key = (reservation.order_id, line.product_id, part)
                quantity, units, since = queue.get(key, (0, 0, line.since))
                queue[key] = (quantity + line.quantity, units + line.quantity * each, min(since, line.since))
    return queue


def _transposed(rows: Sequence[tuple[Any, ...]], width: int) -> list[list[Any]]:
    """Turn rows into columns."""
    return [list(column) for column in zip(*rows, strict=True)] or [[] for _ in range(width)]
