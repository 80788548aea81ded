"""The order: from placed to confirmed or cancelled, and its money.

A method is a command or a fact heard: it checks, changes the order, appends to the history, and returns the facts to tell. What
it refuses changes nothing. Facts from other services may come in any order and more than once: they commute, and what comes
too late for a cancelled order is noted on its axis and changes nothing else.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final, Self
from uuid import UUID

from chassis.domain import Cause, Refusal, new_id
from contracts.order import CancelReason, OrderCancelled, OrderConfirmed, OrderPlaced
from contracts.payment import ReviewDecision
from contracts.types import Allocation, Destination, Line, Money
from order.model.exchange import ExchangeFor
from order.model.hold import DELIVERY
from order.model.lines import HistoryEntry, OrderItem
from order.model.pricing import Quote
from order.model.refunds import FAILED
from order.model.returns import Returns
from order.model.shipment import ShipmentState
from order.model.status import (
    TRANSITIONS,
    FulfilmentState,
    InvalidTransitionError,
    OrderState,
    PaymentState,
    ReturnState,
    Status,
)

IN_REVIEW: Final = "in_review"
REVIEW_MARGIN: Final = timedelta(minutes=15)
"""How much longer an order waits than its review may take: for the decision to arrive."""


HOLD_EXPIRED: Final = "payment_authorization_expired"
"""The hold reason of an order whose money is held no longer, though a part of it has left."""
UNPAID: Final = "capture_failed"
"""The hold reason of an order of which a parcel has left whose money could not be taken."""
DISPUTED: Final = "disputed"
"""The hold reason of an order whose payment a bank takes back."""
INCIDENT: Final = "payment_"
"""How the hold reason begins of an order whose money came otherwise than it should: this, and what came of it."""
DECIDED_ELSEWHERE: Final = {IN_REVIEW: "The review is to be decided.", FAILED: "The refund is to be retried, or declined."}
"""Hold reasons that a decision ends, and which."""


class PriceChangedError(Refusal):
    """The shop's total is not the one the customer saw."""

    slug = "price-changed"
    title = "The price has changed"


class TooManyDeclinesError(Refusal):
    """Too many payments were declined to orders from one address."""

    slug = "too-many-declines"
    title = "Too many declined payments"
    status = 429


