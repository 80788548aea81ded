"""Holds that near their end are renewed in time: held anew first, and the old one let go then.

The PSP is asked again with the same key until it is known whether it holds it, and asked what became of it where it is too
late to ask for it. Where it declines, that is told: the order ends where nothing of it has left, and a person looks where
something has.
"""

from dataclasses import dataclass
from uuid import UUID

from chassis.domain import Cause
from contracts.payment import AdditionVoided, PaymentIncident, PaymentRefunded, PaymentVoided, ReauthorizationDeclined
from payment.gateway import (
    Absent,
    Authorized,
    Canceled,
    Challenged,
    Declined,
    Done,
    InquiryAnswer,
    PspGateway,
    Refused,
    Taken,
    Unknown,
)
from payment.handlers.outcomes import answered, attempt
from payment.handlers.registry import jobs
from payment.model import Action, Payment, Renewals
from payment.store import CaptureStore, ExpiryDue, IncidentStore, PaymentStore, RenewalDue


@jobs.on(ExpiryDue)
def renew_expiring(
    due: ExpiryDue, payments: PaymentStore, captures: CaptureStore, incidents: IncidentStore, cause: Cause
) -> PaymentIncident | None:
    """Have a hold renewed of which something is still to be taken; a person is told where that cannot be."""
    funds = Renewals(payments.of(due.order_id), captures.of(due.order_id))
    found = funds.renew(payments.known(due.order_id, due.payment_id), cause)
    if isinstance(found, Payment):
        payments.add(found)
        return None
    return incidents.note(found, cause)


@dataclass(frozen=True, slots=True)
class RenewalOutcome:
    """What the PSP says about holding an amount anew."""

    order_id: UUID
    payment_id: UUID
    answer: InquiryAnswer | Refused


@jobs.on(RenewalDue)
async def renew(due: RenewalDue, psp: PspGateway) -> RenewalOutcome:
    """Have the PSP hold an amount anew, or ask what became of it where it is too late."""
    if due.renewed is None:
        answer: InquiryAnswer | Refused = await answered(psp.inquire(due.key, sent_at=due.sent_at))
    else:
        answer = await answered(psp.reauthorize(due.key, due.amount, due.renewed))
    if isinstance(answer, Challenged):  # nobody is there to prove who pays
        given_up = await answered(psp.void(due.key, answer.reference))
        answer = Declined("authentication_required") if isinstance(given_up, Done) else Unknown("proved_meanwhile")
    return RenewalOutcome(due.key.order_id, due.payment_id, answer)


@jobs.outcome
def note_renewal(
    outcome: RenewalOutcome, payments: PaymentStore, captures: CaptureStore, incidents: IncidentStore, cause: Cause
) -> list[ReauthorizationDeclined | PaymentVoided | PaymentRefunded | AdditionVoided]:
    """Note that the amount is held anew, and have the old hold let go; told where the PSP would not."""
    renewal = payments.known(outcome.order_id, outcome.payment_id)
    payments.log(attempt(Action.RENEW, renewal, outcome.answer, cause))
    funds = Renewals(payments.of(outcome.order_id), captures.of(outcome.order_id))
    match outcome.answer:
        case Taken() | Unknown():
            renewal.ask_again(Action.RENEW, cause)
            return []
        case Authorized(reference) as held:
            return [*funds.renewed(renewal, reference, held.expires_at, cause)]
        case Declined(code) | Refused(code):
            return incidents.note(funds.not_renewed(renewal, code, cause), cause)
        case Canceled() | Absent() | Challenged():
            return incidents.note(funds.not_renewed(renewal, "not_authorized", cause), cause)
