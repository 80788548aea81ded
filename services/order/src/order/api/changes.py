"""Changes before shipping: another address, fewer units, more of them, as far as nothing has left."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any, Final, Self
from uuid import UUID

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field, StrictInt, model_validator
from pydantic_core import to_json

from chassis.auth import Caller, Customer
from chassis.batch import Answer
from chassis.commands import Runs
from chassis.domain import Cause, Refusal
from chassis.preconditions import ExpectedVersion, etag
from chassis.problems import invalid
from chassis.requests import RequestModel
from contracts.order import (
    ChangeRefusal,
    OrderChanged,
    OrderChangeRequested,
    OrderChangeWithdrawn,
    OrderContacts,
)
from contracts.types import Address, Contact, Money, PaymentInstrument
from order.api.cart import CartItem
from order.api.forms import AddressBody, ContactBody, MoneyBody, PaymentBody
from order.api.quoting import QuotedItemView, quote_view
from order.api.views import OrderView, order_body
from order.model import Change, Order, PriceChangedError, PricedLine, Product, Quote, Terms, quote, shipping_with
from order.model.cart import MOST_OF_ONE, price_lines
from order.model.changes import Cut
from order.store import OrderQueries, OrderStore, ProductStore

router = APIRouter(prefix="/api/orders", tags=["orders"])


class PreconditionRequiredError(Refusal):
    """This change needs `If-Match`, so that nobody changes what they have not seen."""

    slug = "precondition-required"
    title = "If-Match is required"
    status = 428


# --- another address ---------------------------------------------------------------------------------------------------------


class OrderPatch(RequestModel):
    """What is to be another; what is left out stays."""

    shipping_address: AddressBody | None = None
    billing_address: AddressBody | None = None
    contact: ContactBody | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.shipping_address is None and self.billing_address is None and self.contact is None:
            raise ValueError("name at least one of shipping_address, billing_address and contact")
        return self


AT_ONCE: Final = ("card", "gift_card")
"""How more of an order can be paid: the change is decided while the rest of the order waits."""


@dataclass(frozen=True, slots=True)
class ReaddressOrder:
    """Send an order elsewhere, or reach its customer otherwise."""

    order_id: UUID
    user_id: str
    body: OrderPatch
    expected_version: int | None


def readdress_order(command: ReaddressOrder, orders: OrderStore, cause: Cause) -> Answer[OrderChanged | OrderContacts]:
    """Change address or contact; labels for the old address are given back and bought anew."""
    order = orders.owned(command.order_id, command.user_id)
    order.check_version(command.expected_version)
    body = command.body
    changed = order.readdress(
        body.shipping_address.model_dump() if body.shipping_address is not None else None,
        body.billing_address.model_dump() if body.billing_address is not None else None,
        body.contact.model_dump() if body.contact is not None else None,
        cause,
    )
    # The payment is decided: what pays is known to payment alone, and an empty token changes nothing there.
    contacts = _contacts(order, PaymentInstrument(method=order.payment_method, token=""))
    return Answer(order_body(order), events=[contacts, changed], headers={"ETag": etag(order.version)})


def _contacts(order: Order, payment: PaymentInstrument, change_id: UUID | None = None) -> OrderContacts:
    return OrderContacts(
        order_id=order.order_id,
        user_id=order.user_id,
        contact=Contact.model_validate(order.contact),
        shipping_address=Address.model_validate(order.shipping_address),
        billing_address=Address.model_validate(order.billing_address),
        payment=payment,
        change_id=change_id,
    )


@router.patch("/{order_id}", response_model=OrderView)
async def patch_order(
    run: Runs, who: Customer, order_id: UUID, body: OrderPatch, expected_version: ExpectedVersion
) -> Response:
    """Change where the rest of an order goes, or how its customer is reached; within the same country and region."""
    return await run(readdress_order, ReaddressOrder(order_id, who.user_id, body, expected_version))


# --- fewer units -------------------------------------------------------------------------------------------------------------


class QuantityBody(RequestModel):
    """How many units are to stay; 0 takes the line out."""

    quantity: Annotated[StrictInt, Field(ge=0, le=MOST_OF_ONE)]


@dataclass(frozen=True, slots=True)
class ReduceItem:
    """Leave fewer units of a line."""

    order_id: UUID
    user_id: str
    item_id: UUID
    quantity: int
    expected_version: int | None


def reduce_item(command: ReduceItem, orders: OrderStore, cause: Cause) -> Answer[Cut]:
    """Take units out that have not left; stock and money follow."""
    order = orders.owned(command.order_id, command.user_id)
    order.check_version(command.expected_version)
    facts = order.reduce(command.item_id, command.quantity, cause)
    return Answer(order_body(order), events=facts, headers={"ETag": etag(order.version)})


@router.patch("/{order_id}/items/{item_id}", response_model=OrderView)
async def patch_item(
    run: Runs, who: Customer, order_id: UUID, item_id: UUID, body: QuantityBody, expected_version: ExpectedVersion
) -> Response:
    """Have fewer units of a line, or none, as far as they have not left."""
    return await run(reduce_item, ReduceItem(order_id, who.user_id, item_id, body.quantity, expected_version))


# --- more units --------------------------------------------------------------------------------------------------------------


class AdditionBody(RequestModel):
    """What is to be added: products at today's prices."""

    items: Annotated[list[CartItem], Field(min_length=1, max_length=20)]


