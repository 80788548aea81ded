"""Orders in transactions: loaded and locked for a whole batch at once, written back with one statement per table."""

from collections.abc import Iterable, Mapping, Sequence
from operator import itemgetter
from typing import Any, ClassVar, Final, TypeVar
from uuid import UUID

from pydantic_core import to_json

from chassis.database import Transaction
from chassis.domain import NotFoundError
from order.model import (
    Change,
    FulfilmentState,
    HistoryEntry,
    Label,
    Order,
    OrderItem,
    OrderReturn,
    Refund,
    ReturnLabel,
    Shipment,
    TrackingEvent,
)
from order.store.exchanges import StepDue, write_steps
from order.store.returns import REFUND, RETURN, RETURN_LABEL

R = TypeVar("R")

_LOCK: Final = "SELECT * FROM orders WHERE order_id = ANY($1::uuid[]) ORDER BY order_id FOR UPDATE"
_ITEMS: Final = "SELECT * FROM order_items WHERE order_id = ANY($1::uuid[]) ORDER BY order_id, position"
_SHIPMENTS: Final = "SELECT * FROM shipments WHERE order_id = ANY($1::uuid[]) ORDER BY order_id, shipment_id"
_CHANGES: Final = "SELECT * FROM order_change WHERE order_id = ANY($1::uuid[]) ORDER BY order_id, change_id"
_REFUNDS: Final = "SELECT * FROM order_refund WHERE order_id = ANY($1::uuid[]) ORDER BY order_id, refund_id"
_RETURNS: Final = "SELECT * FROM order_return WHERE order_id = ANY($1::uuid[]) ORDER BY order_id, return_id"

# What changes with nearly every step of an order, with the types of its columns.
_STATE: Final = {
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
    "decided_at": "timestamptz",
    "shipped_at": "timestamptz",
    "version": "int",
    "updated_at": "timestamptz",
}
# What changes seldom is half of the row: written apart, and only when it did.
_CONTENT: Final = {
    "total_amount": "bigint",
    "tax_amount": "bigint",
    "shipping_amount": "bigint",
    "shipping_tax_amount": "bigint",
    "backordered": "jsonb",
    "payment_action": "jsonb",
    "exchange": "jsonb",
    "risk_score": "smallint",
    "changes_count": "int",
    "refunds_count": "int",
    "returns_count": "int",
    "shipping_address": "jsonb",
    "billing_address": "jsonb",
    "contact": "jsonb",
}
_FIXED: Final = {
    "order_id": "uuid",
    "user_id": "text",
    "order_date": "timestamptz",
    "currency": "text",
    "payment_method": "text",
    "shipping_method": "text",
    "shipping_name": "text",
    "shipping_tax_rate_ppm": "int",
    "prices_include_tax": "bool",
    "rounding": "text",
    "client_mark": "uuid",
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
    "discount_amount": "bigint",
    "tax_rate_ppm": "int",
    "tax_amount": "bigint",
    "total_amount": "bigint",
    "weight_grams": "int",
}
_ITEM_SIZE: Final = ("quantity", "subtotal", "discount_amount", "tax_amount", "total_amount")
_HISTORY: Final = {
    "history_id": "uuid",
    "order_id": "uuid",
    "status": "text",
    "timestamp": "timestamptz",
    "notes": "text",
    "actor": "text",
    "event_id": "uuid",
    "kind": "text",
}
_SHIPMENT: Final = {
    "shipment_id": "uuid",
    "order_id": "uuid",
    "warehouse_id": "text",
    "state": "text",
    "lines": "jsonb",
    "amount": "bigint",
    "shipping_amount": "bigint",
    "carrier": "text",
    "service": "text",
    "tracking_number": "text",
    "label_id": "uuid",
    "hold_reason": "text",
    "moving_to": "text",
    "move_id": "uuid",
    "move_deadline_at": "timestamptz",
    "tracking_status": "text",
    "tracked_at": "timestamptz",
    "expected_delivery": "date",
    "look_at": "timestamptz",
    "untaken_amount": "bigint",
    "dispatched_at": "timestamptz",
    "delivered_at": "timestamptz",
}
_LABEL: Final = {
    "label_id": "uuid",
    "order_id": "uuid",
    "shipment_id": "uuid",
    "state": "text",
    "wanted_carrier": "text",
    "wanted_service": "text",
    "reference": "text",
    "carrier": "text",
    "service": "text",
    "tracking_number": "text",
    "cost_amount": "bigint",
    "cost_currency": "text",
    "error": "text",
    "due_at": "timestamptz",
    "attempts": "int",
    "created_at": "timestamptz",
}
_CHANGE: Final = {
    "change_id": "uuid",
    "order_id": "uuid",
    "kind": "text",
    "state": "text",
    "items": "jsonb",
    "previous_total": "bigint",
    "new_total": "bigint",
    "shipping": "jsonb",
    "allocation": "jsonb",
    "backordered": "jsonb",
    "authorized": "bool",
    "reason": "text",
    "actor": "text",
    "deadline_at": "timestamptz",
    "stock_at": "timestamptz",
    "money_at": "timestamptz",
    "created_at": "timestamptz",
}
_SIGHTING: Final = {
    "order_id": "uuid",
    "shipment_id": "uuid",
    "event_key": "text",
    "status": "text",
    "occurred_at": "timestamptz",
    "description": "text",
    "city": "text",
    "region": "text",
    "country": "text",
    "received_at": "timestamptz",
}


