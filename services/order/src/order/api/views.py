"""How carts and orders look to those who ask."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel
from pydantic_core import to_json

from chassis.pages import Page
from contracts.types import Money
from order.model import Cart, HistoryEntry, Order, Product, Shipment


class ItemView(BaseModel):
    """A line of an order."""

    item_id: UUID
    product_id: str
    name: str
    quantity: int
    price: Money
    subtotal: Money


class LineView(BaseModel):
    """A quantity of a product in a parcel."""

    product_id: str
    quantity: int


class ShipmentView(BaseModel):
    """A parcel."""

    shipment_id: UUID
    warehouse_id: str
    status: str
    lines: list[LineView]
    amount: Money
    carrier: str | None
    tracking_number: str | None
    dispatched_at: datetime | None
    delivered_at: datetime | None


class OrderView(BaseModel):
    """An order with its parts; `allowed_actions` is what may be done to it now."""

    order_id: UUID
    user_id: str
    order_date: datetime
    status: str
    order_state: str
    payment_state: str
    fulfilment_state: str
    return_state: str
    hold_reason: str | None
    cancel_reason: str | None
    total_amount: Money
    currency: str
    captured_amount: Money
    refunded_amount: Money
    shipping_address: dict[str, Any]
    billing_address: dict[str, Any]
    contact: dict[str, Any]
    payment_method: str
    items: list[ItemView]
    shipments: list[ShipmentView]
    allowed_actions: list[str]
    deadline_at: datetime | None
    version: int
    updated_at: datetime


class OrderPage(Page):
    """A page of orders."""

    items: list[OrderView]


class HistoryView(BaseModel):
    """What happened to an order, and why."""

    history_id: UUID
    order_id: UUID
    status: str
    timestamp: datetime
    notes: str
    actor: str
    event_id: UUID | None


class HistoryPage(Page):
    """The history of an order."""

    items: list[HistoryView]


class TrackingView(BaseModel):
    """Where the parcels of an order are."""

    order_id: UUID
    status: str
    shipments: list[ShipmentView]


class CartLineView(BaseModel):
    """A line of a cart at the price of the moment; `available` false where it is not on sale any more."""

    product_id: str
    name: str | None
    quantity: int
    price: Money | None
    subtotal: Money | None
    available: bool


class CartView(BaseModel):
    """A cart; the total counts what is on sale."""

    user_id: str
    items: list[CartLineView]
    total_amount: Money
    version: int


def shipment_view(shipment: Shipment, currency: str) -> ShipmentView:
    """Show a parcel."""
    return ShipmentView.model_validate(_shipment(shipment, currency))


def _shipment(shipment: Shipment, currency: str) -> dict[str, Any]:
    return {
        "shipment_id": shipment.shipment_id,
        "warehouse_id": shipment.warehouse_id,
        "status": shipment.state,
        "lines": shipment.lines,
        "amount": {"amount": shipment.amount, "currency": currency},
        "carrier": shipment.carrier,
        "tracking_number": shipment.tracking_number,
        "dispatched_at": shipment.dispatched_at,
        "delivered_at": shipment.delivered_at,
    }


_SHOWN_AS_STORED = (
    "order_id",
    "user_id",
    "order_date",
    "status",
    "order_state",
    "payment_state",
    "fulfilment_state",
    "return_state",
    "hold_reason",
    "cancel_reason",
    "currency",
    "shipping_address",
    "billing_address",
    "contact",
    "payment_method",
    "deadline_at",
    "version",
    "updated_at",
)


def order_view(order: Order) -> dict[str, Any]:
    """Show an order, in the form of `OrderView` (a test holds them together).

    Plain dictionaries, since this is built for every order placed: models would only be built to be taken apart again.
    """
    currency = order.currency
    row = order.__dict__
    view = {name: row[name] for name in _SHOWN_AS_STORED}
    view["total_amount"] = {"amount": order.total_amount, "currency": currency}
    view["captured_amount"] = {"amount": order.captured_amount, "currency": currency}
    view["refunded_amount"] = {"amount": order.refunded_amount, "currency": currency}
    view["items"] = [
        {
            "item_id": item.item_id,
            "product_id": item.product_id,
            "name": item.name,
            "quantity": item.quantity,
            "price": {"amount": item.price, "currency": currency},
            "subtotal": {"amount": item.subtotal, "currency": currency},
        }
        for item in order.items
    ]
    view["shipments"] = [_shipment(one, currency) for one in order.shipments]
    view["allowed_actions"] = order.actions
    return view


def order_body(order: Order) -> bytes:
    """Show an order as JSON."""
    return to_json(order_view(order))


def order_page(orders: Sequence[Order], next_cursor: str | None) -> bytes:
    """Show a page of orders as JSON."""
    return to_json({"items": [order_view(order) for order in orders], "next_cursor": next_cursor})


def history_view(entry: HistoryEntry) -> HistoryView:
    """Show a line of an order's history."""
    return HistoryView(
        history_id=entry.history_id,
        order_id=entry.order_id,
        status=entry.status,
        timestamp=entry.timestamp,
        notes=entry.notes,
        actor=entry.actor,
        event_id=entry.event_id,
    )


def cart_view(user_id: str, cart: Cart | None, products: Mapping[str, Product], currency: str) -> CartView:
    """Show a cart at the prices of the moment."""
    lines = []
    total = 0
    for sku, quantity in cart.items.items() if cart is not None else ():
        product = products.get(sku)
        on_sale = product is not None and product.active and product.currency == currency
        price = Money(amount=product.price, currency=currency) if product is not None else None
        subtotal = Money(amount=price.amount * quantity, currency=currency) if price is not None else None
        if on_sale and subtotal is not None:
            total += subtotal.amount
        lines.append(
            CartLineView(
                product_id=sku,
                name=product.name if product is not None else None,
                quantity=quantity,
                price=price,
                subtotal=subtotal,
                available=on_sale,
            )
        )
    total_amount = Money(amount=total, currency=currency)
    return CartView(user_id=user_id, items=lines, total_amount=total_amount, version=cart.version if cart is not None else 0)
