"""Returns: customers ask, the policy or support decides, the warehouse takes in what comes."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel, Field, StrictBool, StrictInt
from pydantic_core import to_json

from chassis.auth import Caller, Customer, having, staff
from chassis.batch import Answer
from chassis.commands import Runs
from chassis.domain import Cause, new_id
from chassis.pages import Cursor, Limit, Page
from chassis.preconditions import etag
from chassis.problems import invalid
from chassis.requests import LongText, RequestModel
from contracts.order import (
    Disposition,
    OrderContacts,
    OrderPlaced,
    ReturnApproved,
    ReturnDeclined,
    ReturnReason,
    ReturnRefusal,
)
from contracts.types import Money
from order.api.exchanges import (
    SELLING,
    ExchangeBody,
    ExchangeView,
    Selling,
    asked_for,
    exchange_view,
    place_exchange,
    wanted_now,
)
from order.api.forms import Notes
from order.api.fulfilment import WarehouseId
from order.model import Inspected, Order, OrderReturn, Receipt, ReturnLabel, ReturnPolicy, ReturnStage, ReturnWish
from order.model.cart import MOST_OF_ONE
from order.model.returns import Asked, Ended, Received
from order.store import OrderQueries, OrderStore, ProductStore, ReturnQueries

router = APIRouter(prefix="/api/orders", tags=["returns"])
desk = APIRouter(prefix="/api/admin/orders", tags=["returns"])
queue = APIRouter(prefix="/api/admin/returns", tags=["returns"])

Reader = Annotated[Caller, staff("support", "warehouse", "finance", "auditor")]
Support = Annotated[Caller, staff("support")]
Inspector = Annotated[Caller, staff("support", "warehouse")]
OwnerOrStaff = Annotated[Caller, Depends(having("customer", "support", "warehouse"))]
MOST_LINES = 100


# --- how they look -----------------------------------------------------------------------------------------------------------


class ReturnLineView(BaseModel):
    """Units that are to come back, why, and how many of them came."""

    item_id: UUID
    product_id: str
    quantity: int
    reason: str
    received: int


class InspectedView(BaseModel):
    """Units that came, what became of them, and whether their money goes back."""

    item_id: UUID
    product_id: str
    quantity: int
    disposition: str
    refund: bool


class ReceiptView(BaseModel):
    """What came in at once, and where."""

    receipt_id: UUID
    warehouse_id: str
    lines: list[InspectedView]
    at: datetime
    by: str


class ReturnLabelView(BaseModel):
    """The label of a return."""

    state: str
    carrier: str | None
    tracking_number: str | None


class ReturnView(BaseModel):
    """A return: `refund_amount` is given back if all of it comes, `fee_amount` less than it cost; `reason`: why it does not."""

    return_id: UUID
    order_id: UUID
    state: str
    lines: list[ReturnLineView]
    note: str
    refund_amount: Money
    fee_amount: Money
    warehouse_id: str
    receipts: list[ReceiptView]
    label: ReturnLabelView | None
    exchange: ExchangeView | None
    reason: str | None
    decision_notes: str
    deadline_at: datetime | None
    created_at: datetime
    updated_at: datetime


class ReturnList(BaseModel):
    """The returns of an order, oldest first."""

    items: list[ReturnView]


class QueuedReturnView(ReturnView):
    """A return with its customer."""

    user_id: str


class ReturnPage(Page):
    """A page of returns, oldest first."""

    items: list[QueuedReturnView]


def return_view(back: OrderReturn, label: ReturnLabel | None, currency: str) -> dict[str, Any]:
    """Show a return."""
    shown = ("return_id", "order_id", "state", "lines", "note", "warehouse_id", "receipts", "reason", "decision_notes")
    return {
        **{name: getattr(back, name) for name in (*shown, "deadline_at", "created_at", "updated_at")},
        "refund_amount": {"amount": back.refund_amount, "currency": currency},
        "fee_amount": {"amount": back.fee_amount, "currency": currency},
        "exchange": exchange_view(back, currency),
        "label": {name: getattr(label, name) for name in ReturnLabelView.model_fields} if label is not None else None,
    }


def _answer(order: Order, back: OrderReturn, events: Sequence[Any], status: int = 200, **headers: str) -> Answer[Any]:
    labels = [one for one in order.return_labels.values() if one.return_id == back.return_id]
    label = max(labels, key=lambda one: one.label_id) if labels else None
    body = to_json(return_view(back, label, order.currency))
    return Answer(body, events=events, status=status, headers={"ETag": etag(order.version), **headers})


# --- the customer's ----------------------------------------------------------------------------------------------------------


class ReturnLineBody(RequestModel):
    """Units that are to come back, and why."""

    item_id: UUID
    quantity: Annotated[StrictInt, Field(ge=1, le=MOST_OF_ONE)]
    reason: ReturnReason


class ReturnBody(RequestModel):
    """What a customer wants to send back, for its money or in exchange for something else; `note` is for support."""

    lines: Annotated[list[ReturnLineBody], Field(min_length=1, max_length=MOST_LINES)]
    note: LongText = ""
    exchange: ExchangeBody | None = None


@dataclass(frozen=True, slots=True)
class RequestReturn:
    """Ask that units may come back, under a policy; `tax_classes` are those of the order's products."""

    order_id: UUID
    user_id: str
    body: ReturnBody
    policy: ReturnPolicy
    tax_classes: dict[str, str]
    selling: Selling = SELLING
    cart_of: None = None

    @property
    def skus(self) -> tuple[str, ...]:
        """The products that are wanted instead."""
        return tuple(item.product_id for item in self.body.exchange.items) if self.body.exchange is not None else ()


