"""Invoices and credit notes, issued in the transaction in which an order is confirmed or its money is heard to have moved.

They follow what happened: an event that comes again, in whatever words, finds its document there and issues no other.
"""

from collections.abc import Sequence

from chassis.batch import Later
from chassis.domain import Cause
from contracts.order import CreditNoteIssued, InvoiceIssued, OrderChanged, OrderConfirmed
from contracts.payment import PaymentCaptured, PaymentReduced, PaymentRefunded, PaymentVoided
from order.model import Order
from order.model.billing import Given, credit, credit_cut, invoice_order, invoice_parcel
from order.model.document import WHOLE, Document
from order.model.status import OrderState
from order.store import DocumentStore

Confirmation = OrderConfirmed | Later[InvoiceIssued]


def with_invoice(
    confirmed: OrderConfirmed | None, order: Order, documents: DocumentStore, cause: Cause
) -> Sequence[Confirmation]:
    """Invoice an order that is confirmed now, where the shop issues at confirmation."""
    return [confirmed, *_invoiced(order, WHOLE, documents, cause)] if confirmed is not None else []


def with_invoice_of_addition(
    changed: OrderChanged | None, order: Order, documents: DocumentStore, cause: Cause
) -> Sequence[OrderChanged | Later[InvoiceIssued]]:
    """Invoice what an addition has brought, where the shop issues at confirmation."""
    return [changed, *_invoiced(order, str(changed.change_id), documents, cause)] if changed is not None else []


def _invoiced(order: Order, subject: str, documents: DocumentStore, cause: Cause) -> list[Later[InvoiceIssued]]:
    if not documents.issuing.at_confirmation:
        return []
    invoice = documents.issue(invoice_order(order, subject, documents.of(order.order_id), documents.issuing, cause))
    return [invoice] if invoice is not None else []


def invoice_captured(
    event: PaymentCaptured, order: Order, documents: DocumentStore, cause: Cause
) -> Later[InvoiceIssued] | None:
    """Invoice the parcel that was paid for."""
    issued = documents.of(order.order_id)
    return documents.issue(invoice_parcel(order, event.shipment_id, issued, documents.issuing, cause))


def credit_refunded(
    event: PaymentRefunded, order: Order, documents: DocumentStore, cause: Cause, given: Sequence[Given] = ()
) -> Later[CreditNoteIssued] | None:
    """Credit what was given back; the order's total so far tells apart the parts of a refund that came by several ways."""
    subject = f"{event.refund_id or 'cancelled'}:{event.refunded.amount}"
    issued, issuing = documents.of(order.order_id), documents.issuing
    amount = _all(issued) if order.order_state == OrderState.CANCELLED else event.amount.amount
    return documents.issue(credit(order, amount, subject, issued, issuing, cause, given, event.refund_id))


def credit_untaken(
    event: PaymentVoided | PaymentReduced, order: Order, documents: DocumentStore, cause: Cause
) -> Later[CreditNoteIssued] | None:
    """Credit what was invoiced at confirmation and will not be taken, since the order was cancelled or cut.

    How much was held until then does not matter: the hold may have lapsed before.
    """
    issued, issuing = documents.of(order.order_id), documents.issuing
    if all(one.subject != WHOLE for one in issued):
        return None
    if isinstance(event, PaymentReduced):
        return documents.issue(credit_cut(order, event.change_id, issued, issuing, cause))
    return documents.issue(credit(order, _all(issued), "voided", issued, issuing, cause))


def _all(issued: Sequence[Document]) -> int:
    """Add up the invoices of a cancelled order: nothing of them stands, and no more is credited than is open."""
    return sum(one.total_amount for one in issued if one.is_invoice)
