"""From placed to confirmed or cancelled, and the money after it. Every failure becomes `OrderCancelled`."""

from collections.abc import Sequence

from chassis.batch import Later
from chassis.domain import Cause
from contracts.inventory import (
    ProductPublished,
    StockReleased,
    StockReservationFailed,
    StockReserved,
    WarehousePublished,
)
from contracts.order import (
    CancelReason,
    CreditNoteIssued,
    InvoiceIssued,
    OrderCancelled,
    OrderRefunded,
)
from contracts.payment import (
    NOT_THE_CUSTOMERS,
    PaymentAuthorized,
    PaymentCaptured,
    PaymentCaptureFailed,
    PaymentDeclined,
    PaymentRefunded,
    PaymentVoided,
    ReauthorizationDeclined,
)
from order.handlers.invoicing import (
    Confirmation,
    credit_refunded,
    credit_untaken,
    invoice_captured,
    with_invoice,
)
from order.handlers.registry import jobs, react
from order.handlers.returning import given_back
from order.model import Product, Warehouse
from order.store import (
    DeclineStore,
    DocumentStore,
    ExpiredOrder,
    OrderStore,
    ProductStore,
    WarehouseStore,
)


@react.on(ProductPublished)
def learn_product(event: ProductPublished, products: ProductStore, cause: Cause) -> None:
    """Keep our copy of the catalogue, so that prices need no call."""
    products.learn(
        Product(
            sku=event.sku,
            name=event.name,
            price=event.price.amount,
            currency=event.price.currency,
            active=event.active,
            sequence=cause.sequence,
            weight_grams=event.weight_grams,
            tax_class=event.tax_class,
        )
    )


@react.on(WarehousePublished)
def learn_warehouse(event: WarehousePublished, warehouses: WarehouseStore, cause: Cause) -> None:
    """Keep our copy of the warehouses, so that a label needs no call."""
    warehouses.learn(Warehouse(**event.model_dump(), sequence=cause.sequence))


@react.on(StockReserved)
def note_allocation(event: StockReserved, orders: OrderStore, documents: DocumentStore, cause: Cause) -> Sequence[Confirmation]:
    """Note from where the order ships; confirm it if the money is held already."""
    order = orders.get(event.order_id)
    return with_invoice(order.allocate(event.allocations, cause, event.backordered), order, documents, cause)


@react.on(StockReservationFailed)
def cancel_out_of_stock(event: StockReservationFailed, orders: OrderStore, cause: Cause) -> OrderCancelled | None:
    """Cancel the order: not all of it can be had."""
    missing = ", ".join(one.product_id for one in event.shortages)
    return orders.get(event.order_id).cancel_if_open(CancelReason.OUT_OF_STOCK, cause, f"Out of stock: {missing}")


@react.on(PaymentAuthorized)
def confirm_order(
    event: PaymentAuthorized, orders: OrderStore, documents: DocumentStore, cause: Cause
) -> Sequence[Confirmation]:
    """Confirm the order and plan its shipments, once the stock is held too."""
    order = orders.get(event.order_id)
    return with_invoice(order.authorize(cause), order, documents, cause)


@react.on(PaymentDeclined)
def cancel_declined(event: PaymentDeclined, orders: OrderStore, declines: DeclineStore, cause: Cause) -> OrderCancelled | None:
    """Cancel the order: the customer's payment was refused. Too many of those from one place, and it is throttled."""
    order = orders.get(event.order_id)
    if event.code not in NOT_THE_CUSTOMERS:
        declines.note(order)
    notes = f"Payment declined: {event.code.replace('_', ' ')}"
    return order.cancel_if_open(CancelReason.PAYMENT_DECLINED, cause, notes)


@react.on(ReauthorizationDeclined)
def cancel_unheld(event: ReauthorizationDeclined, orders: OrderStore, cause: Cause) -> OrderCancelled | None:
    """Cancel the order: its money is held no longer. Where a part of it has left, a person looks instead."""
    return orders.get(event.order_id).lose_hold(event.code, event.amount, cause)


@jobs.on(ExpiredOrder)
def cancel_expired(due: ExpiredOrder, orders: OrderStore, cause: Cause) -> OrderCancelled | None:
    """Cancel the order: stock and payment were not decided in time, and nobody gave it more since."""
    return orders.get(due.order_id).expire(due.until, cause)


@react.on(StockReleased)
def note_released(event: StockReleased, orders: OrderStore, cause: Cause) -> None:
    """Note that the cancelled order holds no stock any more."""
    orders.get(event.order_id).note_released(cause)


@react.on(PaymentVoided)
def note_voided(
    event: PaymentVoided, orders: OrderStore, documents: DocumentStore, cause: Cause
) -> Later[CreditNoteIssued] | None:
    """Note that the cancelled order holds no money any more; credit it, if it was invoiced."""
    order = orders.get(event.order_id)
    order.note_voided(cause)
    return credit_untaken(event, order, documents, cause)


@react.on(PaymentCaptured)
def note_captured(
    event: PaymentCaptured, orders: OrderStore, documents: DocumentStore, cause: Cause
) -> Later[InvoiceIssued] | None:
    """Note how much of the order is paid, and invoice the parcel it was paid for."""
    order = orders.get(event.order_id)
    order.note_captured(event.shipment_id, event.captured, cause)
    return invoice_captured(event, order, documents, cause)


@react.on(PaymentCaptureFailed)
def note_capture_failed(event: PaymentCaptureFailed, orders: OrderStore, cause: Cause) -> None:
    """Put the order before a person: goods left and their money could not be taken."""
    orders.get(event.order_id).note_capture_failed(event.shipment_id, event.amount, cause)


@react.on(PaymentRefunded)
def note_refund(
    event: PaymentRefunded, orders: OrderStore, documents: DocumentStore, cause: Cause
) -> list[OrderRefunded | Later[CreditNoteIssued]]:
    """Note how much of the order's money went back and by which refund, and credit it."""
    order = orders.get(event.order_id)
    refunded = order.note_refunded(event.refund_id, event.amount, event.refunded, cause)
    credited = credit_refunded(event, order, documents, cause, given_back(order, event.refund_id))
    facts: list[OrderRefunded | Later[CreditNoteIssued]] = [refunded] if refunded is not None else []
    return [*facts, credited] if credited is not None else facts
