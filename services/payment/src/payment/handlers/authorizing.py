"""Holding money: the order's total, or what a change adds, as soon as stock is held and the instrument is known."""

from collections import Counter
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from chassis.domain import Cause
from chassis.reactions import Erased
from contracts.inventory import AdditionReserved, StockReserved
from contracts.order import OrderContacts
from contracts.payment import (
    NOT_THE_CUSTOMERS,
    AdditionAuthorized,
    AdditionDeclined,
    AdditionVoided,
    PaymentActionRequired,
    PaymentAuthorized,
    PaymentDeclined,
    PaymentRefunded,
    PaymentReviewRequired,
    PaymentVoided,
)
from contracts.types import Money
from payment.gateway import (
    Absent,
    AuthorizationAnswer,
    Authorized,
    Canceled,
    Challenged,
    Declined,
    Done,
    InquiryAnswer,
    PspGateway,
    Refused,
    Unknown,
)
from payment.handlers.outcomes import answered, attempt
from payment.handlers.registry import jobs, react
from payment.model import FRAUD_REJECTED, Action, Assessment, OrderFunds, Payment, PaymentKey, Verdict
from payment.store import AuthorizationDue, InstrumentStore, PaymentStore, ReviewStore

UNPROVED: Final = "authentication_required"
"""Why a payment is declined whose customer did not prove in time who pays."""


@react.on(OrderContacts)
def note_instrument(event: OrderContacts, instruments: InstrumentStore) -> None:
    """Keep how the order, or what a change adds to it, is to be paid; a payment that waits for it becomes due."""
    if event.payment.token:  # without one, only the address or the contact is news
        instruments.keep(PaymentKey(event.order_id, event.change_id), event.payment)
        if event.change_id is None:
            instruments.note(event)


@react.on_erasure(OrderContacts)
def forget_instrument(erased: Erased, instruments: InstrumentStore) -> None:
    """Forget how the order was to be paid."""
    instruments.forget(UUID(erased.key))


@react.on(StockReserved)
def authorize_payment(event: StockReserved, payments: PaymentStore, cause: Cause) -> None:
    """Have the order's total held, unless the order is cancelled or its payment known already."""
    if payments.get(PaymentKey(event.order_id)) is None:
        payment = payments.add(Payment.request(event.order_id, event.user_id, event.total_amount, cause))
        units: Counter[str] = Counter()
        for line in [*(line for part in event.allocations for line in part.lines), *event.backordered]:
            units[line.product_id] += line.quantity
        payment.most_units = max(units.values(), default=0)


@react.on(AdditionReserved)
def authorize_addition(event: AdditionReserved, payments: PaymentStore, cause: Cause) -> AdditionAuthorized | None:
    """Have held what a change adds, unless order or change is cancelled or it is known already; nothing needs no PSP."""
    funds = OrderFunds(payments.of(event.order_id))
    if funds.addition(event.change_id) is not None:
        return None
    difference = Money(amount=max(event.difference.amount, 0), currency=event.difference.currency)
    addition = Payment.request(event.order_id, event.user_id, difference, cause, event.change_id)
    return funds.include(payments.add(addition), cause)


@dataclass(frozen=True, slots=True)
class AuthorizationOutcome:
    """What the PSP says about holding a payment's amount, and how risky that was found to be."""

    order_id: UUID
    payment_id: UUID
    answer: AuthorizationAnswer | Canceled | Absent
    assessment: Assessment | None = None

    @property
    def verdict(self) -> Verdict:
        """What is to become of it, as far as its risk is concerned."""
        return Verdict.APPROVE if self.assessment is None else self.assessment.applied


@jobs.on(AuthorizationDue)
async def authorize(due: AuthorizationDue, psp: PspGateway) -> AuthorizationOutcome:
    """Have the PSP hold an amount, or ask what became of it where it is too late; what is too risky is not asked for."""
    if due.assessment is not None and due.assessment.applied is Verdict.REJECT:
        return AuthorizationOutcome(due.key.order_id, due.payment_id, Declined(FRAUD_REJECTED), due.assessment)
    if due.reference is not None:
        answer = await _proved(due, due.reference, psp)
        return AuthorizationOutcome(due.key.order_id, due.payment_id, answer, due.assessment)
    if due.token is None or due.method is None:
        answer = await answered(psp.inquire(due.key, sent_at=due.sent_at))
        return AuthorizationOutcome(due.key.order_id, due.payment_id, answer, due.assessment)
    held = await answered(psp.authorize(due.key, due.amount, due.method, due.token))
    return AuthorizationOutcome(due.key.order_id, due.payment_id, held, due.assessment)


async def _proved(due: AuthorizationDue, reference: str, psp: PspGateway) -> InquiryAnswer:
    """Ask whether the customer has proved who pays; where nobody waits for that any more it is given up."""
    answer = await answered(psp.inquire(due.key, reference=reference))
    if not (isinstance(answer, Challenged) and due.over):
        return answer
    given_up = await answered(psp.void(due.key, reference))
    return Declined(UNPROVED) if isinstance(given_up, Done) else Unknown("proved_meanwhile")


@jobs.outcome
def note_authorization(
    outcome: AuthorizationOutcome, payments: PaymentStore, reviews: ReviewStore, cause: Cause
) -> list[
    PaymentAuthorized
    | PaymentActionRequired
    | PaymentReviewRequired
    | PaymentDeclined
    | AdditionAuthorized
    | AdditionDeclined
    | PaymentVoided
    | PaymentRefunded
    | AdditionVoided
]:
    """Note whether the amount is held; of a risky order a person decides before that is told.

    For an order cancelled, or a change withdrawn meanwhile, it is let go again.
    """
    payment = payments.known(outcome.order_id, outcome.payment_id)
    if outcome.verdict is not Verdict.REJECT:
        payments.log(attempt(Action.AUTHORIZE, payment, outcome.answer, cause))
    match outcome.answer:
        case Authorized(reference) as held:
            told = payment.authorize(reference, cause, held.expires_at)
            if isinstance(told, PaymentAuthorized) and outcome.assessment is not None and outcome.verdict is Verdict.REVIEW:
                return [reviews.open(told, outcome.assessment, cause)]
            return [] if told is None else [told]
        case Challenged(reference, page, action):
            required = payment.await_customer(action, reference, page, payments.waits_until(action), cause)
            return [] if required is None else [required]
        case Declined(code) | Refused(code):
            if code not in NOT_THE_CUSTOMERS and payment.change_id is None and payment.awaited:
                reviews.note_decline(outcome.order_id)
            return [*OrderFunds(payments.of(outcome.order_id)).decline(payment, code, cause)]
        case Canceled() | Absent():
            return [*OrderFunds(payments.of(outcome.order_id)).decline(payment, "not_authorized", cause)]
        case Unknown():
            payment.ask_again(Action.AUTHORIZE, cause)
            return []
