"""Asking how a payment stands at the PSP: where a hold may be gone, and where the PSP tells that something happened."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Never
from uuid import UUID

from chassis.batch import Answer
from chassis.domain import Cause
from contracts.payment import ReauthorizationDeclined
from payment.gateway import Canceled, InquiryAnswer, PspGateway, Unknown, WebhookHeard
from payment.handlers.outcomes import answered, attempt, known_reference
from payment.handlers.registry import jobs
from payment.model import Action, Renewals
from payment.store import CaptureStore, IncidentStore, InquiryDue, PaymentStore

WEBHOOK_GRACE: Final = timedelta(seconds=2)
"""A webhook may come before the answer to the call it tells of; that answer is given time to be written first."""


@dataclass(frozen=True, slots=True)
class InquiryOutcome:
    """What the PSP says about a hold that may be gone."""

    order_id: UUID
    payment_id: UUID
    answer: InquiryAnswer


@jobs.on(InquiryDue)
async def inquire(due: InquiryDue, psp: PspGateway) -> InquiryOutcome:
    """Ask the PSP whether a hold still stands."""
    answer = await answered(psp.inquire(due.key, reference=known_reference(due.reference)))
    return InquiryOutcome(due.key.order_id, due.payment_id, answer)


@jobs.outcome
def note_inquiry(
    outcome: InquiryOutcome, payments: PaymentStore, captures: CaptureStore, incidents: IncidentStore, cause: Cause
) -> ReauthorizationDeclined | None:
    """Note whether the hold stands; while a capture of it is under way its outcome comes first."""
    payment = payments.known(outcome.order_id, outcome.payment_id)
    payments.log(attempt(Action.INQUIRE, payment, outcome.answer, cause))
    funds = Renewals(payments.of(outcome.order_id), captures.of(outcome.order_id))
    match outcome.answer:
        case Canceled() if not funds.drawn_from(payment):
            return incidents.note(funds.lapsed(payment, cause), cause)
        case Unknown() | Canceled():
            payment.ask_again(Action.INQUIRE, cause)
        case _:
            payment.stand(cause)
    return None


def hear_webhook(heard: WebhookHeard, payments: PaymentStore, captures: CaptureStore, cause: Cause) -> Answer[Never]:
    """Ask the PSP soon about what is open; a notice by itself changes nothing."""
    payment = payments.get(heard.payment)
    soon = cause.at + WEBHOOK_GRACE
    if payment is not None:
        payment.ask_by(soon, cause, doubtful=heard.doubtful)
    for one in captures.of(heard.order_id):
        one.ask_by(soon)
    return Answer(b"{}")