def request_return(
    command: RequestReturn, orders: OrderStore, products: ProductStore, cause: Cause
) -> Answer[Asked | OrderPlaced | OrderContacts]:
    """Have the policy agree, refuse, or leave it to support; what is wanted in exchange is placed with its agreement."""
    order, body = orders.owned(command.order_id, command.user_id), command.body
    wishes = [ReturnWish(line.item_id, line.quantity, line.reason) for line in body.lines]
    wish, wanted = asked_for(order, body.exchange, products, command.selling)
    back, facts = order.request_return(wishes, body.note, command.policy, command.tax_classes, cause, wish)
    told = [*facts, *place_exchange(order, back, wanted, command.selling, orders, cause)]
    return _answer(order, back, told, 201, Location=f"/api/orders/{order.order_id}/returns/{back.return_id}")


@router.post("/{order_id}/returns", status_code=201, response_model=ReturnView)
async def post_return(request: Request, run: Runs, who: Customer, order_id: UUID, body: ReturnBody) -> Response:
    """Ask to send units back that were delivered."""
    async with request.app.state.database.reading() as session:
        queries = OrderQueries(session)
        order = await queries.order(order_id, who.user_id)
        products = await queries.products([item.product_id for item in order.items])
        policy = await ReturnQueries(session).policy()
    tax_classes = {sku: product.tax_class for sku, product in products.items()}
    selling = Selling.by(request.app.state.settings)
    return await run(request_return, RequestReturn(order_id, who.user_id, body, policy, tax_classes, selling))


@router.get("/{order_id}/returns")
async def list_returns(request: Request, who: Customer, order_id: UUID) -> ReturnList:
    """List the returns of one of the customer's orders."""
    return await _returns_of(request, order_id, who.user_id)


async def _returns_of(request: Request, order_id: UUID, user_id: str | None) -> ReturnList:
    async with request.app.state.database.reading() as session:
        queries = ReturnQueries(session)
        currency = await queries.currency(order_id, user_id)
        rows, labels = await queries.returns(order_id)
    views = [return_view(one, labels.get(one.return_id), currency) for one in rows]
    return ReturnList(items=[ReturnView.model_validate(one) for one in views])


@router.get("/{order_id}/returns/{return_id}")
async def get_return(request: Request, who: Customer, order_id: UUID, return_id: UUID) -> ReturnView:
    """Show a return of one of the customer's orders."""
    async with request.app.state.database.reading() as session:
        queries = ReturnQueries(session)
        currency = await queries.currency(order_id, who.user_id)
        back, label = await queries.one(order_id, return_id)
    return ReturnView.model_validate(return_view(back, label, currency))


