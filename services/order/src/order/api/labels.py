"""What staff do with labels: ask carriers for prices, have one bought, print it, give it back."""

from datetime import datetime
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel

from chassis.batch import Answer
from chassis.commands import Runs
from chassis.domain import Cause, Refusal
from chassis.preconditions import etag
from chassis.requests import RequestModel
from contracts.types import Address, Money
from order.api.fulfilment import Name, Planned, Reader, ShipmentCommand, Shipper
from order.api.views import OrderView, order_body
from order.gateway import CarrierGateway, Offered, Parcel, Refused
from order.store import OrderQueries, OrderStore, origin_of

router = APIRouter(prefix="/api/admin/orders", tags=["fulfilment"])


class CarriersAwayError(Refusal):
    """The carriers do not answer, or do not know us."""

    slug = "carriers-unavailable"
    title = "The carriers cannot be asked right now"
    status = 503


class NoOfferError(Refusal):
    """No carrier takes the parcel like this."""

    slug = "no-carrier"
    title = "No carrier takes it like this"
    status = 422


class LabelBody(RequestModel):
    """Who is to carry a parcel, and how; absent: the cheapest."""

    carrier: Name | None = None
    service: Name | None = None


class RateView(BaseModel):
    """What a carrier asks for a parcel."""

    carrier: str
    service: str
    cost: Money
    delivery_days: int | None


class ObjectionView(BaseModel):
    """Why a carrier does not take a parcel."""

    carrier: str
    message: str


class RateList(BaseModel):
    """What carriers ask for a parcel, the cheapest first; and who does not take it."""

    items: list[RateView]
    objections: list[ObjectionView]


class LabelView(BaseModel):
    """A label that a parcel had, has, or is to get; `error` is what its carrier last said."""

    label_id: UUID
    shipment_id: UUID
    state: str
    carrier: str | None
    service: str | None
    tracking_number: str | None
    cost: Money | None
    error: str | None
    attempts: int
    due_at: datetime | None
    created_at: datetime


class LabelList(BaseModel):
    """All labels of an order's parcels, oldest first."""

    items: list[LabelView]


@router.get("/{order_id}/labels")
async def list_labels(request: Request, _: Reader, order_id: UUID) -> LabelList:
    """List all labels of an order, those given back too."""
    async with request.app.state.database.reading() as session:
        queries = OrderQueries(session)
        await queries.order(order_id, None)
        rows = await queries.labels(order_id)
    return LabelList(items=[_label(dict(row._mapping)) for row in rows])  # noqa: SLF001 - SQLAlchemy's documented name


def _label(row: dict[str, Any]) -> LabelView:
    amount, currency = row.pop("cost_amount"), row.pop("cost_currency")
    return LabelView(**row, cost=Money(amount=amount, currency=currency) if amount is not None else None)


async def _offered(request: Request, order_id: UUID, shipment_id: UUID) -> Offered:
    """Ask carriers for a parcel; raises NoOfferError, CarriersAwayError."""
    async with request.app.state.database.reading() as session:
        row = await OrderQueries(session).parcel(order_id, shipment_id)
    origin = origin_of(row)
    if origin is None:
        raise CarriersAwayError(f"Nothing is known of warehouse {row['warehouse_id']} yet.", retry_after=5)
    carriers: CarrierGateway = request.app.state.gateways[CarrierGateway]
    parcel = Parcel(str(shipment_id), origin, Address.model_validate(row["shipping_address"]), max(1, row["grams"]))
    answer = await carriers.rates(parcel)
    if isinstance(answer, Refused):
        raise NoOfferError(f"{answer.code}: {answer.message}" if answer.message else answer.code)
    if not isinstance(answer, Offered):
        raise CarriersAwayError(answer.reason, retry_after=round(answer.retry_after or 5))
    return answer


@router.get("/{order_id}/shipments/{shipment_id}/rates")
async def get_rates(request: Request, _: Shipper, order_id: UUID, shipment_id: UUID) -> RateList:
    """Ask carriers what they would take a parcel for."""
    answer = await _offered(request, order_id, shipment_id)
    return RateList(
        items=[
            RateView(carrier=r.carrier, service=r.service, cost=r.cost, delivery_days=r.delivery_days) for r in answer.rates
        ],
        objections=[ObjectionView(carrier=one.carrier, message=one.message) for one in answer.objections],
    )


@router.post("/{order_id}/shipments/{shipment_id}/label", status_code=202, response_model=OrderView)
async def post_label(
    request: Request, run: Runs, _: Shipper, order_id: UUID, shipment_id: UUID, body: LabelBody | None = None
) -> Response:
    """Have a label bought; it is there when the shipment has a tracking number. A carrier that is named must offer."""
    wish = body or LabelBody()
    if wish.carrier is not None or wish.service is not None:
        _check_offer(await _offered(request, order_id, shipment_id), wish)
    return await run(
        want_label,
        ShipmentCommand(order_id, lambda order, cause: order.want_label(shipment_id, wish.carrier, wish.service, cause)),
    )


def _check_offer(offered: Offered, wish: LabelBody) -> None:
    """Refuse a wish that no carrier fulfils, so that no label is ordered in vain."""
    rates = [one for one in offered.rates if wish.carrier in {None, one.carrier}]
    field = "service" if rates else "carrier"
    if not any(wish.service in {None, one.service} for one in rates):
        known = sorted({one.service for one in rates} or {one.carrier for one in offered.rates})
        message = f"offers nothing for this parcel; there are {', '.join(known)}"
        raise NoOfferError(f"{field}: {message}", errors=[{"field": field, "message": message}])


def want_label(command: ShipmentCommand, orders: OrderStore, cause: Cause) -> Answer[Planned]:
    """Have a label bought, or given back, by a job: carriers are not asked inside a transaction."""
    order = orders.get(command.order_id)
    command.act(order, cause)
    return Answer(order_body(order), status=202, headers={"ETag": etag(order.version)})


@router.delete("/{order_id}/shipments/{shipment_id}/label", status_code=202, response_model=OrderView)
async def delete_label(run: Runs, _: Shipper, order_id: UUID, shipment_id: UUID) -> Response:
    """Have a label given back."""
    return await run(want_label, ShipmentCommand(order_id, lambda order, cause: order.void_label(shipment_id, cause)))


@router.get("/{order_id}/shipments/{shipment_id}/label")
async def get_label(request: Request, _: Shipper, order_id: UUID, shipment_id: UUID) -> Response:
    """Show the label, to be printed (PDF)."""
    async with request.app.state.database.reading() as session:
        pdf = await OrderQueries(session).label_pdf(order_id, shipment_id)
    headers = {"Content-Disposition": f'inline; filename="label-{shipment_id}.pdf"', "Cache-Control": "private, no-store"}
    return Response(pdf, headers=headers, media_type="application/pdf")
