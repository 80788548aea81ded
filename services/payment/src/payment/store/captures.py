"""Captures: one row per shipment, found by the orders a batch is about."""

from collections.abc import Sequence
from typing import Any, ClassVar, Final
from uuid import UUID

from chassis.database import Transaction
from payment.model import Capture
from payment.store.payments import MadeElsewhereError
from payment.store.rows import Columns

CAPTURES: Final = Columns(
    "capture",
    ("order_id", "shipment_id"),
    {
        "order_id": "uuid",
        "shipment_id": "uuid",
        "capture_id": "uuid",
        "amount": "bigint",
        "currency": "text",
        "status": "text",
        "code": "text",
        "due_at": "timestamptz",
        "attempts": "int",
        "sent_at": "timestamptz",
        "actor": "text",
        "causation_id": "uuid",
        "traceparent": "text",
        "created_at": "timestamptz",
    },
)


class CaptureStore:
    """The captures of the orders that a batch of messages is about."""

    lock_rank: ClassVar[int] = 20

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction
        self._found: dict[UUID, dict[UUID, Capture]] = {}
        self._before: dict[tuple[UUID, UUID], tuple[Any, ...]] = {}
        self._new: list[Capture] = []

    async def fetch(self, messages: Sequence[Any]) -> None:
        """Load and lock all captures of the orders."""
        orders = list({message.order_id for message in messages})
        query = "SELECT * FROM capture WHERE order_id = ANY($1::uuid[]) ORDER BY order_id, shipment_id FOR UPDATE"
        for row in await self._transaction.fetch(query, orders):
            capture = Capture.stored(row)
            self._found.setdefault(capture.order_id, {})[capture.shipment_id] = capture
            self._before[capture.order_id, capture.shipment_id] = CAPTURES.snapshot(capture)

    def get(self, order_id: UUID, shipment_id: UUID) -> Capture | None:
        """Answer the capture of a shipment, if there is one."""
        return self._found.get(order_id, {}).get(shipment_id)

    def known(self, order_id: UUID, shipment_id: UUID) -> Capture:
        """Answer the capture that a job has worked on; raises LookupError where it is gone."""
        capture = self.get(order_id, shipment_id)
        if capture is None:
            raise LookupError(f"the capture of shipment {shipment_id} is gone")
        return capture

    def of(self, order_id: UUID) -> Sequence[Capture]:
        """Answer all captures of an order."""
        return list(self._found.get(order_id, {}).values())

    def under_way(self, order_id: UUID) -> bool:
        """Tell whether a capture of the order has no outcome yet."""
        return any(capture.pending for capture in self.of(order_id))

    def add(self, capture: Capture) -> None:
        """Keep a new capture."""
        self._found.setdefault(capture.order_id, {})[capture.shipment_id] = capture
        self._new.append(capture)

    async def flush(self) -> None:
        """Write new and changed captures."""
        changed = [
            self._found[order][shipment]
            for (order, shipment), before in self._before.items()
            if CAPTURES.snapshot(self._found[order][shipment]) != before
        ]
        if self._new:
            await self._insert(sorted(self._new, key=lambda capture: (capture.order_id, capture.shipment_id)))
        if changed:
            await self._transaction.fetch(CAPTURES.update, *CAPTURES.arrays(changed))
        if any(self.under_way(capture.order_id) for capture in [*self._new, *changed]):
            self._transaction.wake("capture")

    async def _insert(self, captures: Sequence[Capture]) -> None:
        query = f"{CAPTURES.insert} ON CONFLICT (order_id, shipment_id) DO NOTHING RETURNING shipment_id"
        if len(await self._transaction.fetch(query, *CAPTURES.arrays(captures))) != len(captures):
            raise MadeElsewhereError("a capture of the same shipment was made at the same time")
