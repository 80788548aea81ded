"""Facts that the payment service tells."""

from uuid import UUID

from contracts.event import Event
from contracts.topics import PAYMENT_EVENTS
from contracts.types import Money


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


class PaymentReduced(Event, type="payment.reduced.v1", topic=PAYMENT_EVENTS):
    """A change made the order cost less: `amount` of what was held will not be taken; `due` is what the order costs now."""

    order_id: UUID
    user_id: str
    change_id: UUID
    amount: Money
    due: Money
