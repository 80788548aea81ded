"""What payment does when something happens: it holds, takes and gives back an order's money.

It hears StockReserved, AdditionReserved, OrderContacts, OrderChanged, OrderChangeWithdrawn, OrderCancelled and
ShipmentDispatched, in any order that different topics allow and any number of times. Reactions only leave due rows; jobs ask
the PSP, outside any transaction and with a key derived from the order and the change; the functions that hear their outcomes
write them down and tell the facts. A cancellation is answered exactly once, by PaymentVoided or PaymentRefunded, and the
withdrawal of a change by AdditionVoided, after whatever was unknown has become known.
"""

from collections.abc import Awaitable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Never, TypeVar
from uuid import UUID

from chassis import failpoints
from chassis.batch import Answer
from chassis.domain import Cause, new_id
from chassis.jobs import Jobs
from chassis.reactions import Erased, Reactions
from contracts.inventory import AdditionReserved, StockReserved
from contracts.order import (
    ChangeKind,
    OrderCancelled,
    OrderChanged,
    OrderChangeWithdrawn,
    OrderContacts,
    ShipmentDispatched,
)
from contracts.payment import (
    AdditionAuthorized,
    AdditionDeclined,
    AdditionVoided,
    PaymentAuthorized,
    PaymentCaptured,
    PaymentCaptureFailed,
    PaymentDeclined,
    PaymentReduced,
    PaymentRefunded,
    PaymentVoided,
)
from contracts.types import Money
from payment.gateway import (
    Absent,
    AuthorizationAnswer,
    Authorized,
    Canceled,
    ChangeAnswer,
    Declined,
    Done,
    InquiryAnswer,
    PspGateway,
    Refused,
    Unknown,
    WebhookHeard,
    idempotency_key,
)
from payment.model import Action, Attempt, Capture, OrderFunds, Payment, PaymentKey, Reduction
from payment.store import (
    AuthorizationDue,
    CaptureDue,
    CaptureStore,
    DrawDue,
    InquiryDue,
    InstrumentStore,
    PaymentStore,
    ReductionStore,
    RefundDue,
    VoidDue,
)

WEBHOOK_GRACE: Final = timedelta(seconds=2)
"""A webhook may come before the answer to the call it tells of; that answer is given time to be written first."""

REDUCING: Final = frozenset({ChangeKind.REDUCTION, ChangeKind.REST_CANCELLED})

A = TypeVar("A")
react = Reactions("payment")
jobs = Jobs("payment")


@react.on(OrderContacts)
def note_instrument(event: OrderContacts, instruments: InstrumentStore) -> None:
    """Keep how the order, or what a change adds to it, is to be paid; a payment that waits for it becomes due."""
    if event.payment.token:  # without one, only the address or the contact is news
        instruments.keep(PaymentKey(event.order_id, event.change_id), event.payment)


@react.on_erasure(OrderContacts)
def forget_instrument(erased: Erased, instruments: InstrumentStore) -> None:
    """Forget how the order was to be paid."""
    instruments.forget(UUID(erased.key))


@react.on(StockReserved)
def authorize_payment(event: StockReserved, payments: PaymentStore, cause: Cause) -> None:
    """Have the order's total held, unless the order is cancelled or its payment known already."""
    if payments.get(PaymentKey(event.order_id)) is None:
        payments.add(Payment.request(event.order_id, event.user_id, event.total_amount, cause))


@react.on(AdditionReserved)
def authorize_addition(event: AdditionReserved, payments: PaymentStore, cause: Cause) -> AdditionAuthorized | None:
    """Have held what a change adds, unless order or change is cancelled or it is known already; nothing needs no PSP."""
    funds = OrderFunds(payments.of(event.order_id))
    if funds.addition(event.change_id) is not None:
        return None
    difference = Money(amount=max(event.difference.amount, 0), currency=event.difference.currency)
    addition = Payment.request(event.order_id, event.user_id, difference, cause, event.change_id)
    return funds.include(payments.add(addition), cause)


@react.on(OrderChangeWithdrawn)
def void_addition(
    event: OrderChangeWithdrawn, payments: PaymentStore, captures: CaptureStore, cause: Cause
) -> AdditionVoided | None:
    """Let go of what is held for a withdrawn change; what has not come yet is barred."""
    funds = OrderFunds(payments.of(event.order_id), captures.of(event.order_id))
    known = funds.addition(event.change_id)
    addition, told = funds.withdraw(event.change_id, event.user_id, cause)
    if known is None:
        payments.add(addition)
    return told


@react.on(OrderChanged)
def reduce_payment(
    event: OrderChanged, payments: PaymentStore, reductions: ReductionStore, captures: CaptureStore, cause: Cause
) -> PaymentReduced | None:
    """Let go of what the order costs less; a change that adds has its own payment already, one of the address costs nothing."""
    if event.kind not in REDUCING or reductions.knows(event.order_id, event.change_id):
        return None
    funds = OrderFunds(payments.of(event.order_id), captures.of(event.order_id))
    less = event.previous_total.amount - event.total_amount.amount
    told = funds.reduce(event.change_id, less, event.total_amount, cause)
    reductions.add(Reduction.told(told, cause.at))
    return told


