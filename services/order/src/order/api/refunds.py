"""What staff do with refunds: ask for them, agree to large ones, ask anew for those that failed."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Self
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field, StrictBool, StrictInt, model_validator
from pydantic_core import to_json

from chassis.auth import Caller, staff
from chassis.batch import Answer
from chassis.commands import Runs
from chassis.domain import Cause
from chassis.pages import Cursor, Limit, Page
from chassis.preconditions import ExpectedVersion, etag
from chassis.problems import invalid
from chassis.requests import RequestModel
from contracts.order import RefundReason, RefundRequested
from contracts.types import Money
from order.api.forms import MoneyBody, Notes
from order.model import Order, Refund, RefundState, RefundWish
from order.model.cart import MOST_OF_ONE
from order.store import OrderStore, ReturnQueries

router = APIRouter(prefix="/api/admin/orders", tags=["refunds"])
queue = APIRouter(prefix="/api/admin/refunds", tags=["refunds"])

Reader = Annotated[Caller, staff("support", "finance", "auditor")]
Asker = Annotated[Caller, staff("support", "finance")]
Approver = Annotated[Caller, staff("finance")]


class UnitsBody(RequestModel):
    """Units of a line of the order."""

    item_id: UUID
    quantity: Annotated[StrictInt, Field(ge=1, le=MOST_OF_ONE)]


class RefundBody(RequestModel):
    """What is to be given back: units at what they cost, or an amount; `shipping` gives back what shipping cost."""

    lines: Annotated[list[UnitsBody], Field(max_length=100)] = Field(default=[])
    amount: MoneyBody | None = None
    shipping: StrictBool = False
    reason: RefundReason
    notes: Notes = ""

    @model_validator(mode="after")
    def _says_what(self) -> Self:
        if self.amount is not None and (self.lines or self.shipping):
            raise ValueError("name either an amount, or lines and shipping")
        if not self.lines and not self.shipping and (self.amount is None or not self.amount.amount):
            raise ValueError("name lines, shipping or an amount")
        return self


class RefundLineView(BaseModel):
    """Units that money is given back for."""

    item_id: UUID
    product_id: str
    quantity: int
    amount: Money
    tax_amount: Money


class RefundView(BaseModel):
    """A refund: `kept_amount` of its units' worth stays with the shop; `error` is why the PSP would not."""

    refund_id: UUID
    order_id: UUID
    state: str
    amount: Money
    refunded_amount: Money
    lines: list[RefundLineView]
    shipping_amount: Money
    kept_amount: Money
    reason: str
    notes: str
    return_id: UUID | None
    requested_by: str
    decided_by: str | None
    error: str | None
    retried_as: UUID | None
    created_at: datetime
    settled_at: datetime | None


class RefundList(BaseModel):
    """The refunds of an order, oldest first."""

    items: list[RefundView]


class QueuedRefundView(RefundView):
    """A refund with its customer."""

    user_id: str


class RefundPage(Page):
    """A page of refunds, oldest first."""

    items: list[QueuedRefundView]


def refund_view(refund: Refund, currency: str) -> dict[str, Any]:
    """Show a refund."""

    def money(amount: int) -> dict[str, Any]:
        return {"amount": amount, "currency": currency}

    shown = ("refund_id", "order_id", "state", "reason", "notes", "return_id", "requested_by", "decided_by")
    return {
        **{name: getattr(refund, name) for name in (*shown, "error", "retried_as", "created_at", "settled_at")},
        **{name: money(getattr(refund, name)) for name in ("amount", "refunded_amount", "shipping_amount", "kept_amount")},
        "lines": [{**line, "amount": money(line["amount"]), "tax_amount": money(line["tax_amount"])} for line in refund.lines],
    }


@dataclass(frozen=True, slots=True)
class AskRefund:
    """Give money of an order back; above `limit` a second person is asked."""

    order_id: UUID
    body: RefundBody
    limit: int
    expected_version: int | None = None


@dataclass(frozen=True, slots=True)
class RefundCommand:
    """Something to be decided about a refund: `act` is the order's method, called with what it needs."""

    order_id: UUID
    act: Callable[[Order, Cause], tuple[UUID, RefundRequested | None]]