class Order(Returns, table=True):
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
        exchange: ExchangeFor | None = None,
    ) -> tuple[Self, OrderPlaced]:
        """Place an order at the shop's prices; raises PriceChangedError where the customer saw another total."""
        total = Money(amount=quote.total, currency=quote.currency)
        if expected_total is not None and expected_total != total:
            raise PriceChangedError(
                f"The total is {total.amount} {total.currency} (minor units) now.",
                expected_total=expected_total.model_dump(),
                total_amount=total.model_dump(),
            )
        order_id = exchange.exchange_order_id if exchange is not None else new_id()
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
            exchange={"for": exchange.document()} if exchange is not None else None,
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
            refunds=[],
            returns=[],
            return_labels={},
            new_history=[],
        )
        order._record(cause, "Order placed" if exchange is None else f"Order placed in exchange for {exchange.order_id}")
        return order, OrderPlaced(
            order_id=order_id,
            user_id=user_id,
            order_date=cause.at,
            items=order.lines,
            total_amount=total,
            destination=Destination(country=shipping_address["country"], region=shipping_address.get("region")),
            shipping_amount=order.money(quote.shipping_amount) if shipping is not None else None,
            tax_amount=order.money(quote.tax) if quote.tax else None,
            exchange_for=exchange.order_id if exchange is not None else None,
            credit=order.money(exchange.credit) if exchange is not None else None,
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
        self.payment_action = None
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

    @property
    def waits_for_a_person(self) -> bool:
        """Whether it goes on only when its customer has done something, or somebody has looked at its risk."""
        return self.payment_action is not None or self.hold_reason == IN_REVIEW

    def await_payment(self, kind: str, reference: str, deadline_at: datetime, cause: Cause) -> None:
        """Wait for what the customer has to do before the money is there, some time longer than that may take."""
        if self.order_state != OrderState.PENDING or self.payment_state != PaymentState.PENDING:
            return
        self.deadline_at = max(deadline_at + REVIEW_MARGIN, self.deadline_at or deadline_at)
        self.payment_action = {"kind": kind, "reference": reference, "deadline_at": deadline_at.isoformat()}
        self._record(cause, f"Payment waits for the customer: {kind}")

    def await_review(self, deadline_at: datetime, cause: Cause, score: int | None = None) -> None:
        """Wait for a person's decision about the risk, some time longer than that may take."""
        if self.order_state != OrderState.PENDING or self.payment_state != PaymentState.PENDING:
            return
        self.deadline_at = max(deadline_at + REVIEW_MARGIN, self.deadline_at or deadline_at)
        self.hold_reason = IN_REVIEW
        self.risk_score = score
        self.payment_action = None
        self._record(cause, "In review")

    def note_reviewed(self, decision: ReviewDecision, cause: Cause, *, by_deadline: bool) -> None:
        """Note what was decided about the risk; the payment is told of next."""
        if self.hold_reason == IN_REVIEW:
            self.hold_reason = None
            approved = "approved" if decision == ReviewDecision.APPROVE else "rejected"
            self._record(cause, f"Review: {approved}{', not decided in time' if by_deadline else ''}")

    # --- what staff write down --------------------------------------------------------------------------------------------

    def note(self, text: str, cause: Cause) -> None:
        """Write down what staff should know of the order; the order stays as it is, and its customer is not told."""
        self._write_down("note", text, cause)

    def note_saga(self, text: str, cause: Cause) -> None:
        """Write down what staff did about the order's saga."""
        self._write_down("saga", text, cause)

    def resolve_hold(self, note: str, cause: Cause) -> None:
        """Note that a person has dealt with what the order was put before one for; raises InvalidTransitionError.

        What ends by a decision of its own is ended by that alone.
        """
        reason = self.hold_reason
        if reason is None or reason in DECIDED_ELSEWHERE:
            detail = DECIDED_ELSEWHERE[reason] if reason is not None else "Nobody needs to look at the order."
            raise InvalidTransitionError(detail, status_now=self.status, allowed=self.actions)
        if reason.startswith(DELIVERY):
            self.hold_reason = None
        else:
            self._end_hold()
        self.version += 1
        self.updated_at = cause.at
        self._write_down("note", f"Dealt with {reason.replace('_', ' ')}: {note}", cause)

    def _write_down(self, kind: str, text: str, cause: Cause) -> None:
        entry = HistoryEntry(
            history_id=new_id(),
            order_id=self.order_id,
            status=self.status,
            timestamp=cause.at,
            notes=text,
            actor=cause.actor,
            kind=kind,
        )
        self.new_history.append(entry)

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
        self.payment_action = None
        if self.hold_reason == IN_REVIEW:
            self.hold_reason = None
        self.deadline_at = None
        self.units = 0
        for shipment in self.shipments:
            if shipment.is_open:
                self._drop_label(shipment, cause)
                shipment.become(ShipmentState.CANCELLED)
                shipment.moving_to = shipment.move_id = shipment.move_deadline_at = None
        self._forget_requested(cause)
        self._leave_exchange(cause)
        self._record(cause, notes or f"Cancelled: {reason.replace('_', ' ')}")
        return OrderCancelled(order_id=self.order_id, user_id=self.user_id, reason=reason, total_amount=self.total)

    def cancel_if_open(self, reason: CancelReason, cause: Cause, notes: str = "") -> OrderCancelled | None:
        """Cancel an order that is still waiting; one that was decided meanwhile stays as it is."""
        return self.cancel(reason, cause, notes) if self.order_state == OrderState.PENDING else None

    def cancel_exchange(self, reason: CancelReason, cause: Cause, notes: str) -> OrderCancelled | None:
        """Cancel an order that waits for what it is exchanged for; one that ended meanwhile stays as it is."""
        return self.cancel(reason, cause, notes) if self.awaits_return else None

    def expire(self, until: datetime, cause: Cause) -> OrderCancelled | None:
        """Cancel an order that is still waiting, unless it may wait for longer than `until`: a review has begun, say."""
        if self.deadline_at is not None and self.deadline_at > until:
            return None
        return self.cancel_if_open(CancelReason.DEADLINE, cause, "Not confirmed in time")

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

    def note_captured(self, shipment_id: UUID, captured: Money, cause: Cause) -> None:
        """Note that a parcel is paid, and how much was taken so far; an older, smaller figure changes nothing more."""
        given_up = [one for one in self.shipments if one.shipment_id == shipment_id and one.untaken_amount]
        for one in given_up:
            one.untaken_amount = 0
        if captured.amount <= self.captured_amount and not given_up:
            return
        self.captured_amount = max(captured.amount, self.captured_amount)
        full = self.captured_amount == self.total_amount
        taken = PaymentState.CAPTURED if full else PaymentState.PARTIALLY_CAPTURED
        self._money_is(PaymentState.PARTIALLY_REFUNDED if self.refunded_amount else taken)
        if given_up and self.hold_reason == UNPAID and self.payment_state != PaymentState.CAPTURE_FAILED:
            self._end_hold()
        self._record(cause, f"Payment captured: {self.captured_amount} {captured.currency} so far")

    def note_capture_failed(self, shipment_id: UUID, untaken: Money, cause: Cause) -> None:
        """Note that money due for a parcel could not be taken: a person must act."""
        for one in self.shipments:
            if one.shipment_id == shipment_id:
                one.untaken_amount = untaken.amount
        self.payment_state = PaymentState.CAPTURE_FAILED
        self.hold_reason = UNPAID
        self._record(cause, f"Payment could not be captured: {untaken.amount} {untaken.currency}")

    def lose_hold(self, code: str, amount: Money, cause: Cause) -> OrderCancelled | None:
        """Cancel an order whose money is held no longer; one of which a part has left is put before a person."""
        if self.order_state == OrderState.CANCELLED:
            return None
        notes = f"Payment cannot be held any longer: {code.replace('_', ' ')}"
        if not self.shipped_units:
            return self.cancel(CancelReason.PAYMENT_DECLINED, cause, notes)
        self._hold_for(HOLD_EXPIRED)
        self._record(cause, f"{notes}, {amount.amount} {amount.currency} not taken")
        return None

    def note_dispute(self, amount: Money, code: str, cause: Cause) -> None:
        """Put the order before a person whose customer's bank takes money back."""
        self.hold_reason = DISPUTED
        self._record(cause, f"Payment disputed: {amount.amount} {amount.currency}, {code.replace('_', ' ')}")

    def note_dispute_closed(self, cause: Cause, *, won: bool, others_open: bool = False) -> None:
        """Note how a dispute ended; nobody needs to look for its sake any more, unless another one is open."""
        if self.hold_reason == DISPUTED and not others_open:
            self._end_hold()
        self._record(cause, "Dispute won: the money stays" if won else "Dispute lost: the money is gone")

    def note_incident(self, kind: str, amount: Money, cause: Cause) -> None:
        """Put the order before a person whose money came otherwise than it should."""
        self._hold_for(f"{INCIDENT}{kind}")
        self._record(cause, f"Payment: {kind.replace('_', ' ')}, {amount.amount} {amount.currency}")

    def note_incident_resolved(self, kind: str, cause: Cause, *, others_open: bool) -> None:
        """Note that a person has dealt with an incident; when none is open nobody needs to look for the sake of one."""
        reason = self.hold_reason or ""
        if not others_open and (reason == UNPAID or reason.startswith(INCIDENT)):
            self._end_hold()
        self._record(cause, f"Payment: {kind.replace('_', ' ')}, dealt with")
