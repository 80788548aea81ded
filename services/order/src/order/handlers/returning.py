"""Refunds that came about or failed, returns that did not come, and the labels with which they should.

A return's label is bought and given back like a parcel's: under one key, until its outcome is known.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from chassis import failpoints
from chassis.domain import Cause
from contracts.order import RefundRequested, ReturnClosed, ReturnDeclined
from contracts.payment import RefundFailed
from order.gateway import (
    Absent,
    Bought,
    CarrierGateway,
    Parcel,
    PurchaseAnswer,
    Refused,
    Unknown,
    Voided,
    Wish,
    label_key,
)
from order.handlers.carrying import REFUSED_AGAIN, delay_of, terms_of
from order.handlers.registry import jobs, react
from order.model import Order
from order.model.billing import Given
from order.model.document import SHIPPING
from order.store import ExpiredReturn, OrderStore, ReturnLabelUnwanted, ReturnLabelWanted


def given_back(order: Order, refund_id: UUID | None) -> list[Given]:
    """Tell what a refund gives money back for, for its credit note."""
    refund = next((one for one in order.refunds if one.refund_id == refund_id), None)
    if refund is None:
        return []
    lines = [Given(line["item_id"], line["quantity"], line["amount"]) for line in refund.lines]
    return [*lines, Given(SHIPPING, 1, refund.shipping_amount)] if refund.shipping_amount else lines


@react.on(RefundFailed)
def note_refund_failed(event: RefundFailed, orders: OrderStore, cause: Cause) -> None:
    """Put the refund before a person: the PSP will not give the money back."""
    orders.get(event.order_id).note_refund_failed(event.refund_id, event.code, cause)


@jobs.on(ExpiredReturn)
def end_return(
    due: ExpiredReturn, orders: OrderStore, cause: Cause
) -> Sequence[ReturnDeclined | ReturnClosed | RefundRequested]:
    """Wait no longer for units that were to come back; an exchange is decided by what came."""
    return orders.get(due.order_id).expire_return(due.return_id, cause)


@dataclass(frozen=True, slots=True)
class ReturnLabelPurchase:
    """What a carrier says about selling a label for a return."""

    order_id: UUID
    label_id: UUID
    attempt: int
    answer: PurchaseAnswer


@jobs.on(ReturnLabelWanted)
async def buy_return_label(due: ReturnLabelWanted, carriers: CarrierGateway) -> ReturnLabelPurchase:
    """Have a carrier sell a label from the customer to the warehouse."""
    if due.destination is None:
        return ReturnLabelPurchase(due.order_id, due.label_id, due.attempt, Unknown("the warehouse is not known yet"))
    parcel = Parcel(str(due.return_id), due.origin, due.destination, due.weight_grams)
    answer = await carriers.buy(parcel, Wish(), label_key(due.label_id))
    if isinstance(answer, Bought):
        failpoints.reach("after_psp_ok")
    return ReturnLabelPurchase(due.order_id, due.label_id, due.attempt, answer)


@jobs.outcome
def note_return_purchase(outcome: ReturnLabelPurchase, orders: OrderStore, cause: Cause) -> None:
    """Note the return's label, or why there is none."""
    order = orders.get(outcome.order_id)
    match outcome.answer:
        case Bought() as bought:
            order.note_return_label_bought(outcome.label_id, terms_of(bought), cause)
        case Refused(code, message):
            order.note_return_label_failed(outcome.label_id, code, message, cause)
        case Unknown(reason, retry_after):
            order.note_return_label_open(outcome.label_id, reason, delay_of(outcome.attempt, retry_after), cause)


@dataclass(frozen=True, slots=True)
class ReturnLabelGivenBack:
    """What a carrier says about taking a return's label back."""

    order_id: UUID
    label_id: UUID
    attempt: int
    answer: Voided | Absent | Refused | Unknown


@jobs.on(ReturnLabelUnwanted)
async def void_return_label(due: ReturnLabelUnwanted, carriers: CarrierGateway) -> ReturnLabelGivenBack:
    """Have a carrier take a return's label back, if it was ever sold."""
    reference = due.reference
    if reference is None:
        found = await carriers.find(label_key(due.label_id))
        if not isinstance(found, Bought):
            return ReturnLabelGivenBack(due.order_id, due.label_id, due.attempt, found)
        reference = found.reference
    return ReturnLabelGivenBack(due.order_id, due.label_id, due.attempt, await carriers.void(reference))


@jobs.outcome
def note_return_label_given_back(outcome: ReturnLabelGivenBack, orders: OrderStore, cause: Cause) -> None:
    """Note that the return's label is gone, or that its carrier is asked again."""
    order = orders.get(outcome.order_id)
    match outcome.answer:
        case Voided() | Absent():
            order.note_return_label_voided(outcome.label_id, cause)
        case Refused(code):
            order.note_return_label_open(outcome.label_id, code, REFUSED_AGAIN, cause)
        case Unknown(reason, retry_after):
            order.note_return_label_open(outcome.label_id, reason, delay_of(outcome.attempt, retry_after), cause)
