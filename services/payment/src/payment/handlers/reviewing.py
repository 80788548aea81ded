"""Deciding about risky orders: a person does, or the deadline. Until then their money is held, and nobody is told so."""

from chassis.batch import Answer
from chassis.domain import Cause
from contracts.payment import PaymentAuthorized, PaymentDeclined, PaymentReviewed
from payment.handlers.registry import jobs
from payment.model import OrderFunds, Payment, PaymentKey
from payment.store import CaptureStore, DecideReview, PaymentStore, ReviewDue, ReviewStore


def decide_review(
    command: DecideReview, payments: PaymentStore, captures: CaptureStore, reviews: ReviewStore, cause: Cause
) -> Answer[PaymentReviewed | PaymentAuthorized | PaymentDeclined]:
    """Approve or reject a risky order, once; the money of a rejected one is let go."""
    review = reviews.get(command.order_id)
    told = review.decide(command.decision, _main(payments, command), cause, command.reason)
    _settle(payments, captures, reviews, told, cause)
    return Answer(review.model_dump_json(exclude={"payment_id", "due_at"}).encode(), events=told)


@jobs.on(ReviewDue)
def decide_by_default(
    due: ReviewDue, payments: PaymentStore, captures: CaptureStore, reviews: ReviewStore, cause: Cause
) -> list[PaymentReviewed | PaymentAuthorized | PaymentDeclined]:
    """Decide what nobody decided in time; nothing is left to decide about an order that was cancelled."""
    review, payment = reviews.get(due.order_id), _main(payments, due)
    if payment.barred or not review.is_pending:
        review.close(cause)
        return []
    told = review.decide(reviews.default, payment, cause, "not decided in time", by_deadline=True)
    _settle(payments, captures, reviews, told, cause)
    return told


def _main(payments: PaymentStore, message: DecideReview | ReviewDue) -> Payment:
    payment = payments.get(PaymentKey(message.order_id))
    if payment is None:
        raise LookupError(f"the payment of order {message.order_id} is gone")
    return payment


def _settle(
    payments: PaymentStore,
    captures: CaptureStore,
    reviews: ReviewStore,
    told: list[PaymentReviewed | PaymentAuthorized | PaymentDeclined],
    cause: Cause,
) -> None:
    for fact in told:
        if isinstance(fact, PaymentDeclined):
            OrderFunds(payments.of(fact.order_id), captures.of(fact.order_id)).settle(cause)
            reviews.note_decline(fact.order_id)