@router.get("/{order_id}/returns/{return_id}/label")
async def get_return_label(request: Request, who: OwnerOrStaff, order_id: UUID, return_id: UUID) -> Response:
    """Show the label of a return, to be printed (PDF)."""
    user_id = None if who.roles & {"support", "warehouse", "admin"} else who.user_id
    async with request.app.state.database.reading() as session:
        queries = ReturnQueries(session)
        await queries.currency(order_id, user_id)
        pdf = await queries.label_pdf(order_id, return_id)
    headers = {"Content-Disposition": f'inline; filename="return-{return_id}.pdf"', "Cache-Control": "private, no-store"}
    return Response(pdf, headers=headers, media_type="application/pdf")


@dataclass(frozen=True, slots=True)
class DeclineReturn:
    """Have units not come back: at the customer's wish (`user_id`), or at support's."""

    order_id: UUID
    return_id: UUID
    reason: ReturnRefusal
    notes: str = ""
    user_id: str | None = None


def decline_return(command: DeclineReturn, orders: OrderStore, cause: Cause) -> Answer[ReturnDeclined]:
    """Decline a return, or withdraw it; nothing of it may have come."""
    order = orders.get(command.order_id) if command.user_id is None else orders.owned(command.order_id, command.user_id)
    fact = order.decline_return(command.return_id, command.reason, cause, command.notes)
    return _answer(order, order.return_of(command.return_id), [fact])


@router.delete("/{order_id}/returns/{return_id}", response_model=ReturnView)
async def delete_return(run: Runs, who: Customer, order_id: UUID, return_id: UUID) -> Response:
    """Withdraw a return: the customer keeps the units."""
    return await run(decline_return, DeclineReturn(order_id, return_id, ReturnRefusal.CUSTOMER, user_id=who.user_id))


# --- staff's -----------------------------------------------------------------------------------------------------------------


@queue.get("", response_model=ReturnPage)
async def list_all_returns(
    request: Request,
    _: Reader,
    limit: Limit = 50,
    cursor: Cursor = None,
    state: Annotated[ReturnStage | None, Query(description="How far they are.")] = None,
) -> Response:
    """List the returns of all orders, oldest first: the work of support and warehouse."""
    async with request.app.state.database.reading() as session:
        rows, following = await ReturnQueries(session).queue(state, limit, cursor)
    items = [{**return_view(back, None, currency), "user_id": user_id} for back, user_id, currency in rows]
    return Response(to_json({"items": items, "next_cursor": following}), media_type="application/json")


@desk.get("/{order_id}/returns")
async def list_any_returns(request: Request, _: Reader, order_id: UUID) -> ReturnList:
    """List the returns of an order."""
    return await _returns_of(request, order_id, None)


class DecisionBody(RequestModel):
    """Why support decides like this, for the customer to read."""

    notes: Notes = ""


class ApprovalBody(DecisionBody):
    """How support agrees; `exchange` false: money is given back, whatever is wanted instead."""

    exchange: StrictBool = True


@dataclass(frozen=True, slots=True)
class ApproveReturn:
    """Agree that units come back; the policy says how long they are waited for, and whether with a label of ours."""

    order_id: UUID
    return_id: UUID
    policy: ReturnPolicy
    notes: str
    selling: Selling = SELLING
    skus: tuple[str, ...] = ()
    """The products that are wanted instead; none: there is no exchange."""
    cart_of: None = None


@dataclass(frozen=True, slots=True)
class CloseReturn:
    """Wait no longer for what has not come."""

    order_id: UUID
    return_id: UUID


@dataclass(frozen=True, slots=True)
class ReceiveReturn:
    """Take in units of a return."""

    order_id: UUID
    return_id: UUID
    receipt: Receipt