class AdditionOrder(AdditionBody):
    """An addition to carry out: how the difference is paid, and the total that the customer has seen."""

    payment: PaymentBody
    expected_total: MoneyBody | None = None


class AdditionView(BaseModel):
    """What an addition would come to; `expected_total` of the addition is its `total_amount`."""

    items: list[QuotedItemView]
    previous_total: Money
    difference: Money
    shipping_amount: Money
    total_amount: Money


class ChangeView(BaseModel):
    """A change of an order, and whether it came about; `reason` says why it did not."""

    change_id: UUID
    kind: str
    state: str
    previous_total: Money
    total_amount: Money
    difference: Money
    reason: str | None
    deadline_at: datetime | None
    created_at: datetime


class ChangeList(BaseModel):
    """The changes of an order, oldest first."""

    items: list[ChangeView]


def _additions(
    order: Order, items: list[CartItem], products: dict[str, Product], terms: Terms
) -> tuple[Quote, tuple[int, int]]:
    """Price what is added, and shipping for the whole of it; raises UnknownProductError, NoShippingMethodError."""
    added = price_lines([(item.product_id, item.quantity) for item in items], products, order.currency)
    address = order.shipping_address
    quoted = quote(added, Terms(tax_rates=terms.tax_rates), address, None, included=order.prices_include_tax)
    if order.shipping_method is None:
        return quoted, (order.shipping_amount, order.shipping_tax_amount)
    grams = sum(item.weight_grams * item.quantity for item in order.items)
    already = Product(
        sku="", name="", price=0, currency=order.currency, active=True, sequence=0, weight_grams=grams, tax_class="standard"
    )
    whole = quote([PricedLine(already, 1), *added], terms, address, order.shipping_method, included=order.prices_include_tax)
    return quoted, shipping_with(order, whole)


@router.post("/{order_id}/edits/preview", response_model=AdditionView)
async def preview_addition(request: Request, who: Customer, order_id: UUID, body: AdditionBody) -> Response:
    """Show what an addition would cost; nothing is changed or held."""
    async with request.app.state.database.reading() as session:
        queries = OrderQueries(session)
        order = await queries.order(order_id, who.user_id)
        products = await queries.products([item.product_id for item in body.items])
        terms = await queries.terms()
    quoted, shipping = _additions(order, body.items, products, terms)
    total = order.total_amount + quoted.total + max(0, shipping[0] - order.shipping_amount)
    view = {
        "items": quote_view(quoted)["items"],
        "previous_total": order.total,
        "difference": order.money(total - order.total_amount),
        "shipping_amount": order.money(max(shipping[0], order.shipping_amount)),
        "total_amount": order.money(total),
    }
    headers = {"ETag": etag(order.version)}
    return Response(AdditionView.model_validate(view).model_dump_json(), headers=headers, media_type="application/json")


@dataclass(frozen=True, slots=True)
class AddToOrder:
    """Have more in an order."""

    order_id: UUID
    user_id: str
    body: AdditionOrder
    deadline: timedelta
    expected_version: int

    cart_of: None = None

    @property
    def skus(self) -> tuple[str, ...]:
        """The products that are added."""
        return tuple(item.product_id for item in self.body.items)


