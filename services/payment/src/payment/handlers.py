"""What payment does when something happens: it holds, takes and gives back an order's money.

It hears StockReserved, OrderContacts, OrderCancelled and ShipmentDispatched, in any order and any number of times. Reactions
only leave due rows; jobs ask the PSP, outside any transaction and with a key derived from the order; the functions that hear
their outcomes write them down and tell the facts. A cancellation is answered exactly once, by PaymentVoided or
PaymentRefunded, after whatever was unknown has become known.
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
from contracts.inventory import StockReserved
from contracts.order import OrderCancelled, OrderContacts, ShipmentDispatched
from contracts.payment import (
    PaymentAuthorized,
    PaymentCaptured,
    PaymentCaptureFailed,
    PaymentDeclined,
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
from payment.model import Action, Attempt, Capture, Payment
from payment.store import (
    AuthorizationDue,
    CaptureDue,
    CaptureStore,
    InquiryDue,
    InstrumentStore,
    PaymentStore,
    RefundDue,
    VoidDue,
)

WEBHOOK_GRACE: Final = timedelta(seconds=2)
"""A webhook may come before the answer to the call it tells of; that answer is given time to be written first."""

A = TypeVar("A")
react = Reactions("payment")
jobs = Jobs("payment")


@react.on(OrderContacts)
def note_instrument(event: OrderContacts, instruments: InstrumentStore) -> None:
    """Keep how the order is to be paid; a payment that waits for it becomes due."""
    instruments.keep(event.order_id, event.payment)


@react.on_erasure(OrderContacts)
def forget_instrument(erased: Erased, instruments: InstrumentStore) -> None:
    """Forget how the order was to be paid."""
    instruments.forget(UUID(erased.key))


@react.on(StockReserved)
def authorize_payment(event: StockReserved, payments: PaymentStore, cause: Cause) -> None:
    """Have the order's total held, unless the order is cancelled or its payment known already."""
    if payments.get(event.order_id) is None:
        payments.add(Payment.request(event.order_id, event.user_id, event.total_amount, cause))


@react.on(OrderCancelled)
def void_or_refund(event: OrderCancelled, payments: PaymentStore, captures: CaptureStore, cause: Cause) -> PaymentVoided | None:
    """Give back whatever is held or taken; a payment that has not come yet is barred."""
    payment = payments.get(event.order_id) or payments.add(
        Payment.request(event.order_id, event.user_id, event.total_amount, cause)
    )
    return payment.cancel(cause, capturing=captures.under_way(event.order_id))


@react.on(ShipmentDispatched)
def capture_payment(event: ShipmentDispatched, captures: CaptureStore, cause: Cause) -> None:
    """Have the money due for the shipment taken, once."""
    if captures.get(event.order_id, event.shipment_id) is None:
        captures.add(Capture.due_for(event, cause))


@dataclass(frozen=True, slots=True)
class AuthorizationOutcome:
    """What the PSP says about holding an order's total."""

    order_id: UUID
    answer: AuthorizationAnswer | Canceled | Absent


@jobs.on(AuthorizationDue)
async def authorize(due: AuthorizationDue, psp: PspGateway) -> AuthorizationOutcome:
    """Have the PSP hold an order's total, or ask what became of it where it is too late to have it held."""
    if due.token is None or due.method is None:
        return AuthorizationOutcome(due.order_id, await _answered(psp.inquire(due.order_id, sent_at=due.sent_at)))
    return AuthorizationOutcome(due.order_id, await _answered(psp.authorize(due.order_id, due.amount, due.method, due.token)))


@jobs.outcome
def note_authorization(
    outcome: AuthorizationOutcome, payments: PaymentStore, cause: Cause
) -> PaymentAuthorized | PaymentDeclined | PaymentVoided | None:
    """Note whether the total is held; for an order cancelled meanwhile it is let go again."""
    payment = payments.known(outcome.order_id)
    payments.log(_attempt(Action.AUTHORIZE, outcome.order_id, outcome.answer, cause))
    match outcome.answer:
        case Authorized(reference):
            return payment.authorize(reference, cause)
        case Declined(code) | Refused(code):
            return payment.decline(code, cause)
        case Canceled() | Absent():
            return payment.decline("not_authorized", cause)
        case Unknown():
            payment.ask_again(Action.AUTHORIZE, cause)
            return None


@dataclass(frozen=True, slots=True)
class VoidOutcome:
    """What the PSP says about letting a hold go."""

    order_id: UUID
    answer: ChangeAnswer


@jobs.on(VoidDue)
async def void(due: VoidDue, psp: PspGateway) -> VoidOutcome:
    """Have the PSP let go of what it holds for a cancelled order."""
    return VoidOutcome(due.order_id, await _answered(psp.void(due.order_id, _reference(due.reference))))


@jobs.outcome
def note_void(outcome: VoidOutcome, payments: PaymentStore, cause: Cause) -> PaymentVoided | None:
    """Note that nothing is held any more; captured money goes back next."""
    payment = payments.known(outcome.order_id)
    payments.log(_attempt(Action.VOID, outcome.order_id, outcome.answer, cause))
    if isinstance(outcome.answer, Done):
        return payment.void(cause)
    payment.ask_again(Action.VOID, cause, _code(outcome.answer))
    return None