@react.on(OrderCancelled)
def void_or_refund(
    event: OrderCancelled, payments: PaymentStore, captures: CaptureStore, cause: Cause
) -> list[PaymentVoided | PaymentRefunded | PaymentCaptureFailed]:
    """Give back whatever is held or taken, additions included; a payment that has not come yet is barred."""
    if not payments.of(event.order_id):
        payments.add(Payment.request(event.order_id, event.user_id, event.total_amount, cause))
    return OrderFunds(payments.of(event.order_id), captures.of(event.order_id)).cancel(cause)


@react.on(ShipmentDispatched)
def capture_payment(
    event: ShipmentDispatched, payments: PaymentStore, captures: CaptureStore, cause: Cause
) -> PaymentCaptureFailed | None:
    """Have the money due for the shipment taken, once, of the order's payments, oldest first."""
    if captures.get(event.order_id, event.shipment_id) is not None:
        return None
    capture = captures.add(Capture.due_for(event, cause))
    if not payments.of(event.order_id):
        return None
    return OrderFunds(payments.of(event.order_id), captures.of(event.order_id)).draw(capture, cause)


@jobs.on(DrawDue)
def draw(due: DrawDue, payments: PaymentStore, captures: CaptureStore, cause: Cause) -> PaymentCaptureFailed | None:
    """Have a shipment's money taken that waited until the order's payments were decided."""
    funds = OrderFunds(payments.of(due.order_id), captures.of(due.order_id))
    return funds.draw(captures.known(due.order_id, due.shipment_id), cause)


@dataclass(frozen=True, slots=True)
class AuthorizationOutcome:
    """What the PSP says about holding a payment's amount."""

    order_id: UUID
    payment_id: UUID
    answer: AuthorizationAnswer | Canceled | Absent


@jobs.on(AuthorizationDue)
async def authorize(due: AuthorizationDue, psp: PspGateway) -> AuthorizationOutcome:
    """Have the PSP hold an amount, or ask what became of it where it is too late to have it held."""
    if due.token is None or due.method is None:
        answer = await _answered(psp.inquire(due.key, sent_at=due.sent_at))
        return AuthorizationOutcome(due.key.order_id, due.payment_id, answer)
    held = await _answered(psp.authorize(due.key, due.amount, due.method, due.token))
    return AuthorizationOutcome(due.key.order_id, due.payment_id, held)


@jobs.outcome
def note_authorization(
    outcome: AuthorizationOutcome, payments: PaymentStore, cause: Cause
) -> list[
    PaymentAuthorized
    | PaymentDeclined
    | AdditionAuthorized
    | AdditionDeclined
    | PaymentVoided
    | PaymentRefunded
    | AdditionVoided
]:
    """Note whether the amount is held; for an order cancelled, or a change withdrawn meanwhile, it is let go again."""
    payment = payments.known(outcome.order_id, outcome.payment_id)
    payments.log(_attempt(Action.AUTHORIZE, payment, outcome.answer, cause))
    match outcome.answer:
        case Authorized(reference):
            told = payment.authorize(reference, cause)
            return [] if told is None else [told]
        case Declined(code) | Refused(code):
            return [*OrderFunds(payments.of(outcome.order_id)).decline(payment, code, cause)]
        case Canceled() | Absent():
            return [*OrderFunds(payments.of(outcome.order_id)).decline(payment, "not_authorized", cause)]
        case Unknown():
            payment.ask_again(Action.AUTHORIZE, cause)
            return []


@dataclass(frozen=True, slots=True)
class VoidOutcome:
    """What the PSP says about letting a hold go."""

    order_id: UUID
    payment_id: UUID
    answer: ChangeAnswer


@jobs.on(VoidDue)
async def void(due: VoidDue, psp: PspGateway) -> VoidOutcome:
    """Have the PSP let go of what is not to be taken any more."""
    answer = await _answered(psp.void(due.key, _reference(due.reference)))
    return VoidOutcome(due.key.order_id, due.payment_id, answer)


@jobs.outcome
def note_void(
    outcome: VoidOutcome, payments: PaymentStore, cause: Cause
) -> list[PaymentVoided | PaymentRefunded | AdditionVoided]:
    """Note that nothing is held any more; captured money of a cancelled order goes back next."""
    payment = payments.known(outcome.order_id, outcome.payment_id)
    payments.log(_attempt(Action.VOID, payment, outcome.answer, cause))
    if isinstance(outcome.answer, Done):
        return OrderFunds(payments.of(outcome.order_id)).void(payment, cause)
    payment.ask_again(Action.VOID, cause, _code(outcome.answer))
    return []


@dataclass(frozen=True, slots=True)
class RefundOutcome:
    """What the PSP says about giving money back."""

    order_id: UUID
    payment_id: UUID
    answer: ChangeAnswer


@jobs.on(RefundDue)
async def refund(due: RefundDue, psp: PspGateway) -> RefundOutcome:
    """Have the PSP give back what was captured for a cancelled order."""
    answer = await _answered(psp.refund(due.key, _reference(due.reference), due.taken))
    return RefundOutcome(due.key.order_id, due.payment_id, answer)


