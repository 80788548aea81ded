"""What staff do with an order's parcels: keep back, move, split, merge, send, and confirm that they arrived."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field, StrictInt, StringConstraints
from pydantic_core import to_json

from chassis.auth import Caller, staff
from chassis.batch import Answer
from chassis.commands import Runs
from chassis.domain import Cause, Refusal
from chassis.pages import Cursor, Limit, Page, page, read_cursor
from chassis.preconditions import ExpectedVersion, etag
from chassis.requests import Clean, RequestModel
from contracts.order import ShipmentMoveRequested, ShipmentsPlanned
from order.api.changes import ChangeList, changes_of
from order.api.views import OrderView, ShipmentView, order_body, shipment_view
from order.model import Order, Shipment, ShipmentState
from order.model.fulfilment import Delivered, Dispatched
from order.store import OrderQueries, OrderStore

router = APIRouter(prefix="/api/admin/orders", tags=["fulfilment"])
queue = APIRouter(prefix="/api/admin/shipments", tags=["fulfilment"])

Reader = Annotated[Caller, staff("support", "warehouse", "finance", "fraud_reviewer", "auditor")]
Shipper = Annotated[Caller, staff("support", "warehouse")]

Name = Annotated[str, StringConstraints(min_length=1, max_length=100), Clean]
WarehouseId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,31}$")]


class TrackingNumberTakenError(Refusal):
    """The tracking number is another parcel's."""

    slug = "tracking-number-taken"
    title = "The tracking number belongs to another shipment"
    status = 409


@dataclass(frozen=True, slots=True)
class ShipmentCommand:
    """Something to be done to a parcel: `act` is the order's method, called with what it needs."""

    order_id: UUID
    act: Callable[[Order, Cause], Any]
    expected_version: int | None = None


Planned = ShipmentsPlanned | ShipmentMoveRequested


def plan_shipment(command: ShipmentCommand, orders: OrderStore, cause: Cause) -> Answer[Planned]:
    """Change how the rest of an order is sent."""
    order = orders.get(command.order_id)
    order.check_version(command.expected_version)
    fact = command.act(order, cause)
    events = [fact] if isinstance(fact, ShipmentsPlanned | ShipmentMoveRequested) else []
    return Answer(order_body(order), events=events, headers={"ETag": etag(order.version)})


# --- looking -----------------------------------------------------------------------------------------------------------------


class ShipmentList(RequestModel):
    """The shipments of an order."""

    items: list[ShipmentView]


@router.get("/{order_id}/shipments")
async def list_shipments(request: Request, _: Reader, order_id: UUID) -> ShipmentList:
    """List the shipments of an order."""
    async with request.app.state.database.reading() as session:
        order = await OrderQueries(session).order(order_id, None)
    return ShipmentList(items=[shipment_view(one, order.currency) for one in order.shipments])


@router.get("/{order_id}/edits")
async def list_any_changes(request: Request, _: Reader, order_id: UUID) -> ChangeList:
    """List the changes of an order and what became of them."""
    return await changes_of(request, order_id, None)


class WorkView(BaseModel):
    """A parcel to be packed and sent: what is in it, where it goes."""

    order_id: UUID
    shipment_id: UUID
    user_id: str
    warehouse_id: str
    status: str
    hold_reason: str | None
    lines: list[dict[str, Any]]
    units: int
    label_id: UUID | None
    carrier: str | None
    tracking_number: str | None
    shipping_address: dict[str, Any]


class WorkPage(Page):
    """A page of parcels to be sent, oldest first."""

    items: list[WorkView]


@queue.get("", response_model=WorkPage)
async def list_work(
    request: Request,
    _: Shipper,
    limit: Limit = 50,
    cursor: Cursor = None,
    warehouse_id: Annotated[WarehouseId | None, Query(description="Only those of this warehouse.")] = None,
    state: Annotated[ShipmentState, Query(description="How far they are.")] = ShipmentState.PLANNED,
) -> Response:
    """List the parcels to be sent: the warehouse's work."""
    after = read_cursor(cursor, UUID)[0] if cursor is not None else None
    async with request.app.state.database.reading() as session:
        rows = await OrderQueries(session).work_queue(warehouse_id, state, after, limit + 1)
    shown, following = page(rows, limit, lambda row: (row[0].shipment_id,))
    items = [_work(shipment, user_id, address) for shipment, user_id, address in shown]
    return Response(to_json({"items": items, "next_cursor": following}), media_type="application/json")


def _work(shipment: Shipment, user_id: str, address: Mapping[str, Any]) -> dict[str, Any]:
    names = ("order_id", "shipment_id", "warehouse_id", "hold_reason", "lines", "label_id", "carrier", "tracking_number")
    return {
        **{name: getattr(shipment, name) for name in names},
        "user_id": user_id,
        "status": shipment.state,
        "units": shipment.units,
        "shipping_address": address,
    }


# --- the plan ----------------------------------------------------------------------------------------------------------------


class HoldBody(RequestModel):
    """Why a parcel is kept back."""

    reason: Name


class MoveBody(RequestModel):
    """Where a parcel is to leave from."""

    warehouse_id: WarehouseId


class SplitLine(RequestModel):
    """Units of a line that leave apart."""

    item_id: UUID
    quantity: Annotated[StrictInt, Field(ge=1)]


class SplitBody(RequestModel):
    """What leaves in a parcel of its own."""

    lines: Annotated[list[SplitLine], Field(min_length=1, max_length=100)]


