"""One picture of each order: what the four services and the PSP know of it, side by side.

Each database streams its rows in the order of their order ids, and the streams are merged; so an order that only one of them
knows shows as such, and memory holds some thousands of rows whatever the number of orders.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from waybill.reconciliation.sources import Snapshot

CHUNK: Final = 5000
Row = Mapping[str, Any]

_UNITS: Final = "(SELECT sum((line ->> 'quantity')::int) FROM jsonb_array_elements(lines) line)"
_SHIPPED: Final = "(SELECT sum((line ->> 'shipped')::int) FROM jsonb_array_elements(lines) line)"

ORDERS: Final = f"""
SELECT o.order_id, o.user_id, o.status, o.order_state, o.payment_state, o.fulfilment_state, o.hold_reason, o.total_amount,
    o.currency, o.captured_amount, o.refunded_amount, o.units, o.shipped_units, o.delivered_units, o.released_at, o.voided_at,
    o.deadline_at, o.updated_at, o.contact ->> 'phone' IS NOT NULL AS has_phone,
    i.total AS items_total, i.units AS items_units,
    s.ids AS shipment_ids, s.states AS shipment_states, s.amounts AS shipment_amounts, s.units AS shipment_units,
    f.ids AS fact_ids, f.types AS fact_types, f.times AS fact_times
FROM orders o
LEFT JOIN (
    SELECT order_id, sum(subtotal)::bigint AS total, sum(quantity)::bigint AS units FROM order_items GROUP BY order_id
) i USING (order_id)
LEFT JOIN (
    SELECT order_id, array_agg(shipment_id) AS ids, array_agg(state) AS states, array_agg(amount) AS amounts,
        array_agg({_UNITS}) AS units
    FROM shipments GROUP BY order_id
) s USING (order_id)
LEFT JOIN (
    SELECT aggregateid::uuid AS order_id, array_agg(id) AS ids, array_agg(type) AS types, array_agg(occurred_at) AS times
    FROM outbox WHERE aggregatetype = 'order.events' GROUP BY aggregateid
) f USING (order_id)
ORDER BY o.order_id
"""

PAYMENTS: Final = """
SELECT order_id, p.status, p.amount, p.currency, p.authorized_amount, p.captured_amount, p.released_amount, p.refunded_amount,
    p.psp_reference, p.code, p.action, p.due_at, p.updated_at, p.payment_id IS NOT NULL AS known,
    c.shipments AS capture_shipments, c.states AS capture_states, c.amounts AS capture_amounts, c.last_made
FROM payment p FULL JOIN (
    SELECT order_id, array_agg(shipment_id) AS shipments, array_agg(status) AS states, array_agg(amount) AS amounts,
        max(created_at) AS last_made
    FROM capture GROUP BY order_id
) c USING (order_id)
ORDER BY order_id
"""

RESERVATIONS: Final = f"""
SELECT order_id, r.status, coalesce(r.units, 0) AS units, coalesce(r.shipped, 0) AS shipped, r.shipments, r.updated_at,
    coalesce(m.reserved, 0) AS ledger_reserved, coalesce(m.shipped, 0) AS ledger_shipped, m.last_made
FROM (
    SELECT order_id, status, {_UNITS} AS units, {_SHIPPED} AS shipped, updated_at,
        (SELECT array_agg(s::uuid) FROM jsonb_array_elements_text(shipments) s) AS shipments
    FROM reservation
) r FULL JOIN (
    SELECT order_id, sum(reserved_delta)::bigint AS reserved, max(at) AS last_made,
        -(sum(on_hand_delta) FILTER (WHERE kind = 'shipped'))::bigint AS shipped
    FROM stock_movement WHERE order_id IS NOT NULL GROUP BY order_id
) m USING (order_id)
ORDER BY order_id
"""

DELIVERIES: Final = """
SELECT c.order_id, c.state, c.phone IS NOT NULL AS has_phone, d.templates, d.events, d.channels, d.states, d.times
FROM contact c LEFT JOIN (
    SELECT order_id, array_agg(template) AS templates, array_agg(event_id) AS events, array_agg(channel) AS channels,
        array_agg(status) AS states, array_agg(created_at) AS times
    FROM delivery GROUP BY order_id
) d USING (order_id)
ORDER BY c.order_id
"""

STREAMS: Final = {"order": ORDERS, "payment": PAYMENTS, "inventory": RESERVATIONS, "notification": DELIVERIES}


@dataclass(frozen=True, slots=True)
class Capture:
    """A capture in the PSP's books; `amount` in minor units."""

    amount: int
    idempotency_key: str


@dataclass(frozen=True, slots=True)
class Intent:
    """A payment in the PSP's books; amounts in minor units."""

    reference: str
    currency: str
    authorised: int
    open: int
    captured: int
    refunded: int
    captures: Sequence[Capture]


@dataclass(frozen=True, slots=True)
class Picture:
    """What is known of one order, and by whom; None where a service has no row of it. `intents` are the PSP's."""

    order_id: UUID
    order: Row | None
    payment: Row | None
    reservation: Row | None
    deliveries: Row | None
    intents: Sequence[Intent]

    def changed_at(self) -> datetime | None:
        """Tell when any service last changed what it knows."""
        looked_at = (
            (self.order, "updated_at"),
            (self.payment, "updated_at"),
            (self.payment, "last_made"),
            (self.reservation, "updated_at"),
            (self.reservation, "last_made"),
        )
        moments: list[datetime] = [row[name] for row, name in looked_at if row is not None and row[name] is not None]
        return max(moments, default=None)


class _Stream:
    """Rows of one statement by order id, read in chunks."""

    def __init__(self, cursor: Any) -> None:
        self._cursor = cursor
        self._rows: Sequence[Row] = ()
        self._at = 0
        self.head: Row | None = None

    async def advance(self) -> None:
        """Move on to the next row; `head` is None at the end."""
        if self._at == len(self._rows):
            self._rows = await self._cursor.fetch(CHUNK)
            self._at = 0
        if self._rows:
            self.head = self._rows[self._at]
            self._at += 1
        else:
            self.head = None


async def pictures(snapshot: Snapshot, intents: Mapping[UUID, Sequence[Intent]]) -> AsyncIterator[Picture]:
    """Give a picture of each order that anybody knows, by order id."""
    streams = {service: _Stream(await snapshot.databases[service].cursor(statement)) for service, statement in STREAMS.items()}
    await asyncio.gather(*(stream.advance() for stream in streams.values()))
    waiting = iter(sorted(intents))
    next_intent = next(waiting, None)
    while True:
        heads = [stream.head["order_id"] for stream in streams.values() if stream.head is not None]
        if next_intent is not None:
            heads.append(next_intent)
        if not heads:
            return
        order_id = min(heads)
        found: dict[str, Row | None] = {}
        for service, stream in streams.items():
            found[service] = None
            if stream.head is not None and stream.head["order_id"] == order_id:
                found[service] = stream.head
                await stream.advance()
        if next_intent == order_id:
            next_intent = next(waiting, None)
        yield Picture(
            order_id,
            found["order"],
            found["payment"],
            found["inventory"],
            found["notification"],
            intents.get(order_id, ()),
        )
