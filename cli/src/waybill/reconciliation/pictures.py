"""One picture of each order: what the four services and the PSP know of it, side by side.

Each database streams its rows in the order of their order ids, and the streams are merged; so an order that only one of them
knows shows as such, and memory holds some thousands of rows whatever the number of orders.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from waybill.reconciliation.sources import KEPT_SINCE, Snapshot

CHUNK: Final = 5000
LATE: Final = "1 minute"
"""A deadline that passed so long ago should have been acted on."""
Row = Mapping[str, Any]

_UNITS: Final = "(SELECT sum((line ->> 'quantity')::int) FROM jsonb_array_elements(lines) line)"

ORDERS: Final = f"""
SELECT o.order_id, o.user_id, o.status, o.order_state, o.payment_state, o.fulfilment_state, o.hold_reason, o.total_amount,
    o.currency, o.captured_amount, o.refunded_amount, o.units, o.shipped_units, o.delivered_units, o.released_at, o.voided_at,
    o.deadline_at, o.updated_at,
    o.payment_action IS NOT NULL AND o.deadline_at > now() - interval '{LATE}' AS customer_acts,
    o.contact ->> 'phone' IS NOT NULL AS has_phone,
    o.shipping_amount, o.shipping_tax_amount, o.tax_amount, o.prices_include_tax, o.backordered,
    i.items, s.shipments, l.labels, c.changes, b.returns,
    s.ids AS shipment_ids, s.states AS shipment_states, s.amounts AS shipment_amounts, s.units AS shipment_units,
    f.ids AS fact_ids, f.types AS fact_types, f.times AS fact_times, f.payloads AS fact_payloads, k.contact_ids
FROM orders o
LEFT JOIN (
    SELECT order_id, jsonb_agg(jsonb_build_object('item_id', item_id, 'product_id', product_id, 'quantity', quantity,
        'price', price, 'subtotal', subtotal, 'discount', discount_amount, 'rate', tax_rate_ppm, 'tax', tax_amount,
        'total', coalesce(total_amount, subtotal)) ORDER BY position) AS items
    FROM order_items GROUP BY order_id
) i USING (order_id)
LEFT JOIN (
    SELECT order_id, array_agg(shipment_id) AS ids, array_agg(state) AS states, array_agg(amount) AS amounts,
        array_agg(coalesce({_UNITS}, 0)) AS units,
        jsonb_agg(jsonb_build_object('shipment_id', shipment_id, 'warehouse_id', warehouse_id, 'state', state, 'lines', lines,
        'amount', amount, 'shipping', shipping_amount, 'carrier', carrier, 'tracking_number', tracking_number,
        'tracking_status', tracking_status, 'label_id', label_id, 'moving_to', moving_to)) AS shipments
    FROM shipments GROUP BY order_id
) s USING (order_id)
LEFT JOIN (
    SELECT order_id, jsonb_agg(jsonb_build_object('label_id', label_id, 'shipment_id', shipment_id, 'state', state,
        'carrier', carrier, 'tracking_number', tracking_number, 'error', error, 'created_at', created_at)
        ORDER BY label_id) AS labels
    FROM shipment_label GROUP BY order_id
) l USING (order_id)
LEFT JOIN (
    SELECT order_id, jsonb_agg(jsonb_build_object('change_id', change_id, 'kind', kind, 'state', state, 'items', items,
        'previous_total', previous_total, 'new_total', new_total, 'reason', reason, 'deadline_at', deadline_at,
        'late', deadline_at < now() - interval '{LATE}', 'stock_at', stock_at, 'money_at', money_at, 'created_at', created_at)
        ORDER BY change_id) AS changes
    FROM order_change GROUP BY order_id
) c USING (order_id)
LEFT JOIN (
    SELECT order_id, jsonb_agg(jsonb_build_object('return_id', return_id, 'receipts', receipts)) AS returns
    FROM order_return GROUP BY order_id
) b USING (order_id)
LEFT JOIN (
    SELECT aggregateid::uuid AS order_id, array_agg(id ORDER BY sequence) AS ids, array_agg(type ORDER BY sequence) AS types,
        array_agg(occurred_at ORDER BY sequence) AS times, array_agg(payload ORDER BY sequence) AS payloads
    FROM outbox WHERE aggregatetype = 'order.events' GROUP BY aggregateid
) f USING (order_id)
LEFT JOIN (
    SELECT aggregateid::uuid AS order_id, array_agg(id) AS contact_ids
    FROM outbox WHERE aggregatetype = 'order.contacts' GROUP BY aggregateid
) k USING (order_id)
ORDER BY o.order_id
"""

# One row for all payments of an order. `status`, `psp_reference` and `code` are the main payment's, `action` and `due_at` of
# whichever is due first. Amounts are sums; `amount` is what the order is to cost: with what was added, less what was taken out.
PAYMENTS: Final = f"""
SELECT order_id, p.status, p.amount - coalesce(r.amount, 0) AS amount, p.currency, p.authorized_amount, p.captured_amount,
    p.released_amount, p.refunded_amount, coalesce(b.amount, 0) AS bounced_amount,
    p.psp_reference, p.code, p.action, p.due_at, p.updated_at,
    p.order_id IS NOT NULL AS known, p.payments, r.reductions,
    c.shipments AS capture_shipments, c.states AS capture_states, c.amounts AS capture_amounts, c.last_made,
    t.asked_ids, t.asked_types, t.asked_payloads,
    ({KEPT_SINCE}) AS kept_since
