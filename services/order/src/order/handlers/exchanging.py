"""Exchanges: what becomes of one of the two orders is followed by the other, in a transaction of its own."""

from collections.abc import Sequence
from typing import Final

from chassis.domain import Cause
from contracts.order import CancelReason, OrderCancelled, RefundRequested
from order.handlers.registry import jobs
from order.model import Step
from order.store import OrderStore, StepDue

NOTES: Final = "What it was to be exchanged for did not come back, or is worth too little"


@jobs.on(StepDue)
def follow_exchange(due: StepDue, orders: OrderStore, cause: Cause) -> Sequence[OrderCancelled | RefundRequested]:
    """Let an order go that a return pays, or cancel it; or give money back for a return that is not exchanged any more."""
    order = orders.take(due)
    if due.step is Step.RELEASE:
        order.release_exchange(cause)
        return []
    if due.step is Step.DISSOLVE:
        return order.dissolve_exchange(due.return_id, cause)
    cancelled = order.cancel_exchange(CancelReason(due.reason or CancelReason.STAFF), cause, NOTES)
    return [cancelled] if cancelled is not None else []
