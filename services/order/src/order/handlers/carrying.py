"""The plan of an order's parcels, and what carriers sell, take back and tell about them.

A label's purchase is asked for under one key until its outcome is known; what a carrier tells may come late and twice.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from uuid import UUID

from chassis import failpoints
from chassis.domain import Cause
from contracts.inventory import (
    BackorderAllocated,
    ShipmentMoved,
    ShipmentMoveRefused,
)
from contracts.order import (
    LabelBought,
    LabelVoided,
    OrderDelivered,
    OrderShipped,
    ShipmentDelivered,
    ShipmentDispatched,
    ShipmentsPlanned,
    ShipmentTracked,
)
from order.gateway import (
    Absent,
    Bought,
    CarrierGateway,
    Parcel,
    PurchaseAnswer,
    Refused,
    Tracked,
    TrackingUpdate,
    Unknown,
    Voided,
    Wish,
    label_key,
)
from order.handlers.registry import jobs, react
from order.model import LabelTerms, Sighting, TrackingEvent
from order.store import (
    LabelUnwanted,
    LabelWanted,
    LateMove,
    OrderStore,
    ParcelUnheard,
)

LONGEST_RETRY: Final = timedelta(minutes=10)
REFUSED_AGAIN: Final = timedelta(hours=6)
"""A label that its carrier does not take back stays due: the parcel may be counted as lost later."""


@react.on(BackorderAllocated)
def plan_backorder(event: BackorderAllocated, orders: OrderStore, cause: Cause) -> ShipmentsPlanned | None:
    """Plan parcels for what came into stock."""
    return orders.get(event.order_id).note_stock_came(event.allocations, cause)


@react.on(ShipmentMoved)
def note_moved(event: ShipmentMoved, orders: OrderStore, cause: Cause) -> ShipmentsPlanned | None:
    """Have the parcel leave from the other warehouse."""
    return orders.get(event.order_id).note_moved(event.move_id, event.warehouse_id, cause)


@react.on(ShipmentMoveRefused)
def note_move_refused(event: ShipmentMoveRefused, orders: OrderStore, cause: Cause) -> None:
    """Have the parcel leave from where it was."""
    orders.get(event.order_id).note_move_refused(event.move_id, event.shortages, cause)


@jobs.on(LateMove)
def note_move_unanswered(due: LateMove, orders: OrderStore, cause: Cause) -> None:
    """Put the order before a person: another warehouse does not answer."""
    orders.get(due.order_id).note_move_unanswered(due.shipment_id, cause)


@dataclass(frozen=True, slots=True)
class LabelPurchase:
    """What a carrier says about selling a label."""

    order_id: UUID
    label_id: UUID
    attempt: int
    answer: PurchaseAnswer


@jobs.on(LabelWanted)
async def buy_label(due: LabelWanted, carriers: CarrierGateway) -> LabelPurchase:
    """Have a carrier sell the label; the key makes it one label, however often it is asked for."""
    if due.origin is None:
        return LabelPurchase(due.order_id, due.label_id, due.attempt, Unknown("the warehouse is not known yet"))
    parcel = Parcel(str(due.shipment_id), due.origin, due.destination, due.weight_grams)
    answer = await carriers.buy(parcel, Wish(due.carrier, due.service), label_key(due.label_id))
    if isinstance(answer, Bought):
        failpoints.reach("after_psp_ok")
    return LabelPurchase(due.order_id, due.label_id, due.attempt, answer)


@jobs.outcome
def note_purchase(outcome: LabelPurchase, orders: OrderStore, cause: Cause) -> LabelBought | None:
    """Note the label, or why there is none."""
    order = orders.get(outcome.order_id)
    match outcome.answer:
        case Bought() as bought:
            return order.note_label_bought(outcome.label_id, terms_of(bought), cause)
        case Refused(code, message):
            order.note_label_failed(outcome.label_id, code, message, cause)
        case Unknown(reason, retry_after):
            order.note_label_open(outcome.label_id, reason, delay_of(outcome.attempt, retry_after), cause)
    return None


@dataclass(frozen=True, slots=True)
class LabelReturn:
    """What a carrier says about taking a label back."""

    order_id: UUID
    label_id: UUID
    attempt: int
    answer: Voided | Absent | Refused | Unknown


@jobs.on(LabelUnwanted)
async def void_label(due: LabelUnwanted, carriers: CarrierGateway) -> LabelReturn:
    """Have a carrier take the label back, if it was ever sold."""
    reference = due.reference
    if reference is None:
        found = await carriers.find(label_key(due.label_id))
        if not isinstance(found, Bought):
            return LabelReturn(due.order_id, due.label_id, due.attempt, found)
        reference = found.reference
    return LabelReturn(due.order_id, due.label_id, due.attempt, await carriers.void(reference))


@jobs.outcome
def note_return(outcome: LabelReturn, orders: OrderStore, cause: Cause) -> LabelVoided | None:
    """Note that the label is gone, or that its carrier is asked again."""
    order = orders.get(outcome.order_id)
    match outcome.answer:
        case Voided() | Absent():
            return order.note_label_voided(outcome.label_id, cause)
        case Refused(code):
            order.note_label_open(outcome.label_id, code, REFUSED_AGAIN, cause)
        case Unknown(reason, retry_after):
            order.note_label_open(outcome.label_id, reason, delay_of(outcome.attempt, retry_after), cause)
    return None


def terms_of(bought: Bought) -> LabelTerms:
    """Write what a carrier sold as the model has it."""
    return LabelTerms(
        reference=bought.reference,
        carrier=bought.carrier,
        service=bought.service,
        tracking_number=bought.tracking_number,
        cost=bought.cost,
        pdf=bought.label,
        expected_delivery=bought.expected_delivery,
    )


def delay_of(attempt: int, retry_after: float | None) -> timedelta:
    """Tell after how long a carrier is asked again."""
    if retry_after is not None:
        return min(timedelta(seconds=retry_after), LONGEST_RETRY)
    return min(timedelta(seconds=2 ** min(attempt, 12)), LONGEST_RETRY)


@dataclass(frozen=True, slots=True)
class ParcelSeen:
    """What a carrier says about a parcel's way, the oldest first."""

    order_id: UUID
    shipment_id: UUID
    updates: Sequence[TrackingUpdate]


