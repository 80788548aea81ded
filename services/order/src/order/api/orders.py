"""The customer's orders: place, look, cancel."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Final, Self
from uuid import UUID

from fastapi import APIRouter, Request, Response
from pydantic import Field, model_validator

from chassis.auth import Customer
from chassis.batch import Answer
from chassis.commands import DirectRoute, Runs
from chassis.domain import Cause
from chassis.pages import Cursor, Limit
from chassis.preconditions import ExpectedVersion, etag
from chassis.problems import invalid
from chassis.requests import RequestModel
from contracts.order import CancelReason, OrderCancelled, OrderContacts, OrderPlaced
from contracts.types import Address, Client, Contact, Money
from order.api.cart import CartItem
from order.api.client import client_mark, client_of
from order.api.forms import AddressBody, ContactBody, MethodId, MoneyBody, Notes, PaymentBody
from order.api.live import until_decided
from order.api.views import (
    CancelledView,
    HistoryPage,
    OrderPage,
    OrderView,
    cancelled_body,
    history_view,
    order_body,
    order_page,
)
from order.model import Order, OrderState, Status, quote
from order.model.cart import MOST_LINES, lines_of, price_lines
from order.model.changes import Cut
from order.store import CartStore, OrderFilter, OrderQueries, OrderStore, ProductStore, Throttle

router = APIRouter(prefix="/api/orders", tags=["orders"])
busy = APIRouter(prefix="/api/orders", tags=["orders"], route_class=DirectRoute)

PREFER: Final = {
    "name": "Prefer",
    "in": "header",
    "schema": {"type": "string"},
    "description": "`wait=SECONDS` answers once stock and payment are decided.",
}


class OrderBody(RequestModel):
    """An order to place: `items`, or the cart where they are absent. Prices are the shop's."""

    items: Annotated[list[CartItem], Field(min_length=1, max_length=MOST_LINES)] | None = None
    shipping_address: AddressBody
    billing_address: AddressBody | None = None
    contact: ContactBody
    payment: PaymentBody
    shipping_method: MethodId | None = None
    expected_total: MoneyBody | None = None

    @model_validator(mode="after")
    def _items_are_distinct_enough(self) -> Self:
        totals: dict[str, int] = {}
        for item in self.items or ():
            totals[item.product_id] = totals.get(item.product_id, 0) + item.quantity
        if any(total > 999 for total in totals.values()):  # noqa: PLR2004 - the same most as in a cart
            raise ValueError("items: at most 999 of one product")
        return self


@dataclass(frozen=True, slots=True)
class PlaceOrder:
    """Place an order of `items`, or of the cart of `cart_of`."""

    user_id: str
    body: OrderBody
    currency: str
    deadline: timedelta
    prices_include_tax: bool = True
    client: Client | None = None
    client_mark: UUID | None = None

    @property
    def cart_of(self) -> str | None:
        """Whose cart is ordered, if one is."""
        return self.user_id if self.body.items is None else None

    @property
    def skus(self) -> tuple[str, ...]:
        """The products that are ordered without a cart."""
        return tuple(item.product_id for item in self.body.items or ())


def place_order(
    command: PlaceOrder, orders: OrderStore, products: ProductStore, carts: CartStore, cause: Cause
) -> Answer[OrderPlaced | OrderContacts]:
    """Place the order at the shop's prices; its stock and money are decided by the saga."""
    body = command.body
    if body.expected_total is not None and body.expected_total.currency != command.currency:
        raise invalid("expected_total.currency", f"this shop sells in {command.currency}")
    if body.items is None:
        lines = lines_of(carts.get(command.user_id))
    else:
        lines = [(item.product_id, item.quantity) for item in body.items]
    priced = price_lines(lines, products.all, command.currency)
    shipping = body.shipping_address.model_dump()
    billing = body.billing_address.model_dump() if body.billing_address is not None else shipping
    contact = body.contact.model_dump()
    order, placed = Order.place(
        user_id=command.user_id,
        quote=quote(priced, products.terms, shipping, body.shipping_method, included=command.prices_include_tax),
        contact=contact,
        shipping_address=shipping,
        billing_address=billing,
        payment_method=body.payment.method,
        expected_total=Money(**body.expected_total.model_dump()) if body.expected_total is not None else None,
        deadline=command.deadline,
        cause=cause,
    )
    order.client_mark = command.client_mark
    orders.add(order)
    if body.items is None:
        carts.get(command.user_id).clear(cause.at)
    contacts = OrderContacts(
        order_id=order.order_id,
        user_id=order.user_id,
        contact=Contact(**contact),
        shipping_address=Address(**shipping),
        billing_address=Address(**billing),
        payment=body.payment.instrument(),
        client=command.client,
    )
    headers = {"Location": f"/api/orders/{order.order_id}", "ETag": etag(order.version)}
    return Answer(order_body(order), events=[placed, contacts], status=201, headers=headers)