@jobs.outcome
def note_refund(outcome: RefundOutcome, payments: PaymentStore, cause: Cause) -> PaymentRefunded | None:
    """Note that the customer has the money back; told when all payments of the order are given back."""
    payment = payments.known(outcome.order_id, outcome.payment_id)
    payments.log(_attempt(Action.REFUND, payment, outcome.answer, cause))
    if isinstance(outcome.answer, Done):
        return OrderFunds(payments.of(outcome.order_id)).refund(payment, cause)
    payment.ask_again(Action.REFUND, cause, _code(outcome.answer))
    return None


@dataclass(frozen=True, slots=True)
class CaptureOutcome:
    """What the PSP says about taking a shipment's money of a payment."""

    order_id: UUID
    payment_id: UUID
    shipment_id: UUID
    answer: ChangeAnswer


@jobs.on(CaptureDue)
async def capture(due: CaptureDue, psp: PspGateway) -> CaptureOutcome:
    """Have the PSP take what a dispatched shipment draws of a payment."""
    asked = psp.capture(due.key, due.shipment_id, _reference(due.reference), due.amount, final=due.final)
    return CaptureOutcome(due.key.order_id, due.payment_id, due.shipment_id, await _answered(asked))


@jobs.outcome
def note_capture(
    outcome: CaptureOutcome, payments: PaymentStore, captures: CaptureStore, cause: Cause
) -> list[PaymentCaptured | PaymentCaptureFailed | AdditionVoided]:
    """Note whether the money was taken; told when all of the shipment's is. A cancellation that waited for it goes on."""
    payment = payments.known(outcome.order_id, outcome.payment_id)
    one = captures.known(outcome.order_id, outcome.shipment_id)
    payments.log(_attempt("capture", payment, outcome.answer, cause, outcome.shipment_id))
    funds = OrderFunds(payments.of(outcome.order_id), captures.of(outcome.order_id))
    match outcome.answer:
        case Done():
            return funds.take(one, outcome.payment_id, cause)
        case Refused(code):
            return [*funds.refuse(one, outcome.payment_id, code, cause)]
        case Unknown():
            one.ask_again(cause)
            return []


@dataclass(frozen=True, slots=True)
class InquiryOutcome:
    """What the PSP says about a hold that may be gone."""

    order_id: UUID
    payment_id: UUID
    answer: InquiryAnswer


@jobs.on(InquiryDue)
async def inquire(due: InquiryDue, psp: PspGateway) -> InquiryOutcome:
    """Ask the PSP whether a hold still stands."""
    answer = await _answered(psp.inquire(due.key, reference=_reference(due.reference)))
    return InquiryOutcome(due.key.order_id, due.payment_id, answer)


@jobs.outcome
def note_inquiry(outcome: InquiryOutcome, payments: PaymentStore, captures: CaptureStore, cause: Cause) -> None:
    """Note whether the hold stands; while a capture of it is under way its outcome comes first."""
    payment = payments.known(outcome.order_id, outcome.payment_id)
    payments.log(_attempt(Action.INQUIRE, payment, outcome.answer, cause))
    funds = OrderFunds(payments.of(outcome.order_id), captures.of(outcome.order_id))
    match outcome.answer:
        case Canceled() if not funds.drawn_from(payment):
            payment.lapse(cause)
        case Unknown() | Canceled():
            payment.ask_again(Action.INQUIRE, cause)
        case _:
            payment.stand(cause)


def hear_webhook(heard: WebhookHeard, payments: PaymentStore, captures: CaptureStore, cause: Cause) -> Answer[Never]:
    """Ask the PSP soon about what is open; a notice by itself changes nothing."""
    payment = payments.get(heard.payment)
    soon = cause.at + WEBHOOK_GRACE
    if payment is not None:
        payment.ask_by(soon, cause, doubtful=heard.doubtful)
    for one in captures.of(heard.order_id):
        one.ask_by(soon)
    return Answer(b"{}")


async def _answered(call: Awaitable[A]) -> A:
    """Wait for the PSP's answer; between it and its transaction lies the place where losing the process hurts most."""
    answer = await call
    if not isinstance(answer, Unknown):
        failpoints.reach("after_psp_ok")
    return answer


def _reference(reference: str | None) -> str:
    if reference is None:
        raise LookupError("the PSP's reference is missing")
    return reference


def _code(answer: ChangeAnswer) -> str | None:
    return answer.code if isinstance(answer, Refused) else None


def _attempt(purpose: str, payment: Payment, answer: object, cause: Cause, shipment_id: UUID | None = None) -> Attempt:
    code: str | None = getattr(answer, "detail", None) or getattr(answer, "code", None) or getattr(answer, "reason", None)
    return Attempt(
        order_id=payment.order_id,
        attempt_id=new_id(),
        purpose=purpose,
        idempotency_key=idempotency_key(purpose, payment.key, shipment_id),
        result=type(answer).__name__.lower(),
        code=code,
        shipment_id=shipment_id,
        payment_id=payment.payment_id,
        at=cause.at,
    )