def _names(columns: Mapping[str, str]) -> str:
    return ", ".join(f'"{name}"' for name in columns)


def _rows(columns: Mapping[str, str]) -> str:
    """Take rows from one JSON parameter: half the work of an array per column, whose every element asyncpg looks at."""
    typed = ", ".join(f'"{name}" {kind}' for name, kind in columns.items())
    return f"json_to_recordset($1::json) AS n({typed})"


def _insert(table: str, columns: Mapping[str, str]) -> str:
    return f"INSERT INTO {table} ({_names(columns)}) SELECT {_names(columns)} FROM {_rows(columns)}"


def _update(table: str, columns: dict[str, str]) -> str:
    changes = ", ".join(f"{name} = n.{name}" for name in columns)
    return f"UPDATE {table} o SET {changes} FROM {_rows(_KEY | columns)} WHERE o.order_id = n.order_id"


def _upsert(table: str, columns: Mapping[str, str], *key: str) -> str:
    changes = ", ".join(f'"{name}" = excluded."{name}"' for name in columns if name not in key)
    return f"{_insert(table, columns)} ON CONFLICT ({', '.join(key)}) DO UPDATE SET {changes}"


_KEY: Final = {"order_id": "uuid"}
_PLACED: Final = _FIXED | _CONTENT | _STATE
_INSERT_ORDERS: Final = _insert("orders", _PLACED)
_INSERT_ITEMS: Final = _insert("order_items", _ITEM)
_UPSERT_ITEMS: Final = _upsert("order_items", _ITEM, "order_id", "position")
_INSERT_HISTORY: Final = _insert("order_status_history", _HISTORY)
_UPDATE_STATE: Final = _update("orders", _STATE)
_UPDATE_CONTENT: Final = _update("orders", _CONTENT)
_UPSERT_SHIPMENTS: Final = _upsert("shipments", _SHIPMENT, "order_id", "shipment_id")
_LABELS: Final = f"SELECT {_names(_LABEL)} FROM shipment_label WHERE order_id = ANY($1::uuid[])"
_UPSERT_LABELS: Final = _upsert("shipment_label", _LABEL, "label_id")
_KEEP_PDF: Final = "UPDATE shipment_label SET pdf = $2 WHERE label_id = $1"
_UPSERT_CHANGES: Final = _upsert("order_change", _CHANGE, "change_id")
_UPSERT_REFUNDS: Final = _upsert("order_refund", REFUND, "refund_id")
_UPSERT_RETURNS: Final = _upsert("order_return", RETURN, "return_id")
_RETURN_LABELS: Final = f"SELECT {_names(RETURN_LABEL)} FROM return_label WHERE order_id = ANY($1::uuid[])"
_UPSERT_RETURN_LABELS: Final = _upsert("return_label", RETURN_LABEL, "label_id")
_KEEP_RETURN_PDF: Final = "UPDATE return_label SET pdf = $2 WHERE label_id = $1"
_KEEP_SIGHTINGS: Final = f"{_insert('tracking_event', _SIGHTING)} ON CONFLICT DO NOTHING"


def _json(rows: Iterable[Any], columns: Iterable[str]) -> str:
    """Write rows down for `_rows`, past the ORM's descriptors, which cost more than all the rest of this.

    What is not known is left out, and read as NULL: most of a shipment's columns are, until it leaves.
    """
    facts = [row.__dict__ for row in rows]
    written = [{name: value for name in columns if (value := fact[name]) is not None} for fact in facts]
    return to_json(written).decode()