@dataclass(frozen=True, slots=True)
class RefundOutcome:
    """What the PSP says about giving money back."""

    order_id: UUID
    answer: ChangeAnswer


@jobs.on(RefundDue)
async def refund(due: RefundDue, psp: PspGateway) -> RefundOutcome:
    """Have the PSP give back what was captured for a cancelled order."""
    return RefundOutcome(due.order_id, await _answered(psp.refund(due.order_id, _reference(due.reference), due.taken)))


@jobs.outcome
def note_refund(outcome: RefundOutcome, payments: PaymentStore, cause: Cause) -> PaymentRefunded | None:
    """Note that the customer has the money back."""
    payment = payments.known(outcome.order_id)
    payments.log(_attempt(Action.REFUND, outcome.order_id, outcome.answer, cause))
    if isinstance(outcome.answer, Done):
        return payment.refund(cause)
    payment.ask_again(Action.REFUND, cause, _code(outcome.answer))
    return None


@dataclass(frozen=True, slots=True)
class CaptureOutcome:
    """What the PSP says about taking a shipment's money; `sent` False: it was not asked."""

    order_id: UUID
    shipment_id: UUID
    amount: Money
    answer: ChangeAnswer
    sent: bool = True


@jobs.on(CaptureDue)
async def capture(due: CaptureDue, psp: PspGateway) -> CaptureOutcome:
    """Have the PSP take the money of a dispatched shipment, where it may be taken."""
    if due.refusal is not None:
        return CaptureOutcome(due.order_id, due.shipment_id, due.amount, Refused(due.refusal), sent=False)
    reference = _reference(due.reference)
    asked = psp.capture(due.order_id, due.shipment_id, reference, due.amount, final=due.final)
    return CaptureOutcome(due.order_id, due.shipment_id, due.amount, await _answered(asked))


@jobs.outcome
def note_capture(
    outcome: CaptureOutcome, payments: PaymentStore, captures: CaptureStore, cause: Cause
) -> PaymentCaptured | PaymentCaptureFailed | None:
    """Note whether the shipment's money was taken; a cancellation that waited for it goes on."""
    payment = payments.known(outcome.order_id)
    one = captures.known(outcome.order_id, outcome.shipment_id)
    if outcome.sent:
        payments.log(_attempt("capture", outcome.order_id, outcome.answer, cause, outcome.shipment_id))
    event: PaymentCaptured | PaymentCaptureFailed | None = None
    match outcome.answer:
        case Done() if one.pending:
            event = payment.capture(one.shipment_id, one.amount, cause)
            one.succeed()
        case Refused(code) if one.pending:
            event = payment.fail_capture(one.shipment_id, outcome.amount, code)
            one.fail(code)
        case Unknown():
            one.ask_again(cause)
    payment.settle(cause, capturing=captures.under_way(outcome.order_id))
    return event


@dataclass(frozen=True, slots=True)
class InquiryOutcome:
    """What the PSP says about a hold that may be gone."""

    order_id: UUID
    answer: InquiryAnswer


@jobs.on(InquiryDue)
async def inquire(due: InquiryDue, psp: PspGateway) -> InquiryOutcome:
    """Ask the PSP whether a hold still stands."""
    answer = await _answered(psp.inquire(due.order_id, reference=_reference(due.reference)))
    return InquiryOutcome(due.order_id, answer)


@jobs.outcome
def note_inquiry(outcome: InquiryOutcome, payments: PaymentStore, captures: CaptureStore, cause: Cause) -> None:
    """Note whether the hold stands; while a capture is under way its outcome comes first."""
    payment = payments.known(outcome.order_id)
    payments.log(_attempt(Action.INQUIRE, outcome.order_id, outcome.answer, cause))
    match outcome.answer:
        case Canceled() if not captures.under_way(outcome.order_id):
            payment.lapse(cause)
        case Unknown() | Canceled():
            payment.ask_again(Action.INQUIRE, cause)
        case _:
            payment.stand(cause)


def hear_webhook(heard: WebhookHeard, payments: PaymentStore, captures: CaptureStore, cause: Cause) -> Answer[Never]:
    """Ask the PSP soon about what is open; a notice by itself changes nothing."""
    payment = payments.get(heard.order_id)
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


def _attempt(purpose: str, order_id: UUID, answer: object, cause: Cause, shipment_id: UUID | None = None) -> Attempt:
    code: str | None = getattr(answer, "detail", None) or getattr(answer, "code", None) or getattr(answer, "reason", None)
    return Attempt(
        order_id=order_id,
        attempt_id=new_id(),
        purpose=purpose,
        idempotency_key=idempotency_key(purpose, order_id, shipment_id),
        result=type(answer).__name__.lower(),
        code=code,
        shipment_id=shipment_id,
        at=cause.at,
    )
