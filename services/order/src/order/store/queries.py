"""Orders as people look at them: single ones with their parts, and pages of lists. Ownership is in the query."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import sqlalchemy
from sqlalchemy import text
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from chassis.database import fetch
from chassis.domain import NotFoundError
from chassis.pages import page, read_cursor
from order.model import (
    Cart,
    Change,
    HistoryEntry,
    Label,
    Order,
    OrderItem,
    Product,
    Refund,
    Shipment,
    Terms,
    TrackingEvent,
)

_PARCEL: Final = """
SELECT o.shipping_address, s.state, s.warehouse_id,
    w.name AS origin_name, w.line1, w.city, w.postal_code, w.region, w.country,
    (SELECT coalesce(sum(i.weight_grams * (l.line->>'quantity')::int), 0)::int
     FROM jsonb_array_elements(s.lines) AS l(line)
     JOIN order_items i ON i.order_id = s.order_id AND i.item_id = (l.line->>'item_id')::uuid) AS grams
FROM shipments s JOIN orders o ON o.order_id = s.order_id LEFT JOIN warehouse w ON w.warehouse_id = s.warehouse_id
WHERE s.order_id = :order AND s.shipment_id = :shipment
"""


_ORDERS: Final = "SELECT * FROM orders WHERE order_id = ANY($1::uuid[])"
_OWN: Final = """
SELECT * FROM orders WHERE user_id = $1 AND ($2::text IS NULL OR status = $2) AND ($3::uuid IS NULL OR order_id < $3)
ORDER BY order_id DESC LIMIT $4
"""
_ITEMS: Final = "SELECT * FROM order_items WHERE order_id = ANY($1::uuid[]) ORDER BY position"
_SHIPMENTS: Final = "SELECT * FROM shipments WHERE order_id = ANY($1::uuid[]) ORDER BY shipment_id"


@dataclass(frozen=True, slots=True)
class OrderFilter:
    """What a customer's list of orders is narrowed to; None does not narrow."""

    user_id: str
    status: str | None = None


