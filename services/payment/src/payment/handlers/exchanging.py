"""Exchanges: what the order does not need that a credit is for goes to the customer, by the payments it was taken from.

What the PSP refuses for now is asked for under another name, a few times; what it refuses for good is put before a person.
"""

from dataclasses import dataclass
from uuid import UUID

from chassis.domain import Cause
from contracts.payment import RefundBounced
from payment.gateway import ChangeAnswer, Done, PspGateway, Refused, Unknown
from payment.handlers.outcomes import answered, attempt, known_reference
from payment.handlers.registry import jobs
from payment.model import Entry
from payment.model.exchange import PayOut
from payment.store import ExchangeStore, IncidentStore, PaymentStore, PayOutDue


@dataclass(frozen=True, slots=True)
class PayOutOutcome:
    """What the PSP says about paying out a part of a credit; `order_id` is that of the payment it was taken from."""

    order_id: UUID
    pay_out: PayOut
    answer: ChangeAnswer


@jobs.on(PayOutDue)
async def pay_out(due: PayOutDue, psp: PspGateway) -> PayOutOutcome:
    """Have the PSP, or whoever took it, give back what a credit does not need any more."""
    wish = due.pay_out
    answer = await answered(psp.refund(wish.key, known_reference(due.reference), due.amount, wish.name))
    return PayOutOutcome(wish.key.order_id, wish, answer)


@jobs.outcome
def note_paid_out(
    outcome: PayOutOutcome, payments: PaymentStore, exchanges: ExchangeStore, incidents: IncidentStore, cause: Cause
) -> RefundBounced | None:
    """Note that the customer has it, once; until that is known it is asked for again, and told where it will not be."""
    wish = outcome.pay_out
    payment = payments.known(outcome.order_id, wish.payment_id)
    payments.log(attempt("pay_out", payment, outcome.answer, cause, key=wish.name))
    if not exchanges.is_open(wish):
        return None
    match outcome.answer:
        case Done(own, entry):
            payment.move(Entry.EXCHANGE_PAID, wish.asked_as, wish.amount, cause)
            if entry is not None:
                payment.move(entry, wish.asked_as, own, cause)
            exchanges.note_paid(wish)
        case Refused(code):
            if exchanges.refuse(wish, code):
                amount = payment.money(wish.amount)
                told = RefundBounced(order_id=payment.order_id, user_id=payment.user_id, amount=amount)
                return incidents.note(told, cause)
        case Unknown():
            exchanges.ask_again(wish)
    return None
