"""Where parcels are: for the customer, for whoever holds a signed link, and what carriers tell of it."""

from datetime import date, datetime, timedelta
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import APIRouter, Path, Request, Response
from pydantic import BaseModel
from pydantic_core import to_json

from chassis import links
from chassis.auth import Customer
from chassis.batch import Answer
from chassis.commands import Commands
from chassis.domain import Cause, NotFoundError
from order.api.views import LineView
from order.gateway import CarrierWebhooks
from order.handlers import Followed, ParcelSeen, note_seen
from order.model import Order, Shipment, ShipmentState, TrackingEvent
from order.model.record import reference
from order.settings import Settings
from order.store import OrderQueries, OrderStore

router = APIRouter(prefix="/api", tags=["tracking"])

PURPOSE: Final = "tracking"
LINK_DAYS: Final = 90


class SightingView(BaseModel):
    """Where a parcel was seen, and what its carrier says of it."""

    status: str
    occurred_at: datetime
    description: str
    city: str | None
    region: str | None
    country: str | None


class ParcelView(BaseModel):
    """A parcel on its way; `events` the newest first."""

    shipment_id: UUID
    status: str
    tracking_status: str | None
    carrier: str | None
    service: str | None
    tracking_number: str | None
    expected_delivery: date | None
    dispatched_at: datetime | None
    delivered_at: datetime | None
    units: int
    events: list[SightingView]


class ParcelContentsView(ParcelView):
    """A parcel with what is in it: for the customer alone."""

    lines: list[LineView]


class TrackingView(BaseModel):
    """Where the parcels of an order are; `waiting_units` are sent when they come into stock."""

    order_id: UUID
    status: str
    shipments: list[ParcelContentsView]
    waiting_units: int


class PublicTrackingView(BaseModel):
    """What a link shows: parcels and where they are. Neither who ordered what, nor where it goes, nor what it cost."""

    reference: str
    status: str
    order_date: date
    shipments: list[ParcelView]
    waiting_units: int


class LinkView(BaseModel):
    """A link that shows an order's parcels without a login, until it expires."""

    url: str
    expires_at: datetime


def _parcel(shipment: Shipment, events: list[TrackingEvent]) -> dict[str, object]:
    names = ("shipment_id", "tracking_status", "carrier", "service", "tracking_number", "expected_delivery")
    shown: dict[str, object] = {name: getattr(shipment, name) for name in (*names, "dispatched_at", "delivered_at")}
    seen = [one for one in events if one.shipment_id == shipment.shipment_id]
    return {
        **shown,
        "status": shipment.state,
        "units": shipment.units,
        "events": [
            {name: getattr(one, name) for name in SightingView.model_fields}
            for one in sorted(seen, key=lambda one: one.occurred_at, reverse=True)
        ],
    }


def _waiting(order: Order) -> int:
    return sum(line["quantity"] for line in order.backordered or ())


def _parcels(order: Order) -> list[Shipment]:
    return [one for one in order.shipments if one.state != ShipmentState.CANCELLED]


def tracking_of(order: Order, events: list[TrackingEvent]) -> dict[str, Any]:
    """Show where the parcels of an order are, with what is in them, in the form of `TrackingView`."""
    currency = order.currency
    return {
        "order_id": order.order_id,
        "status": order.status,
        "shipments": [
            {
                **_parcel(one, events),
                "lines": [{**line, "amount": {"amount": line["amount"], "currency": currency}} for line in one.lines],
            }
            for one in _parcels(order)
        ],
        "waiting_units": _waiting(order),
    }


@router.get("/orders/{order_id}/tracking", response_model=TrackingView, tags=["orders"])
async def get_tracking(request: Request, who: Customer, order_id: UUID) -> Response:
    """Show where the parcels of an order are, and have been."""
    async with request.app.state.database.reading() as session:
        queries = OrderQueries(session)
        order = await queries.order(order_id, who.user_id)
        events = await queries.sightings(order_id)
    return Response(to_json(tracking_of(order, events)), media_type="application/json")


@router.post("/orders/{order_id}/tracking-link", tags=["orders"])
async def post_tracking_link(request: Request, who: Customer, order_id: UUID) -> LinkView:
    """Make a link to the parcels of an order that works without a login for 90 days."""
    settings: Settings = request.app.state.settings
    secrets = settings.link_secrets
    if not secrets:
        raise NotFoundError("This shop makes no tracking links.")
    async with request.app.state.database.reading() as session:
        await OrderQueries(session).order(order_id, who.user_id)
    expires_at = request.app.state.database.clock() + timedelta(days=LINK_DAYS)
    token = links.sign(secrets[0], PURPOSE, str(order_id), expires_at)
    return LinkView(url=f"{settings.public_url.rstrip('/')}/track/{token}", expires_at=expires_at)


@router.get("/tracking/{token}", response_model=PublicTrackingView)
async def get_public_tracking(request: Request, token: Annotated[str, Path(max_length=200)]) -> Response:
    """Show where the parcels of a link's order are, without a login."""
    settings: Settings = request.app.state.settings
    order_id = UUID(links.read(token, settings.link_secrets, PURPOSE, request.app.state.database.clock()))
    async with request.app.state.database.reading() as session:
        queries = OrderQueries(session)
        order = await queries.order(order_id, None)
        events = await queries.sightings(order_id)
    body = {
        "reference": reference(order_id),
        "status": order.status,
        "order_date": order.order_date.date(),
        "shipments": [_parcel(one, events) for one in _parcels(order)],
        "waiting_units": _waiting(order),
    }
    headers = {"Cache-Control": "private, no-store", "Referrer-Policy": "no-referrer"}
    return Response(to_json(body), headers=headers, media_type="application/json")


def note_notice(seen: ParcelSeen, orders: OrderStore, cause: Cause) -> Answer[Followed]:
    """Note what a carrier tells of a parcel."""
    return Answer(b"{}", events=note_seen(seen, orders, cause))


@router.post("/webhooks/carrier", include_in_schema=False)
async def receive_notice(request: Request) -> Response:
    """Hear a carrier's notice; one that is forged or stale is refused and counted, one about a parcel not ours ignored."""
    webhooks: CarrierWebhooks = request.app.state.gateways[CarrierWebhooks]
    updates = webhooks.read(await request.body(), request.headers)
    async with request.app.state.database.reading() as session:
        parcels = await OrderQueries(session).parcels({one.tracking_number for one in updates})
    commands: Commands = request.app.state.commands
    for number, (order_id, shipment_id) in parcels.items():
        seen = ParcelSeen(order_id, shipment_id, [one for one in updates if one.tracking_number == number])
        cause = Cause("carrier", request.app.state.database.clock(), correlation_id=str(order_id))
        await commands.run(note_notice, seen, cause, None)
    return Response(b"{}", media_type="application/json")
