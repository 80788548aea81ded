"""While a person looks at a risky order, or its customer has something to do, it waits longer, its stock held, and says why."""

from chassis.domain import Cause
from contracts.payment import PaymentActionRequired, PaymentReviewed, PaymentReviewRequired
from order.handlers.registry import react
from order.store import OrderStore


@react.on(PaymentActionRequired)
def note_action_required(event: PaymentActionRequired, orders: OrderStore, cause: Cause) -> None:
    """Have the order wait for what its customer has to do before the money is there, and show what that is."""
    orders.get(event.order_id).await_payment(event.action, event.reference, event.deadline_at, cause)


@react.on(PaymentReviewRequired)
def await_review(event: PaymentReviewRequired, orders: OrderStore, cause: Cause) -> None:
    """Have the order wait for a person's decision about its risk."""
    orders.get(event.order_id).await_review(event.deadline_at, cause, event.score)


@react.on(PaymentReviewed)
def note_reviewed(event: PaymentReviewed, orders: OrderStore, cause: Cause) -> None:
    """Note what was decided about the order's risk; its payment follows."""
    orders.get(event.order_id).note_reviewed(event.decision, cause, by_deadline=event.by_deadline)
