"""Orders as people look at them: single ones with their parts, and pages of lists. Ownership is in the query."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlmodel import col, exists, select
from sqlmodel.ext.asyncio.session import AsyncSession
from sqlmodel.sql.expression import SelectOfScalar

from chassis.domain import NotFoundError
from chassis.pages import page, read_cursor
from order.model import Cart, HistoryEntry, Order, OrderItem, Product, Shipment


@dataclass(frozen=True, slots=True)
class OrderFilter:
    """What a list of orders is narrowed to; None does not narrow."""

    user_id: str | None = None
    status: str | None = None
    order_state: str | None = None
    payment_state: str | None = None
    fulfilment_state: str | None = None
    product_id: str | None = None
    placed_from: datetime | None = None
    placed_before: datetime | None = None
    stuck_since: datetime | None = None
    """Only orders that should have come to rest before this moment and have not."""


class OrderQueries:
    """Reads for the API, in a read-only session."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def order(self, order_id: UUID, user_id: str | None) -> Order:
        """Answer an order with its parts; `user_id` None is staff. Raises NotFoundError."""
        query = select(Order).where(Order.order_id == order_id)
        if user_id is not None:
            query = query.where(Order.user_id == user_id)
        order = (await self._session.exec(query)).one_or_none()
        if order is None:
            raise NotFoundError(f"There is no order {order_id}.")
        await self._complete([order])
        return order

    async def orders(self, narrowed: OrderFilter, limit: int, cursor: str | None) -> tuple[Sequence[Order], str | None]:
        """Answer a page of orders, newest first."""
        query = _narrow(select(Order), narrowed).order_by(col(Order.order_id).desc()).limit(limit + 1)
        if cursor is not None:
            query = query.where(col(Order.order_id) < read_cursor(cursor, UUID)[0])
        rows = (await self._session.exec(query)).all()
        orders, following = page(rows, limit, lambda order: (order.order_id,))
        await self._complete(orders)
        return orders, following

    async def history(self, order_id: UUID) -> Sequence[HistoryEntry]:
        """Answer what happened to an order, oldest first."""
        query = select(HistoryEntry).where(HistoryEntry.order_id == order_id)
        return (await self._session.exec(query.order_by(col(HistoryEntry.history_id)))).all()

    async def cart(self, user_id: str) -> tuple[Cart | None, dict[str, Product]]:
        """Answer a customer's cart and the products in it."""
        cart = (await self._session.exec(select(Cart).where(Cart.user_id == user_id))).one_or_none()
        if cart is None or not cart.items:
            return cart, {}
        products = (await self._session.exec(select(Product).where(col(Product.sku).in_(cart.items)))).all()
        return cart, {product.sku: product for product in products}

    async def _complete(self, orders: Sequence[Order]) -> None:
        """Set the parts of orders beside their columns."""
        by_id = {order.order_id: order for order in orders}
        for order in orders:
            order.items, order.shipments, order.new_history = [], [], []
        if not by_id:
            return
        items = select(OrderItem).where(col(OrderItem.order_id).in_(by_id)).order_by(col(OrderItem.position))
        for item in (await self._session.exec(items)).all():
            by_id[item.order_id].items.append(item)
        shipments = select(Shipment).where(col(Shipment.order_id).in_(by_id)).order_by(col(Shipment.shipment_id))
        for shipment in (await self._session.exec(shipments)).all():
            by_id[shipment.order_id].shipments.append(shipment)


def _narrow(query: "SelectOfScalar[Order]", narrowed: OrderFilter) -> "SelectOfScalar[Order]":
    for column in ("user_id", "status", "order_state", "payment_state", "fulfilment_state"):
        wanted = getattr(narrowed, column)
        if wanted is not None:
            query = query.where(getattr(Order, column) == wanted)
    if narrowed.product_id is not None:
        query = query.where(
            exists().where(col(OrderItem.order_id) == Order.order_id, col(OrderItem.product_id) == narrowed.product_id)
        )
    if narrowed.placed_from is not None:
        query = query.where(Order.order_date >= narrowed.placed_from)
    if narrowed.placed_before is not None:
        query = query.where(Order.order_date < narrowed.placed_before)
    if narrowed.stuck_since is not None:
        # Waiting for a decision, or cancelled and not yet given back, for longer than it should take.
        waiting = (col(Order.order_state) == "pending") | (
            (col(Order.order_state) == "cancelled") & (col(Order.released_at).is_(None) | col(Order.voided_at).is_(None))
        )
        query = query.where(waiting | (col(Order.payment_state) == "capture_failed"), Order.updated_at < narrowed.stuck_since)
    return query
