"""Exchanges: a return may ask for other products instead of money; once it is agreed to, their order is placed with it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Annotated, Any, Final
from uuid import UUID

from pydantic import BaseModel, Field

from chassis.domain import Cause
from chassis.problems import invalid
from chassis.requests import RequestModel
from contracts.order import OrderContacts, OrderPlaced
from contracts.types import Address, Contact, Money, PaymentInstrument
from order.api.cart import CartItem
from order.api.forms import MethodId, PaymentBody
from order.model import ExchangeWish, Order, OrderReturn, Quote, quote
from order.model.cart import MOST_LINES, price_lines
from order.settings import Settings
from order.store import OrderStore, ProductStore

METHOD: Final = "exchange"
"""How an order is paid that what came back pays alone."""


class ExchangeBody(RequestModel):
    """What a customer wants instead: products at the shop's prices, sent to where the order went.

    What comes back pays for them; `payment`, by card, says how a difference is paid, and is needed where there is one.
    """

    items: Annotated[list[CartItem], Field(min_length=1, max_length=MOST_LINES)]
    shipping_method: MethodId | None = None
    payment: PaymentBody | None = None


class ExchangeItemView(BaseModel):
    """A product that is wanted instead."""

    product_id: str
    quantity: int


class ExchangeView(BaseModel):
    """What a customer gets for a return instead of money: `order_id` once it is placed, and what is credited to it.

    `stage` is `wanted`, `placed`, `settled` (what came back pays it) or `ended` (it does not come about); `difference` is what
    the customer pays for it at the most.
    """

    stage: str
    items: list[ExchangeItemView]
    order_id: UUID | None
    credit: Money
    difference: Money


def exchange_view(back: OrderReturn, currency: str) -> dict[str, Any] | None:
    """Show the exchange of a return."""
    exchange = back.exchange
    if exchange is None:
        return None
    amounts = {name: {"amount": exchange[name], "currency": currency} for name in ("credit", "difference")}
    return {**{name: exchange[name] for name in ("stage", "items", "order_id")}, **amounts}


@dataclass(frozen=True, slots=True)
class Selling:
    """How the shop sells: its currency, whether prices hold taxes, and how long a new order waits for stock and payment."""

    currency: str = "EUR"
    deadline: timedelta = timedelta(minutes=30)
    prices_include_tax: bool = True

    @classmethod
    def by(cls, settings: Settings) -> "Selling":
        """Sell as the shop has set."""
        deadline = timedelta(seconds=settings.pending_deadline_seconds)
        return cls(settings.currency, deadline, settings.prices_include_tax)


SELLING: Final = Selling()


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is wanted in exchange, priced; `payment` is how a difference is paid."""

    quoted: Quote
    payment: Mapping[str, Any] | None = field(repr=False)


def priced(
    order: Order, items: list[tuple[str, int]], method_id: str | None, products: ProductStore, selling: Selling
) -> Quote:
    """Price what is wanted instead; raises UnknownProductError, NoShippingMethodError."""
    lines = price_lines(items, products.all, selling.currency)
    return quote(lines, products.terms, order.shipping_address, method_id, included=selling.prices_include_tax)


def asked_for(
    order: Order, body: ExchangeBody | None, products: ProductStore, selling: Selling
) -> tuple[ExchangeWish, Wanted] | tuple[None, None]:
    """Say what a customer wants instead and what that costs; raises InvalidRequestError where it is not paid by card."""
    if body is None:
        return None, None
    if selling.currency != order.currency:
        raise invalid("exchange", f"the order was paid in {order.currency}, and this shop sells in {selling.currency}")
    if body.payment is not None and (body.payment.method != "card" or body.payment.gift_card is not None):
        raise invalid("exchange.payment.method", "the difference is paid by card")
    items = [(item.product_id, item.quantity) for item in body.items]
    quoted = priced(order, items, body.shipping_method, products, selling)
    payment = body.payment.instrument().model_dump() if body.payment is not None else None
    return ExchangeWish(items, quoted.total, body.shipping_method, payment), Wanted(quoted, payment)


def wanted_now(order: Order, back: OrderReturn, products: ProductStore, selling: Selling) -> Wanted | None:
    """Price anew what a customer has asked for instead, as long as nobody has decided about it."""
    exchange = back.exchange
    if exchange is None or exchange["stage"] != "wanted":
        return None
    items = [(item["product_id"], item["quantity"]) for item in exchange["items"]]
    return Wanted(priced(order, items, exchange["shipping_method"], products, selling), exchange["payment"])


def place_exchange(
    order: Order, back: OrderReturn, wanted: Wanted | None, selling: Selling, orders: OrderStore, cause: Cause
) -> list[OrderPlaced | OrderContacts]:
    """Place the order that a return was just agreed to be exchanged for, for the same customer."""
    source = order.exchange_of(back.return_id)
    if source is None or wanted is None:
        return []
    covered = wanted.quoted.total == source.credit
    chosen = wanted.payment if not covered and wanted.payment is not None else {"method": METHOD, "token": METHOD}
    placed, fact = Order.place(
        user_id=order.user_id,
        quote=wanted.quoted,
        contact=order.contact,
        shipping_address=order.shipping_address,
        billing_address=order.billing_address,
        payment_method=chosen["method"],
        expected_total=None,
        deadline=selling.deadline,
        cause=cause,
        exchange=source,
    )
    orders.add(placed)
    contacts = OrderContacts(
        order_id=placed.order_id,
        user_id=placed.user_id,
        contact=Contact.model_validate(placed.contact),
        shipping_address=Address.model_validate(placed.shipping_address),
        billing_address=Address.model_validate(placed.billing_address),
        payment=PaymentInstrument.model_validate({**chosen, "credit": placed.money(source.credit)}),
    )
    return [fact, contacts]
