"""Disputes: what a customer's bank takes back is written down, and told once; so is what it decides."""

from dataclasses import dataclass
from uuid import UUID

from chassis.batch import Answer
from chassis.domain import Cause
from contracts.payment import DisputeClosed, DisputeOpened
from payment.gateway import DisputeHeard
from payment.model import Dispute, Entry, dispute_id
from payment.store import DisputeStore, PaymentStore


@dataclass(frozen=True, slots=True)
class DisputeNotice:
    """The PSP tells of a dispute about one of our payments."""

    order_id: UUID
    payment_id: UUID
    heard: DisputeHeard


def hear_dispute(
    notice: DisputeNotice, payments: PaymentStore, disputes: DisputeStore, cause: Cause
) -> Answer[DisputeOpened | DisputeClosed]:
    """Write down that captured money was taken back, and whether it is ours again, each once and in whatever order."""
    heard, order_id = notice.heard, notice.order_id
    payment = payments.known(order_id, notice.payment_id)
    told: list[DisputeOpened | DisputeClosed] = []
    dispute = disputes.get(order_id, dispute_id(heard.psp_dispute))
    if dispute is None:
        dispute = disputes.add(
            Dispute(
                order_id=order_id,
                dispute_id=dispute_id(heard.psp_dispute),
                payment_id=payment.payment_id,
                psp_dispute=heard.psp_dispute,
                amount=heard.amount,
                currency=payment.currency,
                code=heard.code,
                respond_by=heard.respond_by,
                opened_at=cause.at,
            )
        )
        payment.move(Entry.DISPUTE, dispute.dispute_id, dispute.amount, cause)
        told.append(
            DisputeOpened(
                order_id=order_id,
                user_id=payment.user_id,
                payment_id=payment.payment_id,
                amount=dispute.money,
                code=dispute.code,
                respond_by=dispute.respond_by,
            )
        )
    if heard.closed and dispute.closed_at is None:
        dispute.close(cause.at, won=heard.won)
        if heard.won:
            payment.move(Entry.DISPUTE_WON, dispute.dispute_id, dispute.amount, cause)
        told.append(
            DisputeClosed(
                order_id=order_id,
                user_id=payment.user_id,
                payment_id=payment.payment_id,
                amount=dispute.money,
                won=heard.won,
                others_open=any(one.closed_at is None for one in disputes.of(order_id)),
            )
        )
    return Answer(b"{}", told)
