"""What an order waits for: the facts it needs to come to rest, who has to tell them, since when, and until when it waits.

Some waits end by a deadline of the order's own; where there is none (what was promised will be done, however long it takes),
one that lasts longer than PATIENCE is overdue. While a person or the customer has to act, they have their time.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from order.model.change import Change, ChangeState
from order.model.order import IN_REVIEW, Order
from order.model.refund import RefundState
from order.model.shipment import Shipment
from order.model.status import OrderState, PaymentState

PATIENCE: Final = timedelta(seconds=60)
CASH_ON_DELIVERY: Final = "cash_on_delivery"
"""How an order is paid whose parcels are paid when they arrive."""

STOCK_RESERVED: Final = "inventory.stock_reserved.v1"
AUTHORIZED: Final = "payment.authorized.v1"


@dataclass(frozen=True, slots=True)
class Wait:
    """A fact that is awaited. `whom`: `service`, or `staff` or `customer` who must act before it can be told."""

    fact: str
    since: datetime
    until: datetime | None = None
    whom: str = "service"

    @property
    def service(self) -> str:
        """Who has to tell it."""
        return self.fact.partition(".")[0]

    def overdue(self, now: datetime, patience: timedelta = PATIENCE) -> bool:
        """Tell whether it should have been told by now."""
        if self.until is not None and (self.whom != "service" or self.until <= now):
            return self.until <= now
        return now - self.since >= patience


def waits_for(order: Order) -> list[Wait]:
    """List the facts that the order needs to come to rest; empty when it waits for nobody but people to ship it."""
    if order.order_state == OrderState.PENDING:
        return list(_to_be_decided(order))
    if order.order_state == OrderState.CANCELLED:
        since = order.decided_at or order.updated_at
        stock = [] if order.released_at is not None else [Wait("inventory.stock_released.v1", since)]
        return stock + ([] if order.voided_at is not None else [Wait("payment.voided.v1", since)])
    return [*_for_what_left(order), *(wait for change in order.changes for wait in _to_be_settled(change))]


def _to_be_decided(order: Order) -> Iterable[Wait]:
    until = order.deadline_at
    if order.allocation is None:
        yield Wait(STOCK_RESERVED, order.order_date, until)
    if order.payment_state != PaymentState.PENDING:
        return
    since = order.order_date if order.allocation is None else order.updated_at
    if order.hold_reason == IN_REVIEW:
        yield Wait("payment.reviewed.v1", since, until, "staff")
    elif order.payment_action is not None:
        yield Wait(AUTHORIZED, since, datetime.fromisoformat(order.payment_action["deadline_at"]), "customer")
    else:
        yield Wait(AUTHORIZED, since, until)


def _for_what_left(order: Order) -> Iterable[Wait]:
    due = [(one.amount, since) for one in order.shipments if (since := _due_since(order, one)) is not None]
    if order.captured_amount < sum(amount for amount, _ in due):
        whom = "staff" if order.payment_state == PaymentState.CAPTURE_FAILED else "service"
        yield Wait("payment.captured.v1", max(since for _, since in due), None, whom)
    for refund in order.refunds:
        if refund.state == RefundState.REQUESTED:
            yield Wait("payment.refunded.v1", refund.created_at)
    for one in order.shipments:
        if one.move_id is not None:
            yield Wait("inventory.shipment_moved.v1", order.updated_at, one.move_deadline_at)


def _due_since(order: Order, shipment: Shipment) -> datetime | None:
    """Tell since when a parcel's money is to be taken: since it left, or where cash pays it, since it arrived."""
    return shipment.delivered_at if order.payment_method == CASH_ON_DELIVERY else shipment.dispatched_at


def _to_be_settled(change: Change) -> Iterable[Wait]:
    since, until = change.created_at, change.deadline_at
    if change.is_requested:
        if change.allocation is None:
            yield Wait("inventory.addition_reserved.v1", since, until)
        if not change.authorized:
            yield Wait("payment.addition_authorized.v1", since, until)
        return
    given_back = change.state == ChangeState.WITHDRAWN
    if change.stock_at is None:
        yield Wait("inventory.addition_released.v1" if given_back else "inventory.reservation_reduced.v1", since)
    if change.money_at is None:
        yield Wait("payment.addition_voided.v1" if given_back else "payment.reduced.v1", since)
