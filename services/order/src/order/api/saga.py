"""The saga of an order as staff follow it: step by step over the services, what it waits for, and what they can do about it.

A choreographed saga has no conductor to restart. What a person can do: have each service do now what it has put off, and tell
anew what it told, so that a fact that was lost is heard (`retry`); and end the order by its one way out, whatever it waits for
(`force-cancel`). Both are written into the order's history with who did it and why.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any, Never
from uuid import UUID

from fastapi import APIRouter, Header, Query, Request, Response
from pydantic import BaseModel, StringConstraints
from pydantic_core import to_json

from chassis.auth import Caller, staff
from chassis.batch import Answer
from chassis.commands import Runs
from chassis.domain import Cause
from chassis.facts_api import facts_about
from chassis.open_work import nudge, owed
from chassis.pages import Cursor, Limit, Page
from chassis.requests import Clean, RequestModel
from contracts.order import CancelReason, ChangeRefusal, OrderChangeWithdrawn
from order.api.orders import Cancelled, cancel_what_is_left
from order.api.views import OrderView, history_view, order_body
from order.gateway import Facts
from order.model import Action, InvalidTransitionError, Order, OrderState
from order.model.waiting import PATIENCE, Wait, waits_for
from order.store import WORK, DeskFilter, OrderLists, OrderQueries, OrderStore, Sort

router = APIRouter(prefix="/api/admin/orders", tags=["saga"])

Reader = Annotated[Caller, staff("support", "warehouse", "finance", "fraud_reviewer", "auditor")]
Helper = Annotated[Caller, staff("support")]
Authorization = Annotated[str, Header()]
Reason = Annotated[str, StringConstraints(min_length=1, max_length=500), Clean]


class WaitView(BaseModel):
    """A fact that is awaited: who has to tell it, since when, until when (null: without end), and if that is over.

    `whom` is `service`, or `staff` or `customer` where a person must act first.
    """

    fact: str
    service: str
    since: datetime
    until: datetime | None
    whom: str
    overdue: bool

    @classmethod
    def of(cls, wait: Wait, now: datetime, patience: timedelta = PATIENCE) -> "WaitView":
        """Show it as it is now."""
        late = wait.overdue(now, patience)
        return cls(fact=wait.fact, service=wait.service, since=wait.since, until=wait.until, whom=wait.whom, overdue=late)


class StuckView(BaseModel):
    """An order that should have heard something by now, and what."""

    order_id: UUID
    status: str
    order_state: str
    payment_state: str
    fulfilment_state: str
    return_state: str
    hold_reason: str | None
    deadline_at: datetime | None
    order_date: datetime
    updated_at: datetime
    waiting_for: list[WaitView]


class StuckPage(Page):
    """A page of stuck orders, oldest first."""

    items: list[StuckView]


class StepView(BaseModel):
    """A fact with how long it took from the one that led to it; both null for a command or a deadline.

    `data` is null where the content is confidential.
    """

    event_id: UUID
    type: str
    topic: str
    source: str
    sequence: int
    time: datetime
    started_at: datetime | None
    latency_ms: float | None
    causation_id: UUID | None
    unpublished: bool
    data: Any


class WorkView(BaseModel):
    """Something a service owes the order: which job on what, how often it was tried, when next, what went wrong last."""

    service: str
    job: str
    subject: str
    attempts: int
    due_at: datetime
    error: str | None


class SagaView(BaseModel):
    """An order's saga over the services; `missing_services` did not answer, so what they told and owe is not shown."""

    order_id: UUID
    status: str
    waits_for: list[str]
    waiting_for: list[WaitView]
    deadline_at: datetime | None
    facts: list[StepView]
    work: list[WorkView]
    missing_services: list[str]
    history: list[Any]


@router.get("/stuck")
async def list_stuck_orders(
    request: Request,
    _: Reader,
    limit: Limit = 50,
    cursor: Cursor = None,
    older_than_seconds: Annotated[int, Query(ge=0, le=10**8)] = int(PATIENCE.total_seconds()),
) -> StuckPage:
    """List the orders that are past a deadline, or have waited longer than that for a fact; each with what it waits for."""
    database = request.app.state.database
    now, patience = database.clock(), timedelta(seconds=older_than_seconds)
    narrowed = DeskFilter(stuck_since=now - patience, now=now)
    async with database.reading() as session:
        ids, following = await OrderLists(session).ids(narrowed, Sort.OLDEST, limit, cursor)
        orders = await OrderQueries(session).of(ids)
        await OrderQueries(session).complete_waits(orders)
    return StuckPage(items=[_stuck(order, now, patience) for order in orders], next_cursor=following)


def _stuck(order: Order, now: datetime, patience: timedelta) -> StuckView:
    facts = {name: getattr(order, name) for name in StuckView.model_fields if name != "waiting_for"}
    return StuckView(**facts, waiting_for=[WaitView.of(wait, now, patience) for wait in waits_for(order)])


