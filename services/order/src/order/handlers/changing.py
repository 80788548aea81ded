"""Changes before shipping. Every failure of an addition becomes `OrderChangeWithdrawn`: the order stays as it was."""

from collections.abc import Sequence

from chassis.batch import Later
from chassis.domain import Cause
from contracts.inventory import (
    AdditionRefused,
    AdditionReleased,
    AdditionReserved,
    ReservationReduced,
)
from contracts.order import (
    ChangeRefusal,
    CreditNoteIssued,
    InvoiceIssued,
    OrderChanged,
    OrderChangeWithdrawn,
)
from contracts.payment import (
    AdditionAuthorized,
    AdditionDeclined,
    AdditionVoided,
    PaymentReduced,
)
from order.handlers.invoicing import credit_untaken, with_invoice_of_addition
from order.handlers.registry import jobs, react
from order.store import (
    DocumentStore,
    ExpiredChange,
    OrderStore,
)


@react.on(AdditionReserved)
def note_addition_reserved(
    event: AdditionReserved, orders: OrderStore, documents: DocumentStore, cause: Cause
) -> Sequence[OrderChanged | Later[InvoiceIssued]]:
    """Note that what a change adds is held; carry it out if its money is held already."""
    order = orders.get(event.order_id)
    changed = order.note_addition_reserved(event.change_id, event.allocations, event.backordered, cause)
    return with_invoice_of_addition(changed, order, documents, cause)


@react.on(AdditionAuthorized)
def apply_addition(
    event: AdditionAuthorized, orders: OrderStore, documents: DocumentStore, cause: Cause
) -> Sequence[OrderChanged | Later[InvoiceIssued]]:
    """Carry the change out, once its stock is held too."""
    order = orders.get(event.order_id)
    changed = order.note_addition_authorized(event.change_id, cause)
    return with_invoice_of_addition(changed, order, documents, cause)


@react.on(AdditionRefused)
def withdraw_out_of_stock(event: AdditionRefused, orders: OrderStore, cause: Cause) -> OrderChangeWithdrawn | None:
    """Give the change up: not all that it adds can be had."""
    missing = ", ".join(one.product_id for one in event.shortages)
    notes = f"The addition is out of stock: {missing}"
    return orders.get(event.order_id).withdraw(event.change_id, ChangeRefusal.OUT_OF_STOCK, cause, notes)


@react.on(AdditionDeclined)
def withdraw_declined(event: AdditionDeclined, orders: OrderStore, cause: Cause) -> OrderChangeWithdrawn | None:
    """Give the change up: the difference was refused."""
    notes = f"The addition's payment was declined: {event.code.replace('_', ' ')}"
    return orders.get(event.order_id).withdraw(event.change_id, ChangeRefusal.PAYMENT_DECLINED, cause, notes)


@jobs.on(ExpiredChange)
def withdraw_expired(due: ExpiredChange, orders: OrderStore, cause: Cause) -> OrderChangeWithdrawn | None:
    """Give the change up: stock and payment of what it adds were not decided in time."""
    return orders.get(due.order_id).withdraw(due.change_id, ChangeRefusal.DEADLINE, cause)


@react.on(ReservationReduced)
def note_reservation_reduced(event: ReservationReduced, orders: OrderStore, cause: Cause) -> None:
    """Note that stock has followed the change."""
    orders.get(event.order_id).note_stock_followed(event.change_id, cause)


@react.on(AdditionReleased)
def note_addition_released(event: AdditionReleased, orders: OrderStore, cause: Cause) -> None:
    """Note that nothing is held for the withdrawn change any more."""
    orders.get(event.order_id).note_stock_followed(event.change_id, cause)


@react.on(PaymentReduced)
def note_payment_reduced(
    event: PaymentReduced, orders: OrderStore, documents: DocumentStore, cause: Cause
) -> Later[CreditNoteIssued] | None:
    """Note that the money held has followed the change; credit the difference, if it was invoiced."""
    order = orders.get(event.order_id)
    order.note_money_followed(event.change_id, cause)
    return credit_untaken(event, order, documents, cause)


@react.on(AdditionVoided)
def note_addition_voided(event: AdditionVoided, orders: OrderStore, cause: Cause) -> None:
    """Note that no money is held for the withdrawn change any more."""
    orders.get(event.order_id).note_money_followed(event.change_id, cause)
