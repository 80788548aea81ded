"""Events in: what a customer is told, and the job that tells it.

A reaction only queues a delivery; nothing is sent inside a transaction. The job `deliver` writes the message and hands it to a
provider, and `note_delivery` notes what came of it: sent, due again later, or given up.
"""

from typing import Never

from pydantic_core import to_json

from chassis import failpoints
from chassis.batch import Answer
from chassis.domain import Cause
from chassis.jobs import Jobs
from chassis.reactions import Erased, Reactions
from contracts.notification import Channel, NotificationFailed, NotificationSent
from contracts.order import (
    ChangeKind,
    InvoiceIssued,
    OrderCancelled,
    OrderChanged,
    OrderChangeWithdrawn,
    OrderConfirmed,
    OrderContacts,
    OrderPlaced,
    OrderRefunded,
    ReturnApproved,
    ReturnDeclined,
    ReturnReceived,
    ReturnRequested,
    ShipmentDelivered,
    ShipmentDispatched,
    ShipmentsPlanned,
    ShipmentTracked,
)
from contracts.payment import PaymentAction, PaymentActionRequired
from notification.gateway import Mailer, PermanentError, TemporaryError, Texter
from notification.letters import Letters, UnwritableError
from notification.model import (
    ERASED,
    SETTLED,
    WORTH_TELLING,
    Delivery,
    DeliveryOutcome,
    Status,
    Template,
    Verdict,
    queue_all,
    sorts,
)
from notification.settings import Settings
from notification.store import ContactStore, DeliveryDue, DeliveryStore, ResendDelivery, RetryDelivery, order_of

react = Reactions("notification")
jobs = Jobs("notification")


@react.on(OrderContacts)
def note_contact(event: OrderContacts, contacts: ContactStore, deliveries: DeliveryStore, cause: Cause) -> None:
    """Keep how to reach the customer; what waited for it can go, and an e-mail that is replaced is told of it too."""
    contact = contacts.note(event, cause.event_id)
    deliveries.settle(contact)
    if contact.mailbox(cause.event_id) != contact.email:
        facts = {"kind": ChangeKind.ADDRESS.value}
        deliveries.add([Delivery.queue(contact, Template.CHANGED, Channel.EMAIL, facts, cause)])


@react.on_erasure(OrderContacts)
def forget_contact(erased: Erased, contacts: ContactStore, deliveries: DeliveryStore) -> None:
    """Forget the customer; what waited for the contact ends as failed."""
    deliveries.settle(contacts.erase(order_of(erased)))


@react.on(OrderPlaced)
def notify_received(event: OrderPlaced, contacts: ContactStore, deliveries: DeliveryStore, cause: Cause) -> None:
    """Tell the customer that the order came in."""
    told = {"order_date", "items", "shipping_amount", "tax_amount", "total_amount", "credit"}
    facts = event.model_dump(mode="json", include=told, exclude_none=True)
    deliveries.add(queue_all(contacts.get(event.order_id), Template.RECEIVED, facts, cause))


@react.on(OrderConfirmed)
def notify_confirmed(event: OrderConfirmed, contacts: ContactStore, deliveries: DeliveryStore, cause: Cause) -> None:
    """Tell the customer that the order will be shipped, in how many parcels, and what is sent later."""
    contact = contacts.wait_for(event)
    facts = event.model_dump(mode="json", include={"total_amount"})
    facts |= {"parcels": len(event.shipments), **contact.outlook()}
    deliveries.add(queue_all(contact, Template.CONFIRMED, facts, cause))


@react.on(ShipmentsPlanned)
def note_plan(event: ShipmentsPlanned, contacts: ContactStore) -> None:
    """Keep what is sent later, for the messages to come."""
    contacts.wait_for(event)


@react.on(OrderCancelled)
def notify_cancelled(event: OrderCancelled, contacts: ContactStore, deliveries: DeliveryStore, cause: Cause) -> None:
    """Tell the customer that the order was cancelled, and why."""
    facts = event.model_dump(mode="json", include={"reason", "total_amount"})
    deliveries.add(queue_all(contacts.get(event.order_id), Template.CANCELLED, facts, cause))


