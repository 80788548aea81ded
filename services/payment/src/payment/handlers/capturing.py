"""Taking money: what is due for each dispatched shipment, once, of the order's payments."""

from dataclasses import dataclass
from uuid import UUID

from chassis.domain import Cause
from contracts.order import ShipmentDelivered, ShipmentDispatched
from contracts.payment import AdditionVoided, PaymentCaptured, PaymentCaptureFailed
from payment.gateway import ChangeAnswer, Done, PspGateway, Refused, Unknown
from payment.handlers.outcomes import answered, attempt, known_reference
from payment.handlers.registry import jobs, react
from payment.model import Capture, OrderFunds
from payment.store import CaptureDue, CaptureStore, CashStore, DrawDue, IncidentStore, PaymentStore


@react.on(ShipmentDispatched)
def capture_payment(
    event: ShipmentDispatched,
    payments: PaymentStore,
    captures: CaptureStore,
    cash: CashStore,
    incidents: IncidentStore,
    cause: Cause,
) -> PaymentCaptureFailed | None:
    """Have the money due for the shipment taken, once, of the order's payments, oldest first; cash when it is delivered."""
    if captures.get(event.order_id, event.shipment_id) is not None:
        return None
    if any(payment.at_the_door for payment in payments.of(event.order_id)):
        cash.keep(event)
        return None
    capture = captures.add(Capture.due_for(event, cause))
    if not payments.of(event.order_id):
        return None
    funds = OrderFunds(payments.of(event.order_id), captures.of(event.order_id))
    return incidents.note(funds.draw(capture, cause), cause)


@react.on(ShipmentDelivered)
def collect_cash(event: ShipmentDelivered, cash: CashStore, cause: Cause) -> None:
    """Have taken what the customer paid at the door, if that was agreed."""
    cash.collect(event, cause)


@jobs.on(DrawDue)
def draw(
    due: DrawDue, payments: PaymentStore, captures: CaptureStore, incidents: IncidentStore, cause: Cause
) -> PaymentCaptureFailed | None:
    """Have a shipment's money taken that waited until the order's payments were decided."""
    funds = OrderFunds(payments.of(due.order_id), captures.of(due.order_id))
    return incidents.note(funds.draw(captures.known(due.order_id, due.shipment_id), cause), cause)


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
    asked = psp.capture(due.key, due.shipment_id, known_reference(due.reference), due.amount, final=due.final)
    return CaptureOutcome(due.key.order_id, due.payment_id, due.shipment_id, await answered(asked))


@jobs.outcome
def note_capture(
    outcome: CaptureOutcome, payments: PaymentStore, captures: CaptureStore, incidents: IncidentStore, cause: Cause
) -> list[PaymentCaptured | PaymentCaptureFailed | AdditionVoided]:
    """Note whether the money was taken; told when all of the shipment's is. A cancellation that waited for it goes on."""
    payment = payments.known(outcome.order_id, outcome.payment_id)
    one = captures.known(outcome.order_id, outcome.shipment_id)
    payments.log(attempt("capture", payment, outcome.answer, cause, outcome.shipment_id))
    funds = OrderFunds(payments.of(outcome.order_id), captures.of(outcome.order_id))
    match outcome.answer:
        case Done(own, entry):
            booked = len(payment.postings)
            told = funds.take(one, outcome.payment_id, cause)
            if entry is not None and len(payment.postings) > booked:
                payment.move(entry, outcome.shipment_id, own, cause)
            return incidents.note(told, cause)
        case Refused(code):
            return [*incidents.note(funds.refuse(one, outcome.payment_id, code, cause), cause)]
        case Unknown():
            one.ask_again(cause)
            return []
