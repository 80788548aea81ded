"""What staff do with an order: look at it, move it on or cancel it, resolve what it is held for, and write notes on it."""

from dataclasses import dataclass
from typing import Annotated, Never
from uuid import UUID

from fastapi import APIRouter, Request, Response
from pydantic import StringConstraints

from chassis.auth import Caller, staff
from chassis.batch import Answer
from chassis.commands import Runs
from chassis.domain import Cause
from chassis.preconditions import ExpectedVersion, etag
from chassis.requests import Clean, RequestModel
from contracts.order import CancelReason
from order.api.forms import Notes
from order.api.orders import Cancelled, cancel_what_is_left
from order.api.views import HistoryPage, HistoryView, OrderView, history_view, order_body
from order.model import InvalidTransitionError, Status
from order.model.fulfilment import Delivered, Dispatched
from order.store import OrderQueries, OrderStore

router = APIRouter(prefix="/api/admin/orders", tags=["admin"])

Reader = Annotated[Caller, staff("support", "warehouse", "finance", "fraud_reviewer", "auditor")]
Noter = Annotated[Caller, staff("support", "warehouse", "finance", "fraud_reviewer")]
Shipper = Annotated[Caller, staff("support", "warehouse")]
Resolver = Annotated[Caller, staff("support", "finance")]


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
        entries = await queries.history(order_id, staff=True)
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


Moved = Dispatched | Delivered | Cancelled


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
        body, done = cancel_what_is_left(order, CancelReason.STAFF, cause, command.notes)
        return Answer(body, events=done, headers={"ETag": etag(order.version)})
    else:
        raise InvalidTransitionError(
            f"{command.status} is reached by the saga, not by hand.", status_now=order.status, allowed=order.actions
        )
    return Answer(order_body(order), events=facts, headers={"ETag": etag(order.version)})


@router.put("/{order_id}/status", response_model=OrderView)
async def put_status(run: Runs, _: Shipper, order_id: UUID, body: StatusBody, expected_version: ExpectedVersion) -> Response:
    """Move an order on: Shipped dispatches what is left, Delivered confirms open shipments, Cancelled cancels."""
    return await run(set_status, SetStatus(order_id, body.status, body.notes, expected_version))


class NoteBody(RequestModel):
    """What staff should know of an order."""

    text: Annotated[str, StringConstraints(min_length=1, max_length=2000), Clean]


@dataclass(frozen=True, slots=True)
class WriteNote:
    """Write a note down."""

    order_id: UUID
    text: str


def write_note(command: WriteNote, orders: OrderStore, cause: Cause) -> Answer[Never]:
    """Keep the note in the order's history, for staff only."""
    order = orders.get(command.order_id)
    order.note(command.text, cause)
    return Answer(history_view(order.new_history[-1]).model_dump_json().encode(), status=201)


@router.post("/{order_id}/notes", status_code=201, response_model=HistoryView)
async def post_note(run: Runs, _: Noter, order_id: UUID, body: NoteBody) -> Response:
    """Write a note on an order; staff see it in the history, its customer never does."""
    return await run(write_note, WriteNote(order_id, body.text))


class ResolutionBody(RequestModel):
    """What was done about it."""

    note: Annotated[str, StringConstraints(min_length=1, max_length=500), Clean]


@dataclass(frozen=True, slots=True)
class ResolveHold:
    """Note that a person has dealt with what an order was put before one for."""

    order_id: UUID
    note: str
    expected_version: int | None


def resolve_hold(command: ResolveHold, orders: OrderStore, cause: Cause) -> Answer[Never]:
    """Let go of the reason to look at the order, and keep for staff who dealt with it and how."""
    order = orders.get(command.order_id)
    order.check_version(command.expected_version)
    order.resolve_hold(command.note, cause)
    return Answer(order_body(order), headers={"ETag": etag(order.version)})


@router.post("/{order_id}/hold/resolve", response_model=OrderView)
async def post_resolution(
    run: Runs, _: Resolver, order_id: UUID, body: ResolutionBody, expected_version: ExpectedVersion
) -> Response:
    """Note what was done about an order that a person had to look at; a review and a failed refund are decided instead."""
    return await run(resolve_hold, ResolveHold(order_id, body.note, expected_version))