@react.on(OrderChanged)
def notify_changed(event: OrderChanged, contacts: ContactStore, deliveries: DeliveryStore, cause: Cause) -> None:
    """Tell the customer what the order is now; of another address or contact only that there is one."""
    contact = contacts.wait_for(event)
    facts = event.model_dump(mode="json", include={"kind", "items", "total_amount", "previous_total"}) | contact.outlook()
    deliveries.add(queue_all(contact, Template.CHANGED, facts, cause))


@react.on(OrderChangeWithdrawn)
def notify_change_refused(event: OrderChangeWithdrawn, contacts: ContactStore, deliveries: DeliveryStore, cause: Cause) -> None:
    """Tell the customer that the order stays as it was, and why."""
    facts = event.model_dump(mode="json", include={"reason"})
    deliveries.add(queue_all(contacts.get(event.order_id), Template.CHANGE_REFUSED, facts, cause))


@react.on(ShipmentDispatched)
def notify_shipped(event: ShipmentDispatched, contacts: ContactStore, deliveries: DeliveryStore, cause: Cause) -> None:
    """Tell the customer that a parcel is on its way, how to follow it, when to expect it, and what is sent later."""
    contact = contacts.get(event.order_id)
    facts = event.model_dump(mode="json", include={"shipment_id", "lines", "amount", "carrier", "tracking_number"})
    facts |= contact.outlook(event.shipment_id)
    deliveries.add(queue_all(contact, Template.SHIPPED, facts, cause))


@react.on(ShipmentTracked)
def notify_tracking(event: ShipmentTracked, contacts: ContactStore, deliveries: DeliveryStore, cause: Cause) -> None:
    """Tell the customer of a step of the parcel that matters to them, once; keep when it is expected."""
    contact = contacts.expect(event)
    if event.status in WORTH_TELLING:
        facts = event.model_dump(mode="json", include={"shipment_id", "status", "expected_delivery"}, exclude_none=True)
        deliveries.add(queue_all(contact, Template.TRACKING, facts, cause))


@react.on(ShipmentDelivered)
def notify_delivered(event: ShipmentDelivered, contacts: ContactStore, deliveries: DeliveryStore, cause: Cause) -> None:
    """Tell the customer that a parcel arrived."""
    facts = event.model_dump(mode="json", include={"shipment_id"})
    deliveries.add(queue_all(contacts.get(event.order_id), Template.DELIVERED, facts, cause))


@react.on(ReturnRequested)
def notify_return_requested(event: ReturnRequested, contacts: ContactStore, deliveries: DeliveryStore, cause: Cause) -> None:
    """Tell the customer that the wish to send something back came in."""
    facts = {"lines": sorts(event.lines)}
    deliveries.add(queue_all(contacts.get(event.order_id), Template.RETURN_REQUESTED, facts, cause))


@react.on(ReturnApproved)
def notify_return_approved(event: ReturnApproved, contacts: ContactStore, deliveries: DeliveryStore, cause: Cause) -> None:
    """Tell the customer what may be sent back and how, and what is given for it."""
    facts = event.model_dump(mode="json", include={"return_id", "exchange_order_id", "refund_amount"})
    facts["lines"] = sorts(event.lines)
    if not event.refund_amount.amount:
        facts["refund_amount"] = None
    deliveries.add(queue_all(contacts.get(event.order_id), Template.RETURN_APPROVED, facts, cause))


@react.on(ReturnDeclined)
def notify_return_declined(event: ReturnDeclined, contacts: ContactStore, deliveries: DeliveryStore, cause: Cause) -> None:
    """Tell the customer that a return does not come about, and why."""
    facts = event.model_dump(mode="json", include={"reason"})
    deliveries.add(queue_all(contacts.get(event.order_id), Template.RETURN_DECLINED, facts, cause))


@react.on(ReturnReceived)
def notify_return_received(event: ReturnReceived, contacts: ContactStore, deliveries: DeliveryStore, cause: Cause) -> None:
    """Tell the customer which units have come back to us."""
    facts = {"lines": sorts(event.lines)}
    deliveries.add(queue_all(contacts.get(event.order_id), Template.RETURN_RECEIVED, facts, cause))