def ask_refund(command: AskRefund, orders: OrderStore, cause: Cause) -> Answer[RefundRequested]:
    """Promise the money under the order's lock, so that what is asked for at once never comes to more than was taken."""
    order, body = orders.get(command.order_id), command.body
    order.check_version(command.expected_version)
    if body.amount is not None and body.amount.currency != order.currency:
        raise invalid("amount.currency", f"the order is in {order.currency}")
    units: dict[UUID, int] = {}
    for line in body.lines:
        units[line.item_id] = units.get(line.item_id, 0) + line.quantity
    amount = body.amount.amount if body.amount is not None else 0
    wish = RefundWish(body.reason, units, amount, body.shipping, body.notes)
    refund, fact = order.ask_refund(wish, command.limit, cause)
    return _answer(order, refund, fact, status=201)


def decide_refund(command: RefundCommand, orders: OrderStore, cause: Cause) -> Answer[RefundRequested]:
    """Agree to a refund, give it up, or ask for it anew."""
    order = orders.get(command.order_id)
    refund_id, fact = command.act(order, cause)
    return _answer(order, order.refund(refund_id), fact)


def _answer(order: Order, refund: Refund, fact: RefundRequested | None, status: int = 200) -> Answer[RefundRequested]:
    events = [fact] if fact is not None else []
    return Answer(
        to_json(refund_view(refund, order.currency)), events=events, status=status, headers={"ETag": etag(order.version)}
    )


@queue.get("", response_model=RefundPage)
async def list_all_refunds(
    request: Request,
    _: Reader,
    limit: Limit = 50,
    cursor: Cursor = None,
    state: Annotated[RefundState | None, Query(description="How far they are.")] = None,
) -> Response:
    """List the refunds of all orders, oldest first: what waits for a second person, and what failed."""
    async with request.app.state.database.reading() as session:
        rows, following = await ReturnQueries(session).refund_queue(state, limit, cursor)
    items = [{**refund_view(one, currency), "user_id": user_id} for one, user_id, currency in rows]
    return Response(to_json({"items": items, "next_cursor": following}), media_type="application/json")


@router.get("/{order_id}/refunds")
async def list_refunds(request: Request, _: Reader, order_id: UUID) -> RefundList:
    """List the refunds of an order."""
    async with request.app.state.database.reading() as session:
        queries = ReturnQueries(session)
        currency = await queries.currency(order_id, None)
        refunds = await queries.refunds(order_id)
    return RefundList(items=[RefundView.model_validate(refund_view(one, currency)) for one in refunds])


@router.post("/{order_id}/refunds", status_code=201, response_model=RefundView)
async def post_refund(
    request: Request, run: Runs, _: Asker, order_id: UUID, body: RefundBody, expected_version: ExpectedVersion
) -> Response:
    """Give money back, never more than was taken; a large amount waits for a second person."""
    limit = request.app.state.settings.refund_approval_limit
    return await run(ask_refund, AskRefund(order_id, body, limit, expected_version))


@router.post("/{order_id}/refunds/{refund_id}/approve", response_model=RefundView)
async def post_approve_refund(run: Runs, _: Approver, order_id: UUID, refund_id: UUID) -> Response:
    """Agree to a large refund that another person has asked for."""
    return await run(
        decide_refund, RefundCommand(order_id, lambda order, cause: (refund_id, order.approve_refund(refund_id, cause)))
    )


@router.post("/{order_id}/refunds/{refund_id}/decline", response_model=RefundView)
async def post_decline_refund(run: Runs, _: Approver, order_id: UUID, refund_id: UUID) -> Response:
    """Give up a refund that waits for a second person, or that has failed."""

    def decline(order: Order, cause: Cause) -> tuple[UUID, None]:
        order.decline_refund(refund_id, cause)
        return refund_id, None

    return await run(decide_refund, RefundCommand(order_id, decline))


@router.post("/{order_id}/refunds/{refund_id}/retry", response_model=RefundView)
async def post_retry_refund(run: Runs, _: Asker, order_id: UUID, refund_id: UUID) -> Response:
    """Ask anew for what a failed refund has not given back; answers the refund that stands in its place."""

    def retry(order: Order, cause: Cause) -> tuple[UUID, RefundRequested]:
        again, fact = order.retry_refund(refund_id, cause)
        return again.refund_id, fact

    return await run(decide_refund, RefundCommand(order_id, retry))