FROM (
    SELECT order_id, (array_agg(status ORDER BY change_id IS NOT NULL))[1] AS status,
        (sum(amount) FILTER (
            WHERE change_id IS NULL OR (withdrawn_at IS NULL AND status <> 'declined' AND renews IS NULL)
        ))::bigint AS amount,
        (array_agg(currency ORDER BY change_id IS NOT NULL))[1] AS currency,
        sum(authorized_amount)::bigint AS authorized_amount, sum(captured_amount)::bigint AS captured_amount,
        sum(released_amount)::bigint AS released_amount, sum(refunded_amount)::bigint AS refunded_amount,
        (array_agg(psp_reference ORDER BY change_id IS NOT NULL))[1] AS psp_reference,
        (array_agg(code ORDER BY change_id IS NOT NULL))[1] AS code,
        (array_agg(action ORDER BY due_at NULLS LAST))[1] AS action, min(due_at) AS due_at, max(updated_at) AS updated_at,
        jsonb_agg(jsonb_build_object('payment_id', payment_id, 'change_id', change_id, 'status', status, 'amount', amount,
            'authorized', authorized_amount, 'captured', captured_amount, 'released', released_amount,
            'refunded', refunded_amount, 'returned', returned_amount, 'psp_reference', psp_reference, 'currency', currency,
            'action', action, 'due_at', due_at, 'withdrawn', withdrawn_at IS NOT NULL,
            'renews', renews, 'replaced', replaced_at IS NOT NULL)
            ORDER BY change_id IS NOT NULL, payment_id) AS payments
    FROM payment GROUP BY order_id
) p FULL JOIN (
    SELECT order_id, array_agg(shipment_id) AS shipments, array_agg(status) AS states, array_agg(amount) AS amounts,
        max(created_at) AS last_made
    FROM capture GROUP BY order_id
) c USING (order_id)
LEFT JOIN (
    SELECT order_id, sum(amount)::bigint AS amount,
        jsonb_agg(jsonb_build_object('change_id', change_id, 'amount', amount, 'due', due) ORDER BY change_id) AS reductions
    FROM reduction GROUP BY order_id
) r USING (order_id)
LEFT JOIN (
    SELECT order_id, sum(amount)::bigint AS amount FROM refund_part WHERE bounced > 0 AND status <> 'refunded' GROUP BY order_id
) b USING (order_id)
LEFT JOIN (
    SELECT aggregateid::uuid AS order_id, array_agg(id) AS asked_ids, array_agg(type) AS asked_types,
        array_agg(payload) AS asked_payloads
    FROM outbox WHERE type = 'payment.action_required.v1' GROUP BY aggregateid
) t USING (order_id)
ORDER BY order_id
"""

RESERVATIONS: Final = """
SELECT order_id, r.status, r.lines, r.waiting, r.shipments, r.receipts, r.updated_at, a.amendments,
    coalesce(m.reserved, 0) AS ledger_reserved, coalesce(m.shipped, 0) AS ledger_shipped, m.posted,
    greatest(m.last_made, a.last_made) AS last_made
