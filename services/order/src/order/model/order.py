"""The order: from placed to delivered or cancelled.

A method is a command or a fact heard: it checks, changes the order, appends to the history, and returns the facts to tell. What
it refuses changes nothing. Facts from other services may come in any order and more than once: they commute, and what comes
too late for a cancelled order is noted on its axis and changes nothing else.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Self
from uuid import UUID

from sqlalchemy import BigInteger, Column, DateTime, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

from chassis.domain import Cause, Refusal, new_id
from contracts.order import (
    CancelReason,
    OrderCancelled,
    OrderConfirmed,
    OrderDelivered,
    OrderPlaced,
    OrderShipped,
    PlannedShipment,
    ShipmentDelivered,
    ShipmentDispatched,
)
from contracts.types import Allocation, Destination, Money, OrderLine
from order.model.cart import PricedLine
from order.model.shipment import Shipment, ShipmentNotFoundError, ShipmentState
from order.model.status import (
    TRANSITIONS,
    FulfilmentState,
    InvalidTransitionError,
    OrderState,
    PaymentState,
    ReturnState,
    Status,
    allowed_actions,
    public_status,
)
from order.model.table import Table


class PriceChangedError(Refusal):
    """The shop's total is not the one the customer saw."""

    slug = "price-changed"
    title = "The price has changed"


class VersionMismatchError(Refusal):
    """The order has changed since the caller looked at it."""

    slug = "version-mismatch"
    title = "It has changed meanwhile"
    status = 412


class OrderItem(Table, table=True):
    """A line of an order, at the price it was placed with (minor units)."""

    __tablename__ = "order_items"

    item_id: UUID
    order_id: UUID = Field(primary_key=True)
    position: int = Field(primary_key=True)
    product_id: str = Field(sa_type=Text)
    name: str = Field(sa_type=Text)
    quantity: int
    price: int = Field(sa_type=BigInteger)
    subtotal: int = Field(sa_type=BigInteger)


class HistoryEntry(Table, table=True):
    """What happened to an order, when, why and at whose wish; `event_id` is the event that led to it, if one did."""

    __tablename__ = "order_status_history"

    history_id: UUID = Field(primary_key=True)
    order_id: UUID = Field(primary_key=True)
    status: str = Field(sa_type=Text)
    timestamp: datetime = Field(sa_type=DateTime(timezone=True))
    notes: str = Field(sa_type=Text)
    actor: str = Field(sa_type=Text)
    event_id: UUID | None = None


