"""The order: from placed to confirmed or cancelled, and its money.

A method is a command or a fact heard: it checks, changes the order, appends to the history, and returns the facts to tell. What
it refuses changes nothing. Facts from other services may come in any order and more than once: they commute, and what comes
too late for a cancelled order is noted on its axis and changes nothing else.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Self

from chassis.domain import Cause, Refusal, new_id
from contracts.order import CancelReason, OrderCancelled, OrderConfirmed, OrderPlaced
from contracts.types import Allocation, Destination, Line, Money
from order.model.changes import Changes
from order.model.lines import OrderItem
from order.model.pricing import Quote
from order.model.shipment import ShipmentState
from order.model.status import TRANSITIONS, FulfilmentState, OrderState, PaymentState, ReturnState, Status


class PriceChangedError(Refusal):
    """The shop's total is not the one the customer saw."""

    slug = "price-changed"
    title = "The price has changed"


class Order(Changes, table=True):
    """An order with all that can become of it."""

    __tablename__ = "orders"

    @classmethod
    def place(
        cls,
        *,
        user_id: str,
        quote: Quote,
        contact: dict[str, Any],
        shipping_address: dict[str, Any],
        billing_address: dict[str, Any],
        payment_method: str,
        expected_total: Money | None,
        deadline: timedelta,
        cause: Cause,
    ) -> tuple[Self, OrderPlaced]:
        """Place an order at the shop's prices; raises PriceChangedError where the customer saw another total."""
        total = Money(amount=quote.total, currency=quote.currency)
        if expected_total is not None and expected_total != total:
            raise PriceChangedError(
                f"The total is {total.amount} {total.currency} (minor units) now.",
                expected_total=expected_total.model_dump(),
                total_amount=total.model_dump(),
            )
        order_id = new_id()
        shipping = quote.shipping
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
            units=sum([quoted.line.quantity for quoted in quote.lines]),
            shipping_address=shipping_address,
            billing_address=billing_address,
            contact=contact,
            payment_method=payment_method,
            shipping_method=shipping.method_id if shipping is not None else None,
            shipping_name=shipping.name if shipping is not None else None,
            shipping_amount=quote.shipping_amount,
            shipping_tax_amount=shipping.charge.tax if shipping is not None else 0,
            shipping_tax_rate_ppm=shipping.tax_rate_ppm if shipping is not None else 0,
            tax_amount=quote.tax,
            prices_include_tax=quote.prices_include_tax,
            deadline_at=cause.at + deadline,
            updated_at=cause.at,
            items=[
                OrderItem(
                    item_id=new_id(),
                    order_id=order_id,
                    position=position,
                    product_id=quoted.line.product.sku,
                    name=quoted.line.product.name,
                    quantity=quoted.line.quantity,
                    price=quoted.line.product.price,
                    subtotal=quoted.line.subtotal,
                    tax_rate_ppm=quoted.tax_rate_ppm,
                    tax_amount=quoted.charge.tax,
                    total_amount=quoted.charge.total,
                    weight_grams=quoted.line.product.weight_grams,
                )
                for position, quoted in enumerate(quote.lines)
            ],
            shipments=[],
            labels={},
            changes=[],
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
            shipping_amount=order.money(quote.shipping_amount) if shipping is not None else None,
            tax_amount=order.money(quote.tax) if quote.tax else None,
        )

    # --- facts heard on the way to confirmation -------------------------------------------------------------------------

    def allocate(
        self, allocations: Sequence[Allocation], cause: Cause, backordered: Sequence[Line] = ()
    ) -> OrderConfirmed | None:
        """Note from which warehouses the order will ship and what waits for stock; confirms it if the money is there."""
        if self.order_state != OrderState.PENDING or self.allocation is not None:
            return None
        self.allocation = [one.model_dump(mode="json") for one in allocations]
        if backordered:
            free = {str(item.item_id): item.quantity for item in self.items}
            for one in allocations:
                self._assign(one.lines, self.items, free)
            self.backordered = self._assign(backordered, self.items, free)
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
        free = {str(item.item_id): item.quantity for item in self.items}
        self._plan_allocations([Allocation.model_validate(part) for part in self.allocation], free)
        self.order_state = OrderState.CONFIRMED
        self.fulfilment_state = FulfilmentState.PLANNED
        self.deadline_at = None
        self._record(cause, "Payment authorised; order confirmed")
        return OrderConfirmed(
            order_id=self.order_id,
            user_id=self.user_id,
            total_amount=self.total,
            shipments=[one.planned for one in self.shipments],
            backordered=self.waiting,
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
            if shipment.is_open:
                self._drop_label(shipment, cause)
                shipment.become(ShipmentState.CANCELLED)
                shipment.moving_to = shipment.move_id = shipment.move_deadline_at = None
        self._forget_requested(cause)
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
