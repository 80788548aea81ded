"""Refunds that the customer's bank sends back, days after the PSP took them for done: sent again, and then put before a person.

A notice is heard once: it names the wish it is about, and a wish is not made twice. The order is not told as long as the money
is sent again, since it has told the customer; what does not arrive in the end is an incident. What was paid out of a credit is
one at once: it is owed to the customer still.
"""

from chassis.batch import Answer
from chassis.domain import Cause, Refusal
from contracts.payment import RefundBounced
from payment.gateway import BounceHeard, idempotency_key, refund_key
from payment.model import Entry, OrderFunds, Payment, Status
from payment.store import ExchangeStore, IncidentStore, PaymentStore, RefundStore


class TooEarlyError(Refusal):
    """The refund that the notice is about has no outcome yet, or is not written down; the PSP sends the notice again."""

    slug = "too-early"
    title = "The refund is not known yet"
    status = 503


def hear_bounce(
    heard: BounceHeard,
    payments: PaymentStore,
    refunds: RefundStore,
    exchanges: ExchangeStore,
    incidents: IncidentStore,
    cause: Cause,
) -> Answer[RefundBounced]:
    """Send again what came back from the customer's bank, a few times; then, and where that cannot be, a person looks."""
    payment = payments.get(heard.payment)
    if payment is None:
        return Answer(b"{}")
    funds = OrderFunds(payments.of(heard.order_id), refunds=refunds.of(heard.order_id))
    for refund in refunds.of(heard.order_id):
        part = refund.part_of(payment.payment_id)
        if part is None or heard.wish != refund_key(refund.refund_id, payment.payment_id, part.refusals):
            continue
        if refund.pending:
            raise TooEarlyError("Tell of it again.")
        if part.code is not None:
            return Answer(b"{}")
        if payment.shared or heard.amount != part.amount or funds.cancelled:
            part.code = heard.code
            return _told(_bounced(payment, heard), incidents, cause)
        return _told(funds.bounce(refund, part, heard.code, cause), incidents, cause)
    if exchanges.awaits(heard.wish):
        raise TooEarlyError("Tell of it again.")
    if (paid_out := exchanges.come_back(heard.wish)) is not None:
        payment.move(Entry.EXCHANGE_PAID_UNDONE, paid_out, heard.amount, cause)
    elif heard.wish == idempotency_key("refund", payment.key) and payment.status == Status.REFUNDED and payment.code is None:
        payment.code = heard.code
    else:
        return Answer(b"{}")
    return _told(_bounced(payment, heard), incidents, cause)


def _told(told: RefundBounced | None, incidents: IncidentStore, cause: Cause) -> Answer[RefundBounced]:
    return Answer(b"{}", events=[] if told is None else [incidents.note(told, cause)])


def _bounced(payment: Payment, heard: BounceHeard) -> RefundBounced:
    return RefundBounced(order_id=payment.order_id, user_id=payment.user_id, amount=payment.money(heard.amount))
