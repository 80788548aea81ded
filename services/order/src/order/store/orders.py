"""Orders in transactions: loaded and locked for a whole batch at once, written back with one statement per table."""

from collections.abc import Sequence
from typing import Any, ClassVar, Final
from uuid import UUID

from pydantic_core import to_json

from chassis.database import Transaction
from chassis.domain import NotFoundError
from order.model import FulfilmentState, HistoryEntry, Order, OrderItem, Shipment

_LOCK: Final = "SELECT * FROM orders WHERE order_id = ANY($1::uuid[]) ORDER BY order_id FOR UPDATE"
_ITEMS: Final = "SELECT * FROM order_items WHERE order_id = ANY($1::uuid[]) ORDER BY order_id, position"
_SHIPMENTS: Final = "SELECT * FROM shipments WHERE order_id = ANY($1::uuid[]) ORDER BY order_id, shipment_id"

# What can change after an order was placed, with the types of its columns.
_CHANGING: Final = {
    "status": "text",
    "order_state": "text",
    "payment_state": "text",
    "fulfilment_state": "text",
    "return_state": "text",
    "hold_reason": "text",
    "cancel_reason": "text",
    "captured_amount": "bigint",
    "refunded_amount": "bigint",
    "units": "int",
    "shipped_units": "int",
    "delivered_units": "int",
    "allocation": "jsonb",
    "deadline_at": "timestamptz",
    "released_at": "timestamptz",
    "voided_at": "timestamptz",
    "version": "int",
    "updated_at": "timestamptz",
}
# Changes seldom and is half of the row: written apart, and only when it did.
_DETAILS: Final = {"shipping_address": "jsonb", "billing_address": "jsonb", "contact": "jsonb"}
_FIXED: Final = {
    "order_id": "uuid",
    "user_id": "text",
    "order_date": "timestamptz",
    "total_amount": "bigint",
    "currency": "text",
    "payment_method": "text",
}
_ITEM: Final = {
    "item_id": "uuid",
    "order_id": "uuid",
    "position": "int",
    "product_id": "text",
    "name": "text",
    "quantity": "int",
    "price": "bigint",
    "subtotal": "bigint",
}
_HISTORY: Final = {
    "history_id": "uuid",
    "order_id": "uuid",
    "status": "text",
    "timestamp": "timestamptz",
    "notes": "text",
    "actor": "text",
    "event_id": "uuid",
}
_SHIPMENT: Final = {
    "shipment_id": "uuid",
    "order_id": "uuid",
    "warehouse_id": "text",
    "state": "text",
    "lines": "jsonb",
    "amount": "bigint",
    "carrier": "text",
    "tracking_number": "text",
    "dispatched_at": "timestamptz",
    "delivered_at": "timestamptz",
}
_SHIPMENT_CHANGING: Final = ("state", "carrier", "tracking_number", "dispatched_at", "delivered_at")


def _names(columns: dict[str, str]) -> str:
    return ", ".join(f'"{name}"' for name in columns)


def _rows(columns: dict[str, str]) -> str:
    """Take rows from one JSON parameter: half the work of an array per column, whose every element asyncpg looks at."""
    typed = ", ".join(f'"{name}" {kind}' for name, kind in columns.items())
    return f"json_to_recordset($1::json) AS n({typed})"


def _insert(table: str, columns: dict[str, str]) -> str:
    return f"INSERT INTO {table} ({_names(columns)}) SELECT {_names(columns)} FROM {_rows(columns)}"


_KEYED: Final = {"order_id": "uuid"} | _CHANGING
_PLACED: Final = _FIXED | _DETAILS | _CHANGING
_INSERT_ORDERS: Final = _insert("orders", _PLACED)
_INSERT_ITEMS: Final = _insert("order_items", _ITEM)
_INSERT_HISTORY: Final = _insert("order_status_history", _HISTORY)
_UPDATE_ORDERS: Final = (
    f"UPDATE orders o SET {', '.join(f'{name} = n.{name}' for name in _CHANGING)} "
    f"FROM {_rows(_KEYED)} WHERE o.order_id = n.order_id"
)
_UPSERT_SHIPMENTS: Final = (
    f"{_insert('shipments', _SHIPMENT)} ON CONFLICT (order_id, shipment_id) DO UPDATE SET "
    f"{', '.join(f'{name} = excluded.{name}' for name in _SHIPMENT_CHANGING)}"
)


def _json(rows: Sequence[Any], columns: dict[str, str]) -> str:
    """Write rows down for `_rows`, past the ORM's descriptors, which cost more than all the rest of this."""
    facts = [row.__dict__ for row in rows]
    return to_json([{name: fact[name] for name in columns} for fact in facts]).decode()


class OrderStore:
    """The orders of a batch of messages; messages name theirs by `order_id`."""

    lock_rank: ClassVar[int] = 10

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction
        self._orders: dict[UUID, Order] = {}
        self._placed: list[Order] = []

    async def fetch(self, messages: Sequence[Any]) -> None:
        """Load and lock the orders that the messages name; a command to place one names none."""
        ids = sorted({message.order_id for message in messages if hasattr(message, "order_id")})
        if not ids:
            return
        for row in await self._transaction.fetch(_LOCK, ids):
            order = self._orders[row["order_id"]] = Order.stored(row)
            order.items, order.shipments, order.new_history = [], [], []
        for row in await self._transaction.fetch(_ITEMS, ids):
            self._orders[row["order_id"]].items.append(OrderItem.stored(row))
        if any(order.fulfilment_state != FulfilmentState.UNPLANNED for order in self._orders.values()):
            for row in await self._transaction.fetch(_SHIPMENTS, ids):
                self._orders[row["order_id"]].shipments.append(Shipment.stored(row))

    def get(self, order_id: UUID) -> Order:
        """Answer an order; raises NotFoundError."""
        order = self._orders.get(order_id)
        if order is None:
            raise NotFoundError(f"There is no order {order_id}.")
        return order

    def owned(self, order_id: UUID, user_id: str) -> Order:
        """Answer an order of this customer; another's does not exist for them."""
        order = self._orders.get(order_id)
        if order is None or order.user_id != user_id:
            raise NotFoundError(f"There is no order {order_id}.")
        return order

    def add(self, order: Order) -> None:
        """Keep a newly placed order."""
        self._placed.append(order)

    async def flush(self) -> None:
        """Write what changed: one statement per table, however many orders."""
        changed = [order for order in self._orders.values() if order.new_history]
        if self._placed:
            await self._transaction.fetch(_INSERT_ORDERS, _json(self._placed, _PLACED))
            items = [item for order in self._placed for item in order.items]
            await self._transaction.fetch(_INSERT_ITEMS, _json(items, _ITEM))
        if changed:
            await self._transaction.fetch(_UPDATE_ORDERS, _json(changed, _KEYED))
            shipments = [shipment for order in changed for shipment in order.shipments]
            if shipments:
                await self._transaction.fetch(_UPSERT_SHIPMENTS, _json(shipments, _SHIPMENT))
        history: list[HistoryEntry] = [entry for order in (*self._placed, *changed) for entry in order.new_history]
        if history:
            await self._transaction.fetch(_INSERT_HISTORY, _json(history, _HISTORY))
