"""What staff do with orders: look at all of them, ship, deliver, cancel, and follow a saga."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Header, Query, Request, Response
from pydantic import StringConstraints
from pydantic_core import to_json

from chassis.auth import Caller, staff
from chassis.batch import Answer
from chassis.commands import Runs
from chassis.domain import Cause
from chassis.facts_api import facts_about
from chassis.pages import Cursor, Limit
from chassis.preconditions import ExpectedVersion, etag
from chassis.requests import Clean, RequestModel
from contracts.order import (
    CancelReason,
    OrderCancelled,
    OrderDelivered,
    OrderShipped,
    ShipmentDelivered,
    ShipmentDispatched,
)
from order.api.views import HistoryPage, OrderPage, OrderView, ShipmentView, history_view, order_body, order_page, shipment_view
from order.gateway import Facts
from order.model import InvalidTransitionError, Order, OrderState, PaymentState, Status
from order.store import OrderFilter, OrderQueries, OrderStore

router = APIRouter(prefix="/api/admin/orders", tags=["admin"])

Reader = Annotated[Caller, staff("support", "warehouse", "finance", "fraud_reviewer", "auditor")]
Shipper = Annotated[Caller, staff("support", "warehouse")]


@router.get("", response_model=OrderPage)
async def list_all_orders(
    request: Request,
    _: Reader,
    limit: Limit = 50,
    cursor: Cursor = None,
    status: Status | None = None,
    order_state: OrderState | None = None,
    payment_state: PaymentState | None = None,
    fulfilment_state: str | None = None,
    user_id: str | None = None,
    product_id: str | None = None,
    placed_from: datetime | None = None,
    placed_before: datetime | None = None,
    stuck_for_seconds: Annotated[int | None, Query(ge=0, description="Not at rest, and unchanged for so long.")] = None,
) -> Response:
    """List all orders, newest first, narrowed by any axis."""
    database = request.app.state.database
    since = None if stuck_for_seconds is None else database.clock() - timedelta(seconds=stuck_for_seconds)
    narrowed = OrderFilter(
        user_id=user_id,
        status=status,
        order_state=order_state,
        payment_state=payment_state,
        fulfilment_state=fulfilment_state,
        product_id=product_id,
        placed_from=placed_from,
        placed_before=placed_before,
        stuck_since=since,
    )
    async with database.reading() as session:
        orders, following = await OrderQueries(session).orders(narrowed, limit, cursor)
    return Response(order_page(orders, following), media_type="application/json")


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
    notes: Annotated[str, StringConstraints(max_length=500), Clean] = ""


@dataclass(frozen=True, slots=True)
class SetStatus:
    """Bring an order to a status by what a person may do: dispatch, deliver or cancel."""

    order_id: UUID
    status: Status
    notes: str
    expected_version: int | None


Moved = ShipmentDispatched | OrderShipped | ShipmentDelivered | OrderDelivered | OrderCancelled


def set_status(command: SetStatus, orders: OrderStore, cause: Cause) -> Answer[Moved]:
    """Bring the order to the status: ship what is left, confirm what is on its way, or cancel."""
    order = orders.get(command.order_id)
    order.check_version(command.expected_version)
    facts: list[Moved] = []
    if command.status == Status.SHIPPED:
        facts += order.dispatch_rest(cause)
    elif command.status == Status.DELIVERED:
        facts += order.deliver_rest(cause)
    elif command.status == Status.CANCELLED:
        facts.append(order.cancel(CancelReason.STAFF, cause, command.notes))
    else:
        raise InvalidTransitionError(
            f"{command.status} is reached by the saga, not by hand.", status_now=order.status, allowed=order.actions
        )
    return Answer(order_body(order), events=facts, headers={"ETag": etag(order.version)})


@router.put("/{order_id}/status", response_model=OrderView)
async def put_status(run: Runs, _: Shipper, order_id: UUID, body: StatusBody, expected_version: ExpectedVersion) -> Response:
    """Move an order on: Shipped dispatches what is left, Delivered confirms open shipments, Cancelled cancels."""
    return await run(set_status, SetStatus(order_id, body.status, body.notes, expected_version))


class ShipmentList(RequestModel):
    """The shipments of an order."""

    items: list[ShipmentView]


@router.get("/{order_id}/shipments")
async def list_shipments(request: Request, _: Reader, order_id: UUID) -> ShipmentList:
    """List the shipments of an order."""
    async with request.app.state.database.reading() as session:
        order = await OrderQueries(session).order(order_id, None)
    return ShipmentList(items=[shipment_view(one, order.currency) for one in order.shipments])


Label = Annotated[str, StringConstraints(min_length=1, max_length=100), Clean]


class DispatchBody(RequestModel):
    """Who carries the parcel."""

    carrier: Label | None = None
    tracking_number: Label | None = None


@dataclass(frozen=True, slots=True)
class DispatchShipment:
    """Send a parcel."""

    order_id: UUID
    shipment_id: UUID
    carrier: str | None
    tracking_number: str | None


@dataclass(frozen=True, slots=True)
class DeliverShipment:
    """Confirm that a parcel arrived."""

    order_id: UUID
    shipment_id: UUID


def dispatch_shipment(command: DispatchShipment, orders: OrderStore, cause: Cause) -> Answer[ShipmentDispatched | OrderShipped]:
    """Send one parcel: its stock leaves the books and its money is taken, by the saga."""
    order = orders.get(command.order_id)
    facts = order.dispatch(command.shipment_id, cause, command.carrier, command.tracking_number)
    return Answer(order_body(order), events=facts, headers={"ETag": etag(order.version)})


def deliver_shipment(command: DeliverShipment, orders: OrderStore, cause: Cause) -> Answer[ShipmentDelivered | OrderDelivered]:
    """Confirm one parcel's arrival."""
    order = orders.get(command.order_id)
    facts = order.deliver(command.shipment_id, cause)
    return Answer(order_body(order), events=facts, headers={"ETag": etag(order.version)})


@router.post("/{order_id}/shipments/{shipment_id}/dispatch", response_model=OrderView)
async def post_dispatch(run: Runs, _: Shipper, order_id: UUID, shipment_id: UUID, body: DispatchBody | None = None) -> Response:
    """Send a parcel."""
    label = body or DispatchBody()
    return await run(dispatch_shipment, DispatchShipment(order_id, shipment_id, label.carrier, label.tracking_number))


@router.post("/{order_id}/shipments/{shipment_id}/deliver", response_model=OrderView)
async def post_deliver(run: Runs, _: Shipper, order_id: UUID, shipment_id: UUID) -> Response:
    """Confirm that a parcel arrived."""
    return await run(deliver_shipment, DeliverShipment(order_id, shipment_id))


@router.get("/{order_id}/saga")
async def get_saga(request: Request, _: Reader, order_id: UUID, authorization: Annotated[str, Header()]) -> Response:
    """Show the causation tree of an order across the services, and what it waits for until when."""
    database, facts = request.app.state.database, request.app.state.gateways[Facts]
    async with database.reading() as session:
        queries = OrderQueries(session)
        order = await queries.order(order_id, None)
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
    return ["payment.captured.v1"] if captured < shipped else []
