"""Changes: what is held for a withdrawn one is let go, and what makes the order cost less is not taken."""

from typing import Final

from chassis.domain import Cause
from contracts.order import ChangeKind, OrderChanged, OrderChangeWithdrawn
from contracts.payment import AdditionVoided, PaymentReduced
from payment.handlers.registry import react
from payment.model import OrderFunds, Reduction
from payment.store import CaptureStore, PaymentStore, ReductionStore

REDUCING: Final = frozenset({ChangeKind.REDUCTION, ChangeKind.REST_CANCELLED})


@react.on(OrderChangeWithdrawn)
def void_addition(
    event: OrderChangeWithdrawn, payments: PaymentStore, captures: CaptureStore, cause: Cause
) -> AdditionVoided | None:
    """Let go of what is held for a withdrawn change; what has not come yet is barred."""
    funds = OrderFunds(payments.of(event.order_id), captures.of(event.order_id))
    known = funds.addition(event.change_id)
    addition, told = funds.withdraw(event.change_id, event.user_id, cause)
    if known is None:
        payments.add(addition)
    return told


@react.on(OrderChanged)
def reduce_payment(
    event: OrderChanged, payments: PaymentStore, reductions: ReductionStore, captures: CaptureStore, cause: Cause
) -> PaymentReduced | None:
    """Let go of what the order costs less; a change that adds has its own payment already, one of the address costs nothing."""
    if event.kind not in REDUCING or reductions.knows(event.order_id, event.change_id):
        return None
    funds = OrderFunds(payments.of(event.order_id), captures.of(event.order_id))
    less = event.previous_total.amount - event.total_amount.amount
    told = funds.reduce(event.change_id, less, event.total_amount, cause)
    reductions.add(Reduction.told(told, cause.at))
    return told