Followed = ShipmentTracked | ShipmentDispatched | OrderShipped | ShipmentDelivered | OrderDelivered


@jobs.on(ParcelUnheard)
async def ask_carrier(due: ParcelUnheard, carriers: CarrierGateway) -> ParcelSeen:
    """Ask a carrier where a parcel is of which it has told nothing for long."""
    if due.carrier is None or due.tracking_number is None:
        return ParcelSeen(due.order_id, due.shipment_id, ())
    answer = await carriers.track(due.carrier, due.tracking_number)
    return ParcelSeen(due.order_id, due.shipment_id, answer.updates if isinstance(answer, Tracked) else ())


@jobs.outcome
def note_seen(outcome: ParcelSeen, orders: OrderStore, cause: Cause) -> Sequence[Followed]:
    """Note where the parcel was seen; one that was scanned has left, one that arrived is delivered."""
    order = orders.get(outcome.order_id)
    sightings = [Sighting(one.status, one.occurred_at, one.expected_delivery, one.tracking_number) for one in outcome.updates]
    facts = order.track(outcome.shipment_id, sightings, cause)
    number = order.shipment(outcome.shipment_id).tracking_number
    orders.keep_sightings(
        [
            TrackingEvent(
                order_id=outcome.order_id,
                shipment_id=outcome.shipment_id,
                event_key=one.fingerprint,
                status=one.status,
                occurred_at=one.occurred_at,
                description=one.description,
                city=one.place.city,
                region=one.place.region,
                country=one.place.country,
                received_at=cause.at,
            )
            for one in outcome.updates
            if one.tracking_number == number  # its way by a label that was given back is not its customer's
        ]
    )
    return facts
