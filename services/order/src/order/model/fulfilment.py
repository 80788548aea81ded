"""Parcels on their way: labelled, sent, tracked and delivered.

Cancel-against-ship is decided here and in `changes`, under the lock of the order's row: what is dispatched cannot be cut, what
is cut cannot be dispatched. What a carrier says may come late, again and out of order: an older sighting never undoes a newer
one, and nothing undoes a delivery.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final
from uuid import UUID

from chassis.domain import Cause
from contracts.order import (
    LabelBought,
    LabelVoided,
    OrderDelivered,
    OrderShipped,
    ShipmentDelivered,
    ShipmentDispatched,
    ShipmentTracked,
    TrackingStatus,
)
from order.model.hold import CARRIER_HAS_IT, DELIVERY
from order.model.plan import Plan
from order.model.shipment import (
    TERMINAL,
    TROUBLE,
    Label,
    LabelState,
    LabelTerms,
    Shipment,
    ShipmentState,
    ShipmentStateError,
)
from order.model.status import FulfilmentState, OrderState, Status

LOOK_AFTER: Final = timedelta(hours=6)
"""A parcel of which its carrier tells nothing for so long is asked about."""
ASKED_FOR: Final = timedelta(days=30)
"""A parcel in trouble of which nothing new was told for so long is asked about no more; a notice is still heard."""
SCANNED: Final = frozenset(
    {
        TrackingStatus.IN_TRANSIT,
        TrackingStatus.OUT_FOR_DELIVERY,
        TrackingStatus.AVAILABLE_FOR_PICKUP,
        TrackingStatus.DELIVERED,
        TrackingStatus.ATTEMPT_FAILED,
        TrackingStatus.RETURNED,
    }
)
"""What a carrier says of a parcel that it has; that a label has lapsed or is void, it also says of one that never left."""

Dispatched = ShipmentDispatched | OrderShipped
Delivered = ShipmentDelivered | OrderDelivered
Tracked = ShipmentTracked | ShipmentDispatched | OrderShipped | ShipmentDelivered | OrderDelivered


@dataclass(frozen=True, slots=True)
class Sighting:
    """What a carrier says about a parcel, in our words; `expected_delivery` is its promise at that moment.

    `tracking_number` None: it is the parcel's own.
    """

    status: TrackingStatus
    occurred_at: datetime
    expected_delivery: date | None = None
    tracking_number: str | None = None


class Fulfilment(Plan):
    """An order as those see it who pack and carry it."""

    # --- labels ---------------------------------------------------------------------------------------------------------

    def want_label(self, shipment_id: UUID, carrier: str | None, service: str | None, cause: Cause) -> Label:
        """Have a label bought for a parcel; raises ShipmentStateError where it has one, or is kept back."""
        shipment = self._unlabelled(shipment_id)
        label = self._want(shipment, carrier, service, cause)
        self._record(cause, "Label ordered")
        return label

    def _want(self, shipment: Shipment, carrier: str | None, service: str | None, cause: Cause) -> Label:
        label = Label.wish(shipment, carrier, service, cause)
        self.labels[label.label_id] = label
        shipment.label_id = label.label_id
        return label

    def void_label(self, shipment_id: UUID, cause: Cause) -> None:
        """Have a parcel's label given back; raises ShipmentStateError where there is none, or the parcel has left."""
        shipment = self._open(shipment_id)
        if self.label_of(shipment) is None:
            raise ShipmentStateError("The shipment has no label.", state=shipment.state)
        self._drop_label(shipment, cause)
        self._record(cause, "Label is given back")

    def _drop_label(self, shipment: Shipment, cause: Cause) -> Label | None:
        """Have the label given back that a parcel does not need any more; answers it."""
        label = self.label_of(shipment)
        if label is not None:
            label.give_back(cause)
        shipment.label_id = shipment.carrier = shipment.service = shipment.tracking_number = None
        shipment.expected_delivery = shipment.tracking_status = shipment.tracked_at = None
        self._end_trouble()
        return label

    def note_label_bought(self, label_id: UUID, terms: LabelTerms, cause: Cause) -> LabelBought | None:
        """Note that a carrier will take the parcel; a label that is unwanted by now is given back next."""
        label = self.labels[label_id]
        if label.state == LabelState.BOUGHT:
            return None
        if not label.note_sold(terms, cause):
            self._record(cause, f"A label came that is not wanted any more: {terms.tracking_number}")
            return None
        shipment = self.shipment(label.shipment_id)
        shipment.carrier, shipment.service, shipment.tracking_number = terms.carrier, terms.service, terms.tracking_number
        shipment.expected_delivery = terms.expected_delivery
        shipment.tracking_status = TrackingStatus.PRE_TRANSIT
        self._record(cause, f"Label bought: {terms.carrier} {terms.service}, {terms.tracking_number}")
        return LabelBought(
            order_id=self.order_id,
            shipment_id=label.shipment_id,
            carrier=terms.carrier,
            service=terms.service,
            tracking_number=terms.tracking_number,
            cost=terms.cost,
        )

    def note_label_failed(self, label_id: UUID, code: str, message: str, cause: Cause) -> None:
        """Note that the carrier does not take the parcel like this; a label that is unwanted by now is thereby gone.

        `message` is the carrier's and may repeat the address: it stays with the label, for staff.
        """
        label = self.labels[label_id]
        if not label.note_refused(code, message):
            return
        if label.state == LabelState.FAILED:
            self.shipment(label.shipment_id).label_id = None
        self._record(cause, f"No label: {code}")

    def note_label_open(self, label_id: UUID, error: str, delay: timedelta, cause: Cause) -> None:
        """Note that a carrier's answer about a label is not known, or not the one it must be; it is asked again."""
        label = self.labels[label_id]
        if label.error != CARRIER_HAS_IT:  # why it is not taken back is known
            label.error = error
        label.ask_again(cause, delay)

    def note_label_voided(self, label_id: UUID, cause: Cause) -> LabelVoided | None:
        """Note that the carrier took a label back, or never sold it."""
        label = self.labels[label_id]
        if not label.become(LabelState.VOIDED):
            return None
        label.due_at = None
        if label.carrier is None or label.tracking_number is None:
            return None
        self._record(cause, f"Label given back: {label.tracking_number}")
        return LabelVoided(
            order_id=self.order_id,
            shipment_id=label.shipment_id,
            carrier=label.carrier,
            tracking_number=label.tracking_number,
        )

    # --- on the road ----------------------------------------------------------------------------------------------------

    def dispatch(
        self, shipment_id: UUID, cause: Cause, carrier: str | None = None, tracking_number: str | None = None
    ) -> list[Dispatched]:
        """Send one parcel; raises ShipmentNotFoundError, ShipmentStateError, InvalidTransitionError."""
        shipment = self.shipment(shipment_id)
        if self.order_state != OrderState.CONFIRMED:
            raise self._refusal(Status.SHIPPED, f"The shipment is {shipment.state}.")
        if not shipment.may_become(ShipmentState.DISPATCHED):
            why = f" ({shipment.hold_reason})" if shipment.hold_reason else ""
            raise self._refusal(Status.SHIPPED, f"The shipment is {shipment.state}{why}.")
        self._must_fit_its_label(shipment, carrier, tracking_number)
        self.shipments.remove(shipment)
        self.shipments.insert(0, shipment)  # the first to leave carries what shipping costs
        self._value_shipments()
        shipment.become(ShipmentState.DISPATCHED)
        shipment.dispatched_at = cause.at
        shipment.carrier = carrier or shipment.carrier
        shipment.tracking_number = tracking_number or shipment.tracking_number
        if shipment.label_id is not None:
            shipment.look_at = cause.at + LOOK_AFTER
        self.shipped_units += shipment.units
        complete = self.shipped_units == self.units
        self.fulfilment_state = FulfilmentState.SHIPPED if complete else FulfilmentState.PARTIALLY_SHIPPED
        self._record(cause, f"Shipment dispatched from {shipment.warehouse_id}")
        facts: list[Dispatched] = [
            ShipmentDispatched(
                order_id=self.order_id,
                user_id=self.user_id,
                shipment_id=shipment.shipment_id,
                warehouse_id=shipment.warehouse_id,
                lines=shipment.contents,
                amount=self.money(shipment.amount),
                carrier=shipment.carrier,
                tracking_number=shipment.tracking_number,
            )
        ]
        if complete:
            facts.append(OrderShipped(order_id=self.order_id, user_id=self.user_id))
        return facts

    def _must_fit_its_label(self, shipment: Shipment, carrier: str | None, tracking_number: str | None) -> None:
        label = self.label_of(shipment)
        if label is None or label.state != LabelState.BOUGHT:
            return
        for field, said, bought in (
            ("carrier", carrier, label.carrier),
            ("tracking_number", tracking_number, label.tracking_number),
        ):
            if said not in {None, bought}:
                raise ShipmentStateError(
                    f"{field}: the shipment's label says {bought}; give the label back first.",
                    errors=[{"field": field, "message": f"the label says {bought}"}],
                )

    def dispatch_rest(self, cause: Cause) -> list[Dispatched]:
        """Send every parcel that has not left; raises InvalidTransitionError where one cannot be sent, or none is left."""
        waiting = [one for one in self.shipments if one.is_open]
        if self.status != Status.PROCESSING or not waiting:
            raise self._refusal(Status.SHIPPED)
        stuck = next((one for one in waiting if one.state != ShipmentState.PLANNED), None)
        if stuck is not None:
            raise self._refusal(Status.SHIPPED, f"Shipment {stuck.shipment_id} is {stuck.state}.")
        if self.backordered:
            units = sum(line["quantity"] for line in self.backordered)
            raise self._refusal(Status.SHIPPED, f"{units} units wait for stock; dispatch the shipments one by one.")
        return [fact for one in waiting for fact in self.dispatch(one.shipment_id, cause)]

    def deliver(self, shipment_id: UUID, cause: Cause) -> list[Delivered]:
        """Confirm that a parcel arrived; raises ShipmentNotFoundError, InvalidTransitionError."""
        shipment = self.shipment(shipment_id)
        if not shipment.may_become(ShipmentState.DELIVERED):
            raise self._refusal(Status.DELIVERED, f"The shipment is {shipment.state}.")
        shipment.become(ShipmentState.DELIVERED)
        shipment.delivered_at = cause.at
        shipment.look_at = None
        self._end_trouble()
        self.delivered_units += shipment.units
        complete = self.delivered_units == self.units
        if complete:
            self.fulfilment_state = FulfilmentState.DELIVERED
        self._record(cause, "Shipment delivered")
        facts: list[Delivered] = [ShipmentDelivered(order_id=self.order_id, user_id=self.user_id, shipment_id=shipment_id)]
        if complete:
            facts.append(OrderDelivered(order_id=self.order_id, user_id=self.user_id))
        return facts

    def deliver_rest(self, cause: Cause) -> list[Delivered]:
        """Confirm every parcel on its way; raises InvalidTransitionError unless all of the order has been shipped."""
        open_ones = [one.shipment_id for one in self.shipments if one.state == ShipmentState.DISPATCHED]
        if self.status != Status.SHIPPED or not open_ones:
            raise self._refusal(Status.DELIVERED)
        return [fact for shipment_id in open_ones for fact in self.deliver(shipment_id, cause)]

    def track(self, shipment_id: UUID, sightings: Sequence[Sighting], cause: Cause) -> list[Tracked]:
        """Note where a parcel was seen: one that was scanned has left, one that arrived is delivered; raises NotFoundError.

        What is told of a label that was given back moves nothing: its parcel may lie here still, or go to an older address.
        """
        shipment = self.shipment(shipment_id)
        facts: list[Tracked] = []
        for seen in sorted(sightings, key=lambda one: one.occurred_at):
            if seen.tracking_number not in {None, shipment.tracking_number}:
                self._note_stray(seen, cause)
            elif self._is_news(shipment, seen):
                facts += self._see(shipment, seen, cause)
        if shipment.state == ShipmentState.DISPATCHED and shipment.label_id is not None:
            shipment.look_at = self._next_look(shipment, cause)
        return facts

    def _note_stray(self, seen: Sighting, cause: Cause) -> None:
        """Put the order before a person, once for each label: a carrier has a parcel by one that was given back."""
        label = next((one for one in self.labels.values() if one.tracking_number == seen.tracking_number), None)
        if seen.status in SCANNED and label is not None and label.error != CARRIER_HAS_IT:
            label.error = CARRIER_HAS_IT
            self._hold_for(CARRIER_HAS_IT)
            self._record(cause, f"The carrier has a parcel by a label that was given back: {label.tracking_number}")

    @staticmethod
    def _next_look(shipment: Shipment, cause: Cause) -> datetime | None:
        if shipment.tracking_status in TERMINAL:
            return None
        long_ago = shipment.tracked_at is not None and cause.at - shipment.tracked_at > ASKED_FOR
        return None if long_ago and shipment.tracking_status in TROUBLE else cause.at + LOOK_AFTER

    @staticmethod
    def _is_news(shipment: Shipment, seen: Sighting) -> bool:
        if shipment.tracking_status in TERMINAL or shipment.state == ShipmentState.DELIVERED:
            return False
        if shipment.tracked_at is not None and seen.occurred_at < shipment.tracked_at:
            return False
        return seen.status != shipment.tracking_status or seen.expected_delivery not in {None, shipment.expected_delivery}

    def _see(self, shipment: Shipment, seen: Sighting, cause: Cause) -> list[Tracked]:
        facts: list[Tracked] = []
        changed = seen.status != shipment.tracking_status
        shipment.tracking_status, shipment.tracked_at = seen.status, seen.occurred_at
        shipment.expected_delivery = seen.expected_delivery or shipment.expected_delivery
        if seen.status in SCANNED and shipment.state == ShipmentState.PLANNED:
            facts += self.dispatch(shipment.shipment_id, cause)
        elif seen.status in SCANNED and shipment.dispatched_at is None:
            self._hold_for(CARRIER_HAS_IT)
            self._record(cause, f"The carrier has a parcel that is {shipment.state}")
        if changed and (seen.status in SCANNED or shipment.dispatched_at is not None):  # a label's trouble is ours alone
            facts.append(
                ShipmentTracked(
                    order_id=self.order_id,
                    user_id=self.user_id,
                    shipment_id=shipment.shipment_id,
                    status=seen.status,
                    occurred_at=seen.occurred_at,
                    expected_delivery=shipment.expected_delivery,
                )
            )
        if changed:
            self._weigh_trouble(seen)
        if seen.status == TrackingStatus.DELIVERED and shipment.state == ShipmentState.DISPATCHED:
            facts += self.deliver(shipment.shipment_id, cause)
        elif changed:
            self._record(cause, f"Parcel: {seen.status.replace('_', ' ')}")
        return facts

    def _weigh_trouble(self, seen: Sighting) -> None:
        """Have a person look at trouble on the way, by its newest word; trouble that is over ends unless it is another's."""
        if seen.status not in TROUBLE:
            self._end_trouble()
        elif self.hold_reason is None or self.hold_reason.startswith(DELIVERY):
            self.hold_reason = f"{DELIVERY}{seen.status}"