class OrderStore:
    """The orders of a batch of messages; messages name theirs by `order_id`."""

    lock_rank: ClassVar[int] = 10

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction
        self._orders: dict[UUID, Order] = {}
        self._placed: list[Order] = []
        self._sightings: list[TrackingEvent] = []
        self._taken: list[UUID] = []
        # What rows were like when they were loaded, where that tells whether they must be written.
        self._content: dict[UUID, tuple[Any, ...]] = {}
        self._sizes: dict[tuple[UUID, int], tuple[Any, ...]] = {}
        self._written: dict[UUID, str] = {}

    async def fetch(self, messages: Sequence[Any]) -> None:
        """Load and lock the orders that the messages name, with their parts; a command to place one names none."""
        ids = sorted({message.order_id for message in messages if hasattr(message, "order_id")})
        if not ids:
            return
        for row in await self._transaction.fetch(_LOCK, ids):
            order = self._orders[row["order_id"]] = Order.stored(row)
            order.items, order.shipments, order.labels, order.changes, order.new_history = [], [], {}, [], []
            order.refunds, order.returns, order.return_labels = [], [], {}
            self._content[order.order_id] = _content(order)
        for row in await self._transaction.fetch(_ITEMS, ids):
            item = OrderItem.stored(row)
            if item.total_amount is None:  # written by a version that knew no taxes
                item.total_amount = item.subtotal
            self._orders[item.order_id].items.append(item)
            self._sizes[item.order_id, item.position] = _size(item)
        planned = [key for key, order in self._orders.items() if order.fulfilment_state != FulfilmentState.UNPLANNED]
        if planned:
            # What is heard of a label, or of a parcel by its carrier, may be about one that no parcel has any more.
            labels = any(hasattr(message, "label_id") or hasattr(message, "updates") for message in messages)
            await self._fetch_shipments(planned, labels=labels)
        changed = [key for key, order in self._orders.items() if order.changes_count]
        if changed:
            for row in await self._transaction.fetch(_CHANGES, changed):
                self._orders[row["order_id"]].changes.append(self._remember(Change.stored(row), "change_id", _CHANGE))
        await self._fetch_what_came_back()

    async def _fetch_what_came_back(self) -> None:
        refunded = [key for key, order in self._orders.items() if order.refunds_count]
        if refunded:
            for row in await self._transaction.fetch(_REFUNDS, refunded):
                self._orders[row["order_id"]].refunds.append(self._remember(Refund.stored(row), "refund_id", REFUND))
        returned = [key for key, order in self._orders.items() if order.returns_count]
        if returned:
            for row in await self._transaction.fetch(_RETURNS, returned):
                self._orders[row["order_id"]].returns.append(self._remember(OrderReturn.stored(row), "return_id", RETURN))
            for row in await self._transaction.fetch(_RETURN_LABELS, returned):
                label = self._remember(ReturnLabel.stored({**row, "pdf": None}), "label_id", RETURN_LABEL)
                self._orders[label.order_id].return_labels[label.label_id] = label

    async def _fetch_shipments(self, ids: Sequence[UUID], *, labels: bool) -> None:
        labelled = set(ids) if labels else set()
        for row in await self._transaction.fetch(_SHIPMENTS, ids):
            shipment = self._remember(Shipment.stored(row), "shipment_id", _SHIPMENT)
            self._orders[shipment.order_id].shipments.append(shipment)
            if shipment.label_id is not None:
                labelled.add(shipment.order_id)
        if labelled:
            for row in await self._transaction.fetch(_LABELS, list(labelled)):
                label = self._remember(Label.stored({**row, "pdf": None}), "label_id", _LABEL)
                self._orders[label.order_id].labels[label.label_id] = label
        for key in ids:
            self._orders[key].name_lines()

    def _remember(self, row: R, key: str, columns: Mapping[str, str]) -> R:
        self._written[getattr(row, key)] = _json([row], columns)
        return row

    def get(self, order_id: UUID) -> Order:
        """Answer an order; raises NotFoundError."""
        order = self._orders.get(order_id)
        if order is None:
            raise NotFoundError(f"There is no order {order_id}.")
        return order

    def version_of(self, message: Any) -> int | None:
        """Tell how often the order that a message names was changed."""
        named: Any = getattr(message, "order_id", None)
        return self._orders[named].version if named in self._orders else None

    def owned(self, order_id: UUID, user_id: str) -> Order:
        """Answer an order of this customer; another's does not exist for them."""
        order = self._orders.get(order_id)
        if order is None or order.user_id != user_id:
            raise NotFoundError(f"There is no order {order_id}.")
        return order

    def add(self, order: Order) -> None:
        """Keep a newly placed order."""
        self._placed.append(order)

    def keep_sightings(self, sightings: Sequence[TrackingEvent]) -> None:
        """Keep what a carrier said of a parcel; what is known already is not kept twice."""
        self._sightings.extend(sightings)

    def take(self, due: StepDue) -> Order:
        """Answer the order that a step of an exchange is for; the step is done with this transaction."""
        self._taken.append(due.step_id)
        return self.get(due.order_id)

    async def flush(self) -> None:
        """Write what changed: one statement per table, however many orders."""
        changed = [order for order in self._orders.values() if order.new_history]
        if self._placed:
            await self._transaction.fetch(_INSERT_ORDERS, _json(self._placed, _PLACED))
            await self._transaction.fetch(_INSERT_ITEMS, _json([i for order in self._placed for i in order.items], _ITEM))
        if changed:
            await self._transaction.fetch(_UPDATE_STATE, _json(changed, _KEY | _STATE))
        if self._orders:
            await self._write_parts(list(self._orders.values()))
        history: list[HistoryEntry] = [entry for order in (*self._placed, *changed) for entry in order.new_history]
        if history:
            await self._transaction.fetch(_INSERT_HISTORY, _json(history, _HISTORY))
        await write_steps(self._transaction, [step for order in changed for step in order.steps], self._taken)
        if self._sightings:
            await self._transaction.fetch(_KEEP_SIGHTINGS, _json(self._sightings, _SIGHTING))

    async def _write_parts(self, orders: Sequence[Order]) -> None:
        content = [order for order in orders if _content(order) != self._content[order.order_id]]
        if content:
            await self._transaction.fetch(_UPDATE_CONTENT, _json(content, _KEY | _CONTENT))
            items = [
                item
                for order in content
                for item in order.items
                if _size(item) != self._sizes.get((item.order_id, item.position))
            ]
            if items:
                await self._transaction.fetch(_UPSERT_ITEMS, _json(items, _ITEM))
        shipments = [one for order in orders for one in order.shipments if self._is_news(one, "shipment_id", _SHIPMENT)]
        if shipments:
            await self._transaction.fetch(_UPSERT_SHIPMENTS, _json(shipments, _SHIPMENT))
        labels = [one for order in orders for one in order.labels.values() if self._is_news(one, "label_id", _LABEL)]
        if labels:
            await self._write_labels(labels)
        changes = [one for order in orders for one in order.changes if self._is_news(one, "change_id", _CHANGE)]
        if changes:
            await self._transaction.fetch(_UPSERT_CHANGES, _json(changes, _CHANGE))
        await self._write_what_came_back([order for order in orders if order.refunds_count or order.returns_count])

    async def _write_what_came_back(self, orders: Sequence[Order]) -> None:
        refunds = [one for order in orders for one in order.refunds if self._is_news(one, "refund_id", REFUND)]
        if refunds:
            await self._transaction.fetch(_UPSERT_REFUNDS, _json(refunds, REFUND))
        returns = [one for order in orders for one in order.returns if self._is_news(one, "return_id", RETURN)]
        if returns:
            await self._transaction.fetch(_UPSERT_RETURNS, _json(returns, RETURN))
        labels = [one for order in orders for one in order.return_labels.values()]
        labels = [one for one in labels if self._is_news(one, "label_id", RETURN_LABEL)]
        if labels:
            await self._transaction.fetch(_UPSERT_RETURN_LABELS, _json(labels, RETURN_LABEL))
            for label in labels:
                if label.pdf is not None:
                    await self._transaction.fetch(_KEEP_RETURN_PDF, label.label_id, label.pdf)
            self._transaction.wake("buy_return_label")
            self._transaction.wake("void_return_label")

    def _is_news(self, row: Any, key: str, columns: Mapping[str, str]) -> bool:
        before = self._written.get(getattr(row, key))
        return before is None or before != _json([row], columns)

    async def _write_labels(self, labels: Sequence[Label]) -> None:
        await self._transaction.fetch(_UPSERT_LABELS, _json(labels, _LABEL))
        for label in labels:
            if label.pdf is not None:
                await self._transaction.fetch(_KEEP_PDF, label.label_id, label.pdf)
        if any(label.due_at is not None and label.due_at <= self._transaction.now for label in labels):
            self._transaction.wake("buy_label")
            self._transaction.wake("void_label")


def _content(order: Order) -> tuple[Any, ...]:
    """Answer what is written apart; the documents by identity, since they are only ever replaced."""
    row = order.__dict__
    return (*_amounts(row), *map(id, _documents(row)))


_amounts: Final = itemgetter(*(name for name, kind in _CONTENT.items() if kind != "jsonb"))
_documents: Final = itemgetter(*(name for name, kind in _CONTENT.items() if kind == "jsonb"))
_sizes: Final = itemgetter(*_ITEM_SIZE)


def _size(item: OrderItem) -> tuple[int, ...]:
    size: tuple[int, ...] = _sizes(item.__dict__)
    return size
