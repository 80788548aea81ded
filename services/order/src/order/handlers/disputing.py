"""Money that a bank takes back, or that came otherwise than it should: the order says so, until a person has dealt with it."""

from chassis.domain import Cause
from contracts.payment import DisputeClosed, DisputeOpened, PaymentIncident, PaymentIncidentResolved, RefundBounced
from order.handlers.registry import react
from order.store import OrderStore


@react.on(DisputeOpened)
def note_dispute(event: DisputeOpened, orders: OrderStore, cause: Cause) -> None:
    """Put the order before a person: the customer's bank takes money back."""
    orders.get(event.order_id).note_dispute(event.amount, event.code, cause)


@react.on(DisputeClosed)
def note_dispute_closed(event: DisputeClosed, orders: OrderStore, cause: Cause) -> None:
    """Note whether the money stays ours."""
    orders.get(event.order_id).note_dispute_closed(cause, won=event.won, others_open=event.others_open)


@react.on(PaymentIncident)
def note_incident(event: PaymentIncident, orders: OrderStore, cause: Cause) -> None:
    """Put the order before a person: money came otherwise than it should."""
    orders.get(event.order_id).note_incident(event.kind, event.amount, cause)


@react.on(PaymentIncidentResolved)
def note_incident_resolved(event: PaymentIncidentResolved, orders: OrderStore, cause: Cause) -> None:
    """Let the order be, when a person has dealt with all that came of its money."""
    orders.get(event.order_id).note_incident_resolved(event.kind, cause, others_open=event.others_open)


@react.on(RefundBounced)
def note_bounce(event: RefundBounced, orders: OrderStore, cause: Cause) -> None:
    """Put the order before a person: what was given back does not arrive."""
    orders.get(event.order_id).note_incident("refund_failed", event.amount, cause)
