"""Facts that the payment service tells."""

from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from contracts.event import Event
from contracts.topics import PAYMENT_EVENTS
from contracts.types import Money

NOT_THE_CUSTOMERS: Final = frozenset(
    {
        "api_error",
        "idempotency_error",
        "invalid_request",
        "issuer_not_available",
        "lock_timeout",
        "not_authorized",
        "processing_error",
        "rate_limit",
        "try_again_later",
    }
)
"""Codes of a declined payment that say nothing against the customer: an outage of ours, or of those we ask."""


class PaymentAuthorized(Event, type="payment.authorized.v1", topic=PAYMENT_EVENTS):
    """The PSP holds the order's total for us."""

    order_id: UUID
    user_id: str
    payment_id: UUID
    amount: Money


class PaymentDeclined(Event, type="payment.declined.v1", topic=PAYMENT_EVENTS):
    """The PSP refused; `code` is its reason in Stripe's vocabulary (`card_declined`, `expired_card`, …)."""

    order_id: UUID
    user_id: str
    payment_id: UUID
    amount: Money
    code: str


class PaymentVoided(Event, type="payment.voided.v1", topic=PAYMENT_EVENTS):
    """No money is held for the cancelled order any more; `amount` is what was let go (0: nothing had been held)."""

    order_id: UUID
    user_id: str
    amount: Money


class PaymentCaptured(Event, type="payment.captured.v1", topic=PAYMENT_EVENTS):
    """All the money due for one shipment was taken; `captured` is the order's total so far."""

    order_id: UUID
    user_id: str
    payment_id: UUID
    shipment_id: UUID
    amount: Money
    captured: Money


class PaymentCaptureFailed(Event, type="payment.capture_failed.v1", topic=PAYMENT_EVENTS):
    """The PSP refused to pay out an authorised amount; a person must act."""

    order_id: UUID
    user_id: str
    payment_id: UUID
    shipment_id: UUID
    amount: Money
    code: str


class PaymentRefunded(Event, type="payment.refunded.v1", topic=PAYMENT_EVENTS):
    """Money went back to the customer; `refunded` is the order's total so far."""

    order_id: UUID
    user_id: str
    payment_id: UUID
    amount: Money
    refunded: Money
    refund_id: UUID | None = None
    """The refund that was asked for; None: the money of a cancelled order."""


class AdditionAuthorized(Event, type="payment.addition_authorized.v1", topic=PAYMENT_EVENTS):
    """The PSP holds for us what a change adds to the order's total, beside what it held before."""

    order_id: UUID
    user_id: str
    change_id: UUID
    payment_id: UUID
    amount: Money


class AdditionDeclined(Event, type="payment.addition_declined.v1", topic=PAYMENT_EVENTS):
    """The PSP refused what a change adds; what it held before it holds still. `code` is its reason."""

    order_id: UUID
    user_id: str
    change_id: UUID
    payment_id: UUID
    amount: Money
    code: str


class AdditionVoided(Event, type="payment.addition_voided.v1", topic=PAYMENT_EVENTS):
    """No money is held for a withdrawn change any more; `amount` is what was let go (0: nothing had been held)."""

    order_id: UUID
    user_id: str
    change_id: UUID
    amount: Money


class ReauthorizationDeclined(Event, type="payment.reauthorization_declined.v1", topic=PAYMENT_EVENTS):
    """A hold lapses, or is gone, and the PSP will not hold the amount anew: what was not captured will not be had."""

    order_id: UUID
    user_id: str
    payment_id: UUID
    amount: Money
    code: str


class PaymentReduced(Event, type="payment.reduced.v1", topic=PAYMENT_EVENTS):
    """A change made the order cost less: `amount` of what was held will not be taken; `due` is what the order costs now."""

    order_id: UUID
    user_id: str
    change_id: UUID
    amount: Money
    due: Money


class RefundFailed(Event, type="payment.refund_failed.v1", topic=PAYMENT_EVENTS):
    """The PSP will not give the money back, however often it is asked; a person must act. `code` is its reason."""

    order_id: UUID
    user_id: str
    refund_id: UUID
    amount: Money
    code: str


class PaymentReviewRequired(Event, type="payment.review_required.v1", topic=PAYMENT_EVENTS):
    """The order is risky: its money is authorised and it waits for a person's decision until `deadline_at`.

    `facts` are the names of the rules that spoke, `score` is 0 to 100.
    """

    order_id: UUID
    user_id: str
    score: int
    facts: list[str]
    deadline_at: datetime


class ReviewDecision(StrEnum):
    """What becomes of a risky order."""

    APPROVE = "approve"
    REJECT = "reject"


class PaymentReviewed(Event, type="payment.reviewed.v1", topic=PAYMENT_EVENTS):
    """A review was decided, by a person or by its deadline; PaymentAuthorized or PaymentDeclined follows."""

    order_id: UUID
    user_id: str
    decision: ReviewDecision
    by_deadline: bool = False


class PaymentAction(StrEnum):
    """What a customer has to do before the money is there."""

    CHALLENGE = "challenge"
    """Prove to the bank who pays (3-D Secure)."""
    TRANSFER = "transfer"
    """Send the money, with the reference."""


class PaymentActionRequired(Event, type="payment.action_required.v1", topic=PAYMENT_EVENTS):
    """The customer has to do something before the money is there, until `deadline_at`.

    `reference` is what a transfer must name, or the path of the page where the bank asks.
    """

    order_id: UUID
    user_id: str
    payment_id: UUID
    action: PaymentAction
    amount: Money
    reference: str
    deadline_at: datetime


class DisputeOpened(Event, type="payment.dispute_opened.v1", topic=PAYMENT_EVENTS):
    """The customer's bank takes money back that was captured (chargeback); evidence is due by `respond_by`."""

    order_id: UUID
    user_id: str
    payment_id: UUID
    amount: Money
    code: str
    respond_by: datetime | None = None


class DisputeClosed(Event, type="payment.dispute_closed.v1", topic=PAYMENT_EVENTS):
    """The bank has decided: `won` is whether the money stays ours."""

    order_id: UUID
    user_id: str
    payment_id: UUID
    amount: Money
    won: bool
    others_open: bool = False
    """Whether another dispute of the order is not decided yet."""


class IncidentKind(StrEnum):
    """Money that came otherwise than it should."""

    CAPTURED_AFTER_CANCELLATION = "captured_after_cancellation"
    OVERPAID = "overpaid"
    UNDERPAID = "underpaid"
    AUTHORIZATION_EXPIRED = "authorization_expired"


class PaymentIncident(Event, type="payment.incident.v1", topic=PAYMENT_EVENTS):
    """Money came otherwise than it should; what could be done was done, and a person should look."""

    order_id: UUID
    user_id: str
    kind: IncidentKind
    amount: Money


class PaymentIncidentResolved(Event, type="payment.incident_resolved.v1", topic=PAYMENT_EVENTS):
    """A person has dealt with an incident about the order's money, or with a capture or refund that failed.

    `kind` is what it was about, as payment's list of incidents names it.
    """

    order_id: UUID
    user_id: str
    incident_id: UUID
    kind: str
    amount: Money
    others_open: bool
    """Whether another incident of the order waits for a person still."""


class RefundBounced(Event, type="payment.refund_bounced.v1", topic=PAYMENT_EVENTS):
    """Money that was given back does not arrive: the customer's bank sends it back, or the PSP will not send it."""

    order_id: UUID
    user_id: str
    amount: Money
