"""Exchanges: what the order does not need that a credit is for goes to the customer, by the payments it was taken from."""

from dataclasses import dataclass
from uuid import UUID

from chassis.domain import Cause
from payment.gateway import ChangeAnswer, Done, PspGateway
from payment.handlers.outcomes import answered, attempt, code_of, known_reference
from payment.handlers.registry import jobs
from payment.model import Entry
from payment.model.exchange import PayOut
from payment.store import ExchangeStore, PaymentStore, PayOutDue


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
def note_paid_out(outcome: PayOutOutcome, payments: PaymentStore, exchanges: ExchangeStore, cause: Cause) -> None:
    """Note that the customer has it, once; until that is known, or where it is refused, it is asked for again."""
    wish, answer = outcome.pay_out, outcome.answer
    payment = payments.known(outcome.order_id, wish.payment_id)
    payments.log(attempt("pay_out", payment, answer, cause, key=wish.name))
    if not exchanges.is_open(wish):
        return
    if isinstance(answer, Done):
        payment.move(Entry.EXCHANGE_PAID, wish.asked_as, wish.amount, cause)
        if answer.entry is not None:
            payment.move(answer.entry, wish.asked_as, answer.own, cause)
        exchanges.note_paid(wish)
    else:
        exchanges.ask_again(wish, code_of(answer))