class Order(Table, table=True):
    """An order. Amounts are minor units of `currency`; `units` counts what is not cancelled."""

    __tablename__ = "orders"

    order_id: UUID = Field(primary_key=True)
    user_id: str = Field(sa_type=Text)
    order_date: datetime = Field(sa_type=DateTime(timezone=True))
    status: str = Field(sa_type=Text)
    order_state: str = Field(sa_type=Text)
    payment_state: str = Field(sa_type=Text)
    fulfilment_state: str = Field(sa_type=Text)
    return_state: str = Field(sa_type=Text)
    hold_reason: str | None = Field(default=None, sa_type=Text)
    cancel_reason: str | None = Field(default=None, sa_type=Text)
    total_amount: int = Field(sa_type=BigInteger)
    currency: str = Field(sa_type=Text)
    captured_amount: int = Field(default=0, sa_type=BigInteger)
    refunded_amount: int = Field(default=0, sa_type=BigInteger)
    units: int
    shipped_units: int = 0
    delivered_units: int = 0
    shipping_address: dict[str, Any] = Field(sa_column=Column(JSONB, nullable=False))
    billing_address: dict[str, Any] = Field(sa_column=Column(JSONB, nullable=False))
    contact: dict[str, Any] = Field(sa_column=Column(JSONB, nullable=False))
    payment_method: str = Field(sa_type=Text)
    allocation: list[dict[str, Any]] | None = Field(default=None, sa_column=Column(JSONB, nullable=True))
    deadline_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    released_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    voided_at: datetime | None = Field(default=None, sa_type=DateTime(timezone=True))
    version: int = 0
    updated_at: datetime = Field(sa_type=DateTime(timezone=True))

    if TYPE_CHECKING:  # the aggregate's parts: rows of tables of their own, set beside the columns
        items: list[OrderItem]
        shipments: list[Shipment]
        new_history: list[HistoryEntry]

    @classmethod
    def place(
        cls,
        *,
        user_id: str,
        lines: Sequence[PricedLine],
        contact: dict[str, Any],
        shipping_address: dict[str, Any],
        billing_address: dict[str, Any],
        payment_method: str,
        expected_total: Money | None,
        deadline: timedelta,
        cause: Cause,
    ) -> tuple[Self, OrderPlaced]:
        """Place an order at the shop's prices; raises PriceChangedError where the customer saw another total."""
        total = Money(amount=sum(line.subtotal for line in lines), currency=lines[0].product.currency)
        if expected_total is not None and expected_total != total:
            raise PriceChangedError(
                f"The total is {total.amount} {total.currency} (minor units) now.",
                expected_total=expected_total.model_dump(),
                total_amount=total.model_dump(),
            )
        order_id = new_id()
        order = cls(
            order_id=order_id,
            user_id=user_id,
            order_date=cause.at,
            status=Status.PENDING,
            order_state=OrderState.PENDING,
            payment_state=PaymentState.PENDING,
            fulfilment_state=FulfilmentState.UNPLANNED,
            return_state=ReturnState.NONE,
            total_amount=total.amount,
            currency=total.currency,
            units=sum(line.quantity for line in lines),
            shipping_address=shipping_address,
            billing_address=billing_address,
            contact=contact,
            payment_method=payment_method,
            deadline_at=cause.at + deadline,
            updated_at=cause.at,
            items=[
                OrderItem(
                    item_id=new_id(),
                    order_id=order_id,
                    position=position,
                    product_id=line.product.sku,
                    name=line.product.name,
                    quantity=line.quantity,
                    price=line.product.price,
                    subtotal=line.subtotal,
                )
                for position, line in enumerate(lines)
            ],
            shipments=[],
            new_history=[],
        )
        order._record(cause, "Order placed")
        return order, OrderPlaced(
            order_id=order_id,
            user_id=user_id,
            order_date=cause.at,
            items=order.lines,
            total_amount=total,
            destination=Destination(country=shipping_address["country"], region=shipping_address.get("region")),
        )

    @property
    def total(self) -> Money:
        """Give what the order costs."""
        return Money(amount=self.total_amount, currency=self.currency)

    @property
    def lines(self) -> list[OrderLine]:
        """List the items as events carry them."""
        currency = self.currency
        return [
            OrderLine(
                item_id=item.item_id,
                product_id=item.product_id,
                quantity=item.quantity,
                price=Money(amount=item.price, currency=currency),
                subtotal=Money(amount=item.subtotal, currency=currency),
            )
            for item in self.items
        ]

    @property
    def actions(self) -> list[str]:
        """List what a person may do with the order now."""
        return [str(action) for action in allowed_actions(Status(self.status), shipped=self.shipped_units)]

    def check_version(self, expected: int | None) -> None:
        """Refuse where the caller has seen another version; raises VersionMismatchError."""
        if expected is not None and expected != self.version:
            raise VersionMismatchError("Look at the order again and repeat.", current_version=self.version)

    # --- facts heard on the way to confirmation -------------------------------------------------------------------------

    def allocate(self, allocations: Sequence[Allocation], cause: Cause) -> OrderConfirmed | None:
        """Note from which warehouses the order will ship; confirms it if the money is there already."""
        if self.order_state != OrderState.PENDING or self.allocation is not None:
            return None
        self.allocation = [one.model_dump(mode="json") for one in allocations]
        self._record(cause, "Stock reserved")
        return self._confirm_when_ready(cause)

    def authorize(self, cause: Cause) -> OrderConfirmed | None:
        """Note that the money is held; confirms the order if the stock is held too."""
        if self.order_state != OrderState.PENDING or self.payment_state != PaymentState.PENDING:
            return None
        self.payment_state = PaymentState.AUTHORIZED
        confirmed = self._confirm_when_ready(cause)
        if confirmed is None:
            self._record(cause, "Payment authorised")
        return confirmed

    def _confirm_when_ready(self, cause: Cause) -> OrderConfirmed | None:
        if self.allocation is None or self.payment_state != PaymentState.AUTHORIZED:
            return None
        prices = {item.product_id: item.price for item in self.items}
        self.shipments = [
            Shipment(
                shipment_id=new_id(),
                order_id=self.order_id,
                warehouse_id=part["warehouse_id"],
                state=ShipmentState.PLANNED,
                lines=part["lines"],
                amount=sum(prices[line["product_id"]] * line["quantity"] for line in part["lines"]),
            )
            for part in self.allocation
        ]
        self.order_state = OrderState.CONFIRMED
        self.fulfilment_state = FulfilmentState.PLANNED
        self.deadline_at = None
        self._record(cause, "Payment authorised; order confirmed")
        return OrderConfirmed(
            order_id=self.order_id,
            user_id=self.user_id,
            total_amount=self.total,
            shipments=[
                PlannedShipment(shipment_id=one.shipment_id, warehouse_id=one.warehouse_id, lines=one.contents)
                for one in self.shipments
            ],
        )

    # --- the one way out --------------------------------------------------------------------------------------------------

    def cancel(self, reason: CancelReason, cause: Cause, notes: str = "") -> OrderCancelled:
        """Cancel the order; raises InvalidTransitionError once a part of it has left a warehouse, or it has ended."""
        if Status.CANCELLED not in TRANSITIONS[Status(self.status)] or self.shipped_units:
            raise self._refusal(Status.CANCELLED)
        self.order_state = OrderState.CANCELLED
        self.fulfilment_state = FulfilmentState.CANCELLED
        if reason == CancelReason.PAYMENT_DECLINED:
            self.payment_state = PaymentState.DECLINED
        self.cancel_reason = reason
        self.deadline_at = None
        self.units = 0
        for shipment in self.shipments:
            shipment.state = ShipmentState.CANCELLED
        self._record(cause, notes or f"Cancelled: {reason.replace('_', ' ')}")
        return OrderCancelled(order_id=self.order_id, user_id=self.user_id, reason=reason, total_amount=self.total)

    def cancel_if_open(self, reason: CancelReason, cause: Cause, notes: str = "") -> OrderCancelled | None:
        """Cancel an order that is still waiting; one that was decided meanwhile stays as it is."""
        return self.cancel(reason, cause, notes) if self.order_state == OrderState.PENDING else None

    def note_released(self, cause: Cause) -> None:
        """Note that no stock is held any more."""
        if self.released_at is None:
            self.released_at = cause.at
            self._record(cause, "Stock released")

    def note_voided(self, cause: Cause) -> None:
        """Note that no money is held any more."""
        if self.voided_at is None:
            self.voided_at = cause.at
            if self.payment_state != PaymentState.DECLINED:
                self.payment_state = PaymentState.VOIDED
            self._record(cause, "Payment released")

    # --- shipping -----------------------------------------------------------------------------------------------------------

    def dispatch(
        self, shipment_id: UUID, cause: Cause, carrier: str | None = None, tracking_number: str | None = None
    ) -> list[ShipmentDispatched | OrderShipped]:
        """Send one parcel; raises ShipmentNotFoundError, InvalidTransitionError."""
        shipment = self._shipment(shipment_id)
        if self.order_state != OrderState.CONFIRMED or not shipment.may_become(ShipmentState.DISPATCHED):
            raise self._refusal(Status.SHIPPED, f"The shipment is {shipment.state}.")
        shipment.state = ShipmentState.DISPATCHED
        shipment.dispatched_at = cause.at
        shipment.carrier = carrier
        shipment.tracking_number = tracking_number
        self.shipped_units += shipment.units
        complete = self.shipped_units == self.units
        self.fulfilment_state = FulfilmentState.SHIPPED if complete else FulfilmentState.PARTIALLY_SHIPPED
        self._record(cause, f"Shipment dispatched from {shipment.warehouse_id}")
        facts: list[ShipmentDispatched | OrderShipped] = [
            ShipmentDispatched(
                order_id=self.order_id,
                user_id=self.user_id,
                shipment_id=shipment.shipment_id,
                warehouse_id=shipment.warehouse_id,
                lines=shipment.contents,
                amount=Money(amount=shipment.amount, currency=self.currency),
                carrier=carrier,
                tracking_number=tracking_number,
            )
        ]
        if complete:
            facts.append(OrderShipped(order_id=self.order_id, user_id=self.user_id))
        return facts

    def dispatch_rest(self, cause: Cause) -> list[ShipmentDispatched | OrderShipped]:
        """Send every parcel that has not left; raises InvalidTransitionError where there is none to send."""
        waiting = [one.shipment_id for one in self.shipments if one.state == ShipmentState.PLANNED]
        if self.status != Status.PROCESSING or not waiting:
            raise self._refusal(Status.SHIPPED)
        return [fact for shipment_id in waiting for fact in self.dispatch(shipment_id, cause)]

    def deliver(self, shipment_id: UUID, cause: Cause) -> list[ShipmentDelivered | OrderDelivered]:
        """Confirm that a parcel arrived; raises ShipmentNotFoundError, InvalidTransitionError."""
        shipment = self._shipment(shipment_id)
        if not shipment.may_become(ShipmentState.DELIVERED):
            raise self._refusal(Status.DELIVERED, f"The shipment is {shipment.state}.")
        shipment.state = ShipmentState.DELIVERED
        shipment.delivered_at = cause.at
        self.delivered_units += shipment.units
        complete = self.delivered_units == self.units
        if complete:
            self.fulfilment_state = FulfilmentState.DELIVERED
        self._record(cause, "Shipment delivered")
        facts: list[ShipmentDelivered | OrderDelivered] = [
            ShipmentDelivered(order_id=self.order_id, user_id=self.user_id, shipment_id=shipment_id)
        ]
        if complete:
            facts.append(OrderDelivered(order_id=self.order_id, user_id=self.user_id))
        return facts

    def deliver_rest(self, cause: Cause) -> list[ShipmentDelivered | OrderDelivered]:
        """Confirm every parcel on its way; raises InvalidTransitionError unless all of the order has been shipped."""
        open_ones = [one.shipment_id for one in self.shipments if one.state == ShipmentState.DISPATCHED]
        if self.status != Status.SHIPPED or not open_ones:
            raise self._refusal(Status.DELIVERED)
        return [fact for shipment_id in open_ones for fact in self.deliver(shipment_id, cause)]

    # --- money heard of -----------------------------------------------------------------------------------------------------

    def note_captured(self, captured: Money, cause: Cause) -> None:
        """Note how much was taken so far; an older, smaller figure changes nothing."""
        if captured.amount <= self.captured_amount:
            return
        self.captured_amount = captured.amount
        full = captured.amount == self.total_amount
        self.payment_state = PaymentState.CAPTURED if full else PaymentState.PARTIALLY_CAPTURED
        self._record(cause, f"Payment captured: {captured.amount} {captured.currency} so far")

    def note_capture_failed(self, cause: Cause) -> None:
        """Note that money due could not be taken: a person must act."""
        self.payment_state = PaymentState.CAPTURE_FAILED
        self.hold_reason = "capture_failed"
        self._record(cause, "Payment could not be captured")

    def note_refunded(self, refunded: Money, cause: Cause) -> None:
        """Note how much went back so far; an older, smaller figure changes nothing."""
        if refunded.amount <= self.refunded_amount:
            return
        self.refunded_amount = refunded.amount
        full = refunded.amount == self.captured_amount
        self.payment_state = PaymentState.REFUNDED if full else PaymentState.PARTIALLY_REFUNDED
        self._record(cause, f"Refunded: {refunded.amount} {refunded.currency} so far")

    # --- shared ---------------------------------------------------------------------------------------------------------------

    def _shipment(self, shipment_id: UUID) -> Shipment:
        found = next((one for one in self.shipments if one.shipment_id == shipment_id), None)
        if found is None:
            raise ShipmentNotFoundError(f"The order has no shipment {shipment_id}.")
        return found

    def _refusal(self, wanted: Status, detail: str = "") -> InvalidTransitionError:
        return InvalidTransitionError(
            detail or f"An order that is {self.status} cannot become {wanted}.",
            status_now=self.status,
            allowed=self.actions,
        )

    def _record(self, cause: Cause, notes: str) -> None:
        """Derive the public status anew and append to the history; every change ends here."""
        self.status = public_status(
            OrderState(self.order_state),
            units=self.units,
            shipped=self.shipped_units,
            delivered=self.delivered_units,
            captured=self.captured_amount,
            refunded=self.refunded_amount,
        )
        self.updated_at = cause.at
        self.version += 1
        self.new_history.append(
            HistoryEntry(
                history_id=new_id(),
                order_id=self.order_id,
                status=self.status,
                timestamp=cause.at,
                notes=notes,
                actor=cause.actor,
                event_id=cause.event_id,
            )
        )
