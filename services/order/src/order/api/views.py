"""How carts and orders look to those who ask."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel
from pydantic_core import to_json

from chassis.pages import Page
from contracts.types import Money
from order.model import Cart, HistoryEntry, Order, Product, Shipment


class ItemView(BaseModel):
    """A line of an order; `quantity` 0: it was taken out."""

    item_id: UUID
    product_id: str
    name: str
    quantity: int
    price: Money
    subtotal: Money
    discount_amount: Money
    tax_percent: str
    tax_amount: Money
    total_amount: Money


class LineView(BaseModel):
    """A quantity of a line in a parcel, and what it is worth."""

    item_id: UUID
    product_id: str
    quantity: int
    amount: Money


class ShipmentView(BaseModel):
    """A parcel; `amount` is the money due for it, `shipping_amount` of it for shipping."""

    shipment_id: UUID
    warehouse_id: str
    status: str
    lines: list[LineView]
    amount: Money
    shipping_amount: Money
    carrier: str | None
    service: str | None
    tracking_number: str | None
    tracking_status: str | None
    expected_delivery: date | None
    label_id: UUID | None
    hold_reason: str | None
    moving_to: str | None
    dispatched_at: datetime | None
    delivered_at: datetime | None


class WaitingView(BaseModel):
    """Units of a line that wait for stock."""

    item_id: UUID
    product_id: str
    quantity: int


class ShippingView(BaseModel):
    """How an order is sent, and what that costs."""

    method_id: str
    name: str
    tax_percent: str
    tax_amount: Money
    total_amount: Money


class TaxLineView(BaseModel):
    """All that is taxed at one rate: without tax, and the tax."""

    tax_percent: str
    net_amount: Money
    tax_amount: Money


class PaymentActionView(BaseModel):
    """What the customer has to do before the money is there, until when.

    `challenge`: prove to the bank who pays, on the page that `reference` leads to; `transfer`: send money, and name it.
    """

    kind: str
    reference: str
    deadline_at: datetime


class ExchangedForView(BaseModel):
    """What an order is exchanged for: a return of another order, what that pays of it, and whether it still `waits` for it."""

    order_id: UUID
    return_id: UUID
    credit: Money
    waits: bool


class ExchangedByView(BaseModel):
    """An order that was placed in exchange for a return of this one."""

    order_id: UUID
    return_id: UUID


class OrderExchangeView(BaseModel):
    """With which orders an order is exchanged."""

    exchange_for: ExchangedForView | None
    exchanged_by: list[ExchangedByView]


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
    subtotal_amount: Money
    shipping_amount: Money
    tax_amount: Money
    tax_lines: list[TaxLineView]
    prices_include_tax: bool
    rounding: str
    shipping: ShippingView | None
    currency: str
    captured_amount: Money
    refunded_amount: Money
    shipping_address: dict[str, Any]
    billing_address: dict[str, Any]
    contact: dict[str, Any]
    payment_method: str
    payment_action: PaymentActionView | None
    exchange: OrderExchangeView | None
    items: list[ItemView]
    backordered: list[WaitingView]
    shipments: list[ShipmentView]
    allowed_actions: list[str]
    deadline_at: datetime | None
    version: int
    updated_at: datetime


class CutView(BaseModel):
    """Units of a line that were cancelled, or were not."""

    item_id: UUID
    product_id: str
    quantity: int


class CancelledView(OrderView):
    """An order after a cancellation: what was cancelled, and what had left already."""

    cancelled: list[CutView]
    not_cancelled: list[CutView]


class OrderPage(Page):
    """A page of orders."""

    items: list[OrderView]


class HistoryView(BaseModel):
    """What happened to an order, and why; `kind` is `change`, or for staff `note`, or `saga`: what they did about it."""

    history_id: UUID
    order_id: UUID
    status: str
    timestamp: datetime
    notes: str
    actor: str
    event_id: UUID | None
    kind: str = "change"


class HistoryPage(Page):
    """The history of an order."""

    items: list[HistoryView]


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


def percent(ppm: int) -> str:
    """Write a tax rate in millionths as percent, without needless digits."""
    whole, rest = divmod(ppm, 10_000)
    return f"{whole}.{rest:04d}".rstrip("0").rstrip(".")


def shipment_view(shipment: Shipment, currency: str) -> ShipmentView:
    """Show a parcel."""
    return ShipmentView.model_validate(_shipment(shipment, currency))


def _shipment(shipment: Shipment, currency: str) -> dict[str, Any]:
    row = shipment.__dict__
    return {
        **{name: row[name] for name in _SHIPMENT_SHOWN_AS_STORED},
        "status": shipment.state,
        "lines": [
            {**line, "item_id": line["item_id"], "amount": {"amount": line["amount"], "currency": currency}}
            for line in shipment.lines
        ],
        "amount": {"amount": shipment.amount, "currency": currency},
        "shipping_amount": {"amount": shipment.shipping_amount, "currency": currency},
    }


_SHIPMENT_SHOWN_AS_STORED = (
    "shipment_id",
    "warehouse_id",
    "carrier",
    "service",
    "tracking_number",
    "tracking_status",
    "expected_delivery",
    "label_id",
    "hold_reason",
    "moving_to",
    "dispatched_at",
    "delivered_at",
)
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
    "payment_action",
    "prices_include_tax",
    "rounding",
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

    def money(amount: int) -> dict[str, Any]:
        return {"amount": amount, "currency": currency}

    view = {name: row[name] for name in _SHOWN_AS_STORED}
    for name in ("total_amount", "shipping_amount", "tax_amount", "captured_amount", "refunded_amount"):
        view[name] = money(row[name])
    view["subtotal_amount"] = money(sum([item.subtotal for item in order.items]))
    view["tax_lines"] = _tax_lines(order)
    view["shipping"] = _shipping(order)
    view["exchange"] = _exchange(order) if order.exchange is not None else None
    view["items"] = [
        {
            "item_id": item.item_id,
            "product_id": item.product_id,
            "name": item.name,
            "quantity": item.quantity,
            "price": money(item.price),
            "subtotal": money(item.subtotal),
            "discount_amount": money(item.discount_amount),
            "tax_percent": percent(item.tax_rate_ppm),
            "tax_amount": money(item.tax_amount),
            "total_amount": money(item.total_amount),
        }
        for item in order.items
    ]
    view["backordered"] = order.backordered or []
    view["shipments"] = [_shipment(one, currency) for one in order.shipments]
    view["allowed_actions"] = order.actions
    return view


def _exchange(order: Order) -> dict[str, Any]:
    source = order.exchange_for
    if source is not None:
        source = {**source, "credit": {"amount": source["credit"], "currency": order.currency}}
    return {"exchange_for": source, "exchanged_by": (order.exchange or {}).get("by", [])}


def _shipping(order: Order) -> dict[str, Any] | None:
    if order.shipping_method is None:
        return None
    return {
        "method_id": order.shipping_method,
        "name": order.shipping_name,
        "tax_percent": percent(order.shipping_tax_rate_ppm),
        "tax_amount": {"amount": order.shipping_tax_amount, "currency": order.currency},
        "total_amount": {"amount": order.shipping_amount, "currency": order.currency},
    }


def _tax_lines(order: Order) -> list[dict[str, Any]]:
    """Add up what is taxed, by rate; nothing is taxed at no rate."""
    if not order.tax_amount:
        return []
    charges = [(item.tax_rate_ppm, item.total_amount, item.tax_amount) for item in order.items]
    charges.append((order.shipping_tax_rate_ppm, order.shipping_amount, order.shipping_tax_amount))
    sums: dict[int, tuple[int, int]] = {}
    for rate, total, tax in charges:
        net, so_far = sums.get(rate, (0, 0))
        sums[rate] = net + total - tax, so_far + tax
    return [
        {
            "tax_percent": percent(rate),
            "net_amount": {"amount": net, "currency": order.currency},
            "tax_amount": {"amount": tax, "currency": order.currency},
        }
        for rate, (net, tax) in sorted(sums.items())
        if net or tax
    ]


def cancelled_body(order: Order, before: Mapping[UUID, int], kept: Mapping[UUID, int]) -> bytes:
    """Show an order after a cancellation, by what was there of each line and what was kept."""
    view = order_view(order)
    lines = [(item.item_id, item.product_id, before[item.item_id], kept[item.item_id]) for item in order.items]
    view["cancelled"] = [
        {"item_id": item_id, "product_id": sku, "quantity": was - left} for item_id, sku, was, left in lines if was > left
    ]
    view["not_cancelled"] = [
        {"item_id": item_id, "product_id": sku, "quantity": left} for item_id, sku, _, left in lines if left
    ]
    return to_json(view)


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
        kind=entry.kind or "change",
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