@react.on(OrderRefunded)
def notify_refunded(event: OrderRefunded, contacts: ContactStore, deliveries: DeliveryStore, cause: Cause) -> None:
    """Tell the customer that money went back, or pays another order; that of a cancelled order its own message tells of."""
    if event.refund_id is not None:
        facts = event.model_dump(mode="json", include={"amount", "refunded", "complete"})
        if event.exchange_order_id is not None:
            facts["pays_order_id"] = str(event.exchange_order_id)
        deliveries.add(queue_all(contacts.get(event.order_id), Template.REFUNDED, facts, cause))


@react.on(InvoiceIssued)
def notify_invoice_issued(event: InvoiceIssued, contacts: ContactStore, deliveries: DeliveryStore, cause: Cause) -> None:
    """Tell the customer that there is an invoice, where the shop does so by mail."""
    if deliveries.mail_invoices:
        told = {"number", "issued_on", "total_amount", "tax_amount", "shipment_id"}
        facts = event.model_dump(mode="json", include=told)
        deliveries.add(queue_all(contacts.get(event.order_id), Template.INVOICE_ISSUED, facts, cause))


@react.on(PaymentActionRequired)
def notify_payment_due(event: PaymentActionRequired, contacts: ContactStore, deliveries: DeliveryStore, cause: Cause) -> None:
    """Tell the customer what to do before the order is paid, unless it is paid or cancelled by the time of sending."""
    transfer = event.action is PaymentAction.TRANSFER
    facts = event.model_dump(mode="json", include={"amount", "deadline_at"})
    facts["payment_reference" if transfer else "payment_path"] = event.reference
    template = Template.TRANSFER_DUE if transfer else Template.PAYMENT_CHALLENGE
    deliveries.add(queue_all(contacts.get(event.order_id), template, facts, cause))


@jobs.on(DeliveryDue)
async def deliver(due: DeliveryDue, mailer: Mailer, texter: Texter, letters: Letters, settings: Settings) -> DeliveryOutcome:
    """Write the message and hand it to the provider; nobody is asked to pay where nothing is to be paid any more."""
    if due.needless:
        return DeliveryOutcome(due.delivery_id, due.attempt, Verdict.NEEDLESS, SETTLED)
    try:
        taken = await _send(due, mailer, texter, letters)
    except TemporaryError as error:
        later = settings.retry_after(due.attempt_in_round)
        return DeliveryOutcome(due.delivery_id, due.attempt, Verdict.TEMPORARY, str(error), later)
    except (PermanentError, UnwritableError) as error:
        return DeliveryOutcome(due.delivery_id, due.attempt, Verdict.PERMANENT, str(error))
    return DeliveryOutcome(due.delivery_id, due.attempt, Verdict.ACCEPTED, taken)


async def _send(due: DeliveryDue, mailer: Mailer, texter: Texter, letters: Letters) -> str:
    recipient = due.recipient
    if recipient is None:
        raise PermanentError(ERASED)
    if due.channel is Channel.SMS:
        if recipient.phone is None:
            raise PermanentError("the customer withdrew the phone number")
        return await texter.send(letters.short_message(due, recipient.phone, recipient.locale))
    taken = await mailer.send(letters.mail(due, recipient))
    failpoints.reach("after_smtp_250")
    return taken


def retry_delivery(command: RetryDelivery, deliveries: DeliveryStore, cause: Cause) -> Answer[Never]:
    """Try a delivery again that was given up, and keep who asked for it."""
    delivery = deliveries.wanted(command.delivery_id)
    deliveries.record(delivery.retry(cause, command.reason))
    return Answer(to_json({"delivery_id": delivery.delivery_id, "status": delivery.status, "attempts": delivery.attempts}))


def resend_delivery(command: ResendDelivery, deliveries: DeliveryStore, cause: Cause) -> Answer[Never]:
    """Say a message once more that was sent, as a message of its own, and keep who asked for it and why."""
    wish = deliveries.wanted(command.delivery_id).resend(command.reason, cause)
    deliveries.resend(wish)
    body = {"delivery_id": wish.delivery_id, "resend_of": wish.resend_of, "status": Status.QUEUED}
    return Answer(to_json(body), status=201)


@jobs.outcome
def note_delivery(
    outcome: DeliveryOutcome, deliveries: DeliveryStore, cause: Cause
) -> NotificationSent | NotificationFailed | None:
    """Note what became of an attempt to tell the customer."""
    return deliveries.get(outcome.delivery_id).conclude(outcome, cause)