class OrderQueries:
    """Reads for the API, in a read-only session."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def order(self, order_id: UUID, user_id: str | None) -> Order:
        """Answer an order with its parts; `user_id` None is staff. Raises NotFoundError."""
        rows = await fetch(self._session, _ORDERS, [order_id])
        if not rows or user_id not in {None, rows[0]["user_id"]}:
            raise NotFoundError(f"There is no order {order_id}.")
        return (await self._whole(rows))[0]

    async def orders(self, narrowed: OrderFilter, limit: int, cursor: str | None) -> tuple[Sequence[Order], str | None]:
        """Answer a page of a customer's orders, newest first."""
        before = None if cursor is None else read_cursor(cursor, UUID)[0]
        found = await fetch(self._session, _OWN, narrowed.user_id, narrowed.status, before, limit + 1)
        rows, following = page(found, limit, lambda row: (row["order_id"],))
        return await self._whole(rows), following

    async def of(self, ids: Sequence[UUID]) -> Sequence[Order]:
        """Answer orders with their parts, in the order of these ids."""
        by_id = {order.order_id: order for order in await self._whole(await fetch(self._session, _ORDERS, ids))}
        return [by_id[order_id] for order_id in ids if order_id in by_id]

    async def history(self, order_id: UUID, *, staff: bool) -> Sequence[HistoryEntry]:
        """Answer what happened to an order, oldest first; what staff wrote down is for staff only."""
        query = select(HistoryEntry).where(HistoryEntry.order_id == order_id)
        if not staff:
            query = query.where(col(HistoryEntry.kind).is_(None))
        return (await self._session.exec(query.order_by(col(HistoryEntry.history_id)))).all()

    async def cart(self, user_id: str) -> tuple[Cart | None, dict[str, Product]]:
        """Answer a customer's cart and the products in it."""
        cart = (await self._session.exec(select(Cart).where(Cart.user_id == user_id))).one_or_none()
        if cart is None or not cart.items:
            return cart, {}
        products = (await self._session.exec(select(Product).where(col(Product.sku).in_(cart.items)))).all()
        return cart, {product.sku: product for product in products}

    async def products(self, skus: Sequence[str]) -> dict[str, Product]:
        """Answer products by SKU; those that are not known are left out."""
        found = (await self._session.exec(select(Product).where(col(Product.sku).in_(skus)))).all()
        return {product.sku: product for product in found}

    async def terms(self) -> Terms:
        """Answer the terms of sale as they are now."""
        connection = await self._session.connection()
        row = (await connection.execute(text("SELECT version, shipping_methods, tax_rates FROM terms"))).one()
        return Terms.model_validate(dict(row._mapping))  # noqa: SLF001 - the name by which SQLAlchemy documents it

    async def changes(self, order_id: UUID) -> Sequence[Change]:
        """Answer the changes of an order, oldest first."""
        query = select(Change).where(Change.order_id == order_id).order_by(col(Change.change_id))
        return (await self._session.exec(query)).all()

    async def complete_waits(self, orders: Sequence[Order]) -> None:
        """Set the parts of orders that tell what they wait for."""
        by_id = {order.order_id: order for order in orders}
        changed = [order.order_id for order in orders if order.changes_count]
        if changed:
            changes = select(Change).where(col(Change.order_id).in_(changed)).order_by(col(Change.change_id))
            for change in (await self._session.exec(changes)).all():
                by_id[change.order_id].changes.append(change)
        refunded = [order.order_id for order in orders if order.refunds_count]
        if refunded:
            refunds = select(Refund).where(col(Refund.order_id).in_(refunded)).order_by(col(Refund.refund_id))
            for refund in (await self._session.exec(refunds)).all():
                by_id[refund.order_id].refunds.append(refund)

    async def sightings(self, order_id: UUID) -> list[TrackingEvent]:
        """Answer where the parcels of an order were seen."""
        return list((await self._session.exec(select(TrackingEvent).where(TrackingEvent.order_id == order_id))).all())

    async def parcels(self, tracking_numbers: Collection[str]) -> dict[str, tuple[UUID, UUID]]:
        """Answer order and shipment by tracking number, of the labels that were bought; others are left out."""
        query = select(Label.tracking_number, Label.order_id, Label.shipment_id)
        rows = (await self._session.exec(query.where(col(Label.tracking_number).in_(tracking_numbers)))).all()
        return {number: (order_id, shipment_id) for number, order_id, shipment_id in rows if number is not None}

    async def has_tracking_number(self, tracking_number: str, carrier: str | None, other_than: UUID) -> bool:
        """Tell whether a shipment other than the named one goes under this number, with this carrier or (None) any."""
        query = select(Shipment.shipment_id).where(
            Shipment.tracking_number == tracking_number, Shipment.shipment_id != other_than
        )
        if carrier is not None:
            query = query.where(Shipment.carrier == carrier)
        return (await self._session.exec(query.limit(1))).first() is not None

    async def label_pdf(self, order_id: UUID, shipment_id: UUID) -> bytes:
        """Answer the label of a shipment; raises NotFoundError where it has none."""
        query = (
            select(Label.pdf)
            .join(Shipment, (col(Shipment.label_id) == Label.label_id) & (col(Shipment.order_id) == Label.order_id))
            .where(Label.order_id == order_id, Label.shipment_id == shipment_id)
        )
        pdf = (await self._session.exec(query)).one_or_none()
        if pdf is None:
            raise NotFoundError(f"Shipment {shipment_id} has no label.")
        return pdf

    async def labels(self, order_id: UUID) -> Sequence[Any]:
        """Answer all labels an order ever had, without their PDF, oldest first."""
        names = (
            "label_id",
            "shipment_id",
            "state",
            "carrier",
            "service",
            "tracking_number",
            "cost_amount",
            "cost_currency",
            "error",
            "attempts",
            "due_at",
            "created_at",
        )
        columns = [getattr(Label, name) for name in names]
        query = sqlalchemy.select(*columns).where(col(Label.order_id) == order_id).order_by(col(Label.label_id))
        return (await (await self._session.connection()).execute(query)).all()

    async def parcel(self, order_id: UUID, shipment_id: UUID) -> Any:
        """Answer a shipment with its warehouse and weight, for a carrier's offer; raises NotFoundError."""
        connection = await self._session.connection()
        row = (await connection.execute(text(_PARCEL), {"order": order_id, "shipment": shipment_id})).one_or_none()
        if row is None:
            raise NotFoundError(f"There is no shipment {shipment_id} in order {order_id}.")
        return row._mapping  # noqa: SLF001

    async def work_queue(
        self, warehouse_id: str | None, state: str, after: UUID | None, limit: int
    ) -> Sequence[tuple[Shipment, str, Mapping[str, Any]]]:
        """Answer shipments to be worked on with their order's user and address, oldest first."""
        query = (
            select(Shipment, Order.user_id, Order.shipping_address)
            .join(Order, col(Order.order_id) == col(Shipment.order_id))
            .where(col(Shipment.state) == state)
            .order_by(col(Shipment.shipment_id))
            .limit(limit)
        )
        if warehouse_id is not None:
            query = query.where(col(Shipment.warehouse_id) == warehouse_id)
        if after is not None:
            query = query.where(col(Shipment.shipment_id) > after)
        return (await self._session.exec(query)).all()

    async def _whole(self, rows: Sequence[Mapping[str, Any]]) -> list[Order]:
        """Bring orders to life with their parts."""
        by_id: dict[UUID, Order] = {}
        for row in rows:
            order = by_id[row["order_id"]] = Order.stored(row)
            order.items, order.shipments, order.labels, order.changes, order.new_history = [], [], {}, [], []
            order.refunds, order.returns, order.return_labels = [], [], {}
        if not by_id:
            return []
        ids = list(by_id)
        for row in await fetch(self._session, _ITEMS, ids):
            item = OrderItem.stored(row)
            if item.total_amount is None:  # written by a version that knew no taxes
                item.total_amount = item.subtotal
            by_id[item.order_id].items.append(item)
        for row in await fetch(self._session, _SHIPMENTS, ids):
            by_id[row["order_id"]].shipments.append(Shipment.stored(row))
        for order in by_id.values():
            order.name_lines()
        return list(by_id.values())
