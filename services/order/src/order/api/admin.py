"""What staff do with an order: look at it, move it on or cancel it, and follow its saga."""

from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Header, Request, Response
from pydantic_core import to_json

from chassis.auth import Caller, staff
from chassis.batch import Answer
from chassis.commands import Runs
from chassis.domain import Cause
from chassis.facts_api import facts_about
from chassis.preconditions import ExpectedVersion, etag
from chassis.requests import RequestModel
from contracts.order import CancelReason, OrderCancelled, OrderChanged
from order.api.forms import Notes
from order.api.orders import cancel_what_is_left
from order.api.views import HistoryPage, OrderView, history_view, order_body
from order.gateway import Facts
from order.model import Change, ChangeState, InvalidTransitionError, Order, OrderState, PaymentState, RefundState, Status
from order.model.fulfilment import Delivered, Dispatched
from order.store import OrderQueries, OrderStore, ReturnQueries

router = APIRouter(prefix="/api/admin/orders", tags=["admin"])

Reader = Annotated[Caller, staff("support", "warehouse", "finance", "fraud_reviewer", "auditor")]
Shipper = Annotated[Caller, staff("support", "warehouse")]


@router.get("/{order_id}", response_model=OrderView)
async def get_any_order(request: Request, _: Reader, order_id: UUID) -> Response:
    """Show an order."""
    async with request.app.state.database.reading() as session:
        order = await OrderQueries(session).order(order_id, None)
    return Response(order_body(order), headers={"ETag": etag(order.version)}, media_type="application/json")


@router.get("/{order_id}/history")
async def get_any_history(request: Request, _: Reader, order_id: UUID) -> HistoryPage:
    """Show what happened to an order, by whom and why."""
    async with request.app.state.database.reading() as session:
        queries = OrderQueries(session)
        await queries.order(order_id, None)
        entries = await queries.history(order_id)
    return HistoryPage(items=[history_view(entry) for entry in entries])


class StatusBody(RequestModel):
    """The status that the order is to reach, and why."""

    status: Status
    notes: Notes = ""


@dataclass(frozen=True, slots=True)
class SetStatus:
    """Bring an order to a status by what a person may do: dispatch, deliver or cancel."""

    order_id: UUID
    status: Status
    notes: str
    expected_version: int | None


Moved = Dispatched | Delivered | OrderCancelled | OrderChanged


def set_status(command: SetStatus, orders: OrderStore, cause: Cause) -> Answer[Moved]:
    """Bring the order to the status: ship what is left, confirm what is on its way, or cancel what has not left."""
    order = orders.get(command.order_id)
    order.check_version(command.expected_version)
    facts: list[Moved] = []
    if command.status == Status.SHIPPED:
        facts += order.dispatch_rest(cause)
    elif command.status == Status.DELIVERED:
        facts += order.deliver_rest(cause)
    elif command.status == Status.CANCELLED:
        body, fact = cancel_what_is_left(order, CancelReason.STAFF, cause, command.notes)
        return Answer(body, events=[fact], headers={"ETag": etag(order.version)})
    else:
        raise InvalidTransitionError(
            f"{command.status} is reached by the saga, not by hand.", status_now=order.status, allowed=order.actions
        )
    return Answer(order_body(order), events=facts, headers={"ETag": etag(order.version)})


@router.put("/{order_id}/status", response_model=OrderView)
async def put_status(run: Runs, _: Shipper, order_id: UUID, body: StatusBody, expected_version: ExpectedVersion) -> Response:
    """Move an order on: Shipped dispatches what is left, Delivered confirms open shipments, Cancelled cancels."""
    return await run(set_status, SetStatus(order_id, body.status, body.notes, expected_version))


@router.get("/{order_id}/saga")
async def get_saga(request: Request, _: Reader, order_id: UUID, authorization: Annotated[str, Header()]) -> Response:
    """Show the causation tree of an order across the services, and what it waits for until when."""
    database, facts = request.app.state.database, request.app.state.gateways[Facts]
    async with database.reading() as session:
        queries = OrderQueries(session)
        order = await queries.order(order_id, None)
        order.changes = list(await queries.changes(order_id))
        order.refunds = list(await ReturnQueries(session).refunds(order_id))
        entries = await queries.history(order_id)
    own = await facts_about(database, str(order_id))
    theirs, missing = await facts.about(str(order_id), authorization)
    body = {
        "order_id": order_id,
        "status": order.status,
        "waits_for": waits_for(order),
        "deadline_at": order.deadline_at,
        "facts": sorted([*own, *theirs], key=lambda fact: fact["time"]),
        "missing_services": missing,
        "history": [history_view(entry).model_dump(mode="json") for entry in entries],
    }
    return Response(to_json(body), media_type="application/json")


def waits_for(order: Order) -> list[str]:
    """List the facts that the order needs to come to rest; empty when it waits for nobody but people."""
    if order.order_state == OrderState.PENDING:
        stock = [] if order.allocation is not None else ["inventory.stock_reserved.v1"]
        money = [] if order.payment_state != PaymentState.PENDING else ["payment.authorized.v1"]
        return stock + money
    if order.order_state == OrderState.CANCELLED:
        stock = [] if order.released_at is not None else ["inventory.stock_released.v1"]
        return stock + ([] if order.voided_at is not None else ["payment.voided.v1"])
    captured = order.captured_amount
    shipped = sum(one.amount for one in order.shipments if one.dispatched_at is not None)
    waited = ["payment.captured.v1"] if captured < shipped else []
    if any(one.state == RefundState.REQUESTED for one in order.refunds):
        waited.append("payment.refunded.v1")
    if any(one.move_id is not None for one in order.shipments):
        waited.append("inventory.shipment_moved.v1")
    return waited + [fact for change in order.changes for fact in _settles(change)]


def _settles(change: Change) -> list[str]:
    """List the facts that a change of an order needs to come to rest."""
    if change.is_requested:
        stock = [] if change.allocation is not None else ["inventory.addition_reserved.v1"]
        return stock + ([] if change.authorized else ["payment.addition_authorized.v1"])
    given_back = change.state == ChangeState.WITHDRAWN
    stock_fact, money_fact = (
        ("inventory.addition_released.v1", "payment.addition_voided.v1")
        if given_back
        else ("inventory.reservation_reduced.v1", "payment.reduced.v1")
    )
    return ([] if change.stock_at is not None else [stock_fact]) + ([] if change.money_at is not None else [money_fact])
