"""Giving money back on request: a part of what was taken, drawn from the order's payments, each refund once.

A refund is answered exactly once, by PaymentRefunded or RefundFailed; where the PSP gave back a part and refused the rest, by
both of them, each with its amount. What came back later from the customer's bank, and is refused when it is sent again, does
not arrive: RefundBounced.
"""

from dataclasses import dataclass
from uuid import UUID

from chassis.domain import Cause
from contracts.order import RefundRequested
from contracts.payment import PaymentRefunded, RefundBounced, RefundFailed
from payment.gateway import ChangeAnswer, Done, PspGateway, Refused, Unknown, refund_key
from payment.handlers.outcomes import answered, attempt, known_reference
from payment.handlers.registry import jobs, react
from payment.model import Entry, OrderFunds, Refund
from payment.store import (
    AllotmentDue,
    CaptureStore,
    DisputeStore,
    ExchangeStore,
    IncidentStore,
    PaymentStore,
    RefundPartDue,
    RefundStore,
)


@react.on(RefundRequested)
def request_refund(
    event: RefundRequested,
    payments: PaymentStore,
    captures: CaptureStore,
    refunds: RefundStore,
    disputes: DisputeStore,
    incidents: IncidentStore,
    cause: Cause,
) -> RefundFailed | None:
    """Have money given back, once, of the order's payments, newest first; as long as it may not be taken yet, it waits."""
    if refunds.get(event.order_id, event.refund_id) is not None:
        return None
    refund = refunds.add(Refund.request(event, cause))
    return incidents.note(_allot(refund, payments, captures, refunds, disputes, cause), cause)


@jobs.on(AllotmentDue)
def allot(
    due: AllotmentDue,
    payments: PaymentStore,
    captures: CaptureStore,
    refunds: RefundStore,
    disputes: DisputeStore,
    incidents: IncidentStore,
    cause: Cause,
) -> RefundFailed | None:
    """Have money given back that could not be drawn from the order's payments when it was asked for."""
    refund = refunds.known(due.order_id, due.refund_id)
    return incidents.note(_allot(refund, payments, captures, refunds, disputes, cause), cause)


@dataclass(frozen=True, slots=True)
class RefundPartOutcome:
    """What the PSP says about giving back a part of a refund."""

    order_id: UUID
    payment_id: UUID
    refund_id: UUID
    key: str
    answer: ChangeAnswer


@jobs.on(RefundPartDue)
async def give_back(due: RefundPartDue, psp: PspGateway) -> RefundPartOutcome:
    """Have the PSP give back what a refund draws of a payment; what pays another order stays with the PSP."""
    key = refund_key(due.refund_id, due.payment_id, due.refusals)
    if due.exchange_order_id is not None:
        moved = Done(own=due.amount.amount, entry=Entry.EXCHANGE_MOVED)
        return RefundPartOutcome(due.key.order_id, due.payment_id, due.refund_id, key, moved)
    answer = await answered(psp.refund(due.key, known_reference(due.reference), due.amount, key))
    return RefundPartOutcome(due.key.order_id, due.payment_id, due.refund_id, key, answer)


@jobs.outcome
def note_given_back(
    outcome: RefundPartOutcome,
    payments: PaymentStore,
    refunds: RefundStore,
    exchanges: ExchangeStore,
    incidents: IncidentStore,
    cause: Cause,
) -> list[PaymentRefunded | RefundFailed | RefundBounced]:
    """Note whether the customer has the money, or another order; told when it is all of it, or the rest will not be given."""
    payment = payments.known(outcome.order_id, outcome.payment_id)
    refund = refunds.known(outcome.order_id, outcome.refund_id)
    payments.log(attempt("give_back", payment, outcome.answer, cause, key=outcome.key))
    funds = OrderFunds(payments.of(outcome.order_id), refunds=refunds.of(outcome.order_id))
    match outcome.answer:
        case Done(own, entry):
            booked = len(payment.postings)
            told = funds.give_back(refund, outcome.payment_id, cause)
            if entry is not None and len(payment.postings) > booked:
                payment.move(entry, outcome.refund_id, own, cause)
            if refund.exchange_order_id is not None and len(payment.postings) > booked:
                exchanges.grant(refund.exchange_order_id, refund.refund_id, payment, own)
            return [] if told is None else [told]
        case Refused(code):
            return incidents.note(funds.keep(refund, outcome.payment_id, code, cause), cause)
        case Unknown():
            refund.ask_again(cause)
            return []


def _allot(
    refund: Refund,
    payments: PaymentStore,
    captures: CaptureStore,
    refunds: RefundStore,
    disputes: DisputeStore,
    cause: Cause,
) -> RefundFailed | None:
    order_id = refund.order_id
    if not payments.of(order_id):
        return refund.wait(cause)
    funds = OrderFunds(payments.of(order_id), captures.of(order_id), refunds.of(order_id), disputes.of(order_id))
    return funds.allot(refund, cause)