class MergeBody(RequestModel):
    """Which parcels leave with this one."""

    shipment_ids: Annotated[list[UUID], Field(min_length=1, max_length=50)]


@router.post("/{order_id}/shipments/{shipment_id}/hold", response_model=OrderView)
async def post_hold(run: Runs, _: Shipper, order_id: UUID, shipment_id: UUID, body: HoldBody) -> Response:
    """Keep a parcel back."""
    return await run(
        plan_shipment, ShipmentCommand(order_id, lambda order, cause: order.hold_shipment(shipment_id, body.reason, cause))
    )


@router.post("/{order_id}/shipments/{shipment_id}/release", response_model=OrderView)
async def post_release(run: Runs, _: Shipper, order_id: UUID, shipment_id: UUID) -> Response:
    """Let a parcel go again."""
    return await run(plan_shipment, ShipmentCommand(order_id, lambda order, cause: order.release_shipment(shipment_id, cause)))


@router.post("/{order_id}/shipments/{shipment_id}/move", response_model=OrderView)
async def post_move(request: Request, run: Runs, _: Shipper, order_id: UUID, shipment_id: UUID, body: MoveBody) -> Response:
    """Have a parcel leave from another warehouse, if it has the stock; its answer follows."""
    deadline = timedelta(seconds=request.app.state.settings.move_deadline_seconds)
    return await run(
        plan_shipment,
        ShipmentCommand(order_id, lambda order, cause: order.move_shipment(shipment_id, body.warehouse_id, deadline, cause)),
    )


@router.post("/{order_id}/shipments/{shipment_id}/split", response_model=OrderView)
async def post_split(run: Runs, _: Shipper, order_id: UUID, shipment_id: UUID, body: SplitBody) -> Response:
    """Send some units of a parcel apart."""
    lines: dict[UUID, int] = {}
    for line in body.lines:
        lines[line.item_id] = lines.get(line.item_id, 0) + line.quantity
    return await run(
        plan_shipment, ShipmentCommand(order_id, lambda order, cause: order.split_shipment(shipment_id, lines, cause))
    )


@router.post("/{order_id}/shipments/{shipment_id}/merge", response_model=OrderView)
async def post_merge(run: Runs, _: Shipper, order_id: UUID, shipment_id: UUID, body: MergeBody) -> Response:
    """Send parcels of one warehouse as one."""
    others = list(dict.fromkeys(body.shipment_ids))
    return await run(
        plan_shipment, ShipmentCommand(order_id, lambda order, cause: order.merge_shipments(shipment_id, others, cause))
    )


# --- on the road -------------------------------------------------------------------------------------------------------------


class DispatchBody(RequestModel):
    """Who carries the parcel; absent: as its label says."""

    carrier: Name | None = None
    tracking_number: Name | None = None


@dataclass(frozen=True, slots=True)
class DispatchShipment:
    """Send a parcel."""

    order_id: UUID
    shipment_id: UUID
    carrier: str | None
    tracking_number: str | None
    expected_version: int | None = None


@dataclass(frozen=True, slots=True)
class DeliverShipment:
    """Confirm that a parcel arrived."""

    order_id: UUID
    shipment_id: UUID
    expected_version: int | None = None


def dispatch_shipment(command: DispatchShipment, orders: OrderStore, cause: Cause) -> Answer[Dispatched]:
    """Send one parcel: its stock leaves the books and its money is taken, by the saga."""
    order = orders.get(command.order_id)
    order.check_version(command.expected_version)
    facts = order.dispatch(command.shipment_id, cause, command.carrier, command.tracking_number)
    return Answer(order_body(order), events=facts, headers={"ETag": etag(order.version)})


def deliver_shipment(command: DeliverShipment, orders: OrderStore, cause: Cause) -> Answer[Delivered]:
    """Confirm one parcel's arrival."""
    order = orders.get(command.order_id)
    order.check_version(command.expected_version)
    facts = order.deliver(command.shipment_id, cause)
    return Answer(order_body(order), events=facts, headers={"ETag": etag(order.version)})


@router.post("/{order_id}/shipments/{shipment_id}/dispatch", response_model=OrderView)
async def post_dispatch(
    request: Request,
    run: Runs,
    _: Shipper,
    order_id: UUID,
    shipment_id: UUID,
    expected_version: ExpectedVersion,
    body: DispatchBody | None = None,
) -> Response:
    """Send a parcel; one with a label leaves with that."""
    by = body or DispatchBody()
    if by.tracking_number is not None:
        async with request.app.state.database.reading() as session:
            taken = await OrderQueries(session).has_tracking_number(by.tracking_number, by.carrier, shipment_id)
        if taken:
            field = {"field": "tracking_number", "message": "belongs to another shipment"}
            raise TrackingNumberTakenError("tracking_number: another shipment has it.", errors=[field])
    return await run(
        dispatch_shipment, DispatchShipment(order_id, shipment_id, by.carrier, by.tracking_number, expected_version)
    )


@router.post("/{order_id}/shipments/{shipment_id}/deliver", response_model=OrderView)
async def post_deliver(run: Runs, _: Shipper, order_id: UUID, shipment_id: UUID, expected_version: ExpectedVersion) -> Response:
    """Confirm that a parcel arrived."""
    return await run(deliver_shipment, DeliverShipment(order_id, shipment_id, expected_version))
