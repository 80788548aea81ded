"""Giving back a cancelled order's money: what is held is let go, what was taken is refunded.

A cancellation is answered exactly once, by PaymentVoided or PaymentRefunded, after whatever was unknown has become known.
"""

from dataclasses import dataclass
from uuid import UUID

from chassis.domain import Cause
from contracts.order import OrderCancelled
from contracts.payment import (
    AdditionVoided,
    PaymentCaptureFailed,
    PaymentIncident,
    PaymentRefunded,
    PaymentVoided,
)
from payment.gateway import ChangeAnswer, Done, PspGateway, Taken, VoidAnswer
from payment.handlers.outcomes import answered, attempt, code_of, known_reference
from payment.handlers.registry import jobs, react
from payment.model import Action, OrderFunds, Payment
from payment.store import CaptureStore, IncidentStore, PaymentStore, RefundDue, VoidDue


@react.on(OrderCancelled)
def void_or_refund(
    event: OrderCancelled, payments: PaymentStore, captures: CaptureStore, incidents: IncidentStore, cause: Cause
) -> list[PaymentVoided | PaymentRefunded | PaymentCaptureFailed]:
    """Give back whatever is held or taken, additions included; a payment that has not come yet is barred."""
    if not payments.of(event.order_id):
        payments.add(Payment.request(event.order_id, event.user_id, event.total_amount, cause))
    funds = OrderFunds(payments.of(event.order_id), captures.of(event.order_id))
    if funds.lost:
        incidents.end(event.order_id, cause)
    return incidents.note(funds.cancel(cause), cause)


@dataclass(frozen=True, slots=True)
class VoidOutcome:
    """What the PSP says about letting a hold go."""

    order_id: UUID
    payment_id: UUID
    answer: VoidAnswer


@jobs.on(VoidDue)
async def void(due: VoidDue, psp: PspGateway) -> VoidOutcome:
    """Have the PSP let go of what is not to be taken any more."""
    answer = await answered(psp.void(due.key, known_reference(due.reference)))
    return VoidOutcome(due.key.order_id, due.payment_id, answer)


@jobs.outcome
def note_void(
    outcome: VoidOutcome, payments: PaymentStore, incidents: IncidentStore, cause: Cause
) -> list[PaymentVoided | PaymentRefunded | AdditionVoided | PaymentIncident]:
    """Note that nothing is held any more; captured money of a cancelled order goes back next, even what nobody asked for."""
    payment = payments.known(outcome.order_id, outcome.payment_id)
    payments.log(attempt(Action.VOID, payment, outcome.answer, cause))
    funds = OrderFunds(payments.of(outcome.order_id))
    match outcome.answer:
        case Done():
            return [*funds.void(payment, cause)]
        case Taken(_, amount) if amount == payment.captured_amount:
            return [*funds.void(payment, cause)]
        case Taken(_, amount) if told := funds.take_late(payment, amount, cause):
            return incidents.note(told, cause)
        case answer:
            payment.ask_again(Action.VOID, cause, code_of(answer))
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
    if due.taken.amount == 0:  # refunds that were asked for gave all of it back
        return RefundOutcome(due.key.order_id, due.payment_id, Done())
    answer = await answered(psp.refund(due.key, known_reference(due.reference), due.taken))
    return RefundOutcome(due.key.order_id, due.payment_id, answer)


@jobs.outcome
def note_refund(outcome: RefundOutcome, payments: PaymentStore, cause: Cause) -> PaymentVoided | PaymentRefunded | None:
    """Note that the customer has the money back; told when all payments of the order are given back."""
    payment = payments.known(outcome.order_id, outcome.payment_id)
    payments.log(attempt(Action.REFUND, payment, outcome.answer, cause))
    if isinstance(outcome.answer, Done):
        booked = len(payment.postings)
        told = OrderFunds(payments.of(outcome.order_id)).refund(payment, cause)
        if outcome.answer.entry is not None and len(payment.postings) > booked:
            payment.move(outcome.answer.entry, payment.payment_id, outcome.answer.own, cause)
        return told
    payment.ask_again(Action.REFUND, cause, code_of(outcome.answer))
    return None
