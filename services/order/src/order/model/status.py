"""What can become of an order: four stored axes, and the public status as a pure function of them.

The axes say what is true of the order itself, its money, its parcels and its returns; each moves on its own. The six public
statuses are derived, never stored apart from their axes: `public_status` is their only source. `TRANSITIONS` says which public
status may follow which by which action: it drives validation and `allowed_actions`, and renders the diagram.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from chassis.domain import Refusal


class Status(StrEnum):
    """The public status of an order."""

    PENDING = "Pending"
    PROCESSING = "Processing"
    SHIPPED = "Shipped"
    DELIVERED = "Delivered"
    CANCELLED = "Cancelled"
    REFUNDED = "Refunded"


class OrderState(StrEnum):
    """The order's own axis."""

    PENDING = "pending"
    CONFIRMED = "confirmed"
    CANCELLED = "cancelled"


class PaymentState(StrEnum):
    """The money's axis."""

    PENDING = "pending"
    AUTHORIZED = "authorized"
    DECLINED = "declined"
    PARTIALLY_CAPTURED = "partially_captured"
    CAPTURED = "captured"
    CAPTURE_FAILED = "capture_failed"
    VOIDED = "voided"
    PARTIALLY_REFUNDED = "partially_refunded"
    REFUNDED = "refunded"


class FulfilmentState(StrEnum):
    """The parcels' axis."""

    UNPLANNED = "unplanned"
    PLANNED = "planned"
    PARTIALLY_SHIPPED = "partially_shipped"
    SHIPPED = "shipped"
    DELIVERED = "delivered"
    CANCELLED = "cancelled"


class ReturnState(StrEnum):
    """The returns' axis."""

    NONE = "none"
    REQUESTED = "requested"
    APPROVED = "approved"
    PARTIALLY_RECEIVED = "partially_received"
    RECEIVED = "received"
    CLOSED = "closed"
    """What has not come back is not waited for any longer."""


class Action(StrEnum):
    """What a person may do to an order."""

    CANCEL = "cancel"
    CHANGE = "change"
    DISPATCH = "dispatch"
    DELIVER = "deliver"
    RETURN = "return"


class InvalidTransitionError(Refusal):
    """The order's status does not allow this."""

    slug = "invalid-transition"
    title = "The order's status does not allow this"


TRANSITIONS: Final[Mapping[Status, Mapping[Status, Action | None]]] = {
    Status.PENDING: {Status.PROCESSING: None, Status.CANCELLED: Action.CANCEL},
    Status.PROCESSING: {
        Status.SHIPPED: Action.DISPATCH,
        Status.DELIVERED: None,
        Status.CANCELLED: Action.CANCEL,
        Status.REFUNDED: None,
    },
    Status.SHIPPED: {Status.DELIVERED: Action.DELIVER, Status.PROCESSING: None, Status.REFUNDED: None},
    Status.DELIVERED: {Status.PROCESSING: None, Status.REFUNDED: None},
    Status.CANCELLED: {},
    Status.REFUNDED: {Status.PROCESSING: None, Status.SHIPPED: None, Status.DELIVERED: None},
}
"""Which status may follow which; None where the saga moves it, never a person's command.

Processing to Delivered, or to Refunded: the rest is cancelled when all else has arrived, or was given back. Back to Processing:
an addition comes about after the last parcel has left. Refunded to Shipped or Delivered: money for a parcel is taken after all
that was taken before had been given back.
"""


def public_status(order: OrderState, *, units: int, shipped: int, delivered: int, captured: int, refunded: int) -> Status:
    """Derive the public status: the first row that matches.

    `units` counts those not cancelled, `shipped` and `delivered` of them; amounts are in minor units.
    """
    if units == 0 and shipped == 0:
        return Status.CANCELLED
    if captured > 0 and refunded == captured and shipped == units:
        return Status.REFUNDED
    if order == OrderState.PENDING:
        return Status.PENDING
    if delivered == units:
        return Status.DELIVERED
    if shipped == units:
        return Status.SHIPPED
    return Status.PROCESSING


def allowed_actions(status: Status, *, open_units: int, shipped: int, delivered: int = 0) -> list[Action]:
    """List what a person may do now; what has left a warehouse is neither cancelled nor changed but returned.

    `open_units` counts those of a confirmed order that have not left yet. Whether what is delivered may come back is for the
    policy of returns to say.
    """
    actions = [action for action in TRANSITIONS[status].values() if action is not None]
    if status == Status.PROCESSING:
        if open_units == 0:
            actions = [action for action in actions if action not in {Action.CANCEL, Action.DISPATCH}]
        else:
            actions.append(Action.CHANGE)
        if shipped:
            actions.append(Action.DELIVER)
    if delivered and status != Status.REFUNDED:
        actions.append(Action.RETURN)
    return actions