def add_to_order(
    command: AddToOrder, orders: OrderStore, products: ProductStore, cause: Cause
) -> Answer[OrderChangeRequested | OrderContacts]:
    """Ask for more: it comes about once its stock is held and the difference authorised, or not at all."""
    order = orders.owned(command.order_id, command.user_id)
    order.check_version(command.expected_version)
    body = command.body
    if body.payment.method not in AT_ONCE:
        raise invalid("payment.method", f"more of it is paid at once: by {' or '.join(AT_ONCE)}")
    quoted, shipping = _additions(order, body.items, dict(products.all), products.terms)
    total = order.total_amount + quoted.total + max(0, shipping[0] - order.shipping_amount)
    seen = body.expected_total
    if seen is not None and (seen.amount, seen.currency) != (total, order.currency):
        raise PriceChangedError(
            f"The total would be {total} {order.currency} (minor units) now.",
            expected_total=seen.model_dump(),
            total_amount=order.money(total).model_dump(),
        )
    requested = order.request_addition(quoted, shipping, command.deadline, cause)
    contacts = _contacts(order, body.payment.instrument(), requested.change_id)
    change = next(one for one in order.changes if one.change_id == requested.change_id)
    headers = {"Location": f"/api/orders/{order.order_id}/edits/{change.change_id}", "ETag": etag(order.version)}
    return Answer(to_json(change_view(change, order.currency)), events=[contacts, requested], status=202, headers=headers)


@router.post("/{order_id}/edits", status_code=202, response_model=ChangeView)
async def post_addition(
    request: Request, run: Runs, who: Customer, order_id: UUID, body: AdditionOrder, expected_version: ExpectedVersion
) -> Response:
    """Have more in an order, as previewed (If-Match); the order stays as it is until stock and money are had."""
    if expected_version is None:
        raise PreconditionRequiredError("Send If-Match with the ETag of the preview.")
    deadline = timedelta(seconds=request.app.state.settings.change_deadline_seconds)
    return await run(add_to_order, AddToOrder(order_id, who.user_id, body, deadline, expected_version))


@router.get("/{order_id}/edits")
async def list_changes(request: Request, who: Customer, order_id: UUID) -> ChangeList:
    """List the changes of an order and what became of them."""
    return await changes_of(request, order_id, who)


async def changes_of(request: Request, order_id: UUID, who: Caller | None) -> ChangeList:
    """List the changes of an order, of a customer's own or (`who` None) of any."""
    async with request.app.state.database.reading() as session:
        queries = OrderQueries(session)
        order = await queries.order(order_id, who.user_id if who is not None else None)
        changes = await queries.changes(order_id)
    return ChangeList(items=[ChangeView.model_validate(change_view(one, order.currency)) for one in changes])


def change_view(change: Change, currency: str) -> dict[str, Any]:
    """Show a change."""

    def money(amount: int) -> dict[str, Any]:
        return {"amount": amount, "currency": currency}

    return {
        "change_id": change.change_id,
        "kind": change.kind,
        "state": change.state,
        "previous_total": money(change.previous_total),
        "total_amount": money(change.new_total),
        "difference": money(change.difference),
        "reason": change.reason,
        "deadline_at": change.deadline_at,
        "created_at": change.created_at,
    }


@dataclass(frozen=True, slots=True)
class WithdrawChange:
    """Give a requested change up."""

    order_id: UUID
    user_id: str
    change_id: UUID


def withdraw_change(command: WithdrawChange, orders: OrderStore, cause: Cause) -> Answer[OrderChangeWithdrawn]:
    """Give a requested change up; one that is decided stays."""
    order = orders.owned(command.order_id, command.user_id)
    withdrawn = order.withdraw(command.change_id, ChangeRefusal.CUSTOMER, cause)
    events = [withdrawn] if withdrawn is not None else []
    return Answer(order_body(order), events=events, headers={"ETag": etag(order.version)})


@router.delete("/{order_id}/edits/{change_id}", response_model=OrderView)
async def delete_change(run: Runs, who: Customer, order_id: UUID, change_id: UUID) -> Response:
    """Give a requested change up before it is decided."""
    return await run(withdraw_change, WithdrawChange(order_id, who.user_id, change_id))