@router.get("/{order_id}/saga", response_model=SagaView)
async def get_saga(request: Request, _: Reader, order_id: UUID, authorization: Authorization) -> Response:
    """Show an order's steps over the services with their causes, what they owe, and what it waits for until when."""
    database, facts = request.app.state.database, request.app.state.gateways[Facts]
    async with database.reading() as session:
        queries = OrderQueries(session)
        order = await queries.order(order_id, None)
        await queries.complete_waits([order])
        entries = await queries.history(order_id, staff=True)
    own = await facts_about(database, str(order_id))
    work = await owed(database, str(order_id), WORK)
    theirs = await facts.about(str(order_id), authorization)
    waits = [WaitView.of(wait, database.clock()) for wait in waits_for(order)]
    body = {
        "order_id": order_id,
        "status": order.status,
        "waits_for": [wait.fact for wait in waits],
        "waiting_for": [wait.model_dump() for wait in waits],
        "deadline_at": order.deadline_at,
        "facts": _timed([*own, *theirs.facts]),
        "work": sorted([*work, *theirs.work], key=lambda one: str(one["due_at"])),
        "missing_services": theirs.missing,
        "history": [history_view(entry).model_dump(mode="json") for entry in entries],
    }
    return Response(to_json(body), media_type="application/json")


def _timed(facts: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Add to each fact when its cause was told and how long it took since; oldest first."""
    told_at = {fact["event_id"]: fact["time"] for fact in facts}
    timed = []
    for fact in sorted(facts, key=lambda one: str(one["time"])):
        started = told_at.get(fact["causation_id"])
        took = None if started is None else datetime.fromisoformat(fact["time"]) - datetime.fromisoformat(started)
        latency = None if took is None else round(took.total_seconds() * 1000, 3)
        timed.append({**fact, "started_at": started, "latency_ms": latency})
    return timed


# --- what staff can do about it -------------------------------------------------------------------------------------------


class RetryBody(RequestModel):
    """Why a saga is retried."""

    reason: Annotated[str, StringConstraints(max_length=500), Clean] = ""


class ForceBody(RequestModel):
    """Why an order is cancelled by force."""

    reason: Reason


class NudgedView(BaseModel):
    """What a service did: how many facts it tells anew, and which jobs it does now."""

    told: int
    hastened: list[str]


class RetriedView(BaseModel):
    """What a retry did in each service, and what the order waits for; `missing_services` did not answer."""

    order_id: UUID
    services: dict[str, NudgedView]
    missing_services: list[str]
    waiting_for: list[WaitView]


@dataclass(frozen=True, slots=True)
class NoteRetry:
    """Write down that a saga was retried, and what that did."""

    order_id: UUID
    reason: str
    services: dict[str, Any]
    missing: list[str]


@dataclass(frozen=True, slots=True)
class ForceCancel:
    """End an order by its one way out, whatever it waits for."""

    order_id: UUID
    reason: str


def note_retry(command: NoteRetry, orders: OrderStore, cause: Cause) -> Answer[Never]:
    """Keep who retried the saga, and why."""
    order = orders.get(command.order_id)
    order.note_saga(f"Saga retried{f': {command.reason}' if command.reason else ''}", cause)
    body = {
        "order_id": command.order_id,
        "services": command.services,
        "missing_services": command.missing,
        "waiting_for": [WaitView.of(wait, cause.at).model_dump() for wait in waits_for(order)],
    }
    return Answer(to_json(body))


Ended = Cancelled | OrderChangeWithdrawn


def force_cancel(command: ForceCancel, orders: OrderStore, cause: Cause) -> Answer[Ended]:
    """Cancel the order, or what of it has not left; a change it waits for is given up. A cancelled one is only told anew."""
    order = orders.get(command.order_id)
    facts: list[Ended] = []
    if order.order_state != OrderState.CANCELLED:
        if Action.CANCEL not in order.actions:
            raise InvalidTransitionError(
                "All of the order has left: what comes back is a return.", status_now=order.status, allowed=order.actions
            )
        if order.shipped_units:
            order.rest_to_cancel()  # where there is none, no change is given up for it
            for change in [one for one in order.changes if one.is_requested]:
                facts += filter(None, [order.withdraw(change.change_id, ChangeRefusal.STAFF, cause)])
        facts += cancel_what_is_left(order, CancelReason.STAFF, cause, "")[1]
    order.note_saga(f"Cancelled by force: {command.reason}", cause)
    return Answer(order_body(order), events=facts)


@router.post("/{order_id}/saga/retry", response_model=RetriedView)
async def post_retry(
    request: Request, run: Runs, _: Helper, order_id: UUID, authorization: Authorization, body: RetryBody | None = None
) -> Response:
    """Have every service do now what it owes the order, and tell anew what it told; who has heard it drops it."""
    async with request.app.state.database.reading() as session:
        await OrderQueries(session).order(order_id, None)
    services, missing = await _nudge_all(request, order_id, authorization)
    return await run(note_retry, NoteRetry(order_id, body.reason if body is not None else "", services, missing))


@router.post("/{order_id}/saga/force-cancel", response_model=OrderView)
async def post_force_cancel(
    request: Request, run: Runs, _: Helper, order_id: UUID, authorization: Authorization, body: ForceBody
) -> Response:
    """Cancel an order whatever it waits for; of one that is cancelled, have what is still held given back."""
    response = await run(force_cancel, ForceCancel(order_id, body.reason))
    await _nudge_all(request, order_id, authorization)
    return response


async def _nudge_all(request: Request, order_id: UUID, authorization: str) -> tuple[dict[str, Any], list[str]]:
    facts: Facts = request.app.state.gateways[Facts]
    days = request.app.state.settings.outbox_retention_days
    own = await nudge(request.app.state.database, str(order_id), WORK, days)
    theirs, missing = await facts.nudge(str(order_id), authorization)
    return {"order": {"told": own.told, "hastened": list(own.hastened)}, **theirs}, missing
