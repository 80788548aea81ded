"""Cash on delivery: what is due for parcels that are on their way, until they are delivered and it is to be booked."""

from collections.abc import Sequence
from typing import Any, ClassVar, Final

from chassis.database import Transaction
from chassis.domain import Cause, new_id
from contracts.order import ShipmentDelivered, ShipmentDispatched

_KEEP: Final = """
INSERT INTO cash_due (order_id, shipment_id, capture_id, amount, currency)
SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::bigint[], $5::text[]) ON CONFLICT DO NOTHING
"""
_COLLECT: Final = """
INSERT INTO capture (order_id, shipment_id, capture_id, amount, currency, status, due_at, attempts, actor, causation_id,
    traceparent, created_at)
SELECT c.order_id, c.shipment_id, c.capture_id, c.amount, c.currency, 'due', n.at, 0, n.actor, n.causation_id, n.traceparent,
    n.at
FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::uuid[], $5::text[], $6::timestamptz[])
    AS n(order_id, shipment_id, actor, causation_id, traceparent, at)
JOIN cash_due c ON c.order_id = n.order_id AND c.shipment_id = n.shipment_id
ON CONFLICT (order_id, shipment_id) DO NOTHING RETURNING shipment_id
"""


class CashStore:
    """What is collected at customers' doors; a delivery of which nothing is to be collected leaves nothing."""

    lock_rank: ClassVar[int] = 21

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction
        self._kept: list[ShipmentDispatched] = []
        self._delivered: list[tuple[ShipmentDelivered, Cause]] = []

    async def fetch(self, messages: Sequence[Any]) -> None:
        """Read nothing: what is due is found where it is collected."""

    def keep(self, event: ShipmentDispatched) -> None:
        """Keep what is due for a parcel until it is delivered."""
        self._kept.append(event)

    def collect(self, event: ShipmentDelivered, cause: Cause) -> None:
        """Have what is due for a delivered parcel booked."""
        self._delivered.append((event, cause))

    async def flush(self) -> None:
        """Write what is due, and what is due no more: it is a capture from now on."""
        if self._kept:
            await self._transaction.fetch(
                _KEEP,
                [one.order_id for one in self._kept],
                [one.shipment_id for one in self._kept],
                [new_id() for _ in self._kept],
                [one.amount.amount for one in self._kept],
                [one.amount.currency for one in self._kept],
            )
        if self._delivered:
            collected = await self._transaction.fetch(
                _COLLECT,
                [one.order_id for one, _ in self._delivered],
                [one.shipment_id for one, _ in self._delivered],
                [cause.actor for _, cause in self._delivered],
                [cause.event_id for _, cause in self._delivered],
                [cause.traceparent for _, cause in self._delivered],
                [cause.at for _, cause in self._delivered],
            )
            if collected:
                self._transaction.wake("draw")