@busy.post("", status_code=201, response_model=OrderView, openapi_extra={"parameters": [PREFER]})
async def post_order(request: Request, run: Runs, who: Customer, body: OrderBody) -> Response:
    """Place an order; `Prefer: wait=SECONDS` answers once stock and payment are decided."""
    settings, database = request.app.state.settings, request.app.state.database
    client = client_of(request, settings)
    mark = client_mark(client, settings)
    await database.remembered.setdefault(Throttle, Throttle(settings.declines_per_hour)).refuse(database, mark)
    deadline = timedelta(seconds=settings.pending_deadline_seconds)
    wish = PlaceOrder(who.user_id, body, settings.currency, deadline, settings.prices_include_tax, client, mark)
    reply = await run(place_order, wish)
    return await until_decided(request, who, reply)


@router.get("", response_model=OrderPage)
async def list_orders(
    request: Request, who: Customer, limit: Limit = 20, cursor: Cursor = None, status: Status | None = None
) -> Response:
    """List the customer's orders, newest first."""
    async with request.app.state.database.reading() as session:
        narrowed = OrderFilter(user_id=who.user_id, status=status)
        orders, following = await OrderQueries(session).orders(narrowed, limit, cursor)
    return Response(order_page(orders, following), media_type="application/json")


@router.get("/{order_id}", response_model=OrderView)
async def get_order(request: Request, who: Customer, order_id: UUID) -> Response:
    """Show one of the customer's orders."""
    async with request.app.state.database.reading() as session:
        order = await OrderQueries(session).order(order_id, who.user_id)
    return Response(order_body(order), headers={"ETag": etag(order.version)}, media_type="application/json")


@router.get("/{order_id}/history")
async def get_history(request: Request, who: Customer, order_id: UUID) -> HistoryPage:
    """Show what happened to an order."""
    async with request.app.state.database.reading() as session:
        queries = OrderQueries(session)
        await queries.order(order_id, who.user_id)
        entries = await queries.history(order_id, staff=False)
    return HistoryPage(items=[history_view(entry) for entry in entries])


class CancelBody(RequestModel):
    """Why the customer cancels, in their words."""

    notes: Notes = ""


@dataclass(frozen=True, slots=True)
class CancelOrder:
    """Cancel an order: a customer their own, staff (`user_id` None) any."""

    order_id: UUID
    user_id: str | None
    notes: str = ""
    expected_version: int | None = None


Cancelled = OrderCancelled | Cut


def cancel_order(command: CancelOrder, orders: OrderStore, cause: Cause) -> Answer[Cancelled]:
    """Cancel what has not left: all of the order, or the rest of it; the answer says what. Stock and money come back."""
    if command.user_id is None:
        order, reason = orders.get(command.order_id), CancelReason.STAFF
    else:
        order, reason = orders.owned(command.order_id, command.user_id), CancelReason.CUSTOMER
    order.check_version(command.expected_version)
    body, facts = cancel_what_is_left(order, reason, cause, command.notes)
    return Answer(body, events=facts, headers={"ETag": etag(order.version)})


def cancel_what_is_left(order: Order, reason: CancelReason, cause: Cause, notes: str) -> tuple[bytes, Sequence[Cancelled]]:
    """Cancel an order, or what of it has not left a warehouse; answers what is said of it, and told."""
    before = {item.item_id: item.quantity for item in order.items}
    partly = order.order_state == OrderState.CONFIRMED and 0 < order.shipped_units < order.units
    facts: Sequence[Cancelled] = order.cancel_rest(cause, notes) if partly else [order.cancel(reason, cause, notes)]
    kept = {item.item_id: item.quantity if partly else 0 for item in order.items}
    return cancelled_body(order, before, kept), facts


@router.post("/{order_id}/cancel", response_model=CancelledView)
async def post_cancel(
    run: Runs,
    who: Customer,
    order_id: UUID,
    expected_version: ExpectedVersion,
    body: CancelBody | None = None,
) -> Response:
    """Cancel what has not been sent yet; `cancelled` and `not_cancelled` say which lines."""
    notes = body.notes if body is not None else ""
    return await run(cancel_order, CancelOrder(order_id, who.user_id, notes, expected_version))
