"""Orders as they change: `Prefer: wait` on placing, and a stream of an order's changes.

Both follow `order.events` and then read the row: the topic says that something happened, the database what is true.
"""

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Annotated, Final
from uuid import UUID

import structlog
from fastapi import APIRouter, Depends, Request, Response
from fastapi.sse import EventSourceResponse, ServerSentEvent
from pydantic_core import from_json
from sqlalchemy.exc import SQLAlchemyError

from chassis.auth import Caller, Customer
from chassis.database import TRANSIENT
from chassis.domain import Refusal
from chassis.preconditions import etag
from chassis.tail import Tail
from order.api.views import order_body
from order.model import Order, Status
from order.store import OrderQueries

router = APIRouter(prefix="/api/orders", tags=["orders"])
log = structlog.get_logger()

LONGEST_WAIT_SECONDS: Final = 30.0
LOOK_AGAIN_SECONDS: Final = 15.0
LOOK_WHILE_WAITING_SECONDS: Final = 0.5
"""A review, or something that the customer has to do, changes the order without a fact of ours that would wake who waits."""
_WAIT: Final = re.compile(r"(?:^|[,;\s])wait\s*=\s*\"?(\d{1,4})")


async def until_decided(request: Request, who: Caller, reply: Response) -> Response:
    """Hold the answer to a placed order back until it is decided, or waits for a person, for as long as the caller prefers.

    In a crowd, or when it cannot be read, the answer goes out as it is: the order is placed, and nobody needs to stay for that.
    """
    seconds = preferred_wait(request)
    tail = _following(request)
    if seconds <= 0 or reply.status_code != 201 or tail is None:  # noqa: PLR2004 - only a placed order is waited for
        return reply
    try:
        return await _later(request, tail, who, reply, seconds)
    except (SQLAlchemyError, *TRANSIENT):
        return reply
    except Exception:
        log.exception("wait_failed")  # whatever we fail of, the order is placed, and its caller must hear so
        return reply


async def _later(request: Request, tail: Tail, who: Caller, reply: Response, seconds: float) -> Response:
    """Answer with the order as it is when it is decided, or when the wait is over."""
    order_id = UUID(from_json(bytes(reply.body))["order_id"])
    order = await _decided(request, tail, order_id, who.user_id, seconds)
    headers = {name: value for name, value in reply.headers.items() if name not in {"content-length", "etag"}}
    headers |= {"ETag": etag(order.version), "Preference-Applied": f"wait={int(seconds)}"}
    return Response(order_body(order), reply.status_code, headers)


async def _decided(request: Request, tail: Tail, order_id: UUID, user_id: str, seconds: float) -> Order:
    loop, doors = asyncio.get_running_loop(), request.app.state.doors
    until = loop.time() + seconds
    async with tail.changes(str(order_id)) as changed:
        while True:
            changed.clear()
            order = await _read(request, order_id, user_id)
            left = until - loop.time()
            if order.status != Status.PENDING or order.waits_for_a_person or left <= 0 or doors.crowded:
                return order
            try:
                async with asyncio.timeout(min(left, LOOK_WHILE_WAITING_SECONDS)):
                    await changed.wait()
            except TimeoutError:
                continue


class NotLiveError(Refusal):
    """Changes cannot be followed while the broker is away."""

    slug = "live-updates-unavailable"
    title = "Live updates are not available right now"
    status = 503


def _following(request: Request) -> Tail | None:
    """Answer what tells of changes; None while the broker is away."""
    tail: Tail | None = request.app.state.process.tail
    return tail if tail is not None and tail.alive else None


async def _tail(request: Request, who: Customer, order_id: UUID) -> AsyncIterator[Tail]:
    """Give what the stream of an order follows; refused here, since a stream that has begun can only break off."""
    await _read(request, order_id, who.user_id)
    tail = _following(request)
    if tail is None:
        raise NotLiveError("Try again in a moment, or read the order instead.", retry_after=2)
    with request.app.state.streams.one(who.user_id):
        yield tail


async def _read(request: Request, order_id: UUID, user_id: str) -> Order:
    async with request.app.state.database.reading() as session:
        return await OrderQueries(session).order(order_id, user_id)


def preferred_wait(request: Request) -> float:
    """Read how many seconds the caller prefers to wait (RFC 7240); 0 where they do not."""
    found = _WAIT.search(request.headers.get("prefer", ""))
    return min(float(found.group(1)), LONGEST_WAIT_SECONDS) if found is not None else 0.0


@router.get("/{order_id}/events", response_class=EventSourceResponse)
async def stream_order(
    request: Request, who: Customer, order_id: UUID, tail: Annotated[Tail, Depends(_tail)]
) -> AsyncIterator[ServerSentEvent]:
    """Stream the order now and whenever it changes."""
    seen = 0
    async with tail.changes(str(order_id)) as changed:
        while True:
            changed.clear()
            order = await _read(request, order_id, who.user_id)
            if order.version != seen:
                seen = order.version
                yield ServerSentEvent(raw_data=order_body(order).decode(), event="order", id=str(order.version))
            try:
                async with asyncio.timeout(LOOK_AGAIN_SECONDS):
                    await changed.wait()
            except TimeoutError:
                continue  # facts of other services change the row without a fact of ours