def approve_return(
    command: ApproveReturn, orders: OrderStore, products: ProductStore, cause: Cause
) -> Answer[ReturnApproved | OrderPlaced | OrderContacts]:
    """Agree to a return, whatever the policy says; what is wanted in exchange is placed at the prices of now."""
    order = orders.get(command.order_id)
    back = order.return_of(command.return_id)
    wanted = wanted_now(order, back, products, command.selling) if command.skus else None
    total = wanted.quoted.total if wanted is not None else None
    fact = order.approve_return(command.return_id, command.policy, cause, command.notes, total)
    placed = place_exchange(order, back, wanted, command.selling, orders, cause)
    return _answer(order, back, [fact, *placed])


def close_return(command: CloseReturn, orders: OrderStore, cause: Cause) -> Answer[Ended]:
    """End a return of which nothing more comes."""
    order = orders.get(command.order_id)
    facts = order.close_return(command.return_id, cause)
    return _answer(order, order.return_of(command.return_id), facts)


def receive_return(command: ReceiveReturn, orders: OrderStore, cause: Cause) -> Answer[Received]:
    """Take units in once for each receipt: they are restocked or written off, and their money goes back."""
    order = orders.get(command.order_id)
    facts = order.receive_return(command.return_id, command.receipt, cause)
    return _answer(order, order.return_of(command.return_id), facts)


@desk.post("/{order_id}/returns/{return_id}/approve", response_model=ReturnView)
async def post_approve_return(
    request: Request, run: Runs, _: Support, order_id: UUID, return_id: UUID, body: ApprovalBody | None = None
) -> Response:
    """Agree to a return; one that was declined may be taken after all. What is wanted in exchange is ordered with it."""
    how = body or ApprovalBody()
    async with request.app.state.database.reading() as session:
        queries = ReturnQueries(session)
        policy = await queries.policy()
        skus = await queries.wanted(order_id, return_id) if how.exchange else ()
    selling = Selling.by(request.app.state.settings)
    return await run(approve_return, ApproveReturn(order_id, return_id, policy, how.notes, selling, skus))


class DeclineBody(DecisionBody):
    """Why a return is declined."""

    reason: ReturnRefusal = ReturnRefusal.STAFF


@desk.post("/{order_id}/returns/{return_id}/decline", response_model=ReturnView)
async def post_decline_return(
    run: Runs, _: Support, order_id: UUID, return_id: UUID, body: DeclineBody | None = None
) -> Response:
    """Decline a return of which nothing has come."""
    why = body or DeclineBody()
    if why.reason == ReturnRefusal.CUSTOMER:
        raise invalid("reason", "only the customer withdraws a return")
    return await run(decline_return, DeclineReturn(order_id, return_id, why.reason, why.notes))


@desk.post("/{order_id}/returns/{return_id}/close", response_model=ReturnView)
async def post_close_return(run: Runs, _: Inspector, order_id: UUID, return_id: UUID) -> Response:
    """Wait no longer for what has not come of a return."""
    return await run(close_return, CloseReturn(order_id, return_id))


class InspectedBody(RequestModel):
    """Units that came, and what becomes of them; `refund` false: the customer has no money back for them."""

    item_id: UUID
    quantity: Annotated[StrictInt, Field(ge=1, le=MOST_OF_ONE)]
    disposition: Disposition
    refund: StrictBool = True


class ReceiptBody(RequestModel):
    """What came in at once; `receipt_id` makes it safe to say it twice."""

    receipt_id: UUID | None = None
    warehouse_id: WarehouseId
    lines: Annotated[list[InspectedBody], Field(min_length=1, max_length=MOST_LINES)]


@desk.post("/{order_id}/returns/{return_id}/receive", response_model=ReturnView)
async def post_receive_return(
    request: Request, run: Runs, _: Inspector, order_id: UUID, return_id: UUID, body: ReceiptBody
) -> Response:
    """Take in units of a return, all or some of them; never more than was agreed."""
    async with request.app.state.database.reading() as session:
        known = await ReturnQueries(session).knows_warehouse(body.warehouse_id)
    if not known:
        raise invalid("warehouse_id", "there is no such warehouse")
    lines = [Inspected(line.item_id, line.quantity, line.disposition, line.refund) for line in body.lines]
    receipt = Receipt(body.receipt_id or new_id(), body.warehouse_id, lines)
    return await run(receive_return, ReceiveReturn(order_id, return_id, receipt))