FROM (
    SELECT order_id, status, lines, waiting, receipts, updated_at,
        (SELECT array_agg(s::uuid) FROM jsonb_array_elements_text(shipments) s) AS shipments
    FROM reservation
) r FULL JOIN (
    SELECT order_id, sum(reserved)::bigint AS reserved, max(last_made) AS last_made, sum(shipped)::bigint AS shipped,
        jsonb_agg(jsonb_build_object('shipment_id', shipment_id, 'warehouse_id', warehouse_id, 'sku', sku, 'units', shipped))
            FILTER (WHERE shipment_id IS NOT NULL) AS posted
    FROM (
        SELECT order_id, shipment_id, warehouse_id, sku, sum(reserved_delta) AS reserved, max(at) AS last_made,
            -(sum(on_hand_delta) FILTER (WHERE kind = 'shipped')) AS shipped
        FROM stock_movement WHERE order_id IS NOT NULL GROUP BY order_id, shipment_id, warehouse_id, sku
    ) each GROUP BY order_id
) m USING (order_id) FULL JOIN (
    SELECT order_id, max(updated_at) AS last_made,
        jsonb_agg(jsonb_build_object('change_id', change_id, 'kind', kind, 'status', status) ORDER BY change_id) AS amendments
    FROM amendment GROUP BY order_id
) a USING (order_id)
ORDER BY order_id
"""

DELIVERIES: Final = """
SELECT c.order_id, c.state, c.phone IS NOT NULL AS has_phone, d.templates, d.events, d.channels, d.states, d.times,
    d.attempts, d.errors,
    (SELECT delivery_id FROM delivery WHERE channel = 'sms' ORDER BY delivery_id LIMIT 1) AS first_sms,
    (SELECT delivery_id FROM delivery WHERE channel = 'sms' ORDER BY delivery_id DESC LIMIT 1) AS last_sms
FROM contact c LEFT JOIN (
    SELECT order_id, array_agg(template) AS templates, array_agg(coalesce(resent_event, event_id)) AS events,
        array_agg(channel) AS channels, array_agg(status) AS states, array_agg(created_at) AS times,
        array_agg(attempts - earlier_attempts) AS attempts, array_agg(last_error) AS errors
    FROM delivery GROUP BY order_id
) d USING (order_id)
ORDER BY c.order_id
"""

STREAMS: Final = {"order": ORDERS, "payment": PAYMENTS, "inventory": RESERVATIONS, "notification": DELIVERIES}
DOCUMENTS: Final[Mapping[str, Sequence[str]]] = {
    "order": ("items", "shipments", "labels", "changes", "returns", "backordered"),
    "payment": ("payments", "reductions"),
    "inventory": ("lines", "waiting", "receipts", "posted", "amendments"),
    "notification": (),
}
"""Columns that hold lists of parts; they are read as lists, empty where there are none."""


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
    refunds: Sequence[Capture] = ()
    """Given back on request, each under a key of its own."""


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

    def __init__(self, cursor: Any, documents: Sequence[str]) -> None:
        self._cursor = cursor
        self._documents = documents
        self._rows: Sequence[Row] = ()
        self._at = 0
        self.head: Row | None = None

    async def advance(self) -> None:
        """Move on to the next row; `head` is None at the end."""
        if self._at == len(self._rows):
            self._rows = await self._cursor.fetch(CHUNK)
            self._at = 0
        if self._rows:
            row = self._rows[self._at]
            self.head = {**row, **{name: json.loads(row[name] or "[]") or [] for name in self._documents}}
            self._at += 1
        else:
            self.head = None


async def pictures(snapshot: Snapshot, intents: Mapping[UUID, Sequence[Intent]]) -> AsyncIterator[Picture]:
    """Give a picture of each order that anybody knows, by order id."""
    streams = {
        service: _Stream(await snapshot.databases[service].cursor(statement), DOCUMENTS[service])
        for service, statement in STREAMS.items()
    }
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
